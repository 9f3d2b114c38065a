// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import OperatorConsole
internal import OperatorViews

/// The command `midwatch alarms`.
struct AlarmsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "alarms", abstract: "Lists alarms, acts on them, and judges them.",
        discussion: """
            Every action is recorded with your user name, where you sit, and the comment.

            EXAMPLES:
              midwatch alarms                         what is not normal, most urgent first
              midwatch alarms show 'tunnel/west/co:high'
              midwatch alarms ack 'tunnel/west/co:high' --comment 'fans started'
              midwatch alarms shelve 'pump/3/flow:low' --for 30m --reason 'filter change'
            """,
        subcommands: [
            List.self, Show.self, Acknowledge.self, Shelve.self, Unshelve.self, Reset.self,
            OutOfService.self, Return.self, Comment.self, KPI.self,
        ], defaultSubcommand: List.self)

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

        @OptionGroup var filters: FilterOptions

        @Flag(help: "Also alarms that are normal.")
        var all = false

        func run() throws {
            var query = AlarmQuery(limit: 1_000)
            query.filter = self.filter ?? ""
            query.area = self.filters.areaFilter
            query.states = self.filters.states
            query.priorities = self.filters.priorities
            query.includesNormal = self.all
            let (status, alarms) = try self.daemon.perform { client throws(ClientError) in
                (try client.status(), try client.allAlarms(query))
            }
            if self.daemon.json {
                self.daemon.printJSON(PageView(items: alarms))
                return
            }
            // What is not known must not look like what is in order.
            if status.health != .healthy {
                CommandOutput.complain(
                    TerminalText.clean(
                        "midwatch: Midwatch itself is \(status.health.word): "
                            + status.modes.joined(separator: ", ")))
            }
            if alarms.isEmpty {
                return CommandOutput.line(
                    query == AlarmQuery(limit: query.limit)
                        ? "no alarms" : "no alarm fits; without the filter there may be some")
            }
            CommandOutput.write(
                AlarmTable.text(
                    alarms, time: status.time, times: .local, columns: CommandOutput.columns))
        }
    }

    /// The command `midwatch alarms show`.
    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show", abstract: "Shows everything about one alarm.",
            discussion: """
                EXAMPLES:
                  midwatch alarms show 'tunnel/west/co:high'
                  midwatch alarms show 'tunnel/west/co:high' --json | jq .shelvedUntil
                """)

        @OptionGroup var daemon: DaemonOptions

        @Argument(help: AlarmArgument.help, completion: Completion.alarms)
        var alarmID: String

        func run() throws {
            let wanted = self.alarmID
            let (status, alarm) = try self.daemon.perform(about: wanted) {
                client throws(ClientError) in
                (try client.status(), try client.alarm(wanted))
            }
            if self.daemon.json {
                self.daemon.printJSON(alarm)
            } else {
                CommandOutput.write(AlarmSheet.text(alarm, time: status.time))
            }
        }
    }

    /// The command `midwatch alarms ack`.
    struct Acknowledge: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "ack", abstract: "Acknowledges alarms, each by its activation.",
            discussion: """
                Without --activation the present one is shown and acknowledged. With it, the \
                command is refused if the alarm was raised anew since. --all takes every alarm \
                that wants an acknowledgement, or those that --filter fits, after showing them.

                EXAMPLES:
                  midwatch alarms ack 'tunnel/west/co:high' --comment 'fans started'
                  midwatch alarms ack 'tunnel/west/co:high' --activation 4:81220.0
                  midwatch alarms ack --all --filter 'tunnel/#' --comment 'power is back'
                """)

        @OptionGroup var daemon: DaemonOptions
        @OptionGroup var words: ReasonOptions

        @Argument(
            help: ArgumentHelp(
                "The alarms, PATH:KIND as the list shows them.", valueName: "alarm"),
            completion: Completion.alarms)
        var alarmIDs: [String] = []

        @Option(help: "The activation that was seen, EPOCH:N.K; for one alarm.")
        var activation: String?

        @Flag(help: "Every alarm that wants an acknowledgement.")
        var all = false

        @Option(help: "With --all: a part of the alarm id or title, or a template with + and #.")
        var filter: String?

        @OptionGroup var consent: ConsentOptions

        func validate() throws {
            if self.all != self.alarmIDs.isEmpty {
                throw ValidationError("Name the alarms, or say --all.")
            }
            if self.filter != nil, !self.all {
                throw ValidationError("--filter goes with --all.")
            }
            if self.activation != nil, self.alarmIDs.count != 1 {
                throw ValidationError("--activation goes with one alarm.")
            }
        }

        func run() throws {
            if let activation = self.activation, let alarmID = self.alarmIDs.first {
                return try self.acknowledge([(alarmID, activation)])
            }
            let chosen = try self.chosen()
            if chosen.count > 1 {
                try self.consent.ask("Acknowledge these \(chosen.count) alarms?")
            }
            try self.acknowledge(chosen.map { ($0.alarmID, $0.activation) })
        }

        /// The alarms that are meant, after showing what they are about.
        private func chosen() throws -> [AlarmView] {
            var query = AlarmQuery(limit: 1_000)
            query.filter = self.filter ?? ""
            let (wanted, takesAll) = (self.alarmIDs, self.all)
            var alarms: [AlarmView] = []
            if takesAll {
                alarms = try self.daemon.perform { client throws(ClientError) in
                    try client.allAlarms(query).filter { $0.state.needsAcknowledgement }
                }
            }
            for alarmID in wanted {
                alarms.append(
                    try self.daemon.perform(about: alarmID) { client throws(ClientError) in
                        try client.alarm(alarmID)
                    })
            }
            for alarm in alarms {
                CommandOutput.complain(TerminalText.clean(AlarmTable.oneLine(alarm, times: .local)))
            }
            if alarms.isEmpty { CommandOutput.complain("midwatch: nothing to acknowledge") }
            for alarm in alarms where alarm.activation.isEmpty {
                CommandOutput.complain(
                    TerminalText.clean("midwatch: \(alarm.alarmID) was never raised"))
                throw ExitCode.failure
            }
            return alarms
        }

        private func acknowledge(_ alarms: [(alarmID: String, activation: String)]) throws {
            let comment = self.words.comment
            if alarms.count == 1, let alarm = alarms.first {
                let view = try self.daemon.perform(about: alarm.alarmID) {
                    client throws(ClientError) in
                    try client.act(
                        .acknowledge, on: alarm.alarmID, activation: alarm.activation,
                        comment: comment)
                }
                return self.daemon.printDone(view)
            }
            var results: [AlarmCommandResult] = []
            let most = OperatorClient.alarmsAtOnceMax
            for start in stride(from: 0, to: alarms.count, by: most) {
                let some = Array(alarms[start..<min(start + most, alarms.count)])
                results += try self.daemon.perform { client throws(ClientError) in
                    try client.acknowledge(some, comment: comment).items
                }
            }
            if self.daemon.json { self.daemon.printJSON(PageView(items: results)) }
            for result in results where !self.daemon.json {
                if let done = result.done { self.daemon.printDone(done) }
                if let problem = result.problem {
                    CommandOutput.complain(
                        TerminalText.clean(
                            "midwatch: \(result.alarmID): \(problem.title): \(problem.detail)"))
                }
            }
            if results.contains(where: { $0.done == nil }) { throw ExitCode.failure }
        }
    }
}
