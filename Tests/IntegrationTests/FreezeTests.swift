// SPDX-License-Identifier: Apache-2.0

import FleetSimulation
import MidwatchModel
import OperatorConsole
import OperatorViews
import Testing

extension IntegrationTests {
    /// The disk stops answering; alarms do not.
    @Suite struct FreezeTests {
        private static let latencyMaxNanoseconds: Int64 = 300_000_000

        @Test(arguments: ["journal", "everything"])
        func `with the disk frozen alerts leave in time and every reading is accounted for`(
            _ frozen: String
        ) async throws {
            let folder = try TemporaryFolder()
            let sink = try await Sink(in: folder)
            let state = folder.file("state")
            let disk = try LoopDisk(
                at: frozen == "journal" ? "\(state)/journal" : state,
                image: folder.file("disk.img"))
            let alarms = (0..<Scale.freezeSeconds).map { "alarm/s\($0)" }
            let site = try Site(
                Site.options(
                    sensors: Site.loadSensors(deadline: "2s")
                        + (alarms + ["alarm/before"]).map { Site.limitSensor($0) }.joined(),
                    sink: sink), folder: folder)
            try await site.start()
            let load = try site.flood(sensors: Scale.sensors, rate: Scale.rate)
            try load.start()
            #expect(
                try await waits(20) {
                    try site.client.status().sensors.fresh >= UInt64(Scale.sensors)
                })
            let device = try FieldDevice(site)
            // Ledger, outbox and access log are at work when the disk stops.
            _ = device.send("alarm/before", 90)
            #expect(
                try await waits(2) {
                    try !sink.alerts("alarm.raised", of: "alarm/before:high").isEmpty
                })
            try disk.freeze()
            var latencies: [Int64] = []
            for path in alarms {
                let crossed = device.send(path, 90)
                try await lasts(1)
                let alert = try sink.alerts("alarm.raised", of: "\(path):high").first
                #expect(alert != nil, "no alert about \(path) within a second")
                if let alert { latencies.append(alert.at - crossed) }
            }
            #expect(
                latencies.allSatisfy { $0 < Self.latencyMaxNanoseconds },
                "\(latencies.map { $0 / 1_000_000 }) ms")
            let modes = try site.modes()
            #expect(modes.contains("journal stalled"), "it says so: \(modes)")
            try disk.thaw()
            #expect(try await waits(20) { try site.modes().isEmpty })
            #expect(
                try await waits(10) {
                    let raised = try site.ledger().filter { $0.kind == "alarmRaised" }
                    return Set(raised.map(\.sensor)).isSuperset(of: alarms)
                }, "every decision reaches the ledger")
            // While the load goes on: afterwards its sensors are silent.
            let stale = try site.ledger().filter { $0.sensor.hasPrefix("load/") }
            #expect(stale.isEmpty, "\(stale.count) sensors are falsely stale")
            let report = await load.finish()
            try await self.expectAccounted(site, readings: report.readings)
            let ids = try sink.deliveries().map(\.id)
            #expect(Set(ids).count == ids.count, "sent twice")
            #expect(try await site.stop() == 0)
            try site.expectRecordsVerify()
            withExtendedLifetime(disk) {}
            figure(
                "freeze of \(frozen): \(Scale.freezeSeconds) s at \(Scale.rate)/s, alerts after at "
                    + "most \((latencies.max() ?? 0) / 1_000_000) ms")
        }

        /// sent = stored + unrecorded + shed + rejected + dropped by the kernel.
        private func expectAccounted(_ site: Site, readings: UInt64) async throws {
            #expect(try await site.isArchived())
            try site.expectBalance()
            let unrecorded = try site.metric("midwatch_journal_unrecorded_total")
            let dropped =
                try site.metric(
                    "midwatch_udp_datagrams_dropped_by_kernel_total{listener=\"udp/field\"}") * 20
            let shed = try ["low", "normal", "critical"].reduce(0.0) { sum, word in
                sum
                    + (try site.metric(
                        "midwatch_udp_readings_shed_total{listener=\"udp/field\","
                            + "criticality=\"\(word)\"}"))
            }
            let check = try ArchiveCheck(sqlite: "\(site.state)/archive.sqlite")
            #expect(check.doubledCount == 0)
            #expect(
                Double(readings) == Double(check.rowCount) + unrecorded + dropped + shed,
                """
                sent \(readings), stored \(check.rowCount), unrecorded \(unrecorded), \
                dropped \(dropped), shed \(shed)
                """)
        }
    }
}
