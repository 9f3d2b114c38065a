// SPDX-License-Identifier: Apache-2.0

import FleetSimulation
import Glibc
import JSONText
import OperatorConsole
import OperatorViews
import Testing

extension IntegrationTests {
    /// The daemon dies or stands still under a load that nobody repeats.
    @Suite struct LossTests {
        /// What the page of a dead daemon says: the numbers of `Format.md`, read by hand.
        private struct Page {
            var received: Int
            var refused: Int

            init(_ site: Site) throws {
                let bytes = File.bytes(site.vitalsPath) ?? []
                try #require(bytes.count == 4_096)
                func cell(_ offset: Int) -> Int {
                    (0..<8).reduce(0) { $0 | Int(bytes[offset + $1]) << (8 * $1) }
                }
                self.received = cell(192)
                self.refused = cell(208) + cell(216) + cell(240)
            }
        }

        @Test func `what a kill takes between socket and journal is counted at the next start`()
            async throws
        {
            let site = try Site(Site.Options(sensors: Site.loadSensors()))
            let archive = "\(site.state)/archive.sqlite"
            var daemon = try await site.start()
            var stored = 0
            var told: [Int] = []
            for round in 0..<3 {
                let load = try site.flood(
                    sensors: 100, rate: 20_000, first: UInt64(round) * 10_000_000)
                try load.start()
                #expect(
                    try await waits(20) {
                        try site.metric("midwatch_readings_total{outcome=\"received\"}") > 20_000
                    })
                // In the first round the journal's thread stands still: there is a loss for sure.
                let wedge =
                    round == 0
                    ? try await Wedge("journal", of: daemon.processID, in: site.folder) : nil
                if let wedge {
                    try await lasts(0.5)
                    // Who holds the thread must let go before the process is gone for good.
                    daemon.send(SIGKILL)
                    try await wedge.release()
                }
                try await site.kill()
                _ = await load.finish()
                let page = try Page(site)
                daemon = try await site.start()
                #expect(try await site.isArchived())
                let rows = try ArchiveCheck(sqlite: archive).rowCount
                let lost = page.received - page.refused - (rows - stored)
                stored = rows
                #expect(try site.metric("midwatch_last_run_readings_lost") == Double(lost))
                if lost > 0 { told.append(lost) }
                if round == 0 { #expect(lost > 1_000, "half a second of readings") }
            }
            #expect(try await site.stop() == 0)
            try await site.start()
            #expect(
                try site.metric("midwatch_last_run_readings_lost") == 0,
                "an ordered stop takes nothing")
            #expect(try await site.stop() == 0)
            let amounts = try site.ledger().filter { $0.kind == "readingsLost" }
                .compactMap { $0.body["readings"]?.double }.map { Int($0) }
            #expect(Set(amounts).isSuperset(of: told), "the ledger has \(amounts), lost \(told)")
            #expect(File.text(site.daemonLog).contains("readings lost with the run before"))
            try site.expectRecordsVerify()
            figure("kill under UDP load: lost \(told) of 20,000/s, each counted")
        }

        @Test func `a daemon that stood still makes no sensor stale for it, and says so`()
            async throws
        {
            let site = try Site(Site.options(sensors: Site.loadSensors(deadline: "2s")))
            let daemon = try await site.start()
            let load = try site.flood(sensors: 200, rate: 2_000)
            try load.start()
            #expect(try await waits(20) { try site.client.status().sensors.fresh >= 200 })
            daemon.send(SIGSTOP)
            try await lasts(3)
            daemon.send(SIGCONT)
            #expect(
                try await waits(10) {
                    try site.modes().contains { $0.hasPrefix("monitor stood still for") }
                })
            try await lasts(3)
            #expect(
                try site.metric("midwatch_standstill_seconds_total{kind=\"stopped\"}") >= 2.5)
            #expect(try site.metric("midwatch_standstill_seconds_total{kind=\"suspended\"}") == 0)
            _ = await load.finish()
            #expect(try await site.stop() == 0)
            let entries = try site.ledger()
            #expect(entries.allSatisfy { !$0.sensor.hasPrefix("load/") }, "no false alarm")
            let lags = entries.filter {
                $0.kind == "monitorDegraded" && $0.body["cause"]?.string == "ownLag"
            }
            #expect(
                lags.contains { ($0.body["nanoseconds"]?.double ?? 0) > 2.5e9 },
                "the lag is an input of the engine")
            #expect(File.text(site.daemonLog).contains("the process stood still"))
            try site.expectRecordsVerify()
        }
    }
}
