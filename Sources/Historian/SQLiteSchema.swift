// SPDX-License-Identifier: Apache-2.0

package import EmbeddedStore

/// The schema of `archive.sqlite`: the tables of PostgreSQL, with a table per day instead of
/// partitions.
///
/// Times are nanoseconds since 1970, minutes are minutes since 1970.
package enum SQLiteSchema {
    static let migrations = [
        """
        CREATE TABLE archive_identity (
            is_only INTEGER PRIMARY KEY CHECK (is_only = 1), identity TEXT NOT NULL);
        INSERT INTO archive_identity VALUES (1, lower(hex(randomblob(16))));
        CREATE TABLE journal (journal_id INTEGER PRIMARY KEY, journal TEXT NOT NULL UNIQUE);
        CREATE TABLE archive_cursor (
            journal_id INTEGER PRIMARY KEY REFERENCES journal (journal_id),
            epoch INTEGER NOT NULL, n INTEGER NOT NULL, summarised_epoch INTEGER NOT NULL,
            summarised_n INTEGER NOT NULL, anchor_arrival INTEGER, anchor_wall INTEGER);
        CREATE TABLE sensor (
            sensor_id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, unit TEXT NOT NULL);
        CREATE TABLE journal_sensor (
            journal_id INTEGER NOT NULL, sensor_index INTEGER NOT NULL,
            sensor_id INTEGER NOT NULL REFERENCES sensor (sensor_id),
            newest_source_time INTEGER, PRIMARY KEY (journal_id, sensor_index)) WITHOUT ROWID;
        CREATE TABLE journal_source (
            journal_id INTEGER NOT NULL, source_index INTEGER NOT NULL, name TEXT NOT NULL,
            PRIMARY KEY (journal_id, source_index)) WITHOUT ROWID;
        CREATE TABLE reading_quarantine (
            journal_id INTEGER NOT NULL, epoch INTEGER NOT NULL, n INTEGER NOT NULL,
            sensor_index INTEGER NOT NULL, record BLOB NOT NULL, sql_state TEXT NOT NULL,
            message TEXT NOT NULL, PRIMARY KEY (journal_id, epoch, n));
        """
    ]

    /// Statements that make the tables of one day.
    ///
    /// Readings have no index: they come in order, and one index would cost nine tenths of the
    /// write rate. Minutes are few and found by sensor.
    static func day(_ day: ArchiveDay) -> String {
        """
        CREATE TABLE IF NOT EXISTS reading_\(day.name) (
            time INTEGER NOT NULL, arrival_time INTEGER NOT NULL, source_time INTEGER, value REAL,
            n INTEGER NOT NULL, status_code INTEGER NOT NULL, epoch INTEGER NOT NULL,
            sensor_id INTEGER NOT NULL, source_index INTEGER NOT NULL, journal_id INTEGER NOT NULL,
            quality INTEGER NOT NULL, source_time_status INTEGER NOT NULL,
            value_kind INTEGER NOT NULL);
        CREATE TABLE IF NOT EXISTS reading_minute_\(day.name) (
            sensor_id INTEGER NOT NULL, minute INTEGER NOT NULL, journal_id INTEGER NOT NULL,
            worst_quality INTEGER NOT NULL, reading_count INTEGER NOT NULL,
            value_count INTEGER NOT NULL, value_min REAL, value_max REAL, value_sum REAL NOT NULL,
            value_last REAL, last_time INTEGER,
            PRIMARY KEY (sensor_id, minute, journal_id)) WITHOUT ROWID;
        """
    }

    static func insertReading(_ day: ArchiveDay) -> String {
        """
        INSERT INTO reading_\(day.name) (time, arrival_time, source_time, value, n, status_code,
            epoch, sensor_id, source_index, journal_id, quality, source_time_status, value_kind)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """
    }

    /// Adds one minute row to what the table holds; as the statement for PostgreSQL does.
    static func upsertMinute(_ day: ArchiveDay) -> String {
        """
        INSERT INTO reading_minute_\(day.name) AS held (sensor_id, minute, journal_id,
            worst_quality, reading_count, value_count, value_min, value_max, value_sum, value_last,
            last_time)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (sensor_id, minute, journal_id) DO UPDATE SET
            worst_quality = max(held.worst_quality, excluded.worst_quality),
            reading_count = held.reading_count + excluded.reading_count,
            value_count = held.value_count + excluded.value_count,
            value_min = min(coalesce(held.value_min, excluded.value_min),
                coalesce(excluded.value_min, held.value_min)),
            value_max = max(coalesce(held.value_max, excluded.value_max),
                coalesce(excluded.value_max, held.value_max)),
            value_sum = CASE WHEN abs(held.value_sum) >= \(MinuteRow.sumMax)
                THEN held.value_sum ELSE held.value_sum + excluded.value_sum END,
            value_last = CASE WHEN held.last_time > excluded.last_time
                OR excluded.last_time IS NULL THEN held.value_last ELSE excluded.value_last END,
            last_time = max(coalesce(held.last_time, excluded.last_time),
                coalesce(excluded.last_time, held.last_time))
        """
    }

    /// Days that have a table `kind_YYYYMMDD`, ascending.
    static func days(
        of kind: String, _ database: SQLiteDatabase
    ) throws(SQLiteError) -> [ArchiveDay] {
        let select = try database.prepare(
            "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        var days: [ArchiveDay] = []
        while try select.step() {
            let name = select.text(0)
            guard name.hasPrefix(kind + "_"),
                let day = ArchiveDay(name: name.dropFirst(kind.utf8.count + 1))
            else { continue }
            days.append(day)
        }
        return days
    }

    /// What to do about an error of SQLite.
    package static func archiveError(_ error: SQLiteError, action: String) -> ArchiveError {
        let disposition: ArchiveError.Disposition =
            switch error.code & 0xFF {
            case 5, 6: .retry  // SQLITE_BUSY, SQLITE_LOCKED
            case 7, 13: .backOffLong  // SQLITE_NOMEM, SQLITE_FULL
            case 10: .backOffLong  // SQLITE_IOERR
            case 3, 8, 14: .retrySlowly  // SQLITE_PERM, SQLITE_READONLY, SQLITE_CANTOPEN
            case 11, 26: .stop(.storeDamaged(detail: error.message))  // CORRUPT, NOTADB
            case 18, 19, 20: .quarantine  // TOOBIG, CONSTRAINT, MISMATCH
            case 0: .stop(.schemaMismatch(detail: error.message))  // newer than this program
            case 1 where error.message.hasPrefix("no such table"): .createPartition
            case 1: .stop(.schemaMismatch(detail: error.message))
            default: .reconnect
            }
        return ArchiveError(
            disposition, code: "sqlite-\(error.code)", message: error.message, action: action)
    }
}
