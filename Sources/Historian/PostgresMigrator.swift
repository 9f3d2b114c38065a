// SPDX-License-Identifier: Apache-2.0

/// Brings the archive's schema to the version of this program.
package enum PostgresMigrator {
    /// Key of the advisory lock that all who change the archive's tables take: two programs that
    /// start together do not race.
    static let lockKey: Int64 = 0x6D69_6477_6174_6368  // "midwatch"

    /// Connects and applies what is missing.
    ///
    /// - Returns: Versions applied, ascending; empty if there was nothing to do.
    /// - Throws: With disposition `stop(.schemaNewer)` if the database is ahead of this program.
    package static func migrate(
        _ options: PostgresOptions, onWait: @escaping () -> Bool = { true }
    ) throws(ArchiveError) -> [Int] {
        let link = try PostgresConnection.connect(
            keywords: try options.keywords(attempt: 0),
            timeoutSeconds: options.connectTimeoutSeconds * UInt64(try options.hostCount()),
            onWait: onWait)
        return try self.migrate(link)
    }

    /// What a server says of itself and of the archive's tables.
    package struct State: Sendable {
        package var serverVersion: String
        /// Version of the tables; 0: there are none.
        package var found: Int
        /// Version that this program works with.
        package var needed: Int
        /// Whether the server syncs what it commits.
        package var isDurable: Bool
    }

    /// Connects and looks; changes nothing.
    package static func state(
        _ options: PostgresOptions, onWait: @escaping () -> Bool = { true }
    ) throws(ArchiveError) -> State {
        let link = try PostgresConnection.connect(
            keywords: try options.keywords(attempt: 0),
            timeoutSeconds: options.connectTimeoutSeconds * UInt64(try options.hostCount()),
            onWait: onWait)
        return State(
            serverVersion: link.parameterStatus("server_version") ?? "of unknown version",
            found: try self.version(link), needed: PostgresSchema.version,
            isDurable: try link.run("SHOW fsync").text(0, 0) == "on")
    }

    /// Applies what is missing over an open connection, each migration in its own transaction.
    static func migrate(_ link: borrowing PostgresConnection) throws(ArchiveError) -> [Int] {
        var applied: [Int] = []
        while true {
            try link.run("BEGIN; SELECT pg_advisory_xact_lock(\(self.lockKey))")
            let found = try self.version(link)
            if found >= PostgresSchema.version {
                try link.run("ROLLBACK")
                guard found == PostgresSchema.version else { throw self.newer(found) }
                return applied
            }
            do {
                try link.run(PostgresSchema.migrations[found])
                try link.run("COMMIT")
            } catch {
                try link.run("ROLLBACK")
                throw error
            }
            applied.append(found + 1)
        }
    }

    /// The schema version of the database, 0 if it has none of our tables.
    static func version(_ link: borrowing PostgresConnection) throws(ArchiveError) -> Int {
        let exists = try link.run("SELECT to_regclass('midwatch.schema_version') IS NOT NULL")
        guard exists.text(0, 0) == "t" else { return 0 }
        let answer = try link.run("SELECT coalesce(max(version), 0) FROM midwatch.schema_version")
        return Int(answer.int64(0, 0) ?? 0)
    }

    static func newer(_ found: Int) -> ArchiveError {
        ArchiveError(
            .stop(.schemaNewer(found: found, known: PostgresSchema.version)), code: "schema",
            message: "schema \(found) is newer than \(PostgresSchema.version)", action: "open")
    }
}
