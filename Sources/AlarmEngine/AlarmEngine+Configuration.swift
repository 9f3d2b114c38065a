// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

extension AlarmEngine {
    /// Binds every sensor to the rules of another revision; alarms whose rule stays keep all.
    mutating func applyConfiguration(_ payload: [UInt8], at time: MonotonicInstant) {
        let revision = HexDigits.text(payload)
        if revision != self.rules.revision {
            guard let rules = self.book(revision) else {
                self.counters.missingRevisions &+= 1
                return
            }
            self.rules = rules
        }
        for index in 0..<self.sensors.count { self.rebind(index, at: time) }
        self.decide(Decision(.configurationApplied, cause: .operatorCommand, time: time))
    }

    private mutating func rebind(_ index: Int, at time: MonotonicInstant) {
        let declaration = self.rules.declaration(for: self.paths[index])
        self.sensors[index].isDeclared =
            self.rules.declarationIndex(for: self.paths[index]) != nil
        self.rebindDeadline(index, to: declaration, at: time)
        let wanted = AlarmRule.rules(for: declaration)
        let range = self.alarmRange(of: index)
        let isUnchanged =
            range.count == wanted.count
            && zip(range, wanted).allSatisfy { self.alarms[$0].rule == $1 }
        guard !isUnchanged else { return }
        for alarm in range
        where !wanted.contains(where: { $0.kind == self.alarms[alarm].rule.kind }) {
            self.withdraw(alarm, at: time)
        }
        self.replaceAlarms(of: index, by: wanted, at: time)
        // What is known of the value is compared with the new limits at once.
        if self.sensors[index].freshness == .fresh { self.evaluate(index, at: time) }
        // What the new rules blind may be more urgent than what the old ones did.
        if self.sensors[index].freshness == .stale, let alarm = self.alarm(.unverifiable, of: index)
        {
            self.settleBlind(alarm, of: index, at: time)
        }
    }

    private mutating func rebindDeadline(
        _ index: Int, to declaration: SensorDeclaration, at time: MonotonicInstant
    ) {
        let wasSupervised = self.sensors[index].supervision != .event
        guard
            self.sensors[index].deadlineNanoseconds != declaration.deadlineNanoseconds
                || self.sensors[index].supervision != declaration.supervision
        else { return }
        self.sensors[index].deadlineNanoseconds = declaration.deadlineNanoseconds
        self.sensors[index].supervision = declaration.supervision
        guard declaration.supervision != .event else {
            return self.wheel.disarm(self.sensors[index].timer)
        }
        guard self.sensors[index].freshness != .stale else { return }
        if !wasSupervised {
            // Its silence was not judged until now.
            self.sensors[index].deadlineBase = max(self.sensors[index].deadlineBase, time)
        }
        // A deadline that is past by the new rule passes now, not before the rule was made.
        let late = time.nanosecondsSince(self.sensors[index].deadline)
        self.sensors[index].graceNanoseconds &+= late
        self.wheel.arm(self.sensors[index].timer, due: self.sensors[index].deadline)
    }

    /// The rule of an alarm goes: nobody can acknowledge it any more, so it ends altogether.
    private mutating func withdraw(_ alarm: Int, at time: MonotonicInstant) {
        self.stopDelay(alarm)
        let from = self.alarms[alarm].machine.state
        guard from != .normal else { return }
        if from.isRaised { self.counters.alarmsReturned &+= 1 }
        self.alarms[alarm].machine = AlarmMachine()
        self.record(.alarmReturned, alarm, from: from, at: time, cause: .ruleRemoved)
    }

    /// Puts alarms with the rules `wanted` into the sensor's rows; those of a kind it had go on.
    private mutating func replaceAlarms(
        of index: Int, by wanted: [AlarmRule], at time: MonotonicInstant
    ) {
        let range = self.alarmRange(of: index)
        let old = range.map { self.alarms[$0] }
        for alarm in range {
            self.stopDelay(alarm)
            self.vacate(alarm)
        }
        if wanted.count > Int(self.sensors[index].alarmRows) {
            // Room for every kind, so that a sensor moves once at most.
            self.addRows(AlarmKind.allCases.count, to: index, as: wanted[0])
        }
        self.sensors[index].alarmCount = UInt32(wanted.count)
        for (alarm, rule) in zip(self.alarmRange(of: index), wanted) {
            let timer = self.alarms[alarm].timer
            let before = old.first { $0.rule.kind == rule.kind }
            var record = before ?? self.alarms[alarm]
            record.rule = rule
            record.timer = timer
            record.pending = .none
            self.alarms[alarm] = record
            // A delay that runs goes on; a shorter on-delay than before ends it sooner.
            switch before?.pending {
            case .onDelay:
                let due = time.advanced(byNanoseconds: rule.onDelayNanoseconds)
                self.startDelay(alarm, .onDelay, due: min(record.pendingDue, due))
            case .offDelay: self.startDelay(alarm, .offDelay, due: record.pendingDue)
            case .some(.none), nil: break
            }
        }
    }

    /// Gives a sensor a new run of `count` vacant rows at the end of the alarm table.
    mutating func addRows(_ count: Int, to index: Int, as rule: AlarmRule) {
        self.sensors[index].firstAlarm = UInt32(self.alarms.count)
        self.sensors[index].alarmRows = UInt32(count)
        for _ in 0..<count {
            var alarm = AlarmRecord(rule: rule, sensor: SensorIndex(rawValue: UInt32(index)))
            alarm.timer = self.addTimer(owner: self.alarms.count, isAlarm: true)
            self.alarms.append(alarm)
        }
    }

    /// Leaves a row without state, so that who walks the whole table finds nothing in it.
    private mutating func vacate(_ alarm: Int) {
        let timer = self.alarms[alarm].timer
        self.alarms[alarm] = AlarmRecord(
            rule: self.alarms[alarm].rule, sensor: self.alarms[alarm].sensor)
        self.alarms[alarm].timer = timer
    }
}
