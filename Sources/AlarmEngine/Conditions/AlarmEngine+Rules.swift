// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

extension AlarmEngine {
    /// Binds the sensor that was registered last to the rules that it fits.
    mutating func bindRules(of index: Int) {
        let indexes = self.names
        let path = self.names[index]
        self.conditions.bind(
            path: path, self.rules.declaration(for: path),
            isAreaSensor: self.rules.isAreaSensor(path), indexes: { indexes.index(of: $0) })
    }

    /// Binds all sensors to the rules in force; conditions that stay the same remember all.
    mutating func rebindRules() {
        guard self.rules.hasConditions else {
            self.conditions = ConditionTable(self.rules.ruleSet, sensorCount: self.sensors.count)
            return
        }
        var table = ConditionTable(self.rules.ruleSet)
        let indexes = self.names
        for index in 0..<self.sensors.count {
            let path = self.names[index]
            table.bind(
                path: path, self.rules.declaration(for: path),
                isAreaSensor: self.rules.isAreaSensor(path), indexes: { indexes.index(of: $0) })
        }
        table.adopt(self.conditions)
        self.conditions = table
    }

    /// The rules of the alarms of sensor `index`: those of its declaration, then those that rules
    /// make, in their order.
    mutating func ruleRun(of index: Int) -> RuleTable.Run {
        let number = self.rules.number(for: self.names[index])
        let hasConditions = !self.conditions.range(of: index).isEmpty
        if !hasConditions, let run = self.ruleTable.plainRuns[number] { return run }
        let declaration = self.rules.declaration(for: self.names[index])
        let (effective, mode) = self.effective(declaration, at: self.names[index])
        var numbers: [UInt32] = []
        for bound in self.conditions.range(of: index)
        where !self.conditions.bounds[bound].isPassive {
            numbers.append(self.conditions.bounds[bound].rule)
        }
        // A suppression rule with a wildcard means another sensor for each sensor that has it.
        let namesWildcard =
            effective.suppressionsNameWildcard
            || numbers.contains { number in
                self.conditions.set.rules[Int(number)].declaration.handling.suppressions
                    .contains(where: \.hasWildcard)
            }
        let filling = namesWildcard ? self.names[index] : ""
        // Only of rules that come together for the first time.
        var extra: [(rule: AlarmRule, suppressions: [SuppressionRule])] = []
        if !self.ruleTable.knows(number: number, mode: mode, rules: numbers, filling: filling) {
            extra = numbers.map { self.alarmRule(of: $0, for: index) }
        }
        let run = self.ruleTable.run(
            of: effective, number: number, mode: mode, rules: numbers,
            filling: filling, extra: { extra })
        // A declaration of one path is asked for once.
        if !hasConditions, !namesWildcard, declaration.limitSets.isEmpty,
            number < 0 || declaration.isTemplate
        {
            self.ruleTable.plainRuns[number] = run
        }
        return run
    }

    /// The alarm that a rule makes of sensor `index`, and what suppresses it.
    private mutating func alarmRule(
        of number: UInt32, for index: Int
    ) -> (rule: AlarmRule, suppressions: [SuppressionRule]) {
        let compiled = self.conditions.set.rules[Int(number)]
        let declaration = compiled.declaration
        var rule = AlarmRule(
            declaration.condition.kind, declaration.priority, declaration.handling)
        rule.onDelayNanoseconds = declaration.onDelayNanoseconds
        rule.offDelayNanoseconds = declaration.offDelayNanoseconds
        rule.name = self.nameNumber(declaration.name)
        var suppressions = declaration.handling.suppressions
        if suppressions.contains(where: \.hasWildcard) {
            let captures = compiled.captures(self.names[index]) ?? []
            suppressions = suppressions.map { $0.filled(with: captures) }
        }
        return (rule, suppressions)
    }

    /// Number of a name, given once.
    mutating func nameNumber(_ name: String) -> UInt32 {
        if let known = self.nameNumbers[name] { return known }
        self.alarmNames.append(name)
        let number = UInt32(self.alarmNames.count - 1)
        self.nameNumbers[name] = number
        return number
    }

    /// Name of a decision's alarm, as in its id.
    package func alarmName(of decision: Decision) -> String {
        decision.name == 0 ? decision.alarm.word : self.alarmNames[Int(decision.name)]
    }

    /// The alarm that a command is about; nil if the sensor has none of that name.
    func alarm(of command: OperatorCommand, sensor index: Int) -> Int? {
        guard !command.rule.isEmpty else { return self.alarm(command.alarm, of: index) }
        return self.alarm(ofRule: command.rule, on: index)
    }

