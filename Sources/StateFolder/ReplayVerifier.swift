// SPDX-License-Identifier: Apache-2.0

internal import AlarmEngine
package import Journal
package import MidwatchModel

/// Feeds a journal to the engine again and compares every decision with the ledger's.
///
/// It only reads, and may run beside the daemon: the ledger's end is fixed first, then the journal
/// is read up to where it ends by then, so every decision of the ledger has its input.
///
/// Over a gap nothing is called equal: what readings that were never journaled did to the engine is
/// unknown. Replay goes on, counting, until a checkpoint behind the gap gives the state back.
package struct ReplayVerifier {
    private let files: ReplayFiles

    private var report = ReplayReport()
    private var ledger: LedgerDecisions
    /// States to which replay may go over, oldest first.
    private var checkpoints: [CheckpointFile.Place] = []
    private var oldest = Position.zero
    /// Whether the state is no longer the one that the daemon had.
    private var isDoubtful = false
    private var nextN: UInt64 = 0
    /// Decisions on records from this one on are compared.
    private var firstN: UInt64?
    private let range: ClosedRange<WallInstant>?
    private var ledgerFailure: LedgerError?
    /// Of the engine's own count, those that are reported.
    private var missingRevisions: UInt64 = 0

    /// Fixes the ledger's end; `stateDirectory` is the daemon's.
    ///
    /// - Parameters:
    ///   - stateDirectory: The daemon's.
    ///   - range: Compares only decisions on records of this time, by the anchors in the journal;
    ///     nil: all there is. Where a clock was set back the range begins with the first record
    ///     that reaches its beginning, and ends before the first that is behind its end.
    /// - Throws: `disk` if the ledger's head cannot be read.
    package init(
        stateDirectory: String, range: ClosedRange<WallInstant>? = nil
    ) throws(LedgerError) {
        let folders = Folders(stateDirectory: stateDirectory)
        self.files = ReplayFiles(stateDirectory: stateDirectory)
        self.range = range
        let end = try LedgerAudit.anchoredEnd(directory: folders.ledger)
        self.ledger = LedgerDecisions(folder: folders.ledger, limit: end ?? UInt64.max)
    }

    /// Compares all there is, or what the range holds.
    ///
    /// - Parameter onProgress: Records read so far and the number of the last one; every few
    ///   thousand records.
    /// - Returns: What was found; reading ends at the first difference.
    /// - Throws: `JournalError` or `LedgerError` if something cannot be read, or the ledger's
    ///   chain is broken.
    package consuming func run(
        onProgress: (_ records: UInt64, _ n: UInt64) -> Void
    ) throws -> ReplayReport {
        let first = self.range.flatMap { $0.lowerBound.nanoseconds == .min ? nil : $0.lowerBound }
        guard var start = try self.files.begin(before: first) else {
            if self.range == nil { try self.finish() } else { self.report.add(.nothingInRange) }
            return self.report
        }
        self.oldest = try self.files.oldest() ?? .zero
        try self.begin(start.checkpoint, start.doubt)
        self.nextN = start.nextN
        var isBehind = false
        try JournalFeed(folder: self.files.journalFolder).each(
            from: self.nextN, below: UInt64.max
        ) { event in
            switch event {
            case .progress(let n): onProgress(self.report.recordCount, n - 1)
            case .damage(let damage):
                self.report.add(.damage("\(damage)"))
                self.isDoubtful = true
            }
        } _: { slot, n, epoch in
            if let range = self.range, let at = slot.recordedAt,
                start.engine.wall(of: at) > range.upperBound
            {
                isBehind = true
                return false
            }
            self.take(slot, n, epoch, &start.engine)
            return self.report.difference == nil && self.ledgerFailure == nil
        }
        if let failure = self.ledgerFailure { throw failure }
        if self.firstN == nil {
            self.report.add(.nothingInRange)
        } else if self.report.difference == nil {
            // What the ledger has on records behind the range is not compared.
            try self.finish(through: isBehind ? self.report.end : nil)
        }
        self.report.otherLineCount = self.ledger.otherLineCount
        return self.report
    }

    // MARK: Beginning

    private mutating func begin(
        _ checkpoint: Position?, _ doubt: ReplayReport.Doubt?
    ) throws(LedgerError) {
        self.checkpoints = CheckpointFile.places(self.files.checkpointFolder)
        if self.range == nil { self.firstN = 0 }
        if let doubt {
            self.report.add(doubt)
            self.isDoubtful = true
        }
        guard let checkpoint else { return }
        self.report.checkpoint = checkpoint
        self.checkpoints.removeAll { $0.n <= checkpoint.n }
        try self.skipLedger(through: checkpoint.n)
    }

    /// Decisions that are not compared.
    private mutating func skipLedger(through n: UInt64) throws(LedgerError) {
        while let item = try self.ledger.peek(), item.id.position.n <= n {
            self.report.uncheckedCount += 1
            self.ledger.advance()
        }
    }

    // MARK: Records

    private mutating func take(
        _ slot: Slot, _ n: UInt64, _ epoch: UInt32, _ engine: inout AlarmEngine
    ) {
        if n != self.nextN {
            self.report.add(.gap(after: self.nextN - 1, before: n))
            self.isDoubtful = true
        }
        self.nextN = n + 1
        self.report.recordCount += 1
        if self.firstN == nil, let range, let at = slot.recordedAt,
            engine.wall(of: at) >= range.lowerBound
        {
            self.beginRange(at: n)
        }
        self.report.end = Position(epoch: epoch, n: n)
        engine.apply(slot, n: n)
        if engine.counts.missingRevisions > self.missingRevisions {
            self.missingRevisions = engine.counts.missingRevisions
            self.report.add(.missingRevision)
            self.isDoubtful = true
        }
        if engine.hasDecisions {
            var taken: [Decision] = []
            engine.takeDecisions { taken.append($0) }
            for decision in taken
            where self.report.difference == nil && self.isInRange(decision.id.position.n) {
                let body = engine.ledgerBody(of: decision)
                do throws(LedgerError) {
                    try self.compare(decision.id, body)
                } catch {
                    self.ledgerFailure = error
                }
            }
        }
        if self.isDoubtful { self.resume(&engine, after: n) }
    }

    private func isInRange(_ n: UInt64) -> Bool { self.firstN.map { n >= $0 } ?? false }

    /// The first record of the range: its decisions and those behind it are compared.
    private mutating func beginRange(at n: UInt64) {
        self.firstN = n
        // What was lost before, and given back by a checkpoint since, is no matter here.
        if !self.isDoubtful { self.report.forgetDoubts() }
        do throws(LedgerError) {
            try self.skipLedger(through: n - 1)
        } catch {
            self.ledgerFailure = error
        }
    }

    /// A checkpoint made behind the gap knows what replay cannot.
    private mutating func resume(_ engine: inout AlarmEngine, after n: UInt64) {
        while let place = self.checkpoints.first, place.n <= n {
            self.checkpoints.removeFirst()
            guard place.n == n,
                let start = try? self.files.restore(place, oldest: self.oldest)
            else { continue }
            engine = start.engine
            self.missingRevisions = engine.counts.missingRevisions
            self.isDoubtful = false
        }
    }

    /// Compares one decision of the replay with the next one of the ledger.
    private mutating func compare(_ id: DecisionID, _ body: [UInt8]) throws(LedgerError) {
        // What the ledger has and replay has not.
        while let item = try self.ledger.peek(), item.id < id {
            self.ledger.advance()
            if self.explains(item) {
                self.report.notReproducibleCount += 1
            } else {
                self.report.difference = .init(recorded: (item.line, item.body), replayed: nil)
                return
            }
        }
        guard let item = try self.ledger.peek() else {
            self.report.pendingCount += 1
            return
        }
        if item.id == id { self.ledger.advance() }
        if self.isDoubtful {
            if item.id == id { self.report.notReproducibleCount += 1 }
        } else if item.id == id, item.body == body {
            self.report.equalCount += 1
        } else if item.id == id {
            self.report.difference = .init(recorded: (item.line, item.body), replayed: body)
        } else {
            self.report.difference = .init(recorded: nil, replayed: body)
        }
    }

    /// Whether a decision that replay did not make is no fault: it, or one before it, rests on
    /// input that is not in the journal.
    private mutating func explains(_ item: LedgerDecisions.Item) -> Bool {
        if item.isOnUnrecordedInput {
            self.report.add(.unrecordedInput(item.id))
            self.isDoubtful = true
        }
        return self.isDoubtful
    }

    /// What is left in the ledger when the journal is at its end, or at the record `last`.
    private mutating func finish(through last: Position? = nil) throws(LedgerError) {
        while let item = try self.ledger.peek() {
            if let last, item.id.position.n > last.n { return }
            self.ledger.advance()
            guard self.explains(item) else {
                self.report.difference = .init(recorded: (item.line, item.body), replayed: nil)
                return
            }
            self.report.notReproducibleCount += 1
        }
    }
}
