// SPDX-License-Identifier: Apache-2.0

import EmbeddedStore
import Historian
import MidwatchModel
import Testing

/// What an archive holds, read with plain SQL, in a form that both stores share.
struct StoredArchive: Equatable {
    struct Row: Equatable {
        var position: Position
        var path: String
        var timeMicroseconds: Int64
        var arrivalMicroseconds: Int64
        var sourceMicroseconds: Int64?
        var value: Double?
        var quality: Int64
        var status: Int64
        var valueKind: Int64
        var statusCode: Int64
        var source: Int64
    }

    struct Minute: Equatable {
        var path: String
        var minute: Int64
        var readingCount: Int64
        var valueCount: Int64
        var valueMin: Double?
        var valueMax: Double?
        var valueSum: Double
        var valueLast: Double?
        var worstQuality: Int64
    }

    var rows: [Row] = []
    var minutes: [Minute] = []

    /// What should be there.
    init(_ expected: ExpectedArchive, without quarantined: Set<Position> = []) {
        func micros(_ nanoseconds: Int64) -> Int64 {
            nanoseconds.flooredQuotientAndRemainder(1_000).0
        }
        func path(_ sensor: SensorIndex) -> String {
            let index = sensor.rawValue
            return "plant/line-\(index % 3)/sensor-\(index)/temperature"
        }
        for row in expected.rows where !quarantined.contains(row.position) {
            self.rows.append(
                Row(
                    position: row.position, path: path(row.slot.sensor),
                    timeMicroseconds: micros(row.time),
                    arrivalMicroseconds: micros(row.arrivalTime),
                    sourceMicroseconds: row.slot.sourceTime == Slot.noSourceTime
                        ? nil : micros(row.slot.sourceTime),
                    value: row.hasValue ? row.value : nil, quality: Int64(row.quality.rawValue),
                    status: Int64(row.sourceTimeStatus.rawValue),
                    valueKind: Int64(row.slot.valueKindRaw), statusCode: Int64(row.statusCode),
                    source: Int64(row.slot.source.rawValue)))
        }
        for row in expected.minutes {
            let isUsable = row.valueCount > 0
            self.minutes.append(
                Minute(
                    path: path(row.sensor), minute: row.minute, readingCount: row.readingCount,
                    valueCount: row.valueCount, valueMin: isUsable ? row.valueMin : nil,
                    valueMax: isUsable ? row.valueMax : nil, valueSum: row.valueSum,
                    valueLast: isUsable ? row.valueLast : nil,
                    worstQuality: Int64(row.worstQuality.rawValue)))
        }
        self.minutes.sort { ($0.path, $0.minute) < ($1.path, $1.minute) }
    }

    init(postgres session: PostgresSession) throws {
        let rows = try session.link.run(
            """
            SELECT epoch, n, path, (extract(epoch FROM time) * 1000000)::bigint,
                (extract(epoch FROM arrival_time) * 1000000)::bigint,
                (extract(epoch FROM source_time) * 1000000)::bigint, value, quality,
                source_time_status, value_kind, status_code, source_index
            FROM midwatch.reading JOIN midwatch.sensor USING (sensor_id) ORDER BY epoch, n
            """)
        for row in 0..<rows.rowCount {
            func number(_ column: Int) -> Int64 { rows.int64(row, column) ?? -1 }
            self.rows.append(
                Row(
                    position: Position(epoch: UInt32(number(0)), n: UInt64(number(1))),
                    path: rows.text(row, 2) ?? "", timeMicroseconds: number(3),
                    arrivalMicroseconds: number(4), sourceMicroseconds: rows.int64(row, 5),
                    value: rows.double(row, 6), quality: number(7), status: number(8),
                    valueKind: number(9), statusCode: number(10), source: number(11)))
        }
        let minutes = try session.link.run(
            """
            SELECT path, (extract(epoch FROM minute) / 60)::bigint, reading_count, value_count,
                value_min, value_max, value_sum, value_last, worst_quality
            FROM midwatch.reading_minute JOIN midwatch.sensor USING (sensor_id)
            ORDER BY path COLLATE "C", minute
            """)
        for row in 0..<minutes.rowCount {
            func number(_ column: Int) -> Int64 { minutes.int64(row, column) ?? -1 }
            self.minutes.append(
                Minute(
                    path: minutes.text(row, 0) ?? "", minute: number(1), readingCount: number(2),
                    valueCount: number(3), valueMin: minutes.double(row, 4),
                    valueMax: minutes.double(row, 5), valueSum: minutes.double(row, 6) ?? -1,
                    valueLast: minutes.double(row, 7), worstQuality: number(8)))
        }
    }

    init(sqlite path: String) throws {
        let database = try SQLiteDatabase(path: path, durability: .normal)
        var tables: [String] = []
        let names = try database.prepare(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'reading%2%'")
        while try names.step() { tables.append(names.text(0)) }
        for table in tables where !table.hasPrefix("reading_minute") {
            let select = try database.prepare(
                """
                SELECT epoch, n, path, time, arrival_time, source_time, value, quality,
                    source_time_status, value_kind, status_code, source_index
                FROM \(table) JOIN sensor USING (sensor_id)
                """)
            while try select.step() {
                func micros(_ column: Int32) -> Int64 {
                    select.int64(column).flooredQuotientAndRemainder(1_000).0
                }
                self.rows.append(
                    Row(
                        position: Position(
                            epoch: UInt32(select.int64(0)), n: UInt64(select.int64(1))),
                        path: select.text(2), timeMicroseconds: micros(3),
                        arrivalMicroseconds: micros(4),
                        sourceMicroseconds: select.isNull(5) ? nil : micros(5),
                        value: select.isNull(6) ? nil : select.double(6), quality: select.int64(7),
                        status: select.int64(8), valueKind: select.int64(9),
                        statusCode: select.int64(10), source: select.int64(11)))
            }
        }
        for table in tables where table.hasPrefix("reading_minute") {
            let select = try database.prepare(
                """
                SELECT path, minute, reading_count, value_count, value_min, value_max, value_sum,
                    value_last, worst_quality FROM \(table) JOIN sensor USING (sensor_id)
                """)
            while try select.step() {
                func optional(_ column: Int32) -> Double? {
                    select.isNull(column) ? nil : select.double(column)
                }
                self.minutes.append(
                    Minute(
                        path: select.text(0), minute: select.int64(1),
                        readingCount: select.int64(2), valueCount: select.int64(3),
                        valueMin: optional(4), valueMax: optional(5), valueSum: select.double(6),
                        valueLast: optional(7), worstQuality: select.int64(8)))
            }
        }
        self.rows.sort { $0.position < $1.position }
        self.minutes.sort { ($0.path, $0.minute) < ($1.path, $1.minute) }
    }

    /// Compares part by part, so that a failure shows the first difference and not thousands.
    func expectEqual(_ expected: StoredArchive, _ comment: String = "") {
        #expect(self.rows.count == expected.rows.count, "\(comment)")
        let row = zip(self.rows, expected.rows).first { $0 != $1 }
        #expect(row == nil, "\(comment)")
        #expect(self.minutes.count == expected.minutes.count, "\(comment)")
        let minute = zip(self.minutes, expected.minutes).first { $0 != $1 }
        #expect(minute == nil, "\(comment)")
    }
}
