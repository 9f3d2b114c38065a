// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

extension AlarmEngine {
    /// Takes the outcome of one comparison: starts and stops delays, raises and clears.
    ///
    /// | result | raised                     | not raised                                      |
    /// |--------|----------------------------|-------------------------------------------------|
    /// | met    | off-delay stops            | on-delay runs, or raised at once                |
    /// | notMet | off-delay runs, or cleared | on-delay stops                                  |
    /// | unknown| held; off-delay stops      | a running on-delay raises at once               |
    mutating func settle(
        _ alarm: Int, _ result: ConditionResult, at time: MonotonicInstant, cause: Decision.Cause
    ) {
        self.alarms[alarm].result = result
        // The next reading looks at all alarms of the sensor, and says when they are at rest.
        self.sensors[Int(self.alarms[alarm].sensor)].quiet = .none
        let isRaised = self.alarms[alarm].isRaised
        switch result {
        case .met:
            self.endHold(alarm, at: time)
            if isRaised {
                self.noteWorst(alarm)
                self.stopDelay(alarm)
            } else if self.alarms[alarm].pending != .none {
                self.noteWorst(alarm)
            } else {
                self.noteTrigger(alarm)
                let delay = self.rule(of: alarm).onDelayNanoseconds
                if delay == 0 {
                    self.raise(alarm, at: time, cause: cause)
                } else {
                    self.startDelay(alarm, .onDelay, due: time.advanced(byNanoseconds: delay))
                }
            }
        case .notMet:
            self.endHold(alarm, at: time)
            if !isRaised {
                self.stopDelay(alarm)
            } else if self.alarms[alarm].pending == .none {
                let delay = self.offDelay(of: alarm)
                if delay == 0 {
                    self.clear(alarm, at: time, cause: cause)
                } else {
                    self.startDelay(alarm, .offDelay, due: time.advanced(byNanoseconds: delay))
                }
            }
        case .stale, .error:
            let wasOverLimit = self.alarms[alarm].pending == .onDelay
            self.stopDelay(alarm)
            if wasOverLimit { self.raise(alarm, at: time, cause: .lostWhileBeyondLimit) }
            self.beginHold(alarm, at: time)
        }
    }

    /// How long the condition of a raised alarm must be over before the alarm returns.
    ///
    /// Silence that a lost source explained, and nobody was told of, is over with the first reading:
    /// nothing would keep the alarm back any more while a delay ran.
    private func offDelay(of alarm: Int) -> UInt64 {
        let rule = self.rule(of: alarm)
        guard rule.offDelayNanoseconds > 0 else { return 0 }
        switch rule.kind {
        case .stale, .unverifiable:
            let isTold = self.knownDetail(of: alarm).map { self.details[$0].isAnnunciated }
            return isTold == true ? rule.offDelayNanoseconds : 0
        case .lowLow, .low, .high, .highHigh, .rateOfChange, .flatLine, .deviation, .vote,
            .discrepancy, .offNormal, .badQuality, .clockSkew, .clockDrift, .sequence, .window,
            .drift, .expression:
            return rule.offDelayNanoseconds
        }
    }

    /// What the condition of an alarm rests on is not verified for now: a raised alarm is held, a
    /// delay that would clear it stops, and one that would raise it goes on.
    mutating func doubt(_ alarm: Int, _ result: ConditionResult, at time: MonotonicInstant) {
        self.alarms[alarm].result = result
        self.sensors[Int(self.alarms[alarm].sensor)].quiet = .none
        if self.alarms[alarm].pending == .offDelay { self.stopDelay(alarm) }
        self.beginHold(alarm, at: time)
    }

    /// The condition of a raised alarm is unknown from now on.
    private mutating func beginHold(_ alarm: Int, at time: MonotonicInstant) {
        guard self.alarms[alarm].isRaised, let detail = self.knownDetail(of: alarm),
            self.details[detail].heldSince == .zero
        else { return }
        self.details[detail].heldSince = time
        self.details[detail].heldSinceWall = self.wall(of: time).nanoseconds
        // What is not known suppresses nothing.
        self.suppressorChanged(alarm)
    }

    private mutating func endHold(_ alarm: Int, at time: MonotonicInstant) {
        guard let detail = self.knownDetail(of: alarm), self.details[detail].heldSince != .zero
        else { return }
        self.details[detail].heldSince = .zero
        self.suppressorChanged(alarm)
    }

    /// A timer of the alarm ended: delay, wait for the source, shelving, or re-alarm.
    mutating func fireAlarm(detail: Int, due: MonotonicInstant) {
        let alarm = Int(self.details[detail].row)
        if self.alarms[alarm].pending != .none, self.details[detail].pendingDue <= due {
            self.endDelay(alarm, at: due)
        } else if self.details[detail].heldUntil != .zero, self.details[detail].heldUntil <= due {
            self.details[detail].heldUntil = .zero
            self.endSourceWait(alarm, at: due)
        } else if self.details[detail].shelvedUntil != .zero,
            self.details[detail].shelvedUntil <= due
        {
            self.unshelve(alarm, at: due, cause: .shelvingElapsed)
        } else if self.details[detail].reAlarmDue != .zero {
            self.details[detail].reAlarmDue = .zero
            self.reAlarm(alarm, at: due)
        }
        self.rearm(detail)
        self.followRules(of: Int(self.alarms[alarm].sensor), at: due)
    }

