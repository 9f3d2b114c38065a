// SPDX-License-Identifier: Apache-2.0

import JSONText
import MidwatchModel
import OperatorViews
import Testing

@Suite struct OperatorViewsTests {
    private func roundTrip<View: OperatorView>(_ view: View) throws -> View {
        try View(json: try JSONValue(parsing: view.jsonText))
    }

    private var fullSensor: SensorView {
        var sensor = SensorView(
            path: "tunnel/west/co", index: 7, freshness: .stale, deadlineNanoseconds: 5_000_000_000)
        sensor.title = "CO west"
        sensor.unit = "ppm"
        sensor.value = 12.25
        sensor.valueKind = .int64
        sensor.quality = .uncertain
        sensor.statusCode = StatusCode.uncertainLastUsableValue
        sensor.heldSince = WallInstant(nanoseconds: 1_700_000_000_000_001_000)
        sensor.ageNanoseconds = 6_000_000_001
        sensor.supervision = .exception
        sensor.criticality = .critical
        sensor.sourceTime = WallInstant(nanoseconds: -1_000)
        sensor.sourceTimeStatus = .implausible
        sensor.arrivalTime = WallInstant(nanoseconds: 1_700_000_000_123_456_000)
        sensor.source = "udp:8094"
        sensor.backlogCount = 3
        sensor.declared = false
        sensor.limits = LimitsView(low: -1, highHigh: 99.5)
        sensor.alarm = AlarmMark(state: .latchedUnacknowledged, priority: .critical)
        sensor.readingsCount = 1 << 40
        return sensor
    }

