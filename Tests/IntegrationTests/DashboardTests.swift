// SPDX-License-Identifier: Apache-2.0

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
