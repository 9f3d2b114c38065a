// SPDX-License-Identifier: Apache-2.0

import Journal
import Logging
import MidwatchModel
import ReadingRing
import Synchronization
import Vitals

/// What must be done again and again: clock anchors, vitals, checkpoints, spare segments, retention.
///
/// Every tenth of a second the vitals page, every second the rest. What touches the disk has a
/// thread of its own: a disk that hangs stops neither the clock anchors nor the canary nor the
/// alerts that are offered again. Nothing on the alarm path waits for either thread.
final class Housekeeper: Sendable {
    private static let intervalNanoseconds: UInt64 = 100_000_000
    /// Turns for which the phase says *suspended* after a suspend: every stage beats again first.
    private static let suspendedTurns = 20
    /// A wall clock that moved by more than this against engine time was set.
    private static let stepMinNanoseconds: Int64 = 50_000_000

    struct Parts: Sendable {
        var ring: ReadingRing
        var clock: EngineClock
        var live: LiveState
        var watermark: DurableWatermark
        var vitals: VitalsPage
        var staging: JournalStaging
        var supply: SegmentSupply
        var checkpoints: CheckpointWriter
        var standstills: Standstills
        var journalMode: @Sendable () -> JournalMode
        /// Called every turn, for what the watchdog sees; it must wait for nobody.
        var everyTurn: @Sendable () -> Void
        /// Called every second for figures; it must not touch a disk.
        var everySecond: @Sendable () -> Void
        /// Called every second on the disk's thread: retention.
        var everySecondOnDisk: @Sendable () -> Void
    }

    private let parts: Parts
    private let logger: Logger
    private let stop = StopFlag()
    private let pause = WakeWord()
    private let diskPause = WakeWord()
    private let worstStep = Atomic<UInt64>(0)

    init(_ parts: Parts, logger: Logger) {
        self.parts = parts
        self.logger = logger
    }

    /// The largest step of the wall clock since the last call, in nanoseconds.
    ///
    /// Any thread, one at a time.
    func takeWorstStep() -> UInt64 { self.worstStep.exchange(0, ordering: .relaxed) }

    func start() -> [LoopThread] {
        [
            LoopThread("housekeeper") { self.run() },
            LoopThread("disk-keeper") { self.runDisk() },
        ]
    }

    func requestStop() {
        self.stop.set()
        self.pause.wake()
        self.diskPause.wake()
    }

    private func run() {
        var turn = 0
        var lastOffset: Int64?
        var canary = Canary()
        var standstill = Standstill()
        while !self.stop.isSet {
            self.judgeStandstill(&standstill)
            self.parts.everyTurn()
            self.reflectCanary(&canary)
            self.reflectPhase()
            if turn % 10 == 0 {
                self.anchor(&lastOffset)
                self.parts.everySecond()
            }
            turn += 1
            self.pause.sleep(nanoseconds: Self.intervalNanoseconds)
        }
    }

    private func runDisk() {
        while !self.stop.isSet {
            self.parts.checkpoints.writeIfReady()
            self.prepareSegment()
            self.parts.everySecondOnDisk()
            self.diskPause.sleep(nanoseconds: 1_000_000_000)
        }
        self.parts.checkpoints.writeIfReady()
    }

    /// What is known about standing still.
    private struct Standstill {
        var judge = StandstillJudge()
        /// Turns left in which the phase says *suspended*.
        var turnsLeft = 0
    }

    /// Says that the machine was suspended or the process got no time.
    ///
    /// The lag itself is recorded by the engine's loop, before its next tick. The watchdog gives
    /// every stage its full deadline again after the phase *suspended*; of a process that was only
    /// stopped it judges for itself.
    private func judgeStandstill(_ standstill: inout Standstill) {
        let verdict = standstill.judge.turn(
            boot: self.parts.clock.now().nanoseconds, running: EngineClock.running())
        self.parts.standstills.note(verdict, at: self.parts.clock.now())
        switch verdict {
        case .none:
            guard standstill.turnsLeft > 0 else { return }
            standstill.turnsLeft -= 1
            if standstill.turnsLeft == 0, self.parts.vitals.phase == .suspended {
                self.parts.vitals.phase = .running
            }
        case .suspended(let nanoseconds):
            self.logger.warning(
                "the machine was suspended", metadata: ["standstill.nanoseconds": "\(nanoseconds)"]
            )
            guard self.parts.vitals.phase == .running else { return }
            self.parts.vitals.phase = .suspended
            standstill.turnsLeft = Self.suspendedTurns
        case .stopped(let nanoseconds):
            self.logger.warning(
                "the process stood still", metadata: ["standstill.nanoseconds": "\(nanoseconds)"])
        }
    }

    /// The relation of the two clocks goes into the journal; a step of the wall clock is said.
    private func anchor(_ lastOffset: inout Int64?) {
        let (engine, wall) = self.parts.clock.anchor()
        let offset = wall.nanoseconds &- Int64(bitPattern: engine.nanoseconds)
        if let before = lastOffset, abs(offset &- before) > Self.stepMinNanoseconds {
            var step = Slot(kind: .clockStep, arrival: engine)
            step.valueBits = UInt64(bitPattern: offset &- before)
            step.sourceTime = wall.nanoseconds
            // No place now: the step is said with the next anchor.
            guard self.parts.ring.offer(step, criticality: .own) != .ringFull else { return }
            self.worstStep.max((offset &- before).magnitude, ordering: .relaxed)
            self.logger.warning(
                "the wall clock was set",
                metadata: ["clock.step.nanoseconds": "\(offset &- before)"])
        }
        lastOffset = offset
        var slot = Slot(kind: .clockAnchor, arrival: engine)
        slot.sourceTime = wall.nanoseconds
        _ = self.parts.ring.offer(slot, criticality: .own)
    }

    /// The canary that was evaluated last.
    private struct Canary {
        var nonce: UInt64?
        /// It is in the journal when the watermark has reached this number.
        var n: UInt64 = 0
        /// Readings that the journal had skipped when the canary before it, and it, were seen.
        var unrecordedBefore: UInt64 = 0
        var unrecorded: UInt64 = 0
    }

    /// Shows the watchdog which canary was evaluated and which is in the journal.
    ///
    /// The watermark passes readings that staging skipped as well; while any were skipped since the
    /// canary before, this one is not said to be in the journal.
    private func reflectCanary(_ canary: inout Canary) {
        let nonce = self.parts.live.canaryNonce
        self.parts.vitals.evaluatedNonce = nonce
        if canary.nonce != nonce {
            canary.nonce = nonce
            canary.n = self.parts.ring.position(of: .engine)
            canary.unrecordedBefore = canary.unrecorded
            canary.unrecorded = self.parts.staging.status.unrecordedTotal
        }
        if self.parts.watermark.through >= canary.n, canary.unrecorded == canary.unrecordedBefore {
            self.parts.vitals.journaledNonce = nonce
        }
    }

    private func reflectPhase() {
        let isFailed = self.parts.journalMode() == .storageFailed
        switch self.parts.vitals.phase {
        case .running: if isFailed { self.parts.vitals.phase = .storageFailed }
        case .storageFailed: if !isFailed { self.parts.vitals.phase = .running }
        case .starting, .recovering, .suspended, .stopping: break
        }
    }

    private func prepareSegment() {
        do {
            try self.parts.supply.prepareIfNeeded()
        } catch {
            self.logger.error("no spare journal segment", metadata: ["error": "\(error)"])
        }
    }
}
