// SPDX-License-Identifier: Apache-2.0

import Journal
import MidwatchModel
import Synchronization

/// Numbers from a seed: the same seed makes the same world.
struct SeededNumbers: RandomNumberGenerator {
    private var numbers: SplitMix64

    init(seed: UInt64) {
        self.numbers = SplitMix64(seed: seed &* 0x9E37_79B9_7F4A_7C15 &+ 0x1234_5678_9ABC_DEF1)
    }

    mutating func next() -> UInt64 { self.numbers.next() }

    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }
}

/// A disk in memory that behaves as badly as real ones may.
///
/// What was written and not synced is there until `losePower`, which keeps a random part of it,
/// sector by sector. Names are durable when their folder was synced; without it a random number of
/// the latest changes is lost. A sync that fails drops what it should have written, and the next
/// one reports success, as Linux does.
final class SimulatedDisk: JournalDisk {
    static let sectorBytes = 512

    final class Inode {
        var live: [UInt8] = []
        var durable: [UInt8] = []
        var unsynced: [(offset: Int, bytes: [UInt8])] = []
        var isLocked = false
    }

    private enum NameChange {
        case link(String, Inode)
        case unlink(String)
        case rename(String, String)
    }

    private struct State {
        var names: [String: Inode] = [:]
        var durableNames: [String: Inode] = [:]
        var nameChanges: [NameChange] = []
        var folders: Set<String> = []
        var numbers: SeededNumbers
        var capacity = Int.max
        var writesUntilFailure: Int?
        var syncsUntilFailure: Int?
        var failuresLeft = 0
        var generation = 0
        var random: UInt8 = 0
    }

    struct Counts { var syncs = 0, writes = 0 }

    private nonisolated(unsafe) var state: State
    private let guardLock = Mutex(())
    private nonisolated(unsafe) var counts = Counts()

    init(seed: UInt64) { unsafe self.state = State(numbers: SeededNumbers(seed: seed)) }

    private func locked<Result>(
        _ body: (inout State) throws(DiskError) -> Result
    ) throws(DiskError) -> Result {
        var result: Swift.Result<Result, DiskError>?
        self.guardLock.withLock { _ in
            do throws(DiskError) {
                result = .success(unsafe try body(&self.state))
            } catch {
                result = .failure(error)
            }
        }
        guard let result else { preconditionFailure("no result") }
        return try result.get()
    }

    private func changed(_ body: (inout State) -> Void) {
        self.guardLock.withLock { _ in unsafe body(&self.state) }
    }

    // MARK: Faults

    /// The `count`-th sync from now fails, and `failures - 1` more behind it.
    func failSync(after count: Int, failures: Int = 1) {
        self.changed {
            $0.syncsUntilFailure = count; $0.failuresLeft = failures
        }
    }

    /// The `count`-th write from now fails, and `failures - 1` more behind it.
    func failWrite(after count: Int, failures: Int = 1) {
        self.changed {
            $0.writesUntilFailure = count; $0.failuresLeft = failures
        }
    }

    func healthy() {
        self.changed {
            $0.syncsUntilFailure = nil
            $0.writesUntilFailure = nil
            $0.failuresLeft = 0
            $0.capacity = Int.max
        }
    }

    func limit(toFurtherBytes bytes: Int) {
        self.changed { $0.capacity = Self.used($0) + bytes }
    }

    /// The process dies; the page cache survives.
    func kill() {
        self.changed { state in
            state.generation += 1
            for inode in state.names.values { inode.isLocked = false }
        }
    }

    /// The machine loses power.
    func losePower() {
        self.kill()
        self.changed { state in
            let keptChanges = Int.random(in: 0...state.nameChanges.count, using: &state.numbers)
            for change in state.nameChanges[..<keptChanges] {
                Self.apply(change, to: &state.durableNames)
            }
            state.nameChanges = []
            let inodes = state.names.values.map { $0 } + state.durableNames.values.map { $0 }
            for inode in inodes {
                for (offset, bytes) in inode.unsynced {
                    Self.tear(bytes, at: offset, into: inode, &state.numbers)
                }
                inode.unsynced = []
                inode.live = inode.durable
            }
            state.names = state.durableNames
        }
    }

