// SPDX-License-Identifier: Apache-2.0

import Glibc
import Historian
import MidwatchModel
import Testing

/// Charts: the same questions to both stores.
@Suite struct ArchiveHistoryTests {
    private static let start = JournalWorld.wallStart  // half past a minute
    private static let path = "plant/line-0/sensor-0/temperature"

    /// One reading a second for 20 minutes, the 100th not a number.
    private static func journal() -> MemoryJournal {
        var world = JournalWorld(seed: 1)
        world.register(0)
        for second in 0..<1_200 {
            let value = second == 100 ? Double.nan : Double(second)
            world.journal.append(
                Slot(
                    reading: value, of: SensorIndex(rawValue: 0), from: SourceIndex(rawValue: 1),
                    arrival: world.now))
            world.advance(1_000_000_000)
        }
        return world.journal
    }

    private static func settle(_ historian: Historian<MemorySource>, _ journal: MemoryJournal) {
        let newest = journal.records.last?.position ?? .zero
        let start = time(nil)
        while historian.status.archivedThrough < newest, time(nil) - start < 20 {
            usleep(UInt32(historian.turn() / 1_000))
        }
        historian.finish()
    }

    private static func ask(_ reader: any ArchiveReader) throws {
        let sensor = try #require(SensorID(Self.path))
        func wall(_ second: Int64) -> WallInstant {
            WallInstant(nanoseconds: Self.start + second * 1_000_000_000)
        }
        let unknown = try #require(SensorID("not/there"))
        #expect(try reader.history(of: unknown, from: wall(0), to: wall(9), limit: 9) == nil)
        let readings = try #require(
            try reader.history(of: sensor, from: wall(98), to: wall(102), limit: 50))
        #expect(readings.resolution == .reading && !readings.isTruncated)
        #expect(readings.unit == "degC")
        #expect(readings.points.map(\.value) == [98, 99, nil, 101])
        #expect(readings.points.map(\.quality) == [.good, .good, .bad, .good])
        #expect(readings.points.map(\.time) == (98..<102).map { wall($0) })
        let cut = try #require(
            try reader.history(of: sensor, from: wall(0), to: wall(900), limit: 10))
        #expect(cut.isTruncated && cut.points.map(\.value) == (0..<10).map { Double($0) })
        let minutes = try #require(
            try reader.history(of: sensor, from: wall(0), to: wall(1_200), limit: 500))
        #expect(minutes.resolution == .minute && minutes.points.count == 20)
        let first = try #require(minutes.points.first)
        // The first whole minute begins 30 seconds in: readings 30 ... 89.
        #expect(first.time == wall(30) && first.readingCount == 60)
        #expect(first.value == 59.5 && first.valueMin == 30 && first.valueMax == 89)
        #expect(first.valueLast == 89 && first.quality == .good)
        let second = minutes.points[1]
        #expect(second.readingCount == 60 && second.quality == .bad)
        #expect(second.value == Double((90..<150).reduce(0, +) - 100) / 59)
        let few = try #require(
            try reader.history(of: sensor, from: wall(0), to: wall(1_200), limit: 3))
        #expect(few.isTruncated && few.points.count == 3)
    }

    /// The archive says how far it has a journal, and nothing of one that it never saw.
    private static func askReach(_ reader: any ArchiveReader, _ journal: MemoryJournal) throws {
        let reach = try #require(try reader.reach(of: journal.id))
        #expect(reach.stored == journal.records.last?.position)
        // The last minute is not over: its row is not written.
        #expect(reach.summarised <= reach.stored && reach.summarised.n > 0)
        #expect(try reader.reach(of: JournalID(high: 1, low: 2)) == nil)
    }

    @Test func `history from PostgreSQL`() throws {
        let server = try PostgresServer()
        let database = try server.makeDatabase()
        var options = PostgresOptions(connection: server.connection(database: database))
        options.migratesAtStart = true
        let journal = Self.journal()
        Self.settle(makeHistorian(journal, PostgresArchive(options)), journal)
        let reader = PostgresArchiveReader(options)
        try Self.ask(reader)
        try Self.askReach(reader, journal)
        // A connection that was lost is made again by the next question.
        server.kill()
        // The process behind a connection ends by itself, a moment after the server.
        var isLost = false
        for _ in 0..<500 where !isLost {
            do {
                _ = try reader.reach(of: journal.id)
                usleep(10_000)
            } catch { isLost = true }
        }
        #expect(isLost)
        try server.start()
        try Self.askReach(reader, journal)
    }

    @Test func `history from SQLite`() throws {
        let path = "/tmp/midwatch-history-\(getpid()).sqlite"
        defer { for end in ["", "-wal", "-shm"] { removeFile(path + end) } }
        let journal = Self.journal()
        Self.settle(
            makeHistorian(journal, SQLiteArchive(SQLiteArchiveOptions(path: path))), journal)
        let reader = SQLiteArchiveReader(path: path)
        try Self.ask(reader)
        try Self.askReach(reader, journal)
    }

    @Test(arguments: [
        (Int64(0), Int64(900_000_000_000), ArchiveHistory.Resolution.reading),
        (0, 900_000_000_001, .minute), (Int64.min, Int64.max, .minute),
    ])
    func `spans above a quarter of an hour are answered with minutes`(
        from: Int64, to: Int64, expected: ArchiveHistory.Resolution
    ) {
        #expect(
            ArchiveHistory.resolution(
                from: WallInstant(nanoseconds: from), to: WallInstant(nanoseconds: to)) == expected)
    }
}
