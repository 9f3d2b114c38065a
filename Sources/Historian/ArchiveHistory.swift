// SPDX-License-Identifier: Apache-2.0

internal import EmbeddedStore
package import MidwatchModel

/// What a chart of one sensor is drawn from.
package struct ArchiveHistory: Sendable, Equatable {
    package enum Resolution: Sendable, Equatable { case reading, minute }

    /// One reading, or one minute of them.
    package struct Point: Sendable, Equatable {
        /// Time of the reading, or start of the minute.
        package var time: WallInstant
        /// The value, or the mean of the minute; nil if there was no usable one.
        package var value: Double?
        package var valueMin: Double?
        package var valueMax: Double?
        package var valueLast: Double?
        /// Readings that the point stands for.
        package var readingCount: Int64
        /// Quality of the reading, or the worst of the minute.
        package var quality: Quality

        package init(
            time: WallInstant, value: Double?, valueMin: Double?, valueMax: Double?,
            valueLast: Double?, readingCount: Int64, quality: Quality
        ) {
            self.time = time
            self.value = value
            self.valueMin = valueMin
            self.valueMax = valueMax
            self.valueLast = valueLast
            self.readingCount = readingCount
            self.quality = quality
        }
    }

    package var resolution: Resolution
    package var unit: String
    /// Ascending by time.
    package var points: [Point]
    /// Whether the limit cut the answer off at its end.
    package var isTruncated: Bool

    /// Longest span that is answered with single readings.
    package static let readingSpanMax: Int64 = 15 * 60_000_000_000
    /// Points of one answer at most.
    package static let pointsMax = 100_000

    /// Which rows answer a question about `from ..< to`.
    package static func resolution(from: WallInstant, to: WallInstant) -> Resolution {
        let (span, overflow) = to.nanoseconds.subtractingReportingOverflow(from.nanoseconds)
        return overflow || span > self.readingSpanMax ? .minute : .reading
    }
}

/// Reads history over a connection of its own.
///
/// Used by one thread or task at a time.
package protocol ArchiveReader: AnyObject {
    /// Readings or minutes of one sensor in `from ..< to`, oldest first; nil for a sensor that the
    /// archive does not know.
    ///
    /// - Parameters:
    ///   - sensor: Path of the sensor.
    ///   - from: First instant asked for.
    ///   - to: First instant no longer asked for.
    ///   - limit: Points at most; capped at `ArchiveHistory.pointsMax`.
    /// - Returns: The history, or nil.
    /// - Throws: What the store refused; the next question may succeed.
    func history(
        of sensor: SensorID, from: WallInstant, to: WallInstant, limit: Int
    ) throws(ArchiveError) -> ArchiveHistory?

    /// How far the archive has a journal; nil if it has never seen it.
    ///
    /// What comes later is in the journal only.
    func reach(of journal: JournalID) throws(ArchiveError) -> ArchiveReach?
}

/// How far an archive has a journal.
package struct ArchiveReach: Sendable, Equatable {
    /// The last record whose row is stored.
    package var stored: Position
    /// The last record that is in the rows of minutes.
    package var summarised: Position

    package init(stored: Position, summarised: Position) {
        self.stored = stored
        self.summarised = summarised
    }
}

