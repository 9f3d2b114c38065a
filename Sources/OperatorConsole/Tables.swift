// SPDX-License-Identifier: Apache-2.0

internal import JSONText
package import MidwatchModel
package import OperatorViews

/// Rows under titles, each column as wide as its longest cell.
///
/// Where the terminal is too narrow, columns that can be spared are left out, one gives way, and
/// names of sensors and alarms lose their beginning: what tells them apart is at their end.
package struct TextTable {
    private var rows: [[String]]
    private let flexible: Int
    private let rightAligned: Set<Int>
    private let paths: Set<Int>
    private let spare: [Int]

    private static let flexibleMin = 10
    private static let pathMin = 16

    /// `spare`: columns that are left out first, in their order; `paths`: columns of names.
    package init(
        titles: [String], flexible: Int, rightAligned: Set<Int> = [], paths: Set<Int> = [],
        spare: [Int] = []
    ) {
        self.rows = [titles]
        self.flexible = flexible
        self.rightAligned = rightAligned
        self.paths = paths
        self.spare = spare
    }

    package mutating func add(_ cells: [String]) {
        precondition(cells.count == self.rows[0].count, "cells of a table row")
        self.rows.append(cells.map(TerminalText.clean))
    }

    /// The table, cut to `columns`; with nil nothing is cut, as scripts want it.
    package func text(columns: Int?) -> String {
        var widths = self.rows[0].indices.map { column in
            self.rows.map { TerminalText.width($0[column]) }.max() ?? 0
        }
        if let columns { self.narrow(&widths, to: columns) }
        var text = ""
        for row in self.rows {
            var line = ""
            for (column, cell) in row.enumerated() where widths[column] > 0 {
                if !line.isEmpty { line += "  " }
                let fitting = self.paths.contains(column) ? Self.tail(cell, widths[column]) : cell
                line += TerminalText.padded(
                    fitting, to: widths[column], right: self.rightAligned.contains(column))
            }
            if let columns { line = TerminalText.fitted(line, to: columns) }
            while line.last == " " { line.removeLast() }
            text += line + "\n"
        }
        return text
    }

    /// Makes columns narrower until they fit, as far as that goes; 0 is left out.
    private func narrow(_ widths: inout [Int], to columns: Int) {
        func excess() -> Int {
            let shown = widths.filter { $0 > 0 }
            return shown.reduce(0, +) + 2 * (shown.count - 1) - columns
        }
        func shrink(_ column: Int, to least: Int) {
            widths[column] = min(widths[column], max(least, widths[column] - max(0, excess())))
        }
        shrink(self.flexible, to: 2 * Self.flexibleMin)
        for column in self.spare where excess() > 0 { widths[column] = 0 }
        shrink(self.flexible, to: Self.flexibleMin)
        for column in self.paths.sorted() { shrink(column, to: Self.pathMin) }
    }

    /// The end of a name that is too long.
    private static func tail(_ name: String, _ width: Int) -> String {
        guard TerminalText.width(name) > width, width > 1 else { return name }
        var kept = Substring(name)
        while TerminalText.width(String(kept)) > width - 1 { kept.removeFirst() }
        return "…" + kept
    }
}

/// Sensors as a table for people.
package enum SensorTable {
    package static func text(_ sensors: [SensorView], columns: Int?) -> String {
        var table = TextTable(
            titles: [
                "SENSOR", "VALUE", "UNIT", "AGE", "DEADLINE", "FRESHNESS", "QUALITY", "ALARM",
            ],
            flexible: 0, rightAligned: [1, 3, 4], paths: [0], spare: [4, 6])
        for sensor in sensors {
            let value = Words.value(sensor.value)
            let isLast = sensor.freshness != .fresh && sensor.value != nil
            let alarm = sensor.alarm.map {
                Words.priority($0.priority) + " " + Words.state($0.state)
            }
            table.add([
                sensor.path, isLast ? "(\(value))" : value, sensor.unit,
                sensor.ageNanoseconds.map { Words.duration(nanoseconds: $0) } ?? "-",
                Words.duration(nanoseconds: sensor.deadlineNanoseconds),
                Words.freshness(sensor.freshness), sensor.quality.word, alarm ?? "",
            ])
        }
        return table.text(columns: columns)
    }
}

/// Alarms as a table for people.
package enum AlarmTable {
    /// The table; `time` is the daemon's wall clock, from which ages are counted.
    package static func text(
        _ alarms: [AlarmView], time: WallInstant, times: TimeText = .utc, columns: Int?
    ) -> String {
        var table = TextTable(
            titles: ["PRIORITY", "STATE", "SINCE", "ALARM", "ACTIVATION", "MESSAGE"], flexible: 5,
            rightAligned: [2], paths: [3], spare: [4])
        for alarm in alarms {
            let age = alarm.raisedAt.map { raised in
                Words.duration(
                    nanoseconds: UInt64(clamping: time.nanoseconds - raised.nanoseconds))
            }
            let suppression = Words.suppression(alarm.suppression)
            let state = Words.state(alarm.state) + (suppression.isEmpty ? "" : ", \(suppression)")
            table.add([
                Words.priority(alarm.priority), state, age ?? "", alarm.alarmID, alarm.activation,
                AlarmSummary.text(alarm, times: times),
            ])
        }
        return table.text(columns: columns)
    }

    /// What an alarm is about, in one line.
    package static func oneLine(_ alarm: AlarmView, times: TimeText = .utc) -> String {
        "\(Words.priority(alarm.priority)) \(Words.state(alarm.state)) \(alarm.alarmID) "
            + "\(alarm.activation): \(AlarmSummary.text(alarm, times: times))"
    }
}

