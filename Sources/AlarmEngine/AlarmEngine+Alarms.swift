// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

extension AlarmEngine {
    /// Takes the outcome of one comparison: starts and stops delays, raises and clears.
    ///
    /// | result | raised                     | not raised                                      |
    /// |--------|----------------------------|-------------------------------------------------|
    /// | met    | off-delay stops            | on-delay runs, or raised at once                |
    /// | notMet | off-delay runs, or cleared | on-delay stops                                  |
    /// | unknown| held; off-delay stops      | a running on-delay raises at once (RULES 23)    |
    mutating func settle(
        _ alarm: Int, _ result: ConditionResult, at time: MonotonicInstant, cause: Decision.Cause
    ) {
        self.alarms[alarm].result = result
        let isRaised = self.alarms[alarm].isRaised
        switch result {
        case .met:
            self.alarms[alarm].heldSince = .zero
            if isRaised {
                self.noteWorst(alarm)
                self.stopDelay(alarm)
            } else if self.alarms[alarm].pending != .none {
                self.noteWorst(alarm)
            } else {
                self.noteTrigger(alarm)
                let delay = self.alarms[alarm].rule.onDelayNanoseconds
                if delay == 0 {
                    self.raise(alarm, at: time, cause: cause)
                } else {
                    self.startDelay(alarm, .onDelay, due: time.advanced(byNanoseconds: delay))
                }
            }
        case .notMet:
            self.alarms[alarm].heldSince = .zero
            if !isRaised {
                self.stopDelay(alarm)
            } else if self.alarms[alarm].pending == .none {
                let delay = self.alarms[alarm].rule.offDelayNanoseconds
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
            if self.alarms[alarm].isRaised, self.alarms[alarm].heldSince == .zero {
                self.alarms[alarm].heldSince = time
                self.alarms[alarm].heldSinceWall = self.wall(of: time).nanoseconds
            }
        }
    }

    /// The alarm's delay ended.
    mutating func fireAlarm(_ alarm: Int, due: MonotonicInstant) {
        let pending = self.alarms[alarm].pending
        self.alarms[alarm].pending = .none
        switch pending {
        case .onDelay:
            let isUnverifiable = self.alarms[alarm].rule.kind == .unverifiable
            self.raise(alarm, at: due, cause: isUnverifiable ? .notVerifiable : .onDelayElapsed)
        case .offDelay: self.clear(alarm, at: due, cause: .offDelayElapsed)
        case .none: break
        }
    }

    /// The sensor's deadline passed: last value kept, limits unknown, alarm.
    mutating func becomeStale(_ index: Int, at due: MonotonicInstant) {
        let deadline = self.sensors[index].deadline
        let wasExtended = due > deadline
        if self.lagUntil > due, !self.sensors[index].hasLagGrace {
            // The monitor is still late after the whole extension: it cannot tell silence of the
            // sensor from its own (RULES 21). The sensor is not verified, and looked at again.
            self.sensors[index].freshness = .unverified
            self.sensors[index].hasLagGrace = true
            self.stopOffDelays(index)
            self.sensors[index].graceNanoseconds &+= self.lagUntil.nanosecondsSince(deadline)
            self.wheel.arm(self.sensors[index].timer, due: self.lagUntil)
            return
        }
        self.sensors[index].freshness = .stale
        let first = Int(self.sensors[index].firstAlarm)
        for alarm in first..<first + Int(self.sensors[index].alarmCount) {
            switch self.alarms[alarm].rule.kind {
            case .lowLow, .low, .high, .highHigh:
                self.settle(alarm, .stale, at: due, cause: .lostWhileBeyondLimit)
            case .stale:
                self.settle(
                    alarm, .met, at: due, cause: wasExtended ? .ownLag : .deadlinePassed)
            case .unverifiable: self.settleBlind(alarm, of: index, at: due)
            }
        }
    }

    /// "Cannot verify" on a silent sensor: the stale alarm says it, unless it is less urgent than
    /// what is blinded (RULES 23).
    ///
    /// One that was raised stays until a good reading.
    mutating func settleBlind(_ alarm: Int, of index: Int, at time: MonotonicInstant) {
        if self.stalePriority(of: index) < self.alarms[alarm].rule.priority {
            self.settle(alarm, .met, at: time, cause: .notVerifiable)
        } else if !self.alarms[alarm].isRaised {
            self.stopDelay(alarm)
        }
    }

    private func stalePriority(of index: Int) -> AlarmPriority {
        self.alarm(.stale, of: index).map { self.alarms[$0].rule.priority } ?? .low
    }

    /// The alarm of `kind` of a sensor, if it has one.
    func alarm(_ kind: AlarmKind, of index: Int) -> Int? {
        let first = Int(self.sensors[index].firstAlarm)
        let count = Int(self.sensors[index].alarmCount)
        return (first..<first + count).first { self.alarms[$0].rule.kind == kind }
    }

    // MARK: - Transitions

    private mutating func raise(_ alarm: Int, at time: MonotonicInstant, cause: Decision.Cause) {
        let from = self.alarms[alarm].machine.state
        let isLatching = self.alarms[alarm].rule.isLatching
        guard
            case .annunciate = self.alarms[alarm].machine.handle(
                .conditionRaised, isLatching: isLatching)
        else { return }
        self.alarms[alarm].activation = self.nextDecisionID
        self.alarms[alarm].activationCount &+= 1
        self.alarms[alarm].raisedAt = time
        self.alarms[alarm].raisedWall = self.wall(of: time).nanoseconds
        self.alarms[alarm].heldSince = .zero
        self.counters.alarmsRaised &+= 1
        self.record(.alarmRaised, alarm, from: from, at: time, cause: cause)
    }

    /// Ends the condition of an alarm; also used when its rule goes.
    mutating func clear(_ alarm: Int, at time: MonotonicInstant, cause: Decision.Cause) {
        let from = self.alarms[alarm].machine.state
        let isLatching = self.alarms[alarm].rule.isLatching
        guard
            case .record = self.alarms[alarm].machine.handle(
                .conditionCleared, isLatching: isLatching)
        else { return }
        self.counters.alarmsReturned &+= 1
        self.record(.alarmReturned, alarm, from: from, at: time, cause: cause)
    }

    /// Queues a decision about an alarm with the facts of this moment.
    mutating func record(
        _ kind: Decision.Kind, _ alarm: Int, from: AlarmState, at time: MonotonicInstant,
        cause: Decision.Cause
    ) {
        if self.alarms[alarm].machine.state != from {
            self.alarms[alarm].lastTransition = time
            self.alarms[alarm].lastTransitionWall = self.wall(of: time).nanoseconds
        }
        let record = self.alarms[alarm]
        let sensor = self.sensors[Int(record.sensor.rawValue)]
        var decision = Decision(kind, cause: cause, time: time)
        decision.sensor = record.sensor
        decision.alarm = record.rule.kind
        decision.priority = record.rule.priority
        decision.stateFrom = from
        decision.stateTo = record.machine.state
        decision.freshnessTo = sensor.freshness
        decision.quality = sensor.quality
        decision.sourceTimeStatus = sensor.sourceTimeStatus
        decision.valueKind = sensor.valueKind
        decision.valueBits = sensor.valueBits
        decision.sourceTime = sensor.shownSourceTime
        decision.setpoint = record.rule.setpoint
        decision.worst = record.worst
        decision.lastArrival = sensor.lastArrival
        decision.lastArrivalWall = WallInstant(nanoseconds: sensor.lastArrivalWall)
        decision.activation = record.activation
        decision.activationCount = record.activationCount
        decision.source = sensor.source
        self.decide(decision)
    }

    /// Keeps the value that begins a condition: when the alarm is raised it may be lost already.
    private mutating func noteTrigger(_ alarm: Int) {
        let index = Int(self.alarms[alarm].sensor.rawValue)
        self.alarms[alarm].triggerBits = self.sensors[index].valueBits
        self.alarms[alarm].worst = self.value(of: index)
    }

    private mutating func noteWorst(_ alarm: Int) {
        let value = self.value(of: Int(self.alarms[alarm].sensor.rawValue))
        switch self.alarms[alarm].rule.kind {
        case .high, .highHigh: self.alarms[alarm].worst = max(self.alarms[alarm].worst, value)
        case .low, .lowLow: self.alarms[alarm].worst = min(self.alarms[alarm].worst, value)
        case .stale, .unverifiable: break
        }
    }

    /// Off-delays of a sensor never complete on what is not verified (RULES 23).
    mutating func stopOffDelays(_ index: Int) {
        for alarm in self.alarmRange(of: index) where self.alarms[alarm].pending == .offDelay {
            self.stopDelay(alarm)
        }
    }

    mutating func startDelay(
        _ alarm: Int, _ pending: AlarmRecord.Pending, due: MonotonicInstant
    ) {
        self.alarms[alarm].pending = pending
        self.alarms[alarm].pendingDue = due
        self.wheel.arm(self.alarms[alarm].timer, due: due)
    }

    mutating func stopDelay(_ alarm: Int) {
        guard self.alarms[alarm].pending != .none else { return }
        self.alarms[alarm].pending = .none
        self.wheel.disarm(self.alarms[alarm].timer)
    }
}
