// SPDX-License-Identifier: Apache-2.0

import Glibc
import Historian
import MidwatchModel
import Testing

/// Files beside the programs are what the programs were built with.
@Suite struct ShippedFilesTests {
    /// The package's folder, three above this file.
    private static func read(_ path: String) throws -> String {
        let root = "\(#filePath)".split(separator: "/").dropLast(3).joined(separator: "/")
        guard let opened = unsafe fopen("/\(root)/\(path)", "r") else {
            throw PostgresServer.Failure(message: "cannot read \(path)")
        }
        defer { unsafe fclose(opened) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe fread(&chunk, 1, chunk.count, opened)
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += chunk.prefix(count)
        }
    }

    @Test func `the embedded SQL is the shipped SQL`() throws {
        let migrations = try ["0001-archive.sql"].map { try Self.read("Deploy/postgresql/\($0)") }
        #expect(PostgresSchema.migrations == migrations)
        #expect(
            try PostgresSchema.exactlyOnceCheck
                == Self.read("Deploy/postgresql/check-exactly-once.sql"))
    }

    @Test func `every query of the dashboard runs and finds the readings`() throws {
        let server = try PostgresServer()
        let database = try server.makeDatabase()
        var options = PostgresOptions(connection: server.connection(database: database))
        options.migratesAtStart = true
        var world = JournalWorld(seed: 4)
        world.run(2_000)
        let historian = makeHistorian(world.journal, PostgresArchive(options))
        let newest = world.journal.records.last?.position ?? .zero
        let start = time(nil)
        while historian.status.archivedThrough < newest, time(nil) - start < 20 {
            usleep(UInt32(historian.turn() / 1_000))
        }
        historian.finish()
        let session = try server.session(database: database)
        let queries = try Self.queries(in: try Self.read("Dashboards/archive.json"), session)
        #expect(queries.count == 7)
        for query in queries {
            let answer = try session.link.run(Self.expanded(query))
            // Nothing was quarantined; everything else must show something.
            #expect((answer.rowCount > 0) != query.contains("reading_quarantine"), "\(query)")
        }
    }

    /// Stands in for Grafana's macros and variables.
    private static func expanded(_ query: String) -> String {
        var text = query
        while let macro = text.firstRange(of: "$__timeFilter(") {
            let rest = text[macro.upperBound...]
            guard let end = rest.firstIndex(of: ")") else { break }
            let column = rest[..<end]
            text.replaceSubrange(
                macro.lowerBound...end,
                with: "\(column) BETWEEN '2026-11-21T00:00:00Z' AND '2026-11-21T06:00:00Z'")
        }
        if let variable = text.firstRange(of: "$sensor") {
            text.replaceSubrange(variable, with: "SELECT sensor_id FROM midwatch.sensor")
        }
        return text
    }

    /// Every `rawSql` and every variable's `query` that is SQL; the server reads the JSON.
    private static func queries(
        in dashboard: String, _ session: PostgresSession
    ) throws -> [String] {
        let answer = try session.link.run(
            """
            SELECT DISTINCT query #>> '{}' FROM (
                SELECT jsonb_path_query($1::jsonb, 'strict $.**.rawSql ? (@.type() == "string")',
                    silent => true)
                UNION ALL
                SELECT jsonb_path_query($1::jsonb, '$.templating.list[*].query')
            ) AS found (query) WHERE query #>> '{}' LIKE 'SELECT%'
            """, [dashboard])
        return (0..<answer.rowCount).map { answer.text($0, 0) ?? "" }
    }
}