    @Test func `sensors about the monitor itself come after those of the plant`() {
        var query = SensorQuery(limit: 10)
        query.order = .worst
        let sensors = ["midwatch/a/ring/fill", "pump/a", "midwatch/a/disk/free", "air/b"].map {
            SensorView(
                path: $0, index: 0, freshness: $0 == "midwatch/a/disk/free" ? .stale : .fresh,
                deadlineNanoseconds: 1)
        }
        #expect(
            query.select(from: sensors).map(\.path)
                == ["air/b", "pump/a", "midwatch/a/disk/free", "midwatch/a/ring/fill"])
    }

    @Test func `a sensor reads back as it was written, full and empty`() throws {
        #expect(try self.roundTrip(self.fullSensor) == self.fullSensor)
        let empty = SensorView(
            path: "a", index: 0, freshness: .neverReceived, deadlineNanoseconds: 1)
        #expect(try self.roundTrip(empty) == empty)
        #expect(empty.jsonText.contains(#""value":null"#))
    }

    @Test func `an explanation reads back as it was written, full and empty`() throws {
        let at = WallInstant(nanoseconds: 1_700_000_000_123_456_000)
        var input = ExplainedInput(name: "a:high")
        let empty = Explanation(path: "a", time: at, sensor: input)
        #expect(try self.roundTrip(empty) == empty && empty.nextChange == nil)
        input.value = 1.5
        input.unit = "bar"
        input.quality = .uncertain
        input.freshness = .stale
        input.ageNanoseconds = 5
        input.arrivalTime = at
        input.isLive = true
        input.result = .error
        input.isRaised = false
        input.note = "note"
        let timer = ExplainedTimer(
            kind: .sourceWait, owner: "a", remainingNanoseconds: 7, endsAt: at, effect: "effect")
        var alarm = ExplainedAlarm(alarmID: "a:high", kind: "high", priority: .critical)
        alarm.state = .latchedAcknowledged
        alarm.result = .notMet
        alarm.rule = "rule"
        alarm.answer = "answer"
        alarm.isPassive = true
        alarm.wouldAlarmCount = 3
        alarm.measured = 2.5
        alarm.activation = "1:2.3"
        alarm.activationCount = 4
        alarm.annunciationCount = 5
        alarm.triggerValue = 6.5
        alarm.worstValue = 7.5
        alarm.raisedAt = at
        alarm.acknowledgedAt = at
        alarm.returnedAt = at
        alarm.lastTransitionAt = at
        alarm.heldSince = at
        alarm.inputs = [input]
        alarm.timers = [timer]
        alarm.suppressions = [
            ExplainedSuppression(kind: .rule, isInForce: true, reason: "reason", cause: "b:low")
        ]
        var full = Explanation(path: "a", time: at, sensor: input)
        full.title = "title"
        full.unit = "bar"
        full.revision = "abc"
        full.isDeclared = true
        full.supervision = .event
        full.limitSet = "set"
        full.alarms = [alarm]
        full.timers = [timer]
        #expect(try self.roundTrip(full) == full && full.nextChange == timer)
        var load = AlarmLoadView()
        load.inTenMinutes = 1
        load.isFlood = true
        load.floodCount = 2
        load.floodNanoseconds = 3
        load.chatteringCount = 4
        load.fleetingCount = 5
        #expect(try self.roundTrip(load) == load)
    }

    @Test func `a value that is not a number is written as null`() throws {
        var sensor = self.fullSensor
        sensor.value = .nan
        #expect(try self.roundTrip(sensor).value == nil)
    }

    @Test func `an alarm reads back as it was written`() throws {
        var alarm = AlarmView(
            alarmID: "a/b:high", activation: "3:1234.0", path: "a/b", kind: "high",
            state: .returnedUnacknowledged, priority: .high)
        alarm.suppression = [.shelved, .outOfService]
        alarm.conditionResult = .stale
        alarm.raisedAt = WallInstant(nanoseconds: 1_000)
        alarm.lastTransitionAt = WallInstant(nanoseconds: 2_000_000)
        alarm.heldSince = WallInstant(nanoseconds: 3_000_000)
        alarm.ackBy = "maria"
        alarm.ackComment = "looking \"at\" it\n"
        alarm.triggerValue = 50.5
        alarm.setpoint = 50
        alarm.worstValue = 70
        alarm.currentValue = 49
        alarm.unit = "ppm"
        alarm.title = "CO"
        alarm.message = "above 50 ppm"
        alarm.consequence = "people faint"
        alarm.operatorAction = "close the tunnel"
        alarm.firstChecks = ["fan 3", "door"]
        alarm.timeToRespondSeconds = 180
        alarm.runbook = "https://example.invalid/co"
        alarm.causes = ["traffic stands", "a fan failed"]
        alarm.verification = "look at camera 7"
        alarm.owner = "control room"
        alarm.measureUnit = "ppm/s"
        alarm.activationCount = 4
        #expect(try self.roundTrip(alarm) == alarm)
    }

    @Test func `an alarm of a kind or suppression that is not known here is still shown`() throws {
        var alarm = AlarmView(
            alarmID: "a:drift", activation: "1:1.0", path: "a", kind: "drift",
            state: .unacknowledged, priority: .low)
        alarm.suppression = .shelved
        let text = alarm.jsonText.replacing(#"["shelved"]"#, with: #"["shelved","byMoon"]"#)
        let read = try AlarmView(json: try JSONValue(parsing: text))
        #expect(read.kind == "drift")
        #expect(read.suppression == .shelved)
    }

    @Test func `the status reads back as it was written`() throws {
        var status = StatusView(
            node: "edge-1", version: "0.1.0", health: .degraded,
            startedAt: WallInstant(nanoseconds: 5_000), time: WallInstant(nanoseconds: 9_000_000))
        status.site = "west"
        status.configurationRevision = "abc123"
        status.modes = ["journal stalled", "archive unreachable"]
        status.engineTimeNanoseconds = 99
        status.epoch = 4
        status.position = "4:1000"
        status.sensors.stale = 2
        status.sensors.fresh = 8
        status.alarms.unacknowledged = 1
        status.alarms.critical = 1
        status.rates.received = 1_234.5
        status.queues.ringFill = 0.25
        status.queues.journalStagedBytes = UInt64(1) << 33
        status.latencies = [
            LatencyView(
                stage: "engine", p50Nanoseconds: 1, p99Nanoseconds: 2, p999Nanoseconds: 3,
                maxNanoseconds: 4)
        ]
        status.stages = [StageView(name: "journal", beatAgeNanoseconds: 5, backlog: 6)]
        status.watchdog.alive = true
        status.watchdog.ageNanoseconds = 400
        status.endpoints = [
            EndpointView(name: "desk", breaker: "open", queue: 3, oldestAgeSeconds: 12.5)
        ]
        status.endpoints[0].condition = "paused"
        status.archive.store = "postgresql"
        status.disk.timeToFullSeconds = 86_400
        #expect(try self.roundTrip(status) == status)
        #expect(status.sensors.total == 10)
    }

    @Test func `events, pages, health, acknowledgements and problems read back`() throws {
        let event = EventView(
            n: 17, written: WallInstant(nanoseconds: 1_000),
            body: .object([("type", .string("alarm"))]))
        #expect(try self.roundTrip(event) == event)
        let page = PageView(items: [event], next: "17")
        #expect(try self.roundTrip(page) == page)
        let last = PageView<EventView>(items: [])
        #expect(try self.roundTrip(last) == last)
        let health = HealthView(level: .failed, reasons: ["storage failed"])
        #expect(try self.roundTrip(health) == health)
        let ack = AlarmCommandView(
            action: "shelve", alarmID: "a:high", activation: "1:2.0", position: "1:3",
            recorded: false, state: .acknowledged, suppression: [.shelved, .outOfService],
            shelvedUntil: WallInstant(nanoseconds: 1_000))
        #expect(try self.roundTrip(ack) == ack)
        let result = AlarmCommandResult(alarmID: "a:high", done: ack)
        #expect(try self.roundTrip(result) == result)
        let refusal = AlarmCommandResult(
            alarmID: "a:high", problem: Problem(.notActive, detail: "d"))
        #expect(try self.roundTrip(refusal) == refusal)
        var area = AreaView(name: "west", mode: "night", modes: ["day", "night"], sensors: ["a/#"])
        #expect(try self.roundTrip(area) == area)
        area.modeSensor = "a/mode"
        area.changedBy = "anna"
        area.changedAt = WallInstant(nanoseconds: 1_000)
        #expect(try self.roundTrip(area) == area)
        let change = AreaCommandView(area: "west", mode: "day", position: "1:3", recorded: true)
        #expect(try self.roundTrip(change) == change)
        for kind in Problem.Kind.allCases {
            let problem = Problem(kind, detail: "why", instance: "/x", currentActivation: "1:2.0")
            #expect(try self.roundTrip(problem) == problem)
            #expect(problem.kind == kind)
            #expect((400..<600).contains(problem.status))
        }
    }

    @Test(arguments: [
        ("path", "7"), ("index", "-1"), ("freshness", "\"dead\""), ("quality", "null"),
        ("arrivalTime", "\"yesterday\""), ("declared", "1"), ("limits", "[]"),
        ("ageNanoseconds", "1e99"),
    ])
    func `a wrong field is named`(field: String, text: String) throws {
        guard case .object(var members) = try JSONValue(parsing: self.fullSensor.jsonText),
            let place = members.firstIndex(where: { $0.name == field })
        else {
            Issue.record("no field \(field)")
            return
        }
        members[place].value = try JSONValue(parsing: text)
        #expect {
            _ = try SensorView(json: .object(members))
        } throws: { error in
            switch error as? ViewError {
            case .badField(_, let named, _): named == field
            case .notAnObject(let place): place == field
            case nil: false
            }
        }
    }

    @Test(arguments: [
        Int64(0), 1_000, -1_000, 1_700_000_000_123_456_000, 951_782_400_000_000_000,
        4_102_444_799_999_999_000, -9_000_000_000_000_000_000,
    ])
    func `times survive their text to the microsecond`(nanoseconds: Int64) {
        let instant = WallInstant(nanoseconds: nanoseconds)
        #expect(WallInstant(rfc3339: instant.rfc3339) == instant)
    }

    @Test(arguments: [
        "", "2026-11-21", "2026-11-21T03:04:05", "2026-13-21T03:04:05Z", "2026-11-21T24:04:05Z",
        "2026-11-21T03:04:05.Z", "2026-11-21 03:04:05Z", "9999-01-01T00:00:00Z",
        "2026-11-21T03:04:05.1234567890Z", "2O26-11-21T03:04:05Z",
    ])
    func `what is not a time is refused`(text: String) {
        #expect(WallInstant(rfc3339: text) == nil)
    }

    @Test func `alarms are listed by what needs a hand first`() {
        func alarm(_ id: String, _ state: AlarmState, _ priority: AlarmPriority, _ at: Int64)
            -> AlarmView
        {
            var alarm = AlarmView(
                alarmID: id, activation: "1:1.0", path: id, kind: "high", state: state,
                priority: priority)
            alarm.raisedAt = WallInstant(nanoseconds: at)
            return alarm
        }
        var shelved = alarm("shelved", .unacknowledged, .critical, 9)
        shelved.suppression = .shelved
        let sorted = [
            shelved, alarm("acked", .acknowledged, .critical, 5),
            alarm("old", .unacknowledged, .high, 1), alarm("low", .unacknowledged, .low, 9),
            alarm("new", .unacknowledged, .high, 2),
            alarm("rtn", .returnedUnacknowledged, .high, 3),
        ].sorted(by: AlarmView.comesFirst).map(\.alarmID)
        #expect(sorted == ["new", "old", "low", "rtn", "acked", "shelved"])
    }
}
