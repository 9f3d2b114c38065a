// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import StateFolder
import Testing

/// The figures about alarms, read from a ledger that the test writes.
@Suite struct AlarmFiguresTests {
    /// 2026-11-20T00:00:00Z.
    private static let midnight: Int64 = 1_795_132_800
    private static let second: Int64 = 1_000_000_000

    private func wall(_ second: Int64) -> WallInstant {
        WallInstant(nanoseconds: (Self.midnight + second) * Self.second)
    }

    private func write(
        _ world: ReplayWorld, _ kind: String, _ second: Int64, _ path: String = "pump/pressure",
        cause: String = "valueBeyondLimit"
    ) {
        world.write(
            Array(
                """
                {"decision":"9:\(100 + second).0","kind":"\(kind)","cause":"\(cause)",\
                "at":"\(self.wall(second).rfc3339)","sensor":"\(path)","alarm":"high",\
                "priority":"high"}
                """.utf8))
    }

    private func read(
        _ world: ReplayWorld, since: Int64? = nil, now: Int64
    ) throws -> AlarmFigures {
        world.commit()
        return try #require(
            try AlarmFigures.read(
                since: since.map { self.wall($0) }, now: self.wall(now),
                stateDirectory: world.folder
            ) { _ in })
    }

    @Test func `raises count by day and alarm, kept back ones and answers do not`() throws {
        let world = try ReplayWorld()
        self.write(world, "alarmRaised", 100)
        self.write(world, "alarmReturned", 200)
        self.write(world, "alarmRaisedSuppressed", 300)
        self.write(world, "commandRefused", 400)
        // A test of the way of alerts is no alarm.
        self.write(world, "alarmRaised", 500, "midwatch/node/drill/high")
        self.write(world, "alarmRaised", 90_000, "fan")
        self.write(world, "alarmRaised", 90_600, "fan", cause: "reAlarm")
        let figures = try self.read(world, since: 0, now: 172_800)
        #expect(figures.statistics.annunciations == 2 && figures.statistics.reAlarms == 1)
        #expect(figures.days.map(\.annunciations) == [1, 1, 0])
        #expect(figures.days[0].begin == self.wall(0))
        #expect(abs(figures.rate(perNanoseconds: 86_400_000_000_000) - 1) < 0.01)
        let names = figures.statistics.topTen.map { figures.name(of: $0.key) }
        #expect(Set(names) == ["pump/pressure:high", "fan:high"])
        // It stands since 90,000 and for more than a day only later.
        #expect(figures.days.map(\.standing) == [0, 0, 0])
        let later = try self.read(world, since: 0, now: 180_000)
        #expect(later.days.last?.standing == 1)
        #expect(later.statistics.standing.map { later.name(of: $0) } == ["fan:high"])
    }

    @Test func `what came before the time does not count, what stands from then does`() throws {
        let world = try ReplayWorld()
        for second in 0..<20 { self.write(world, "alarmRaised", Int64(second), "a/\(second)") }
        self.write(world, "alarmReturned", 30, "a/0")
        let figures = try self.read(world, since: 3_600, now: 100_000)
        #expect(figures.begin == self.wall(3_600))
        #expect(figures.statistics.annunciations == 0)
        #expect(figures.statistics.topTen.isEmpty && figures.statistics.floodCount == 0)
        #expect(figures.statistics.standing.count == 19)
        let all = try self.read(world, since: 0, now: 100_000)
        #expect(all.statistics.annunciations == 20 && all.statistics.floodCount == 1)
        #expect(all.statistics.peakInTenMinutes == 20 && all.statistics.slotsOver == 1)
        #expect(all.statistics.floods.first?.begin.nanoseconds == UInt64(self.wall(10).nanoseconds))
    }

    @Test func `an alarm that comes three times a minute chattered, however long ago`() throws {
        let world = try ReplayWorld()
        for second in [0, 20, 40, 50, 4_000, 4_020, 4_040] as [Int64] {
            self.write(world, "alarmRaised", second)
            self.write(world, "alarmReturned", second + 1)
        }
        let figures = try self.read(world, since: 0, now: 9_000)
        #expect(figures.statistics.chatteredEver.map { $0.count } == [2])
        #expect(figures.statistics.chattering.isEmpty)
    }

    @Test func `damaged records are counted and passed`() throws {
        let world = try ReplayWorld()
        self.write(world, "alarmRaised", 1)
        self.write(world, "alarmRaised", 2, "fan")
        world.commit()
        let folder = Folders(stateDirectory: world.folder).ledger
        let name = try #require(FileBytes.list(folder).filter { $0.contains("000") }.sorted().first)
        var bytes = try #require(FileBytes.read("\(folder)/\(name)"))
        let mark = Array("\"sensor\":\"pump".utf8)
        let place = try #require(
            bytes.indices.first { bytes[$0...].starts(with: mark) })
        bytes[place + 2] ^= 1
        try FileBytes.replace("\(folder)/\(name)", with: bytes)
        let figures = try self.read(world, since: 0, now: 100)
        #expect(figures.missingCount >= 1)
        #expect(figures.statistics.annunciations == 1)
    }
}