    /// The alarm that a rule makes of a sensor; nil if it makes none.
    func alarm(ofRule name: String, on index: Int) -> Int? {
        self.conditions.range(of: index).first {
            let number = Int(self.conditions.bounds[$0].rule)
            return self.conditions.set.rules[number].declaration.name == name
        }.flatMap { self.alarmRow(of: $0) }
    }

    /// Says which rule a decision rests on, and what it measured.
    func describeRule(of alarm: Int, in decision: inout Decision) {
        decision.name = self.rule(of: alarm).name
        guard decision.name != 0 else { return }
        let sensor = Int(self.alarms[alarm].sensor)
        let name = self.alarmNames[Int(decision.name)]
        for bound in self.conditions.range(of: sensor)
        where self.conditions.set.rules[Int(self.conditions.bounds[bound].rule)].declaration.name
            == name
        {
            decision.measured = self.conditions.memories[bound].measured
            let odd = self.conditions.memories[bound].oddOne
            decision.oddOne = SensorIndex(rawValue: odd)
        }
    }

    // MARK: - Evaluation

    /// A live reading of sensor `index`: its conditions take it, those that look at it follow.
    mutating func evaluateRules(_ index: Int, _ slot: Slot, at time: MonotonicInstant) {
        if self.conditions.isAreaSensor(index) { self.followMode(index, at: time) }
        guard !self.conditions.isEmpty else { return }
        let sample = self.sample(of: UInt32(index))
        let offset = self.clockOffset(of: slot)
        for bound in self.conditions.range(of: index) {
            if self.conditions.bounds[bound].evaluator.isComposite {
                self.conditions.push(bound)
            } else {
                let result = self.judge(bound, sample, offset: offset, at: time)
                self.settle(bound: bound, result, at: time)
                self.armCondition(bound)
            }
        }
        self.followRules(of: index, at: time)
    }

    /// Sensor `index` is not fresh any more: its conditions are unknown, those that look at it
    /// follow.
    mutating func loseRules(_ index: Int, at time: MonotonicInstant) {
        guard !self.conditions.isEmpty else { return }
        for bound in self.conditions.range(of: index) {
            if self.conditions.bounds[bound].evaluator.isComposite {
                self.conditions.push(bound)
            } else {
                self.settle(bound: bound, .stale, at: time)
            }
        }
        self.followRules(of: index, at: time)
    }

    /// Sensor `index` counts as fresh again without a reading: what rests on its last value alone
    /// is judged again, and those that look at it follow.
    mutating func reviveRules(_ index: Int, at time: MonotonicInstant) {
        guard !self.conditions.isEmpty else { return }
        let sample = self.sample(of: UInt32(index))
        for bound in self.conditions.range(of: index) {
            let evaluator = self.conditions.bounds[bound].evaluator
            guard !evaluator.isComposite else {
                self.conditions.push(bound)
                continue
            }
            // The others take readings, and one of these is not there.
            guard evaluator.restsOnLastValue else {
                self.armCondition(bound)
                continue
            }
            let result = self.judge(bound, sample, offset: nil, at: time)
            self.settle(bound: bound, result, at: time)
        }
        self.followRules(of: index, at: time)
    }

    /// A reading that may raise and nothing else: conditions on its value alone are met or nothing.
    ///
    /// What counts or averages readings leaves it out.
    mutating func raiseRules(_ index: Int, _ slot: Slot, at time: MonotonicInstant) {
        guard !self.conditions.isEmpty else { return }
        let isFresh = self.sensors[index].freshness == .fresh
        let sample = self.sensors[index].isUnknown ? Sample.error : Sample(slot.number)
        let offset = self.clockOffset(of: slot)
        for bound in self.conditions.range(of: index) {
            let evaluator = self.conditions.bounds[bound].evaluator
            guard !evaluator.isComposite else {
                self.conditions.push(bound)
                continue
            }
            // A value that cannot be used makes less known, whatever it would have been compared with.
            guard evaluator.restsOnLastValue || evaluator.restsOnClock || sample.doubt != nil else {
                continue
            }
            let result = self.judge(bound, sample, offset: offset, at: time)
            // On a sensor that is not fresh all is unknown already.
            guard isFresh || result == .met else { continue }
            self.settle(bound: bound, result, at: time, .raising)
            // Met on a sensor that is not verified: raised without its on-delay.
            if !isFresh { self.settle(bound: bound, .stale, at: time) }
        }
        self.conditions.queueDependents(of: index)
        self.drainRules(at: time, .raising)
    }

    /// Sensor `index` is not verified for now: its conditions are unknown, those that look at it
    /// follow.
    ///
    /// Delays that would raise go on, as those of limits do.
    mutating func doubtRules(_ index: Int, at time: MonotonicInstant) {
        guard !self.conditions.isEmpty else { return }
        for bound in self.conditions.range(of: index) {
            if self.conditions.bounds[bound].evaluator.isComposite {
                self.conditions.push(bound)
            } else {
                self.settle(bound: bound, .stale, at: time, .doubting)
            }
        }
        self.conditions.queueDependents(of: index)
        self.drainRules(at: time, .doubting)
    }