/// History from PostgreSQL.
package final class PostgresArchiveReader: ArchiveReader {
    private let options: PostgresOptions
    private var session: PostgresSession?

    package init(_ options: PostgresOptions) {
        var options = options
        options.applicationName = "midwatch-history"
        self.options = options
    }

    package func history(
        of sensor: SensorID, from: WallInstant, to: WallInstant, limit: Int
    ) throws(ArchiveError) -> ArchiveHistory? {
        do {
            return try self.read(sensor, from, to, limit)
        } catch {
            // The next question begins with a new connection.
            self.session = nil
            throw error
        }
    }

    private func read(
        _ sensor: SensorID, _ from: WallInstant, _ to: WallInstant, _ limit: Int
    ) throws(ArchiveError) -> ArchiveHistory? {
        if self.session == nil { self.session = try self.connect() }
        guard let session = self.session else { return nil }
        let found = try session.link.run(
            "SELECT sensor_id, unit FROM midwatch.sensor WHERE path = $1", [sensor.path])
        guard let id = found.int64(0, 0) else { return nil }
        let resolution = ArchiveHistory.resolution(from: from, to: to)
        let limit = max(1, min(limit, ArchiveHistory.pointsMax))
        let answer = try session.link.run(
            resolution == .reading ? Self.readings : Self.minutes,
            ["\(id)", from.rfc3339, to.rfc3339, "\(limit + 1)"])
        var points: [ArchiveHistory.Point] = []
        for row in 0..<min(answer.rowCount, limit) {
            points.append(
                ArchiveHistory.Point(
                    time: WallInstant(nanoseconds: (answer.int64(row, 0) ?? 0) * 1_000),
                    value: answer.double(row, 1), valueMin: answer.double(row, 2),
                    valueMax: answer.double(row, 3), valueLast: answer.double(row, 4),
                    readingCount: answer.int64(row, 5) ?? 0,
                    quality: Quality(rawValue: UInt8(truncatingIfNeeded: answer.int64(row, 6) ?? 2))
                        ?? .bad))
        }
        return ArchiveHistory(
            resolution: resolution, unit: found.text(0, 1) ?? "", points: points,
            isTruncated: answer.rowCount > limit)
    }

    package func reach(of journal: JournalID) throws(ArchiveError) -> ArchiveReach? {
        do {
            if self.session == nil { self.session = try self.connect() }
            guard let session = self.session else { return nil }
            let found = try session.link.run(Self.reach, ["\(journal)"])
            guard found.rowCount > 0 else { return nil }
            func position(_ column: Int) -> Position {
                Position(
                    epoch: UInt32(truncatingIfNeeded: found.int64(0, column) ?? 0),
                    n: UInt64(bitPattern: found.int64(0, column + 1) ?? 0))
            }
            return ArchiveReach(stored: position(0), summarised: position(2))
        } catch {
            self.session = nil
            throw error
        }
    }

    private func connect() throws(ArchiveError) -> PostgresSession {
        var keywords = try self.options.keywords(attempt: 0)
        // A standby answers readers as well.
        keywords.append(("target_session_attrs", "any"))
        return PostgresSession(
            try PostgresConnection.connect(
                keywords: keywords, timeoutSeconds: self.options.connectTimeoutSeconds,
                onWait: { true }))
    }

    private static let reach = """
        SELECT epoch, n, summarised_epoch, summarised_n FROM midwatch.archive_cursor
        WHERE journal = $1::uuid
        """
    private static let readings = """
        SELECT (extract(epoch FROM time) * 1000000)::bigint, value, value, value, value, 1, quality
        FROM midwatch.reading
        WHERE sensor_id = $1::integer AND time >= $2::timestamptz AND time < $3::timestamptz
        ORDER BY time, epoch, n LIMIT $4::bigint
        """
    private static let minutes = """
        SELECT (extract(epoch FROM minute) * 1000000)::bigint,
            sum(value_sum) / nullif(sum(value_count)::double precision, 0), min(value_min),
            max(value_max), (array_agg(value_last ORDER BY last_time DESC NULLS LAST))[1],
            sum(reading_count)::bigint, max(worst_quality)
        FROM midwatch.reading_minute
        WHERE sensor_id = $1::integer AND minute >= $2::timestamptz AND minute < $3::timestamptz
        GROUP BY minute ORDER BY minute LIMIT $4::bigint
        """
}

