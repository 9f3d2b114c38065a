// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import OperatorConsole
internal import OperatorViews

/// The command `midwatch ingest`.
struct IngestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ingest", abstract: "Looks at what listeners receive.",
        subcommands: [Rejects.self], defaultSubcommand: Rejects.self)

    /// The command `midwatch ingest rejects`.
    struct Rejects: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rejects",
            abstract: "Shows the last messages and lines that were refused, newest first.",
            discussion: """
                Each listener keeps the last 64 in memory. AT is the byte of the message at which \
                the fault was found. What is counted is on the metrics page, by cause; \
                midwatch decode shows how a payload would be read.

                EXAMPLES:
                  midwatch ingest rejects
                  midwatch ingest rejects --limit 5
                  midwatch ingest rejects --json | jq -r '.items[].cause' | sort | uniq -c
                """)

        @OptionGroup var daemon: DaemonOptions

        @Option(help: "How many, 1 to 1,000.")
        var limit = 100

        func validate() throws {
            guard (1...1_000).contains(self.limit) else {
                throw ValidationError("--limit: expected 1 to 1000")
            }
        }

        func run() throws {
            let limit = self.limit
            let page = try self.daemon.perform { client throws(ClientError) in
                try client.rejects(limit: limit)
            }
            if self.daemon.json {
                self.daemon.printJSON(page)
            } else if page.items.isEmpty {
                CommandOutput.line("nothing was refused since the start")
            } else {
                CommandOutput.write(RejectTable.text(page.items, columns: CommandOutput.columns))
            }
        }
    }
}
