// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import Glibc
import Journal
import MidwatchConfiguration
import MidwatchModel
import StateFolder
import Testing

/// The state of a moment, decisions of a time, and what other rules would have done.
@Suite struct PastTests {
    /// The anchor of a `ReplayWorld` and the engine time it stands at.
    private static let anchor: Int64 = 1_700_000_000_000_000_000
    private static let origin: UInt64 = 1_000_000_000

    /// Wall time of the reading that comes as the `count`-th.
    private func wall(_ count: Int, _ extra: Int64 = 0) -> WallInstant {
        WallInstant(nanoseconds: Self.anchor + Int64(count) * 1_000_000_000 + extra)
    }

    private func feed(_ world: ReplayWorld, _ values: [Double]) {
        for value in values { world.read(value) }
        world.commit()
    }

    /// Thrown where there is no state.
    private struct NoState: Error {}

    /// A state as tests look at it.
    private struct Facts {
        var value: Double?
        var alarm: AlarmState?
        var why: Explanation?
        var wall: WallInstant
        var checkpoint: Position?
        var isReproducible: Bool
        var isAtEnd: Bool
        var doubtCount: Int

        init(_ past: borrowing StateAt) {
            let path = "pump/pressure"
            self.value = past.engine.explain(path: path, at: past.instant)?.sensor.value
            self.alarm = past.engine.alarmState(.high, ofPath: path)
            self.why = past.engine.explain(path: path, alarm: "high", at: past.instant)
            self.wall = past.engine.wall(of: past.instant)
            self.checkpoint = past.checkpoint
            self.isReproducible = past.isReproducible
            self.isAtEnd = past.isAtEnd
            self.doubtCount = past.doubts.count
        }
    }

    private func state(_ world: ReplayWorld, _ moment: WallInstant) throws -> Facts {
        let past = try StateAt.at(moment, stateDirectory: world.folder) { _, _ in }
        guard let past else { throw NoState() }
        return Facts(past)
    }

    @Test func `the state of a moment is that after the last record before it`() throws {
        let world = try ReplayWorld()
        self.feed(world, [5, 7, 8, 4, 3])
        let past = try self.state(world, self.wall(3, 500_000_000))
        #expect(past.value == 8)
        #expect(past.alarm == .unacknowledged)
        #expect(past.isReproducible && !past.isAtEnd)
        #expect(past.wall == self.wall(3, 500_000_000))
        #expect(past.why?.sensor.ageNanoseconds == 500_000_000)
        #expect(past.why?.alarms.first?.triggerValue == 7)
        let end = try self.state(world, self.wall(900))
        #expect(end.isAtEnd && end.value == 3)
        #expect(end.alarm == .returnedUnacknowledged)
    }

