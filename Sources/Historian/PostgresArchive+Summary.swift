// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

extension PostgresArchive {
    /// Adds minute rows to what the table holds, in the caller's transaction.
    ///
    /// Exactly once because the summarised cursor moves with them. `value_sum` stops growing beyond
    /// `MinuteRow.sumMax`: an overflow would refuse the whole summary.
    func upsert(
        _ minutes: [MinuteRow], _ link: borrowing PostgresConnection
    ) throws(ArchiveError) {
        try link.run(
            """
            INSERT INTO midwatch.reading_minute AS held
                (sensor_id, minute, journal_id, worst_quality, reading_count, value_count,
                 value_min, value_max, value_sum, value_last, last_time)
            SELECT sensor_id, to_timestamp(minute * 60), \(self.journalID), worst_quality,
                reading_count, value_count, value_min, value_max, value_sum, value_last,
                timestamptz 'epoch' + last_time * interval '1 microsecond'
            FROM unnest($1::integer[], $2::bigint[], $3::smallint[], $4::bigint[], $5::bigint[],
                $6::double precision[], $7::double precision[], $8::double precision[],
                $9::double precision[], $10::bigint[])
                AS added (sensor_id, minute, worst_quality, reading_count, value_count,
                    value_min, value_max, value_sum, value_last, last_time)
            ON CONFLICT (sensor_id, minute, journal_id) DO UPDATE SET
                worst_quality = greatest(held.worst_quality, excluded.worst_quality),
                reading_count = held.reading_count + excluded.reading_count,
                value_count = held.value_count + excluded.value_count,
                value_min = least(held.value_min, excluded.value_min),
                value_max = greatest(held.value_max, excluded.value_max),
                value_sum = CASE WHEN abs(held.value_sum) >= \(MinuteRow.sumMax)
                    THEN held.value_sum ELSE held.value_sum + excluded.value_sum END,
                value_last = CASE WHEN held.last_time > excluded.last_time
                    OR excluded.last_time IS NULL
                    THEN held.value_last ELSE excluded.value_last END,
                last_time = greatest(held.last_time, excluded.last_time)
            """,
            [
                Self.array(minutes) { "\(self.id(of: $0.sensor))" },
                Self.array(minutes) { "\($0.minute)" },
                Self.array(minutes) { "\($0.worstQuality.rawValue)" },
                Self.array(minutes) { "\($0.readingCount)" },
                Self.array(minutes) { "\($0.valueCount)" },
                Self.array(minutes) { $0.valueCount > 0 ? "\($0.valueMin)" : "NULL" },
                Self.array(minutes) { $0.valueCount > 0 ? "\($0.valueMax)" : "NULL" },
                Self.array(minutes) { "\($0.valueSum)" },
                Self.array(minutes) { $0.valueCount > 0 ? "\($0.valueLast)" : "NULL" },
                Self.array(minutes) {
                    $0.valueCount > 0
                        ? "\($0.lastTime.flooredQuotientAndRemainder(1_000).0)" : "NULL"
                },
            ])
    }

    /// Stores the sensors' newest accepted source times, in the caller's transaction.
    func update(
        _ newest: [(sensor: SensorIndex, sourceTime: Int64)],
        _ link: borrowing PostgresConnection
    ) throws(ArchiveError) {
        try link.run(
            """
            UPDATE midwatch.journal_sensor AS held SET newest_source_time = added.source_time
            FROM unnest($1::bigint[], $2::bigint[]) AS added (sensor_index, source_time)
            WHERE held.journal_id = \(self.journalID)
                AND held.sensor_index = added.sensor_index
            """,
            [
                Self.array(newest) { "\($0.sensor.rawValue)" },
                Self.array(newest) { "\($0.sourceTime)" },
            ])
    }

    /// Keeps a refused reading, in the caller's transaction.
    ///
    /// Nothing in it can be refused again: numbers, bytes, and text without zero bytes.
    func insert(
        _ refused: QuarantinedRow, _ link: borrowing PostgresConnection
    ) throws(ArchiveError) {
        try link.run(
            """
            INSERT INTO midwatch.reading_quarantine
                (journal_id, epoch, n, sensor_index, record, sql_state, message)
            VALUES (\(self.journalID), \(refused.row.epoch), \(refused.row.n),
                \(refused.row.slot.sensor.rawValue), $1::bytea, $2, $3)
            """,
            [
                "\\x" + HexDigits.text(refused.row.slot.recordBytes),
                Self.withoutZero(refused.code),
                Self.withoutZero(refused.message),
            ])
    }

    private static func array<Element>(
        _ elements: [Element], _ text: (Element) -> String
    ) -> String {
        "{" + elements.map(text).joined(separator: ",") + "}"
    }
}

extension Slot {
    /// The record as its 64 bytes in the journal.
    var recordBytes: [UInt8] { unsafe withUnsafeBytes(of: self) { unsafe Array($0) } }
}
