// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

// Why an alarm is raised, or why it is not: whole sentences of what the tables hold.
extension AlarmEngine {
    func explainAlarm(_ alarm: Int, bound: Int?, at now: MonotonicInstant) -> ExplainedAlarm {
        let row = self.alarms[alarm]
        let index = Int(row.sensor)
        var explained = ExplainedAlarm(
            alarmID: self.alarmID(of: alarm), kind: self.rule(of: alarm).kind.word,
            priority: self.priority(of: alarm))
        explained.state = row.machine.state
        explained.result = row.result
        explained.rule = self.ruleText(of: alarm, bound: bound)
        explained.inputs = [self.explainInput(index, at: now)]
        if let bound {
            let measured = self.conditions.memories[bound].measured
            explained.measured = measured.isFinite ? measured : nil
            explained.inputs += self.operandInputs(of: bound, at: now)
        }
        explained.timers = self.alarmTimers(alarm, at: now)
        explained.suppressions = self.explainSuppressions(of: alarm, at: now)
        if let number = self.knownDetail(of: alarm), self.details[number].activationCount > 0 {
            self.explainPast(alarm, self.details[number], in: &explained)
        }
        explained.answer = self.answer(alarm, bound: bound, explained, at: now)
        return explained
    }

    /// A rule on trial.
    func explainTrial(_ bound: Int, at now: MonotonicInstant) -> ExplainedAlarm {
        let condition = self.conditions.bounds[bound]
        let memory = self.conditions.memories[bound]
        let rule = self.conditions.set.rules[Int(condition.rule)].declaration
        var explained = ExplainedAlarm(
            alarmID: "\(self.names[Int(condition.sensor)]):\(rule.name)",
            kind: rule.condition.kind.word, priority: rule.priority)
        explained.isPassive = true
        explained.result = memory.result
        explained.rule = self.conditionText(of: bound)
        explained.measured = memory.measured.isFinite ? memory.measured : nil
        explained.wouldAlarmCount = memory.wouldAlarmCount
        explained.inputs =
            [self.explainInput(Int(condition.sensor), at: now)]
            + self.operandInputs(of: bound, at: now)
        explained.answer =
            "Never raised: the rule is on trial. \(self.resultText(explained)) "
            + "It would have alarmed \(memory.wouldAlarmCount) times."
        return explained
    }

    private func explainPast(
        _ alarm: Int, _ detail: AlarmDetail, in explained: inout ExplainedAlarm
    ) {
        func wall(_ nanoseconds: Int64) -> WallInstant? {
            nanoseconds == 0 ? nil : WallInstant(nanoseconds: nanoseconds)
        }
        explained.activation = detail.activation == .none ? "" : detail.activation.description
        explained.activationCount = UInt64(detail.activationCount)
        explained.annunciationCount = UInt64(detail.annunciationCount)
        explained.raisedAt = wall(detail.raisedWall)
        explained.acknowledgedAt = wall(detail.acknowledgedWall)
        explained.returnedAt = wall(detail.returnedWall)
        explained.lastTransitionAt = wall(detail.lastTransitionWall)
        if detail.heldSince != .zero { explained.heldSince = wall(detail.heldSinceWall) }
        switch self.rule(of: alarm).kind {
        case .lowLow, .low, .high, .highHigh:
            let sensor = self.sensors[Int(self.alarms[alarm].sensor)]
            let trigger = Self.value(of: detail.triggerBits, sensor.valueKind)
            explained.triggerValue = trigger.isFinite ? trigger : nil
            explained.worstValue = detail.worst.isFinite ? detail.worst : nil
        case .rateOfChange, .deviation, .discrepancy, .clockSkew, .clockDrift, .sequence, .window,
            .drift:
            // What it measured, as `measured` says what it measures now.
            let trigger = Double(bitPattern: detail.triggerBits)
            explained.triggerValue = trigger.isFinite ? trigger : nil
            explained.worstValue = detail.worst.isFinite ? detail.worst : nil
        case .stale, .unverifiable, .flatLine, .vote, .offNormal, .badQuality, .expression: break
        }
    }

