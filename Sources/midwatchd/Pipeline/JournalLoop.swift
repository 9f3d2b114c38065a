// SPDX-License-Identifier: Apache-2.0

import Journal
import Logging
import MidwatchModel
import ReadingRing
import Synchronization

/// The journal's end of the ring: slots into staging, staging onto the disk.
///
/// The journal thread does both, one after the other. While it hangs in a write or a sync, the
/// stall guard drains the ring in its place: the drain is one locked step that either thread takes,
/// so a disk that hangs fills staging, not the ring.
final class JournalLoop: Sendable {
    private struct Drain: ~Copyable, Sendable {
        var reader: RingReader
        /// A batch was refused: no slot may be lost, and staging has no room for it.
        var isHeldBack = false
        /// Gaps that found no place in the ring yet.
        var gaps: [Range<UInt64>] = []
        /// Readings that await an acknowledgement are not taken: staging fills.
        var isHoldingAcknowledged = false
        /// When what is staged arrived.
        var marks = LatencyMarks(capacity: JournalLoop.markCountMax)
    }

    /// Batches whose way to the disk is timed apart.
    private static let markCountMax = 4_096

    private let ring: ReadingRing
    private let staging: JournalStaging
    private let committer: JournalCommitter
    private let watermark: DurableWatermark
    private let clock: EngineClock
    private let progress: StageProgress
    private let syncIntervalNanoseconds: UInt64
    private let path: @Sendable (SensorIndex) -> String
    private let durable: @Sendable (_ readingCount: UInt64, _ through: UInt64) -> Void
    private let drain: Mutex<Drain>
    private let latency: LatencyHistogram
    private let archiving: ArchiveLatency
    private let logger: Logger
    private let stop = StopFlag()
    private let modeWord = Atomic<UInt8>(0)
    private let committed = Atomic<UInt64>(0)
    private let committedReadings = Atomic<UInt64>(0)
    /// Commits begun and commits ended: odd while one is under way.
    private let commitTurns = Atomic<UInt64>(0)
    private let pause = WakeWord()

    /// `path` names a sensor for the log; `durable` learns, after each sync, how many readings the
    /// run has on the disk and up to which number.
    init(
        ring: ReadingRing, staging: JournalStaging, committer: JournalCommitter,
        watermark: DurableWatermark, clock: EngineClock, progress: StageProgress,
        syncIntervalNanoseconds: UInt64, latency: LatencyHistogram, archiving: ArchiveLatency,
        logger: Logger, path: @escaping @Sendable (SensorIndex) -> String,
        durable: @escaping @Sendable (_ readingCount: UInt64, _ through: UInt64) -> Void
    ) {
        self.ring = ring
        self.staging = staging
        self.committer = committer
        committer.progress = progress
        self.watermark = watermark
        self.clock = clock
        self.progress = progress
        self.syncIntervalNanoseconds = syncIntervalNanoseconds
        self.path = path
        self.durable = durable
        self.drain = Mutex(Drain(reader: ring.reader(.journal)))
        self.latency = latency
        self.archiving = archiving
        self.logger = logger
    }

    /// Whether the journal can make records durable.
    var mode: JournalMode {
        switch self.modeWord.load(ordering: .relaxed) {
        case 0: .normal
        case 1: .diskFull
        default: .storageFailed
        }
    }

    /// Records made durable since the start.
    var committedCount: UInt64 { self.committed.load(ordering: .relaxed) }

    /// Starts the thread and its guard.
    func start() -> [LoopThread] {
        [
            LoopThread("journal") { self.run() },
            LoopThread("journal-guard") { self.guardStalls() },
        ]
    }

    /// Ends both threads after everything in the ring is on the disk, or cannot be.
    func requestStop() {
        self.stop.set()
        self.ring.wake(.journal)
    }

    private func run() {
        while true {
            self.progress.beat()
            let isStopping = self.stop.isSet
            _ = self.drainRing()
            self.progress.setBacklog(UInt64(self.staging.status.stagedCount))
            let now = self.clock.now()
            let status = self.staging.status
            if status.stagedCount > 0, isStopping || self.isDue(status, now: now) {
                self.commit(now: now)
                if self.mode == .normal { continue }
            }
            if isStopping {
                if self.ring.position(of: .journal) == self.ring.head || self.mode != .normal {
                    return
                }
                continue
            }
            self.park(status, now: now)
        }
    }

    private func isDue(_ status: StagingStatus, now: MonotonicInstant) -> Bool {
        guard let oldest = status.oldestStagedAt else { return false }
        return CommitRule.isDue(status, now: now)
            || now.nanosecondsSince(oldest) >= self.syncIntervalNanoseconds
    }

    private func park(_ status: StagingStatus, now: MonotonicInstant) {
        var wait: UInt64 = 250_000_000
        if let oldest = status.oldestStagedAt {
            let due = oldest.advanced(byNanoseconds: self.syncIntervalNanoseconds)
            wait = min(wait, max(due.nanosecondsSince(now), 50_000))
        }
        if self.mode != .normal || status.isSkipping { wait = min(wait, 20_000_000) }
        // The guard must be able to drain while this thread sleeps, so the lock is not held.
        if self.drain.withLock({ $0.isHeldBack }) {
            self.pause.sleep(nanoseconds: min(wait, 5_000_000))
        } else {
            self.ring.park(.journal, timeoutNanoseconds: wait)
        }
    }

