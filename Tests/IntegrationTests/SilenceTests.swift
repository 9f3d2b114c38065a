// SPDX-License-Identifier: Apache-2.0

import FleetSimulation
import MidwatchModel
import OperatorConsole
import OperatorViews
import Testing

extension IntegrationTests {
    /// Silence is the first thing the monitor must see.
    @Suite struct SilenceTests {
        private static let silentCount = 40
        private static let deadlineNanoseconds: Int64 = 2_000_000_000
        /// From the deadline to the record in the ledger.
        private static let latenessMaxNanoseconds: Int64 = 50_000_000

        @Test func `a silent sensor is stale within 50 ms of its deadline, under load`()
            async throws
        {
            let paths = (0..<Self.silentCount).map { "quiet/s\($0)" }
            // Every second one is judged without a look at what else its listener carries.
            let sensors = paths.enumerated().map { index, path in
                "  - path: \(path)\n    supervision: periodic\n    deadline: 2s\n"
                    + (index % 2 == 0 ? "    independent: true\n" : "")
            }.joined()
            let site = try Site(
                Site.Options(sensors: sensors + Site.loadSensors(deadline: "10s")))
            try await site.start()
            let load = try site.flood(sensors: Scale.sensors, rate: Scale.rate)
            try load.start()
            let device = try FieldDevice(site)
            // Nobody is silent until everybody has spoken.
            #expect(
                try await waits(20) {
                    for path in paths { device.send(path, 0) }
                    return try site.client.status().sensors.fresh
                        >= UInt64(Scale.sensors + paths.count)
                })
            // One after the other, so that each deadline is a moment of its own; those whose turn
            // comes later go on speaking.
            for (index, path) in paths.enumerated() {
                for later in paths[index...] { device.send(later, 1) }
                #expect(try await waits(5) { try site.sensor(path)?.freshness == .fresh })
            }
            #expect(
                try await waits(15) {
                    try site.ledger().count { $0.kind == "alarmRaised" && !$0.isOwn }
                        >= paths.count
                })
            let report = await load.finish()
            #expect(report.sendErrors == 0)
            let raised = try site.ledger().filter { $0.kind == "alarmRaised" && !$0.isOwn }
            let counts = Dictionary(grouping: raised, by: \.sensor)
            let twice = counts.values.filter { $0.count > 1 }.flatMap { $0 }
            #expect(
                Set(counts.keys) == Set(paths) && twice.isEmpty,
                "only the silent ones, each once: \(twice.map(\.body))")
            // The others may wait for the verdict about their listener before people are told; that
            // they are stale is decided at once.
            let independent = Set(paths.indices.filter { $0 % 2 == 0 }.map { paths[$0] })
            let decisions = try site.ledger().filter {
                ($0.kind == "alarmRaised"
                    || ($0.kind == "alarmRaisedSuppressed" && !independent.contains($0.sensor)))
                    && !$0.isOwn
            }
            let firsts = Dictionary(grouping: decisions, by: \.sensor).values.compactMap(\.first)
            #expect(firsts.count == paths.count)
            var decided: [Int64] = []
            var recorded: [Int64] = []
            for entry in firsts {
                let due = (entry.time("lastArrival") ?? 0) + Self.deadlineNanoseconds
                decided.append((entry.time("at") ?? 0) - due)
                recorded.append(entry.written - due)
            }
            // Both times come from wall clock anchors, which may differ by what a clock drifts.
            #expect(
                decided.allSatisfy { (-1_000_000...Self.latenessMaxNanoseconds).contains($0) },
                "decided after \(decided) ns")
            // With the sync of the disk: most in time, none much later on a disk that is shared.
            let ordered = recorded.sorted()
            #expect(
                ordered[ordered.count / 2] <= Self.latenessMaxNanoseconds
                    && ordered[ordered.count - 1] <= 10 * Self.latenessMaxNanoseconds,
                "in the ledger after \(recorded.map { $0 / 1_000_000 }) ms")
            figure(
                "silence: \(Scale.sensors) sensors, \(Scale.rate)/s, decided at most "
                    + "\((decided.max() ?? 0) / 1_000) us, recorded p50 "
                    + "\(ordered[ordered.count / 2] / 1_000) us, at most "
                    + "\((recorded.max() ?? 0) / 1_000) us after the deadline")
            try await self.expectNothingFreshAfterRestart(site, device, paths[0])
            #expect(try await site.stop() == 0)
            try site.expectRecordsVerify()
        }

        private func expectNothingFreshAfterRestart(
            _ site: Site, _ device: FieldDevice, _ path: String
        ) async throws {
            try await site.kill()
            try await site.start()
            let counts = try site.client.status().sensors
            // Midwatch's own canary needs the watchdog, which does not run here.
            #expect(counts.fresh == 0, "fresh before a reading: \(counts)")
            #expect(counts.total > UInt64(Scale.sensors))
            device.send(path, 2)
            #expect(try await waits(5) { try site.sensor(path)?.freshness == .fresh })
            // The counts of the status may be of a moment before.
            #expect(try await waits(5) { try site.client.status().sensors.fresh == 1 })
        }
    }
}
