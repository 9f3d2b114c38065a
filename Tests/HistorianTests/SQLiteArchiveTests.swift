// SPDX-License-Identifier: Apache-2.0

import EmbeddedStore
import Glibc
import Historian
import MidwatchModel
import Testing

/// Exactly once in the embedded archive.
@Suite struct SQLiteArchiveTests {
    private final class Folder {
        let path: String

        init() throws {
            var template = Array("/tmp/midwatch-sqlite-XXXXXX".utf8CString)
            try #require(unsafe mkdtemp(&template) != nil)
            self.path = String(decoding: template.dropLast().map { UInt8($0) }, as: UTF8.self)
        }

        deinit {
            for name in ["archive", "copy"] {
                for end in ["", "-wal", "-shm"] { removeFile("\(self.path)/\(name).sqlite\(end)") }
            }
            _ = unsafe rmdir(self.path)
        }

        var archive: String { "\(self.path)/archive.sqlite" }
        var copy: String { "\(self.path)/copy.sqlite" }

        /// What a crash would leave now: the file and its write-ahead log as they are.
        func takeCopy() throws {
            for end in ["", "-wal"] { try Self.copyFile(self.archive + end, self.copy + end) }
            removeFile(self.copy + "-shm")
        }

        private static func copyFile(_ from: String, _ to: String) throws {
            let source = unsafe open(from, O_RDONLY)
            try #require(source >= 0)
            defer { close(source) }
            let target = unsafe open(to, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
            try #require(target >= 0)
            defer { close(target) }
            var bytes = [UInt8](repeating: 0, count: 65_536)
            while true {
                let count = unsafe read(source, &bytes, bytes.count)
                guard count > 0 else { return }
                try #require(unsafe write(target, bytes, count) == count)
            }
        }
    }

    private static func settle(
        _ historian: Historian<MemorySource>, _ journal: MemoryJournal, seconds: Int = 20
    ) {
        let newest = journal.records.last?.position ?? .zero
        let start = time(nil)
        while historian.status.archivedThrough < newest, time(nil) - start < seconds {
            let pause = historian.turn()
            if pause > 0 { usleep(UInt32(min(pause, 1_000_000) / 1_000)) }
        }
    }

    private static func verify(
        _ path: String, _ journal: MemoryJournal, comment: String = ""
    ) throws {
        try StoredArchive(sqlite: path)
            .expectEqual(StoredArchive(ExpectedArchive(of: journal)), comment)
    }

    @Test func `an undisturbed run stores every accepted reading once`() throws {
        let folder = try Folder()
        var world = JournalWorld(seed: 1)
        world.run(4_000)
        let historian = makeHistorian(
            world.journal, SQLiteArchive(SQLiteArchiveOptions(path: folder.archive)))
        Self.settle(historian, world.journal)
        #expect(historian.status.state == .running)
        try Self.verify(folder.archive, world.journal)
    }

