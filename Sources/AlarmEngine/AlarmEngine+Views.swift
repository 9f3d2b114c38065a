// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// What screens show of one sensor; written to a live table by the engine's owner.
package struct LiveSensor: BitwiseCopyable, Sendable {
    package var valueBits: UInt64
    package var lastArrival: MonotonicInstant
    package var lastArrivalWall: WallInstant
    package var deadline: MonotonicInstant
    package var deadlineNanoseconds: UInt64
    package var lastSourceTime: Int64
    package var lastN: UInt64
    package var readingCount: UInt64
    package var backlogCount: UInt64
    /// Since when an alarm is held because its condition is unknown; zero if none is.
    package var heldSince: WallInstant
    package var source: SourceIndex
    package var freshness: Freshness
    package var quality: Quality
    package var sourceTimeStatus: SourceTimeStatus
    package var valueKind: ValueKind
    package var supervision: SupervisionMode
    package var isDeclared: Bool
    package var hasActiveAlarm: Bool
    package var alarmState: AlarmState
    package var alarmPriority: AlarmPriority
    package var isUnknown: Bool
    /// A live source counts as evidence for it.
    package var trustsSource: Bool
}

/// What screens show of one alarm; written to a live table by the engine's owner.
package struct LiveAlarm: BitwiseCopyable, Sendable {
    package var activation: DecisionID
    package var activationCount: UInt64
    /// Times that people were told of it.
    package var annunciationCount: UInt64
    /// By the calendar, from the anchor of that moment; 0 for never.
    package var raisedAt: WallInstant
    package var lastTransition: WallInstant
    package var returnedAt: WallInstant
    package var acknowledgedAt: WallInstant
    package var heldSince: WallInstant
    /// 0 also for a shelving of one activation.
    package var shelvedUntil: WallInstant
    /// The longest shelving allowed; 0: none.
    package var shelvingMaxNanoseconds: UInt64
    package var triggerBits: UInt64
    /// The last value of the sensor.
    package var currentBits: UInt64
    package var worst: Double
    package var setpoint: Double
    package var sensor: SensorIndex
    /// The sensor whose alarm explains this one; `.none` if nothing does.
    package var causeSensor: SensorIndex
    package var kind: AlarmKind
    /// Number of its rule among the rules of the rule book, and 1; 0: the alarm is its kind's.
    package var rule: UInt32
    package var priority: AlarmPriority
    package var state: AlarmState
    package var suppression: AlarmSuppression
    package var result: ConditionResult
    /// A row that no alarm of its sensor uses any more: shown to nobody.
    package var isRetired: Bool
}

extension AlarmEngine {
    /// A picture of sensor `index`.
    package borrowing func liveSensor(_ index: Int) -> LiveSensor {
        let sensor = self.sensors[index]
        var live = LiveSensor(
            valueBits: sensor.valueBits, lastArrival: sensor.lastArrival,
            lastArrivalWall: WallInstant(nanoseconds: sensor.lastArrivalWall),
            deadline: self.extendedDeadline(of: sensor),
            deadlineNanoseconds: sensor.deadlineNanoseconds,
            lastSourceTime: sensor.shownSourceTime, lastN: sensor.lastN,
            readingCount: sensor.readingCount, backlogCount: UInt64(sensor.backlogCount),
            heldSince: WallInstant(nanoseconds: 0), source: sensor.source,
            freshness: sensor.freshness,
            quality: sensor.quality, sourceTimeStatus: sensor.sourceTimeStatus,
            valueKind: sensor.valueKind, supervision: sensor.supervision,
            isDeclared: sensor.isDeclared, hasActiveAlarm: false, alarmState: .normal,
            alarmPriority: .low, isUnknown: sensor.isUnknown,
            trustsSource: sensor.trustsSource)
        for row in self.alarmRange(of: index) {
            let alarm = self.alarms[row]
            guard alarm.machine.state != .normal else { continue }
            if let detail = self.knownDetail(of: row), self.details[detail].heldSince != .zero {
                live.heldSince = WallInstant(nanoseconds: self.details[detail].heldSinceWall)
            }
            let priority = self.priority(of: row)
            if !live.hasActiveAlarm || priority > live.alarmPriority
                || alarm.machine.state.isRaised && !live.alarmState.isRaised
            {
                live.alarmState = alarm.machine.state
                live.alarmPriority = priority
            }
            live.hasActiveAlarm = true
        }
        return live
    }