    /// Judges what rests on the last value alone and was never judged: rules that are new.
    ///
    /// Conditions that count or average readings are unknown until they have theirs.
    mutating func judgeNewRules(at time: MonotonicInstant) {
        for bound in 0..<self.conditions.bounds.count {
            let condition = self.conditions.bounds[bound]
            guard condition.evaluator.restsOnLastValue,
                self.conditions.memories[bound].result.isUnknown,
                case .fresh = self.sensors[Int(condition.sensor)].freshness
            else { continue }
            let sample = self.sample(of: condition.sensor)
            let result = self.judge(bound, sample, offset: nil, at: time)
            self.settle(bound: bound, result, at: time)
        }
    }

    /// Whether the value of a reading can be used: finite, of some quality, within the range of its
    /// instrument.
    func isUsable(_ slot: Slot, of index: Int) -> Bool {
        let number = slot.number
        guard number.isFinite, self.conditions.holds(number, of: index) else {
            return false
        }
        if case .bad = slot.quality { return false }
        return true
    }

    /// What is known of a sensor now.
    func sample(of sensor: UInt32) -> Sample {
        guard sensor != ConditionTable.none else { return .stale }
        let state = self.sensors[Int(sensor)]
        switch state.freshness {
        case .neverReceived, .unverified, .stale: return .stale
        case .fresh: return state.isUnknown ? .error : Sample(self.value(of: Int(sensor)))
        }
    }

    /// Arrival less source time; nil if either clock says nothing.
    func clockOffset(of slot: Slot) -> Int64? {
        let wall = self.wall(of: slot.arrival).nanoseconds
        guard slot.sourceTime != Slot.noSourceTime, wall != 0 else { return nil }
        let (offset, isOver) = wall.subtractingReportingOverflow(slot.sourceTime)
        return isOver ? nil : offset
    }

    /// A condition that looks at its own sensor's reading.
    mutating func judge(
        _ bound: Int, _ sample: Sample, offset: Int64?, at time: MonotonicInstant
    ) -> ConditionResult {
        let condition = self.conditions.bounds[bound]
        let isActive = self.conditions.memories[bound].isActive
        // Clock and quality say something of a reading whose value cannot be used.
        switch condition.evaluator {
        case .badQuality(let test):
            return test.judge(
                self.sensors[Int(condition.sensor)].quality,
                isFresh: self.sensors[Int(condition.sensor)].freshness == .fresh)
        case .clockSkew(let skew):
            self.conditions.memories[bound].measured = offset.map { Double($0) / 1e9 } ?? .nan
            return skew.judge(offset, isActive: isActive)
        case .clockDrift(let number):
            let result = self.conditions.clockDrifts[Int(number)].judge(
                offset, at: time, isActive: isActive)
            self.conditions.memories[bound].measured =
                self.conditions.clockDrifts[Int(number)].partsPerMillion
            return result
        case .rateOfChange, .flatLine, .window, .drift, .sequence, .sourceSequence, .deviation,
            .vote, .discrepancy, .offNormal, .expression, .broken:
            break
        }
        if let doubt = sample.doubt { return doubt }
        guard case .known(let value) = sample else { return .error }
        return self.judge(bound, value, at: time)
    }

    /// The same, for a value that is known.
    private mutating func judge(_ bound: Int, _ value: Double, at time: MonotonicInstant)
        -> ConditionResult
    {
        let condition = self.conditions.bounds[bound]
        let isActive = self.conditions.memories[bound].isActive
        var measured = value
        let result: ConditionResult
        switch condition.evaluator {
        case .rateOfChange(let number):
            result = self.conditions.rates[Int(number)].judge(value, at: time, isActive: isActive)
            measured = self.conditions.rates[Int(number)].rate
        case .flatLine(let number):
            result = self.conditions.flatLines[Int(number)].judge(value, at: time)
        case .window(let number):
            self.conditions.windows[Int(number)].take(value, at: time)
            result = self.conditions.windows[Int(number)].judge(at: time, isActive: isActive)
            measured = self.conditions.windows[Int(number)].value
        case .drift(let number):
            let reference =
                condition.operandCount > 0
                ? self.sample(of: self.conditions.operands[Int(condition.firstOperand)].sensor)
                : Sample.stale
            result = self.conditions.drifts[Int(number)].judge(
                value, reference: reference, at: time, isActive: isActive)
            measured = self.conditions.drifts[Int(number)].drift
        case .sequence(let number):
            result = self.conditions.sequences[Int(number)].judge(value, at: time)
            measured = Double(self.conditions.sequences[Int(number)].faultCount)
        case .deviation(let deviation, let setpoint, _):
            result = deviation.judge(
                .known(value), reference: .known(setpoint), isActive: isActive)
            measured = value - setpoint
        case .offNormal(let test): result = test.judge(.known(value))
        case .badQuality, .clockSkew, .clockDrift, .sourceSequence, .vote, .discrepancy,
            .expression, .broken:
            result = .error
        }
        self.conditions.memories[bound].measured = measured
        return result
    }

