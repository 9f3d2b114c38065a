// SPDX-License-Identifier: Apache-2.0

internal import AlarmEngine
internal import ArgumentParser
internal import JSONText
internal import MidwatchConfiguration
internal import MidwatchModel
internal import OperatorConsole
internal import StateFolder

/// The command `midwatch rules`.
struct RulesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rules", abstract: "Tries rules before they are put in force.",
        subcommands: [Test.self])

    /// The command `midwatch rules test`.
    struct Test: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "test",
            abstract: "Says what other rules would have raised on the recorded journal.",
            discussion: """
                The engine of the daemon runs twice over the same records: with the rules that were \
                in force and with those of the file. An episode is a time in which at least one of \
                both has an alarm raised; where a suppression keeps it from people, it says so. It \
                only reads, and may run beside the daemon.

                EXIT CODES:
                  0  compared              1  the file is refused, or something cannot be read
                  4  compared, but the recorded state is not reproducible: the reasons are told

                EXAMPLES:
                  midwatch rules test new.yaml --since 7d
                  midwatch rules test new.yaml --since '2026-11-20 06:00' --json
                """)

        @Argument(help: "The configuration with the rules on trial.")
        var path: String

        @OptionGroup var state: StateOptions

        @Option(
            parsing: .unconditional,
            help: ArgumentHelp(
                "Since when: \(MomentArgument.help).", valueName: "time"),
            transform: MomentArgument.parse)
        var since: MomentArgument

        func run() throws {
            _ = try self.state.folders(reading: "journal") { $0.journal }
            let rules = try self.rulesOnTrial()
            var progress = ReplayProgress()
            let report: BackTest.Report?
            do {
                report = try BackTest.run(
                    rules, since: self.since.moment, stateDirectory: self.state.directory
                ) { count, at in
                    progress.show("rules test: \(count) records, at \(LocalTime.text(at))")
                }
            } catch {
                progress.clear()
                self.state.complain(error)
                throw ExitCode.failure
            }
            progress.clear()
            guard let report else {
                CommandOutput.complain("midwatch: there is no journal yet")
                throw ExitCode.failure
            }
            if self.state.json {
                CommandOutput.line(Self.json(report, seconds: progress.seconds))
            } else {
                for line in Self.lines(report, seconds: progress.seconds) {
                    CommandOutput.line(TerminalText.clean(line))
                }
            }
            if report.doubts.count > 0 { throw ExitCode.notHealthy }
        }

        private func rulesOnTrial() throws -> RuleBook {
            let result = MidwatchConfiguration.load(path: self.path, isStrict: false)
            guard let configuration = result.configuration, result.errors.isEmpty,
                let text = FileBytes.read(self.path)
            else {
                for line in result.report { CommandOutput.complain(TerminalText.clean(line)) }
                throw ExitCode.failure
            }
            return Revisions.trialRules(of: configuration, text: text)
        }

        // MARK: - Words

        private static func word(_ verdict: BackTest.Verdict) -> String {
            switch verdict {
            case .both: "in both"
            case .onlyProduction: "only in production"
            case .onlyTrial: "only with the new rules"
            }
        }

        private static func lines(_ report: BackTest.Report, seconds: Double) -> [String] {
            var lines: [String] = []
            let rate = seconds > 0 ? UInt64(Double(report.recordCount) / seconds) : 0
            if let begin = report.begin, let end = report.end {
                lines.append(
                    "\(LocalTime.text(begin, digits: 3)) to \(LocalTime.text(end, digits: 3))")
            }
            lines.append("  \(report.recordCount) records, \(rate) a second")
            let all = report.count
            let sums = BackTest.Verdict.allCases.map { "\(all[$0] ?? 0) \(self.word($0))" }
            lines.append("  alarms raised: " + sums.joined(separator: ", "))
            for doubt in report.doubts.first { lines.append("  NOT REPRODUCIBLE: \(doubt)") }
            if report.untrackedCount > 0 {
                lines.append("  \(report.untrackedCount) raises had no room and are not counted")
            }
            if !report.unknownPaths.isEmpty {
                lines.append(
                    "  \(report.unknownPaths.count) declared sensors are not in the journal: "
                        + report.unknownPaths.prefix(5).joined(separator: ", "))
            }
            for alarm in report.alarms {
                lines.append("")
                let counts = BackTest.Verdict.allCases.compactMap { verdict in
                    alarm.counts[verdict].map { "\($0) \(self.word(verdict))" }
                }
                var line = "\(alarm.alarmID): " + counts.joined(separator: ", ")
                if alarm.earlierCount > 0 { line += "; \(alarm.earlierCount) earlier" }
                if alarm.laterCount > 0 { line += "; \(alarm.laterCount) later" }
                if let count = alarm.onlyTold[.production] {
                    line += "; \(count) kept back by the new rules"
                }
                if let count = alarm.onlyTold[.trial] {
                    line += "; \(count) told by the new rules alone"
                }
                lines.append(line)
                for episode in alarm.episodes { lines.append("  \(self.line(episode))") }
                let shown = UInt64(alarm.episodes.count)
                let total = alarm.counts.values.reduce(0, +)
                if total > shown { lines.append("  and \(total - shown) more") }
            }
            return lines
        }

        private static func line(_ episode: BackTest.Episode) -> String {
            let kept =
                switch (episode.isTold[.production] ?? true, episode.isTold[.trial] ?? true) {
                case (true, true): ""
                case (true, false): ", kept back by the new rules"
                case (false, true): ", kept back in production"
                case (false, false): ", kept back"
                }
            return self.times(episode) + kept
        }

        private static func times(_ episode: BackTest.Episode) -> String {
            let end =
                episode.end.map { "until \(LocalTime.text($0, digits: 3))" }
                ?? "still raised at the end"
            switch (episode.production, episode.trial) {
            case (let production?, let trial?) where production == trial:
                return "both          \(LocalTime.text(production, digits: 3)) \(end)"
            case (let production?, let trial?):
                return
                    "both          \(LocalTime.text(production, digits: 3)), new rules \(LocalTime.text(trial, digits: 3)) \(end)"
            case (let production?, nil):
                return "production    \(LocalTime.text(production, digits: 3)) \(end)"
            case (nil, let trial?):
                return "new rules     \(LocalTime.text(trial, digits: 3)) \(end)"
            case (nil, nil): return end
            }
        }

        private static func json(_ report: BackTest.Report, seconds: Double) -> String {
            var json = JSONWriter(reservingBytes: 4_096)
            json.object { json in
                if let begin = report.begin { json.field("begin", begin.rfc3339) }
                if let end = report.end { json.field("end", end.rfc3339) }
                json.field("records", report.recordCount)
                json.field("seconds", seconds)
                json.field("reproducible", report.doubts.count == 0)
                json.arrayField("doubts") { json in
                    for doubt in report.doubts.first { json.value(doubt.description) }
                }
                for verdict in BackTest.Verdict.allCases {
                    json.field(verdict.rawValue, report.count[verdict] ?? 0)
                }
                json.field("untracked", report.untrackedCount)
                json.arrayField("unknownSensors") { json in
                    for path in report.unknownPaths { json.value(path) }
                }
                json.arrayField("alarms") { json in
                    for alarm in report.alarms { Self.write(alarm, to: &json) }
                }
            }
            return json.text
        }

        private static func write(_ alarm: BackTest.Alarm, to json: inout JSONWriter) {
            json.object { json in
                json.field("alarmID", alarm.alarmID)
                json.field("priority", alarm.priority.word)
                for verdict in BackTest.Verdict.allCases {
                    json.field(verdict.rawValue, alarm.counts[verdict] ?? 0)
                }
                json.field("earlier", alarm.earlierCount)
                json.field("later", alarm.laterCount)
                json.field("toldByProductionOnly", alarm.onlyTold[.production] ?? 0)
                json.field("toldByTrialOnly", alarm.onlyTold[.trial] ?? 0)
                json.arrayField("episodes") { json in
                    for episode in alarm.episodes {
                        json.object { json in
                            json.field("verdict", episode.verdict.rawValue)
                            if let at = episode.production { json.field("production", at.rfc3339) }
                            if let at = episode.trial { json.field("trial", at.rfc3339) }
                            if let end = episode.end { json.field("end", end.rfc3339) }
                            if let isTold = episode.isTold[.production] {
                                json.field("productionTold", isTold)
                            }
                            if let isTold = episode.isTold[.trial] {
                                json.field("trialTold", isTold)
                            }
                        }
                    }
                }
            }
        }
    }
}