    /// Flips one bit of a file for good.
    func rot(_ path: String, byte: Int, mask: UInt8 = 1) {
        self.changed { state in
            guard let inode = state.names[path] else { return }
            inode.live[byte] ^= mask
            if byte < inode.durable.count { inode.durable[byte] ^= mask }
        }
    }

    func contents(_ path: String) -> [UInt8] {
        self.guardLock.withLock { _ in unsafe self.state.names[path]?.live ?? [] }
    }

    func replace(_ path: String, with bytes: [UInt8]?) {
        self.changed { state in
            if let bytes {
                state.names[path]?.live = bytes
                state.names[path]?.durable = bytes
            } else {
                state.names[path] = nil
                state.durableNames[path] = nil
            }
        }
    }

    private static func tear(
        _ bytes: [UInt8], at offset: Int, into inode: Inode, _ numbers: inout SeededNumbers
    ) {
        let mode = Int.random(in: 0..<3, using: &numbers)
        var start = 0
        while start < bytes.count {
            let end = min(
                bytes.count,
                (offset + start) / self.sectorBytes * self.sectorBytes + self.sectorBytes - offset)
            // All of it, none of it, or each sector by itself.
            if mode == 0 || mode == 1 && numbers.chance(50) {
                Self.put(Array(bytes[start..<end]), at: offset + start, into: &inode.durable)
            }
            start = end
        }
    }

    private static func put(_ bytes: [UInt8], at offset: Int, into target: inout [UInt8]) {
        let end = offset + bytes.count
        if target.count < end {
            target.append(contentsOf: [UInt8](repeating: 0, count: end - target.count))
        }
        target.replaceSubrange(offset..<end, with: bytes)
    }

    private static func used(_ state: State) -> Int {
        state.names.values.reduce(0) { $0 + $1.live.count }
    }

    private static func apply(_ change: NameChange, to names: inout [String: Inode]) {
        switch change {
        case .link(let path, let inode): names[path] = inode
        case .unlink(let path): names[path] = nil
        case .rename(let source, let target):
            guard let inode = names.removeValue(forKey: source) else { return }
            names[target] = inode
        }
    }

    private static func change(_ change: NameChange, _ state: inout State) {
        self.apply(change, to: &state.names)
        state.nameChanges.append(change)
    }

    // MARK: JournalDisk

    func makeFolder(_ path: String) throws(DiskError) {
        self.changed { $0.folders.insert(path) }
    }

    func list(_ folder: String) throws(DiskError) -> [String] {
        try self.locked { state throws(DiskError) in
            guard state.folders.contains(folder) else {
                throw DiskError(.list, code: 2, path: folder)
            }
            return state.names.keys.filter { $0.hasPrefix(folder + "/") }
                .map { String($0.dropFirst(folder.count + 1)) }.filter { !$0.contains("/") }
        }
    }

    func open(_ path: String, _ mode: DiskOpenMode) throws(DiskError) -> any DiskFile {
        try self.locked { state throws(DiskError) in
            if let inode = state.names[path] {
                if case .createNew = mode { throw DiskError(.open, code: 17, path: path) }
                return File(disk: self, inode: inode, path: path, generation: state.generation)
            }
            switch mode {
            case .read, .update: throw DiskError(.open, code: 2, path: path)
            case .create, .createNew: break
            }
            let inode = Inode()
            Self.change(.link(path, inode), &state)
            return File(disk: self, inode: inode, path: path, generation: state.generation)
        }
    }

    func rename(_ source: String, to target: String) throws(DiskError) {
        try self.locked { state throws(DiskError) in
            guard state.names[source] != nil else {
                throw DiskError(.rename, code: 2, path: source)
            }
            Self.change(.rename(source, target), &state)
        }
    }

    func remove(_ path: String) throws(DiskError) {
        try self.locked { state throws(DiskError) in
            guard state.names[path] != nil else { throw DiskError(.remove, code: 2, path: path) }
            Self.change(.unlink(path), &state)
        }
    }

    func syncFolder(_ path: String) throws(DiskError) {
        try self.locked { state throws(DiskError) in
            for change in state.nameChanges { Self.apply(change, to: &state.durableNames) }
            state.nameChanges = []
        }
    }

    func space(_ folder: String) throws(DiskError) -> DiskSpace {
        try self.locked { state throws(DiskError) in
            let used = Self.used(state)
            let capacity = min(state.capacity, 1 << 40)
            return DiskSpace(
                capacity: UInt64(capacity), available: UInt64(max(0, capacity - used)))
        }
    }

