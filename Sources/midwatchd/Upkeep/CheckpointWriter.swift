// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import Logging
import MidwatchModel
import StateFolder
import Synchronization

/// Keeps pictures of the engine's state on disk, so that a start reads seconds of journal, not days.
///
/// A picture is written only when the journal is durable up to its position: a state that rests on
/// records a crash took would be a state that never was. The ledger must hold every decision up to
/// it as well: a start makes the decisions behind the checkpoint again, never those before it. The
/// files are `CheckpointFile`'s.
final class CheckpointWriter: Sendable {
    static let intervalNanoseconds: UInt64 = 30_000_000_000
    private struct Pending {
        /// Makes the bytes: not on the engine's thread, if there are many.
        var bytes: @Sendable () -> [UInt8]
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
    func submit(_ bytes: [UInt8], position: Position) { self.submit({ bytes }, position) }

    /// The same for a picture that was copied piece by piece.
    func submit(_ image: CheckpointImage) { self.submit({ image.bytes }, image.position) }

    private func submit(_ bytes: @escaping @Sendable () -> [UInt8], _ position: Position) {
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
            try CheckpointFile.write(
                ready.bytes(), position: ready.position, journal: self.journal, folder: self.folder)
        } catch {
            self.logger.error("checkpoint not written", metadata: ["error": "\(error)"])
        }
    }
}
