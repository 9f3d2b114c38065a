// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

// Conditions that look at other sensors or conditions.
extension AlarmEngine {
    /// Evaluates every condition that looks at others: the rules have changed.
    mutating func evaluateComposites(at time: MonotonicInstant) {
        for bound in 0..<self.conditions.bounds.count
        where self.conditions.bounds[bound].evaluator.isComposite {
            self.conditions.push(bound)
        }
        // A rule that erred may be another one now, or none.
        for index in 0..<self.sensors.count where !self.conditions.range(of: index).isEmpty {
            self.erring.append(UInt32(index))
        }
        self.drainRules(at: time)
    }

    /// Evaluates what looks at sensor `index` or at its alarms, and what looks at that, in the order
    /// in which they depend on each other.
    mutating func followRules(of index: Int, at time: MonotonicInstant) {
        guard !self.conditions.isEmpty else { return }
        self.conditions.queueDependents(of: index)
        self.drainRules(at: time)
    }

    /// Evaluates what is queued, then says which sensors have rules that err, or do so no more.
    mutating func drainRules(at time: MonotonicInstant, _ weight: ResultWeight = .full) {
        self.drainQueue(at: time, weight)
        guard !self.erring.isEmpty else { return }
        // A rule may look at "cannot verify" of the sensor that it makes unverifiable: without a bound
        // it would go round for ever.
        var rounds = 0
        while !self.erring.isEmpty, rounds < Self.errorRoundsMax {
            rounds += 1
            let count = self.erring.count
            for place in 0..<count { self.followError(of: Int(self.erring[place]), at: time) }
            self.erring.removeFirst(count)
            self.drainQueue(at: time, weight)
        }
        self.erring.removeAll(keepingCapacity: true)
    }

    private mutating func drainQueue(at time: MonotonicInstant, _ weight: ResultWeight) {
        while let bound = self.conditions.pop() {
            let before = self.conditions.memories[bound].result
            let wasRaised = self.isRaised(bound: bound)
            let result = self.judgeComposite(bound, at: time)
            self.settle(bound: bound, result, at: time, weight)
            self.armCondition(bound)
            guard
                self.conditions.memories[bound].result != before
                    || self.isRaised(bound: bound) != wasRaised
            else { continue }
            self.conditions.queueDependents(of: Int(self.conditions.bounds[bound].sensor))
        }
    }

    /// The result of a condition that looks at others.
    mutating func judgeComposite(_ bound: Int, at time: MonotonicInstant) -> ConditionResult {
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
        case .sourceSequence(let number):
            return self.judgeNumbers(number, of: bound, at: time)
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
            input.isMissing = true
            return input
        }
        guard operand.sensor != ConditionTable.none else { return input }
        switch operand.kind {
        case .sensor:
            let sensor = self.sensors[Int(operand.sensor)]
            input.sample = self.sample(of: operand.sensor)
            switch sensor.freshness {
            case .fresh: input.isFresh = true
            case .neverReceived, .unverified: input.isUnverified = true
            case .stale: break
            }
            input.quality = sensor.quality
        case .alarm:
            guard let kind = AlarmKind(rawValue: UInt8(truncatingIfNeeded: operand.number)),
                let alarm = self.alarm(kind, of: Int(operand.sensor))
            else {
                self.missAlarm(operand, in: &input)
                return input
            }
            input.result = self.result(of: alarm, kind, sensor: Int(operand.sensor))
            input.isRaised = self.alarms[alarm].isRaised
        case .rule:
            guard let bound = self.conditions.bound(of: operand.number, on: operand.sensor) else {
                input.result = .error
                input.isMissing = true
                return input
            }
            input.result = self.conditions.memories[bound].result
            input.isRaised = self.isRaised(bound: bound)
        case .unknown: break
        }
        return input
    }

    /// The result of an alarm that every sensor of a kind has, as others see it: a limit on a value
    /// that is not verified is unknown, whatever the last comparison said.
    private func result(of alarm: Int, _ kind: AlarmKind, sensor: Int) -> ConditionResult {
        switch kind {
        case .lowLow, .low, .high, .highHigh:
            guard case .fresh = self.sensors[sensor].freshness else { return .stale }
        case .stale, .unverifiable, .rateOfChange, .flatLine, .deviation, .vote, .discrepancy,
            .offNormal, .badQuality, .clockSkew, .clockDrift, .sequence, .window, .drift,
            .expression:
            break
        }
        // Never judged yet: unknown, which is no error.
        let result = self.alarms[alarm].result
        return result == .error && (kind == .stale || kind == .unverifiable) ? .stale : result
    }

    /// An operand names an alarm that its sensor does not have: a limit of another mode is not met,
    /// of anything else nothing is known.
    private func missAlarm(_ operand: BoundOperand, in input: inout ExpressionInput) {
        let declaration = self.rules.declaration(for: self.names[Int(operand.sensor)])
        if declaration.limitKinds.contains(where: { UInt32($0.rawValue) == operand.number }) {
            input.result = .notMet
        } else {
            input.result = .error
            input.isMissing = true
        }
    }
}
