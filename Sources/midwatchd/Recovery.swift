// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import Journal
import Logging
import MidwatchModel
import StateFolder
import Vitals

/// What a start found: the engine as it was at the last durable record.
struct Recovered: ~Copyable {
    var engine: AlarmEngine
    var journal: OpenJournal
    /// Decisions of the records behind the checkpoint, in order.
    ///
    /// The ledger has some of them.
    var decisions: [(id: DecisionID, body: [UInt8])]
    var replayedCount: UInt64
}

/// Rebuilds the engine from the newest checkpoint that fits and the journal behind it.
///
/// A checkpoint that is damaged, foreign, or ahead of the journal is passed over for the one before
/// it; without any, the whole journal is read. Damage in the journal is reported and skipped: what
/// can be known is used, and what was lost is said.
struct Recovery {
    let journalFolder: String
    let checkpointFolder: String
    let options: JournalOptions
    let book: @Sendable (String) -> RuleBook?
    let logger: Logger
    let vitals: VitalsPage?

    func run() throws -> Recovered {
        for bytes in CheckpointFile.load(folder: self.checkpointFolder) {
            var engine = self.emptyEngine()
            let position: Position
            do {
                position = try engine.restore(bytes)
            } catch {
                self.logger.warning("checkpoint passed over", metadata: ["error": "\(error)"])
                continue
            }
            var options = self.options
            options.verifyFrom = Position(epoch: position.epoch, n: position.n + 1)
            let journal = try Journal.open(directory: self.journalFolder, options: options)
            guard position.n < journal.report.nextN else {
                self.logger.error(
                    "checkpoint is ahead of the journal",
                    metadata: [
                        "checkpoint.position": "\(position)",
                        "journal.next": "\(journal.report.nextN)",
                    ])
                return try self.replay(self.emptyEngine(), journal, from: nil)
            }
            return try self.replay(engine, journal, from: position)
        }
        let journal = try Journal.open(directory: self.journalFolder, options: self.options)
        return try self.replay(self.emptyEngine(), journal, from: nil)
    }

    private func emptyEngine() -> AlarmEngine {
        // The journal names the revision in force before it registers the first sensor.
        AlarmEngine(rules: RuleBook(revision: "", declarations: []), book: self.book)
    }

    private func replay(
        _ engine: consuming AlarmEngine, _ journal: OpenJournal, from checkpoint: Position?
    ) throws -> Recovered {
        var engine = engine
        var decisions: [(id: DecisionID, body: [UInt8])] = []
        var count: UInt64 = 0
        let end = journal.report.nextN
        if let oldest = try JournalReader.oldest(directory: self.journalFolder) {
            var first = oldest.n
            if let checkpoint {
                let window = engine.windowRecords()
                let rebuild = max(
                    oldest.n, checkpoint.n > window ? checkpoint.n - window : oldest.n)
                if rebuild <= checkpoint.n {
                    try self.each(from: rebuild, below: checkpoint.n + 1, end: end) { slot, n in
                        engine.rebuildWindow(slot, n: n)
                    }
                }
                first = max(oldest.n, checkpoint.n + 1)
            }
            try self.each(from: first, below: end, end: end) { slot, n in
                engine.apply(slot, n: n)
                count += 1
                guard engine.hasDecisions else { return }
                var taken: [Decision] = []
                engine.takeDecisions { taken.append($0) }
                for decision in taken {
                    decisions.append((decision.id, engine.ledgerBody(of: decision)))
                }
            }
        }
        return Recovered(
            engine: engine, journal: journal, decisions: decisions, replayedCount: count)
    }

    /// Feeds every record with a number in `first ..< limit` to `body`; damage is logged.
    private func each(
        from first: UInt64, below limit: UInt64, end: UInt64, _ body: (Slot, UInt64) -> Void
    ) throws {
        try JournalFeed(folder: self.journalFolder).each(from: first, below: limit) { event in
            switch event {
            case .damage(let damage):
                self.logger.critical(
                    "journal damaged, records skipped", metadata: ["journal.damage": "\(damage)"])
            case .progress(let done):
                self.vitals?.phase = .recovering(done: done, total: end)
                self.vitals?.notePhaseProgress()
            }
        } _: { slot, n, _ in
            body(slot, n)
            return true
        }
    }
}
