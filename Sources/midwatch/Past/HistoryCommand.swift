// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import CLinux
internal import Historian
internal import JSONText
internal import MidwatchModel
internal import OperatorConsole
internal import StateFolder

/// The command `midwatch history`.
struct HistoryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history",
        abstract: "Shows what a sensor said: table, chart, CSV or JSON.",
        discussion: """
            Reads the archive (SQLite file or PostgreSQL, as the configuration in force says) and, \
            behind its end, the journal. It needs no daemon.

            Up to 15 minutes every reading is shown; longer spans show one row a minute with the \
            least, mean and greatest value. What was not read or not usable is empty, never zero.

            Times: \(Moment.forms).

            EXIT CODES:
              0  shown, also if nothing was read in that time
              1  unknown sensor, or something cannot be read

            EXAMPLES:
              midwatch history air/west/3/co --since 2h --chart
              midwatch history air/west/3/co --since '2026-11-21 03:00' --until 03:15 --csv
            """)

    /// What is shown if nobody says from when on.
    private static let spanDefaultNanoseconds: Int64 = 900_000_000_000

    @OptionGroup var state: StateOptions

    @Argument(help: "The path of the sensor.", completion: Completion.sensors)
    var sensor: String

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("From when on. Default: 15 minutes before --until.", valueName: "time"),
        transform: MomentArgument.parse)
    var since: MomentArgument?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Until when. Default: now.", valueName: "time"),
        transform: MomentArgument.parse)
    var until: MomentArgument?

    @Option(help: ArgumentHelp("Rows at most, up to \(ArchiveHistory.pointsMax).", valueName: "n"))
    var limit = 10_000

    @Flag(help: "Print CSV.")
    var csv = false

    @Flag(help: "Draw a chart.")
    var chart = false

    func validate() throws {
        guard [self.csv, self.chart, self.state.json].count(where: { $0 }) <= 1 else {
            throw ValidationError("choose one of --csv, --json and --chart")
        }
        guard (1...ArchiveHistory.pointsMax).contains(self.limit) else {
            throw ValidationError("--limit: expected 1 to \(ArchiveHistory.pointsMax)")
        }
        _ = try self.span()
    }

    private func span() throws -> (from: WallInstant, to: WallInstant) {
        let to = self.until?.moment ?? MomentArgument.now
        let from =
            self.since?.moment
            ?? WallInstant(nanoseconds: to.nanoseconds - Self.spanDefaultNanoseconds)
        guard from < to else { throw ValidationError("--since is not before --until") }
        return (from, to)
    }

    func run() throws {
        let (from, to) = try self.span()
        guard let id = SensorID(self.sensor) else {
            CommandOutput.complain(
                "midwatch: \(TerminalText.clean(self.sensor)) is not the path of a sensor")
            throw ExitCode.failure
        }
        let folders = try self.state.folders(reading: "journal") { $0.journal }
        let found: SensorHistory?
        do {
            // A chart needs every row of the span.
            found = try SensorHistory.load(
                id, from: from, to: to, limit: self.chart ? ArchiveHistory.pointsMax : self.limit,
                folders: folders)
        } catch {
            self.state.complain(error)
            throw ExitCode.failure
        }
        guard let history = found else {
            CommandOutput.complain(
                "midwatch: nothing is known of the sensor \(TerminalText.clean(self.sensor)); "
                    + "midwatch sensors lists those that are")
            throw ExitCode.failure
        }
        for note in history.notes {
            CommandOutput.complain("midwatch: \(TerminalText.clean(note))")
        }
        if history.isTruncated {
            CommandOutput.complain(
                "midwatch: only the first \(history.points.count) rows; ask for a shorter time")
        }
        let text = HistoryText(history: history, sensor: id.path, from: from, to: to)
        if self.state.json {
            CommandOutput.line(text.json)
        } else if self.csv {
            CommandOutput.write(text.csv)
        } else if self.chart {
            CommandOutput.write(text.chart(columns: CommandOutput.columns ?? 80))
        } else {
            CommandOutput.write(text.table)
        }
    }
}

/// A history as text, in four forms.
struct HistoryText {
    let history: SensorHistory
    let sensor: String
    let from: WallInstant
    let to: WallInstant

