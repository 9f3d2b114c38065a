// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import OperatorConsole
internal import OperatorViews

/// The command `midwatch alarms`.
struct AlarmsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "alarms", abstract: "Lists, acknowledges and judges alarms.",
        subcommands: [List.self, Acknowledge.self, KPI.self], defaultSubcommand: List.self)

    /// The command `midwatch alarms list`.
    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "Lists alarms that are not normal, most urgent first.",
            discussion: """
                EXAMPLES:
                  midwatch alarms list
                  midwatch alarms list 'tunnel/#' --json
                """)

        @OptionGroup var daemon: DaemonOptions

        @Argument(help: "A part of the alarm id or title, or a template with + and #.")
        var filter: String?

        @Flag(help: "Also alarms that are normal.")
        var all = false

        func run() throws {
            var query = AlarmQuery(limit: 1_000)
            query.filter = self.filter ?? ""
            query.includesNormal = self.all
            let (status, page) = try self.daemon.perform { client throws(ClientError) in
                (try client.status(), try client.alarms(query))
            }
            if self.daemon.json {
                self.daemon.printJSON(page)
            } else {
                CommandOutput.write(
                    AlarmTable.text(page.items, time: status.time, columns: CommandOutput.columns))
            }
        }
    }

    /// The command `midwatch alarms ack`.
    struct Acknowledge: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "ack", abstract: "Acknowledges one activation of an alarm.",
            discussion: """
                Without --activation the present one is shown and acknowledged. With it, the \
                command is refused if the alarm was raised anew since.

                EXAMPLES:
                  midwatch alarms ack 'tunnel/west/co:high' --comment 'fans started'
                  midwatch alarms ack 'tunnel/west/co:high' --activation 4:81220.0
                """)

        @OptionGroup var daemon: DaemonOptions

        @Argument(help: "The alarm, PATH:KIND as the list shows it.")
        var alarmID: String

        @Option(help: "The activation that was seen, EPOCH:N.K.")
        var activation: String?

        @Option(help: "What you found or do; it is kept in the ledger.")
        var comment = ""

        func run() throws {
            let chosen = try self.activation ?? self.presentActivation()
            let (alarmID, comment) = (self.alarmID, self.comment)
            let view = try self.daemon.perform { client throws(ClientError) in
                try client.acknowledge(alarmID: alarmID, activation: chosen, comment: comment)
            }
            if self.daemon.json {
                self.daemon.printJSON(view)
            } else {
                let note = view.recorded ? "" : " (not yet recorded on disk)"
                CommandOutput.line(
                    TerminalText.clean(
                        "acknowledged \(view.alarmID) \(view.activation)"
                            + " at \(view.position)\(note)"))
            }
        }

        /// The activation that the alarm has now, after showing what it is about.
        private func presentActivation() throws -> String {
            let wanted = self.alarmID
            let alarm = try self.daemon.perform { client throws(ClientError) in
                var query = AlarmQuery(limit: 1_000)
                query.includesNormal = true
                query.filter = wanted
                return try client.alarms(query).items.first { $0.alarmID == wanted }
            }
            guard let alarm else {
                CommandOutput.complain(
                    "midwatch: no alarm is called \(TerminalText.clean(wanted)); "
                        + "see midwatch alarms list --all")
                throw ExitCode.failure
            }
            CommandOutput.complain(TerminalText.clean(AlarmTable.oneLine(alarm)))
            guard !alarm.activation.isEmpty else {
                CommandOutput.complain("midwatch: it was never raised; nothing to acknowledge")
                throw ExitCode.failure
            }
            return alarm.activation
        }
    }
}
