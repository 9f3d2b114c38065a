// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// An index that is being built over a connection of its own, without anyone waiting for it.
final class PostgresIndexJob {
    let table: String
    let statement: String
    let session: PostgresSession

    init(table: String, statement: String, session: PostgresSession) {
        self.table = table
        self.statement = statement
        self.session = session
    }
}

/// Partitions by day: made ahead, indexed when closed, dropped when too old.
extension PostgresArchive {
    /// Partitions that one pass drops at most.
    ///
    /// A wall clock that jumped far ahead then deletes a few days and not the archive before
    /// someone looks.
    static let droppedDaysMax = 2
    private static let parents = ["reading", "reading_minute"]

    package func forgetDays() { self.days.removeAll() }

    package func prepare(days: Set<ArchiveDay>) throws(ArchiveError) {
        guard !days.isSubset(of: self.days) else { return }
        try self.withLink { link throws(ArchiveError) in
            if self.days.isEmpty { try self.loadDays(link) }
            for day in days.subtracting(self.days).sorted() { try self.make(day, link) }
        }
    }

    package func maintain(now: WallInstant) throws(ArchiveError) {
        let today = ArchiveDay(of: now.nanoseconds)
        var wanted: Set<ArchiveDay> = []
        for offset in -1...max(0, self.options.daysAhead) {
            wanted.insert(today.advanced(by: offset))
        }
        try self.prepare(days: wanted)
        try self.dropOld("reading", keepDays: self.options.readingDays, today: today)
        try self.dropOld("reading_minute", keepDays: self.options.minuteDays, today: today)
        try self.indexClosedDays(now: now)
    }

    /// Reads which days have both partitions.
    func loadDays(_ link: borrowing PostgresConnection) throws(ArchiveError) {
        let readings = try self.partitions(of: "reading", link)
        self.days = readings.intersection(try self.partitions(of: "reading_minute", link))
    }

    private func partitions(
        of parent: String, _ link: borrowing PostgresConnection
    ) throws(ArchiveError) -> Set<ArchiveDay> {
        let answer = try link.run(
            """
            SELECT substr(c.relname, \(parent.utf8.count + 2)) FROM pg_inherits AS i
            JOIN pg_class AS c ON c.oid = i.inhrelid
            WHERE i.inhparent = 'midwatch.\(parent)'::regclass
            """)
        var days: Set<ArchiveDay> = []
        for row in 0..<answer.rowCount {
            if let day = answer.text(row, 0).flatMap({ ArchiveDay(name: $0) }) { days.insert(day) }
        }
        return days
    }

    /// Makes the partitions of one day in one transaction.
    ///
    /// The table is made by itself and then attached: ATTACH needs a weaker lock on the parent than
    /// CREATE … PARTITION OF (SHARE UPDATE EXCLUSIVE), so neither readers nor other writers wait.
    private func make(_ day: ArchiveDay, _ link: borrowing PostgresConnection) throws(ArchiveError)
    {
        try link.run("BEGIN; SELECT pg_advisory_xact_lock(\(PostgresMigrator.lockKey))")
        for parent in Self.parents {
            // Another node may have made it while we waited for the lock.
            guard try !self.partitions(of: parent, link).contains(day) else { continue }
            let table = "midwatch.\(parent)_\(day.name)"
            try link.run(
                """
                CREATE TABLE IF NOT EXISTS \(table) (LIKE midwatch.\(parent) INCLUDING DEFAULTS);
                ALTER TABLE midwatch.\(parent) ATTACH PARTITION \(table)
                FOR VALUES FROM ('\(day.date) 00:00:00+00')
                TO ('\(day.advanced(by: 1).date) 00:00:00+00')
                """)
        }
        try self.commit(link)
        self.days.insert(day)
    }

    private func dropOld(
        _ parent: String, keepDays: Int32?, today: ArchiveDay
    ) throws(ArchiveError) {
        guard let keepDays else { return }
        try self.withLink { link throws(ArchiveError) in
            let old = try self.partitions(of: parent, link).sorted()
                .prefix { $0.advanced(by: 1 + max(1, keepDays)) <= today }
            for day in old.prefix(Self.droppedDaysMax) {
                let table = "midwatch.\(parent)_\(day.name)"
                try link.run(
                    "BEGIN; SELECT pg_advisory_xact_lock(\(PostgresMigrator.lockKey))")
                try link.run("ALTER TABLE midwatch.\(parent) DETACH PARTITION \(table)")
                try link.run("DROP TABLE \(table)")
                try self.commit(link)
                self.days.remove(day)
            }
        }
    }

    /// Builds the sensor-time index of one closed day at a time, concurrently with everything.
    ///
    /// On the open day it would cost four fifths of the write rate; BRIN on time does there.
    private func indexClosedDays(now: WallInstant) throws(ArchiveError) {
        if let job = self.indexJob {
            do {
                if try job.session.link.pollAnswer(job.statement) { self.indexJob = nil }
            } catch {
                // Left invalid by the server; the next pass drops it and begins again.
                self.indexJob = nil
                throw error
            }
            return
        }
        let closedBefore = ArchiveDay(
            of: now.nanoseconds - Int64(self.options.closeAfterHours) * 3_600_000_000_000)
        guard let (table, isInvalid) = try self.unindexed(before: closedBefore) else { return }
        let index = "\(table)_sensor_time"
        let statement =
            isInvalid
            ? "DROP INDEX CONCURRENTLY midwatch.\(index)"
            : "CREATE INDEX CONCURRENTLY \(index) ON midwatch.\(table) (sensor_id, time)"
        let session = PostgresSession(
            try PostgresConnection.connect(
                keywords: try self.options.keywords(
                    attempt: 0, serverOptions: PostgresOptions.patientTimeouts),
                timeoutSeconds: self.options.connectTimeoutSeconds, onWait: self.onWait))
        try session.link.start(statement)
        self.indexJob = PostgresIndexJob(table: table, statement: statement, session: session)
    }

    /// The oldest closed day without a valid index.
    private func unindexed(
        before day: ArchiveDay
    ) throws(ArchiveError) -> (table: String, isInvalid: Bool)? {
        try self.withLink { link throws(ArchiveError) in
            let answer = try link.run(
                """
                SELECT c.relname, x.indexrelid IS NOT NULL
                FROM pg_inherits AS i
                JOIN pg_class AS c ON c.oid = i.inhrelid
                LEFT JOIN pg_class AS n ON n.relnamespace = c.relnamespace
                    AND n.relname = c.relname || '_sensor_time'
                LEFT JOIN pg_index AS x ON x.indexrelid = n.oid
                WHERE i.inhparent = 'midwatch.reading'::regclass
                    AND (x.indisvalid IS NULL OR NOT x.indisvalid)
                ORDER BY c.relname
                """)
            for row in 0..<answer.rowCount {
                guard let table = answer.text(row, 0),
                    let found = ArchiveDay(name: table.dropFirst("reading_".utf8.count)),
                    found < day
                else { continue }
                return (table, answer.text(row, 1) == "t")
            }
            return nil
        }
    }
}