    private var isMinutes: Bool { self.history.resolution == .minute }

    var table: String {
        let unit = self.history.unit.isEmpty ? "" : " [\(self.history.unit)]"
        var lines = [TerminalText.clean(self.sensor + unit)]
        if self.history.points.isEmpty { lines.append("nothing was read in this time") }
        if self.isMinutes, !self.history.points.isEmpty {
            lines.append(Self.row(["minute", "least", "mean", "greatest", "readings", "quality"]))
        }
        for point in self.history.points {
            let time = LocalTime.text(point.time, digits: self.isMinutes ? 0 : 3)
            lines.append(
                self.isMinutes
                    ? Self.row([
                        time, Words.value(point.valueMin), Words.value(point.value),
                        Words.value(point.valueMax), "\(point.readingCount)", point.quality.word,
                    ])
                    : Self.row([time, Words.value(point.value), point.quality.word]))
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// The time to the left, numbers to the right, the last word as it is.
    private static func row(_ cells: [String]) -> String {
        var line = ""
        for (index, cell) in cells.enumerated() {
            let width = index == 0 ? 29 : index == cells.count - 1 ? 0 : 12
            let space = String(repeating: " ", count: max(0, width - cell.count))
            line +=
                index == 0 ? cell + space : index == cells.count - 1 ? "  " + cell : space + cell
        }
        return line
    }

    /// RFC 4180; times in UTC, empty where there was no value.
    var csv: String {
        var text =
            self.isMinutes
            ? "minute,min,mean,max,last,readings,quality\r\n" : "time,value,quality\r\n"
        for point in self.history.points {
            let cells =
                self.isMinutes
                ? [
                    point.time.rfc3339, Self.number(point.valueMin), Self.number(point.value),
                    Self.number(point.valueMax), Self.number(point.valueLast),
                    "\(point.readingCount)", point.quality.word,
                ] : [point.time.rfc3339, Self.number(point.value), point.quality.word]
            text += cells.joined(separator: ",") + "\r\n"
        }
        return text
    }

    private static func number(_ value: Double?) -> String { value.map { "\($0)" } ?? "" }

    var json: String {
        var json = JSONWriter(reservingBytes: 256 + self.history.points.count * 96)
        json.object { json in
            json.field("sensor", self.sensor)
            json.field("unit", self.history.unit)
            json.field("from", self.from.rfc3339)
            json.field("to", self.to.rfc3339)
            json.field("resolution", self.isMinutes ? "minute" : "reading")
            json.field("truncated", self.history.isTruncated)
            json.field("fromJournal", self.history.journalCount)
            json.arrayField("notes") { json in
                for note in self.history.notes { json.value(note) }
            }
            json.arrayField("points") { json in
                for point in self.history.points { self.write(point, to: &json) }
            }
        }
        return json.text
    }

    private func write(_ point: ArchiveHistory.Point, to json: inout JSONWriter) {
        json.object { json in
            json.field("time", point.time.rfc3339)
            json.field("value", point.value ?? .nan)
            if self.isMinutes {
                json.field("min", point.valueMin ?? .nan)
                json.field("max", point.valueMax ?? .nan)
                json.field("last", point.valueLast ?? .nan)
                json.field("readings", point.readingCount)
            }
            json.field("quality", point.quality.word)
        }
    }

    func chart(columns: Int) -> String {
        let unit = self.history.unit.isEmpty ? "" : " [\(self.history.unit)]"
        let chart = HistoryChart(
            from: self.from, to: self.to, dots: Self.dots)
        let lines = chart.lines(
            self.history.points, columns: columns, rows: HistoryChart.rowsDefault)
        var tail: [String] = []
        let lost = self.history.points.count { $0.value == nil }
        if lost > 0 { tail.append("\(lost) rows without a usable value are not drawn") }
        return ([TerminalText.clean(self.sensor + unit)] + lines + tail).joined(separator: "\n")
            + "\n"
    }

    /// Braille where the terminal has it, else plain characters.
    private static var dots: HistoryChart.Dots {
        GlyphSet.detect(CommandOutput.environment) == .braille ? .braille : .ascii
    }
}
