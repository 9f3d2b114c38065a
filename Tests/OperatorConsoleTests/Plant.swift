// SPDX-License-Identifier: Apache-2.0

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
        return status
    }

    static var snapshot: DashboardSnapshot {
        DashboardSnapshot(
            status: self.status, sensors: self.sensors.sorted(by: SensorView.isWorse),
            alarms: self.alarms.sorted(by: AlarmView.comesFirst))
    }

    /// A model that received this plant at second 100 with 8 readings of history before.
    static var model: DashboardModel {
        var model = DashboardModel(startedAt: 90 * self.second)
        for step in 0..<8 {
            var snapshot = self.snapshot
            for index in snapshot.sensors.indices {
                snapshot.sensors[index].readingsCount = UInt64(step)
                if let value = snapshot.sensors[index].value {
                    snapshot.sensors[index].value = value + Double(step - 7) * 1.5
                }
            }
            model.receive(snapshot, askedAt: UInt64(93 + step) * self.second)
        }
        return model
    }
}
