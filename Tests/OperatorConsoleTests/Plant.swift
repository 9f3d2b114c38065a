// SPDX-License-Identifier: Apache-2.0

import JSONText
import MidwatchModel
import OperatorConsole
import OperatorViews

/// A small plant in a state that has something of everything.
enum Plant {
    static let wall: Int64 = 1_795_230_245_000_000_000  // 2026-11-21T03:04:05Z
    static let second: UInt64 = 1_000_000_000

    static func sensor(
        _ path: String, _ freshness: Freshness, value: Double?, unit: String, age: Double?
    ) -> SensorView {
        var sensor = SensorView(
            path: path, index: 0, freshness: freshness, deadlineNanoseconds: 5 * self.second)
        sensor.value = value
        sensor.unit = unit
        sensor.ageNanoseconds = age.map { UInt64($0 * 1e9) }
        return sensor
    }

    static var sensors: [SensorView] {
        var carbon = self.sensor("tunnel/west/co", .fresh, value: 88.4, unit: "ppm", age: 0.4)
        carbon.alarm = AlarmMark(state: .unacknowledged, priority: .critical)
        var limits = LimitsView(high: 50, highHigh: 100)
        limits.highDeadband = 5
        carbon.limits = limits
        var fan = self.sensor(
            "tunnel/west/fan-03/vibration", .stale, value: 4.1, unit: "mm/s", age: 42)
        fan.alarm = AlarmMark(state: .unacknowledged, priority: .high)
        fan.quality = .uncertain
        var level = self.sensor("pump/2/level", .fresh, value: nil, unit: "m", age: 1.2)
        level.quality = .bad
        level.alarm = AlarmMark(state: .acknowledged, priority: .medium)
        level.heldSince = WallInstant(nanoseconds: self.wall - 60_000_000_000)
        let never = self.sensor("tunnel/east/co", .neverReceived, value: nil, unit: "ppm", age: nil)
        let unverified = self.sensor(
            "pump/1/level", .unverified, value: 2.25, unit: "m", age: 3.1)
        var all = [carbon, fan, level, never, unverified]
        for index in 1...20 {
            let digits = index < 10 ? "0\(index)" : "\(index)"
            all.append(
                self.sensor(
                    "plant/line/temp-\(digits)", .fresh, value: 20 + Double(index) / 4,
                    unit: "°C", age: 0.1 * Double(index)))
        }
        return all
    }

    static var alarms: [AlarmView] {
        func alarm(
            _ path: String, _ kind: String, _ state: AlarmState, _ priority: AlarmPriority,
            secondsAgo: Int64, _ message: String
        ) -> AlarmView {
            var alarm = AlarmView(
                alarmID: "\(path):\(kind)", activation: "4:81220.0", path: path, kind: kind,
                state: state, priority: priority)
            alarm.raisedAt = WallInstant(nanoseconds: self.wall - secondsAgo * 1_000_000_000)
            alarm.message = message
            return alarm
        }
        var carbon = alarm(
            "tunnel/west/co", "high", .unacknowledged, .critical, secondsAgo: 12,
            "88.4 ppm is above 50 ppm")
        carbon.currentValue = 88.4
        carbon.triggerValue = 51.2
        carbon.worstValue = 91
        carbon.setpoint = 50
        carbon.unit = "ppm"
        carbon.consequence = "People in the west tube are poisoned"
        carbon.operatorAction = "Start fans 3 and 4, close the west portal"
        carbon.firstChecks = ["fan 3 running?", "portal camera"]
        carbon.timeToRespondSeconds = 180
        carbon.shelvingMaxSeconds = 7_200
        carbon.runbook = "https://wiki.example.invalid/co"
        var level = alarm(
            "pump/2/level", "unverifiable", .acknowledged, .medium, secondsAgo: 400,
            "not a number for 70 s")
        level.heldSince = WallInstant(nanoseconds: self.wall - 60_000_000_000)
        level.ackBy = "maria"
        return [
            carbon,
            alarm(
                "tunnel/west/fan-03/vibration", "stale", .unacknowledged, .high, secondsAgo: 37,
                "silent for 42 s, deadline 5 s"),
            alarm(
                "plant/line/temp-07", "low", .returnedUnacknowledged, .low, secondsAgo: 4_000,
                "was below 5 °C for 31 s"),
            level,
        ]
    }

    static var unknown: UnknownSensors {
        UnknownSensors(
            self.sensors.filter { $0.freshness != .fresh }
                .map { .init(path: $0.path, freshness: $0.freshness) })
    }

    static var status: StatusView {
        var status = StatusView(
            node: "edge-1", version: "0.1.0", health: .degraded,
            startedAt: WallInstant(nanoseconds: self.wall - 3_600_000_000_000),
            time: WallInstant(nanoseconds: self.wall))
        status.site = "west tunnel"
        status.modes = ["archive unreachable"]
        status.sensors.fresh = 22
        status.sensors.stale = 1
        status.sensors.unverified = 1
        status.sensors.neverReceived = 1
        status.alarms.unacknowledged = 2
        status.alarms.returnedUnacknowledged = 1
        status.alarms.acknowledged = 1
        status.rates.received = 20_412
        status.rates.accepted = 20_410
        status.rates.evaluated = 20_410
        status.rates.journaled = 20_398
        status.queues.ringFill = 0.02
        status.queues.journalStagedBytes = 131_072
        status.queues.deliveryBacklog = 2
        status.queues.archiveLagRecords = 1_240_000
        status.queues.archiveLagSeconds = 61.2
        status.stages = [
            StageView(name: "ingest", beatAgeNanoseconds: 10_000_000, backlog: 0),
            StageView(name: "engine", beatAgeNanoseconds: 1_000_000, backlog: 0),
            StageView(name: "journal", beatAgeNanoseconds: 1_000_000, backlog: 2),
        ]
        status.watchdog.alive = true
        status.watchdog.ageNanoseconds = 400_000_000
        status.archive.store = "postgresql"
        status.archive.breaker = "open"
        status.version = "0.1.0"
        status.epoch = 4
        status.configurationRevision = "9f2c41d07a"
        status.latencies = [
            LatencyView(
                stage: "evaluate", p50Nanoseconds: 210_000, p99Nanoseconds: 1_900_000,
                p999Nanoseconds: 2_600_000, maxNanoseconds: 4_000_000)
        ]
        status.endpoints = [
            EndpointView(name: "pager", breaker: "closed", queue: 0, oldestAgeSeconds: 0),
            EndpointView(name: "desk", breaker: "halfOpen", queue: 2, oldestAgeSeconds: 20),
        ]
        return status
    }

