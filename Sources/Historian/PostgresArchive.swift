// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// The archive in PostgreSQL.
///
/// Every batch is one transaction whose first statement moves the cursor from where we believe it
/// is: if it is elsewhere nothing is written. So a reading is stored exactly once whatever happens
/// to us, to the server or to the link, without a unique index and without asking per row.
///
/// Owned by the historian's thread.
package final class PostgresArchive: ArchiveStore {
    package let word = "postgresql"
    package var onWait: () -> Bool = { true }

    let options: PostgresOptions
    private var session: PostgresSession?
    private(set) var journal = JournalID(high: 0, low: 0)
    private(set) var journalID: Int16 = 0
    /// Failed attempts since the last connection: turns the host list.
    private var attempts = 0
    /// Database number of each sensor index, 0 for none.
    private var sensorIDs: [Int32] = []
    var days: Set<ArchiveDay> = []
    var indexJob: PostgresIndexJob?
    private var buffer = CopyBuffer(capacity: 2 << 20)

    package init(_ options: PostgresOptions) { self.options = options }

    /// Runs `body`; an error leaves no transaction open and closes what cannot be used again.
    func withLink<Result>(
        _ body: (borrowing PostgresConnection) throws(ArchiveError) -> Result
    ) throws(ArchiveError) -> Result {
        guard let session = self.session else {
            throw PostgresError.error(sqlState: nil, message: "not connected", action: "use")
        }
        do {
            return try body(session.link)
        } catch {
            if error.disposition == .reconnect {
                self.close()
            } else {
                do { try session.link.run("ROLLBACK") } catch { self.close() }
            }
            throw error
        }
    }

    // MARK: - ArchiveStore

    package func open(journal: JournalID) throws(ArchiveError) -> ArchiveState {
        self.close()
        self.journal = journal
        let timeout = self.options.connectTimeoutSeconds * UInt64(try self.options.hostCount())
        do {
            self.session = PostgresSession(
                try PostgresConnection.connect(
                    keywords: try self.options.keywords(attempt: self.attempts),
                    timeoutSeconds: timeout, onWait: self.onWait))
        } catch {
            self.attempts += 1
            throw error
        }
        let state = try self.withLink { link throws(ArchiveError) in
            let identity = try self.checkServer(link)
            return try self.readState(link, identity: identity)
        }
        self.attempts = 0
        return state
    }

    package func begin(at position: Position) throws(ArchiveError) {
        try self.withLink { link throws(ArchiveError) in
            try link.run("BEGIN")
            try link.run(
                "INSERT INTO midwatch.journal (journal) VALUES ($1) ON CONFLICT DO NOTHING",
                [self.journal.description])
            let answer = try link.run(
                "SELECT journal_id FROM midwatch.journal WHERE journal = $1",
                [self.journal.description])
            self.journalID = Int16(truncatingIfNeeded: answer.int64(0, 0) ?? 0)
            try link.run(
                """
                INSERT INTO midwatch.archive_cursor
                    (journal, journal_id, epoch, n, summarised_epoch, summarised_n)
                VALUES ('\(self.journal)', \(self.journalID), \(position.epoch), \(position.n),
                    \(position.epoch), \(position.n))
                ON CONFLICT DO NOTHING
                """)
            try self.commit(link)
        }
    }

    package func register(
        sensors: [ArchivedSensor], sources: [ArchivedSource]
    ) throws(ArchiveError) {
        try self.withLink { link throws(ArchiveError) in
            try link.run("BEGIN")
            for sensor in sensors {
                let answer = try link.run(
                    """
                    WITH added AS (
                        INSERT INTO midwatch.sensor (path, unit) VALUES ($1, $2)
                        ON CONFLICT (path) DO UPDATE SET unit = excluded.unit
                        RETURNING sensor_id)
                    INSERT INTO midwatch.journal_sensor (journal_id, sensor_index, sensor_id)
                    SELECT \(self.journalID), \(sensor.index.rawValue), sensor_id FROM added
                    ON CONFLICT (journal_id, sensor_index)
                        DO UPDATE SET sensor_id = excluded.sensor_id
                    RETURNING sensor_id
                    """, [sensor.path, Self.withoutZero(sensor.unit)])
                self.setID(Int32(answer.int64(0, 0) ?? 0), of: sensor.index)
            }
            for source in sources {
                try link.run(
                    """
                    INSERT INTO midwatch.journal_source (journal_id, source_index, name)
                    VALUES (\(self.journalID), \(source.index.rawValue), $1)
                    ON CONFLICT (journal_id, source_index) DO UPDATE SET name = excluded.name
                    """, [Self.withoutZero(source.name)])
            }
            try self.commit(link)
        }
    }

    package func write(_ batch: ArchiveBatch) throws(ArchiveError) -> ArchiveWriteOutcome {
        self.encode(batch.rows)
        return try self.withLink { link throws(ArchiveError) in
            let moved = try link.run(
                """
                BEGIN; UPDATE midwatch.archive_cursor
                SET epoch = \(batch.to.epoch), n = \(batch.to.n), updated_at = now()
                WHERE journal = '\(self.journal)'
                    AND (epoch, n) = (\(batch.from.epoch), \(batch.from.n))
                """)
            guard moved.commandRowCount == 1 else {
                try link.run("ROLLBACK")
                return .cursorMoved
            }
            if !batch.rows.isEmpty {
                let taken = try unsafe self.buffer.withBytes { bytes throws(ArchiveError) in
                    try unsafe link.copy(Self.copyStatement, bytes)
                }
                // A missing trailer is not an error to COPY: only the count shows it.
                guard taken == batch.rows.count else {
                    throw self.damaged("COPY took \(taken) of \(batch.rows.count) rows")
                }
            }
            if let quarantine = batch.quarantine { try self.insert(quarantine, link) }
            try self.commit(link)
            return .stored
        }
    }

    package func write(_ summary: ArchiveSummary) throws(ArchiveError) -> ArchiveWriteOutcome {
        try self.withLink { link throws(ArchiveError) in
            let anchor = summary.anchor
            let moved = try link.run(
                """
                BEGIN; UPDATE midwatch.archive_cursor
                SET summarised_epoch = \(summary.through.epoch),
                    summarised_n = \(summary.through.n),
                    anchor_arrival = \(Self.literal(anchor.map {
                        Int64(bitPattern: $0.arrival.nanoseconds) })),
                    anchor_wall = \(Self.literal(anchor?.wall)), updated_at = now()
                WHERE journal = '\(self.journal)'
                    AND (epoch, n) = (\(summary.through.epoch), \(summary.through.n))
                    AND (summarised_epoch, summarised_n)
                        = (\(summary.from.epoch), \(summary.from.n))
                """)
            guard moved.commandRowCount == 1 else {
                try link.run("ROLLBACK")
                return .cursorMoved
            }
            if !summary.minutes.isEmpty { try self.upsert(summary.minutes, link) }
            if !summary.newestSourceTimes.isEmpty {
                try self.update(summary.newestSourceTimes, link)
            }
            try self.commit(link)
            return .stored
        }
    }

    package func close() {
        self.session = nil
        self.indexJob = nil
    }

    // MARK: - Opening

    /// Identity of the database, after checking that it takes writes and has our tables.
    private func checkServer(_ link: borrowing PostgresConnection) throws(ArchiveError) -> String {
        let mode = try link.run(
            """
            SELECT pg_is_in_recovery(), current_setting('transaction_read_only'),
                system_identifier FROM pg_control_system()
            """)
        guard mode.text(0, 0) == "f", mode.text(0, 1) == "off" else {
            throw PostgresError.error(
                sqlState: "25006", message: "the server takes no writes", action: "open")
        }
        let version = try PostgresMigrator.version(link)
        if version < PostgresSchema.version, self.options.migratesAtStart {
            _ = try PostgresMigrator.migrate(link)
        } else if version < PostgresSchema.version {
            throw ArchiveError(
                .stop(.schemaOutdated(found: version, needed: PostgresSchema.version)),
                code: "schema", message: "migrations are missing", action: "open")
        } else if version > PostgresSchema.version {
            throw PostgresMigrator.newer(version)
        }
        try self.checkColumns(link)
        let identity = try link.run("SELECT identity FROM midwatch.archive_identity")
        guard let row = identity.text(0, 0) else {
            throw self.mismatch("midwatch.archive_identity is empty")
        }
        return "\(mode.text(0, 2) ?? "")/\(row)"
    }

    /// COPY BINARY converts nothing: the columns must have the types that are sent.
    private func checkColumns(_ link: borrowing PostgresConnection) throws(ArchiveError) {
        let answer = try link.run(
            """
            SELECT attname, atttypid FROM pg_attribute
            WHERE attrelid = 'midwatch.reading'::regclass AND attnum > 0 AND NOT attisdropped
            """)
        var found: [String: Int64] = [:]
        for row in 0..<answer.rowCount {
            found[answer.text(row, 0) ?? ""] = answer.int64(row, 1)
        }
        for (name, type) in Self.columns where found[name] != type {
            throw self.mismatch(
                "midwatch.reading.\(name) has type \(found[name] ?? 0), \(type) is needed")
        }
    }

    private func readState(
        _ link: borrowing PostgresConnection, identity: String
    ) throws(ArchiveError) -> ArchiveState {
        try self.loadDays(link)
        self.sensorIDs.removeAll(keepingCapacity: true)
        // FOR UPDATE waits for a transaction in doubt: after it the answer is final.
        let answer = try link.run(
            """
            SELECT journal_id, epoch, n, summarised_epoch, summarised_n, anchor_arrival,
                anchor_wall
            FROM midwatch.archive_cursor WHERE journal = $1 FOR UPDATE
            """, [self.journal.description])
        guard answer.rowCount == 1 else {
            return ArchiveState(identity: identity, cursor: nil)
        }
        self.journalID = Int16(truncatingIfNeeded: answer.int64(0, 0) ?? 0)
        var anchor: ClockAnchor?
        if let arrival = answer.int64(0, 5), let wall = answer.int64(0, 6) {
            anchor = ClockAnchor(
                arrival: MonotonicInstant(nanoseconds: UInt64(bitPattern: arrival)), wall: wall)
        }
        let cursor = ArchiveCursor(
            stored: Self.position(answer, 1), summarised: Self.position(answer, 3), anchor: anchor)
        guard cursor.summarised <= cursor.stored else {
            throw self.damaged("the summarised cursor is after the stored one")
        }
        return ArchiveState(
            identity: identity, cursor: cursor, sensors: try self.readSensors(link),
            sources: try self.readSources(link),
            quarantined: try self.readQuarantined(link, after: cursor.summarised))
    }

    private func readSensors(
        _ link: borrowing PostgresConnection
    ) throws(ArchiveError) -> [ArchivedSensor] {
        let answer = try link.run(
            """
            SELECT sensor_index, sensor_id, path, unit, newest_source_time
            FROM midwatch.journal_sensor JOIN midwatch.sensor USING (sensor_id)
            WHERE journal_id = \(self.journalID)
            """)
        var sensors: [ArchivedSensor] = []
        for row in 0..<answer.rowCount {
            let index = SensorIndex(
                rawValue: UInt32(truncatingIfNeeded: answer.int64(row, 0) ?? 0))
            self.setID(Int32(truncatingIfNeeded: answer.int64(row, 1) ?? 0), of: index)
            sensors.append(
                ArchivedSensor(
                    index: index, path: answer.text(row, 2) ?? "",
                    unit: answer.text(row, 3) ?? "", newestSourceTime: answer.int64(row, 4)))
        }
        return sensors
    }

    private func readSources(
        _ link: borrowing PostgresConnection
    ) throws(ArchiveError) -> [ArchivedSource] {
        let answer = try link.run(
            """
            SELECT source_index, name FROM midwatch.journal_source
            WHERE journal_id = \(self.journalID)
            """)
        return (0..<answer.rowCount).map { row in
            ArchivedSource(
                index: SourceIndex(rawValue: UInt32(truncatingIfNeeded: answer.int64(row, 0) ?? 0)),
                name: answer.text(row, 1) ?? "")
        }
    }

    private func readQuarantined(
        _ link: borrowing PostgresConnection, after position: Position
    ) throws(ArchiveError) -> Set<Position> {
        let answer = try link.run(
            """
            SELECT epoch, n FROM midwatch.reading_quarantine
            WHERE journal_id = \(self.journalID)
                AND (epoch, n) > (\(position.epoch), \(position.n))
            """)
        return Set((0..<answer.rowCount).map { Self.position(answer, 0, row: $0) })
    }

    private static func position(
        _ answer: borrowing PostgresResult, _ column: Int, row: Int = 0
    ) -> Position {
        Position(
            epoch: UInt32(truncatingIfNeeded: answer.int64(row, column) ?? 0),
            n: UInt64(bitPattern: answer.int64(row, column + 1) ?? 0))
    }

    // MARK: - Rows

    /// Columns of `midwatch.reading` in the order they are sent, with their type numbers.
    static let columns: [(name: String, type: Int64)] = [
        ("time", 1184), ("arrival_time", 1184), ("source_time", 1184), ("value", 701), ("n", 20),
        ("status_code", 20), ("epoch", 23), ("sensor_id", 23), ("source_index", 23),
        ("journal_id", 21), ("quality", 21), ("source_time_status", 21), ("value_kind", 21),
    ]
    private static let copyStatement =
        "COPY midwatch.reading (\(columns.map(\.name).joined(separator: ", "))) "
        + "FROM STDIN (FORMAT binary)"
    /// Bytes of one row: the field count, 13 lengths, 6 x 8 + 3 x 4 + 4 x 2 bytes of data.
    private static let rowBytes = 2 + 13 * 4 + 48 + 12 + 8

    private func encode(_ rows: ArraySlice<ArchivedReading>) {
        self.buffer.begin()
        self.buffer.reserve(rows.count * Self.rowBytes)
        for row in rows {
            self.buffer.beginRow(fieldCount: 13)
            self.buffer.put(timestamp: row.time)
            self.buffer.put(timestamp: row.arrivalTime)
            if row.slot.sourceTime == Slot.noSourceTime {
                self.buffer.putNull()
            } else {
                self.buffer.put(timestamp: row.slot.sourceTime)
            }
            if row.hasValue { self.buffer.put(row.value) } else { self.buffer.putNull() }
            self.buffer.put(Int64(bitPattern: row.n))
            self.buffer.put(Int64(row.statusCode))
            self.buffer.put(Int32(bitPattern: row.epoch))
            self.buffer.put(self.id(of: row.slot.sensor))
            self.buffer.put(Int32(bitPattern: row.slot.source.rawValue))
            self.buffer.put(self.journalID)
            self.buffer.put(Int16(row.quality.rawValue))
            self.buffer.put(Int16(row.sourceTimeStatus.rawValue))
            self.buffer.put(Int16(row.slot.valueKindRaw))
        }
        self.buffer.end()
    }

    func id(of sensor: SensorIndex) -> Int32 {
        let index = Int(sensor.rawValue)
        precondition(index < self.sensorIDs.count, "a row of a sensor that was not registered")
        return self.sensorIDs[index]
    }

    private func setID(_ id: Int32, of sensor: SensorIndex) {
        guard Int(sensor.rawValue) < SystemLimits.sensorCountMax else { return }
        while self.sensorIDs.count <= Int(sensor.rawValue) { self.sensorIDs.append(0) }
        self.sensorIDs[Int(sensor.rawValue)] = id
    }

    // MARK: - Helpers of statements

    /// Ends the transaction; a server that answers COMMIT with ROLLBACK has stored nothing.
    func commit(_ link: borrowing PostgresConnection) throws(ArchiveError) {
        let tag = try link.run("COMMIT").commandTag
        guard tag == "COMMIT" else {
            throw PostgresError.error(
                sqlState: "40001", message: "COMMIT was answered \(tag)", action: "COMMIT")
        }
    }

    private func damaged(_ detail: String) -> ArchiveError {
        ArchiveError(
            .stop(.storeDamaged(detail: detail)), code: "count", message: detail, action: "write")
    }

    private func mismatch(_ detail: String) -> ArchiveError {
        ArchiveError(
            .stop(.schemaMismatch(detail: detail)), code: "schema", message: detail, action: "open")
    }

    static func literal(_ value: Int64?) -> String { value.map(String.init) ?? "NULL" }

    /// PostgreSQL text holds no zero byte (22021).
    static func withoutZero(_ text: String) -> String {
        text.contains("\0") ? text.filter { $0 != "\0" } : text
    }
}
