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
                The message says DRILL and carries "drill": true; its return follows at once. All \
                endpoints of the route are told, those of its escalation as well. Exits with 0 if \
                every one of them took it, else with 1.

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
            let open = (last["open"]?.array ?? []).compactMap(\.string)
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
            var last = JSONValue.null
            var left = self.wait * 5
            while true {
                let bytes = try self.daemon.perform { client throws(ClientError) in
                    try client.get("/v1/alerts/test/\(OperatorClient.encode(id))")
                }
                last = (try? JSONValue(parsing: bytes.span)) ?? .null
                let attempts = last["attempts"]?.array ?? []
                if !self.daemon.json {
                    for attempt in attempts.dropFirst(shown) { Self.show(attempt) }
                }
                shown = attempts.count
                if last["open"]?.array?.isEmpty != false || left == 0 {
                    if self.daemon.json {
                        CommandOutput.write(String(decoding: bytes, as: UTF8.self))
                    }
                    return last
                }
                left -= 1
                usleep(200_000)
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
