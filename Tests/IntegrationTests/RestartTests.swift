// SPDX-License-Identifier: Apache-2.0

import CLinux
import MidwatchModel
import OperatorViews
import Testing

extension IntegrationTests {
    /// Restarts must not hide silence, and must not invent alarms.
    @Suite struct RestartTests {
        @Test func `a sensor silent over many restarts is raised once and nothing is sent twice`()
            async throws
        {
            let folder = try TemporaryFolder()
            let sink = try await Sink(in: folder)
            let deadline = "\(Scale.restartDeadlineMilliseconds)ms"
            let sensors = ["silent/one", "silent/two", "lively/one"].map {
                "  - path: \($0)\n    supervision: periodic\n    deadline: \(deadline)\n"
            }.joined()
            let site = try Site(
                Site.options(sensors: sensors + Site.limitSensor("high/one"), sink: sink),
                folder: folder)
            try await site.start()
            let device = try FieldDevice(site)
            device.send("silent/one", 1)
            device.send("silent/two", 1)
            device.send("high/one", 90)
            #expect(try await waits(5) { try site.sensor("high/one")?.freshness == .fresh })
            let interval = Double(Scale.restartMilliseconds) / 1_000
            var kills: [Int64] = []
            for round in 0..<Scale.restarts {
                try await lasts(interval) { device.send("lively/one", 1) }
                // Some by order, some not.
                if round % 2 == 0 {
                    try await site.kill()
                    kills.append(Int64(clamping: clinux_realtime_ns()))
                } else {
                    try await site.stop()
                }
                try await site.start()
            }
            let bound = Double(Scale.restartDeadlineMilliseconds) / 1_000 * 2 + 5
            let isRaised = try await waits(bound) {
                device.send("lively/one", 1)
                return try sink.deliveries().count { $0.text("alarm") == "stale" && !$0.isOwn } >= 2
            }
            #expect(isRaised, "the silent sensors are told")
            // Time for anything that is told twice.
            try await lasts(2) { device.send("lively/one", 1) }
            let entries = try site.ledger()
            for path in ["silent/one", "silent/two"] {
                #expect(
                    entries.count { $0.sensor == path && $0.kind == "alarmRaised" } == 1,
                    "\(path) is raised once")
                #expect(try sink.alerts("alarm.raised", of: "\(path):stale").count == 1)
            }
            #expect(
                entries.count {
                    $0.kind == "alarmReturned" && $0.sensor != "lively/one" && !$0.isOwn
                } == 0,
                "nothing clears by itself")
            #expect(entries.allSatisfy { $0.sensor != "lively/one" }, "no false alarm")
            #expect(try sink.alerts("alarm.raised", of: "high/one:high").count == 1)
            let deliveries = try sink.deliveries()
            let ids = deliveries.filter { !$0.isOwn }.map(\.id)
            #expect(Set(ids).count == ids.count, "sent twice: \(ids)")
            // What Midwatch says of itself may leave in the moment of a kill, which takes the mark
            // that it left: then, and only then, it comes again.
            for (id, copies) in Dictionary(grouping: deliveries.filter(\.isOwn), by: \.id) {
                let times = copies.map(\.at).sorted()
                let wasCut = kills.contains { (0..<1_000_000_000).contains($0 - times[0]) }
                #expect(copies.count <= (wasCut ? 2 : 1), "\(id) at \(times), killed at \(kills)")
            }
            #expect(try sink.deliveries().allSatisfy { $0.isVerified })
            #expect(try await site.stop() == 0)
            try site.expectRecordsVerify()
            figure("restarts: \(Scale.restarts), \(ids.count) alerts, each once")
        }
    }
}