    static var events: [EventView] {
        func event(_ n: UInt64, _ secondsAgo: Int64, _ json: String) -> EventView {
            EventView(
                n: n, written: WallInstant(nanoseconds: self.wall - secondsAgo * 1_000_000_000),
                body: (try? JSONValue(parsing: json)) ?? .null)
        }
        return [
            event(811, 3_600, #"{"kind":"runStarted","epoch":4}"#),
            event(
                812, 400,
                """
                {"kind":"alarmRaised","sensor":"pump/2/level","alarm":"unverifiable",
                 "priority":"medium","cause":"notVerifiable"}
                """),
            event(
                813, 390,
                """
                {"kind":"alarmAcknowledged","sensor":"pump/2/level","alarm":"unverifiable",
                 "priority":"medium","cause":"operatorCommand",
                 "command":{"user":"maria","origin":"unix:pid=77,uid=1000","comment":"on my way"}}
                """),
            event(
                814, 12,
                """
                {"kind":"alarmRaised","sensor":"tunnel/west/co","alarm":"high",
                 "priority":"critical","value":51.2,"setpoint":50,"cause":"valueBeyondLimit"}
                """),
            event(
                815, 11,
                """
                {"kind":"alertDelivered","alert":"A","alarmID":"tunnel/west/co:high",
                 "endpoint":"pager","attempt":1,"status":200}
                """),
            event(
                816, 9,
                """
                {"kind":"alertDeadLettered","alert":"B","alarmID":"plant/line/temp-07:low",
                 "endpoint":"desk","reason":"gone","attempts":9,"status":410}
                """),
        ]
    }

    static var rejects: [RejectView] {
        var reject = RejectView(
            listener: "mqtt/gateways", number: 3,
            time: WallInstant(nanoseconds: self.wall - 5_000_000_000), source: "press-4",
            cause: "notANumber", inputBytes: 12, excerpt: #"{"v":"warm"}"#)
        reject.topic = "plant/press-4/temp"
        return [reject]
    }

    static let page = """
        # HELP midwatch_source_readings_total Readings by source and outcome.
        midwatch_source_readings_total{source="gw \\"west\\"",outcome="accepted"} 120000
        midwatch_source_readings_total{source="gw \\"west\\"",outcome="rejected"} 0
        midwatch_source_readings_total{source="press-4",outcome="accepted"} 4100
        midwatch_source_readings_total{source="press-4",outcome="rejected"} 3
        midwatch_source_readings_total{source="press-4",outcome="linesRejected"} 12
        midwatch_readings_total{outcome="received"} 124103
        midwatch_readings_total{outcome="accepted"} 124100
        midwatch_readings_total{outcome="rejected"} 3
        midwatch_listener_up{listener="udp/field"} 1
        midwatch_listener_up{listener="mqtt/gateways"} 0
        midwatch_delivery_delivered_total{endpoint="pager"} 41
        midwatch_delivery_dead_letters_total{endpoint="pager"} 1
        go_goroutines 7
        """

    /// What the daemon answers when everything is asked for.
    static func answer(at: UInt64) -> DashboardAnswer {
        var answer = DashboardAnswer(askedAt: at, status: self.status)
        answer.alarms = self.alarms.sorted(by: AlarmView.comesFirst)
        answer.worst = self.sensors.sorted(by: SensorView.isWorse)
        answer.directory = SensorDirectory(
            entries: self.sensors.map { .init(path: $0.path, title: $0.title) }
                .sorted { $0.path < $1.path }, version: 1)
        answer.unknown = self.unknown
        answer.events = self.events
        answer.rejects = self.rejects
        answer.metrics = MetricsPicture(page: Array(self.page.utf8), at: at)
        answer.alarmDetail = self.alarmDetail
        answer.sensorDetail = self.sensorDetail
        answer.deliveryDetail = self.deliveryDetail
        return answer
    }

    /// When the newest answer of `model` was asked for.
    static let at = 100 * Self.second

    /// A model that received this plant at second 100 with 8 answers before.
    static var model: DashboardModel {
        var model = DashboardModel(startedAt: 90 * self.second)
        for step in 0..<8 {
            var answer = self.answer(at: UInt64(93 + step) * self.second)
            answer.worst = answer.worst?.map { sensor in
                var sensor = sensor
                sensor.readingsCount = UInt64(step + 1)
                sensor.value = sensor.value.map { $0 + Double(step - 7) * 1.5 }
                return sensor
            }
            model.receive(answer, now: UInt64(93 + step) * self.second)
        }
        return model
    }

    /// The model after one more answer in which `change` changed something.
    static func model(_ change: (inout DashboardAnswer) -> Void) -> DashboardModel {
        var model = self.model
        var answer = self.answer(at: self.at)
        change(&answer)
        model.receive(answer, now: self.at)
        return model
    }
}
