// SPDX-License-Identifier: Apache-2.0

import JSONText
import OperatorConsole
import Testing

extension IntegrationTests {
    /// What is shipped for Prometheus and Grafana speaks of metrics that a running daemon has.
    @Suite struct DashboardTests {
        private static let folder: String = {
            let parts = "\(#filePath)".split(separator: "/").dropLast(3)
            return "/" + parts.joined(separator: "/") + "/Dashboards"
        }()

        private func promtool(_ arguments: String) throws -> String {
            try ChildProcess.run(["/bin/sh", "-c", "exec promtool \(arguments)"])
        }

        /// Names of metrics in a text, without what a histogram adds to its own.
        private func metrics(in text: String) -> Set<String> {
            let isPart: (Character) -> Bool = { $0.isASCII && ($0.isLetter || $0 == "_") }
            let words = text.split { !isPart($0) }.filter { $0.hasPrefix("midwatch_") }
            return Set(
                words.map { word in
                    for suffix in ["_bucket", "_sum", "_count"] where word.hasSuffix(suffix) {
                        return String(word.dropLast(suffix.count))
                    }
                    return String(word)
                })
        }

        @Test func `the rules for Prometheus are well-formed and pass their tests`() throws {
            _ = try self.promtool("check rules \(Self.folder)/midwatch.rules.yaml")
            _ = try self.promtool("test rules \(Self.folder)/midwatch.rules.test.yaml")
        }

        @Test func `every rule for Prometheus has a test in which it fires`() throws {
            let rules = File.text("\(Self.folder)/midwatch.rules.yaml")
            let tests = File.text("\(Self.folder)/midwatch.rules.test.yaml")
            let names = rules.matches(of: #/- alert: (\w+)/#).map { String($0.1) }
            #expect(names.count > 10)
            for name in names {
                let isQuietTested = tests.contains("alertname: \(name), exp_alerts: []")
                let fires =
                    tests.contains(
                        "alertname: \(name)\n        exp_alerts:\n          - exp_labels")
                    || tests.contains("ALERTS{alertname=\"\(name)\", alertstate=\"firing\"")
                #expect(isQuietTested && fires, "\(name)")
            }
        }

        @Test func `every expression of the dashboards is one that Prometheus reads`() throws {
            var expressions: Set<String> = []
            for name in ["monitor.json", "alarms.json"] {
                let dashboard = try JSONValue(parsing: File.text("\(Self.folder)/\(name)"))
                for panel in dashboard["panels"]?.array ?? [] {
                    for target in panel["targets"]?.array ?? [] {
                        expressions.insert(try #require(target["expr"]?.string))
                    }
                }
            }
            #expect(expressions.count > 30)
            // Recording rules: promtool reads every expression of them.
            var rules = "groups:\n  - name: dashboards\n    rules:\n"
            for (number, expression) in expressions.sorted().enumerated() {
                rules += "      - record: dashboard:expression:\(number)\n"
                rules += "        expr: '\(expression.replacing("'", with: "''"))'\n"
            }
            let folder = try TemporaryFolder()
            let file = folder.file("dashboards.rules.yaml")
            try File.write(file, rules)
            let said = try self.promtool("check rules \(file)")
            #expect(said.contains("\(expressions.count) rules found"))
        }

        @Test func `the metrics page keeps the conventions and has every metric that is spoken of`()
            async throws
        {
            let folder = try TemporaryFolder()
            let sink = try await Sink(in: folder)
            let site = try Site(
                Site.options(sensors: Site.limitSensor("dash/one"), sink: sink), folder: folder)
            try await site.start()
            let device = try FieldDevice(site)
            #expect(
                try await waits(20) {
                    device.send("dash/one", 1)
                    return try site.metric("midwatch_readings_stored_total") > 0
                        && site.metric("midwatch_disk_free_bytes") > 0
                })
            let page = String(decoding: try site.client.get("/metrics"), as: UTF8.self)
            let file = folder.file("page")
            try File.write(file, page)
            _ = try self.promtool("check metrics < \(file)")
            let known = Set(
                page.split(separator: "\n").filter { $0.hasPrefix("# TYPE ") }
                    .map { String($0.split(separator: " ")[2]) })
            for name in ["monitor.json", "alarms.json", "midwatch.rules.yaml"] {
                let text = File.text("\(Self.folder)/\(name)")
                let spoken = self.metrics(in: text)
                #expect(spoken.count > 3, "\(name) speaks of metrics")
                #expect(spoken.subtracting(known).isEmpty, "\(name): \(spoken.subtracting(known))")
            }
            #expect(try await site.stop() == 0)
        }
    }
}
