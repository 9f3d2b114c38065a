// SPDX-License-Identifier: Apache-2.0

import CLinux
import FleetSimulation
import Glibc
import JSONText
import MidwatchModel
import OperatorConsole
import OperatorViews
import Testing

extension IntegrationTests {
    /// Midwatch watches itself: what goes wrong with it is an alarm like any other.
    @Suite struct OwnAlarmTests {
        /// One alarm about the monitor.
        private func alarm(_ name: String, _ kind: String = "high") -> String {
            "\(Site.own(name)):\(kind)"
        }

        /// Waits until the sink has an alert about an own alarm, marked as such and signed.
        private func expectTold(
            _ type: String, of alarm: String, _ sink: Sink, within seconds: Double,
            _ location: SourceLocation = #_sourceLocation
        ) async throws {
            let isTold = try await waits(seconds) { try !sink.alerts(type, of: alarm).isEmpty }
            #expect(isTold, "\(type) of \(alarm)", sourceLocation: location)
            for alert in try sink.alerts(type, of: alarm) {
                #expect(alert.isOwn && alert.isVerified, sourceLocation: location)
            }
        }

        @Test func `a port that is taken is an alarm, and the listener comes when it is free`()
            async throws
        {
            let folder = try TemporaryFolder()
            let sink = try await Sink(in: folder)
            let site = try Site(
                Site.options(sensors: Site.limitSensor("alarm/one"), sink: sink), folder: folder)
            let squatter = unsafe clinux_udp_bind("127.0.0.1", site.udpPort)
            let canary = unsafe clinux_udp_bind("127.0.0.1", site.canaryPort)
            defer { close(canary) }
            #expect(squatter >= 0 && canary >= 0)
            try await site.start()
            let down = self.alarm("listener/udp/field/down")
            try await self.expectTold("alarm.raised", of: down, sink, within: 10)
            let status = try site.client.status()
            #expect(
                status.modes.contains { $0.hasPrefix("listener udp/field down: ") },
                "\(status.modes)")
            #expect(status.health == .degraded, "MQTT still takes readings")
            #expect(try site.metric("midwatch_listener_up{listener=\"udp/field\"}") == 0)
            #expect(try site.metric("midwatch_listener_up{listener=\"mqtt/gateways\"}") == 1)
            #expect(
                try site.metric("midwatch_listener_up{listener=\"canary\"}") == 1,
                "the canary takes another port")
            close(squatter)
            let device = try FieldDevice(site)
            #expect(
                try await waits(30) {
                    device.send("alarm/one", 1)
                    return try site.sensor("alarm/one")?.freshness == .fresh
                }, "readings are heard once the port is free")
            try await self.expectTold("alarm.returned", of: down, sink, within: 15)
            #expect(try site.modes().allSatisfy { !$0.hasPrefix("listener") })
            try self.expectOwnBalance(site)
            #expect(try await site.stop() == 0)
            try site.expectRecordsVerify()
        }

        @Test func `a secret that is missing is an alarm, and alerts leave once it is there`()
            async throws
        {
            let folder = try TemporaryFolder()
            let sink = try await Sink(in: folder)
            let site = try Site(
                Site.options(sensors: Site.limitSensor("alarm/one"), sink: sink), folder: folder)
            unsafe unlink(folder.file("webhook.secret"))
            try await site.start()
            let unusable = Site.own("alerts/endpointsUnusable")
            #expect(
                try await waits(10) {
                    try site.client.alarms(AlarmQuery(limit: 100)).items.contains {
                        $0.path == unusable && $0.priority == .high
                    }
                })
            let modes = try site.modes()
            #expect(
                modes.contains {
                    $0.hasPrefix("endpoint sink not usable: ")
                        && $0.contains(folder.file("webhook.secret"))
                }, "\(modes)")
            try FieldDevice(site).send("alarm/one", 90)
            #expect(
                try await waits(10) {
                    let queue = try site.client.status().endpoints.first?.queue
                    return queue.map { $0 > 0 } ?? false
                }, "its alerts wait")
            #expect(try sink.deliveries().isEmpty, "nothing leaves unsigned")
            try File.write(folder.file("webhook.secret"), Sink.secret)
            #expect(
                try await waits(90) {
                    try !sink.alerts("alarm.raised", of: "alarm/one:high").isEmpty
                })
            #expect(try sink.deliveries().allSatisfy { $0.isVerified })
            try await self.expectTold(
                "alarm.returned", of: "\(unusable):high", sink, within: 30)
            #expect(try await site.stop() == 0)
        }

        @Test func `a journal that stalls is told while it stalls, and told when it is over`()
            async throws
        {
            let folder = try TemporaryFolder()
            let sink = try await Sink(in: folder)
            let state = folder.file("state")
            let disk = try LoopDisk(at: "\(state)/journal", image: folder.file("disk.img"))
            let site = try Site(
                Site.options(sensors: Site.limitSensor("alarm/one"), sink: sink), folder: folder)
            try await site.start()
            #expect(try await waits(10) { try site.modes().isEmpty })
            let stalled = self.alarm("journal/lag")
            try disk.freeze()
            let began = bootNow()
            try await self.expectTold("alarm.raised", of: stalled, sink, within: 10)
            let after = bootNow() - began
            let alert = try #require(try sink.alerts("alarm.raised", of: stalled).first)
            #expect(alert.body["data"]?["recorded"]?.bool == false, "it did not wait for the disk")
            #expect(alert.text("message").contains("journal stalled"))
            #expect(try site.modes().contains("journal stalled"))
            try disk.thaw()
            try await self.expectTold("alarm.returned", of: stalled, sink, within: 20)
            #expect(try await waits(20) { try site.modes().isEmpty })
            #expect(
                try await waits(10) {
                    try site.ledger().contains {
                        $0.kind == "alarmRaised" && "\($0.sensor):\($0.alarm)" == stalled
                    }
                }, "the ledger has it")
            #expect(try await site.stop() == 0)
            try site.expectRecordsVerify()
            withExtendedLifetime(disk) {}
            figure("own alarm, journal stalled: told after \(after / 1_000_000) ms")
        }

        @Test func `an archive that is away is an alarm until it is back`() async throws {
            let postgres = try await Postgres()
            let folder = try TemporaryFolder()
            let sink = try await Sink(in: folder)
            let site = try Site(
                Site.options(
                    sensors: Site.limitSensor("alarm/one"), postgres: postgres, sink: sink),
                folder: folder)
            try await site.start()
            #expect(try await site.isArchived())
            try await postgres.stop()
            let away = self.alarm("archive/state")
            try await self.expectTold("alarm.raised", of: away, sink, within: 60)
            #expect(try site.sensor(Site.own("archive/state"))?.value == 1)
            try await postgres.start()
            try await self.expectTold("alarm.returned", of: away, sink, within: 90)
            #expect(try await site.isArchived())
            #expect(try await site.stop() == 0)
            try postgres.expectExactlyOnce()
            let rows = try postgres.query(
                """
                SELECT count(*) FROM midwatch.reading JOIN midwatch.sensor USING (sensor_id)
                WHERE path = '\(Site.own("archive/state"))'
                """)
            #expect(Int(rows).map { $0 > 0 } == true, "own readings are archived: \(rows)")
            try site.expectRecordsVerify()
        }

        @Test func `readings that are shed are an alarm`() async throws {
            let folder = try TemporaryFolder()
            let sink = try await Sink(in: folder)
            var options = Site.options(sensors: Site.loadSensors(criticality: "low"), sink: sink)
            options.ringCapacity = 4_096
            let site = try Site(options, folder: folder)
            let daemon = try await site.start()
            let wedge = try await Wedge("engine", of: daemon.processID, in: folder)
            let load = try site.flood(sensors: 100, rate: 0, readings: 60_000)
            try load.start()
            _ = await Task.detached { load.join() }.value
            try await wedge.release()
            try await self.expectTold(
                "alarm.raised", of: self.alarm("ingest/shed"), sink, within: 15)
            try self.expectOwnBalance(site)
            try site.expectBalance()
            #expect(try await site.isArchived())
            let counts = try site.client.status().sensors
            #expect(counts.total == 100, "the plant's sensors only: \(counts)")
            #expect(try await site.stop() == 0)
            try site.expectRecordsVerify()
        }

        @Test func `nobody else writes a sensor about the monitor`() async throws {
            let site = try Site(Site.Options(sensors: Site.limitSensor("alarm/one")))
            try await site.start()
            let path = Site.own("journal/mode")
            #expect(try await waits(10) { try site.sensor(path)?.freshness == .fresh })
            let device = try FieldDevice(site)
            device.send(path, 2)
            device.send("midwatch/integration/forged", 2)
            device.send("alarm/one", 1)
            #expect(try await waits(5) { try site.sensor("alarm/one")?.freshness == .fresh })
            #expect(try site.sensor(path)?.value == 0)
            #expect(try site.sensor("midwatch/integration/forged") == nil)
            #expect(try site.sensor(path)?.source == "midwatch")
            let told = try ChildProcess.run([
                try Places.program("midwatch"), "sensors", "--socket", site.client.socketPath,
            ])
            #expect(told.contains("alarm/one") && !told.contains("midwatch/"))
            let all = try ChildProcess.run([
                try Places.program("midwatch"), "sensors", "--own", "--socket",
                site.client.socketPath,
            ])
            #expect(all.contains("midwatch/"))
            #expect(try await site.stop() == 0)
        }

        @Test func `a sender whose lines are refused is an alarm, and what it sent is kept`()
            async throws
        {
            let folder = try TemporaryFolder()
            let sink = try await Sink(in: folder)
            let site = try Site(
                Site.options(sensors: Site.limitSensor("alarm/one"), sink: sink), folder: folder)
            try await site.start()
            let device = try FieldDevice(site)
            let isTold = try await waits(40) {
                for _ in 0..<3 { device.send("alarm/one", 1) }
                device.send(Array("alarm one=twelve\n".utf8))
                return try !sink.alerts(
                    "alarm.raised", of: self.alarm("ingest/rejectedShare")
                ).isEmpty
            }
            #expect(isTold)
            let rejects = try ChildProcess.run([
                try Places.program("midwatch"), "ingest", "rejects", "--socket",
                site.client.socketPath,
            ])
            #expect(rejects.contains("alarm one=twelve"))
            // What of a source was stored is counted like what was accepted.
            #expect(try await site.isArchived())
            let page = String(decoding: try site.client.get("/metrics"), as: UTF8.self)
            let stored = page.split(separator: "\n").filter {
                $0.hasPrefix("midwatch_source_readings_total{") && $0.contains("\"stored\"")
            }
            #expect(stored.count >= 2, "\(stored)")
            #expect(try await site.stop() == 0)
            try site.expectRecordsVerify()
        }

        /// received = accepted + shed for the source of the own sensors.
        private func expectOwnBalance(
            _ site: Site, _ location: SourceLocation = #_sourceLocation
        ) throws {
            func count(_ outcome: String) throws -> Double {
                try site.metric(
                    "midwatch_source_readings_total{source=\"midwatch\",outcome=\"\(outcome)\"}")
            }
            // Read one after the other while they grow: the received last.
            let (accepted, shed) = (try count("accepted"), try count("shed"))
            let received = try count("received")
            #expect(accepted > 0, sourceLocation: location)
            #expect(
                received >= accepted + shed && received - accepted - shed < 200,
                "\(received), \(accepted)", sourceLocation: location)
        }
    }
}