    private mutating func endDelay(_ alarm: Int, at due: MonotonicInstant) {
        let pending = self.alarms[alarm].pending
        self.alarms[alarm].pending = .none
        switch pending {
        case .onDelay:
            let isUnverifiable = self.rule(of: alarm).kind == .unverifiable
            self.raise(alarm, at: due, cause: isUnverifiable ? .notVerifiable : .onDelayElapsed)
        case .offDelay:
            // The more severe alarm that spoke for it may have gone out of view since the reading.
            if self.isBeyond(alarm), self.replacement(of: alarm) == nil {
                self.settle(alarm, .met, at: due, cause: .valueBeyondLimit)
            } else {
                self.clear(alarm, at: due, cause: .offDelayElapsed)
            }
        case .none: break
        }
    }

    /// The sensor's deadline passed, or its source is lost: last value kept, limits unknown, alarm.
    mutating func becomeStale(_ index: Int, at due: MonotonicInstant) {
        let deadline = self.sensors[index].deadline
        let loss = self.lossOfSource(of: self.sensors[index])
        let wasExtended = due > deadline && !self.sensors[index].trustsSource && loss == nil
        if loss == nil, self.lagUntil > due, !self.sensors[index].hasLagGrace {
            // The monitor is still late after the whole extension: it cannot tell silence of the
            // sensor from its own. The sensor is not verified, and looked at again.
            self.sensors[index].freshness = .unverified
            self.sensors[index].hasLagGrace = true
            self.counters.unverifiedByLag &+= 1
            self.stopOffDelays(index)
            self.sensors[index].graceNanoseconds &+= self.lagUntil.nanosecondsSince(deadline)
            self.wheel.arm(self.sensorDetails[index].timer, due: self.lagUntil)
            self.doubtRules(index, at: due)
            if self.sensors[index].isMode { self.modeChanged(index) }
            return
        }
        self.sensors[index].freshness = .stale
        self.explainSilence(of: index, at: due)
        let cause: Decision.Cause =
            loss != nil ? .sourceLost : wasExtended ? .ownLag : .deadlinePassed
        for alarm in self.alarmRange(of: index) {
            switch self.rule(of: alarm).kind {
            case .lowLow, .low, .high, .highHigh:
                self.settle(alarm, .stale, at: due, cause: .lostWhileBeyondLimit)
            case .stale: self.settle(alarm, .met, at: due, cause: cause)
            case .unverifiable: self.settleBlind(alarm, of: index, at: due)
            case .rateOfChange, .flatLine, .deviation, .vote, .discrepancy, .offNormal,
                .badQuality, .clockSkew, .clockDrift, .sequence, .window, .drift, .expression:
                break
            }
        }
        self.loseRules(index, at: due)
        if self.sensors[index].isMode { self.modeChanged(index) }
    }

    /// "Cannot verify" on a silent sensor: the stale alarm says it, unless it is less urgent than
    /// what is blinded.
    ///
    /// One that was raised stays until a good reading.
    mutating func settleBlind(_ alarm: Int, of index: Int, at time: MonotonicInstant) {
        let blinded = max(self.rule(of: alarm).priority, self.blindedPriority(of: index))
        if self.stalePriority(of: index) < blinded {
            self.speakForBlinded(alarm, of: index)
            self.settle(alarm, .met, at: time, cause: .notVerifiable)
        } else if !self.alarms[alarm].isRaised || self.alarms[alarm].pending == .offDelay {
            self.stopDelay(alarm)
        }
    }

    /// Gives "cannot verify" the priority of the most urgent alarm that is blinded with the sensor,
    /// those of rules included, also of rules that look at it from elsewhere.
    mutating func speakForBlinded(_ alarm: Int, of index: Int) {
        let blinded = self.blindedPriority(of: index)
        guard self.priority(of: alarm) != max(blinded, self.rule(of: alarm).priority) else {
            return
        }
        let detail = self.detail(of: alarm)
        self.details[detail].priority = blinded
    }

    private func stalePriority(of index: Int) -> AlarmPriority {
        self.alarm(.stale, of: index).map { self.rule(of: $0).priority } ?? .low
    }

    // MARK: - Tables

    /// The alarm of `kind` of a sensor, if it has one.
    func alarm(_ kind: AlarmKind, of index: Int) -> Int? {
        let first = Int(self.sensorDetails[index].firstAlarm)
        let rules = Int(self.sensorDetails[index].firstRule)
        for offset in 0..<Int(self.sensorDetails[index].alarmCount)
        where self.ruleTable.rules[rules + offset].kind == kind { return first + offset }
        return nil
    }

