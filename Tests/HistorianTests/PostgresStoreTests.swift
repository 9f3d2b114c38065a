// SPDX-License-Identifier: Apache-2.0

import Glibc
import Historian
import MidwatchModel
import Testing

/// The PostgreSQL store by itself: partitions, COPY bytes, connections, rights.
@Suite(.serialized) struct PostgresStoreTests {
    @Test func `days are made ahead, indexed when closed, and dropped when too old`() throws {
        let server = try PostgresArchiveTests.server.get()
        let database = try server.makeDatabase()
        var options = PostgresArchiveTests.options(server, database)
        options.readingDays = 2
        options.minuteDays = 4
        let archive = PostgresArchive(options)
        _ = try archive.open(journal: JournalID(high: 1, low: 1))
        let today = ArchiveDay(of: JournalWorld.wallStart)
        func pass(_ day: ArchiveDay) throws {
            try archive.maintain(now: WallInstant(nanoseconds: day.start + 7_200_000_000_000))
        }
        let session = try server.session(database: database)
        func tables(_ parent: String) throws -> [String] {
            let answer = try session.link.run(
                """
                SELECT c.relname FROM pg_inherits JOIN pg_class AS c ON c.oid = inhrelid
                WHERE inhparent = 'midwatch.\(parent)'::regclass ORDER BY 1
                """)
            return (0..<answer.rowCount).map { answer.text($0, 0) ?? "" }
        }
        try pass(today)
        #expect(
            try tables("reading")
                == (Int32(-1)...3).map { "reading_\(today.advanced(by: $0).name)" })
        #expect(try tables("reading_minute").count == 5)
        let index = """
            SELECT count(*) FROM pg_index JOIN pg_class ON oid = indexrelid
            WHERE relname = 'reading_\(today.advanced(by: -1).name)_sensor_time' AND indisvalid
            """
        for _ in 0..<200 {
            if try session.link.run(index).int64(0, 0) == 1 { break }
            try pass(today)
            usleep(10_000)
        }
        #expect(try session.link.run(index).int64(0, 0) == 1)
        // Two days later: yesterday (ended three days before) goes, its minutes stay.
        try pass(today.advanced(by: 2))
        #expect(try tables("reading").first == "reading_\(today.name)")
        #expect(
            try tables("reading_minute").first
                == "reading_minute_\(today.advanced(by: -1).name)")
        // A clock that jumps ahead by ten years costs two days per pass, not the archive.
        let held = try tables("reading").count
        try archive.prepare(days: [today.advanced(by: 3_650)])
        try pass(today.advanced(by: 3_650))
        #expect(try tables("reading").filter { $0 < "reading_2030" }.count == held - 2)
    }

    @Test func `the vectors of COPY BINARY are what the server accepts and refuses`() throws {
        let server = try PostgresArchiveTests.server.get()
        let session = try server.session(database: try server.makeDatabase())
        try session.link.run(
            "CREATE TABLE t (i int, d float8, t timestamptz, s text, b bool, n int, l bigint)")
        func copy(_ columns: String, _ fill: (inout CopyBuffer) -> Void) throws -> Int {
            var buffer = CopyBuffer()
            buffer.begin()
            fill(&buffer)
            buffer.end()
            return try unsafe buffer.withBytes { bytes throws(ArchiveError) in
                try unsafe session.link.copy(
                    "COPY t (\(columns)) FROM STDIN (FORMAT binary)", bytes)
            }
        }
        let taken = try copy("i, d, t, s, b, n") { buffer in
            buffer.beginRow(fieldCount: 6)
            buffer.put(Int32(1))
            buffer.put(21.5)
            buffer.put(timestamp: 1_704_067_200_000_000_000)
            buffer.put("ok")
            buffer.put(true)
            buffer.putNull()
        }
        #expect(taken == 1)
        let row = try session.link.run(
            "SELECT i, d, t AT TIME ZONE 'UTC', s, b, n FROM t")
        #expect(
            (0..<6).map { row.text(0, $0) } == ["1", "21.5", "2024-01-01 00:00:00", "ok", "t", nil])
        func code(_ columns: String, _ fill: (inout CopyBuffer) -> Void) -> String? {
            do {
                _ = try copy(columns, fill)
                return nil
            } catch {
                return (error as? ArchiveError)?.code
            }
        }
        #expect(
            code("i") { buffer in
                buffer.beginRow(fieldCount: 1)
                buffer.put(Int64(1))
            } == "22P03")
        #expect(
            code("l") { buffer in
                buffer.beginRow(fieldCount: 1)
                buffer.put(Int32(1))
            } == "08P01")
        #expect(
            code("s") { buffer in
                buffer.beginRow(fieldCount: 1)
                buffer.put("a\0b")
            } == "22021")
        #expect(code("i, l") { $0.beginRow(fieldCount: 1) } == "22P04")
        // The connection is usable after every refusal.
        #expect(try session.link.run("SELECT count(*) FROM t").int64(0, 0) == 1)
    }

    @Test func `a server that stops answering is given up and the heart still beats`() throws {
        let server = try PostgresArchiveTests.server.get()
        var beats = 0
        let link = try PostgresConnection.connect(
            keywords: [("dbname", server.connection())], timeoutSeconds: 5,
            onWait: {
                beats += 1
                return true
            })
        #expect(throws: ArchiveError.self) { try link.run("SELECT pg_sleep(60)", secondsMax: 1) }
        #expect(beats >= 3)
        let stopping = try PostgresConnection.connect(
            keywords: [("dbname", server.connection())], timeoutSeconds: 5, onWait: { false })
        #expect(throws: ArchiveError.self) { try stopping.run("SELECT pg_sleep(60)") }
    }

    @Test func `connection failures are told apart`() throws {
        let server = try PostgresArchiveTests.server.get()
        func disposition(_ connection: String) -> ArchiveError.Disposition? {
            do {
                _ = try PostgresArchive(PostgresOptions(connection: connection))
                    .open(journal: JournalID(high: 0, low: 0))
                return nil
            } catch {
                return error.disposition
            }
        }
        #expect(disposition(server.connection(database: "nowhere")) == .retrySlowly)
        #expect(disposition("host=127.0.0.1 port=1 user=x") == .reconnect)
        #expect(disposition("no such option") == .retrySlowly)
    }

    @Test func `a role without superuser rights suffices`() throws {
        let server = try PostgresArchiveTests.server.get()
        let database = try server.makeDatabase()
        let session = try server.session(database: database)
        try session.link.run(
            "CREATE ROLE plain LOGIN; GRANT CREATE ON DATABASE \(database) TO plain")
        var options = PostgresOptions(
            connection: server.connection(database: database) + " user=plain")
        options.migratesAtStart = true
        var world = JournalWorld(seed: 30)
        world.run(400)
        PostgresArchiveTests.settle(
            makeHistorian(world.journal, PostgresArchive(options)), world.journal)
        try PostgresArchiveTests.verify(session, world.journal)
    }

    @Test func `several hosts are tried and the first that takes writes is used`() throws {
        let server = try PostgresArchiveTests.server.get()
        let database = try server.makeDatabase()
        var options = PostgresOptions(
            connection: "host=127.0.0.1,127.0.0.1 port=1,\(server.port) user=midwatch "
                + "dbname=\(database) sslmode=disable")
        options.migratesAtStart = true
        let archive = PostgresArchive(options)
        let state = try archive.open(journal: JournalID(high: 0, low: 1))
        #expect(state.cursor == nil && state.identity.utf8.count > 40)
    }
}
