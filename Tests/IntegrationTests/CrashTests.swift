// SPDX-License-Identifier: Apache-2.0

import FleetSimulation
import OperatorViews
import Testing

extension IntegrationTests {
    /// The daemon dies, or is told to stop, while gateways publish with QoS 1 or 2.
    @Suite struct CrashTests {
        private static let sensorsPerClient = 10

        @Test(arguments: ["postgresql", "sqlite", "sqlite, QoS 2"])
        func `what was acknowledged is in the archive once, however often the daemon is killed`(
            _ store: String
        ) async throws {
            let postgres = store == "postgresql" ? try await Postgres() : nil
            let site = try Site(
                Site.options(sensors: Site.loadSensors(), postgres: postgres))
            try await site.start()
            let fleet = try site.fleet(
                sensorsPerClient: Self.sensorsPerClient, isExactlyOnce: store.hasSuffix("QoS 2"))
            try fleet.start()
            for _ in 0..<Scale.kills {
                let before = fleet.acknowledgedCount
                let wanted = UInt64(Scale.rate) * UInt64.random(in: 20...120) / 100
                #expect(
                    try await waits(30) { fleet.acknowledgedCount >= before + wanted },
                    "the load goes on after a restart")
                try await site.kill()
                try await site.start()
            }
            let last = fleet.acknowledgedCount
            #expect(try await waits(30) { fleet.acknowledgedCount > last + UInt64(Scale.rate) })
            let report = await fleet.finish()
            #expect(try await site.isArchived())
            try site.expectBalance()
            #expect(try await site.stop() == 0)
            let check =
                if let postgres {
                    try ArchiveCheck(postgres)
                } else {
                    try ArchiveCheck(sqlite: "\(site.state)/archive.sqlite")
                }
            check.expectExactlyOnce(report.record, sensorsPerClient: Self.sensorsPerClient)
            try postgres?.expectExactlyOnce()
            try site.expectRecordsVerify()
            figure(
                "crash \(store): \(Scale.kills) kills, \(report.record.count) acknowledged, "
                    + "\(report.resent) resent, \(check.rowCount) rows, "
                    + "PUBACK p99 \(report.latency.quantile(0.99) / 1_000_000) ms")
        }

        @Test func `an ordered stop under load loses nothing and leaves nothing to repair`()
            async throws
        {
            let site = try Site(Site.Options(sensors: Site.loadSensors()))
            let daemon = try await site.start()
            let fleet = try site.fleet(sensorsPerClient: Self.sensorsPerClient)
            try fleet.start()
            #expect(
                try await waits(30) { fleet.acknowledgedCount > 2 * UInt64(Scale.rate) })
            let began = bootNow()
            #expect(try await site.stop(within: 20) == 0, "exit status of \(daemon.processID)")
            let seconds = Double(bootNow() - began) / 1e9
            try await site.start()
            #expect(site.logTail.contains("journal.tornBytes=0"), "\(site.logTail)")
            let before = fleet.acknowledgedCount
            #expect(try await waits(30) { fleet.acknowledgedCount > before })
            let report = await fleet.finish()
            #expect(try await site.isArchived())
            try site.expectBalance()
            #expect(try await site.stop() == 0)
            let check = try ArchiveCheck(sqlite: "\(site.state)/archive.sqlite")
            check.expectExactlyOnce(report.record, sensorsPerClient: Self.sensorsPerClient)
            try site.expectRecordsVerify()
            figure("stop under load: \(seconds) s, \(report.record.count) acknowledged")
        }
    }
}
