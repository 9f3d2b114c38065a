// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import JSONText
import Journal
import Logging
import MidwatchModel
import Synchronization

/// Writes decisions into the ledger and lets their effects out: alerts and answers to operators.
///
/// An effect leaves when its input is durable in the journal and its record in the ledger, or after
/// `effectHoldMax` unrecorded: the gate thread sees to that while this one hangs in a disk.
final class LedgerLoop: Sendable {
    /// Records written with one sync at most.
    private static let batchMax = 1_024
    /// Other records (outcomes of deliveries, starts) that may wait.
    private static let noteCapacity = 16_384

    /// A record beside the decisions, and who waits until it is durable.
    private struct Note {
        var body: [UInt8]
        var receipt: LedgerReceipt?
    }

    /// What leaves: called once per effect, in the order of the decisions.
    typealias Release =
        @Sendable (_ effect: PendingEffect, _ isRecorded: Bool, _ ledgerN: UInt64) ->
        Void

    private let writer: LedgerWriter
    private let gate: EffectGate
    private let staging: JournalStaging
    private let watermark: DurableWatermark
    private let journalMode: @Sendable () -> JournalMode
    private let clock: EngineClock
    private let progress: StageProgress
    private let logger: Logger
    private let latency: LatencyHistogram
    private let release: Release
    private let noteWritten: @Sendable (_ through: UInt64) -> Void
    private let stop = StopFlag()
    private let notes = Mutex<[Note]>([])
    private let failing = Atomic<Bool>(false)
    private let written = Atomic<UInt64>(0)
    private let lostNotes = Atomic<UInt64>(0)
    private let pause = WakeWord()
    /// Held while effects leave, so that the two threads keep their order.
    private let leaving = Mutex<Void>(())

    /// `release` takes each effect once and must not block; `noteWritten` learns up to which number
    /// the ledger is durable.
    init(
        writer: LedgerWriter, gate: EffectGate, staging: JournalStaging,
        watermark: DurableWatermark, journalMode: @escaping @Sendable () -> JournalMode,
        clock: EngineClock, progress: StageProgress, latency: LatencyHistogram, logger: Logger,
        release: @escaping Release,
        noteWritten: @escaping @Sendable (_ through: UInt64) -> Void
    ) {
        self.writer = writer
        writer.progress = progress
        self.gate = gate
        self.staging = staging
        self.watermark = watermark
        self.journalMode = journalMode
        self.clock = clock
        self.progress = progress
        self.logger = logger
        self.latency = latency
        self.release = release
        self.noteWritten = noteWritten
    }

    /// Whether the last commit failed: decisions wait in memory.
    var isFailing: Bool { self.failing.load(ordering: .relaxed) }

    /// Records beside decisions that found no place, or that the writer refused.
    var lostNoteCount: UInt64 { self.lostNotes.load(ordering: .relaxed) }

    /// Number of the newest durable record; 0 if there is none.
    var newest: UInt64 { self.written.load(ordering: .acquiring) }

    /// Adds a record that is no decision: the outcome of a delivery, for instance.
    ///
    /// Any thread.
    func note(_ body: [UInt8]) { self.put(Note(body: body)) }

    /// Adds a record that an operator waits for.
    ///
    /// - Returns: Whether it was durable within `effectHoldMax`, as long as any effect waits at most;
    ///   if not, it is written as soon as the disk takes it.
    func record(_ body: [UInt8]) async -> Bool {
        let receipt = LedgerReceipt()
        self.put(Note(body: body, receipt: receipt))
        return await receipt.isDurable(
            withinNanoseconds: SystemLimits.effectHoldMaxNanoseconds)
    }

    /// What nobody waits for is written with the next decision, or within a quarter of a second: a
    /// sync of its own would hold up the alert that comes behind it.
    private func put(_ note: Note) {
        let (isTaken, isUrgent) = self.notes.withLock { notes in
            guard notes.count < Self.noteCapacity else { return (false, true) }
            notes.append(note)
            return (true, note.receipt != nil || notes.count >= Self.batchMax)
        }
        if !isTaken {
            self.lostNotes.wrappingAdd(1, ordering: .relaxed)
            note.receipt?.settle(false)
        }
        if isUrgent { self.gate.wakeAll() }
    }

    func start() -> [LoopThread] {
        self.written.store(self.writer.head.n, ordering: .releasing)
        return [
            LoopThread("ledger") { self.run() },
            LoopThread("effect-gate") { self.runGate() },
        ]
    }

    /// Ends both threads once every decision is written, or cannot be.
    func requestStop() {
        self.stop.set()
        self.gate.wakeAll()
    }

    private func run() {
        let pause = self.pause
        let waiter = self.watermark.addWaiter { pause.wake() }
        defer { waiter.end() }
        while true {
            self.progress.beat()
            let batch = self.gate.takeUnwritten(max: Self.batchMax, waitNanoseconds: 250_000_000)
            self.progress.setBacklog(UInt64(self.gate.unwrittenCount + batch.count))
            let notes = self.notes.withLock { notes in
                let taken = notes
                notes = []
                return taken
            }
            if batch.isEmpty, notes.isEmpty {
                if self.stop.isSet, self.gate.unwrittenCount == 0 { return }
                continue
            }
            if let last = batch.last {
                self.awaitJournal(through: last.decision.id.position.n, waiter)
            }
            self.write(batch, notes)
        }
    }

