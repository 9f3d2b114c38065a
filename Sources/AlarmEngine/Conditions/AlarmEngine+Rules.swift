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
        let (declaration, number) = self.rules.numberedDeclaration(for: self.names[index])
        let (effective, mode) = self.effective(declaration, at: self.names[index])
        var numbers: [UInt32] = []
        for bound in self.conditions.range(of: index)
        where !self.conditions.bounds[bound].isPassive {
            numbers.append(self.conditions.bounds[bound].rule)
        }
        var extra: [(rule: AlarmRule, suppressions: [SuppressionRule])] = []
        var namesWildcard = effective.suppressionsNameWildcard
        for rule in numbers {
            let compiled = self.conditions.set.rules[Int(rule)]
            let declaration = compiled.declaration
            var rule = AlarmRule(
                declaration.condition.kind, declaration.priority, declaration.handling)
            rule.onDelayNanoseconds = declaration.onDelayNanoseconds
            rule.offDelayNanoseconds = declaration.offDelayNanoseconds
            rule.name = self.nameNumber(declaration.name)
            var suppressions = declaration.handling.suppressions
            if suppressions.contains(where: \.hasWildcard) {
                namesWildcard = true
                let captures = compiled.captures(self.names[index]) ?? []
                suppressions = suppressions.map { $0.filled(with: captures) }
            }
            extra.append((rule, suppressions))
        }
        return self.ruleTable.run(
            of: effective, number: number, mode: mode, rules: numbers,
            filling: namesWildcard ? self.names[index] : "", extra: { extra })
    }

    /// Number of a name, given once.
    mutating func nameNumber(_ name: String) -> UInt32 {
        if let known = self.alarmNames.firstIndex(of: name) { return UInt32(known) }
        self.alarmNames.append(name)
        return UInt32(self.alarmNames.count - 1)
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

    /// Evaluates every condition that looks at others: the rules have changed.
    mutating func evaluateComposites(at time: MonotonicInstant) {
        for bound in 0..<self.conditions.bounds.count
        where self.conditions.bounds[bound].evaluator.isComposite {
            self.conditions.push(bound)
        }
        self.drainRules(at: time)
    }

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
            switch evaluator {
            case .offNormal, .badQuality, .deviation:
                let result = self.judge(bound, sample, offset: nil, at: time)
                self.settle(bound: bound, result, at: time)
            // They take readings, and one of these is not there.
            case .rateOfChange, .flatLine, .window, .drift, .clockDrift, .clockSkew, .sequence,
                .vote, .discrepancy, .expression, .broken:
                break
            }
        }
        self.followRules(of: index, at: time)
    }

    /// Evaluates what looks at sensor `index` or at its alarms, and what looks at that, in the order
    /// in which they depend on each other.
    mutating func followRules(of index: Int, at time: MonotonicInstant) {
        guard !self.conditions.isEmpty else { return }
        self.conditions.queueDependents(of: index)
        self.drainRules(at: time)
    }

    private mutating func drainRules(at time: MonotonicInstant) {
        while let bound = self.conditions.pop() {
            let before = self.conditions.memories[bound].result
            let wasRaised = self.isRaised(bound: bound)
            let result = self.judgeComposite(bound)
            self.settle(bound: bound, result, at: time)
            guard result != before || self.isRaised(bound: bound) != wasRaised else { continue }
            self.conditions.queueDependents(of: Int(self.conditions.bounds[bound].sensor))
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
    private func clockOffset(of slot: Slot) -> Int64? {
        let wall = self.wall(of: slot.arrival).nanoseconds
        guard slot.sourceTime != Slot.noSourceTime, wall != 0 else { return nil }
        let (offset, isOver) = wall.subtractingReportingOverflow(slot.sourceTime)
        return isOver ? nil : offset
    }

    /// A condition that looks at its own sensor's reading.
    private mutating func judge(
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
        case .rateOfChange, .flatLine, .window, .drift, .sequence, .deviation, .vote,
            .discrepancy, .offNormal, .expression, .broken:
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
        case .badQuality, .clockSkew, .clockDrift, .vote, .discrepancy, .expression, .broken:
            result = .error
        }
        self.conditions.memories[bound].measured = measured
        return result
    }

    /// A condition that looks at other sensors or conditions.
    private mutating func judgeComposite(_ bound: Int) -> ConditionResult {
        let condition = self.conditions.bounds[bound]
        let isActive = self.conditions.memories[bound].isActive
        switch condition.evaluator {
        case .deviation(let deviation, _, _):
            let own = self.sample(of: condition.sensor)
            let reference = self.sample(
                of: self.conditions.operands[Int(condition.firstOperand)].sensor)
            if case .known(let value) = own, case .known(let base) = reference {
                self.conditions.memories[bound].measured = value - base
            }
            return deviation.judge(own, reference: reference, isActive: isActive)
        case .vote(let vote):
            return vote.judge(self.members(of: condition).samples, isActive: isActive)
        case .discrepancy(let discrepancy):
            let members = self.members(of: condition)
            let verdict = discrepancy.judge(members.samples, isActive: isActive)
            self.conditions.memories[bound].measured = verdict.distance
            self.conditions.memories[bound].oddOne =
                verdict.oddOne < 0
                ? ConditionTable.none : members.sensors[verdict.oddOne]
            return verdict.result
        case .expression(let first, let count):
            return ExpressionMachine.run(
                self.conditions.steps, Int(first)..<Int(first) + Int(count),
                inputs: self.inputs(of: condition))
        case .rateOfChange, .flatLine, .window, .drift, .clockDrift, .sequence, .offNormal,
            .badQuality, .clockSkew, .broken:
            return .error
        }
    }

    private func members(of condition: BoundCondition) -> (
        samples: MemberSamples, sensors: [8 of UInt32]
    ) {
        var samples = MemberSamples()
        var sensors: [8 of UInt32] = .init(repeating: ConditionTable.none)
        for place in 0..<min(Int(condition.operandCount), MemberSamples.countMax) {
            let operand = self.conditions.operands[Int(condition.firstOperand) + place]
            samples.append(operand.kind == .unknown ? .error : self.sample(of: operand.sensor))
            sensors[place] = operand.sensor
        }
        return (samples, sensors)
    }

    private func inputs(of condition: BoundCondition) -> ExpressionInputs {
        var inputs = ExpressionInputs()
        for place in 0..<Int(condition.operandCount) {
            inputs[place] = self.input(
                self.conditions.operands[Int(condition.firstOperand) + place])
        }
        return inputs
    }

    private func input(_ operand: BoundOperand) -> ExpressionInput {
        var input = ExpressionInput()
        guard operand.kind != .unknown else {
            input.sample = .error
            input.result = .error
            return input
        }
        guard operand.sensor != ConditionTable.none else { return input }
        switch operand.kind {
        case .sensor:
            let sensor = self.sensors[Int(operand.sensor)]
            input.sample = self.sample(of: operand.sensor)
            input.isFresh = sensor.freshness == .fresh
            input.quality = sensor.quality
        case .alarm:
            guard let kind = AlarmKind(rawValue: UInt8(truncatingIfNeeded: operand.number)),
                let alarm = self.alarm(kind, of: Int(operand.sensor))
            else {
                input.result = .error
                return input
            }
            input.result = self.alarms[alarm].result
            input.isRaised = self.alarms[alarm].isRaised
        case .rule:
            guard let bound = self.conditions.bound(of: operand.number, on: operand.sensor) else {
                input.result = .error
                return input
            }
            input.result = self.conditions.memories[bound].result
            input.isRaised = self.isRaised(bound: bound)
        case .unknown: break
        }
        return input
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

    private func isRaised(bound: Int) -> Bool {
        self.alarmRow(of: bound).map { self.alarms[$0].isRaised } ?? false
    }

    /// Remembers the result of a condition and gives it to its alarm.
    private mutating func settle(
        bound: Int, _ result: ConditionResult, at time: MonotonicInstant
    ) {
        let wasActive = self.conditions.memories[bound].isActive
        self.conditions.memories[bound].result = result
        if !result.isUnknown { self.conditions.memories[bound].isActive = result == .met }
        guard let alarm = self.alarmRow(of: bound) else {
            if result == .met, !wasActive { self.conditions.memories[bound].wouldAlarmCount &+= 1 }
            return
        }
        if result == .notMet, self.alarms[alarm].result == .notMet,
            self.alarms[alarm].pending == .none, !self.alarms[alarm].isRaised
        {
            return
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
