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
/// records a crash took would be a state that never was. Files are replaced by rename; the last
/// `keptCount` are kept, so a damaged one falls back to the one before it or to the journal.
final class CheckpointWriter: Sendable {
    static let keptCount = 3
    static let intervalNanoseconds: UInt64 = 30_000_000_000
    private static let magic: [UInt8] = Array("MWCHECK1".utf8)

    private struct State {
        var pending: (bytes: [UInt8], position: Position)?
        var lastSubmit = MonotonicInstant.zero
        var isFirst = true
    }

    private let folder: String
    private let watermark: DurableWatermark
    private let logger: Logger
    private let state = Mutex(State())
    private let clock: EngineClock

    init(folder: String, watermark: DurableWatermark, clock: EngineClock, logger: Logger) {
        self.folder = folder
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

    /// Hands a picture over.
    ///
    /// Engine thread.
    func submit(_ bytes: [UInt8], position: Position) {
        let now = self.clock.now()
        self.state.withLock { state in
            state.pending = (bytes, position)
            state.lastSubmit = now
        }
    }

    /// Writes the waiting picture if its position is durable.
    ///
    /// Housekeeping thread.
    func writeIfReady() {
        let ready = self.state.withLock { state -> (bytes: [UInt8], position: Position)? in
            guard let pending = state.pending, self.watermark.through > pending.position.n else {
                return nil
            }
            state.pending = nil
            return pending
        }
        guard let ready else { return }
        do {
            try Self.write(ready.bytes, position: ready.position, folder: self.folder)
        } catch {
            self.logger.error("checkpoint not written", metadata: ["error": "\(error)"])
        }
    }

    // MARK: Files

    /// Checkpoints of a folder, newest first, whose checksum is right.
    static func load(folder: String) -> [[UInt8]] {
        self.names(folder).reversed().compactMap { name in
            guard let bytes = FileBytes.read("\(folder)/\(name)"), bytes.count > 12,
                Array(bytes[0..<8]) == self.magic
            else { return nil }
            let body = Array(bytes[12...])
            let stored = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[8 + $1]) << UInt32(8 * $1) }
            return self.checksum(body) == stored ? body : nil
        }
    }

    private static func write(_ body: [UInt8], position: Position, folder: String) throws {
        var bytes = self.magic
        let checksum = self.checksum(body)
        for shift in stride(from: UInt32(0), to: 32, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: checksum >> shift))
        }
        bytes += body
        let digits = String(position.n)
        let name =
            String(repeating: "0", count: 20 - digits.count) + digits + ".checkpoint"
        try FileBytes.replace("\(folder)/\(name)", with: bytes)
        for old in self.names(folder).dropLast(self.keptCount) { unsafe unlink("\(folder)/\(old)") }
    }

    private static func names(_ folder: String) -> [String] {
        FileBytes.list(folder).filter { $0.hasSuffix(".checkpoint") }.sorted()
    }

    private static func checksum(_ bytes: [UInt8]) -> UInt32 {
        unsafe bytes.withUnsafeBytes { unsafe clinux_crc32c(0, $0.baseAddress, $0.count) }
    }
}
