// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

// A rule that errs by itself: a quotient by zero, a name that means nothing here, a state that is
// none. No value that it looks at is to blame, so no other alarm would say that it judges nothing;
// "cannot verify" of the rule's sensor says it.
extension AlarmEngine {
    /// Rules that look at what their own errors raise are followed this far at one record.
    static let errorRoundsMax = 4

    /// Whether a rule that makes an alarm of sensor `index` errs, by itself or not.
    func hasError(_ index: Int) -> Bool {
        self.conditions.range(of: index).contains {
            self.conditions.memories[$0].result == .error && !self.conditions.bounds[$0].isPassive
        }
    }

    /// Whether a rule that makes an alarm of sensor `index` errs by itself.
    func hasOwnError(_ index: Int) -> Bool { self.ownError(of: index) != nil }

    /// The first such rule; nil if there is none.
    func ownError(of index: Int) -> Int? {
        self.conditions.range(of: index).first {
            guard case .error = self.conditions.memories[$0].result else { return false }
            return !self.conditions.bounds[$0].isPassive && !self.isErrorExplained($0)
        }
    }

    /// Whether something that the condition looks at says by an alarm of its own that it is unknown.
    private func isErrorExplained(_ bound: Int) -> Bool {
        let condition = self.conditions.bounds[bound]
        let first = Int(condition.firstOperand)
        for place in first..<first + Int(condition.operandCount)
        where self.explainsError(self.conditions.operands[place]) { return true }
        switch condition.evaluator {
        // They look at nothing but their operands.
        case .vote, .discrepancy, .expression, .sourceSequence: return false
        case .broken: return false
        case .drift(let number)
        where condition.operandCount > 0 && self.conditions.drifts[Int(number)].drift.isFinite:
            // It is judged at readings of its own sensor: what its reference was at the last of
            // them stands until the next one.
            return true
        case .rateOfChange, .flatLine, .window, .drift, .clockDrift, .sequence, .deviation,
            .offNormal, .badQuality, .clockSkew:
            return self.sample(of: condition.sensor).doubt != nil
        }
    }

    private func explainsError(_ operand: BoundOperand) -> Bool {
        guard operand.sensor != ConditionTable.none else { return false }
        switch operand.kind {
        case .sensor, .alarm: return self.sample(of: operand.sensor) == .error
        case .rule:
            guard let bound = self.conditions.bound(of: operand.number, on: operand.sensor),
                !self.conditions.bounds[bound].isPassive
            else { return false }
            return self.conditions.memories[bound].result == .error
        case .unknown: return false
        }
    }

    /// A rule of sensor `index` errs, or does so no more: "cannot verify" follows.
    mutating func followError(of index: Int, at time: MonotonicInstant) {
        guard let alarm = self.alarm(.unverifiable, of: index) else { return }
        let before = (result: self.alarms[alarm].result, isRaised: self.alarms[alarm].isRaised)
        self.settleError(alarm, of: index, at: time)
        guard
            before.result != self.alarms[alarm].result
                || before.isRaised != self.alarms[alarm].isRaised
        else { return }
        // The caller evaluates what is queued.
        self.conditions.queueDependents(of: index)
    }

    private mutating func settleError(_ alarm: Int, of index: Int, at time: MonotonicInstant) {
        let isErring = self.hasOwnError(index)
        switch self.sensors[index].freshness {
        case .fresh:
            self.settleUnverifiable(
                alarm, of: index, isMet: isErring || self.sensors[index].isUnknown, at: time)
        case .stale where !isErring: self.settleBlind(alarm, of: index, at: time)
        case .neverReceived, .unverified, .stale:
            if isErring {
                self.settleUnverifiable(alarm, of: index, isMet: true, at: time)
            } else if !self.alarms[alarm].isRaised {
                // One that was raised stays until a good reading.
                self.stopDelay(alarm)
            }
        }
    }

    /// Gives "cannot verify" of a sensor that speaks, or whose rule errs, its result, if it has
    /// another one.
    mutating func settleUnverifiable(
        _ alarm: Int, of index: Int, isMet: Bool, at time: MonotonicInstant
    ) {
        let row = self.alarms[alarm]
        let result: ConditionResult = isMet ? .met : .notMet
        // One that is met neither waits nor stands when silence took its place meanwhile.
        let isSettled = !row.isRaised && (!isMet || row.pending == .onDelay)
        guard row.result != result || !isSettled else { return }
        if isMet {
            self.speakForBlinded(alarm, of: index)
            self.nameOwnError(of: index, in: alarm)
        }
        self.settle(
            alarm, result, at: time, cause: isMet ? .notVerifiable : .verifiableAgain)
    }

    /// The rule that errs is the cause of "cannot verify", unless the value is to blame, or a cause
    /// that keeps the alarm back.
    private mutating func nameOwnError(of index: Int, in alarm: Int) {
        let known = self.knownDetail(of: alarm)
        guard known.map({ self.details[$0].design.isEmpty }) ?? true else { return }
        let bound = self.sensors[index].isUnknown ? nil : self.ownError(of: index)
        let row = bound.flatMap { self.alarmRow(of: $0) }.map { UInt32($0) } ?? AlarmRow.noDetail
        guard known != nil || row != AlarmRow.noDetail else { return }
        let detail = self.detail(of: alarm)
        self.details[detail].causeRow = row
    }
}
