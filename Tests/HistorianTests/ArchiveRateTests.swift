// SPDX-License-Identifier: Apache-2.0

import Glibc
import Historian
import MidwatchModel
import Testing

/// Rows per second from journal records to committed rows, minute rows included.
///
/// A measurement, not a gate: it runs when `MIDWATCH_MEASURE` is set, in release mode, alone on the
/// machine. PostgreSQL runs with fsync on.
@Suite(.serialized, .enabled(if: unsafe getenv("MIDWATCH_MEASURE") != nil))
struct ArchiveRateTests {
    private static let rowCount = 2_000_000

    private static func journal(sensors: Int) -> MemoryJournal {
        var world = JournalWorld(seed: 1)
        for index in 0..<sensors { world.register(UInt32(index)) }
        for row in 0..<Self.rowCount {
            if row % 100_000 == 0 { world.anchor() }
            let slot = Slot(
                reading: Double(row % 997) / 4, of: SensorIndex(rawValue: UInt32(row % sensors)),
                from: SourceIndex(rawValue: 1), arrival: world.now, sourceTime: world.wall)
            world.journal.append(slot)
            world.advance(5_000)
        }
        return world.journal
    }

    private static func clock() -> Double {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private static func measure(_ name: String, _ journal: MemoryJournal, _ store: any ArchiveStore)
    {
        var configuration = HistorianConfiguration()
        configuration.redelivery = RedeliveryWindow.Limits()
        let historian = makeHistorian(journal, store, configuration: configuration)
        let newest = journal.records.last?.position ?? .zero
        let start = Self.clock()
        while historian.status.storedThrough < newest { _ = historian.turn() }
        let stored = Self.clock() - start
        historian.finish()
        let all = Self.clock() - start
        let perSecond = Int(Double(Self.rowCount) / stored / 1_000)
        print("RATE \(name): \(perSecond) k rows/s, \(stored) s, \(all) s with the last summary")
        #expect(historian.status.counters[.stored] == UInt64(Self.rowCount))
        #expect(historian.status.archivedThrough == newest)
    }

    @Test(arguments: [1_000, 10_000])
    func `into PostgreSQL`(sensors: Int) throws {
        let server = try PostgresServer(isDurable: true)
        let journal = Self.journal(sensors: sensors)
        for _ in 0..<5 {
            var options = PostgresOptions(
                connection: server.connection(database: try server.makeDatabase()))
            options.migratesAtStart = true
            try server.session().link.run("CHECKPOINT", secondsMax: 60)
            Self.measure("PostgreSQL, \(sensors) sensors", journal, PostgresArchive(options))
        }
    }

    @Test(arguments: [1_000, 10_000])
    func `into SQLite`(sensors: Int) throws {
        let journal = Self.journal(sensors: sensors)
        for _ in 0..<5 {
            let path = "/tmp/midwatch-rate-\(getpid()).sqlite"
            defer { for end in ["", "-wal", "-shm"] { removeFile(path + end) } }
            Self.measure(
                "SQLite, \(sensors) sensors", journal,
                SQLiteArchive(SQLiteArchiveOptions(path: path)))
        }
    }
}
