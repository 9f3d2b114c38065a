// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import Glibc
internal import JSONText
internal import OperatorConsole
internal import OperatorViews
internal import StateFolder

/// The command `midwatch ingest`.
struct IngestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ingest", abstract: "Looks at what listeners receive.",
        subcommands: [Sources.self, Rejects.self], defaultSubcommand: Sources.self)

    /// The command `midwatch ingest sources`.
    struct Sources: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "sources",
            abstract: "Shows what each source sent and what became of it, the busiest first.",
            discussion: """
                RECEIVED = ACCEPTED + SHED + REJECTED for every source, since the daemon started. \
                LINES REFUSED are whole lines: how many readings were in them nobody knows. \
                STORED are rows in the archive, those of earlier runs too. PER S is measured over \
                one second; --now leaves it out and answers at once.

                EXAMPLES:
                  midwatch ingest
                  midwatch ingest sources --json | jq '.items[] | select(.shed > 0)'
                """)

        private static let lookMicroseconds: UInt32 = 1_000_000

        @OptionGroup var daemon: DaemonOptions

        @Flag(help: "Do not measure rates.")
        var now = false

        func run() throws {
            var sources = try self.look()
            if !self.now {
                usleep(Self.lookMicroseconds)
                let before = sources
                sources = try self.look()
                for (name, later) in sources {
                    let earlier = before[name]?.received ?? 0
                    let growth = later.received > earlier ? later.received - earlier : 0
                    sources[name]?.rate =
                        Double(growth) * 1e6 / Double(Self.lookMicroseconds)
                }
            }
            let sorted = sources.values.sorted {
                ($1.rate ?? 0, $1.received, $0.name) < ($0.rate ?? 0, $0.received, $1.name)
            }
            if self.daemon.json {
                self.printJSON(sorted)
            } else if sorted.isEmpty {
                CommandOutput.line("nothing was received since the start")
            } else {
                CommandOutput.write(SourceTable.text(sorted, columns: CommandOutput.columns))
            }
        }

        private func look() throws -> [String: SourceCounts] {
            let page = try self.daemon.perform { client throws(ClientError) in
                MetricsPage(try client.get("/metrics"))
            }
            var sources: [String: SourceCounts] = [:]
            for (labels, count) in page.series("midwatch_source_readings_total") {
                guard let name = labels["source"] else { continue }
                var source = sources[name] ?? SourceCounts(name: name)
                switch labels["outcome"] {
                case "received": source.received = count
                case "accepted": source.accepted = count
                case "shed": source.shed = count
                case "rejected": source.rejected = count
                case "linesRejected": source.linesRejected = count
                case "stored": source.stored = count
                default: break
                }
                sources[name] = source
            }
            return sources
        }

        private func printJSON(_ sources: [SourceCounts]) {
            var json = JSONWriter()
            json.object { json in
                json.arrayField("items") { json in
                    for source in sources {
                        json.object { json in
                            json.field("source", source.name)
                            if let rate = source.rate { json.field("receivedPerSecond", rate) }
                            json.field("received", source.received)
                            json.field("accepted", source.accepted)
                            json.field("shed", source.shed)
                            json.field("rejected", source.rejected)
                            json.field("linesRejected", source.linesRejected)
                            json.field("stored", source.stored)
                        }
                    }
                }
            }
            CommandOutput.line(json.text)
        }
    }

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
                CommandOutput.write(
                    RejectTable.text(page.items, columns: CommandOutput.columns) {
                        LocalTime.text($0, digits: 3)
                    })
            }
        }
    }
}