    private static func value(of bits: UInt64, _ kind: ValueKind) -> Double {
        switch kind {
        case .float64: Double(bitPattern: bits)
        case .int64, .mappedState: Double(Int64(bitPattern: bits))
        case .bool: bits == 0 ? 0 : 1
        }
    }

    // MARK: - Answer

    private func answer(
        _ alarm: Int, bound: Int?, _ explained: ExplainedAlarm, at now: MonotonicInstant
    ) -> String {
        let row = self.alarms[alarm]
        let detail = self.knownDetail(of: alarm).map { self.details[$0] }
        let because = self.because(alarm, explained, at: now)
        var sentences: [String] = []
        switch row.machine.state {
        case .unacknowledged, .acknowledged:
            let since = detail.map { Self.moment($0.raisedWall) } ?? "?"
            sentences.append("Raised since \(since): \(because).")
            if let trigger = explained.triggerValue {
                sentences.append(
                    bound == nil
                        ? "\(Self.number(trigger)) raised it."
                        : "It measured \(Self.number(trigger)) when that began, "
                            + "\(Self.number(explained.worstValue ?? trigger)) at worst.")
            }
            if let detail, !row.machine.suppression.isEmpty {
                let words = row.machine.suppression.words.joined(separator: ", ")
                sentences.append(
                    detail.isAnnunciated
                        ? "People were told before it was kept back: \(words)."
                        : "Nobody was told: \(words).")
            } else if case .unacknowledged = row.machine.state {
                sentences.append("It waits for an acknowledgement.")
            }
        case .returnedUnacknowledged:
            sentences.append("Over, and waits for an acknowledgement: \(because).")
        case .latchedUnacknowledged:
            sentences.append(
                "Over but latched; it waits for an acknowledgement, then a reset: \(because).")
        case .latchedAcknowledged:
            sentences.append("Over but latched; it waits for a reset: \(because).")
        case .normal:
            let isPending = row.pending == .onDelay
            sentences.append("Not raised\(isPending ? " yet" : ""): \(because).")
            if explained.suppressions.contains(where: \.isInForce) {
                sentences.append("If it were raised, nobody would be told at first.")
            }
        }
        return sentences.joined(separator: " ")
    }

    /// What the condition says now.
    private func because(
        _ alarm: Int, _ explained: ExplainedAlarm, at now: MonotonicInstant
    ) -> String {
        let row = self.alarms[alarm]
        let rule = self.rule(of: alarm)
        if let detail = self.knownDetail(of: alarm).map({ self.details[$0] }) {
            let rest = Self.span(detail.pendingDue.nanosecondsSince(now))
            switch row.pending {
            case .onDelay: return "the condition is met, and its on-delay runs for another \(rest)"
            case .offDelay:
                return "the condition is over, and its off-delay runs for another \(rest)"
            case .none: break
            }
        }
        switch rule.kind {
        case .stale: return self.becauseStale(Int(row.sensor), row, at: now)
        case .unverifiable: return self.becauseUnverifiable(Int(row.sensor), row)
        case .lowLow, .low, .high, .highHigh:
            if row.result.isUnknown { return self.becauseUnknown(Int(row.sensor), explained) }
            return self.becauseOfLimit(rule, row)
        case .rateOfChange, .flatLine, .deviation, .vote, .discrepancy, .offNormal, .badQuality,
            .clockSkew, .clockDrift, .sequence, .window, .drift, .expression:
            if row.result.isUnknown { return self.becauseUnknown(Int(row.sensor), explained) }
            let measured = explained.measured.map { ", measured \(Self.number($0))" } ?? ""
            return "the condition is \(row.result == .met ? "met" : "not met")\(measured)"
        }
    }