    @Test func `a moment before the journal has no state`() throws {
        let world = try ReplayWorld()
        self.feed(world, [5])
        #expect(throws: NoState.self) {
            try self.state(world, WallInstant(nanoseconds: Self.anchor - 1))
        }
    }

    @Test func `a state begins with the newest checkpoint from before it and is the same`() throws {
        let world = try ReplayWorld()
        self.feed(world, [5, 7, 8])
        try world.checkpoint()
        self.feed(world, [4, 3, 9])
        let before = try self.state(world, self.wall(2))
        #expect(before.checkpoint == nil && before.value == 7)
        let after = try self.state(world, self.wall(5))
        #expect(after.checkpoint != nil && after.value == 3)
        let folder = Folders(stateDirectory: world.folder).checkpoints
        for name in FileBytes.list(folder) where name.hasSuffix(".checkpoint") {
            var bytes = try #require(FileBytes.read("\(folder)/\(name)"))
            bytes[bytes.count / 2] ^= 0x40
            try FileBytes.replace("\(folder)/\(name)", with: bytes)
            try FileBytes.replace("\(folder)/replay/\(name)", with: bytes)
        }
        let logs = try self.state(world, self.wall(5))
        #expect(logs.checkpoint == nil && logs.value == 3)
        #expect(logs.why == after.why)
    }

    @Test func `over a gap a state is not reproducible`() throws {
        let world = try ReplayWorld()
        for _ in 0..<JournalStaging.slotCountMin { world.read(5) }
        for _ in 0..<100 { world.read(9) }
        world.commit()
        self.feed(world, [5])
        let past = try self.state(world, self.wall(1_000_000))
        #expect(!past.isReproducible && past.doubtCount > 0)
    }

    @Test func `decisions of a time are compared, those outside are not`() throws {
        let world = try ReplayWorld()
        self.feed(world, [5, 7, 4, 8, 3])
        let all = try world.verify()
        func verify(_ first: Int, _ last: Int) throws -> ReplayReport {
            try ReplayVerifier(
                stateDirectory: world.folder, range: self.wall(first)...self.wall(last)
            ).run { _, _ in }
        }
        let middle = try verify(2, 3)
        #expect(middle.verdict == .equal && middle.equalCount == 2)
        #expect(middle.uncheckedCount + middle.equalCount < all.equalCount)
        let nothing = try verify(50, 60)
        #expect(nothing.verdict == .notReproducible)
        #expect(nothing.doubts.contains(.nothingInRange))
    }

    @Test func `a difference outside the time is none, inside it is one`() throws {
        let world = try ReplayWorld()
        self.feed(world, [5, 7, 4])
        world.spoil = { body in
            let text = String(decoding: body, as: UTF8.self)
            return Array(text.split(separator: "high").joined(separator: "low").utf8)
        }
        self.feed(world, [8])
        world.spoil = nil
        self.feed(world, [3, 9])
        func verdict(_ first: Int, _ last: Int) throws -> ReplayReport.Verdict {
            try ReplayVerifier(
                stateDirectory: world.folder, range: self.wall(first)...self.wall(last)
            ).run { _, _ in }.verdict
        }
        #expect(try verdict(1, 3) == .equal)
        #expect(try verdict(5, 6) == .equal)
        #expect(try verdict(3, 5) == .different)
    }

    // MARK: - Back-test

    private func trial(_ text: String) throws -> RuleBook {
        let bytes = Array(text.utf8)
        let configuration = try #require(
            MidwatchConfiguration.parse(bytes: bytes, fileName: "new.yaml").configuration)
        return Revisions.trialRules(of: configuration, text: bytes)
    }

    private func test(
        _ world: ReplayWorld, _ text: String, since: Int = 0
    ) throws -> BackTest.Report {
        try #require(
            try BackTest.run(
                try self.trial(text), since: self.wall(since), stateDirectory: world.folder
            ) { _, _ in })
    }

    @Test func `the same rules raise the same alarms at the same times`() throws {
        let world = try ReplayWorld()
        self.feed(world, [5, 7, 4, 8, 3, 9])
        let report = try self.test(world, ReplayWorld.configuration)
        #expect(report.alarms.map(\.alarmID) == ["pump/pressure:high"])
        #expect(report.count == [.both: 3])
        let episodes = try #require(report.alarms.first?.episodes)
        #expect(episodes.map(\.production) == [self.wall(2), self.wall(4), self.wall(6)])
        #expect(episodes.map(\.trial) == episodes.map(\.production))
        #expect(episodes.map(\.end) == [self.wall(3), self.wall(5), nil])
        #expect(report.doubts.count == 0 && report.recordCount > 6)
    }

    @Test func `a higher limit misses some, a lower one raises more and earlier`() throws {
        let world = try ReplayWorld()
        self.feed(world, [5, 7, 4, 6.5, 9, 3, 5.5, 2])
        let text = ReplayWorld.configuration
        let higher = try self.test(world, text.replacing("setpoint: 6", with: "setpoint: 8"))
        #expect(higher.count == [.both: 1, .onlyProduction: 1])
        #expect(higher.alarms.first?.laterCount == 1)
        #expect(higher.alarms.first?.episodes.first?.verdict == .onlyProduction)
        let lower = try self.test(world, text.replacing("setpoint: 6", with: "setpoint: 5.2"))
        #expect(lower.count == [.both: 2, .onlyTrial: 1])
        #expect(lower.alarms.first?.episodes.last?.trial == self.wall(7))
    }

    @Test func `what only the new rules keep from people is said, and when they tell after all`()
        throws
    {
        let world = try ReplayWorld()
        self.feed(world, [5, 7, 4, 8, 3])
        let suppressed =
            ReplayWorld.configuration + """

                        suppressedBy: [{area: west, mode: run}]
                areas:
                  - {name: west, sensors: ["pump/#"], modes: [run, stop]}
                """
        let report = try self.test(world, suppressed)
        #expect(report.count == [.both: 2])
        let alarm = try #require(report.alarms.first)
        #expect(alarm.onlyTold == [.production: 2])
        #expect(alarm.episodes.map(\.isTold[.production]) == [true, true])
        #expect(alarm.episodes.map(\.isTold[.trial]) == [false, false])
        let same = try self.test(world, ReplayWorld.configuration)
        #expect(same.alarms.first?.onlyTold == [:])
    }

    @Test func `timers that only the new rules have end between the records`() throws {
        let world = try ReplayWorld()
        self.feed(world, [5, 7, 7, 7, 4])
        let delayed = ReplayWorld.configuration + "\n        onDelay: 1500ms"
        let report = try self.test(world, delayed)
        #expect(report.count == [.both: 1])
        let episode = try #require(report.alarms.first?.episodes.first)
        #expect(episode.production == self.wall(2))
        #expect(episode.trial == self.wall(3, 500_000_000))
        #expect(report.alarms.first?.laterCount == 1)
        // Silence that nobody supervised in production: readings come once a second.
        let supervised = ReplayWorld.configuration.replacing(
            "supervision: event", with: "supervision: periodic\n    deadline: 700ms")
        let silence = try self.test(world, supervised)
        let stale = silence.alarms.first { $0.alarmID == "pump/pressure:stale" }
        #expect(stale?.counts[.onlyTrial] ?? 0 >= 4)
        #expect(stale?.episodes.first?.trial == self.wall(0, 700_000_000))
    }

    @Test func `episodes from before the time are left out, one that lasts counts`() throws {
        let world = try ReplayWorld()
        self.feed(world, [7, 4, 8, 8, 8, 4])
        let report = try self.test(world, ReplayWorld.configuration, since: 4)
        #expect(report.count == [.both: 1])
        #expect(report.alarms.first?.episodes.first?.production == self.wall(3))
    }

    @Test func `a back-test begins with a checkpoint, and over a gap it says so`() throws {
        let world = try ReplayWorld()
        self.feed(world, [5, 7, 4])
        try world.checkpoint()
        self.feed(world, [7, 4])
        let text = ReplayWorld.configuration.replacing("setpoint: 6", with: "setpoint: 6.5")
        let report = try self.test(world, text, since: 4)
        #expect(report.checkpoint != nil && report.count == [.both: 1])
        for _ in 0..<JournalStaging.slotCountMin { world.read(5) }
        for _ in 0..<100 { world.read(9) }
        world.commit()
        self.feed(world, [5])
        #expect(try self.test(world, text, since: 4).doubts.count > 0)
    }

    @Test func `sensors that only the new rules declare are named`() throws {
        let world = try ReplayWorld()
        self.feed(world, [5])
        let more = ReplayWorld.configuration + "\n  - path: fan/speed\n    supervision: event\n"
        #expect(try self.test(world, more).unknownPaths.contains("fan/speed"))
    }
}