/// History from `archive.sqlite`.
package final class SQLiteArchiveReader: ArchiveReader {
    private let path: String

    package init(path: String) { self.path = path }

    package func history(
        of sensor: SensorID, from: WallInstant, to: WallInstant, limit: Int
    ) throws(ArchiveError) -> ArchiveHistory? {
        do {
            return try self.read(sensor, from, to, max(1, min(limit, ArchiveHistory.pointsMax)))
        } catch {
            throw SQLiteSchema.archiveError(error, action: "history")
        }
    }

    package func reach(of journal: JournalID) throws(ArchiveError) -> ArchiveReach? {
        do {
            let database = try SQLiteDatabase(
                path: self.path, durability: .normal, isReadOnly: true)
            let find = try database.prepare(
                """
                SELECT epoch, n, summarised_epoch, summarised_n FROM archive_cursor
                JOIN journal USING (journal_id) WHERE journal = ?
                """)
            find.bind(1, journal.description)
            guard try find.step() else { return nil }
            func position(_ column: Int32) -> Position {
                Position(
                    epoch: UInt32(truncatingIfNeeded: find.int64(column)),
                    n: UInt64(bitPattern: find.int64(column + 1)))
            }
            return ArchiveReach(stored: position(0), summarised: position(2))
        } catch {
            throw SQLiteSchema.archiveError(error, action: "reach")
        }
    }

    private func read(
        _ sensor: SensorID, _ from: WallInstant, _ to: WallInstant, _ limit: Int
    ) throws(SQLiteError) -> ArchiveHistory? {
        let database = try SQLiteDatabase(path: self.path, durability: .normal, isReadOnly: true)
        // One view of the file: a day dropped meanwhile does not break the question.
        try database.execute("BEGIN")
        let find = try database.prepare("SELECT sensor_id, unit FROM sensor WHERE path = ?")
        find.bind(1, sensor.path)
        guard try find.step() else { return nil }
        let resolution = ArchiveHistory.resolution(from: from, to: to)
        var history = ArchiveHistory(
            resolution: resolution, unit: find.text(1), points: [], isTruncated: false)
        let kind = resolution == .reading ? "reading" : "reading_minute"
        let first = ArchiveDay(of: from.nanoseconds)
        let last = ArchiveDay(of: to.nanoseconds)
        for day in try SQLiteSchema.days(of: kind, database) where first <= day && day <= last {
            let select = try database.prepare(
                resolution == .reading ? Self.readings(day) : Self.minutes(day))
            select.bind(1, find.int64(0))
            let unit: Int64 = resolution == .reading ? 1 : 60_000_000_000
            // A minute belongs to the answer if it starts in it: round both ends up.
            select.bind(2, Self.ceiling(from.nanoseconds, unit))
            select.bind(3, Self.ceiling(to.nanoseconds, unit))
            select.bind(4, Int64(limit - history.points.count + 1))
            while try select.step() {
                if history.points.count == limit {
                    history.isTruncated = true
                    return history
                }
                history.points.append(Self.point(select, unit: unit))
            }
        }
        return history
    }

    private static func ceiling(_ value: Int64, _ unit: Int64) -> Int64 {
        let (quotient, remainder) = value.flooredQuotientAndRemainder(unit)
        return remainder == 0 ? quotient : quotient + 1
    }

    private static func point(_ row: SQLiteStatement, unit: Int64) -> ArchiveHistory.Point {
        func optional(_ column: Int32) -> Double? {
            row.isNull(column) ? nil : row.double(column)
        }
        return ArchiveHistory.Point(
            time: WallInstant(nanoseconds: row.int64(0) &* unit), value: optional(1),
            valueMin: optional(2), valueMax: optional(3), valueLast: optional(4),
            readingCount: row.int64(5),
            quality: Quality(rawValue: UInt8(truncatingIfNeeded: row.int64(6))) ?? .bad)
    }

    private static func readings(_ day: ArchiveDay) -> String {
        """
        SELECT time, value, value, value, value, 1, quality FROM reading_\(day.name)
        WHERE sensor_id = ? AND time >= ? AND time < ? ORDER BY time, epoch, n LIMIT ?
        """
    }

    private static func minutes(_ day: ArchiveDay) -> String {
        """
        SELECT minute, sum(value_sum) / nullif(sum(value_count), 0), min(value_min), max(value_max),
            (SELECT newest.value_last FROM reading_minute_\(day.name) AS newest
                WHERE newest.sensor_id = held.sensor_id AND newest.minute = held.minute
                ORDER BY newest.last_time DESC LIMIT 1),
            sum(reading_count), max(worst_quality)
        FROM reading_minute_\(day.name) AS held
        WHERE sensor_id = ? AND minute >= ? AND minute < ?
        GROUP BY sensor_id, minute ORDER BY minute LIMIT ?
        """
    }
}