    private func becauseOfLimit(_ rule: AlarmRule, _ row: AlarmRow) -> String {
        let index = Int(row.sensor)
        let unit = self.rules.declaration(for: self.names[index]).unit
        let value = self.value(of: index)
        let isHigh = rule.kind == .high || rule.kind == .highHigh
        let isBeyond = isHigh ? value >= rule.setpoint : value <= rule.setpoint
        let text = Self.quantity(value, unit)
        let limit = Self.quantity(rule.setpoint, unit)
        let distance = Self.quantity(abs(value - rule.setpoint), unit)
        if row.result == .met {
            if isBeyond { return "\(text) is \(isHigh ? "at or above" : "at or below") \(limit)" }
            return "\(text) is back within \(limit), but not by the deadband of "
                + Self.quantity(rule.deadband, unit)
        }
        if isBeyond { return "a more severe limit speaks for it (exclusive limits)" }
        return "\(text) is \(isHigh ? "below" : "above") \(limit), by \(distance)"
    }

    private func becauseStale(_ index: Int, _ row: AlarmRow, at now: MonotonicInstant) -> String {
        let sensor = self.sensors[index]
        let age =
            sensor.lastArrival == .zero
            ? "no live reading was ever received"
            : "the last live reading is \(Self.span(now.nanosecondsSince(sensor.lastArrival))) old"
        let deadline = Self.span(sensor.silenceNanoseconds)
        switch sensor.freshness {
        case .stale:
            return self.lossOfSource(of: sensor) == nil
                ? "\(age), the deadline is \(deadline)" : "\(age), and its source is lost"
        case .fresh, .unverified, .neverReceived:
            if sensor.supervision == .event {
                return "silence of an event sensor is no alarm; \(age)"
            }
            let left = self.extendedDeadline(of: sensor).nanosecondsSince(now)
            return "\(age), and \(Self.span(left)) of its deadline are left"
        }
    }

    private func becauseUnverifiable(_ index: Int, _ row: AlarmRow) -> String {
        let sensor = self.sensors[index]
        if !sensor.isUnknown, let bound = self.ownError(of: index) {
            let number = Int(self.conditions.bounds[bound].rule)
            return "the rule \(self.conditions.set.rules[number].declaration.name) errs: with what "
                + "is known it has no result"
        }
        if sensor.freshness == .stale {
            return row.isRaised
                ? "the sensor is stale, and blinds an alarm that is more urgent than its stale alarm"
                : "the sensor is stale, and its stale alarm says so"
        }
        if sensor.lastArrival == .zero { return "there is no value yet that could be judged" }
        return sensor.isUnknown
            ? "the last value is not finite, of bad quality or out of the instrument's range"
            : "the last value can be used"
    }

    /// Why nothing is known of a condition.
    private func becauseUnknown(_ index: Int, _ explained: ExplainedAlarm) -> String {
        let held = explained.heldSince.map { "held since \(Self.moment($0.nanoseconds)), " } ?? ""
        let doubtful = explained.inputs.filter { input in
            !input.isLive || input.result.map { $0.isUnknown } ?? false
        }
        guard !doubtful.isEmpty else {
            if case .error = explained.result {
                return "\(held)the condition errs: with what is known it has no result"
            }
            return "\(held)nothing is known of the condition: too little was measured yet"
        }
        let words = doubtful.map { input in
            if let result = input.result, result.isUnknown { return "\(input.name) is unknown" }
            return "\(input.name) is \(input.freshness.word)"
                + (input.freshness == .fresh ? " but cannot be used" : "")
        }
        return "\(held)nothing is known of the condition: \(words.joined(separator: ", "))"
    }

    private func resultText(_ explained: ExplainedAlarm) -> String {
        let measured = explained.measured.map { ", measured \(Self.number($0))" } ?? ""
        switch explained.result {
        case .met: return "Its condition is met\(measured)."
        case .notMet: return "Its condition is not met\(measured)."
        case .stale, .error: return "Nothing is known of its condition."
        }
    }
}
