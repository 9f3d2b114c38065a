// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// One row per sensor and minute: what charts beyond 15 minutes read.
package struct MinuteRow: Sendable, BitwiseCopyable, Equatable {
    /// Sums are held within this, so that adding two never overflows in the database.
    package static let sumMax = 4e307

    package var sensor: SensorIndex
    /// Minutes since 1970, of the time column.
    package var minute: Int64
    /// Readings, with or without a usable value.
    package var readingCount: Int64
    /// Readings with a value whose quality is not bad: what the figures below are made of.
    package var valueCount: Int64
    package var valueMin: Double
    package var valueMax: Double
    package var valueSum: Double
    /// Value at `lastTime`, the latest time of a usable value; meaningless while there is none.
    package var valueLast: Double
    package var lastTime: Int64
    package var worstQuality: Quality

    package init(sensor: SensorIndex, minute: Int64) {
        self.sensor = sensor
        self.minute = minute
        self.readingCount = 0
        self.valueCount = 0
        self.valueMin = .infinity
        self.valueMax = -.infinity
        self.valueSum = 0
        self.valueLast = 0
        self.lastTime = Int64.min
        self.worstQuality = .good
    }

    package mutating func add(_ row: ArchivedReading) {
        self.readingCount += 1
        if row.quality.rawValue > self.worstQuality.rawValue { self.worstQuality = row.quality }
        guard row.hasValue, row.quality != .bad else { return }
        self.valueCount += 1
        self.valueMin = min(self.valueMin, row.value)
        self.valueMax = max(self.valueMax, row.value)
        self.valueSum = max(-Self.sumMax, min(Self.sumMax, self.valueSum + row.value))
        if row.time >= self.lastTime {
            self.lastTime = row.time
            self.valueLast = row.value
        }
    }
}

/// Minute rows that were not written yet.
///
/// They cover the records after the summarised cursor up to the stored one, and are rebuilt from
/// the journal when the historian starts between the two.
package struct MinuteSummary: Sendable {
    private struct Key: Hashable {
        var sensor: UInt32
        var minute: Int64
    }

    package private(set) var rows: [MinuteRow] = []
    private var indexOfKey: [Key: Int32] = [:]
    /// Index of the row each sensor used last, -1 for none: readings mostly come in order.
    private var recent: [Int32] = []

    package init() {}

    package var isEmpty: Bool { self.rows.isEmpty }

    /// Adds one stored reading to the row of its sensor and minute.
    package mutating func add(_ row: ArchivedReading) {
        let sensor = Int(row.slot.sensor.rawValue)
        let minute = row.time.flooredQuotientAndRemainder(60_000_000_000).0
        while self.recent.count <= sensor { self.recent.append(-1) }
        var index = Int(self.recent[sensor])
        if index < 0 || self.rows[index].minute != minute {
            index = self.index(of: Key(sensor: row.slot.sensor.rawValue, minute: minute))
            self.recent[sensor] = Int32(index)
        }
        self.rows[index].add(row)
    }

    /// Forgets every row, after they were written.
    package mutating func removeAll() {
        for row in self.rows { self.recent[Int(row.sensor.rawValue)] = -1 }
        self.rows.removeAll(keepingCapacity: true)
        self.indexOfKey.removeAll(keepingCapacity: true)
    }

    private mutating func index(of key: Key) -> Int {
        if let known = self.indexOfKey[key] { return Int(known) }
        let index = self.rows.count
        self.rows.append(
            MinuteRow(sensor: SensorIndex(rawValue: key.sensor), minute: key.minute))
        self.indexOfKey[key] = Int32(index)
        return index
    }
}
