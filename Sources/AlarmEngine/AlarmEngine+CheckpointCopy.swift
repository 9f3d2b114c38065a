// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// A checkpoint in memory, of one position; whole when the engine hands it out.
///
/// `@unchecked Sendable`: the engine alone writes, and lets go of it when it hands it out.
@safe
package final class CheckpointImage: @unchecked Sendable {
    package let position: Position
    let memory: UnsafeMutableRawBufferPointer
    /// Of the paths: where they begin, how many there are, their bytes, and how many are copied.
    let pathsOffset: Int
    let pathCount: Int
    let pathBytes: Int
    var pathBytesCopied = 0

    init(position: Position, byteCount: Int, pathsOffset: Int, paths: PathTable) {
        self.position = position
        unsafe self.memory = .allocate(byteCount: byteCount, alignment: 16)
        self.pathsOffset = pathsOffset
        self.pathCount = paths.count
        self.pathBytes = paths.byteCount
    }

    deinit { unsafe self.memory.deallocate() }

    /// The bytes that `AlarmEngine.restore` takes; copied: not for the engine's thread.
    package var bytes: [UInt8] { unsafe [UInt8](self.memory) }

    func put(_ bytes: [UInt8], at offset: Int) {
        unsafe UnsafeMutableRawBufferPointer(rebasing: self.memory[offset...]).copyBytes(
            from: bytes)
    }

    func place(at offset: Int) -> UnsafeMutableRawPointer? {
        unsafe self.memory.baseAddress.map { unsafe $0 + offset }
    }
}

extension AlarmEngine {
    /// Begins a checkpoint of this moment, which `continueCheckpoint` copies piece by piece.
    ///
    /// Copying it at once would stop the engine for as long as it takes to copy the whole state.
    ///
    /// - Parameter position: Of the last record that was applied.
    package mutating func beginCheckpoint(after position: Position) {
        precondition(self.pendingTick == nil && self.decisions.count == 0, "decisions not taken")
        self.abandonCopy()
        var head: [UInt8] = []
        self.appendHead(after: position, to: &head)
        var names: [UInt8] = []
        self.appendNames(to: &names)
        let tables = [
            self.sensors.byteCount, self.sensorDetails.byteCount, self.alarms.byteCount,
            self.details.byteCount, self.sources.byteCount,
        ]
        let pathsOffset = head.count + tables.reduce(0, +)
        let namesOffset = pathsOffset + self.names.byteCount
        let memories = namesOffset + names.count
        let image = CheckpointImage(
            position: position, byteCount: memories + self.conditions.memoryByteCount,
            pathsOffset: pathsOffset, paths: self.names)
        image.put(head, at: 0)
        image.put(names, at: namesOffset)
        guard let base = unsafe image.place(at: head.count),
            let memoryBase = unsafe image.place(at: memories)
        else { return }
        let places = tables.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1) }
        unsafe self.sensors.beginCopy(to: base)
        unsafe self.sensorDetails.beginCopy(to: base + places[1])
        unsafe self.alarms.beginCopy(to: base + places[2])
        unsafe self.details.beginCopy(to: base + places[3])
        unsafe self.sources.beginCopy(to: base + places[4])
        unsafe self.conditions.beginCopy(to: memoryBase)
        self.image = image
    }

    /// Whether a checkpoint was begun and not handed out yet.
    package var isCopyingCheckpoint: Bool { self.image != nil }

    /// Copies on, about `bytes` at most; the checkpoint when it is whole.
    package mutating func continueCheckpoint(bytes: Int) -> CheckpointImage? {
        guard let image = self.image, self.copyOn(bytes) else { return nil }
        self.image = nil
        return image
    }

    /// Copies on; returns whether all is there.
    @discardableResult
    mutating func copyOn(_ bytes: Int) -> Bool {
        guard let image = self.image else { return true }
        var left = bytes
        left -= self.sensors.copyOn(left)
        if left > 0 { left -= self.sensorDetails.copyOn(left) }
        if left > 0 { left -= self.alarms.copyOn(left) }
        if left > 0 { left -= self.details.copyOn(left) }
        if left > 0 { left -= self.sources.copyOn(left) }
        if left > 0 { left -= self.conditions.copyOn(left) }
        guard left > 0 else { return false }
        let from = image.pathBytesCopied
        let count = min(left, image.pathBytes - from)
        unsafe self.names.copy(
            from..<from + count, ofFirst: image.pathCount,
            to: UnsafeMutableRawBufferPointer(
                rebasing: image.memory[
                    image.pathsOffset + from..<image.pathsOffset + from + count]))
        image.pathBytesCopied += count
        return count < left
    }

    /// Gives a checkpoint up that is being copied.
    mutating func abandonCopy() {
        guard self.image != nil else { return }
        self.sensors.endCopy()
        self.sensorDetails.endCopy()
        self.alarms.endCopy()
        self.details.endCopy()
        self.sources.endCopy()
        self.conditions.endCopy()
        self.image = nil
    }
}
