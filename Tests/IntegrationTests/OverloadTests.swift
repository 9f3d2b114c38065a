// SPDX-License-Identifier: Apache-2.0

import FleetSimulation
import OperatorConsole
import OperatorViews
import Testing

extension IntegrationTests {
    /// More than the daemon can take: what matters least goes first, and all of it is counted.
    @Suite struct OverloadTests {
        private static let sensorsPerClient = 10
        private static let classes = ["low", "normal", "critical"]
        private static let sensorCount = 30

        @Test func `overload sheds by criticality, counts it, spares MQTT and ends by itself`()
            async throws
        {
            // Sensors of the three classes in turn, so that each is offered as much.
            let sensors = (0..<Self.sensorCount).map { number in
                """
                  - path: \(LoadPattern.path(sensor: number))
                    supervision: periodic
                    deadline: 60s
                    criticality: \(Self.classes[number % 3])

                """
            }.joined()
            let site = try Site(
                Site.Options(sensors: sensors + Site.loadSensors(), ringCapacity: 4_096))
            let daemon = try await site.start()
            let fleet = try site.fleet(sensorsPerClient: Self.sensorsPerClient, rate: 2_000)
            try fleet.start()
            #expect(try await waits(20) { fleet.acknowledgedCount > 2_000 })
            // The engine stands still for a moment: the ring fills to the brim.
            let wedge = try await Wedge("engine", of: daemon.processID, in: site.folder)
            let load = try site.flood(sensors: Self.sensorCount, rate: 0, readings: 120_000)
            try load.start()
            let report = await Task.detached { load.join() }.value
            #expect(report.readings == 120_000)
            #expect(
                try await waits(10) { try self.received(site) >= Double(report.readings) },
                "every reading is received, or its datagram counted as dropped")
            let shed = try Self.classes.map { try self.shed(site, $0) }
            #expect(shed[0] > shed[1] && shed[1] > shed[2] && shed[2] > 0, "\(shed)")
            #expect(try site.modes().contains("overload: ring above half"))
            try await wedge.release()
            let before = fleet.acknowledgedCount
            #expect(try await waits(10) { fleet.acknowledgedCount > before + 2_000 })
            #expect(try await waits(10) { try site.modes().isEmpty })
            // As fast as the kernel sends, with every thread at work.
            let flood = try site.flood(
                sensors: Self.sensorCount, rate: 0, seconds: 2, first: 120_000)
            try flood.start()
            let flooded = await Task.detached { flood.join() }.value
            #expect(try await waits(20) { try site.modes().isEmpty }, "recovers")
            let acknowledged = await fleet.finish()
            #expect(try await site.isArchived())
            try site.expectBalance()
            let total = try Self.classes.map { try self.shed(site, $0) }
            #expect(
                try self.received(site) == Double(report.readings + flooded.readings),
                "every reading was received or counted as dropped")
            #expect(try await site.stop() == 0)
            let check = try ArchiveCheck(sqlite: "\(site.state)/archive.sqlite")
            check.expectExactlyOnce(acknowledged.record, sensorsPerClient: Self.sensorsPerClient)
            try site.expectRecordsVerify()
            figure(
                "overload: engine held: shed low, normal, critical \(shed); flood of "
                    + "\(flooded.readings * 1_000_000_000 / max(flooded.elapsedNanoseconds, 1))/s: "
                    + "\(total) in all; \(acknowledged.record.count) MQTT readings, none lost")
        }

        private func shed(_ site: Site, _ criticality: String) throws -> Double {
            try site.metric(
                "midwatch_udp_readings_shed_total{listener=\"udp/field\","
                    + "criticality=\"\(criticality)\"}")
        }

        /// UDP readings that were received, and those in datagrams the kernel dropped.
        private func received(_ site: Site) throws -> Double {
            try site.metric("midwatch_udp_readings_received_total{listener=\"udp/field\"}")
                + 20
                * site.metric(
                    "midwatch_udp_datagrams_dropped_by_kernel_total{listener=\"udp/field\"}")
        }
    }
}
