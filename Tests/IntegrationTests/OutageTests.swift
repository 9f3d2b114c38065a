// SPDX-License-Identifier: Apache-2.0

import FleetSimulation
import OperatorConsole
import OperatorViews
import Testing

extension IntegrationTests {
    /// The archive goes away under load; everything else goes on.
    @Suite struct OutageTests {
        private static let sensorsPerClient = 10
        /// What the daemon may grow by while it cannot archive: it reads the journal again later.
        private static let growthMaxBytes: UInt64 = 10 << 20

        @Test func `PostgreSQL stopped under load costs no reading, no memory and no alert`()
            async throws
        {
            let postgres = try await Postgres()
            let folder = try TemporaryFolder()
            let sink = try await Sink(in: folder)
            let site = try Site(
                Site.options(
                    sensors: Site.loadSensors()
                        + (0..<3).map { Site.limitSensor("alarm/s\($0)") }.joined(),
                    postgres: postgres, sink: sink), folder: folder)
            let daemon = try await site.start()
            let fleet = try site.fleet(sensorsPerClient: Self.sensorsPerClient)
            try fleet.start()
            // Until its buffers have their size.
            #expect(try await waits(30) { fleet.acknowledgedCount > 3 * UInt64(Scale.rate) })
            try await postgres.stop()
            let before = daemon.residentBytes
            let acknowledgedBefore = fleet.acknowledgedCount
            let device = try FieldDevice(site)
            var most = before
            var slowest: Int64 = 0
            for number in 0..<3 {
                let crossed = device.send("alarm/s\(number)", 90)
                try await lasts(Double(Scale.outageSeconds) / 3) {
                    most = max(most, daemon.residentBytes)
                }
                let alert = try #require(
                    try sink.alerts("alarm.raised", of: "alarm/s\(number):high").first)
                slowest = max(slowest, alert.at - crossed)
            }
            let modes = try site.modes()
            #expect(modes.contains("archive unreachable"), "\(modes)")
            let acknowledged = fleet.acknowledgedCount - acknowledgedBefore
            #expect(
                acknowledged > UInt64(Scale.outageSeconds * Scale.rate / 2),
                "acknowledgements do not wait for the archive: \(acknowledged)")
            try await postgres.start()
            let backAt = bootNow()
            let report = await fleet.finish()
            #expect(try await site.isArchived(within: 120))
            let caughtUp = Double(bootNow() - backAt) / 1e9
            #expect(
                most < before + Self.growthMaxBytes,
                "grew from \(before >> 10) KiB to \(most >> 10) KiB")
            try site.expectBalance()
            #expect(try await site.stop() == 0)
            try ArchiveCheck(postgres).expectExactlyOnce(
                report.record, sensorsPerClient: Self.sensorsPerClient)
            try postgres.expectExactlyOnce()
            try site.expectRecordsVerify()
            figure(
                "outage: \(Scale.outageSeconds) s, \(report.record.count) acknowledged, "
                    + "\(acknowledged) of them meanwhile, resident \(before >> 10) KiB, at most "
                    + "\(most >> 10) KiB, slowest alert \(slowest / 1_000_000) ms, archive caught "
                    + "up \(caughtUp) s after the start")
        }
    }
}