    func randomBytes() throws(DiskError) -> [16 of UInt8] {
        try self.locked { state throws(DiskError) in
            var bytes: [16 of UInt8] = .init(repeating: 0)
            for index in 0..<16 {
                bytes[index] = UInt8(truncatingIfNeeded: state.numbers.next())
            }
            return bytes
        }
    }

    // MARK: DiskFile

    final class File: DiskFile {
        private let disk: SimulatedDisk
        private nonisolated(unsafe) let inode: Inode
        private let path: String
        private let generation: Int

        init(disk: SimulatedDisk, inode: Inode, path: String, generation: Int) {
            self.disk = disk
            unsafe self.inode = inode
            self.path = path
            self.generation = generation
        }

        func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(DiskError)
            -> Int
        {
            try self.disk.locked { _ throws(DiskError) in
                let live = unsafe self.inode.live
                guard Int(offset) < live.count else { return 0 }
                let count = min(buffer.count, live.count - Int(offset))
                unsafe live.withUnsafeBytes { bytes in
                    unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]).copyMemory(
                        from: UnsafeRawBufferPointer(
                            rebasing: bytes[Int(offset)..<(Int(offset) + count)]))
                }
                return count
            }
        }

        func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(DiskError) {
            try self.disk.locked { state throws(DiskError) in
                try self.checkAlive(state, .write)
                let copy = unsafe Array(bytes)
                if Self.isDue(&state.writesUntilFailure, &state.failuresLeft) {
                    // A failed write may have written a part.
                    let part = Array(
                        copy[..<Int.random(in: 0...copy.count, using: &state.numbers)])
                    self.keep(part, Int(offset))
                    throw DiskError(.write, code: 5, path: self.path)
                }
                let growth = unsafe max(0, Int(offset) + copy.count - self.inode.live.count)
                if growth > 0, SimulatedDisk.used(state) + growth > state.capacity {
                    throw DiskError(.write, code: 28, path: self.path)
                }
                self.keep(copy, Int(offset))
            }
        }

        func sync() throws(DiskError) {
            try self.disk.locked { state throws(DiskError) in
                try self.checkAlive(state, .sync)
                if Self.isDue(&state.syncsUntilFailure, &state.failuresLeft) {
                    // The kernel gives up the pages and says so once.
                    unsafe self.inode.unsynced = []
                    throw DiskError(.sync, code: 5, path: self.path)
                }
                for (offset, bytes) in unsafe self.inode.unsynced {
                    unsafe SimulatedDisk.put(bytes, at: offset, into: &self.inode.durable)
                }
                unsafe self.inode.unsynced = []
            }
        }

        func size() throws(DiskError) -> UInt64 {
            try self.disk.locked { _ throws(DiskError) in unsafe UInt64(self.inode.live.count) }
        }

        func fillWithZeros(bytes: UInt64) throws(DiskError) {
            try self.write([UInt8](repeating: 0, count: Int(bytes)), at: 0)
            try self.sync()
        }

        func lock() throws(DiskError) -> Bool {
            try self.disk.locked { _ throws(DiskError) in
                if unsafe self.inode.isLocked { return false }
                unsafe self.inode.isLocked = true
                return true
            }
        }

        private func write(_ bytes: [UInt8], at offset: UInt64) throws(DiskError) {
            var failure: DiskError?
            unsafe bytes.withUnsafeBytes { buffer in
                do throws(DiskError) {
                    unsafe try self.write(buffer, at: offset)
                } catch {
                    failure = error
                }
            }
            if let failure { throw failure }
        }

        private func keep(_ bytes: [UInt8], _ offset: Int) {
            unsafe SimulatedDisk.put(bytes, at: offset, into: &self.inode.live)
            unsafe self.inode.unsynced.append((offset, bytes))
        }

        private func checkAlive(_ state: State, _ operation: DiskError.Operation) throws(DiskError)
        {
            guard state.generation == self.generation else {
                throw DiskError(operation, code: 9, path: self.path)
            }
        }

        private static func isDue(_ countdown: inout Int?, _ failuresLeft: inout Int) -> Bool {
            guard let left = countdown, failuresLeft > 0 else { return false }
            if left > 1 {
                countdown = left - 1
                return false
            }
            failuresLeft -= 1
            return true
        }
    }
}
