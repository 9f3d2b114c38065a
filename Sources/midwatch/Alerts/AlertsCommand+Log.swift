// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import Glibc
internal import JSONText
internal import Journal
internal import MidwatchModel
internal import OperatorConsole
internal import OperatorViews
internal import StateFolder

extension AlertsCommand {
    /// The command `midwatch alerts log`.
    struct Log: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "log", abstract: "Shows every attempt to deliver, and what it came to.",
            discussion: """
                Attempts come from the access log, which keeps the newest 64 MiB; what became of \
                an alert in the end (given up, superseded) from the ledger. Oldest first. It only \
                reads files and may run beside the daemon or without it.

                EXAMPLES:
                  midwatch alerts log
                  midwatch alerts log --since 7d --endpoint control-room
                  midwatch alerts log --alert alert_4_81220_0
                  midwatch alerts log --failed --json | jq -r .answer
                """)

        /// Lines that are shown; the newest stay.
        private static let lineCountMax = 100_000

        @OptionGroup var state: StateOptions

        @Option(
            parsing: .unconditional,
            help: ArgumentHelp(
                "Since when: \(MomentArgument.help). Default: 24h.", valueName: "time"),
            transform: MomentArgument.parse)
        var since = MomentArgument(ago: 86_400)

        @Option(help: "Only this endpoint.")
        var endpoint: String?

        @Option(help: "Only the alert with this id.")
        var alert: String?

        @Flag(help: "Only what did not arrive.")
        var failed = false

        func run() throws {
            let folders = try self.state.folders(reading: "access log") { $0.accessLog }
            let begin = self.since.moment
            var lines = DeliveryLines(since: begin, countMax: Self.lineCountMax)
            self.read(folders.accessLog, ["deliveryAttempt"], into: &lines)
            self.read(
                folders.ledger, ["alertDeadLettered", "alertSuperseded", "endpointBreaker"],
                into: &lines)
            let shown = lines.sorted().filter(self.isWanted)
            if self.state.json {
                for line in shown { CommandOutput.line(line.json) }
            } else if shown.isEmpty {
                CommandOutput.line("no attempt since \(LocalTime.text(begin))")
            } else {
                var table = TextTable(
                    titles: [
                        "TIME", "ENDPOINT", "OUTCOME", "ATTEMPT", "LATENCY", "ALARM", "ALERT",
                        "ANSWER",
                    ], flexible: 7, rightAligned: [3, 4], paths: [5], spare: [4, 6])
                for line in shown { table.add(line.cells) }
                CommandOutput.write(table.text(columns: CommandOutput.columns))
            }
            if lines.droppedCount > 0 {
                CommandOutput.complain(
                    "midwatch: \(lines.droppedCount) older lines not shown; give a later --since")
            }
        }

        private func isWanted(_ line: DeliveryLine) -> Bool {
            (self.endpoint == nil || line.endpoint == self.endpoint)
                && (self.alert == nil || line.alert == self.alert)
                && (!self.failed || !line.isDelivered)
        }

        /// Damage is named and passed: what can be read is shown.
        private func read(_ folder: String, _ kinds: Set<String>, into lines: inout DeliveryLines) {
            var reader = LedgerReader(directory: folder)
            while true {
                do throws(LedgerError) {
                    guard let line = try reader.next() else { return }
                    lines.take(line, kinds)
                } catch {
                    if case .lineTooOld(let oldest) = error {
                        reader = LedgerReader(directory: folder, fromLine: oldest)
                        continue
                    }
                    return self.state.complain(error)
                }
            }
        }
    }
}
