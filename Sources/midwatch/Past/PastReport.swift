// SPDX-License-Identifier: Apache-2.0

internal import AlarmEngine
internal import JSONText
internal import MidwatchModel
internal import OperatorConsole
internal import StateFolder

/// Every sensor and alarm as they were at a moment, as a table and as JSON.
struct PastReport {
    private struct Sensor {
        var path: String
        var unit: String
        var live: LiveSensor
        var ageNanoseconds: UInt64?
        var value: Double?
    }

    private struct Area {
        var name: String
        var mode: String
        /// Sensor that says the mode; empty where people do.
        var modeSensor: String
    }

    private struct Alarm {
        var alarmID: String
        var live: LiveAlarm
        var cause: String
    }

    private let at: WallInstant
    private let position: Position
    private let revision: String
    private let isReproducible: Bool
    private let doubts: [ReplayReport.Doubt]
    private let areas: [Area]
    private var sensors: [Sensor] = []
    private var alarms: [Alarm] = []

    init(_ past: borrowing StateAt, showsNormal: Bool) {
        self.at = past.engine.wall(of: past.instant)
        self.position = past.position
        self.revision = past.engine.ruleBook.revision
        self.isReproducible = past.isReproducible
        self.doubts = past.doubts.first
        let rules = past.engine.ruleBook
        self.areas = zip(rules.areas, past.engine.areaModeNumbers).map { area, mode in
            Area(name: area.name, mode: area.modes[mode], modeSensor: area.sensor ?? "")
        }
        let paths = past.engine.paths
        for (index, path) in paths.enumerated() where !Revisions.isCanary(path) {
            let live = past.engine.liveSensor(index)
            let wasHeard = live.lastArrival != .zero
            let value = Self.number(live.valueBits, live.valueKind)
            self.sensors.append(
                Sensor(
                    path: path, unit: rules.declaration(for: path).unit, live: live,
                    ageNanoseconds: wasHeard
                        ? past.instant.nanosecondsSince(live.lastArrival) : nil,
                    value: wasHeard && value.isFinite ? value : nil))
            for row in past.engine.alarmRange(of: index) {
                let alarm = past.engine.liveAlarm(row)
                guard !alarm.isRetired,
                    showsNormal || alarm.state != .normal || !alarm.suppression.isEmpty
                else { continue }
                let cause = Int(alarm.causeSensor.rawValue)
                self.alarms.append(
                    Alarm(
                        alarmID: "\(path):\(rules.alarmName(alarm.kind, rule: alarm.rule))",
                        live: alarm, cause: cause < paths.count ? paths[cause] : ""))
            }
        }
        self.sensors.sort { $0.path < $1.path }
        self.alarms.sort { $0.alarmID < $1.alarmID }
    }

    private static func number(_ bits: UInt64, _ kind: ValueKind) -> Double {
        switch kind {
        case .float64: Double(bitPattern: bits)
        case .int64, .mappedState: Double(Int64(bitPattern: bits))
        case .bool: bits == 0 ? 0 : 1
        }
    }

    // MARK: - Text

    var text: String {
        var text = "at \(LocalTime.text(self.at, digits: 3)), record \(self.position)"
        text += self.isReproducible ? "\n" : ", NOT REPRODUCIBLE\n"
        for area in self.areas {
            let by = area.modeSensor.isEmpty ? "" : ", as \(area.modeSensor) says"
            text += TerminalText.clean("area \(area.name) in mode \(area.mode)\(by)") + "\n"
        }
        for alarm in self.alarms {
            let live = alarm.live
            var line = "\(alarm.alarmID)  \(live.state.word), \(live.priority.word), "
            line += "condition \(live.result.word)"
            if live.activationCount > 0 {
                line += ", raised \(LocalTime.text(live.raisedAt, digits: 3))"
            }
            if !live.suppression.isEmpty {
                line += ", kept back: \(live.suppression.words.joined(separator: ", "))"
            }
            if !alarm.cause.isEmpty { line += ", caused by \(alarm.cause)" }
            text += TerminalText.clean(line) + "\n"
        }
        text += "\(self.alarms.count) alarms, \(self.sensors.count) sensors\n"
        for sensor in self.sensors {
            var line = "\(sensor.path)  \(Words.value(sensor.value))"
            if !sensor.unit.isEmpty { line += " \(sensor.unit)" }
            line += "  \(sensor.live.quality.word), \(sensor.live.freshness.word)"
            if let age = sensor.ageNanoseconds {
                line += ", \(Words.duration(nanoseconds: age)) old"
            }
            text += TerminalText.clean(line) + "\n"
        }
        return text
    }

    // MARK: - JSON

    var json: String {
        var json = JSONWriter(reservingBytes: 65_536)
        json.object { json in
            json.field("time", self.at.rfc3339)
            json.field("position", self.position.description)
            json.field("revision", self.revision)
            json.field("reproducible", self.isReproducible)
            json.arrayField("doubts") { json in
                for doubt in self.doubts { json.value(doubt.description) }
            }
            json.arrayField("areas") { json in
                for area in self.areas {
                    json.object { json in
                        json.field("name", area.name)
                        json.field("mode", area.mode)
                        if !area.modeSensor.isEmpty { json.field("modeSensor", area.modeSensor) }
                    }
                }
            }
            json.arrayField("alarms") { json in
                for alarm in self.alarms { Self.write(alarm, to: &json) }
            }
            json.arrayField("sensors") { json in
                for sensor in self.sensors { Self.write(sensor, to: &json) }
            }
        }
        return json.text
    }

    private static func write(_ alarm: Alarm, to json: inout JSONWriter) {
        let live = alarm.live
        json.object { json in
            json.field("alarmID", alarm.alarmID)
            json.field("state", live.state.word)
            json.field("priority", live.priority.word)
            json.field("conditionResult", live.result.word)
            json.arrayField("suppression") { json in
                for word in live.suppression.words { json.value(word) }
            }
            if live.activation != .none { json.field("activation", "\(live.activation)") }
            json.field("activationCount", live.activationCount)
            for (name, moment) in [
                ("raisedAt", live.raisedAt), ("acknowledgedAt", live.acknowledgedAt),
                ("returnedAt", live.returnedAt), ("heldSince", live.heldSince),
                ("shelvedUntil", live.shelvedUntil),
            ] where moment.nanoseconds != 0 {
                json.field(name, moment.rfc3339)
            }
            if !alarm.cause.isEmpty { json.field("causeSensor", alarm.cause) }
        }
    }

    private static func write(_ sensor: Sensor, to json: inout JSONWriter) {
        json.object { json in
            json.field("path", sensor.path)
            if let value = sensor.value {
                json.field("value", value)
            } else {
                json.nullField("value")
            }
            json.field("unit", sensor.unit)
            json.field("quality", sensor.live.quality.word)
            json.field("freshness", sensor.live.freshness.word)
            if let age = sensor.ageNanoseconds { json.field("ageNanoseconds", age) }
            json.field("readingsCount", sensor.live.readingCount)
        }
    }
}
