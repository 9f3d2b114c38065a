// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// Why a checkpoint cannot be used; the logs are read instead.
package enum CheckpointError: Error, Equatable, Sendable {
    case foreignFormat
    case truncated
    /// The bytes do not say one state: an index, a flag or a case that no engine writes.
    case inconsistent
    case unknownRevision(String)
}

extension AlarmEngine {
    /// Layout version; another one is a foreign format.
    private static let checkpointMagic: UInt64 = 0x3230_3030_4350_574D  // "MWPC0002"

    /// The state at `after`: the position of the last record that was applied.
    ///
    /// Replay from it equals replay from the start. The redelivery window is not in it: feed the
    /// records before the position to `rebuildWindow` first. The format is bound to this build's
    /// record sizes; a checkpoint that does not fit is refused, never guessed at.
    ///
    /// - Returns: Bytes without a checksum; the caller adds one.
    package borrowing func checkpoint(after: Position) -> [UInt8] {
        precondition(self.pendingTick == nil && self.decisions.count == 0, "decisions not taken")
        var bytes: [UInt8] = []
        bytes.reserveCapacity(
            self.sensors.count * (MemoryLayout<SensorState>.stride + 48)
                + self.alarms.count * MemoryLayout<AlarmRecord>.stride + 4_096)
        for word in [
            Self.checkpointMagic, UInt64(MemoryLayout<SensorState>.stride),
            UInt64(MemoryLayout<AlarmRecord>.stride), UInt64(MemoryLayout<SenderClock>.stride),
            UInt64(after.epoch), after.n, self.time.nanoseconds, UInt64(self.epoch),
            self.anchorEngine.nanoseconds, UInt64(bitPattern: self.anchorWall),
            self.lagUntil.nanoseconds, self.canaryNonce, UInt64(self.sensors.count),
            UInt64(self.alarms.count), 0, UInt64(self.sourceNames.count),
        ] {
            Self.append(word, to: &bytes)
        }
        Self.append(self.rules.revision, to: &bytes)
        self.sensors.appendBytes(to: &bytes)
        self.alarms.appendBytes(to: &bytes)
        for path in self.paths { Self.append(path, to: &bytes) }
        for name in self.sourceNames { Self.append(name, to: &bytes) }
        return bytes
    }

    /// Replaces the whole state by a checkpoint's.
    ///
    /// - Returns: The position of the last record that the checkpoint holds.
    /// - Throws: `CheckpointError`; the engine must then be thrown away.
    package mutating func restore(_ bytes: [UInt8]) throws(CheckpointError) -> Position {
        var offset = 0
        var words: [UInt64] = []
        for _ in 0..<16 {
            guard let word = Self.word(bytes, &offset) else { throw .truncated }
            words.append(word)
        }
        guard words[0] == Self.checkpointMagic,
            words[1] == UInt64(MemoryLayout<SensorState>.stride),
            words[2] == UInt64(MemoryLayout<AlarmRecord>.stride),
            words[3] == UInt64(MemoryLayout<SenderClock>.stride)
        else { throw .foreignFormat }
        guard let revision = Self.text(bytes, &offset) else { throw .truncated }
        guard let rules = revision == self.rules.revision ? self.rules : self.book(revision) else {
            throw .unknownRevision(revision)
        }
        self.rules = rules
        self.time = MonotonicInstant(nanoseconds: words[6])
        self.epoch = UInt32(truncatingIfNeeded: words[7])
        self.anchorEngine = MonotonicInstant(nanoseconds: words[8])
        self.anchorWall = Int64(bitPattern: words[9])
        self.lagUntil = MonotonicInstant(nanoseconds: words[10])
        self.canaryNonce = words[11]
        try self.restoreTables(words, bytes, &offset)
        self.paths = []
        self.pathIndexes = [:]
        self.sourceNames = []
        for _ in 0..<Int(words[12]) {
            guard let path = Self.text(bytes, &offset) else { throw .truncated }
            self.addPath(path)
        }
        for _ in 0..<Int(words[15]) {
            guard let name = Self.text(bytes, &offset) else { throw .truncated }
            self.sourceNames.append(name)
        }
        guard offset == bytes.count, self.isConsistent else { throw .inconsistent }
        self.rebuildTimers()
        return Position(epoch: UInt32(truncatingIfNeeded: words[4]), n: words[5])
    }

