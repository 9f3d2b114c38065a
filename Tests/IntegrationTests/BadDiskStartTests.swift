// SPDX-License-Identifier: Apache-2.0

import Glibc
import MidwatchModel
import OperatorConsole
import OperatorViews
import Testing

extension IntegrationTests {
    /// The daemon starts, listens, evaluates and alerts whatever its disk does, and says what it
    /// could not do.
    @Suite struct BadDiskStartTests {
        /// A site with a limit, a sink and a disk of its own.
        private struct World {
            var folder: TemporaryFolder
            var sink: Sink
            var site: Site
            var disk: LoopDisk

            init() async throws {
                self.folder = try TemporaryFolder()
                self.sink = try await Sink(in: self.folder)
                self.site = try Site(
                    Site.options(
                        sensors: Site.limitSensor("alarm/before") + Site.limitSensor("alarm/after"),
                        sink: self.sink), folder: self.folder)
                self.disk = try LoopDisk(
                    at: self.site.state, image: self.folder.file("disk.img"), size: "2G")
            }

            /// A first run that raises `alarm/before`, archives everything and ends.
            func runOnce() async throws {
                try await self.site.start()
                try await self.expectAlert("alarm/before")
                #expect(try await self.site.isArchived())
                #expect(try await self.site.stop() == 0)
            }

            /// A reading over the limit is told to people.
            func expectAlert(
                _ path: String, _ location: SourceLocation = #_sourceLocation
            ) async throws {
                let device = try FieldDevice(self.site)
                let isTold = try await waits(10) {
                    _ = device.send(path, 90)
                    return try !self.sink.alerts("alarm.raised", of: "\(path):high").isEmpty
                }
                #expect(isTold, "\(self.site.logTail)", sourceLocation: location)
            }

            /// The status and an alarm of Midwatch's own say it.
            func expectSaid(
                _ words: String, alarm: (path: String, kind: String),
                _ location: SourceLocation = #_sourceLocation
            ) async throws {
                let status = try await self.status { $0.modes.contains { $0.contains(words) } }
                #expect(
                    status.modes.contains { $0.contains(words) }, "\(status.modes)",
                    sourceLocation: location)
                #expect(status.health != .healthy, sourceLocation: location)
                let isTold = try await waits(15) {
                    try !self.sink.alerts(
                        "alarm.raised", of: "\(Site.own(alarm.path)):\(alarm.kind)"
                    ).isEmpty
                }
                #expect(isTold, "\(alarm)", sourceLocation: location)
            }

            private func status(until holds: (StatusView) -> Bool) async throws -> StatusView {
                _ = try await waits(5) { holds(try self.site.client.status()) }
                return try self.site.client.status()
            }

            func remount(_ option: String) throws {
                try ChildProcess.run([
                    try Places.tool("mount"), "-o", "remount,\(option)", self.site.state,
                ])
            }

            /// Overwrites bytes of a file of the state folder.
            func rot(_ file: String, at offset: Int, count: Int) throws {
                try ChildProcess.run([
                    try Places.tool("dd"), "if=/dev/urandom", "of=\(self.site.state)/\(file)",
                    "bs=1", "seek=\(offset)", "count=\(count)", "conv=notrunc", "status=none",
                ])
            }

            var segments: [String] {
                File.names("\(self.site.state)/journal").filter { $0.hasSuffix(".segment") }
            }
        }

