// SPDX-License-Identifier: Apache-2.0

import Glibc
import JSONText
import MidwatchModel
import OperatorConsole
import OperatorViews
import Testing

extension IntegrationTests {
    /// The rules change while the daemon runs.
    @Suite struct ReloadTests {
        private static let path = "press/a"

        private static func sensors(_ keys: String, rules: String = "") -> Site.Options {
            var options = Site.Options(
                sensors: """
                      - path: \(Self.path)
                        supervision: event
                        limits:
                          high: {setpoint: 50, latching: true}
                    \(keys)
                    """)
            options.more = rules
            return options
        }

        private func alarm(_ site: Site, _ name: String) throws -> AlarmView? {
            var query = AlarmQuery(limit: 1_000)
            query.includesNormal = true
            return try site.client.alarms(query).items.first {
                $0.alarmID == "\(Self.path):\(name)"
            }
        }

        @Test func `a reload keeps what stays, and a bad file changes nothing`() async throws {
            let site = try Site(Self.sensors(""))
            let old = File.text(site.configurationPath)
            try await site.start()
            let device = try FieldDevice(site)
            #expect(
                try await waits(10) {
                    device.send(Self.path, 60)
                    return try self.alarm(site, "high")?.state == .unacknowledged
                })
            let activation = try #require(try self.alarm(site, "high")?.activation)

            // What would change is said, and nothing does.
            let new = old.replacing(
                "latching: true}", with: "latching: true}\n      highHigh: {setpoint: 55}")
            try File.write(site.configurationPath, new)
            let trial = try site.client.reload(isDryRun: true)
            #expect(trial.outcome == .accepted)
            #expect(trial.changes.map(\.key) == ["sensors[press/a].limits.highHigh"])
            #expect(try self.alarm(site, "highHigh") == nil)

            // A bad file is refused with every error and its place.
            let bad = new.replacing("supervision: event", with: "supervision: evnt")
                .replacing("capacity:", with: "capasity:")
            try File.write(site.configurationPath, bad)
            let refused = try site.client.reload(isDryRun: false)
            #expect(refused.outcome == .refused)
            let errors = refused.issues.filter(\.refused)
            #expect(errors.count == 2 && errors.allSatisfy { $0.line > 0 && $0.column > 0 })
            #expect(errors.contains { $0.key == "sensors[0].supervision" })
            #expect(try self.alarm(site, "highHigh") == nil)
            #expect(try site.client.configuration().revision == trial.revisionBefore)

            // The new limit holds at once; the alarm that was raised keeps its activation.
            try File.write(site.configurationPath, new)
            let done = try site.client.reload(isDryRun: false)
            #expect(done.outcome == .applied)
            #expect(done.revisionAfter == trial.revisionAfter)
            #expect(try self.alarm(site, "high")?.activation == activation)
            #expect(
                try await waits(5) {
                    try self.alarm(site, "highHigh")?.state == .unacknowledged
                })
            #expect(try site.client.configuration().revision == done.revisionAfter)
            #expect(try site.client.reload(isDryRun: false).outcome == .unchanged)
            #expect(
                try await waits(10) {
                    try site.ledger().contains {
                        $0.kind == "configurationApplied"
                            && $0.body["revisionAfter"]?.string == done.revisionAfter
                    }
                })
            let applied = try site.ledger().filter { $0.kind == "configurationApplied" }.last
            #expect(applied?.body["revisionBefore"]?.string == done.revisionBefore)
            #expect(applied?.body["revisionAfter"]?.string == done.revisionAfter)
            #expect(applied?.body["origin"]?.string?.hasPrefix("unix:") == true)

            // The latch outlives the reload, too.
            #expect(
                try await waits(10) {
                    device.send(Self.path, 1)
                    return try self.alarm(site, "high")?.state == .latchedUnacknowledged
                })
            #expect(try self.alarm(site, "high")?.activation == activation)
            #expect(try await site.stop() == 0)
            try site.expectRecordsVerify()
        }

        @Test func `a gateway that is cut is one alarm, its sensors are explained by it`()
            async throws
        {
            let count = 12
            var options = Site.Options(
                sensors: """
                      - template: "bus/#"
                        supervision: periodic
                        deadline: 1s
                        behind: bus-1
                      - template: "other/#"
                        supervision: periodic
                        deadline: 1s
                    """)
            options.more = "sources: [{name: bus-1, behind: udp/field, title: Bus 1}]\n"
            let site = try Site(options)
            try await site.start()
            let device = try FieldDevice(site)
            func speak(_ more: Bool) {
                if more { for index in 0..<count { device.send("bus/s\(index)", 1) } }
                for index in 0..<count { device.send("other/s\(index)", 1) }
            }
            #expect(
                try await waits(20) {
                    speak(true)
                    return try site.client.status().sensors.fresh >= UInt64(2 * count)
                })
            #expect(
                try await waits(20) {
                    speak(false)
                    return try site.client.status().sensors.stale >= UInt64(count)
                })
            // The screen knows before the ledger is on the disk: wait for the ledger.
            #expect(
                try await waits(10) {
                    try site.ledger().contains {
                        $0.kind == "alarmRaised" && $0.sensor == "midwatch/source/bus-1"
                    }
                })
            #expect(
                try await waits(10) {
                    try site.ledger().contains {
                        $0.kind == "alarmRaisedSuppressed"
                            && $0.body["causedBy"]?.string == "midwatch/source/bus-1:stale"
                    }
                })
            // At most the first of them, and the source.
            let raised = try site.ledger().filter {
                $0.kind == "alarmRaised" && $0.alarm == "stale"
            }
            #expect(raised.count <= 2)
            #expect(try await site.stop() == 0)
            try site.expectRecordsVerify()
        }
    }
}