    /// Feeds a record from before the checkpoint to the memories that the checkpoint leaves out.
    ///
    /// These are the redelivery window and the control record that the position may cut in two:
    /// give it control records, too.
    package mutating func rebuildWindow(_ slot: Slot, n: UInt64) {
        switch slot.kind {
        case .reading: _ = self.window.judge(slot, n: n)
        case .registerSensor, .registerSource, .command, .configuration, .continuation:
            _ = self.assembler.push(slot, n: n)
        case .start: self.assembler = ControlAssembler()
        case .empty, .clockAnchor, .clockStep, .lagObserved, .lossObserved, .stop, .tick, .gap,
            .sourceEvidence, .padding, nil:
            break
        }
    }

    /// Records before a checkpoint that `rebuildWindow` wants.
    package borrowing func windowRecords() -> UInt64 { self.window.rereadRecords }

    private mutating func restoreTables(
        _ words: [UInt64], _ bytes: [UInt8], _ offset: inout Int
    ) throws(CheckpointError) {
        let limit = UInt64(bytes.count)
        guard words[12] < limit, words[13] < limit, words[14] < limit, words[15] < limit else {
            throw .truncated
        }
        try self.sensors.restore(
            count: Int(words[12]), from: bytes, at: &offset, checking: SensorState.byteFields)
        try self.alarms.restore(
            count: Int(words[13]), from: bytes, at: &offset, checking: AlarmRecord.byteFields)
    }

    /// Whether every index of the tables points into them.
    private var isConsistent: Bool {
        guard self.sensors.count <= SystemLimits.sensorCountMax,
            self.sourceNames.count <= SystemLimits.sourceCountMax
        else { return false }
        for index in 0..<self.alarms.count
        where Int(self.alarms[index].sensor.rawValue) >= self.sensors.count { return false }
        for index in 0..<self.sensors.count {
            let sensor = self.sensors[index]
            let end = Int(sensor.firstAlarm) + Int(sensor.alarmRows)
            guard sensor.alarmCount <= sensor.alarmRows, end <= self.alarms.count else {
                return false
            }
            for alarm in Int(sensor.firstAlarm)..<end
            where Int(self.alarms[alarm].sensor.rawValue) != index { return false }
        }
        return true
    }

    private mutating func rebuildTimers() {
        self.wheel = TimerWheel(start: self.time, reserving: self.sensors.count * 4)
        self.due = DueHeap()
        self.timerOwners = FlatTable(reserving: self.sensors.count * 4)
        for index in 0..<self.sensors.count {
            let timer = self.addTimer(owner: index, isAlarm: false)
            self.sensors[index].timer = timer
            let sensor = self.sensors[index]
            if sensor.freshness != .stale, sensor.supervision != .event, !sensor.isRetired {
                self.wheel.arm(timer, due: sensor.deadline)
            }
        }
        for index in 0..<self.alarms.count {
            let timer = self.addTimer(owner: index, isAlarm: true)
            self.alarms[index].timer = timer
            if self.alarms[index].pending != .none {
                self.wheel.arm(timer, due: self.alarms[index].pendingDue)
            }
        }
    }

    private static func append(_ word: UInt64, to bytes: inout [UInt8]) {
        for shift in stride(from: 0, to: 64, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(shift)))
        }
    }

    private static func append(_ text: String, to bytes: inout [UInt8]) {
        let count = UInt16(truncatingIfNeeded: text.utf8.count)
        bytes.append(UInt8(truncatingIfNeeded: count))
        bytes.append(UInt8(truncatingIfNeeded: count >> 8))
        bytes.append(contentsOf: text.utf8.prefix(Int(count)))
    }

    private static func word(_ bytes: [UInt8], _ offset: inout Int) -> UInt64? {
        guard offset + 8 <= bytes.count else { return nil }
        var word: UInt64 = 0
        for index in 0..<8 { word |= UInt64(bytes[offset + index]) << UInt64(8 * index) }
        offset += 8
        return word
    }

    private static func text(_ bytes: [UInt8], _ offset: inout Int) -> String? {
        guard offset + 2 <= bytes.count else { return nil }
        let count = Int(bytes[offset]) | Int(bytes[offset + 1]) << 8
        guard offset + 2 + count <= bytes.count else { return nil }
        let text = String(decoding: bytes[offset + 2..<offset + 2 + count], as: UTF8.self)
        offset += 2 + count
        return text
    }
}
