// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

extension AlarmEngine {
    /// Binds every sensor to the rules of another revision; alarms whose rule stays keep all.
    mutating func applyConfiguration(_ payload: [UInt8], at time: MonotonicInstant) {
        let order = ConfigurationOrder(payload)
        let revision = order.revision
        self.lastOrder = order
        self.revisionBefore = self.rules.revision
        if revision != self.rules.revision {
            guard let rules = self.book(revision) else {
                self.counters.missingRevisions &+= 1
                return
            }
            self.rules = rules
            self.bindAll(at: time)
        } else if self.takesShortcut {
            self.relinkSources(at: time)
        } else {
            self.bindAll(at: time)
        }
        self.unsettleAll()
        self.judgeNewRules(at: time)
        self.evaluateComposites(at: time)
        self.decide(Decision(.configurationApplied, cause: .operatorCommand, time: time))
    }

    /// Binds every sensor to the rules in force.
    ///
    /// Changes nothing if they are bound to them already: the record with which each run begins
    /// mostly names the revision that the run before had, and a start does not wait for it
    /// (measured: a quarter of a restart with 100,000 sensors).
    private mutating func bindAll(at time: MonotonicInstant) {
        self.ruleTable.beginRevision()
        // The table of conditions is made anew: what is being copied of it must be whole before.
        self.copyOn(.max)
        self.takeTimersFromConditions()
        self.rebindRules()
        self.relinkSources(at: time)
        self.giveTimersToConditions()
        self.rebind(0..<self.sensors.count, at: time) { $0.compactRules() }
    }

    /// Binds sensors to the rules that hold for them now; all rows are in their places, and
    /// `tidy` is done, before anything is judged by them.
    mutating func rebind(
        _ indexes: some Sequence<Int>, at time: MonotonicInstant,
        tidy: (inout Self) -> Void = { _ in }
    ) {
        var changed: [Int] = []
        for index in indexes where self.rebindRows(of: index, at: time) { changed.append(index) }
        self.followMovedRows()
        tidy(&self)
        self.rebuildLinks()
        for index in changed { self.judgeRebound(index, at: time) }
    }

    /// Leaves the rules that no sensor has any more.
    mutating func compactRules() {
        self.ruleTable = RuleTable()
        for index in 0..<self.sensors.count {
            let run = self.ruleRun(of: index)
            precondition(run.count == self.sensorDetails[index].alarmCount, "rules of a sensor")
            self.sensorDetails[index].firstRule = run.first
        }
    }

    /// - Returns: Whether the sensor has other rules than before.
    private mutating func rebindRows(of index: Int, at time: MonotonicInstant) -> Bool {
        let (declaration, number) = self.rules.numberedDeclaration(for: self.names[index])
        self.sensors[index].isDeclared = number >= 0
        self.sensors[index].isIndependent = declaration.isIndependent
        self.sensors[index].isMode = false
        self.sensors[index].quiet = .none
        self.rebindDeadline(index, to: declaration, at: time)
        let wanted = self.ruleRun(of: index)
        guard
            wanted.first != self.sensorDetails[index].firstRule
                || wanted.count != self.sensorDetails[index].alarmCount
        else { return false }
        for alarm in self.alarmRange(of: index)
        where !self.ruleTable.holds(self.rule(of: alarm), in: wanted) {
            self.withdraw(alarm, at: time)
        }
        self.replaceAlarms(of: index, by: wanted, at: time)
        return true
    }

