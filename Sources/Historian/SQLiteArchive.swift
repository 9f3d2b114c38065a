// SPDX-License-Identifier: Apache-2.0

internal import EmbeddedStore
package import MidwatchModel

/// Where the embedded archive lies and how long it keeps what it stores.
package struct SQLiteArchiveOptions: Sendable {
    package var path: String
    /// Whether every commit reaches stable storage.
    ///
    /// Not needed for exactly once: rows and cursor fall back together, and the journal still holds
    /// what was lost.
    package var isFullySynchronous = false
    /// Days that readings are kept, counted from the end of their day; nil: for ever.
    package var readingDays: Int32?
    /// Days that minute rows are kept; nil: for ever.
    package var minuteDays: Int32?

    package init(path: String) { self.path = path }
}

/// The archive in one SQLite file: day tables, minute tables and the cursor.
///
/// The same transactions as in PostgreSQL. Readers use connections of their own (WAL).
///
/// Owned by the historian's thread.
package final class SQLiteArchive: ArchiveStore {
    package let word = "sqlite"
    package var onWait: () -> Bool = { true }

    /// Days that one pass drops at most, as in `PostgresArchive`.
    private static let droppedDaysMax = 2
    private static let rowsBetweenBeats = 1_000
    /// How long a lock of another process is waited for before the transaction is tried again.
    private static let busyMilliseconds: Int32 = 500
    private let options: SQLiteArchiveOptions
    private var database: SQLiteDatabase?
    private var journal = JournalID(high: 0, low: 0)
    private var journalID: Int64 = 0
    private var sensorIDs: [Int64] = []
    private var days: Set<ArchiveDay> = []
    private var inserts: [ArchiveDay: SQLiteStatement] = [:]

    package init(_ options: SQLiteArchiveOptions) { self.options = options }

    // MARK: - ArchiveStore

    package func open(journal: JournalID) throws(ArchiveError) -> ArchiveState {
        self.close()
        self.journal = journal
        return try self.mapped("open") { () throws(SQLiteError) in
            let database = try SQLiteDatabase(
                path: self.options.path,
                durability: self.options.isFullySynchronous ? .full : .normal,
                busyMilliseconds: Self.busyMilliseconds)
            try database.migrate(SQLiteSchema.migrations)
            self.database = database
            try self.loadDays(database)
            return try self.readState(database)
        }
    }

    package func begin(at position: Position) throws(ArchiveError) {
        try self.transaction("begin") { database throws(SQLiteError) in
            let add = try database.prepare("INSERT OR IGNORE INTO journal (journal) VALUES (?)")
            add.bind(1, self.journal.description)
            try add.run()
            let find = try database.prepare("SELECT journal_id FROM journal WHERE journal = ?")
            find.bind(1, self.journal.description)
            if try find.step() { self.journalID = find.int64(0) }
            find.reset()
            let cursor = try database.prepare(
                """
                INSERT OR IGNORE INTO archive_cursor
                    (journal_id, epoch, n, summarised_epoch, summarised_n) VALUES (?, ?, ?, ?, ?)
                """)
            cursor.bind(1, self.journalID)
            Self.bind(cursor, 2, position)
            Self.bind(cursor, 4, position)
            try cursor.run()
            return true
        }
    }

    package func register(
        sensors: [ArchivedSensor], sources: [ArchivedSource]
    ) throws(ArchiveError) {
        try self.transaction("register") { database throws(SQLiteError) in
            let add = try database.prepare(
                """
                INSERT INTO sensor (path, unit) VALUES (?, ?)
                ON CONFLICT (path) DO UPDATE SET unit = excluded.unit RETURNING sensor_id
                """)
            let link = try database.prepare(
                """
                INSERT INTO journal_sensor (journal_id, sensor_index, sensor_id) VALUES (?, ?, ?)
                ON CONFLICT (journal_id, sensor_index) DO UPDATE SET sensor_id = excluded.sensor_id
                """)
            for sensor in sensors {
                add.bind(1, sensor.path)
                add.bind(2, sensor.unit)
                let id = try add.step() ? add.int64(0) : 0
                add.reset()
                link.bind(1, self.journalID)
                link.bind(2, Int64(sensor.index.rawValue))
                link.bind(3, id)
                try link.run()
                self.setID(id, of: sensor.index)
            }
            let name = try database.prepare(
                """
                INSERT INTO journal_source (journal_id, source_index, name) VALUES (?, ?, ?)
                ON CONFLICT (journal_id, source_index) DO UPDATE SET name = excluded.name
                """)
            for source in sources {
                name.bind(1, self.journalID)
                name.bind(2, Int64(source.index.rawValue))
                name.bind(3, source.name)
                try name.run()
            }
            return true
        }
    }

    package func prepare(days: Set<ArchiveDay>) throws(ArchiveError) {
        let missing = days.subtracting(self.days)
        guard !missing.isEmpty else { return }
        try self.transaction("prepare") { database throws(SQLiteError) in
            for day in missing { try database.execute(SQLiteSchema.day(day)) }
            return true
        }
        self.days.formUnion(missing)
    }

    package func forgetDays() {
        self.days.removeAll()
        self.inserts.removeAll()
    }

    package func write(_ batch: ArchiveBatch) throws(ArchiveError) -> ArchiveWriteOutcome {
        let isStored = try self.transaction("write") { database throws(SQLiteError) in
            let move = try database.prepare(
                """
                UPDATE archive_cursor SET epoch = ?, n = ?
                WHERE journal_id = ? AND epoch = ? AND n = ?
                """)
            Self.bind(move, 1, batch.to)
            move.bind(3, self.journalID)
            Self.bind(move, 4, batch.from)
            try move.run()
            guard database.changedRowCount == 1 else { return false }
            try self.insert(batch.rows, database)
            if let quarantine = batch.quarantine { try self.insert(quarantine, database) }
            return true
        }
        return isStored ? .stored : .cursorMoved
    }

    package func write(_ summary: ArchiveSummary) throws(ArchiveError) -> ArchiveWriteOutcome {
        let isStored = try self.transaction("summarise") { database throws(SQLiteError) in
            let move = try database.prepare(
                """
                UPDATE archive_cursor SET summarised_epoch = ?, summarised_n = ?,
                    anchor_arrival = ?, anchor_wall = ?
                WHERE journal_id = ? AND epoch = ? AND n = ?
                    AND summarised_epoch = ? AND summarised_n = ?
                """)
            Self.bind(move, 1, summary.through)
            if let anchor = summary.anchor {
                move.bind(3, Int64(bitPattern: anchor.arrival.nanoseconds))
                move.bind(4, anchor.wall)
            }
            move.bind(5, self.journalID)
            Self.bind(move, 6, summary.through)
            Self.bind(move, 8, summary.from)
            try move.run()
            guard database.changedRowCount == 1 else { return false }
            try self.upsert(summary.minutes, database)
            let newest = try database.prepare(
                """
                UPDATE journal_sensor SET newest_source_time = ?
                WHERE journal_id = ? AND sensor_index = ?
                """)
            for (sensor, time) in summary.newestSourceTimes {
                newest.bind(1, time)
                newest.bind(2, self.journalID)
                newest.bind(3, Int64(sensor.rawValue))
                try newest.run()
            }
            return true
        }
        return isStored ? .stored : .cursorMoved
    }

    package func maintain(now: WallInstant) throws(ArchiveError) {
        let today = ArchiveDay(of: now.nanoseconds)
        try self.prepare(days: [today, today.advanced(by: 1)])
        try self.dropOld("reading", keepDays: self.options.readingDays, today: today)
        try self.dropOld("reading_minute", keepDays: self.options.minuteDays, today: today)
    }

    package func close() {
        self.inserts.removeAll()
        self.days.removeAll()
        self.database = nil
    }

    // MARK: - Reading the state

    private func loadDays(_ database: SQLiteDatabase) throws(SQLiteError) {
        let readings = try SQLiteSchema.days(of: "reading", database)
        self.days = Set(readings)
            .intersection(try SQLiteSchema.days(of: "reading_minute", database))
    }

    private func readState(_ database: SQLiteDatabase) throws(SQLiteError) -> ArchiveState {
        self.sensorIDs.removeAll(keepingCapacity: true)
        let identity = try database.prepare("SELECT identity FROM archive_identity")
        let name = try identity.step() ? identity.text(0) : ""
        identity.reset()
        let find = try database.prepare(
            """
            SELECT journal_id, epoch, n, summarised_epoch, summarised_n, anchor_arrival, anchor_wall
            FROM archive_cursor JOIN journal USING (journal_id) WHERE journal = ?
            """)
        find.bind(1, self.journal.description)
        guard try find.step() else {
            return ArchiveState(identity: name, cursor: nil)
        }
        self.journalID = find.int64(0)
        var anchor: ClockAnchor?
        if !find.isNull(5), !find.isNull(6) {
            anchor = ClockAnchor(
                arrival: MonotonicInstant(nanoseconds: UInt64(bitPattern: find.int64(5))),
                wall: find.int64(6))
        }
        let cursor = ArchiveCursor(
            stored: Self.position(find, 1), summarised: Self.position(find, 3), anchor: anchor)
        find.reset()
        return ArchiveState(
            identity: name, cursor: cursor, sensors: try self.readSensors(database),
            sources: try self.readSources(database),
            quarantined: try self.readQuarantined(database, after: cursor.summarised))
    }

    private func readSensors(
        _ database: SQLiteDatabase
    ) throws(SQLiteError) -> [ArchivedSensor] {
        let select = try database.prepare(
            """
            SELECT sensor_index, sensor_id, path, unit, newest_source_time
            FROM journal_sensor JOIN sensor USING (sensor_id) WHERE journal_id = ?
            """)
        select.bind(1, self.journalID)
        var sensors: [ArchivedSensor] = []
        while try select.step() {
            let index = SensorIndex(rawValue: UInt32(truncatingIfNeeded: select.int64(0)))
            self.setID(select.int64(1), of: index)
            sensors.append(
                ArchivedSensor(
                    index: index, path: select.text(2), unit: select.text(3),
                    newestSourceTime: select.isNull(4) ? nil : select.int64(4)))
        }
        return sensors
    }

    private func readSources(
        _ database: SQLiteDatabase
    ) throws(SQLiteError) -> [ArchivedSource] {
        let select = try database.prepare(
            "SELECT source_index, name FROM journal_source WHERE journal_id = ?")
        select.bind(1, self.journalID)
        var sources: [ArchivedSource] = []
        while try select.step() {
            let index = SourceIndex(rawValue: UInt32(truncatingIfNeeded: select.int64(0)))
            sources.append(ArchivedSource(index: index, name: select.text(1)))
        }
        return sources
    }

    private func readQuarantined(
        _ database: SQLiteDatabase, after position: Position
    ) throws(SQLiteError) -> Set<Position> {
        let select = try database.prepare(
            """
            SELECT epoch, n FROM reading_quarantine
            WHERE journal_id = ? AND (epoch, n) > (?, ?)
            """)
        select.bind(1, self.journalID)
        Self.bind(select, 2, position)
        var found: Set<Position> = []
        while try select.step() { found.insert(Self.position(select, 0)) }
        return found
    }

    // MARK: - Rows

    private func insert(
        _ rows: ArraySlice<ArchivedReading>, _ database: SQLiteDatabase
    ) throws(SQLiteError) {
        var day = ArchiveDay(number: Int32.min)
        var insert: SQLiteStatement?
        for (offset, row) in rows.enumerated() {
            // A slow disk must not stop the heartbeat, nor the stop.
            if offset % Self.rowsBetweenBeats == 0, !self.onWait() {
                throw SQLiteError(code: 9, message: "stopping", action: "write")
            }
            let own = ArchiveDay(of: row.time)
            if own != day || insert == nil {
                insert = try self.insertStatement(own, database)
                day = own
            }
            guard let insert else { continue }
            insert.bind(1, row.time)
            insert.bind(2, row.arrivalTime)
            if row.slot.sourceTime == Slot.noSourceTime {
                insert.bindNull(3)
            } else {
                insert.bind(3, row.slot.sourceTime)
            }
            if row.hasValue { insert.bind(4, row.value) } else { insert.bindNull(4) }
            insert.bind(5, Int64(bitPattern: row.n))
            insert.bind(6, Int64(row.statusCode))
            insert.bind(7, Int64(row.epoch))
            insert.bind(8, self.id(of: row.slot.sensor))
            insert.bind(9, Int64(row.slot.source.rawValue))
            insert.bind(10, self.journalID)
            insert.bind(11, Int64(row.quality.rawValue))
            insert.bind(12, Int64(row.sourceTimeStatus.rawValue))
            insert.bind(13, Int64(row.slot.valueKindRaw))
            try insert.run()
        }
    }

    private func insertStatement(
        _ day: ArchiveDay, _ database: SQLiteDatabase
    ) throws(SQLiteError) -> SQLiteStatement {
        if let known = self.inserts[day] { return known }
        // Days come and go; a handful is in use at once.
        if self.inserts.count >= 16 { self.inserts.removeAll() }
        let statement = try database.prepare(SQLiteSchema.insertReading(day))
        self.inserts[day] = statement
        return statement
    }

    private func upsert(
        _ minutes: [MinuteRow], _ database: SQLiteDatabase
    ) throws(SQLiteError) {
        var day: ArchiveDay?
        var upsert: SQLiteStatement?
        for row in minutes {
            let own = ArchiveDay(of: row.minute * 60_000_000_000)
            if own != day {
                upsert = try database.prepare(SQLiteSchema.upsertMinute(own))
                day = own
            }
            guard let upsert else { continue }
            upsert.bind(1, self.id(of: row.sensor))
            upsert.bind(2, row.minute)
            upsert.bind(3, self.journalID)
            upsert.bind(4, Int64(row.worstQuality.rawValue))
            upsert.bind(5, row.readingCount)
            upsert.bind(6, row.valueCount)
            upsert.bind(9, row.valueSum)
            if row.valueCount > 0 {
                upsert.bind(7, row.valueMin)
                upsert.bind(8, row.valueMax)
                upsert.bind(10, row.valueLast)
                upsert.bind(11, row.lastTime)
            } else {
                for column in [7, 8, 10, 11] as [Int32] { upsert.bindNull(column) }
            }
            try upsert.run()
        }
    }

    private func insert(
        _ refused: QuarantinedRow, _ database: SQLiteDatabase
    ) throws(SQLiteError) {
        let insert = try database.prepare(
            """
            INSERT INTO reading_quarantine
                (journal_id, epoch, n, sensor_index, record, sql_state, message)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            """)
        insert.bind(1, self.journalID)
        Self.bind(insert, 2, refused.row.position)
        insert.bind(4, Int64(refused.row.slot.sensor.rawValue))
        insert.bind(5, refused.row.slot.recordBytes)
        insert.bind(6, refused.code)
        insert.bind(7, refused.message)
        try insert.run()
    }

    private func dropOld(
        _ kind: String, keepDays: Int32?, today: ArchiveDay
    ) throws(ArchiveError) {
        guard let keepDays else { return }
        let dropped = try self.transaction("drop") { database throws(SQLiteError) in
            let old = try SQLiteSchema.days(of: kind, database)
                .prefix { $0.advanced(by: 1 + max(1, keepDays)) <= today }
                .prefix(Self.droppedDaysMax)
            for day in old {
                self.inserts[day] = nil
                try database.execute("DROP TABLE \(kind)_\(day.name)")
            }
            return Array(old)
        }
        self.days.subtract(dropped)
    }

    // MARK: - Helpers

    @discardableResult
    private func transaction<Result>(
        _ action: String, _ body: (SQLiteDatabase) throws(SQLiteError) -> Result
    ) throws(ArchiveError) -> Result {
        guard let database = self.database else {
            throw ArchiveError(
                .reconnect, code: "closed", message: "not open", action: action)
        }
        return try self.mapped(action) { () throws(SQLiteError) in
            try database.transaction { () throws(SQLiteError) in try body(database) }
        }
    }

    private func mapped<Result>(
        _ action: String, _ body: () throws(SQLiteError) -> Result
    ) throws(ArchiveError) -> Result {
        do {
            return try body()
        } catch {
            throw SQLiteSchema.archiveError(error, action: action)
        }
    }

    private func id(of sensor: SensorIndex) -> Int64 {
        let index = Int(sensor.rawValue)
        precondition(index < self.sensorIDs.count, "a row of a sensor that was not registered")
        return self.sensorIDs[index]
    }

    private func setID(_ id: Int64, of sensor: SensorIndex) {
        guard Int(sensor.rawValue) < SystemLimits.sensorCountMax else { return }
        while self.sensorIDs.count <= Int(sensor.rawValue) { self.sensorIDs.append(0) }
        self.sensorIDs[Int(sensor.rawValue)] = id
    }

    private static func bind(_ statement: SQLiteStatement, _ index: Int32, _ position: Position) {
        statement.bind(index, Int64(position.epoch))
        statement.bind(index + 1, Int64(bitPattern: position.n))
    }

    private static func position(_ statement: SQLiteStatement, _ column: Int32) -> Position {
        Position(
            epoch: UInt32(truncatingIfNeeded: statement.int64(column)),
            n: UInt64(bitPattern: statement.int64(column + 1)))
    }
}
