// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel

/// The last readings of every sensor, in memory: what an alert shows of the time before it.
///
/// The journal links each reading to the one before, but an alert may not wait for a disk, and a
/// walk of 20 links through a full disk's queue is one. So the engine's thread keeps a copy of the
/// newest readings, 16 bytes each; it alone writes and reads. What came before the start is in
/// `EarlierReadings`.
///
/// Memory comes in chunks of 1,024 sensors when the first of them speaks, and stays: 360 KiB a
/// chunk. Sensors beyond `sensorCountMax` have no such readings, and their alerts say so.
@safe
struct RecentReadings: ~Copyable {
    /// Readings that are kept of a sensor.
    static let depth = 20
    static let sensorCountMax = 131_072
    private static let chunkSensors = 1_024
    /// Head (next place, count, last good value and its time word), then two words a reading.
    private static let words = 4 + depth * 2

    private let chunks: UnsafeMutablePointer<UnsafeMutablePointer<UInt64>?>

    init() {
        let count = Self.sensorCountMax / Self.chunkSensors
        unsafe self.chunks = .allocate(capacity: count)
        unsafe self.chunks.initialize(repeating: nil, count: count)
    }

    deinit {
        for index in 0..<Self.sensorCountMax / Self.chunkSensors {
            unsafe self.chunks[index]?.deallocate()
        }
        unsafe self.chunks.deallocate()
    }

    /// Takes a reading; what its sender marks as historical is no part of the present.
    mutating func note(_ slot: Slot) {
        let index = Int(slot.sensor.rawValue)
        guard index < Self.sensorCountMax, !slot.flags.contains(.historical) else { return }
        let chunk = unsafe self.chunk(of: index)
        let row = unsafe chunk + index % Self.chunkSensors * Self.words
        let next = unsafe Int(row[0])
        let time = Self.timeWord(slot)
        unsafe row[4 + next * 2] = slot.valueBits
        unsafe row[5 + next * 2] = time
        unsafe row[0] = next + 1 == Self.depth ? 0 : UInt64(next + 1)
        if unsafe row[1] < UInt64(Self.depth) { unsafe row[1] += 1 }
        if slot.quality == .good, slot.number.isFinite {
            unsafe row[2] = slot.valueBits
            unsafe row[3] = time
        }
    }

    /// The kept readings of a sensor, oldest first; nil if it has none.
    ///
    /// `wall` makes calendar times of engine times.
    borrowing func extract(
        of sensor: SensorIndex, wall: (MonotonicInstant) -> WallInstant
    ) -> ReadingHistory? {
        let index = Int(sensor.rawValue)
        guard index < Self.sensorCountMax,
            let chunk = unsafe self.chunks[index / Self.chunkSensors]
        else { return nil }
        let row = unsafe chunk + index % Self.chunkSensors * Self.words
        let count = unsafe Int(row[1])
        guard count > 0 else { return nil }
        var history = ReadingHistory()
        history.readings.reserveCapacity(count)
        let first = unsafe (Int(row[0]) + Self.depth - count) % Self.depth
        for offset in 0..<count {
            let place = 4 + (first + offset) % Self.depth * 2
            history.readings.append(
                unsafe Self.reading(bits: row[place], time: row[place + 1], wall: wall))
        }
        if unsafe row[3] != 0 {
            history.lastGood = unsafe Self.reading(bits: row[2], time: row[3], wall: wall)
        }
        return history
    }

    /// Arrival, quality and kind of value in one word: 2^60 ns are 36 years of running.
    private static func timeWord(_ slot: Slot) -> UInt64 {
        slot.arrival.nanoseconds << 4 | UInt64(slot.quality.rawValue & 3) << 2
            | UInt64(slot.valueKindRaw & 3)
    }

    private static func reading(
        bits: UInt64, time: UInt64, wall: (MonotonicInstant) -> WallInstant
    ) -> ReadingHistory.Reading {
        let arrival = MonotonicInstant(nanoseconds: time >> 4)
        let value: Double =
            switch ValueKind(rawValue: UInt8(time & 3)) {
            case .int64, .mappedState: Double(Int64(bitPattern: bits))
            case .bool: bits == 0 ? 0 : 1
            case .float64, nil: Double(bitPattern: bits)
            }
        return ReadingHistory.Reading(
            value: value, quality: Quality(rawValue: UInt8(time >> 2 & 3)) ?? .bad,
            arrival: arrival, at: wall(arrival))
    }

    /// The chunk of a sensor, made if it is the first of its chunk that speaks.
    private func chunk(of index: Int) -> UnsafeMutablePointer<UInt64> {
        if let chunk = unsafe self.chunks[index / Self.chunkSensors] { return unsafe chunk }
        let words = Self.chunkSensors * Self.words
        let chunk = UnsafeMutablePointer<UInt64>.allocate(capacity: words)
        unsafe chunk.initialize(repeating: 0, count: words)
        unsafe self.chunks[index / Self.chunkSensors] = chunk
        return unsafe chunk
    }
}

/// The readings of one sensor before a decision, and the last one that was good.
struct ReadingHistory: Sendable, Equatable {
    struct Reading: Sendable, Equatable {
        /// Not a number if there was none to read.
        var value: Double
        var quality: Quality
        var arrival: MonotonicInstant
        var at: WallInstant
    }

    /// Oldest first; the reading that the decision rests on is among them.
    var readings: [Reading] = []
    var lastGood: Reading?
    /// Part of it was read back from the journal of runs before this one.
    var isReadBack = false
    /// What of the time before is not known, in words; nil: nothing is missing that could be here.
    var notReached: String?

    /// From the first reading to the last.
    ///
    /// Engine time stands still while Midwatch does not run: over a restart the calendar counts.
    var spanNanoseconds: UInt64 {
        guard let first = self.readings.first, let last = self.readings.last else { return 0 }
        let span = last.arrival.nanosecondsSince(first.arrival)
        guard self.isReadBack, last.at > first.at else { return span }
        return max(span, UInt64(last.at.nanoseconds &- first.at.nanoseconds))
    }
}