    private mutating func judgeRebound(_ index: Int, at time: MonotonicInstant) {
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
        let trustsSource = self.trusts(declaration, self.sensors[index].source)
        guard
            self.sensors[index].deadlineNanoseconds != declaration.deadlineNanoseconds
                || self.sensors[index].supervision != declaration.supervision
                || self.sensors[index].trustsSource != trustsSource
        else { return }
        self.sensors[index].trustsSource = trustsSource
        self.sensors[index].deadlineNanoseconds = declaration.deadlineNanoseconds
        self.sensors[index].supervision = declaration.supervision
        if declaration.supervision != .exception { self.sensors[index].promised = .none }
        guard declaration.supervision != .event else { return self.armSensor(index) }
        guard self.sensors[index].freshness != .stale else { return }
        if !wasSupervised {
            // Its silence was not judged until now.
            self.sensors[index].deadlineBase = max(self.sensors[index].deadlineBase, time)
        }
        // What other rules gave ends with them; of a grace there is what these would have given.
        let isWaitedFor = self.sensors[index].hasRestartGrace || self.sensors[index].hasLagGrace
        let graceMax = min(
            declaration.deadlineNanoseconds, SystemLimits.restartGraceMaxNanoseconds)
        self.sensors[index].graceNanoseconds =
            isWaitedFor ? min(self.sensors[index].graceNanoseconds, graceMax) : 0
        // A deadline that is past by the new rule passes now, not before the rule was made.
        let late = time.nanosecondsSince(self.sensors[index].deadline)
        self.sensors[index].graceNanoseconds &+= late
        self.armSensor(index)
    }

    /// The rule of an alarm goes: nobody can acknowledge it any more, so it ends altogether.
    private mutating func withdraw(_ alarm: Int, at time: MonotonicInstant) {
        self.stopDelay(alarm)
        let from = self.alarms[alarm].machine.state
        if from != .normal {
            if from.isRaised { self.counters.alarmsReturned &+= 1 }
            let detail = self.detail(of: alarm)
            self.alarms[alarm].machine = AlarmMachine()
            self.followMovedRow(of: detail)
            self.record(
                self.details[detail].isAnnunciated ? .alarmReturned : .alarmReturnedSuppressed,
                alarm, from: from, at: time, cause: .ruleRemoved)
        }
        self.freeDetail(of: alarm)
    }

    /// Puts alarms with the rules `wanted` into the sensor's rows; those of a kind it had go on.
    private mutating func replaceAlarms(
        of index: Int, by wanted: RuleTable.Run, at time: MonotonicInstant
    ) {
        let range = self.alarmRange(of: index)
        let old = range.map { (rule: self.rule(of: $0), row: self.alarms[$0], place: $0) }
        for alarm in range {
            self.alarms[alarm] = AlarmRow(sensor: UInt32(index))
            self.movedRows[UInt32(alarm)] = AlarmRow.noDetail
        }
        if wanted.count > self.sensorDetails[index].alarmRows {
            // Room for every kind, so that a sensor moves once at most.
            self.addRows(max(Int(wanted.count), AlarmKind.allCases.count), to: index)
        }
        self.sensorDetails[index].firstRule = wanted.first
        self.sensorDetails[index].alarmCount = wanted.count
        for alarm in self.alarmRange(of: index) {
            let rule = self.rule(of: alarm)
            guard let (_, before, place) = old.first(where: { $0.rule.isSameAlarm(as: rule) })
            else { continue }
            self.movedRows[UInt32(place)] = UInt32(alarm)
            self.alarms[alarm] = before
            guard let detail = self.knownDetail(of: alarm) else { continue }
            self.details[detail].row = UInt32(alarm)
            // A delay that runs goes on; a shorter on-delay than before ends it sooner.
            if before.pending == .onDelay {
                self.details[detail].pendingDue = min(
                    self.details[detail].pendingDue,
                    time.advanced(byNanoseconds: rule.onDelayNanoseconds))
            }
            self.rearm(detail)
        }
    }

    /// Alarms that are explained by others go on to name them.
    private mutating func followMovedRows() {
        if !self.movedRows.isEmpty {
            for detail in 0..<self.details.count { self.followMovedRow(of: detail) }
        }
        self.movedRows = [:]
    }

    private mutating func followMovedRow(of detail: Int) {
        guard let row = self.movedRows[self.details[detail].causeRow] else { return }
        self.details[detail].causeRow = row
    }

    /// Gives a sensor a new run of `count` vacant rows at the end of the alarm table.
    mutating func addRows(_ count: Int, to index: Int) {
        self.sensorDetails[index].firstAlarm = UInt32(self.alarms.count)
        self.sensorDetails[index].alarmRows = UInt16(count)
        for _ in 0..<count { self.alarms.append(AlarmRow(sensor: UInt32(index))) }
    }
}
