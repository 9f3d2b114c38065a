// SPDX-License-Identifier: Apache-2.0

import CLinux
import MidwatchModel
import OperatorConsole
import OperatorViews
import Testing

extension IntegrationTests {
    /// What a listener is told about how its senders send.
    @Suite struct SenderTests {
        private func isRaised(_ site: Site, _ alarm: String) throws -> Bool {
            try site.client.alarms(AlarmQuery(limit: 1_000)).items.contains {
                $0.alarmID == alarm && $0.state == .unacknowledged
            }
        }

        @Test func `a device that retains what it measures raises where its listener says so`()
            async throws
        {
            var options = Site.Options(
                sensors: Site.limitSensor("field/co") + Site.limitSensor("field/kept"))
            options.mqtt = "      retained: live"
            let site = try Site(options)
            try await site.start()
            try Self.publishRetained("field/co", 80, site)
            #expect(try await waits(10) { try self.isRaised(site, "field/co:high") })
            #expect(try site.sensor("field/co")?.freshness == .fresh)
            #expect(try await site.stop() == 0)
            #expect(try site.ledger().contains { $0.kind == "alarmRaised" })

            // As shipped the flag means history: kept, and nothing is derived of it.
            let shipped = try Site(Site.options(sensors: Site.limitSensor("field/co")))
            try await shipped.start()
            try Self.publishRetained("field/co", 80, shipped)
            let counter = #"midwatch_mqtt_readings_retained_total{listener="mqtt/gateways"}"#
            #expect(try await waits(10) { try shipped.metric(counter) == 1 })
            #expect(try shipped.sensor("field/co")?.freshness != .fresh)
            #expect(try !self.isRaised(shipped, "field/co:high"))
            #expect(try await shipped.stop() == 0)
        }

        private static func publishRetained(_ path: String, _ value: Int, _ site: Site) throws {
            try ChildProcess.run([
                try Places.tool("mosquitto_pub"), "-h", "127.0.0.1", "-p", "\(site.mqttPort)",
                "-q", "1", "-r", "-t", path, "-m", "\(value)",
            ])
        }

        @Test func `of readings that come by two networks each counts once`() async throws {
            let second = try Places.freePort()
            var options = Site.Options(sensors: Site.limitSensor("pump/v"))
            options.udp = """
                      dualHomed: true
                    - name: other
                      bind: "127.0.0.1:\(second)"
                      dualHomed: true
                """
            let site = try Site(options)
            try await site.start()
            let devices = [try FieldDevice(site), try FieldDevice(port: second)]
            let start = clinux_realtime_ns()
            for number in 0..<20 {
                let time = start + Int64(number)
                for device in devices { device.send(Array("pump v=\(number) \(time)".utf8)) }
            }
            func count(_ outcome: String) throws -> Double {
                try site.metric("midwatch_readings_total{outcome=\"\(outcome)\"}")
            }
            #expect(try await waits(10) { try count("redelivered") == 20 })
            #expect(try await site.isArchived())
            #expect(try site.sensor("pump/v")?.readingsCount == 20)
            #expect(try site.sensor("pump/v")?.value == 19)
            #expect(try site.metric("midwatch_readings_stored_total") == 20)
            try site.expectBalance()
            #expect(try await site.stop() == 0)
            try site.expectRecordsVerify()
        }
    }
}
