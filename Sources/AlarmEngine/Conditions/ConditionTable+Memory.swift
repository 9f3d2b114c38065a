// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

extension ConditionTable {
    /// Takes over what unchanged conditions of another table remember: same sensor, same name, same
    /// condition.
    mutating func adopt(_ old: borrowing ConditionTable) {
        var numbers: [String: UInt32] = [:]
        for (number, rule) in old.set.rules.enumerated() {
            numbers[rule.declaration.name] = UInt32(number)
        }
        for index in 0..<self.bounds.count {
            let bound = self.bounds[index]
            let declaration = self.set.rules[Int(bound.rule)].declaration
            guard let number = numbers[declaration.name],
                old.set.rules[Int(number)].declaration.condition == declaration.condition,
                let before = old.bound(of: number, on: bound.sensor)
            else { continue }
            self.memories[index] = old.memories[before]
            self.adopt(old, old.bounds[before].evaluator, as: bound.evaluator)
        }
    }

    private mutating func adopt(
        _ old: borrowing ConditionTable, _ before: ConditionEvaluator,
        as evaluator: ConditionEvaluator
    ) {
        switch (before, evaluator) {
        case (.rateOfChange(let from), .rateOfChange(let to)):
            let isHolding = self.rates[Int(to)].isHolding
            self.rates[Int(to)] = old.rates[Int(from)]
            self.rates[Int(to)].isHolding = isHolding
        case (.flatLine(let from), .flatLine(let to)):
            self.flatLines[Int(to)] = old.flatLines[Int(from)]
        case (.window(let from), .window(let to)):
            let hold = self.windows[Int(to)].holdNanoseconds
            self.windows[Int(to)] = old.windows[Int(from)]
            self.windows[Int(to)].holdNanoseconds = hold
        case (.drift(let from), .drift(let to)):
            let hold = self.drifts[Int(to)].holdNanoseconds
            self.drifts[Int(to)] = old.drifts[Int(from)]
            self.drifts[Int(to)].holdNanoseconds = hold
        case (.clockDrift(let from), .clockDrift(let to)):
            self.clockDrifts[Int(to)] = old.clockDrifts[Int(from)]
        case (.sequence(let from), .sequence(let to)),
            (.sourceSequence(let from), .sourceSequence(let to)):
            self.sequences[Int(to)] = old.sequences[Int(from)]
        default: break  // Nothing that is remembered beside the common memory.
        }
    }

    // MARK: - Checkpoint

    /// Counts of the tables of memories, in the order of their bytes.
    var memoryCounts: [Int] {
        [
            self.memories.count, self.rates.count, self.flatLines.count, self.windows.count,
            self.drifts.count, self.clockDrifts.count, self.sequences.count,
        ]
    }

    /// What a checkpoint holds of the table.
    func appendMemories(to bytes: inout [UInt8]) {
        self.memories.appendBytes(to: &bytes)
        self.rates.appendBytes(to: &bytes)
        self.flatLines.appendBytes(to: &bytes)
        self.windows.appendBytes(to: &bytes)
        self.drifts.appendBytes(to: &bytes)
        self.clockDrifts.appendBytes(to: &bytes)
        self.sequences.appendBytes(to: &bytes)
    }

    /// Bytes that `appendMemories` writes.
    var memoryByteCount: Int {
        self.memories.byteCount + self.rates.byteCount + self.flatLines.byteCount
            + self.windows.byteCount + self.drifts.byteCount + self.clockDrifts.byteCount
            + self.sequences.byteCount
    }

    /// Begins to copy what `appendMemories` writes.
    mutating func beginCopy(to target: UnsafeMutableRawPointer) {
        var place = unsafe target
        unsafe self.memories.beginCopy(to: place)
        unsafe place += self.memories.byteCount
        unsafe self.rates.beginCopy(to: place)
        unsafe place += self.rates.byteCount
        unsafe self.flatLines.beginCopy(to: place)
        unsafe place += self.flatLines.byteCount
        unsafe self.windows.beginCopy(to: place)
        unsafe place += self.windows.byteCount
        unsafe self.drifts.beginCopy(to: place)
        unsafe place += self.drifts.byteCount
        unsafe self.clockDrifts.beginCopy(to: place)
        unsafe place += self.clockDrifts.byteCount
        unsafe self.sequences.beginCopy(to: place)
    }

    /// Copies on, about `bytes` at most, and returns how many it copied.
    mutating func copyOn(_ bytes: Int) -> Int {
        var left = bytes
        left -= self.memories.copyOn(left)
        if left > 0 { left -= self.rates.copyOn(left) }
        if left > 0 { left -= self.flatLines.copyOn(left) }
        if left > 0 { left -= self.windows.copyOn(left) }
        if left > 0 { left -= self.drifts.copyOn(left) }
        if left > 0 { left -= self.clockDrifts.copyOn(left) }
        if left > 0 { left -= self.sequences.copyOn(left) }
        return bytes - left
    }

    mutating func endCopy() {
        self.memories.endCopy()
        self.rates.endCopy()
        self.flatLines.endCopy()
        self.windows.endCopy()
        self.drifts.endCopy()
        self.clockDrifts.endCopy()
        self.sequences.endCopy()
    }

    /// Reads the memories back into a table that was bound to the same rules and sensors.
    mutating func restoreMemories(_ bytes: [UInt8], at offset: inout Int)
        throws(CheckpointError)
    {
        try self.memories.restore(
            count: self.memories.count, from: bytes, at: &offset,
            checking: ConditionMemory.byteFields)
        try self.rates.restore(
            count: self.rates.count, from: bytes, at: &offset, checking: RateOfChange.byteFields)
        try self.flatLines.restore(
            count: self.flatLines.count, from: bytes, at: &offset, checking: FlatLine.byteFields)
        try self.windows.restore(
            count: self.windows.count, from: bytes, at: &offset,
            checking: WindowStatistics.byteFields)
        try self.drifts.restore(
            count: self.drifts.count, from: bytes, at: &offset, checking: SlowDrift.byteFields)
        try self.clockDrifts.restore(
            count: self.clockDrifts.count, from: bytes, at: &offset, checking: [])
        try self.sequences.restore(
            count: self.sequences.count, from: bytes, at: &offset,
            checking: SequenceCheck.byteFields)
        // A clock that runs backwards or a window of no length would stop a loop or divide by zero:
        // settings come from the rules, never from a file.
        self.restoreSettings()
    }

    private mutating func restoreSettings() {
        for index in 0..<self.bounds.count {
            let bound = self.bounds[index]
            let condition = self.set.rules[Int(bound.rule)].declaration.condition
            switch (bound.evaluator, condition) {
            case (.rateOfChange(let number), .rateOfChange(_, _, _, let window)):
                self.rates[Int(number)].windowNanoseconds = window
            case (.window(let number), .window(_, _, let window)):
                self.windows[Int(number)].windowNanoseconds = window
            case (.drift(let number), .drift(_, _, let average, _)):
                self.drifts[Int(number)].averageNanoseconds = average
            case (.clockDrift(let number), .clockDrift(_, _, let window)):
                self.clockDrifts[Int(number)].windowNanoseconds = window
            case (.sequence(let number), .sequence(_, let window, let modulus, _)),
                (.sourceSequence(let number), .sequence(_, let window, let modulus, _)):
                self.sequences[Int(number)].windowNanoseconds = window
                self.sequences[Int(number)].modulus = modulus
            default: break
            }
        }
    }
}
