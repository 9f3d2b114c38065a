// SPDX-License-Identifier: Apache-2.0

internal import AlarmEngine
package import Journal
internal import MidwatchModel

/// Feeds a journal to the engine again and compares every decision with the ledger's.
///
/// It only reads, and may run beside the daemon: the ledger's end is fixed first, then the journal
/// is read up to where it ends by then, so every decision of the ledger has its input.
///
/// Over a gap nothing is called equal: what readings that were never journaled did to the engine is
/// unknown. Replay goes on, counting, until a checkpoint behind the gap gives the state back.
package struct ReplayVerifier {
    private let journalFolder: String
    private let ledgerFolder: String
    private let checkpointFolder: String
    private let revisions: Revisions

    private var report = ReplayReport()
    private var ledger: LedgerDecisions
    /// States to which replay may go over, oldest first.
    private var checkpoints: [(position: Position, bytes: [UInt8])] = []
    /// Whether the state is no longer the one that the daemon had.
    private var isDoubtful = false
    private var nextN: UInt64 = 0
    private var ledgerFailure: LedgerError?
    /// Of the engine's own count, those that are reported.
    private var missingRevisions: UInt64 = 0

    /// Fixes the ledger's end; `stateDirectory` is the daemon's.
    ///
    /// - Throws: `disk` if the ledger's head cannot be read.
    package init(stateDirectory: String) throws(LedgerError) {
        let folders = Folders(stateDirectory: stateDirectory)
        self.journalFolder = folders.journal
        self.ledgerFolder = folders.ledger
        self.checkpointFolder = folders.checkpoints
        self.revisions = Revisions(folder: folders.revisions)
        let end = try LedgerAudit.anchoredEnd(directory: folders.ledger)
        self.ledger = LedgerDecisions(folder: folders.ledger, limit: end ?? UInt64.max)
    }

    /// Compares all there is.
    ///
    /// - Parameter onProgress: Records read so far and the number of the last one; every few
    ///   thousand records.
    /// - Returns: What was found; reading ends at the first difference.
    /// - Throws: `JournalError` or `LedgerError` if something cannot be read, or the ledger's
    ///   chain is broken.
    package consuming func run(
        onProgress: (_ records: UInt64, _ n: UInt64) -> Void
    ) throws -> ReplayReport {
        guard let oldest = try JournalReader.oldest(directory: self.journalFolder) else {
            try self.finish()
            return self.report
        }
        var engine = self.emptyEngine()
        self.loadCheckpoints()
        self.nextN = oldest.n
        if oldest.n > 1 { try self.beginAtCheckpoint(&engine, oldest: oldest) }
        try JournalFeed(folder: self.journalFolder).each(
            from: self.nextN, below: UInt64.max
        ) { event in
            switch event {
            case .progress(let n): onProgress(self.report.recordCount, n - 1)
            case .damage(let damage):
                self.report.add(.damage("\(damage)"))
                self.isDoubtful = true
            }
        } _: { slot, n, epoch in
            self.take(slot, n, epoch, &engine)
            return self.report.difference == nil && self.ledgerFailure == nil
        }
        if let failure = self.ledgerFailure { throw failure }
        if self.report.difference == nil { try self.finish() }
        self.report.otherLineCount = self.ledger.otherLineCount
        return self.report
    }

    // MARK: Beginning

    private func emptyEngine() -> AlarmEngine {
        let revisions = self.revisions
        // The journal names the revision in force before it registers the first sensor.
        return AlarmEngine(rules: RuleBook(revision: "", declarations: [])) {
            revisions.rules(of: $0)
        }
    }

    private mutating func loadCheckpoints() {
        for checkpoint in CheckpointFile.load(folder: self.checkpointFolder).reversed() {
            var engine = self.emptyEngine()
            guard let position = try? engine.restore(checkpoint.body) else { continue }
            self.checkpoints.append((position, checkpoint.body))
        }
    }

    /// The journal's beginning is deleted: the oldest checkpoint that fits what is left.
    private mutating func beginAtCheckpoint(
        _ engine: inout AlarmEngine, oldest: Position
    ) throws {
        while let checkpoint = self.checkpoints.first {
            self.checkpoints.removeFirst()
            guard checkpoint.position.n + 1 >= oldest.n else { continue }
            try self.restore(&engine, checkpoint, oldest: oldest.n)
            self.report.checkpoint = checkpoint.position
            self.nextN = checkpoint.position.n + 1
            while let item = try self.ledger.peek(), item.id.position.n <= checkpoint.position.n {
                self.report.uncheckedCount += 1
                self.ledger.advance()
            }
            return
        }
        self.report.add(.noBeginning(oldest: oldest))
        self.isDoubtful = true
    }

    private mutating func restore(
        _ engine: inout AlarmEngine, _ checkpoint: (position: Position, bytes: [UInt8]),
        oldest: UInt64
    ) throws {
        var restored = self.emptyEngine()
        _ = try restored.restore(checkpoint.bytes)
        let window = restored.windowRecords()
        let n = checkpoint.position.n
        let rebuild = max(oldest, n > window ? n - window : 1)
        if rebuild <= n {
            try JournalFeed(folder: self.journalFolder).each(
                from: rebuild, below: n + 1, onEvent: { _ in }
            ) { slot, n, _ in
                restored.rebuildWindow(slot, n: n)
                return true
            }
        }
        self.missingRevisions = restored.counts.missingRevisions
        engine = restored
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
            for decision in taken where self.report.difference == nil {
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

    /// A checkpoint made behind the gap knows what replay cannot.
    private mutating func resume(_ engine: inout AlarmEngine, after n: UInt64) {
        while let checkpoint = self.checkpoints.first, checkpoint.position.n <= n {
            self.checkpoints.removeFirst()
            guard checkpoint.position.n == n else { continue }
            guard (try? self.restore(&engine, checkpoint, oldest: 1)) != nil else { return }
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

    /// What is left in the ledger when the journal is at its end.
    private mutating func finish() throws(LedgerError) {
        while let item = try self.ledger.peek() {
            self.ledger.advance()
            guard self.explains(item) else {
                self.report.difference = .init(recorded: (item.line, item.body), replayed: nil)
                return
            }
            self.report.notReproducibleCount += 1
        }
    }
}
