// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import JSONText
internal import OperatorConsole

extension AlertsCommand {
    /// The command `midwatch alerts routes`.
    struct Routes: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "routes",
            abstract:
                "Shows the routes, or who would be told of an alarm, in which order and when.",
            discussion: """
                EXAMPLES:
                  midwatch alerts routes
                  midwatch alerts routes --explain tunnel/west/co
                  midwatch alerts routes --explain tunnel/west/co:high
                """)

        @OptionGroup var daemon: DaemonOptions

        @Option(help: "A sensor, or one alarm of it: PATH or PATH:ALARM.")
        var explain: String?

        func run() throws {
            let query = self.explain.map { "?explain=" + OperatorClient.encode($0) } ?? ""
            let bytes = try self.daemon.perform { client throws(ClientError) in
                try client.get("/v1/alerts/routes" + query)
            }
            if self.daemon.json {
                return CommandOutput.write(String(decoding: bytes, as: UTF8.self))
            }
            let items = (try? JSONValue(parsing: bytes.span))?["items"]?.array ?? []
            for item in items {
                guard self.explain != nil else {
                    Self.describe(item, indent: "")
                    continue
                }
                Self.explain(item)
            }
        }

        private static func explain(_ item: JSONValue) {
            let asset = item["asset"]?.string ?? ""
            CommandOutput.line(
                TerminalText.clean(
                    "\(item["alarmID"]?.string ?? ""): \(item["priority"]?.string ?? ""), class "
                        + "\(item["class"]?.string ?? "")"
                        + (asset.isEmpty ? "" : ", asset \(asset)")))
            if let reason = item["withheld"]?.string {
                CommandOutput.line(TerminalText.clean("  kept back now: \(reason)"))
            }
            let routes = item["routes"]?.array ?? []
            if item["unrouted"]?.bool == true {
                CommandOutput.line(
                    routes.isEmpty ? "  fits no route: nobody is told" : "  fits no route:")
            }
            for route in routes { Self.describe(route, indent: "  ") }
        }

        /// One route in words: who, when.
        private static func describe(_ route: JSONValue, indent: String) {
            var lines = ["route \(route["route"]?.string ?? "")"]
            if route["tellsNobody"]?.bool == true { lines.append("  tells nobody") }
            var before = 0
            for (number, stage) in (route["stages"]?.array ?? []).enumerated() {
                let names = (stage["endpoints"]?.array ?? []).compactMap(\.string)
                    .joined(separator: ", ")
                let level = Int(stage["level"]?.integer ?? 0)
                var when: [String] = []
                if number == 0 {
                    when.append("at once")
                } else {
                    when.append("when it was not delivered for \(Self.span(before))")
                    if let seconds = stage["unacknowledgedSeconds"]?.integer {
                        when.append("not acknowledged for \(Self.span(Int(seconds)))")
                    }
                }
                let what = level == 0 ? "" : " (level \(level))"
                lines.append("  \(names)\(what): \(when.joined(separator: ", or "))")
                before = Int(stage["undeliveredSeconds"]?.integer ?? 0)
            }
            if let seconds = route["repeatSeconds"]?.integer {
                lines.append("  again every \(Self.span(Int(seconds))) while unacknowledged")
            }
            if let seconds = route["standingSeconds"]?.integer {
                lines.append(
                    "  again every \(Self.span(Int(seconds))) while acknowledged and standing")
            }
            if let labels = route["groupedBy"]?.array {
                lines.append(
                    "  grouped by "
                        + labels.compactMap(\.string).joined(separator: ", "))
            }
            for line in lines { CommandOutput.line(TerminalText.clean(indent + line)) }
        }

        private static func span(_ seconds: Int) -> String {
            if seconds >= 3_600, seconds % 3_600 == 0 { return "\(seconds / 3_600) h" }
            if seconds >= 60, seconds % 60 == 0 { return "\(seconds / 60) min" }
            return "\(seconds) s"
        }
    }
}
