// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import JSONText
internal import MidwatchModel
internal import OperatorConsole
internal import StateFolder

/// The command `midwatch replay`.
struct ReplayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Makes decisions, or the state of a moment, again of the journal.",
        discussion: """
            With --verify every decision must come out byte for byte as the ledger has it; the \
            first one that does not is printed both ways. --from and --to compare those of a time \
            only, beginning with the newest checkpoint from before it. It only reads, and may run \
            beside the daemon: decisions that the daemon has not written yet are counted as pending.

            With --at the state of every sensor and alarm, and the mode of every area, at that \
            moment is printed.

            What rests on readings that were evaluated but never journaled cannot be replayed; it \
            is counted, and the answer is "not reproducible", never "equal".

            EXIT CODES:
              0  equal, or the state printed   1  different, or something cannot be read
              4  not reproducible

            EXAMPLES:
              midwatch replay --verify
              midwatch replay --from -2h --to -1h --verify
              midwatch replay --at 2026-11-21T03:04:05Z
              midwatch replay --at 03:04 --state /var/lib/midwatch --json
            """)

    @OptionGroup var state: StateOptions

    @Flag(help: "Compare with the ledger; the same as --from, --to or neither without it.")
    var verify = false

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Compare from then on: \(MomentArgument.help).", valueName: "time"),
        transform: MomentArgument.parse)
    var from: MomentArgument?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Compare up to then.", valueName: "time"),
        transform: MomentArgument.parse)
    var to: MomentArgument?

    @Option(
        name: .customLong("at"), parsing: .unconditional,
        help: ArgumentHelp("Print the state of that moment instead.", valueName: "time"),
        transform: MomentArgument.parse)
    var moment: MomentArgument?

    @Flag(help: "With --at: also alarms that are normal.")
    var all = false

    func validate() throws {
        if self.moment != nil {
            guard !self.verify, self.from == nil, self.to == nil else {
                throw ValidationError("--at goes without --verify, --from and --to")
            }
        } else {
            guard self.verify || self.from != nil || self.to != nil else {
                throw ValidationError("say --verify, --from, --to or --at")
            }
            if self.all { throw ValidationError("--all goes with --at") }
        }
        if let from, let to, from.moment > to.moment {
            throw ValidationError("--to is before --from")
        }
    }

    func run() throws {
        _ = try self.state.folders(reading: "journal") { $0.journal }
        if let moment = self.moment {
            let state = StateReading(directory: self.state.directory)
            let past = try state.at(moment.moment)
            let report = PastReport(past, showsNormal: self.all)
            CommandOutput.write(self.state.json ? report.json + "\n" : report.text)
            return try state.tellDoubts(of: past)
        }
        var range: ClosedRange<WallInstant>?
        if self.from != nil || self.to != nil {
            let first = self.from?.moment ?? WallInstant(nanoseconds: .min)
            range = first...(self.to?.moment ?? WallInstant(nanoseconds: .max))
        }
        var progress = ReplayProgress()
        let report: ReplayReport
        do {
            report = try ReplayVerifier(
                stateDirectory: self.state.directory, range: range
            ).run { count, n in
                progress.show("replay: \(count) records, at number \(n)")
            }
        } catch {
            progress.clear()
            self.state.complain(error)
            throw ExitCode.failure
        }
        progress.clear()
        if self.state.json {
            CommandOutput.line(Self.json(report, seconds: progress.seconds))
        } else {
            for line in Self.lines(report, seconds: progress.seconds) {
                CommandOutput.line(TerminalText.clean(line))
            }
        }
        switch report.verdict {
        case .equal: return
        case .different: throw ExitCode.failure
        case .notReproducible: throw ExitCode.notHealthy
        }
    }

    private static func lines(_ report: ReplayReport, seconds: Double) -> [String] {
        let rate = seconds > 0 ? UInt64(Double(report.recordCount) / seconds) : 0
        var lines: [String] = []
        switch report.verdict {
        case .equal: lines.append("equal")
        case .different: lines.append("DIFFERENT")
        case .notReproducible: lines.append("not reproducible")
        }
        let from = report.checkpoint.map { "the checkpoint at \($0)" } ?? "the first record"
        lines.append(
            "  \(report.recordCount) records from \(from) to \(report.end), \(rate) a second")
        lines.append(
            "  decisions: \(report.equalCount) equal, \(report.pendingCount) pending, "
                + "\(report.notReproducibleCount) not reproducible, "
                + "\(report.uncheckedCount) from before")
        for doubt in report.doubts { lines.append("  because \(doubt)") }
        if report.doubtCount > report.doubts.count {
            lines.append("  and \(report.doubtCount - report.doubts.count) more reasons")
        }
        if let difference = report.difference {
            let none = "(no such decision)"
            let line = difference.recorded.map { " line \($0.line)" } ?? ""
            lines.append("  first difference, ledger\(line) and replay:")
            lines.append("  < \(difference.recorded.map { Self.text($0.body) } ?? none)")
            lines.append("  > \(difference.replayed.map(Self.text) ?? none)")
        }
        return lines
    }

    private static func text(_ body: [UInt8]) -> String { String(decoding: body, as: UTF8.self) }

    private static func json(_ report: ReplayReport, seconds: Double) -> String {
        var json = JSONWriter()
        json.object { json in
            json.field("verdict", report.verdict.rawValue)
            json.field("records", report.recordCount)
            json.field("seconds", seconds)
            if let checkpoint = report.checkpoint { json.field("from", checkpoint.description) }
            json.field("end", report.end.description)
            json.field("equal", report.equalCount)
            json.field("pending", report.pendingCount)
            json.field("notReproducible", report.notReproducibleCount)
            json.field("unchecked", report.uncheckedCount)
            json.field("otherLines", report.otherLineCount)
            json.field("doubtCount", report.doubtCount)
            json.arrayField("doubts") { json in
                for doubt in report.doubts { json.value(doubt.description) }
            }
            guard let difference = report.difference else { return }
            json.objectField("difference") { json in
                if let recorded = difference.recorded {
                    json.field("line", recorded.line)
                    json.field("recorded", Self.text(recorded.body))
                }
                if let replayed = difference.replayed {
                    json.field("replayed", Self.text(replayed))
                }
            }
        }
        return json.text
    }
}
