// SPDX-License-Identifier: Apache-2.0

internal import AlarmEngine
internal import JSONText
internal import MidwatchModel
internal import OperatorConsole
internal import StateFolder

/// The figures about alarms beside the targets of ISA-18.2, as a table and as JSON.
struct KPIReport {
    private static let tenMinutes: UInt64 = 600_000_000_000
    private static let hour: UInt64 = 3_600_000_000_000
    private static let day: UInt64 = 86_400_000_000_000

    /// One figure, what it should be, and what it must not exceed.
    private struct Figure {
        var name: String
        var title: String
        var value: Double
        var unit = ""
        var target: Double
        /// nil: the target is the limit.
        var limit: Double?
        /// The figure is a rate over more than what was looked at: it would be made up.
        var isTooShort = false

        var verdict: String {
            if self.isTooShort { return "too short to judge" }
            if self.value <= self.target { return "good" }
            return self.value <= self.limit ?? self.target ? "above target" : "TOO HIGH"
        }
    }

    private let figures: AlarmFigures
    private let rows: [Figure]

    init(_ figures: AlarmFigures) {
        self.figures = figures
        let statistics = figures.statistics
        let length = Double(max(1, figures.end.nanoseconds - figures.begin.nanoseconds))
        let slots = max(1, length / Double(Self.tenMinutes))
        let topTen = statistics.topTen.reduce(0) { $0 + $1.count }
        let all = Double(max(1, statistics.annunciations))
        self.rows = [
            Figure(
                name: "perTenMinutes", title: "alarms per 10 minutes",
                value: figures.rate(perNanoseconds: Self.tenMinutes), target: 1, limit: 2,
                isTooShort: length < Double(Self.tenMinutes)),
            Figure(
                name: "perHour", title: "alarms per hour",
                value: figures.rate(perNanoseconds: Self.hour), target: 6, limit: 12,
                isTooShort: length < Double(Self.hour)),
            Figure(
                name: "perDay", title: "alarms per day",
                value: figures.rate(perNanoseconds: Self.day), target: 150, limit: 300,
                isTooShort: length < Double(Self.day)),
            Figure(
                name: "slotsOverPercent", title: "10 minutes with more than 10 alarms",
                value: 100 * Double(statistics.slotsOver) / slots, unit: "%", target: 1,
                isTooShort: length < 10 * Double(Self.tenMinutes)),
            Figure(
                name: "peakInTenMinutes", title: "most alarms in any 10 minutes",
                value: Double(statistics.peakInTenMinutes), target: 10),
            Figure(
                name: "floodPercent", title: "time in flood",
                value: 100 * Double(statistics.floodNanoseconds) / length, unit: "%", target: 1),
            Figure(
                name: "topTenPercent", title: "share of the ten most frequent",
                value: statistics.annunciations == 0 ? 0 : 100 * Double(topTen) / all, unit: "%",
                target: 5),
            Figure(
                name: "chattering", title: "alarms that chattered",
                value: Double(statistics.chatteredEver.count), target: 0),
            Figure(
                name: "fleeting", title: "fleeting alarms",
                value: Double(statistics.fleetingCount), target: 0),
            Figure(
                name: "standing", title: "most alarms standing over 24 h on a day",
                value: Double(figures.days.map(\.standing).max() ?? 0), target: 4),
        ]
    }

    // MARK: - Text

    var text: String {
        let statistics = self.figures.statistics
        var text = "\(LocalTime.text(self.figures.begin)) to \(LocalTime.text(self.figures.end))\n"
        text += "\(statistics.annunciations) alarms annunciated, "
        text += "\(statistics.reAlarms) told again"
        let priorities: [AlarmPriority] = [.critical, .high, .medium, .low]
        let shares = priorities.map { priority in
            let count = statistics.byPriority[priority] ?? 0
            return "\(count) \(priority.word) (\(self.percent(count)))"
        }
        text += "; \(shares.joined(separator: ", "))\n"
        text += "  guides want about: critical under 1%, high 5%, medium 15%, low 80%\n"
        if self.figures.missingCount > 0 {
            text += "\(self.figures.missingCount) ledger records are damaged and not counted\n"
        }
        if self.figures.end.nanoseconds - self.figures.begin.nanoseconds < Int64(30 * Self.day) {
            text += "the guides judge by 30 days and more; this is less\n"
        }
        text += "\n"
        for row in self.rows {
            let limit = row.limit.map { ", limit \(Words.value($0))" } ?? ""
            let value = row.isTooShort ? "-" : "\(Words.value(row.value, digits: 4))\(row.unit)"
            text += TerminalText.padded(row.title, to: 42)
            text += TerminalText.padded(value, to: 10, right: true)
            text += "  \(TerminalText.padded(row.verdict, to: 18)) "
            text += "target \(Words.value(row.target))\(row.unit)\(limit)\n"
        }
        return text + self.lists
    }

