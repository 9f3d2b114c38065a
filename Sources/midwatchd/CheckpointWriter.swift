// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import Journal
import Logging
import MidwatchModel
import Synchronization

/// Keeps pictures of the engine's state on disk, so that a start reads seconds of journal, not days.
///
/// A picture is written only when the journal is durable up to its position: a state that rests on
/// records a crash took would be a state that never was. The ledger must hold every decision up to
/// it as well: a start makes the decisions behind the checkpoint again, never those before it.
/// Files are replaced by rename; the last `keptCount` are kept, so a damaged one falls back to the
/// one before it or to the journal. Each names its journal: indexes mean nothing in another one.
final class CheckpointWriter: Sendable {
    static let keptCount = 3
    static let intervalNanoseconds: UInt64 = 30_000_000_000
    private static let magic: [UInt8] = Array("MWCHECK2".utf8)
    /// Magic, checksum, journal.
    private static let headerBytes = 8 + 4 + 36

    private struct Pending {
        var bytes: [UInt8]
        var position: Position
        /// Decisions with a smaller sequence must be settled first.
        var effects: UInt64
    }

    private struct State {
        var pending: Pending?
        var lastSubmit = MonotonicInstant.zero
        var isFirst = true
    }

    private let folder: String
    private let journal: JournalID
    private let gate: EffectGate
    private let watermark: DurableWatermark
    private let logger: Logger
    private let state = Mutex(State())
    private let clock: EngineClock

    init(
        folder: String, journal: JournalID, gate: EffectGate, watermark: DurableWatermark,
        clock: EngineClock, logger: Logger
    ) {
        self.folder = folder
        self.journal = journal
        self.gate = gate
        self.watermark = watermark
        self.clock = clock
        self.logger = logger
    }

    /// Whether the engine should make a picture.
    ///
    /// Engine thread; cheap.
    func isDue(_ now: MonotonicInstant) -> Bool {
        self.state.withLock { state in
            guard state.pending == nil else { return false }
            if state.isFirst {
                state.isFirst = false
                state.lastSubmit = now
                return false
            }
            return now.nanosecondsSince(state.lastSubmit) >= Self.intervalNanoseconds
        }
    }

    /// Hands a picture over; every decision up to `position` is queued in the gate.
    ///
    /// Engine thread.
    func submit(_ bytes: [UInt8], position: Position) {
        let now = self.clock.now()
        let pending = Pending(bytes: bytes, position: position, effects: self.gate.nextSequence)
        self.state.withLock { state in
            state.pending = pending
            state.lastSubmit = now
        }
    }

    /// Writes the waiting picture if its position is durable and its decisions are settled.
    ///
    /// Housekeeping thread.
    func writeIfReady() {
        let settled = self.gate.settledThrough
        let ready = self.state.withLock { state -> Pending? in
            guard let pending = state.pending, self.watermark.through > pending.position.n,
                settled >= pending.effects
            else { return nil }
            state.pending = nil
            return pending
        }
        guard let ready else { return }
        do {
            try self.write(ready.bytes, position: ready.position)
        } catch {
            self.logger.error("checkpoint not written", metadata: ["error": "\(error)"])
        }
    }

    // MARK: Files

    /// A checkpoint that was read: whose journal it is of, and the engine's state.
    struct Loaded {
        var name: String
        var journal: JournalID?
        var body: [UInt8]
    }

    /// Checkpoints of a folder, newest first, whose checksum is right.
    static func load(folder: String) -> [Loaded] {
        self.names(folder).reversed().compactMap { name in
            guard let bytes = FileBytes.read("\(folder)/\(name)"), self.isWhole(bytes) else {
                self.setAside(name, folder: folder)
                return nil
            }
            return Loaded(
                name: name,
                journal: JournalID(
                    String(decoding: bytes[12..<self.headerBytes], as: UTF8.self)),
                body: Array(bytes[self.headerBytes...]))
        }
    }

    private static func isWhole(_ bytes: [UInt8]) -> Bool {
        guard bytes.count > self.headerBytes, Array(bytes[0..<8]) == self.magic else {
            return false
        }
        let stored = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[8 + $1]) << UInt32(8 * $1) }
        return self.checksum(Array(bytes[12...])) == stored
    }

    /// Takes a checkpoint that does not fit out of the row, so that it does not count as a newer
    /// one than those to come; the last `keptCount` of these stay for whoever looks into it.
    static func setAside(_ name: String, folder: String) {
        unsafe rename("\(folder)/\(name)", "\(folder)/\(name).aside")
        let aside = FileBytes.list(folder).filter { $0.hasSuffix(".aside") }.sorted()
        for old in aside.dropLast(self.keptCount) { unsafe unlink("\(folder)/\(old)") }
    }

    private func write(_ body: [UInt8], position: Position) throws {
        var bytes = Self.magic
        let sealed = Array(self.journal.description.utf8) + body
        let checksum = Self.checksum(sealed)
        for shift in stride(from: UInt32(0), to: 32, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: checksum >> shift))
        }
        bytes += sealed
        let digits = String(position.n)
        let name =
            String(repeating: "0", count: 20 - digits.count) + digits + ".checkpoint"
        try FileBytes.replace("\(self.folder)/\(name)", with: bytes)
        for old in Self.names(self.folder).dropLast(Self.keptCount) {
            unsafe unlink("\(self.folder)/\(old)")
        }
    }

    private static func names(_ folder: String) -> [String] {
        FileBytes.list(folder).filter { $0.hasSuffix(".checkpoint") }.sorted()
    }

    private static func checksum(_ bytes: [UInt8]) -> UInt32 {
        unsafe bytes.withUnsafeBytes { unsafe clinux_crc32c(0, $0.baseAddress, $0.count) }
    }
}