/// The status as lines for people.
package enum StatusText {
    package static func lines(
        _ status: StatusView, time: (WallInstant) -> String = Words.dateAndTime
    ) -> [String] {
        var lines: [String] = []
        func add(_ name: String, _ text: String) {
            lines.append(TerminalText.clean(TerminalText.padded(name, to: 11) + text))
        }
        let modes = status.modes.isEmpty ? "" : ": " + status.modes.joined(separator: ", ")
        add("health", status.health.word.uppercased() + modes)
        add(
            "node",
            status.node + (status.site.isEmpty ? "" : ", \(status.site)")
                + ", version \(status.version), since \(time(status.startedAt))")
        let age = status.watchdog.ageNanoseconds.map { Words.duration(nanoseconds: $0) }
        add(
            "watchdog",
            status.watchdog.alive
                ? "alive" + (age.map { ", \($0) ago" } ?? "")
                : age.map { "NOT ALIVE for \($0)" } ?? "NOT SEEN since the start")
        let sensors = status.sensors
        add(
            "sensors",
            "\(sensors.total): \(sensors.fresh) fresh, \(sensors.stale) stale, "
                + "\(sensors.unverified) unverified, \(sensors.neverReceived) never seen")
        let alarms = status.alarms
        add(
            "alarms",
            "\(alarms.unacknowledged) unacknowledged, \(alarms.acknowledged) acknowledged, "
                + "\(alarms.returnedUnacknowledged) returned; \(alarms.critical) critical, "
                + "\(alarms.high) high")
        let load = status.load
        add(
            "load",
            "\(load.inTenMinutes) alarms in ten minutes"
                + (load.isFlood ? ", FLOOD" : "")
                + (load.chatteringCount > 0 ? ", \(load.chatteringCount) chattering" : ""))
        add(
            "rates/s",
            "received \(Words.count(status.rates.received)), "
                + "accepted \(Words.count(status.rates.accepted)), "
                + "evaluated \(Words.count(status.rates.evaluated)), "
                + "journaled \(Words.count(status.rates.journaled)), "
                + "archived \(Words.count(status.rates.archived))")
        add(
            "queues",
            "ring \(Words.decimals(status.queues.ringFill * 100, 1))%, "
                + "journal \(Words.bytes(status.queues.journalStagedBytes)), "
                + "archive \(status.queues.archiveLagRecords) records, "
                + "delivery \(status.queues.deliveryBacklog)")
        for latency in status.latencies {
            add(
                "latency",
                "\(latency.stage): p50 \(Words.latency(nanoseconds: latency.p50Nanoseconds)), "
                    + "p99 \(Words.latency(nanoseconds: latency.p99Nanoseconds)), "
                    + "max \(Words.latency(nanoseconds: latency.maxNanoseconds))")
        }
        for stage in status.stages {
            add(
                "stage",
                "\(stage.name): turned \(Words.duration(nanoseconds: stage.beatAgeNanoseconds))"
                    + " ago, backlog \(stage.backlog)")
        }
        add(
            "archive",
            [
                status.archive.store, status.archive.state,
                status.archive.breaker.isEmpty ? "" : "breaker \(status.archive.breaker)",
                "through \(status.archive.archivedThrough)",
            ].filter { !$0.isEmpty }.joined(separator: ", "))
        for endpoint in status.endpoints {
            add(
                "endpoint",
                "\(endpoint.name): \(Words.delivery(endpoint)), \(endpoint.queue) waiting")
        }
        let full = status.disk.timeToFullSeconds.map {
            ", full in \(Words.duration(nanoseconds: $0 &* 1_000_000_000))"
        }
        add("disk", "\(Words.bytes(status.disk.bytesFree)) free" + (full ?? ""))
        return lines
    }
}

/// A ledger record as one line for people.
package enum EventText {
    /// Number, time, what happened, about what, and what else is known.
    package static func line(
        _ event: EventView, time: (WallInstant) -> String = Words.dateAndTime
    ) -> String {
        let words = EventLine(event)
        let parts = [
            "\(event.n)", time(event.written), TerminalText.padded(words.what, to: 16),
            words.subject, words.detail,
        ]
        return TerminalText.clean(parts.filter { !$0.isEmpty }.joined(separator: "  "))
    }
}

extension DashboardAnswer {
    /// The answer as one JSON object: what `midwatch top --json` prints.
    package var jsonText: String {
        var json = JSONWriter()
        json.object { json in
            json.name("status")
            self.status.encode(to: &json)
            json.arrayField("alarms") { json in
                for alarm in self.alarms ?? [] { alarm.encode(to: &json) }
            }
            json.arrayField("sensors") { json in
                for sensor in self.worst ?? [] { sensor.encode(to: &json) }
            }
        }
        return json.text
    }
}
