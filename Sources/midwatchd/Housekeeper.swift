// SPDX-License-Identifier: Apache-2.0

import Journal
import Logging
import MidwatchModel
import ReadingRing
import Synchronization
import Vitals

/// What must be done again and again: clock anchors, vitals, checkpoints, spare segments, retention.
///
/// Every tenth of a second the vitals page, every second the rest. Nothing on the alarm path waits
/// for this thread.
final class Housekeeper: Sendable {
    private static let intervalNanoseconds: UInt64 = 100_000_000
    /// A wall clock that moved by more than this against engine time was set.
    private static let stepMinNanoseconds: Int64 = 50_000_000

    struct Parts: Sendable {
        var ring: ReadingRing
        var clock: EngineClock
        var live: LiveState
        var watermark: DurableWatermark
        var vitals: VitalsPage
        var supply: SegmentSupply
        var checkpoints: CheckpointWriter
        var journalMode: @Sendable () -> JournalMode
        /// Called every second on this thread: figures, retention.
        var everySecond: @Sendable () -> Void
    }

    private let parts: Parts
    private let logger: Logger
    private let stop = StopFlag()
    private let pause = WakeWord()

    init(_ parts: Parts, logger: Logger) {
        self.parts = parts
        self.logger = logger
    }

    func start() -> LoopThread { LoopThread("housekeeper") { self.run() } }

    func requestStop() {
        self.stop.set()
        self.pause.wake()
    }

    private func run() {
        var turn = 0
        var lastOffset: Int64?
        var canaryHead: (nonce: UInt64, n: UInt64)?
        while !self.stop.isSet {
            self.reflectCanary(&canaryHead)
            self.reflectPhase()
            if turn % 10 == 0 {
                self.anchor(&lastOffset)
                self.parts.checkpoints.writeIfReady()
                self.prepareSegment()
                self.parts.everySecond()
            }
            turn += 1
            self.pause.sleep(nanoseconds: Self.intervalNanoseconds)
        }
        self.parts.checkpoints.writeIfReady()
    }

    /// The relation of the two clocks goes into the journal; a step of the wall clock is said.
    private func anchor(_ lastOffset: inout Int64?) {
        let (engine, wall) = self.parts.clock.anchor()
        let offset = wall.nanoseconds &- Int64(bitPattern: engine.nanoseconds)
        if let before = lastOffset, abs(offset &- before) > Self.stepMinNanoseconds {
            var step = Slot(kind: .clockStep, arrival: engine)
            step.valueBits = UInt64(bitPattern: offset &- before)
            step.sourceTime = wall.nanoseconds
            _ = self.parts.ring.offer(step, criticality: .own)
            self.logger.warning(
                "the wall clock was set",
                metadata: ["clock.step.nanoseconds": "\(offset &- before)"])
        }
        lastOffset = offset
        var slot = Slot(kind: .clockAnchor, arrival: engine)
        slot.sourceTime = wall.nanoseconds
        _ = self.parts.ring.offer(slot, criticality: .own)
    }

    /// Shows the watchdog which canary was evaluated and which is in the journal.
    private func reflectCanary(_ seen: inout (nonce: UInt64, n: UInt64)?) {
        let nonce = self.parts.live.canaryNonce
        self.parts.vitals.evaluatedNonce = nonce
        if seen?.nonce != nonce { seen = (nonce, self.parts.ring.position(of: .engine)) }
        if let seen, self.parts.watermark.through >= seen.n {
            self.parts.vitals.journaledNonce = seen.nonce
        }
    }

    private func reflectPhase() {
        let isFailed = self.parts.journalMode() == .storageFailed
        switch self.parts.vitals.phase {
        case .running: if isFailed { self.parts.vitals.phase = .storageFailed }
        case .storageFailed: if !isFailed { self.parts.vitals.phase = .running }
        case .starting, .recovering, .suspended, .stopping: break
        }
        self.parts.vitals.set(.durable, self.parts.watermark.through)
    }

    private func prepareSegment() {
        do {
            try self.parts.supply.prepareIfNeeded()
        } catch {
            self.logger.error("no spare journal segment", metadata: ["error": "\(error)"])
        }
    }
}
