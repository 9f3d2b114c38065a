// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

extension AlarmEngine {
    /// Sensors whose timers an explanation looks at; further ones are left out.
    package static let explainedSensorsMax = 64

    /// Why the sensor at `path` and its alarms are as they are, and what can change that.
    ///
    /// It changes nothing and is no input: it may be asked between any two records. The cost is
    /// that of the sensor's alarms, of what their rules look at, and of what suppresses them.
    ///
    /// - Parameters:
    ///   - path: Of a sensor that is registered.
    ///   - name: Of one alarm or rule; nil: all of them.
    ///   - now: Engine time of the question; ages and remaining times count from it.
    /// - Returns: nil if no such sensor is registered, or it has no such alarm.
    package borrowing func explain(
        path: String, alarm name: String? = nil, at now: MonotonicInstant
    ) -> Explanation? {
        guard let index = self.index(ofPath: path) else { return nil }
        let now = max(now, self.time)
        let declaration = self.rules.declaration(for: path)
        var explanation = Explanation(
            path: path, time: self.wall(of: now), sensor: self.explainInput(index, at: now))
        explanation.title = declaration.title
        explanation.unit = declaration.unit
        explanation.revision = self.rules.revision
        explanation.isDeclared = self.sensors[index].isDeclared
        explanation.supervision = self.sensors[index].supervision
        explanation.limitSet = self.limitSetText(of: declaration, at: path)
        for alarm in self.alarmRange(of: index) {
            let bound = self.bound(of: alarm)
            let explained = self.explainAlarm(alarm, bound: bound, at: now)
            if name == nil || explained.alarmID == "\(path):\(name ?? "")" {
                explanation.alarms.append(explained)
            }
        }
        for bound in self.conditions.range(of: index) where self.conditions.bounds[bound].isPassive
        {
            let explained = self.explainTrial(bound, at: now)
            if name == nil || explained.alarmID == "\(path):\(name ?? "")" {
                explanation.alarms.append(explained)
            }
        }
        guard name == nil || !explanation.alarms.isEmpty else { return nil }
        explanation.timers = self.timers(around: index, at: now)
        return explanation
    }

    /// Engine time of a moment of the calendar by the last anchor; nil before the first one.
    package borrowing func instant(of wall: WallInstant) -> MonotonicInstant? {
        guard self.anchorWall != 0 else { return nil }
        let delta = wall.nanoseconds &- self.anchorWall
        let instant = Int64(bitPattern: self.anchorEngine.nanoseconds) &+ delta
        return instant < 0 ? nil : MonotonicInstant(nanoseconds: UInt64(instant))
    }

    // MARK: - Inputs

    func explainInput(_ index: Int, at now: MonotonicInstant) -> ExplainedInput {
        let sensor = self.sensors[index]
        var input = ExplainedInput(name: self.names[index])
        input.unit = self.rules.declaration(for: input.name).unit
        input.quality = sensor.quality
        input.freshness = sensor.freshness
        if sensor.lastArrival != .zero {
            let value = self.value(of: index)
            input.value = value.isFinite ? value : nil
            input.ageNanoseconds = now.nanosecondsSince(sensor.lastArrival)
            input.arrivalTime = WallInstant(nanoseconds: sensor.lastArrivalWall)
        }
        input.isLive = sensor.freshness == .fresh && !sensor.isUnknown
        input.note = [self.note(about: sensor), self.noteOfSource(input.name)]
            .filter { !$0.isEmpty }.joined(separator: "; ")
        return input
    }

    private func note(about sensor: SensorState) -> String {
        var notes: [String] = []
        if self.lossOfSource(of: sensor) != nil { notes.append("its source is lost") }
        switch sensor.freshness {
        case .neverReceived: notes.append("no reading was ever received")
        case .unverified:
            notes.append("not verified since Midwatch started or was late: no live reading yet")
        case .stale where sensor.lastArrival == .zero: notes.append("no reading was ever received")
        case .fresh, .stale: break
        }
        if sensor.lastArrival != .zero, sensor.isUnknown {
            notes.append("the value cannot be used: not finite, of bad quality or out of range")
        }
        if sensor.backlogCount > 0 {
            notes.append(
                "\(sensor.backlogCount) readings since the last live one were late, old or sent "
                    + "again and judge nothing")
        }
        switch sensor.sourceTimeStatus {
        case .implausible: notes.append("the sender's clock is not believed")
        case .absent, .accepted, .regressed, .historical: break
        }
        return notes.joined(separator: "; ")
    }

