// SPDX-License-Identifier: Apache-2.0

import Glibc
import JSONText
import OperatorConsole
import Testing

extension IntegrationTests {
    /// What a person types first on a machine, and when nothing seems to arrive.
    @Suite struct DoctorTests {
        private func doctor(_ site: Site, _ statuses: Set<Int32>) throws -> [Substring] {
            // The root of a container may write anywhere, so rights are not looked at here.
            try ChildProcess.run(
                [try Places.program("midwatch"), "doctor", site.configurationPath],
                statuses: statuses
            ).split(separator: "\n")
        }

        @Test func `a site in order has no failure, and what is away is named with its remedy`()
            async throws
        {
            let folder = try TemporaryFolder()
            let sink = try await Sink(in: folder)
            let postgres = try await Postgres()
            let site = try Site(
                Site.options(
                    sensors: Site.limitSensor("doctor/one"), postgres: postgres, sink: sink),
                folder: folder)
            try await site.start()
            let device = try FieldDevice(site)
            #expect(
                try await waits(20) {
                    device.send("doctor/one", 1)
                    return try site.metric("midwatch_readings_stored_total") > 0
                })
            let whole = try self.doctor(site, [0])
            for topic in ["configuration", "disk sync", "disk speed", "archive", "endpoint sink"] {
                #expect(whole.contains { $0.hasPrefix("ok       \(topic) ") }, "\(topic): \(whole)")
            }
            #expect(whole.contains { $0.hasPrefix("ok       archive ") && $0.contains("version") })
            #expect(!whole.contains { $0.hasPrefix("failure") }, "\(whole)")

            let sources = try ChildProcess.run([
                try Places.program("midwatch"), "ingest", "--socket", site.client.socketPath,
            ])
            #expect(sources.contains("udp/field/127.0.0.1"), "\(sources)")

            postgres.kill()
            unsafe unlink(folder.file("webhook.secret"))
            let broken = try self.doctor(site, [1])
            for topic in ["archive", "endpoint sink"] {
                let place = broken.firstIndex { $0.hasPrefix("failure  \(topic) ") }
                let line = try #require(place, "\(topic): \(broken)")
                #expect(broken[line + 1].hasPrefix("         -> "))
            }
            #expect(try await site.stop() == 0)
        }

        @Test func `a bench counts every reading on both paths and leaves nothing behind`() throws {
            let text = try ChildProcess.run(
                [
                    try Places.program("midwatch"), "bench", "--seconds", "1", "--udp-rate",
                    "2000", "--mqtt-rate", "500", "--json",
                ], within: 120, statuses: [0, 1])
            let runs = try JSONValue(parsing: Array(text.utf8).span)["runs"]?.array ?? []
            #expect(runs.count == 2)
            for run in runs {
                let sent = try #require(run["sent"]?.double)
                #expect(sent > 100)
                for name in ["received", "accepted", "stored"] {
                    #expect(run[name]?.double == sent, "\(name): \(text)")
                }
                #expect(run["latencies"]?.array?.isEmpty == false)
            }
        }
    }
}