    /// Waits until the inputs of a batch are durable; not while the journal cannot make them so, and
    /// not for an input that it passed over.
    private func awaitJournal(through n: UInt64, _ waiter: DurableWatermark.Waiter) {
        self.staging.requestSync(through: n)
        while waiter.request() <= n {
            self.progress.beat()
            guard self.journalMode() == .normal, !self.staging.isUnrecorded(n) else { return }
            self.pause.sleep(nanoseconds: 50_000_000)
        }
    }

    /// Writes until the disk has taken it; meanwhile the gate lets effects out unrecorded.
    private func write(_ batch: [PendingEffect], _ notes: [Note]) {
        var numbers: [UInt64: UInt64] = [:]
        var due = Due(effects: batch[...], notes: notes[...])
        while true {
            self.progress.attempt()
            self.progress.beat()
            self.append(&due, &numbers)
            let outcome = self.writer.commit(now: self.clock.now())
            self.written.store(outcome.durableThrough, ordering: .releasing)
            if self.writer.pendingCount == 0 {
                if due.isEmpty { break }
                continue
            }
            if !self.failing.exchange(true, ordering: .relaxed) {
                self.logger.critical(
                    "ledger not written",
                    metadata: [
                        "ledger.mode": "\(outcome.mode.rawValue)",
                        "error": "\(outcome.error.map { "\($0)" } ?? "none")",
                    ])
            }
            if self.stop.isSet { return }
            self.pause.sleep(nanoseconds: 200_000_000)
        }
        if self.failing.exchange(false, ordering: .relaxed) {
            self.logger.notice("ledger written again")
        }
        for receipt in due.receipts { receipt.settle(true) }
        let recordedAt = self.clock.now()
        for effect in batch { self.latency.record(from: effect.queuedAt, to: recordedAt) }
        if let last = batch.last {
            self.leaving.withLock { _ in
                for effect in self.gate.confirm(through: last.sequence) {
                    // Without a number its record was given up.
                    let n = numbers[effect.sequence]
                    self.release(effect, n != nil, n ?? 0)
                }
            }
        }
        self.noteWritten(self.newest)
    }

    /// What the writer has not taken of a batch.
    private struct Due {
        var effects: ArraySlice<PendingEffect>
        var notes: ArraySlice<Note>
        /// Of the notes that were taken.
        var receipts: [LedgerReceipt] = []

        var isEmpty: Bool { self.effects.isEmpty && self.notes.isEmpty }
    }

    private enum Appended {
        case line(UInt64)
        /// A commit has to make room first.
        case noRoom
        /// Never: only a bug of ours makes such a record.
        case refused
    }

    /// Queues lines, each once, as far as the writer has room: it may be full of what a start left.
    private func append(_ due: inout Due, _ numbers: inout [UInt64: UInt64]) {
        let written = EngineClock.wall()
        while let effect = due.effects.first {
            switch self.append(self.body(of: effect), written) {
            case .line(let n): numbers[effect.sequence] = n
            case .noRoom: return
            case .refused: self.gate.giveUp(effect.sequence)
            }
            due.effects.removeFirst()
        }
        while let note = due.notes.first {
            switch self.append(note.body, written) {
            case .line: if let receipt = note.receipt { due.receipts.append(receipt) }
            case .noRoom: return
            case .refused:
                self.lostNotes.wrappingAdd(1, ordering: .relaxed)
                note.receipt?.settle(false)
            }
            due.notes.removeFirst()
        }
    }

    private func append(_ body: [UInt8], _ written: WallInstant) -> Appended {
        do throws(LedgerError) {
            return .line(try self.writer.append(body: body, written: written))
        } catch {
            if error == .queueFull, self.writer.pendingCount > 0 { return .noRoom }
            self.logger.error("ledger refused a record", metadata: ["error": "\(error)"])
            return .refused
        }
    }

    /// A decision on input that is not in the journal says so: replay cannot repeat it.
    private func body(of effect: PendingEffect) -> [UInt8] {
        let n = effect.decision.id.position.n
        guard self.watermark.through <= n || self.staging.isUnrecorded(n) else {
            return effect.body
        }
        return Array("{\"unrecordedInput\":true,".utf8) + effect.body.dropFirst()
    }

    private func runGate() {
        while true {
            self.gate.sleep(now: self.clock.now(), atMostNanoseconds: 250_000_000)
            self.leaving.withLock { _ in
                for effect in self.gate.expire(now: self.clock.now()) {
                    self.release(effect, false, 0)
                }
            }
            // Not before the last effect left: what the ledger cannot take leaves unrecorded.
            if self.stop.isSet, self.gate.waitingCount == 0 { return }
        }
    }
}
