// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import JSONText
internal import OperatorConsole

extension AlertsCommand {
    /// The command `midwatch alerts silence`.
    struct Silence: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "silence",
            abstract: "Keeps alerts back for a while; alarms go on and are shown.",
            discussion: """
                Name at least one of --sensor, --asset, --alarm, --class, --priority, --label; an \
                alarm must fit all that are named. Critical alarms are kept back only with \
                --include-critical. What still stands unanswered when the silence ends is told \
                then. To end it before: midwatch alerts silence --remove ID.

                EXAMPLES:
                  midwatch alerts silence --sensor 'tunnel/west/#' --for 2h --reason 'fan works'
                  midwatch alerts silence --asset tunnel/west --priority low --for 30m --reason dust
                  midwatch alerts silence --remove silence-4-1
                """)

        @OptionGroup var daemon: DaemonOptions

        @Option(help: "A path or a template with + and #; may be given several times.")
        var sensor: [String] = []

        @Option(help: "An asset; what is below it belongs to it.")
        var asset: [String] = []

        @Option(help: "The name of alarms: high, stale, the name of a rule.")
        var alarm: [String] = []

        @Option(name: .customLong("class"), help: "A class of alarms.")
        var alarmClass: [String] = []

        @Option(help: "low, medium, high or critical.")
        var priority: [String] = []

        @Option(help: "NAME=VALUE of a label.")
        var label: [String] = []

        @Option(name: .customLong("for"), help: "How long: 30m, 2h, 1d; 31 days at most.")
        var span: String?

        @Option(help: "Why; it is kept in the ledger.")
        var reason = ""

        @Flag(help: "Keep critical alarms back as well.")
        var includeCritical = false

        @Option(help: "End the silence with this id.")
        var remove: String?

        func validate() throws {
            guard self.remove == nil else { return }
            let words =
                self.sensor + self.asset + self.alarm + self.alarmClass + self.priority + self.label
            guard !words.isEmpty else {
                throw ValidationError("name what is silenced, with --sensor or the like")
            }
            guard let span = self.span, Self.seconds(span) != nil else {
                throw ValidationError("--for: expected a time with its unit, such as 30m, 2h or 1d")
            }
            guard !self.reason.isEmpty else { throw ValidationError("--reason: say why") }
            guard self.label.allSatisfy({ $0.contains("=") }) else {
                throw ValidationError("--label: expected NAME=VALUE")
            }
        }

        func run() throws {
            if let id = self.remove {
                let path = "/v1/alerts/silences/\(OperatorClient.encode(id))/remove"
                let answer = try self.daemon.perform { client throws(ClientError) in
                    try client.post(path, Array("{}".utf8))
                }
                return self.print(answer, "ended \(id)" + Self.doubt(answer))
            }
            let body = self.body()
            let answer = try self.daemon.perform { client throws(ClientError) in
                try client.post("/v1/alerts/silences", body)
            }
            let view = try? JSONValue(parsing: answer.span)
            self.print(
                answer,
                "\(view?["id"]?.string ?? "") until \(view?["until"]?.string ?? "")"
                    + (self.includeCritical ? "" : "; critical alarms are told all the same")
                    + Self.doubt(answer))
        }

        /// What the disk has not taken may be forgotten by a crash.
        private static func doubt(_ answer: [UInt8]) -> String {
            let isRecorded = (try? JSONValue(parsing: answer.span))?["recorded"]?.bool ?? true
            return isRecorded ? "" : "; NOT RECORDED YET: the ledger is not written"
        }

        private func print(_ answer: [UInt8], _ line: String) {
            if self.daemon.json {
                CommandOutput.write(String(decoding: answer, as: UTF8.self))
            } else {
                CommandOutput.line(TerminalText.clean(line))
            }
        }

        private func body() -> [UInt8] {
            var json = JSONWriter()
            json.object { json in
                json.objectField("match") { json in
                    let lists = [
                        ("sensors", self.sensor), ("assets", self.asset), ("alarms", self.alarm),
                        ("classes", self.alarmClass), ("priorities", self.priority),
                    ]
                    for (name, words) in lists where !words.isEmpty {
                        json.arrayField(name) { json in for word in words { json.value(word) } }
                    }
                    guard !self.label.isEmpty else { return }
                    json.objectField("labels") { json in
                        for label in self.label {
                            let parts = label.split(
                                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                            json.field(String(parts[0]), String(parts[1]))
                        }
                    }
                }
                json.field("seconds", self.span.flatMap(Self.seconds) ?? 0)
                json.field("reason", self.reason)
                json.field("includesCritical", self.includeCritical)
            }
            return json.bytes
        }

        /// Seconds of `30m`; nil if it is not a time.
        static func seconds(_ text: String) -> Int64? {
            let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3_600, "d": 86_400]
            guard let last = text.last, let unit = units[last],
                let count = Int64(text.dropLast()), (1...1_000_000).contains(count)
            else { return nil }
            return count * unit
        }
    }

    /// The command `midwatch alerts silences`.
    struct Silences: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "silences", abstract: "Lists silences and maintenance.",
            discussion: """
                EXAMPLES:
                  midwatch alerts silences
                  midwatch alerts silences --json | jq -r '.items[] | select(.holds).id'
                """)

        @OptionGroup var daemon: DaemonOptions

        func run() throws {
            let bytes = try self.daemon.perform { client throws(ClientError) in
                try client.get("/v1/alerts/silences")
            }
            if self.daemon.json {
                return CommandOutput.write(String(decoding: bytes, as: UTF8.self))
            }
            let items = (try? JSONValue(parsing: bytes.span))?["items"]?.array ?? []
            if items.isEmpty { return CommandOutput.line("nothing is silenced") }
            for item in items {
                guard let silence = item["silence"] else { continue }
                let until = silence["until"]?.string.map { "until \($0)" } ?? "every week"
                let state = item["holds"]?.bool == true ? "holds" : "does not hold now"
                let critical =
                    silence["includesCritical"]?.bool == true ? ", critical alarms as well" : ""
                let match = silence["match"].map(Self.text) ?? ""
                let lines = [
                    "\(item["id"]?.string ?? "")  \(state), \(until)\(critical)", "  \(match)",
                    "  \(silence["author"]?.string ?? ""): \(silence["reason"]?.string ?? "")",
                ]
                for line in lines { CommandOutput.line(TerminalText.clean(line)) }
            }
        }

        private static func text(_ match: JSONValue) -> String {
            guard case .object(let members) = match else { return "" }
            return members.map { name, value in
                if case .object(let labels) = value {
                    return labels.map { "\($0.name)=\($0.value.string ?? "")" }
                        .joined(separator: " ")
                }
                let words = (value.array ?? []).compactMap(\.string).joined(separator: ", ")
                return "\(name): \(words)"
            }.joined(separator: "; ")
        }
    }
}