    // MARK: - Alarms

    /// The alarm of a condition; nil for one on trial.
    func alarmRow(of bound: Int) -> Int? {
        let condition = self.conditions.bounds[bound]
        guard !condition.isPassive else { return nil }
        let sensor = Int(condition.sensor)
        // The alarms of rules stand at the end of the sensor's run.
        return self.alarmRange(of: sensor).upperBound - self.conditions.alarmCount(of: sensor)
            + Int(condition.alarmOffset)
    }

    /// The most urgent alarm of rules that rest on sensor `index`, its own and others'.
    func blindedPriority(of index: Int) -> AlarmPriority {
        var highest = AlarmPriority.low
        for bound in self.conditions.range(of: index)
        where !self.conditions.bounds[bound].isPassive {
            highest = max(highest, self.conditions.bounds[bound].priority)
        }
        var edge = self.conditions.firstEdge(of: index)
        while let (bound, next) = self.conditions.dependent(edge) {
            if !self.conditions.bounds[bound].isPassive {
                highest = max(highest, self.conditions.bounds[bound].priority)
            }
            edge = next
        }
        return highest
    }

    /// What the rule of an alarm measured, and which of two such numbers is the worse one; nil for an
    /// alarm of its kind, or if nothing was measured.
    func measured(of alarm: Int) -> (value: Double, worse: WorseSide)? {
        guard self.rule(of: alarm).name != 0, let bound = self.bound(of: alarm) else { return nil }
        let measured = self.conditions.memories[bound].measured
        guard measured.isFinite else { return nil }
        let rule = self.conditions.set.rules[Int(self.conditions.bounds[bound].rule)]
        guard case .window(_, let limit, _) = rule.declaration.condition else {
            return (measured, .away)
        }
        return (measured, limit.isHigh ? .above : .below)
    }

    func isRaised(bound: Int) -> Bool {
        self.alarmRow(of: bound).map { self.alarms[$0].isRaised } ?? false
    }

    /// Remembers the result of a condition and gives it to its alarm.
    mutating func settle(
        bound: Int, _ result: ConditionResult, at time: MonotonicInstant,
        _ weight: ResultWeight = .full
    ) {
        if case .raising = weight, case .notMet = result { return }
        let wasActive = self.conditions.memories[bound].isActive
        let before = self.conditions.memories[bound].result
        self.conditions.memories[bound].result = result
        if !result.isUnknown { self.conditions.memories[bound].isActive = result == .met }
        guard let alarm = self.alarmRow(of: bound) else {
            if result == .met, !wasActive { self.conditions.memories[bound].wouldAlarmCount &+= 1 }
            return
        }
        self.settle(alarm, of: bound, result, at: time, weight)
        guard before == .error || result == .error else { return }
        self.erring.append(self.conditions.bounds[bound].sensor)
        // Each reading asks anew what its error makes of "cannot verify".
        self.sensors[Int(self.conditions.bounds[bound].sensor)].quiet = .none
    }

    private mutating func settle(
        _ alarm: Int, of bound: Int, _ result: ConditionResult, at time: MonotonicInstant,
        _ weight: ResultWeight
    ) {
        if result == .notMet, self.alarms[alarm].result == .notMet,
            self.alarms[alarm].pending == .none, !self.alarms[alarm].isRaised
        {
            return
        }
        // Limits know nothing of rules: what was at rest of them stays so.
        let host = Int(self.alarms[alarm].sensor)
        let quiet = self.sensors[host].quiet
        defer { self.sensors[host].quiet = quiet }
        if case .doubting = weight, result.isUnknown {
            return self.doubt(alarm, result, at: time)
        }
        let cause: Decision.Cause =
            switch result {
            case .met: .conditionMet
            case .notMet: .conditionNotMet
            case .stale, .error: .lostWhileBeyondLimit
            }
        self.settle(alarm, result, at: time, cause: cause)
    }
}

/// Where the worse values lie of what a rule measures.
enum WorseSide {
    case above, below
    /// Further from zero: of distances, rates, offsets, counts.
    case away
}

/// What a result may do to its alarm.
enum ResultWeight {
    /// Everything.
    case full
    /// It rests on a reading that may raise and clears nothing.
    case raising
    /// Its input is not verified for now, which is neither silent nor bad: an on-delay goes on.
    case doubting
}
