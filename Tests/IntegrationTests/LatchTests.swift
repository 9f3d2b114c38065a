// SPDX-License-Identifier: Apache-2.0

import OperatorConsole
import OperatorViews
import Testing

extension IntegrationTests {
    /// A latched alarm from its raise to its reset, by the commands that an operator types.
    @Suite struct LatchTests {
        private static let path = "gas/room/methane"
        private static let alarmID = "gas/room/methane:high"

        private static func site() throws -> Site {
            var options = Site.Options(
                sensors: """
                      - path: \(Self.path)
                        deadline: 30s
                        limits: {high: {setpoint: 20, priority: critical, class: trip}}

                    """)
            options.more = """
                alarmClasses:
                  - name: trip
                    latching: true

                """
            return try Site(options)
        }

        private static func midwatch(
            _ site: Site, _ arguments: String..., statuses: Set<Int32> = [0]
        ) throws -> String {
            try ChildProcess.run(
                [try Places.program("midwatch"), "alarms"] + arguments
                    + ["--socket", site.client.socketPath], statuses: statuses)
        }

        @Test func `a latched alarm stays until it is acknowledged and reset, and records agree`()
            async throws
        {
            let site = try Self.site()
            try await site.start()
            let device = try FieldDevice(site)
            func state() throws -> AlarmView? { try? site.client.alarm(Self.alarmID) }
            device.send(Self.path, 25)
            #expect(try await waits(10) { try state()?.state == .unacknowledged })
            device.send(Self.path, 5)
            #expect(try await waits(10) { try state()?.state == .latchedUnacknowledged })
            // Back for long, and still in the list.
            #expect(try Self.midwatch(site, "list").contains(Self.alarmID))
            let early = try Self.midwatch(site, "reset", Self.alarmID, statuses: [1])
            #expect(early.contains("acknowledge"), "\(early)")
            _ = try Self.midwatch(site, "ack", Self.alarmID, "--comment", "fan was off")
            #expect(try await waits(10) { try state()?.state == .latchedAcknowledged })
            #expect(try Self.midwatch(site, "list").contains(Self.alarmID))
            // A restart keeps the latch.
            try await site.kill()
            try await site.start()
            #expect(try state()?.state == .latchedAcknowledged)
            // Nobody knows yet that it is still over.
            let unverified = try Self.midwatch(site, "reset", Self.alarmID, statuses: [1])
            #expect(unverified.contains("not known to be over"), "\(unverified)")
            #expect(
                try await waits(10) {
                    device.send(Self.path, 5)
                    return try site.sensor(Self.path)?.freshness == .fresh
                })
            _ = try Self.midwatch(site, "reset", Self.alarmID, "--comment", "room is aired")
            #expect(try await waits(10) { try state()?.state == .normal })
            #expect(try !Self.midwatch(site, "list").contains(Self.alarmID))
            #expect(try await site.stop() == 0)
            let kinds = try site.ledger().filter { $0.sensor == Self.path && $0.alarm == "high" }
                .map(\.kind).filter { $0 != "commandRefused" }
            #expect(
                kinds == ["alarmRaised", "alarmReturned", "alarmAcknowledged", "alarmReset"])
            try site.expectRecordsVerify()
        }
    }
}
