// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import MidwatchModel
internal import OperatorConsole
internal import OperatorViews
internal import StateFolder

extension AlertsCommand {
    /// The command `midwatch alerts dead-letters`.
    struct DeadLetters: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "dead-letters",
            abstract: "Alerts that were given up: look at them, send them again, put them away.",
            discussion: """
                An alert is given up when its receiver refuses it, or after 24 h (4 h below high \
                priority) of trying. It stays here until it is sent again or dropped.

                EXAMPLES:
                  midwatch alerts dead-letters
                  midwatch alerts dead-letters show alert_4_81220_0
                  midwatch alerts dead-letters resend alert_4_81220_0 --endpoint control-room
                  midwatch alerts dead-letters resend --all --endpoint control-room
                  midwatch alerts dead-letters drop alert_4_81220_0
                """,
            subcommands: [List.self, Show.self, Resend.self, Drop.self],
            defaultSubcommand: List.self)

        /// As many as the outbox keeps.
        fileprivate static let countMax = 10_000

        /// The command `midwatch alerts dead-letters list`.
        struct List: ParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "list", abstract: "Lists alerts that were given up, newest first.")

            @OptionGroup var daemon: DaemonOptions

            @Option(help: "Only this endpoint.")
            var endpoint: String?

            @Option(help: "How many, 1 to 10,000.")
            var limit = 100

            @Option(help: "Only those behind this place: the `next` of what --json printed before.")
            var after: String?

            func validate() throws {
                guard (1...DeadLetters.countMax).contains(self.limit) else {
                    throw ValidationError("--limit: expected 1 to \(DeadLetters.countMax)")
                }
            }

            func run() throws {
                let query = DeadLetterQuery(
                    limit: self.limit, endpoint: self.endpoint, after: self.after)
                let page = try self.daemon.perform { client throws(ClientError) in
                    try client.allDeadLetters(query)
                }
                if self.daemon.json { return self.daemon.printJSON(page) }
                guard !page.items.isEmpty else {
                    return CommandOutput.line("no alert was given up")
                }
                var table = TextTable(
                    titles: [
                        "GIVEN UP", "ENDPOINT", "PRIORITY", "REASON", "ATTEMPTS", "STATUS",
                        "ALERT", "MESSAGE",
                    ], flexible: 7, rightAligned: [4, 5])
                for letter in page.items {
                    table.add([
                        LocalTime.text(letter.deadAt), letter.endpoint, letter.priority,
                        letter.reason,
                        "\(letter.attemptCount)",
                        letter.lastStatus > 0 ? "\(letter.lastStatus)" : "",
                        letter.alert, letter.message,
                    ])
                }
                CommandOutput.write(table.text(columns: CommandOutput.columns))
                guard page.next != nil else { return }
                CommandOutput.complain(
                    "midwatch: these are the newest \(page.items.count), there are more; "
                        + "--limit shows up to \(DeadLetters.countMax)")
            }
        }

        /// The command `midwatch alerts dead-letters show`.
        struct Show: ParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "show", abstract: "Shows an alert that was given up, with its body.")

            @OptionGroup var daemon: DaemonOptions

            @Argument(help: "Id of the alert, as the list shows it.")
            var alert: String

            func run() throws {
                let alert = self.alert
                let page = try self.daemon.perform { client throws(ClientError) in
                    try client.allDeadLetters(
                        DeadLetterQuery(limit: DeadLetters.countMax, alert: alert))
                }
                if self.daemon.json { return self.daemon.printJSON(page) }
                guard !page.items.isEmpty else { throw DeadLetters.unknown(alert) }
                for letter in page.items {
                    for (name, text) in [
                        ("alert", letter.alert), ("endpoint", letter.endpoint),
                        ("alarm", letter.alarmID), ("priority", letter.priority),
                        ("type", letter.type),
                        ("occurred", LocalTime.text(letter.occurredAt, digits: 3)),
                        ("given up", LocalTime.text(letter.deadAt, digits: 3)),
                        ("reason", letter.reason),
                        ("attempts", "\(letter.attemptCount)"),
                        ("last status", letter.lastStatus > 0 ? "\(letter.lastStatus)" : "none"),
                        ("last answer", letter.lastAnswer), ("message", letter.message),
                        ("body", DeliveryLine(at: letter.deadAt, body: letter.body).json),
                    ] {
                        CommandOutput.line(
                            TerminalText.clean(TerminalText.padded(name, to: 13) + text))
                    }
                }
            }
        }

        /// The command `midwatch alerts dead-letters resend`.
        struct Resend: ParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "resend",
                abstract: "Sends alerts again that were given up; their webhook-id stays.")

            @OptionGroup var choice: Choice

            func run() throws { try self.choice.order("resend", done: "sent again") }
        }

        /// The command `midwatch alerts dead-letters drop`.
        struct Drop: ParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "drop",
                abstract: "Puts alerts away that were given up: somebody was told by other means.")

            @OptionGroup var choice: Choice

            func run() throws { try self.choice.order("drop", done: "dropped") }
        }

        /// Which dead letters an order is about.
        struct Choice: ParsableArguments {
            @OptionGroup var daemon: DaemonOptions

            @Argument(help: "Id of the alert, as the list shows it.")
            var alert: String?

            @Flag(help: "All of them; with --endpoint those of one endpoint.")
            var all = false

            @Option(help: "Only this endpoint.")
            var endpoint: String?

            func validate() throws {
                guard (self.alert != nil) != self.all else {
                    throw ValidationError("name an alert, or give --all")
                }
            }

            func order(_ verb: String, done: String) throws {
                let (alert, endpoint) = (self.alert, self.endpoint)
                let page = try self.daemon.perform { client throws(ClientError) in
                    try client.allDeadLetters(
                        DeadLetterQuery(
                            limit: DeadLetters.countMax, alert: alert, endpoint: endpoint))
                }
                // Oldest first: alerts of one alarm arrive in their order.
                for letter in page.items.reversed() {
                    let view = try self.daemon.perform { client throws(ClientError) in
                        try client.order(verb, alert: letter.alert, endpoint: letter.endpoint)
                    }
                    if self.daemon.json {
                        self.daemon.printJSON(view)
                    } else {
                        CommandOutput.line(
                            TerminalText.clean("\(done): \(view.alert) to \(view.endpoint)"))
                    }
                }
                if page.items.isEmpty, let alert { throw DeadLetters.unknown(alert) }
                if page.items.isEmpty { CommandOutput.complain("midwatch: no alert was given up") }
            }
        }

        private static func unknown(_ alert: String) -> ExitCode {
            CommandOutput.complain(
                "midwatch: no dead letter of \(TerminalText.clean(alert)); "
                    + "see midwatch alerts dead-letters list")
            return .failure
        }
    }

    /// The command `midwatch alerts enable`.
    struct Enable: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "enable",
            abstract: "Uses an endpoint again that answered 410, or refused our credentials.",
            discussion: """
                EXAMPLES:
                  midwatch alerts enable control-room
                """)

        @OptionGroup var daemon: DaemonOptions

        @Argument(help: "Name of the endpoint.")
        var endpoint: String

        func run() throws {
            let endpoint = self.endpoint
            let view = try self.daemon.perform { client throws(ClientError) in
                try client.enable(endpoint: endpoint)
            }
            if self.daemon.json {
                self.daemon.printJSON(view)
            } else {
                CommandOutput.line(TerminalText.clean("enabled: \(view.endpoint)"))
            }
        }
    }
}