    /// What the rule of a bound condition looks at besides its own sensor.
    func operandInputs(of bound: Int, at now: MonotonicInstant) -> [ExplainedInput] {
        let condition = self.conditions.bounds[bound]
        let rule = self.conditions.set.rules[Int(condition.rule)]
        let host = self.names[Int(condition.sensor)]
        let captures = rule.captures(host) ?? []
        var inputs: [ExplainedInput] = []
        for place in 0..<min(Int(condition.operandCount), rule.references.count) {
            let operand = self.conditions.operands[Int(condition.firstOperand) + place]
            let reference = rule.references[place]
            let path =
                reference.path.isEmpty
                ? host : PathTemplate.filled(reference.path, with: captures) ?? reference.path
            let name = reference.alarm.map { "\(path):\($0)" } ?? path
            inputs.append(self.explainOperand(operand, named: name, at: now))
        }
        return inputs
    }

    private func explainOperand(
        _ operand: BoundOperand, named name: String, at now: MonotonicInstant
    ) -> ExplainedInput {
        guard operand.sensor != ConditionTable.none else {
            var input = ExplainedInput(name: name)
            input.note = "no sensor is registered at this path: nothing is known of it"
            return input
        }
        let sensor = Int(operand.sensor)
        var input = self.explainInput(sensor, at: now)
        input.name = name
        switch operand.kind {
        case .sensor: break
        case .alarm:
            guard let kind = AlarmKind(rawValue: UInt8(truncatingIfNeeded: operand.number)),
                let alarm = self.alarm(kind, of: sensor)
            else {
                input.note = "the sensor has no such alarm: an error"
                input.result = .error
                break
            }
            input.result = self.alarms[alarm].result
            input.isRaised = self.alarms[alarm].isRaised
        case .rule:
            guard let bound = self.conditions.bound(of: operand.number, on: operand.sensor) else {
                input.note = "the rule does not watch this sensor: an error"
                input.result = .error
                break
            }
            input.result = self.conditions.memories[bound].result
            input.isRaised = self.alarmRow(of: bound).map { self.alarms[$0].isRaised } ?? false
        case .unknown:
            input.note = "nothing has this name: an error"
            input.result = .error
        }
        return input
    }

    // MARK: - Timers

    /// The timers of a sensor and of everything that its alarms depend on, the earliest first.
    private func timers(around index: Int, at now: MonotonicInstant) -> [ExplainedTimer] {
        var timers: [ExplainedTimer] = []
        for sensor in self.influences(on: index) {
            timers += self.sensorTimers(sensor, at: now)
            timers += self.conditionTimers(sensor, at: now)
            for alarm in self.alarmRange(of: sensor) {
                timers += self.alarmTimers(alarm, at: now)
            }
        }
        return timers.enumerated().sorted {
            ($0.element.remainingNanoseconds, $0.offset)
                < ($1.element.remainingNanoseconds, $1.offset)
        }.map(\.element)
    }

    /// The sensors whose freshness or alarms can change this one's alarms, itself first.
    private func influences(on index: Int) -> [Int] {
        var found = [index]
        var isKnown: Set<Int> = [index]
        var next = 0
        func add(_ sensor: Int?) {
            guard let sensor, found.count < Self.explainedSensorsMax,
                isKnown.insert(sensor).inserted
            else { return }
            found.append(sensor)
        }
        while next < found.count {
            let sensor = found[next]
            next += 1
            for bound in self.conditions.range(of: sensor) {
                let condition = self.conditions.bounds[bound]
                for place in 0..<Int(condition.operandCount) {
                    let operand = self.conditions.operands[Int(condition.firstOperand) + place]
                    if operand.sensor != ConditionTable.none { add(Int(operand.sensor)) }
                }
            }
            for alarm in self.alarmRange(of: sensor) {
                for rule in self.ruleTable.suppressions[Int(self.rule(of: alarm).suppressions)] {
                    switch rule {
                    case .alarm(let path, _), .ruleAlarm(let path, _), .mode(let path, _):
                        add(self.index(ofPath: path))
                    case .areaMode: break
                    case .firstOut(let group):
                        for row in self.links.byGroup[group] ?? [] {
                            add(Int(self.alarms[Int(row)].sensor))
                        }
                    }
                }
            }
            for area in self.rules.areas where area.holds(self.names[sensor]) {
                add(area.sensor.flatMap { self.index(ofPath: $0) })
            }
        }
        return found
    }

