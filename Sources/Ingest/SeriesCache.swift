// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import MidwatchModel
internal import TelemetryWire

/// What one socket thread remembers of series already resolved: bytes as sent → sensor.
///
/// Open addressing in flat memory; the bytes of every key are kept in an arena and compared, so
/// that two series with the same hash are two sensors. Only resolved sensors are kept. When table
/// or arena is full everything is forgotten and learnt again (counted): a sender with endless
/// spellings of one path costs time, never memory.
///
/// Owned by one thread. Nothing is allocated after `init`.
@safe
struct SeriesCache: ~Copyable {
    /// What a hit gives.
    struct Hit: BitwiseCopyable {
        var sensor: SensorIndex
        var criticality: SensorCriticality
        /// Topic rule that applies (MQTT).
        var rule: UInt16 = 0
        /// Number under which series below this one are kept (a topic with line protocol).
        var scope: UInt32 = 0
    }

    /// 40 bytes; `hash` 0 is an empty place.
    private struct Entry: BitwiseCopyable {
        var hash: UInt64
        var keyOffset: UInt32
        var seriesBytes: UInt16
        var fieldBytes: UInt16
        /// What the series is told apart by beside its bytes: 0, or the scope of its topic.
        var scope: UInt32
        var hit: Hit
    }

    /// Arena bytes per entry: series and field of usual length.
    private static let keyBytesMean = 96

    private let entries: UnsafeMutablePointer<Entry>
    private let arena: UnsafeMutablePointer<UInt8>
    private let mask: Int
    private let countMax: Int
    private let arenaBytes: Int
    private var arenaUsed = 0
    private(set) var count = 0
    /// How often everything was forgotten because there was no room.
    private(set) var overflowCount: UInt64 = 0

    /// Makes room for at least `countMax` series.
    init(countMax: Int) {
        precondition(countMax > 0 && countMax <= SystemLimits.sensorCountMax, "series count")
        var capacity = 64
        while capacity * 3 < countMax * 4 { capacity *= 2 }
        let empty = Entry(
            hash: 0, keyOffset: 0, seriesBytes: 0, fieldBytes: 0, scope: 0,
            hit: Hit(sensor: .none, criticality: .low))
        unsafe self.entries = .allocate(capacity: capacity)
        unsafe self.entries.initialize(repeating: empty, count: capacity)
        self.mask = capacity - 1
        self.countMax = capacity * 3 / 4
        self.arenaBytes = capacity * 3 / 4 * Self.keyBytesMean
        unsafe self.arena = .allocate(capacity: self.arenaBytes)
    }

    deinit {
        unsafe self.entries.deallocate()
        unsafe self.arena.deallocate()
    }

    /// The sensor of a series and field, if known.
    ///
    /// `hash` is of both; any function will do, equal bytes must give equal hashes.
    func find(
        hash: UInt64, scope: UInt32 = 0, _ bytes: borrowing Span<UInt8>, _ series: ByteRange,
        _ field: ByteRange
    ) -> Hit? {
        let wanted = hash | 1
        var place = Int(truncatingIfNeeded: wanted &>> 8) & self.mask
        while true {
            let entry = unsafe self.entries[place]
            if entry.hash == wanted, entry.scope == scope, self.isKey(entry, bytes, series, field) {
                return entry.hit
            }
            if entry.hash == 0 { return nil }
            place = (place &+ 1) & self.mask
        }
    }

    /// Remembers a series that `find` did not know.
    mutating func insert(
        hash: UInt64, scope: UInt32 = 0, _ bytes: borrowing Span<UInt8>, _ series: ByteRange,
        _ field: ByteRange, _ hit: Hit
    ) {
        let keyBytes = series.count + field.count
        guard series.count <= Int(UInt16.max), field.count <= Int(UInt16.max),
            keyBytes <= self.arenaBytes
        else { return }
        if self.count >= self.countMax || self.arenaUsed + keyBytes > self.arenaBytes {
            self.overflowCount += 1
            self.removeAll()
        }
        let key = unsafe self.arena + self.arenaUsed
        for index in 0..<series.count { unsafe key[index] = bytes[series.lowerBound + index] }
        let fieldKey = unsafe key + series.count
        for index in 0..<field.count { unsafe fieldKey[index] = bytes[field.lowerBound + index] }
        let entry = Entry(
            hash: hash | 1, keyOffset: UInt32(self.arenaUsed), seriesBytes: UInt16(series.count),
            fieldBytes: UInt16(field.count), scope: scope, hit: hit)
        self.arenaUsed += keyBytes
        self.count += 1
        var place = Int(truncatingIfNeeded: entry.hash &>> 8) & self.mask
        while unsafe self.entries[place].hash != 0 { place = (place &+ 1) & self.mask }
        unsafe self.entries[place] = entry
    }

    /// Forgets everything, because classes or indexes may have changed.
    mutating func removeAll() {
        for place in 0...self.mask { unsafe self.entries[place].hash = 0 }
        self.arenaUsed = 0
        self.count = 0
    }

    @inline(__always)
    private func isKey(
        _ entry: Entry, _ bytes: borrowing Span<UInt8>, _ series: ByteRange, _ field: ByteRange
    ) -> Bool {
        guard Int(entry.seriesBytes) == series.count,
            Int(entry.fieldBytes) == field.count
        else { return false }
        precondition(series.upperBound <= bytes.count && field.upperBound <= bytes.count)
        let key = unsafe self.arena + Int(entry.keyOffset)
        return unsafe bytes.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return true }
            return unsafe memcmp(key, base + series.lowerBound, series.count) == 0
                && memcmp(key + series.count, base + field.lowerBound, field.count) == 0
        }
    }
}
