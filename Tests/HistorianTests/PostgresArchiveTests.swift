// SPDX-License-Identifier: Apache-2.0

import Glibc
import Historian
import MidwatchModel
import Testing

/// Exactly once in a real PostgreSQL, whatever happens to us, to it, or to the link.
@Suite(.serialized) struct PostgresArchiveTests {
    static let server = Result { try PostgresServer() }

    static func options(
        _ server: PostgresServer, _ database: String, port: UInt16? = nil
    ) -> PostgresOptions {
        var options = PostgresOptions(
            connection: port.map { server.connection(database: database, port: $0) }
                ?? server.connection(database: database))
        options.migratesAtStart = true
        return options
    }

    /// Turns until the archive holds the journal and its summary, at most `seconds`.
    static func settle(
        _ historian: Historian<MemorySource>, _ journal: MemoryJournal, seconds: Int = 20,
        between: () -> Void = {}
    ) {
        let newest = journal.records.last?.position ?? .zero
        let start = time(nil)
        while historian.status.archivedThrough < newest, time(nil) - start < seconds {
            let pause = historian.turn()
            between()
            if pause > 0 { usleep(UInt32(min(pause, 1_000_000) / 1_000)) }
        }
    }

    /// The rows, the minutes, and the shipped check.
    static func verify(
        _ session: PostgresSession, _ journal: MemoryJournal, without: Set<Position> = [],
        comment: String = ""
    ) throws {
        var expected = StoredArchive(ExpectedArchive(of: journal), without: without)
        let stored = try StoredArchive(postgres: session)
        if !without.isEmpty {
            // The expectation of minutes is made of all rows; counts must still agree in SQL.
            expected.minutes = stored.minutes
        }
        stored.expectEqual(expected, comment)
        let check = try session.link.run(PostgresSchema.exactlyOnceCheck)
        #expect(check.rowCount == 1 && check.text(0, 6) == "t", "\(comment)")
        #expect(check.int64(0, 1) == Int64(stored.rows.count), "\(comment)")
    }