    func timer(
        _ kind: ExplainedTimer.Kind, of owner: String, due: MonotonicInstant,
        at now: MonotonicInstant, _ effect: String
    ) -> ExplainedTimer {
        ExplainedTimer(
            kind: kind, owner: owner, remainingNanoseconds: due.nanosecondsSince(now),
            endsAt: self.wall(of: due), effect: effect)
    }

    private func sensorTimers(_ index: Int, at now: MonotonicInstant) -> [ExplainedTimer] {
        let sensor = self.sensors[index]
        let path = self.names[index]
        guard sensor.freshness != .stale, !sensor.isRetired else { return [] }
        if let loss = self.lossOfSource(of: sensor) {
            return [
                self.timer(
                    .deadline, of: path, due: loss, at: now,
                    "the sensor becomes stale: its source is lost")
            ]
        }
        guard sensor.supervision != .event else { return [] }
        let due = self.extendedDeadline(of: sensor)
        var effect = "without a live reading the sensor becomes stale"
        if sensor.trustsSource, due > sensor.deadline {
            effect += "; its source speaks for it until then"
        } else if due > sensor.deadline {
            effect += "; the deadline is extended because Midwatch itself was late"
        }
        var timers = [self.timer(.deadline, of: path, due: due, at: now, effect)]
        if sensor.graceNanoseconds > 0 {
            timers.append(
                self.timer(
                    .grace, of: path, due: sensor.deadline, at: now,
                    "the grace of \(Self.span(sensor.graceNanoseconds)) in its deadline is over; "
                        + "the first live reading ends it"))
        }
        return timers
    }

    /// When conditions of a sensor are judged again without a reading.
    private func conditionTimers(_ index: Int, at now: MonotonicInstant) -> [ExplainedTimer] {
        self.conditions.range(of: index).compactMap { bound in
            guard let due = self.dueTime(ofCondition: bound, upTo: now) else { return nil }
            let rule = self.conditions.set.rules[Int(self.conditions.bounds[bound].rule)]
            return self.timer(
                .condition, of: "\(self.names[index]):\(rule.declaration.name)", due: due, at: now,
                "the condition is judged again: time alone may change it")
        }
    }

    func alarmTimers(_ alarm: Int, at now: MonotonicInstant) -> [ExplainedTimer] {
        guard let number = self.knownDetail(of: alarm) else { return [] }
        let detail = self.details[number]
        let name = self.alarmID(of: alarm)
        var timers: [ExplainedTimer] = []
        switch self.alarms[alarm].pending {
        case .none: break
        case .onDelay:
            timers.append(
                self.timer(
                    .onDelay, of: name, due: detail.pendingDue, at: now,
                    "the alarm is raised, if its condition is met until then"))
        case .offDelay:
            timers.append(
                self.timer(
                    .offDelay, of: name, due: detail.pendingDue, at: now,
                    "the alarm returns, if its condition is not met until then"))
        }
        if detail.reAlarmDue != .zero {
            timers.append(
                self.timer(
                    .reAlarm, of: name, due: detail.reAlarmDue, at: now,
                    "people are told again, if the condition lasts"))
        }
        if detail.shelvedUntil != .zero {
            timers.append(
                self.timer(
                    .shelving, of: name, due: detail.shelvedUntil, at: now,
                    "the shelving ends; if the alarm is raised then, people are told"))
        }
        if detail.heldUntil != .zero {
            timers.append(
                self.timer(
                    .sourceWait, of: name, due: detail.heldUntil, at: now,
                    "the wait for the source ends; if the sensor is silent then and its source is "
                        + "not lost, people are told"))
        }
        return timers.sorted { $0.remainingNanoseconds < $1.remainingNanoseconds }
    }

    // MARK: - Names

    /// The path of sensor `index`.
    package borrowing func path(of index: Int) -> String { self.names[index] }

    /// `path:name` of an alarm.
    func alarmID(of alarm: Int) -> String {
        let rule = self.rule(of: alarm)
        let name = rule.name == 0 ? rule.kind.word : self.alarmNames[Int(rule.name)]
        return "\(self.names[Int(self.alarms[alarm].sensor)]):\(name)"
    }

    /// The bound condition that makes an alarm; nil if its kind does.
    func bound(of alarm: Int) -> Int? {
        let sensor = Int(self.alarms[alarm].sensor)
        return self.conditions.range(of: sensor).first { self.alarmRow(of: $0) == alarm }
    }
}
