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
    private static let checkpointMagic: UInt64 = 0x3730_3030_4350_574D  // "MWPC0007"

    /// Of one sensor in both of its tables.
    private static var sensorBytes: UInt64 {
        UInt64(MemoryLayout<SensorState>.stride) << 32 | UInt64(MemoryLayout<SensorDetail>.stride)
    }

    /// The state at `after`: the position of the last record that was applied.
    ///
    /// Replay from it equals replay from the start. The redelivery window is not in it: feed the
    /// records before the position to `rebuildWindow` first. The format is bound to this build's
    /// record sizes; a checkpoint that does not fit is refused, never guessed at.
    ///
    /// - Returns: Bytes without a checksum; the caller adds one.
    package borrowing func checkpoint(after: Position) -> [UInt8] {
        precondition(self.pendingTick == nil && self.decisions.count == 0, "decisions not taken")
        let tables =
            self.sensors.byteCount + self.sensorDetails.byteCount + self.alarms.byteCount
            + self.details.byteCount + self.sources.byteCount
        var bytes: [UInt8] = []
        bytes.reserveCapacity(tables + self.names.byteCount + 4_096)
        self.appendHead(after: after, to: &bytes)
        self.sensors.appendBytes(to: &bytes)
        self.sensorDetails.appendBytes(to: &bytes)
        self.alarms.appendBytes(to: &bytes)
        self.details.appendBytes(to: &bytes)
        self.sources.appendBytes(to: &bytes)
        self.names.appendBytes(to: &bytes)
        self.appendNames(to: &bytes)
        self.conditions.appendMemories(to: &bytes)
        return bytes
    }

    /// What stands before the tables.
    func appendHead(after: Position, to bytes: inout [UInt8]) {
        for word in [
            Self.checkpointMagic, Self.sensorBytes,
            UInt64(MemoryLayout<AlarmRow>.stride), UInt64(MemoryLayout<AlarmDetail>.stride),
            UInt64(MemoryLayout<SourceState>.stride),
            UInt64(after.epoch), after.n, self.time.nanoseconds, UInt64(self.epoch),
            self.anchorEngine.nanoseconds, UInt64(bitPattern: self.anchorWall),
            self.lagUntil.nanoseconds, self.canaryNonce, UInt64(self.sensors.count),
            UInt64(self.alarms.count), UInt64(self.details.count), UInt64(self.sources.count),
            UInt64(self.sourceNames.count), self.established.nanoseconds,
        ] {
            Self.append(word, to: &bytes)
        }
        Self.append(self.rules.revision, to: &bytes)
    }

    /// What stands between the paths and the memories of conditions.
    func appendNames(to bytes: inout [UInt8]) {
        for name in self.sourceNames { Self.append(name, to: &bytes) }
        Self.append(UInt64(self.areaModes.count), to: &bytes)
        for (name, mode) in self.areaModes.sorted(by: { $0.key < $1.key }) {
            Self.append(name, to: &bytes)
            bytes.append(mode)
        }
    }

    /// Replaces the whole state by a checkpoint's.
    ///
    /// - Returns: The position of the last record that the checkpoint holds.
    /// - Throws: `CheckpointError`; the engine must then be thrown away.
    package mutating func restore(_ bytes: [UInt8]) throws(CheckpointError) -> Position {
        self.abandonCopy()
        var offset = 0
        var words: [UInt64] = []
        for _ in 0..<19 {
            guard let word = Self.word(bytes, &offset) else { throw .truncated }
            words.append(word)
        }
        guard words[0] == Self.checkpointMagic,
            words[1] == Self.sensorBytes,
            words[2] == UInt64(MemoryLayout<AlarmRow>.stride),
            words[3] == UInt64(MemoryLayout<AlarmDetail>.stride),
            words[4] == UInt64(MemoryLayout<SourceState>.stride)
        else { throw .foreignFormat }
        guard let revision = Self.text(bytes, &offset) else { throw .truncated }
        guard let rules = revision == self.rules.revision ? self.rules : self.book(revision) else {
            throw .unknownRevision(revision)
        }
        self.rules = rules
        self.time = MonotonicInstant(nanoseconds: words[7])
        self.epoch = UInt32(truncatingIfNeeded: words[8])
        self.anchorEngine = MonotonicInstant(nanoseconds: words[9])
        self.anchorWall = Int64(bitPattern: words[10])
        self.lagUntil = MonotonicInstant(nanoseconds: words[11])
        self.canaryNonce = words[12]
        self.established = MonotonicInstant(nanoseconds: words[18])
        try self.restoreTables(words, bytes, &offset)
        self.sourceNames = []
        self.sourcePlaces = [:]
        guard self.names.restore(count: Int(words[13]), from: bytes, at: &offset) else {
            throw .truncated
        }
        for _ in 0..<Int(words[17]) {
            guard let name = Self.text(bytes, &offset) else { throw .truncated }
            self.addSourceName(name)
        }
        try self.restoreRules(bytes, &offset)
        guard offset == bytes.count, self.isConsistent() else { throw .inconsistent }
        self.gatherMembers()
        self.rebuildTimers()
        return Position(epoch: UInt32(truncatingIfNeeded: words[5]), n: words[6])
    }

    /// Feeds a record from before the checkpoint to the memories that the checkpoint leaves out.
    ///
    /// These are the redelivery window and the control record that the position may cut in two:
    /// give it control records, too.
    package mutating func rebuildWindow(_ slot: Slot, n: UInt64) {
        switch slot.kind {
        case .reading: _ = self.window.judge(slot, n: n)
        case .registerSensor, .registerSource, .command, .configuration, .sessionBegin,
            .continuation:
            _ = self.assembler.push(slot, n: n)
        case .start: self.assembler = ControlAssembler()
        case .empty, .clockAnchor, .clockStep, .lagObserved, .lossObserved, .stop, .tick, .gap,
            .sourceEvidence, .sessionChange, .padding, nil:
            break
        }
    }

    /// Records before a checkpoint that `rebuildWindow` wants.
    package borrowing func windowRecords() -> UInt64 { self.window.rereadRecords }

    private mutating func restoreTables(
        _ words: [UInt64], _ bytes: [UInt8], _ offset: inout Int
    ) throws(CheckpointError) {
        let limit = UInt64(bytes.count)
        for place in 13...17 where words[place] >= limit { throw .truncated }
        try self.sensors.restore(
            count: Int(words[13]), from: bytes, at: &offset, checking: SensorState.byteFields)
        try self.sensorDetails.restore(
            count: Int(words[13]), from: bytes, at: &offset, checking: SensorDetail.byteFields)
        try self.alarms.restore(
            count: Int(words[14]), from: bytes, at: &offset, checking: AlarmRow.byteFields)
        try self.details.restore(
            count: Int(words[15]), from: bytes, at: &offset, checking: AlarmDetail.byteFields)
        try self.sources.restore(
            count: Int(words[16]), from: bytes, at: &offset, checking: SourceState.byteFields)
    }

    /// Binds the rules anew and gives them what they remember.
    private mutating func restoreRules(_ bytes: [UInt8], _ offset: inout Int)
        throws(CheckpointError)
    {
        self.areaModes = [:]
        guard let count = Self.word(bytes, &offset) else { throw .truncated }
        for _ in 0..<min(count, UInt64(bytes.count)) {
            guard let name = Self.text(bytes, &offset), offset < bytes.count else {
                throw .truncated
            }
            self.areaModes[name] = bytes[offset]
            offset += 1
        }
        self.conditions = ConditionTable(self.rules.ruleSet)
        self.rebindRules()
        self.rebuildPins()
        try self.conditions.restoreMemories(bytes, at: &offset)
    }

    /// Whether every index of the tables points into them, and every sensor has the rows of its
    /// rules.
    private mutating func isConsistent() -> Bool {
        guard self.sensors.count <= SystemLimits.sensorCountMax,
            self.sources.count <= SystemLimits.sourceCountMax,
            self.sourceNames.count <= SystemLimits.sourceCountMax
        else { return false }
        for index in 0..<self.alarms.count {
            let row = self.alarms[index]
            guard Int(row.sensor) < self.sensors.count else { return false }
            guard row.detail != AlarmRow.noDetail else {
                if row.pending != .none || row.machine.state != .normal { return false }
                continue
            }
            guard Int(row.detail) < self.details.count,
                self.details[Int(row.detail)].row == UInt32(index)
            else { return false }
        }
        for index in 0..<self.details.count {
            let detail = self.details[index]
            if detail.row != AlarmRow.noDetail {
                guard Int(detail.row) < self.alarms.count,
                    self.alarms[Int(detail.row)].detail == UInt32(index)
                else { return false }
            }
        }
        for index in 0..<self.sources.count {
            let source = self.sources[index]
            guard source.sensor == .none || Int(source.sensor.rawValue) < self.sensors.count else {
                return false
            }
        }
        return self.areRowsConsistent()
    }

    private mutating func areRowsConsistent() -> Bool {
        self.ruleTable = RuleTable()
        for index in 0..<self.details.count where self.details[index].row != AlarmRow.noDetail {
            let row = Int(self.details[index].row)
            let sensor = Int(self.alarms[row].sensor)
            guard self.alarmRange(of: sensor).contains(row) else { return false }
        }
        for index in 0..<self.sensorDetails.count {
            let sensor = self.sensorDetails[index]
            let end = Int(sensor.firstAlarm) + Int(sensor.alarmRows)
            guard sensor.alarmCount <= sensor.alarmRows, end <= self.alarms.count else {
                return false
            }
            for alarm in Int(sensor.firstAlarm)..<end
            where Int(self.alarms[alarm].sensor) != index { return false }
            let run = self.ruleRun(of: index)
            guard run.count == sensor.alarmCount,
                self.sensors[index].isSuspect == (sensor.suspects.kind != .none)
            else { return false }
            self.sensorDetails[index].firstRule = run.first
        }
        return true
    }

    private mutating func rebuildTimers() {
        self.wheel = TimerWheel(start: self.time, reserving: self.sensors.count * 2)
        self.due = DueHeap()
        self.spareTimers = []
        self.timerOwners = FlatTable(reserving: self.sensors.count * 2)
        self.lostCount = 0
        for place in 0..<self.sources.count where self.sources[place].isLost {
            self.lostCount += 1
        }
        for index in 0..<self.sensors.count {
            let timer = self.addTimer(of: .sensor(index))
            self.sensorDetails[index].timer = timer
            self.sensors[index].quiet = .none
            self.armSensor(index)
        }
        self.freeDetails = NumberHeap()
        for detail in 0..<self.details.count where self.details[detail].row == AlarmRow.noDetail {
            self.freeDetails.push(UInt32(detail))
        }
        for detail in 0..<self.details.count {
            self.details[detail].timer = self.addTimer(of: .alarm(detail))
            if self.details[detail].row != AlarmRow.noDetail { self.rearm(detail) }
        }
        self.giveTimersToConditions()
        self.rebuildLinks()
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