    @Test(arguments: UInt64(1)...10)
    func `a crash inside a transaction loses nothing and doubles nothing`(seed: UInt64) throws {
        let folder = try Folder()
        var world = JournalWorld(seed: seed)
        world.run(4_000)
        var random = SeededRandom(seed: seed)
        let archive = SQLiteArchive(SQLiteArchiveOptions(path: folder.archive))
        var countdown = random.below(40) + 1
        archive.onWait = {
            countdown -= 1
            if countdown == 0 { #expect(throws: Never.self) { try folder.takeCopy() } }
            return true
        }
        let historian = makeHistorian(
            world.journal, archive, batchRows: random.chance(30) ? 2_500 : 50)
        Self.settle(historian, world.journal)
        if countdown > 0 { try folder.takeCopy() }
        // The crashed program starts again on what the crash left.
        world.run(200)
        Self.settle(
            makeHistorian(world.journal, SQLiteArchive(SQLiteArchiveOptions(path: folder.copy))),
            world.journal)
        try Self.verify(folder.copy, world.journal, comment: "\(seed)")
    }

    @Test(arguments: UInt64(1)...10)
    func `historians abandoned at any moment are continued by the next`(seed: UInt64) throws {
        let folder = try Folder()
        func next(_ journal: MemoryJournal, refusals: Int) -> Historian<MemorySource> {
            let archive = SQLiteArchive(SQLiteArchiveOptions(path: folder.archive))
            var left = refusals
            archive.onWait = {
                left -= 1
                return left != 0
            }
            return makeHistorian(journal, archive, failures: refusals % 3)
        }
        var world = JournalWorld(seed: seed)
        var random = SeededRandom(seed: seed)
        var historian = next(world.journal, refusals: 3)
        for _ in 0..<40 {
            world.run(random.below(120))
            for _ in 0..<random.below(8) { _ = historian.turn() }
            if random.chance(50) {
                historian = next(world.journal, refusals: random.below(9))
            }
        }
        Self.settle(historian, world.journal)
        try Self.verify(folder.archive, world.journal, comment: "\(seed)")
    }

    @Test func `the loop beats, stores, and on stopping leaves nothing behind`() throws {
        let folder = try Folder()
        var world = JournalWorld(seed: 6)
        world.run(3_000)
        let progress = StageProgress.standalone()
        // Intervals nothing here waits for: stopping writes what is left.
        var configuration = HistorianConfiguration()
        configuration.redelivery = ExpectedArchive.limits
        let historian = makeHistorian(
            world.journal, SQLiteArchive(SQLiteArchiveOptions(path: folder.archive)),
            configuration: configuration, progress: progress)
        var asked = 0
        historian.run {
            asked += 1
            return progress.beatCount >= 3
        }
        #expect(asked > 1 && progress.attemptCount >= 2)
        #expect(historian.status.archivedThrough == world.journal.records.last?.position)
        try Self.verify(folder.archive, world.journal)
    }

    @Test func `a file locked by another is waited for`() throws {
        let folder = try Folder()
        var world = JournalWorld(seed: 5)
        world.run(300)
        let historian = makeHistorian(
            world.journal, SQLiteArchive(SQLiteArchiveOptions(path: folder.archive)))
        _ = historian.turn()
        let other = try SQLiteDatabase(path: folder.archive, durability: .normal)
        try other.execute("BEGIN IMMEDIATE")
        for _ in 0..<3 { _ = historian.turn() }
        #expect(historian.status.counters[.failuresTransient] > 0)
        #expect(historian.status.counters[.stored] == 0)
        try other.execute("ROLLBACK")
        Self.settle(historian, world.journal)
        try Self.verify(folder.archive, world.journal)
    }

    @Test func `old days are dropped, two at a time`() throws {
        let folder = try Folder()
        var options = SQLiteArchiveOptions(path: folder.archive)
        options.readingDays = 2
        let archive = SQLiteArchive(options)
        _ = try archive.open(journal: JournalID(high: 1, low: 1))
        let today = ArchiveDay(of: JournalWorld.wallStart)
        try archive.prepare(days: Set((0..<6).map { today.advanced(by: $0) }))
        try archive.maintain(now: WallInstant(nanoseconds: today.advanced(by: 6).start))
        func tables(_ like: String) throws -> Int64 {
            let database = try SQLiteDatabase(path: folder.archive, durability: .normal)
            let count = try database.prepare(
                "SELECT count(*) FROM sqlite_master WHERE name GLOB '\(like)'")
            return try count.step() ? count.int64(0) : -1
        }
        // 0 ... 7 (today and tomorrow are made), less the two oldest.
        #expect(try tables("reading_2*") == 6)
        #expect(try tables("reading_minute_2*") == 8)
    }

    @Test(arguments: [
        (Int32(5), ArchiveError.Disposition.retry), (6, .retry), (13, .backOffLong),
        (10 | 3 << 8, .backOffLong), (14, .retrySlowly), (8, .retrySlowly), (19, .quarantine),
        (11, .stop(.storeDamaged(detail: "m"))), (26, .stop(.storeDamaged(detail: "m"))),
        (1, .stop(.schemaMismatch(detail: "m"))), (9, .reconnect),
    ])
    func `SQLite codes have their answers`(code: Int32, expected: ArchiveError.Disposition) {
        let error = SQLiteSchema.archiveError(
            SQLiteError(code: code, message: "m", action: "a"), action: "a")
        #expect(error.disposition == expected)
    }
}