    /// A picture of alarm `index`.
    package borrowing func liveAlarm(_ index: Int) -> LiveAlarm {
        let row = self.alarms[index]
        let sensor = Int(row.sensor)
        let isRetired = !self.alarmRange(of: sensor).contains(index)
        let rule = isRetired ? nil : self.rule(of: index)
        let detail = self.knownDetail(of: index).map { self.details[$0] }
        func wall(_ nanoseconds: Int64?) -> WallInstant {
            WallInstant(nanoseconds: nanoseconds ?? 0)
        }
        var live = LiveAlarm(
            activation: detail?.activation ?? .none,
            activationCount: UInt64(detail?.activationCount ?? 0),
            annunciationCount: UInt64(detail?.annunciationCount ?? 0),
            raisedAt: wall(detail?.raisedWall), lastTransition: wall(detail?.lastTransitionWall),
            returnedAt: wall(detail?.returnedWall), acknowledgedAt: wall(detail?.acknowledgedWall),
            heldSince: wall(detail.flatMap { $0.heldSince == .zero ? nil : $0.heldSinceWall }),
            shelvedUntil: wall(nil), shelvingMaxNanoseconds: rule?.shelvingMaxNanoseconds ?? 0,
            triggerBits: detail?.triggerBits ?? 0,
            currentBits: self.sensors[sensor].valueBits, worst: detail?.worst ?? 0,
            setpoint: rule?.setpoint ?? 0, sensor: SensorIndex(rawValue: row.sensor),
            causeSensor: .none, kind: rule?.kind ?? .stale,
            rule: isRetired ? 0 : self.ruleNumber(of: index),
            priority: isRetired ? .low : self.priority(of: index), state: row.machine.state,
            suppression: row.machine.suppression, result: row.result, isRetired: isRetired)
        if let detail, detail.shelvedUntil != .zero {
            live.shelvedUntil = self.wall(of: detail.shelvedUntil)
        }
        if let detail, self.knownRule(of: detail.causeRow) != nil {
            live.causeSensor = SensorIndex(
                rawValue: self.alarms[Int(detail.causeRow)].sensor)
        }
        return live
    }

    /// The activations that stand, with their sensors.
    package var standingActivations: [(id: DecisionID, sensor: SensorIndex)] {
        var found: [(id: DecisionID, sensor: SensorIndex)] = []
        for index in 0..<self.alarms.count where self.alarms[index].isRaised {
            guard let detail = self.knownDetail(of: index) else { continue }
            found.append(
                (
                    self.details[detail].activation,
                    SensorIndex(rawValue: self.alarms[index].sensor)
                ))
        }
        return found
    }

    /// The alarms of sensor `index`, as a range of the alarm table.
    package borrowing func alarmRange(of index: Int) -> Range<Int> {
        let first = Int(self.sensorDetails[index].firstAlarm)
        return first..<first + Int(self.sensorDetails[index].alarmCount)
    }

    /// The alarm of `kind` of sensor `index`, as a number of the alarm table.
    package borrowing func alarmIndex(_ kind: AlarmKind, of index: Int) -> Int? {
        self.alarm(kind, of: index)
    }

    /// The alarm that a decision is about, as a number of the alarm table.
    ///
    /// Not by its kind alone: a sensor may have several alarms of rules of one kind.
    package borrowing func alarmIndex(of decision: Decision) -> Int? {
        guard Int(decision.sensor.rawValue) < self.sensors.count else { return nil }
        for alarm in self.alarmRange(of: Int(decision.sensor.rawValue)) {
            let rule = self.rule(of: alarm)
            if rule.kind == decision.alarm, rule.name == decision.name { return alarm }
        }
        return nil
    }

    /// The rules in force.
    package var ruleBook: RuleBook { self.rules }

    /// Freshness of the sensor at `path`; nil if none was registered there.
    package borrowing func freshness(ofPath path: String) -> Freshness? {
        self.index(ofPath: path).map { self.sensors[$0].freshness }
    }

    /// State of the alarm `kind` of the sensor at `path`; nil if there is none.
    package borrowing func alarmState(_ kind: AlarmKind, ofPath path: String) -> AlarmState? {
        guard let index = self.index(ofPath: path), let alarm = self.alarm(kind, of: index) else {
            return nil
        }
        return self.alarms[alarm].machine.state
    }
}