        @Test func `on a read-only disk the monitor starts and knows what it knew`() async throws {
            let world = try await World()
            try await world.runOnce()
            let before = File.names("\(world.site.state)/journal").sorted()
            try world.remount("ro")
            // It answers, and is not ready: what it accepts is kept nowhere.
            let daemon = try world.site.launch()
            #expect(try await waits(30) { (try? world.site.client.status()) != nil })
            #expect(daemon.exitStatus() == nil)
            #expect((try? world.site.client.get("/readyz")) == nil)
            let alarms = try world.site.client.alarms(AlarmQuery(limit: 100)).items
            #expect(
                alarms.contains { $0.alarmID == "alarm/before:high" && $0.state != .normal },
                "\(alarms.map(\.alarmID))")
            try await world.expectAlert("alarm/after")
            try await world.expectSaid(
                "journal not written in this run", alarm: ("journal/mode", "highHigh"))
            try await world.expectSaid(
                "ledger not written in this run", alarm: ("ledger/failing", "high"))
            #expect(try world.site.modes().contains("storage failed"))
            let shown = try ChildProcess.run(
                [
                    try Places.program("midwatch"), "status", "--socket",
                    world.site.client.socketPath,
                ], statuses: Set(0..<10))
            #expect(shown.contains("journal not written in this run"), "\(shown)")
            let epoch = try world.site.client.status().epoch
            try await world.site.kill()
            try world.remount("rw")
            #expect(File.names("\(world.site.state)/journal").sorted() == before)
            try await world.site.start()
            let after = try world.site.client.status()
            #expect(after.epoch > epoch, "no epoch is given out twice")
            #expect(try await waits(20) { try world.site.modes().isEmpty })
            #expect(try await world.site.stop() == 0)
            try world.site.expectRecordsVerify()
            let ids = try world.sink.deliveries().map(\.id)
            #expect(Set(ids).count == ids.count, "an identity twice")
        }

        @Test func `the rotten header of the only segment is damage, not the end`() async throws {
            let world = try await World()
            try await world.runOnce()
            let segment = try #require(world.segments.first)
            #expect(world.segments.count == 1)
            try world.rot("journal/\(segment)", at: 0, count: 64)
            try await world.site.start()
            try await world.expectAlert("alarm/after")
            try await world.expectSaid(
                "journal or ledger found damaged", alarm: ("journal/damage", "high"))
            #expect(world.segments.contains(segment))
            #expect(try await world.site.isArchived(), "what is behind it is archived")
            #expect(try await world.site.stop() == 0)
        }

        @Test func `a journal nobody understands is kept aside and a new one begun`() async throws {
            let world = try await World()
            try await world.runOnce()
            let segment = try #require(world.segments.first)
            try world.rot("journal/\(segment)", at: 0, count: 64)
            try world.rot("journal/identity", at: 0, count: 8_192)
            let names = File.names("\(world.site.state)/journal").sorted()
            try await world.site.start()
            try await world.expectAlert("alarm/after")
            try await world.expectSaid("kept aside as", alarm: ("journal/damage", "high"))
            #expect(
                File.names("\(world.site.state)/journal.aside-1").sorted() == names,
                "nothing old is removed")
            #expect(try await world.site.stop() == 0)
            let ids = try world.sink.deliveries().map(\.id)
            #expect(Set(ids).count == ids.count, "an identity twice")
        }

        @Test func `a changed configuration that cannot be kept is in force`() async throws {
            let world = try await World()
            try await world.runOnce()
            // Root writes to what is read only, but not to what cannot change.
            let revisions = "\(world.site.state)/revisions"
            try ChildProcess.run([try Places.tool("chattr"), "+i", revisions])
            let text = File.text(world.site.configurationPath).replacing(
                "setpoint: 50", with: "setpoint: 40")
            try File.write(world.site.configurationPath, text)
            try await world.site.start()
            let device = try FieldDevice(world.site)
            _ = device.send("alarm/after", 45)
            #expect(
                try await waits(5) {
                    try !world.sink.alerts("alarm.raised", of: "alarm/after:high").isEmpty
                }, "the new limit holds")
            try await world.expectSaid(
                "text of the configuration in force not kept",
                alarm: ("configuration/missingRevisions", "high"))
            try ChildProcess.run([try Places.tool("chattr"), "-i", revisions])
            #expect(try await world.site.stop() == 0)
        }
    }
}