    @Test func `an undisturbed run stores every accepted reading once`() throws {
        let server = try Self.server.get()
        let database = try server.makeDatabase()
        var world = JournalWorld(seed: 1)
        world.run(4_000)
        let historian = makeHistorian(
            world.journal, PostgresArchive(Self.options(server, database)))
        Self.settle(historian, world.journal)
        let session = try server.session(database: database)
        try Self.verify(session, world.journal)
        let status = historian.status
        #expect(status.state == .running)
        #expect(
            status.counters[.redelivered] == ExpectedArchive(of: world.journal).tally.redelivered)
        #expect(status.counters[.lagRecords] == 0 && status.counters[.quarantined] == 0)
        let units = try session.link.run(
            "SELECT count(*) FROM midwatch.sensor WHERE unit = 'degC'")
        #expect(units.int64(0, 0) == 12)
        let source = try session.link.run("SELECT name FROM midwatch.journal_source")
        #expect(source.text(0, 0) == "mqtt/gateway-1")
    }

    @Test(arguments: UInt64(1)...6)
    func `links cut anywhere lose nothing and double nothing`(seed: UInt64) throws {
        let server = try Self.server.get()
        let database = try server.makeDatabase()
        let proxy = try LinkProxy(to: server.port)
        defer { proxy.stop() }
        var world = JournalWorld(seed: seed)
        world.run(2_500)
        var random = SeededRandom(seed: seed)
        let historian = makeHistorian(
            world.journal, PostgresArchive(Self.options(server, database, port: proxy.port)))
        Self.settle(historian, world.journal) {
            if random.chance(60), proxy.cutCount < 40 {
                proxy.arm(.afterBytes(random.below(30_000)))
            }
        }
        #expect(proxy.cutCount > 2)
        #expect(historian.status.counters[.failuresConnection] > 0)
        try Self.verify(try server.session(database: database), world.journal, comment: "\(seed)")
    }

    @Test(arguments: UInt64(1)...4)
    func `a commit whose answer is lost is neither repeated nor forgotten`(seed: UInt64) throws {
        let server = try Self.server.get()
        let database = try server.makeDatabase()
        let proxy = try LinkProxy(to: server.port)
        defer { proxy.stop() }
        var world = JournalWorld(seed: seed)
        world.run(3_000)
        var random = SeededRandom(seed: seed)
        let historian = makeHistorian(
            world.journal, PostgresArchive(Self.options(server, database, port: proxy.port)))
        Self.settle(historian, world.journal) {
            // From the first batch on: before it others commit, days and registrations.
            let counters = historian.status.counters
            if counters[.stored] > 0, counters[.cursorFollowed] < 3, random.chance(40) {
                proxy.arm(.afterCommit)
            }
        }
        #expect(proxy.cutCount >= 1)
        #expect(historian.status.counters[.cursorFollowed] > 0)
        try Self.verify(try server.session(database: database), world.journal, comment: "\(seed)")
    }

    @Test func `a server killed while rows arrive loses nothing and doubles nothing`() throws {
        let server = try PostgresServer()
        let database = try server.makeDatabase()
        let proxy = try LinkProxy(to: server.port)
        defer { proxy.stop() }
        var world = JournalWorld(seed: 11)
        world.run(3_000)
        var random = SeededRandom(seed: 11)
        let historian = makeHistorian(
            world.journal, PostgresArchive(Self.options(server, database, port: proxy.port)))
        var kills = 0
        Self.settle(historian, world.journal, seconds: 60) {
            guard kills < 3, historian.status.storedThrough.n > UInt64(kills + 1) * 600 else {
                return
            }
            kills += 1
            // The link breaks inside the next COPY; the server is killed with the transaction open.
            proxy.arm(.afterBytes(1_500 + random.below(4_000)))
            let cuts = proxy.cutCount
            while proxy.cutCount == cuts, historian.status.state == .running {
                _ = historian.turn()
            }
            server.kill()
            _ = historian.turn()
            #expect(historian.status.state != .running)
            #expect(throws: Never.self) { try server.start() }
        }
        #expect(kills == 3)
        try Self.verify(try server.session(database: database), world.journal)
    }

    @Test func `PostgreSQL absent at the start is waited for with the breaker open`() throws {
        let server = try PostgresServer()
        let database = try server.makeDatabase()
        var world = JournalWorld(seed: 12)
        world.run(500)
        server.kill()
        let historian = makeHistorian(
            world.journal, PostgresArchive(Self.options(server, database)))
        let start = time(nil)
        while historian.status.state.word != "breakerOpen", time(nil) - start < 10 {
            usleep(UInt32(historian.turn() / 1_000))
        }
        #expect(historian.status.state.word == "breakerOpen")
        #expect(
            historian.status.metrics().contains { sample in
                sample.name == "midwatch_archive_breaker_open" && sample.value == 1
            })
        #expect(historian.status.counters[.lagRecords] > 0)
        try server.start()
        Self.settle(historian, world.journal)
        #expect(historian.status.state == .running && historian.status.lastError.isEmpty)
        try Self.verify(try server.session(database: database), world.journal)
    }

    @Test(arguments: UInt64(1)...4)
    func `historians abandoned at any moment are continued by the next`(seed: UInt64) throws {
        let server = try Self.server.get()
        let database = try server.makeDatabase()
        var world = JournalWorld(seed: seed)
        var random = SeededRandom(seed: seed)
        var historian = makeHistorian(
            world.journal, PostgresArchive(Self.options(server, database)))
        for _ in 0..<25 {
            world.run(random.below(120))
            for _ in 0..<random.below(8) { _ = historian.turn() }
            if random.chance(50) {
                historian = makeHistorian(
                    world.journal, PostgresArchive(Self.options(server, database)))
            }
        }
        Self.settle(historian, world.journal)
        try Self.verify(try server.session(database: database), world.journal, comment: "\(seed)")
    }

    @Test func `a promoted standby that forgot batches gets them again`() throws {
        let server = try Self.server.get()
        let database = try server.makeDatabase()
        var world = JournalWorld(seed: 21)
        world.run(1_500)
        let historian = makeHistorian(
            world.journal, PostgresArchive(Self.options(server, database)))
        Self.settle(historian, world.journal)
        world.run(300)
        let before = historian.status.storedThrough
        while historian.status.storedThrough == before { _ = historian.turn() }
        // What a standby without the last batches holds: rows and cursor of an earlier moment.
        // Minutes are not touched: they went no further than the summarised cursor.
        let session = try server.session(database: database)
        try session.link.run(
            """
            BEGIN;
            UPDATE midwatch.archive_cursor SET epoch = summarised_epoch, n = summarised_n;
            DELETE FROM midwatch.reading USING midwatch.archive_cursor AS c
                WHERE (reading.epoch, reading.n) > (c.epoch, c.n);
            COMMIT
            """)
        world.run(300)
        Self.settle(historian, world.journal)
        #expect(historian.status.counters[.cursorFollowed] > 0)
        try Self.verify(session, world.journal)
    }

    @Test func `two historians on one journal store everything once`() throws {
        let server = try Self.server.get()
        let database = try server.makeDatabase()
        var world = JournalWorld(seed: 22)
        world.run(2_000)
        let first = makeHistorian(world.journal, PostgresArchive(Self.options(server, database)))
        let second = makeHistorian(world.journal, PostgresArchive(Self.options(server, database)))
        Self.settle(first, world.journal) { _ = second.turn() }
        #expect(
            first.status.counters[.cursorFollowed] + second.status.counters[.cursorFollowed] > 0)
        try Self.verify(try server.session(database: database), world.journal)
    }

    @Test func `a refused row is found, put aside, and the rest is stored`() throws {
        let server = try Self.server.get()
        let database = try server.makeDatabase()
        var world = JournalWorld(seed: 23)
        world.run(1_500)
        let historian = makeHistorian(
            world.journal, PostgresArchive(Self.options(server, database)))
        _ = historian.turn()
        let rows = ExpectedArchive(of: world.journal).rows
        let bad = Set([rows[7], rows[8], rows[200], rows[rows.count - 1]].map(\.position))
        // A rule of the database refuses them with class 23, as a bad row of ours would be.
        let session = try server.session(database: database)
        try session.link.run(
            """
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '23502'; END $$;
            CREATE TRIGGER refuse BEFORE INSERT ON midwatch.reading FOR EACH ROW
            WHEN (\(bad.map { "NEW.epoch = \($0.epoch) AND NEW.n = \($0.n)" }
                .joined(separator: " OR ")))
            EXECUTE FUNCTION refuse()
            """)
        Self.settle(historian, world.journal)
        #expect(historian.status.counters[.quarantined] == 4)
        #expect(historian.status.state == .running)
        try Self.verify(session, world.journal, without: bad)
        let kept = try session.link.run(
            "SELECT epoch, n, length(record), sql_state, message FROM midwatch.reading_quarantine")
        #expect(kept.rowCount == 4 && kept.int64(0, 2) == 64 && kept.text(0, 3) == "23502")
        #expect(kept.text(0, 4)?.contains("refused") == true)
    }

    @Test func `a partition that vanished is made again`() throws {
        let server = try Self.server.get()
        let database = try server.makeDatabase()
        var world = JournalWorld(seed: 24)
        world.run(300)
        let historian = makeHistorian(
            world.journal, PostgresArchive(Self.options(server, database)))
        Self.settle(historian, world.journal)
        let session = try server.session(database: database)
        try session.link.run(
            """
            ALTER TABLE midwatch.reading DETACH PARTITION midwatch.reading_20261121;
            DROP TABLE midwatch.reading_20261121
            """)
        let before = try StoredArchive(postgres: session).rows.count
        #expect(before == 0)
        let stored = historian.status.counters[.stored]
        world.run(300)
        Self.settle(historian, world.journal)
        let after = try StoredArchive(postgres: session).rows.count
        #expect(UInt64(after) == historian.status.counters[.stored] - stored && after > 0)
        #expect(historian.status.counters[.failuresPartition] > 0)
    }

    @Test func `a cursor ahead of the journal stops the archive`() throws {
        let server = try Self.server.get()
        let database = try server.makeDatabase()
        var world = JournalWorld(seed: 25)
        world.run(600)
        Self.settle(
            makeHistorian(world.journal, PostgresArchive(Self.options(server, database))),
            world.journal)
        let cursor = try #require(world.journal.records.last?.position)
        world.journal.truncate(to: 300)
        let newest = world.journal.records.last?.position
        let historian = makeHistorian(
            world.journal, PostgresArchive(Self.options(server, database)))
        for _ in 0..<5 { _ = historian.turn() }
        #expect(
            historian.status.condition == .cursorAheadOfJournal(cursor: cursor, newest: newest))
    }

    @Test func `a cursor older than the journal stops the archive`() throws {
        let server = try Self.server.get()
        let database = try server.makeDatabase()
        var world = JournalWorld(seed: 26)
        world.run(600)
        Self.settle(
            makeHistorian(world.journal, PostgresArchive(Self.options(server, database))),
            world.journal)
        let cursor = try #require(world.journal.records.last?.position)
        world.run(600)
        world.journal.firstKept = 900
        let historian = makeHistorian(
            world.journal, PostgresArchive(Self.options(server, database)))
        for _ in 0..<5 { _ = historian.turn() }
        #expect(
            historian.status.condition
                == .cursorOlderThanJournal(
                    cursor: cursor, oldest: world.journal.records[900].position))
    }

    @Test func `another database stops the archive until the file is removed`() throws {
        let server = try Self.server.get()
        let file = ArchiveIdentityFile(path: server.folder + "/../midwatch-identity-\(getpid())")
        defer { removeFile(file.path) }
        var world = JournalWorld(seed: 27)
        world.run(200)
        let (known, other) = (try server.makeDatabase(), try server.makeDatabase())
        let first = makeHistorian(
            world.journal, PostgresArchive(Self.options(server, known)), identityFile: file)
        Self.settle(first, world.journal)
        #expect(first.status.state == .running)
        let expected = try #require(try file.read())
        let second = makeHistorian(
            world.journal, PostgresArchive(Self.options(server, other)), identityFile: file)
        _ = second.turn()
        guard case .identityChanged(expected, let found)? = second.status.condition else {
            Issue.record("\(second.status.state)")
            return
        }
        #expect(found != expected)
        let empty = try server.session(database: other)
        #expect(
            try empty.link.run("SELECT count(*) FROM midwatch.archive_cursor").int64(0, 0) == 0)
        removeFile(file.path)
        let third = makeHistorian(
            world.journal, PostgresArchive(Self.options(server, other)), identityFile: file)
        Self.settle(third, world.journal)
        try Self.verify(empty, world.journal)
    }

    @Test func `a known database without our cursor stops the archive`() throws {
        let server = try Self.server.get()
        let file = ArchiveIdentityFile(path: server.folder + "/../midwatch-cursor-\(getpid())")
        defer { removeFile(file.path) }
        let database = try server.makeDatabase()
        var world = JournalWorld(seed: 28)
        world.run(200)
        Self.settle(
            makeHistorian(
                world.journal, PostgresArchive(Self.options(server, database)), identityFile: file),
            world.journal)
        try server.session(database: database).link.run("DELETE FROM midwatch.archive_cursor")
        world.journal.firstKept = 100
        let next = makeHistorian(
            world.journal, PostgresArchive(Self.options(server, database)), identityFile: file)
        _ = next.turn()
        #expect(next.status.condition == .cursorMissing)
    }

    @Test func `an archive without our schema is refused unless migration is allowed`() throws {
        let server = try Self.server.get()
        let database = try server.makeDatabase()
        var world = JournalWorld(seed: 29)
        world.run(50)
        var options = Self.options(server, database)
        options.migratesAtStart = false
        let refused = makeHistorian(world.journal, PostgresArchive(options))
        _ = refused.turn()
        #expect(refused.status.condition == .schemaOutdated(found: 0, needed: 1))
        #expect(try PostgresMigrator.migrate(options) == [1])
        #expect(try PostgresMigrator.migrate(options) == [])
        let session = try server.session(database: database)
        try session.link.run("ALTER TABLE midwatch.reading ALTER quality TYPE integer")
        let changed = makeHistorian(world.journal, PostgresArchive(options))
        _ = changed.turn()
        #expect(
            changed.status.condition
                == .schemaMismatch(
                    detail: "midwatch.reading.quality has type 23, 21 is needed"))
        try session.link.run("INSERT INTO midwatch.schema_version (version) VALUES (2)")
        let newer = makeHistorian(world.journal, PostgresArchive(options))
        _ = newer.turn()
        #expect(newer.status.condition == .schemaNewer(found: 2, known: 1))
    }
}
