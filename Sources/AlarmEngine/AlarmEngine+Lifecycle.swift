// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

extension AlarmEngine {
    /// The condition of an alarm is raised: a new activation.
    mutating func raise(_ alarm: Int, at time: MonotonicInstant, cause: Decision.Cause) {
        guard !self.alarms[alarm].isRaised else { return }
        let from = self.alarms[alarm].machine.state
        let detail = self.detail(of: alarm)
        self.judgeSuppression(alarm)
        let effect = self.alarms[alarm].machine.handle(
            .conditionRaised, self.rule(of: alarm).machineClass)
        self.details[detail].activation = self.nextDecisionID
        self.details[detail].activationCount &+= 1
        self.details[detail].isAnnunciated = false
        self.details[detail].raisedAt = time
        self.details[detail].raisedWall = self.wall(of: time).nanoseconds
        self.details[detail].acknowledgedWall = 0
        self.details[detail].heldSince = .zero
        self.details[detail].reAlarmDue = .zero
        self.counters.alarmsRaised &+= 1
        if case .annunciate = effect {
            self.annunciate(alarm, from: from, at: time, cause: cause)
        } else {
            self.counters.alarmsRaisedSuppressed &+= 1
            self.record(.alarmRaisedSuppressed, alarm, from: from, at: time, cause: cause)
        }
        self.rearm(detail)
        self.suppressorChanged(alarm)
    }

    /// Tells people of an activation: the first time, again, or when nothing keeps it back any more.
    private mutating func annunciate(
        _ alarm: Int, from: AlarmState, at time: MonotonicInstant, cause: Decision.Cause
    ) {
        let detail = self.detail(of: alarm)
        self.details[detail].isAnnunciated = true
        self.details[detail].annunciationCount &+= 1
        self.details[detail].reAlarmDue = .zero
        self.counters.annunciations &+= 1
        self.record(.alarmRaised, alarm, from: from, at: time, cause: cause)
    }

    /// Ends the condition of an alarm; also used when its rule goes.
    ///
    /// An activation that nobody was told of wants no acknowledgement.
    mutating func clear(_ alarm: Int, at time: MonotonicInstant, cause: Decision.Cause) {
        guard self.alarms[alarm].isRaised else { return }
        let from = self.alarms[alarm].machine.state
        let detail = self.detail(of: alarm)
        var cause = cause
        if self.isBeyond(alarm), let severe = self.replacement(of: alarm) {
            cause = .moreSevereLimit
            self.details[detail].causeRow = UInt32(severe)
        }
        let wasAnnunciated = self.details[detail].isAnnunciated
        var kind = self.rule(of: alarm).machineClass
        if !wasAnnunciated { kind.isAutoAcknowledged = true }
        _ = self.alarms[alarm].machine.handle(.conditionCleared, kind)
        self.details[detail].reAlarmDue = .zero
        self.details[detail].returnedWall = self.wall(of: time).nanoseconds
        self.counters.alarmsReturned &+= 1
        // Logic looks at raised alarms only, and looks again at the next raise.
        _ = self.alarms[alarm].machine.handle(.unsuppressed)
        self.record(
            wasAnnunciated ? .alarmReturned : .alarmReturnedSuppressed, alarm, from: from,
            at: time, cause: cause)
        self.details[detail].design = []
        self.details[detail].causeRow = AlarmRow.noDetail
        self.details[detail].heldUntil = .zero
        if self.details[detail].isOneShotShelved {
            self.unshelve(alarm, at: time, cause: .oneShotEnded)
        }
        self.rearm(detail)
        self.suppressorChanged(alarm)
    }

    /// An acknowledged alarm whose condition lasts speaks again.
    mutating func reAlarm(_ alarm: Int, at time: MonotonicInstant) {
        let from = self.alarms[alarm].machine.state
        switch self.alarms[alarm].machine.handle(.reAlarmed) {
        case .annunciate: self.annunciate(alarm, from: from, at: time, cause: .reAlarm)
        case .record:
            self.record(.alarmRaisedSuppressed, alarm, from: from, at: time, cause: .reAlarm)
        case .none, .refused, .raiseSilently: break
        }
    }

    /// Changes the overlay of an alarm; what comes back into view raised is annunciated.
    ///
    /// - Returns: Whether anything changed.
    @discardableResult
    mutating func overlay(
        _ alarm: Int, _ event: AlarmMachine.Event, _ kind: Decision.Kind,
        at time: MonotonicInstant, cause: Decision.Cause
    ) -> Bool {
        let from = self.alarms[alarm].machine.state
        switch self.alarms[alarm].machine.handle(event) {
        case .annunciate:
            self.record(kind, alarm, from: from, at: time, cause: cause)
            self.annunciate(alarm, from: from, at: time, cause: cause)
        case .record: self.record(kind, alarm, from: from, at: time, cause: cause)
        case .none, .refused, .raiseSilently: return false
        }
        self.suppressorChanged(alarm)
        return true
    }

    mutating func unshelve(_ alarm: Int, at time: MonotonicInstant, cause: Decision.Cause) {
        let detail = self.detail(of: alarm)
        self.details[detail].shelvedUntil = .zero
        self.details[detail].isOneShotShelved = false
        self.overlay(alarm, .unshelved, .alarmUnshelved, at: time, cause: cause)
        self.rearm(detail)
    }

    // MARK: - Decisions

    /// The priority of an alarm; of a lost source that of what is behind it.
    func priority(of alarm: Int) -> AlarmPriority {
        let own = self.rule(of: alarm).priority
        return self.knownDetail(of: alarm).map { max(own, self.details[$0].priority) } ?? own
    }

    /// Queues a decision about an alarm with the facts of this moment.
    mutating func record(
        _ kind: Decision.Kind, _ alarm: Int, from: AlarmState, at time: MonotonicInstant,
        cause: Decision.Cause
    ) {
        let row = self.alarms[alarm]
        let rule = self.rule(of: alarm)
        let sensor = self.sensors[Int(row.sensor)]
        var decision = Decision(kind, cause: cause, time: time)
        decision.sensor = SensorIndex(rawValue: row.sensor)
        decision.alarm = rule.kind
        self.describeRule(of: alarm, in: &decision)
        decision.priority = self.priority(of: alarm)
        decision.stateFrom = from
        decision.stateTo = row.machine.state
        decision.suppression = row.machine.suppression
        decision.freshnessTo = sensor.freshness
        decision.quality = sensor.quality
        decision.sourceTimeStatus = sensor.sourceTimeStatus
        decision.valueKind = sensor.valueKind
        decision.valueBits = sensor.valueBits
        decision.sourceTime = sensor.shownSourceTime
        decision.setpoint = rule.setpoint
        decision.lastArrival = sensor.lastArrival
        decision.lastArrivalWall = WallInstant(nanoseconds: sensor.lastArrivalWall)
        decision.source = sensor.source
        if let number = self.knownDetail(of: alarm) {
            if row.machine.state != from {
                self.details[number].lastTransitionWall = self.wall(of: time).nanoseconds
            }
            let detail = self.details[number]
            decision.worst = detail.worst
            decision.activation = detail.activation
            decision.activationCount = UInt64(detail.activationCount)
            if detail.shelvedUntil != .zero {
                decision.until = self.wall(of: detail.shelvedUntil)
            }
            if let cause = self.knownRule(of: detail.causeRow) {
                decision.causeSensor = SensorIndex(
                    rawValue: self.alarms[Int(detail.causeRow)].sensor)
                decision.causeAlarm = cause.kind
                decision.causeName = cause.name
            }
        }
        self.decide(decision)
    }
}
