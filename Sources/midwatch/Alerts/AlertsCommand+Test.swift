// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import Glibc
internal import JSONText
internal import OperatorConsole

extension AlertsCommand {
    /// The command `midwatch alerts test`.
    struct Test: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "test",
            abstract: "Sends a labelled test alarm end to end, and says what became of it.",
            discussion: """
                The engine raises an alarm that says DRILL everywhere (midwatch/NODE/drill/…); it \
                stands for 3 s, needs no acknowledgement and counts in no figure. All endpoints of \
                the route are told, those of its escalation as well, then that it is over. Exits \
                with 0 if every one of them took it, else with 1: at once if nothing can be sent \
                to one of them before somebody does something.

                EXAMPLES:
                  midwatch alerts test tunnel
                  midwatch alerts test --endpoint pager --priority critical
                """)

        @OptionGroup var daemon: DaemonOptions

        @Argument(help: "The route, as midwatch alerts routes names it.")
        var route: String?

        @Option(help: "One endpoint instead of a route.")
        var endpoint: String?

        @Option(help: "low, medium, high or critical.")
        var priority = "high"

        @Option(help: "Seconds to wait for every endpoint, 1 to 600.")
        var wait = 60

        func validate() throws {
            guard (self.route == nil) != (self.endpoint == nil) else {
                throw ValidationError("name a route, or an endpoint with --endpoint")
            }
            guard (1...600).contains(self.wait) else {
                throw ValidationError("--wait: expected 1 to 600")
            }
        }

        func run() throws {
            var json = JSONWriter()
            json.object { json in
                if let route = self.route { json.field("route", route) }
                if let endpoint = self.endpoint { json.field("endpoint", endpoint) }
                json.field("priority", self.priority)
            }
            let body = json.bytes
            let begun = try self.daemon.perform { client throws(ClientError) in
                try client.post("/v1/alerts/test", body)
            }
            let id = (try? JSONValue(parsing: begun.span))?["id"]?.string ?? ""
            let last = try self.follow(id)
            let hindered = Set((last["hindrances"]?.array ?? []).compactMap(Self.endpoint))
            let open = (last["open"]?.array ?? []).compactMap(\.string)
                .filter { !hindered.contains($0) && last["problem"] == nil }
            let taken = Set(
                (last["attempts"]?.array ?? []).filter { $0["delivered"]?.bool == true }
                    .compactMap { $0["endpoint"]?.string })
            let all = Set(
                ((try? JSONValue(parsing: begun.span))?["endpoints"]?.array ?? [])
                    .compactMap(\.string))
            for endpoint in open {
                CommandOutput.complain(
                    TerminalText.clean(
                        "\(endpoint): no outcome after \(self.wait) s; it is tried on"))
            }
            guard taken == all else { throw ExitCode.failure }
        }

        /// Shows attempts as they come; what was known last.
        private func follow(_ id: String) throws -> JSONValue {
            var shown = 0
            var told: Set<String> = []
            var last = JSONValue.null
            var left = self.wait * 5
            while true {
                let bytes = try self.daemon.perform { client throws(ClientError) in
                    try client.get("/v1/alerts/test/\(OperatorClient.encode(id))")
                }
                last = (try? JSONValue(parsing: bytes.span)) ?? .null
                let attempts = last["attempts"]?.array ?? []
                self.sayRaised(last, told: &told)
                if !self.daemon.json {
                    for attempt in attempts.dropFirst(shown) { Self.show(attempt) }
                }
                shown = attempts.count
                self.sayHindrances(last, told: &told)
                if Self.isOver(last) || left == 0 {
                    if self.daemon.json {
                        CommandOutput.write(String(decoding: bytes, as: UTF8.self))
                    }
                    return last
                }
                left -= 1
                usleep(200_000)
            }
        }

        /// Whether waiting any longer would tell nothing more.
        private static func isOver(_ test: JSONValue) -> Bool {
            if test["problem"] != nil { return true }
            guard test["raised"]?.bool == true else { return false }
            let lasting = (test["hindrances"]?.array ?? []).filter { $0["lasting"]?.bool == true }
            let stuck = Set(lasting.compactMap(Self.endpoint))
            return (test["open"]?.array ?? []).compactMap(\.string).allSatisfy(stuck.contains)
        }

        private static func endpoint(_ hindrance: JSONValue) -> String? {
            hindrance["endpoint"]?.string
        }

        /// Says once what the engine did.
        private func sayRaised(_ test: JSONValue, told: inout Set<String>) {
            guard let decision = test["decision"]?.string, told.insert("raised").inserted,
                !self.daemon.json
            else { return }
            CommandOutput.line(TerminalText.clean("engine: alarm raised, decision \(decision)"))
        }

        /// Says once each what stands in the way.
        private func sayHindrances(_ test: JSONValue, told: inout Set<String>) {
            if let problem = test["problem"]?.string, told.insert("problem").inserted {
                CommandOutput.complain(TerminalText.clean(problem))
            }
            for hindrance in test["hindrances"]?.array ?? [] {
                let endpoint = Self.endpoint(hindrance) ?? ""
                let reason = hindrance["reason"]?.string ?? ""
                guard told.insert("\(endpoint) \(reason)").inserted else { continue }
                CommandOutput.complain(
                    TerminalText.clean(
                        "\(endpoint): \(reason); \(hindrance["remedy"]?.string ?? "")"))
            }
        }

        private static func show(_ attempt: JSONValue) {
            let failure = attempt["failure"]?.string ?? ""
            let status = attempt["status"]?.integer ?? 0
            let what =
                attempt["delivered"]?.bool == true
                ? "delivered, status \(status)"
                : failure.isEmpty ? "failed, status \(status)" : "failed, \(failure)"
            let answer = attempt["answer"]?.string ?? ""
            CommandOutput.line(
                TerminalText.clean(
                    "\(attempt["endpoint"]?.string ?? ""): attempt "
                        + "\(attempt["attempt"]?.integer ?? 0) \(what), "
                        + "\(attempt["milliseconds"]?.integer ?? 0) ms"
                        + (answer.isEmpty ? "" : ": \(answer.prefix(200))")))
        }
    }
}