    private func commit(now: MonotonicInstant) {
        self.progress.attempt()
        self.commitTurns.wrappingAdd(1, ordering: .releasing)
        let outcome = self.committer.commit(now: now)
        self.commitTurns.wrappingAdd(1, ordering: .releasing)
        self.committed.wrappingAdd(UInt64(outcome.recordCount), ordering: .relaxed)
        let readings = self.committedReadings.wrappingAdd(
            UInt64(outcome.readingCount), ordering: .relaxed
        ).newValue
        if outcome.recordCount > 0 { self.durable(readings, outcome.durableThrough) }
        if outcome.durableThrough > self.watermark.through {
            self.watermark.advance(to: outcome.durableThrough)
            let durableAt = self.clock.now()
            self.drain.withLock {
                $0.marks.settle(
                    through: outcome.durableThrough - 1, now: durableAt, in: self.latency)
            }
            self.archiving.durable(
                through: outcome.durableThrough - 1, now: durableAt,
                count: UInt64(outcome.recordCount))
        }
        let word: UInt8 =
            switch outcome.mode {
            case .normal: 0
            case .diskFull: 1
            case .storageFailed: 2
            }
        let before = self.modeWord.exchange(word, ordering: .relaxed)
        guard before != word || outcome.error != nil else { return }
        self.logger.log(
            level: outcome.mode == .normal ? .warning : .critical, "journal mode",
            metadata: [
                "journal.mode": "\(outcome.mode.rawValue)",
                "journal.error": "\(outcome.error.map { "\($0)" } ?? "none")",
            ])
    }

    /// Moves what the ring holds into staging; returns how many slots it moved.
    private func drainRing() -> Int {
        self.drain.withLock { drain in
            var moved = 0
            while true {
                let available = drain.reader.available(max: 1_024)
                guard available > 0 else { break }
                let first = drain.reader.next
                let now = self.clock.now()
                var arrival = now
                let outcome = unsafe drain.reader.withRun(available) { run in
                    unsafe arrival = run[0].arrival
                    return unsafe self.staging.append(run, firstN: first, now: now)
                }
                if outcome.consumedCount > 0 {
                    drain.marks.add(
                        through: first &+ UInt64(outcome.consumedCount) &- 1, at: arrival,
                        count: UInt64(outcome.consumedCount))
                }
                drain.reader.release(outcome.consumedCount)
                moved += outcome.consumedCount
                drain.isHeldBack = outcome.isHeldBack
                // After every batch: what the ring holds when it is told has its room in staging.
                self.holdIfFilling(&drain)
                if outcome.isHeldBack { break }
            }
            self.holdIfFilling(&drain)
            let gaps = self.staging.takeGaps()
            drain.gaps += gaps
            if !gaps.isEmpty { self.tellUnrecorded() }
            while let gap = drain.gaps.first {
                var slot = Slot(kind: .gap, arrival: self.clock.now())
                slot.valueBits = gap.lowerBound
                slot.aux = gap.upperBound
                guard case .accepted = self.ring.offer(slot, criticality: .own) else { break }
                drain.gaps.removeFirst()
            }
            return moved
        }
    }

    /// Leaves readings that await an acknowledgement with their senders while staging fills.
    ///
    /// They may not be skipped, so they would stop the drain, and then the ring, for every reading
    /// that can still be evaluated, and for the ticks that find out silence. What is left of staging
    /// takes those that are in the ring already.
    private func holdIfFilling(_ drain: inout Drain) {
        let count = self.staging.status.stagedCount
        let isHolding =
            drain.isHoldingAcknowledged
            ? count > self.staging.resumeCount : count >= self.staging.holdCount
        guard isHolding != drain.isHoldingAcknowledged else { return }
        drain.isHoldingAcknowledged = isHolding
        self.ring.holdAcknowledged(isHolding)
        self.logger.log(
            level: isHolding ? .critical : .notice, "acknowledged readings held",
            metadata: ["journal.isHolding": "\(isHolding)", "journal.staged": "\(count)"])
    }

    /// Sensors named in one line of the log.
    private static let toldSensorsMax = 16

    /// Says whose readings the journal does not have, the most first.
    private func tellUnrecorded() {
        let counts = self.staging.takeUnrecorded(max: SystemLimits.sensorCountMax)
        guard !counts.isEmpty else { return }
        let total = counts.reduce(UInt64(0)) { $0 + UInt64($1.count) }
        let most = counts.sorted { $0.count > $1.count }.prefix(Self.toldSensorsMax)
        let words = most.map { "\(self.path($0.sensor)) \($0.count)" }
        self.logger.critical(
            "readings evaluated but not journaled",
            metadata: [
                "readings.count": "\(total)", "sensors.count": "\(counts.count)",
                "sensors.most": "\(words.joined(separator: ", "))",
            ])
    }

    /// Drains the ring while the journal thread hangs in the disk.
    ///
    /// Of a commit that lasts two turns, all of it: a few slots would else wait as long as the disk.
    private func guardStalls() {
        let pause = WakeWord()
        var before: UInt64 = 0
        while !self.stop.isSet {
            pause.sleep(nanoseconds: 20_000_000)
            let turn = self.commitTurns.load(ordering: .acquiring)
            guard turn & 1 == 1 else { continue }
            let waiting = self.ring.head &- self.ring.position(of: .journal)
            if waiting > (turn == before ? 0 : UInt64(self.ring.capacity / 16)) {
                _ = self.drainRing()
            }
            before = turn
        }
    }
}
