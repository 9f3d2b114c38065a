// SPDX-License-Identifier: Apache-2.0

package import AlarmEngine
package import Journal
package import MidwatchModel

/// Where a replay begins: an engine and the number of the first record for it.
package struct ReplayStart: ~Copyable {
    package var engine: AlarmEngine
    package var nextN: UInt64
    /// nil: from the first record.
    package var checkpoint: Position?
    /// Why the state is not the one that the daemon had.
    package var doubt: ReplayReport.Doubt?
}

/// What a replay reads: journal, checkpoints, and the texts of configurations.
///
/// It only reads, and may do so beside the daemon.
package struct ReplayFiles: Sendable {
    let journalFolder: String
    let checkpointFolder: String
    package let revisions: Revisions

    package init(stateDirectory: String) {
        let folders = Folders(stateDirectory: stateDirectory)
        self.journalFolder = folders.journal
        self.checkpointFolder = folders.checkpoints
        self.revisions = Revisions(folder: folders.revisions)
    }

    /// The first record that is left; nil if there is no journal.
    package func oldest() throws(JournalError) -> Position? {
        try JournalReader.oldest(directory: self.journalFolder)
    }

    /// An engine that knows nothing; `book` finds the rules of a revision.
    package func emptyEngine(
        book: (@Sendable (_ revision: String) -> RuleBook?)? = nil
    ) -> AlarmEngine {
        let revisions = self.revisions
        // The journal names the revision in force before it registers the first sensor.
        return AlarmEngine(
            rules: RuleBook(revision: "", declarations: []),
            book: book ?? { revisions.rules(of: $0) })
    }

    /// The best beginning for a replay of what happens from `wall` on; nil: of all there is.
    ///
    /// The newest checkpoint from before that moment, else the first record. If the first records
    /// are gone and no checkpoint is from before: the oldest one behind them.
    ///
    /// - Returns: nil if there is no journal.
    package func begin(
        before wall: WallInstant?,
        book: (@Sendable (_ revision: String) -> RuleBook?)? = nil
    ) throws -> ReplayStart? {
        guard let oldest = try self.oldest() else { return nil }
        // A checkpoint from before the first record that is left says nothing about that.
        let places = CheckpointFile.places(self.checkpointFolder).filter {
            $0.n + 1 >= oldest.n
        }
        if let wall {
            for place in places.reversed() {
                guard let start = try self.restore(place, oldest: oldest, book: book) else {
                    continue
                }
                if start.engine.wall(of: start.engine.now) <= wall { return start }
            }
        }
        if oldest.n > 1 {
            for place in places {
                if let start = try self.restore(place, oldest: oldest, book: book) { return start }
            }
        }
        return ReplayStart(
            engine: self.emptyEngine(book: book), nextN: oldest.n, checkpoint: nil,
            doubt: oldest.n > 1 ? .noBeginning(oldest: oldest) : nil)
    }

    /// The engine as a checkpoint has it, ready for the record behind it.
    ///
    /// - Returns: nil if the checkpoint is damaged or does not fit this Midwatch.
    func restore(
        _ place: CheckpointFile.Place, oldest: Position,
        book: (@Sendable (_ revision: String) -> RuleBook?)? = nil
    ) throws -> ReplayStart? {
        guard let loaded = CheckpointFile.load(place.name, folder: place.folder) else { return nil }
        var engine = self.emptyEngine(book: book)
        guard let position = try? engine.restore(loaded.body), position.n == place.n else {
            return nil
        }
        // The checkpoint leaves out what the records before it say again.
        let window = engine.windowRecords()
        let rebuild = max(oldest.n, position.n > window ? position.n - window : 1)
        if rebuild <= position.n {
            try JournalFeed(folder: self.journalFolder).each(
                from: rebuild, below: position.n + 1, onEvent: { _ in }
            ) { slot, n, _ in
                engine.rebuildWindow(slot, n: n)
                return true
            }
        }
        return ReplayStart(
            engine: engine, nextN: position.n + 1, checkpoint: position, doubt: nil)
    }
}