    private func percent(_ count: UInt64) -> String {
        let all = self.figures.statistics.annunciations
        guard all > 0 else { return "0%" }
        return "\(Words.decimals(100 * Double(count) / Double(all), 1))%"
    }

    private var lists: String {
        let statistics = self.figures.statistics
        var text = ""
        func list(_ title: String, _ lines: [String]) {
            guard !lines.isEmpty else { return }
            text += "\n\(title)\n"
            for line in lines { text += TerminalText.clean("  \(line)") + "\n" }
        }
        list(
            "most frequent",
            statistics.topTen.map { "\($0.count)  \(self.figures.name(of: $0.key))" })
        list(
            "chattered (3 in 60 s), times",
            statistics.chatteredEver.map { "\($0.count)  \(self.figures.name(of: $0.key))" })
        list(
            "standing for more than 24 h now",
            statistics.standing.map { self.figures.name(of: $0) })
        list("floods: begin, end, alarms, most in 10 minutes", statistics.floods.map(self.line))
        list(
            "days (UTC): alarms, standing at the end",
            self.figures.days.map {
                "\($0.begin.rfc3339.prefix(10))  \($0.annunciations)  \($0.standing)"
            })
        return text
    }

    private func line(_ flood: AlarmStatistics.Flood) -> String {
        let end = flood.end.map { LocalTime.text(Self.wall($0)) } ?? "still on"
        return "\(LocalTime.text(Self.wall(flood.begin)))  \(end)  \(flood.annunciations)  "
            + "\(flood.peak)"
    }

    /// The figures count calendar time on the engine's scale.
    private static func wall(_ instant: MonotonicInstant) -> WallInstant {
        WallInstant(nanoseconds: Int64(clamping: instant.nanoseconds))
    }

    // MARK: - JSON

    var json: String {
        let statistics = self.figures.statistics
        var json = JSONWriter(reservingBytes: 4_096)
        json.object { json in
            json.field("begin", self.figures.begin.rfc3339)
            json.field("end", self.figures.end.rfc3339)
            json.field("annunciations", statistics.annunciations)
            json.field("reAlarms", statistics.reAlarms)
            json.field("missingRecords", self.figures.missingCount)
            json.field("untracked", statistics.untracked)
            json.objectField("byPriority") { json in
                for priority in AlarmPriority.allCases {
                    json.field(priority.word, statistics.byPriority[priority] ?? 0)
                }
            }
            json.arrayField("figures") { json in
                for row in self.rows {
                    json.object { json in
                        json.field("name", row.name)
                        json.field("value", row.value)
                        json.field("target", row.target)
                        json.field("limit", row.limit ?? row.target)
                        json.field("verdict", row.verdict)
                    }
                }
            }
            self.writeLists(to: &json)
        }
        return json.text
    }

    private func writeLists(to json: inout JSONWriter) {
        let statistics = self.figures.statistics
        for (name, list) in [
            ("topTen", statistics.topTen), ("chattered", statistics.chatteredEver),
        ] {
            json.arrayField(name) { json in
                for (key, count) in list {
                    json.object { json in
                        json.field("alarmID", self.figures.name(of: key))
                        json.field("count", count)
                    }
                }
            }
        }
        json.arrayField("standing") { json in
            for key in statistics.standing { json.value(self.figures.name(of: key)) }
        }
        json.field("floodCount", statistics.floodCount)
        json.field("floodNanoseconds", statistics.floodNanoseconds)
        json.arrayField("floods") { json in
            for flood in statistics.floods {
                json.object { json in
                    json.field("begin", Self.wall(flood.begin).rfc3339)
                    if let end = flood.end { json.field("end", Self.wall(end).rfc3339) }
                    json.field("annunciations", flood.annunciations)
                    json.field("peak", flood.peak)
                }
            }
        }
        json.arrayField("days") { json in
            for day in self.figures.days {
                json.object { json in
                    json.field("day", "\(day.begin.rfc3339.prefix(10))")
                    json.field("annunciations", day.annunciations)
                    json.field("standing", day.standing)
                }
            }
        }
    }
}