    /// The rule of an alarm that its sensor has.
    func rule(of alarm: Int) -> AlarmRule {
        let sensor = Int(self.alarms[alarm].sensor)
        let offset = alarm - Int(self.sensorDetails[sensor].firstAlarm)
        return self.ruleTable.rules[Int(self.sensorDetails[sensor].firstRule) + offset]
    }

    /// The same for a row that may be vacant by now.
    func knownRule(of row: UInt32) -> AlarmRule? {
        guard Int(row) < self.alarms.count,
            self.alarmRange(of: Int(self.alarms[Int(row)].sensor)).contains(Int(row))
        else { return nil }
        return self.rule(of: Int(row))
    }

    /// What is remembered of an alarm; nil while nothing ever happened to it.
    func knownDetail(of alarm: Int) -> Int? {
        let detail = self.alarms[alarm].detail
        return detail == AlarmRow.noDetail ? nil : Int(detail)
    }

    /// What is remembered of an alarm, made if it is the first time.
    mutating func detail(of alarm: Int) -> Int {
        if let known = self.knownDetail(of: alarm) { return known }
        let number: Int
        if let free = self.freeDetails.popLeast() {
            number = Int(free)
            let timer = self.details[number].timer
            self.details[number] = AlarmDetail(row: UInt32(alarm), timer: timer)
        } else {
            number = self.details.count
            let timer = self.addTimer(of: .alarm(number))
            self.details.append(AlarmDetail(row: UInt32(alarm), timer: timer))
        }
        self.alarms[alarm].detail = UInt32(number)
        return number
    }

    /// Forgets what is remembered of an alarm.
    mutating func freeDetail(of alarm: Int) {
        guard let detail = self.knownDetail(of: alarm) else { return }
        self.wheel.disarm(self.details[detail].timer)
        self.details[detail].row = AlarmRow.noDetail
        self.alarms[alarm].detail = AlarmRow.noDetail
        // The lowest is used first: after a restart the same number is found.
        self.freeDetails.push(UInt32(detail))
    }

    // MARK: - Values

    /// Keeps the value that begins a condition: when the alarm is raised it may be lost already.
    ///
    /// Of a rule that measures, what it measured.
    private mutating func noteTrigger(_ alarm: Int) {
        let index = Int(self.alarms[alarm].sensor)
        let detail = self.detail(of: alarm)
        if let (measured, _) = self.measured(of: alarm) {
            self.details[detail].triggerBits = measured.bitPattern
            self.details[detail].worst = measured
        } else {
            self.details[detail].triggerBits = self.sensors[index].valueBits
            self.details[detail].worst = self.value(of: index)
        }
    }

    private mutating func noteWorst(_ alarm: Int) {
        guard let detail = self.knownDetail(of: alarm) else { return }
        let worst = self.details[detail].worst
        let value = self.value(of: Int(self.alarms[alarm].sensor))
        switch self.rule(of: alarm).kind {
        case .high, .highHigh: self.details[detail].worst = max(worst, value)
        case .low, .lowLow: self.details[detail].worst = min(worst, value)
        case .rateOfChange, .deviation, .discrepancy, .clockSkew, .clockDrift, .sequence, .window,
            .drift:
            guard let (measured, side) = self.measured(of: alarm) else { return }
            let isWorse =
                switch side {
                case .above: measured > worst
                case .below: measured < worst
                case .away: abs(measured) > abs(worst)
                }
            if isWorse { self.details[detail].worst = measured }
        case .stale, .unverifiable, .flatLine, .vote, .offNormal, .badQuality, .expression: break
        }
    }

    // MARK: - Delays

    /// Off-delays of a sensor never complete on what is not verified.
    mutating func stopOffDelays(_ index: Int) {
        for alarm in self.alarmRange(of: index) where self.alarms[alarm].pending == .offDelay {
            self.stopDelay(alarm)
        }
    }

    mutating func startDelay(_ alarm: Int, _ pending: AlarmRow.Pending, due: MonotonicInstant) {
        let detail = self.detail(of: alarm)
        self.alarms[alarm].pending = pending
        self.details[detail].pendingDue = due
        self.rearm(detail)
    }

    mutating func stopDelay(_ alarm: Int) {
        guard self.alarms[alarm].pending != .none else { return }
        self.alarms[alarm].pending = .none
        if let detail = self.knownDetail(of: alarm) { self.rearm(detail) }
    }

    /// Puts the timer of an alarm where its earliest deadline is.
    mutating func rearm(_ detail: Int) {
        if let due = self.dueTime(ofDetail: detail) {
            self.wheel.arm(self.details[detail].timer, due: due)
        } else {
            self.wheel.disarm(self.details[detail].timer)
        }
    }
}
