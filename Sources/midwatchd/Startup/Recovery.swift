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
    var replayedCount: UInt64
    /// What was heard before, read back beside the rest of the start.
    var earlier: EarlierReadings
}

/// Rebuilds the engine from the newest checkpoint that fits and the journal behind it.
///
/// A checkpoint that is damaged, foreign, or ahead of the journal is set aside for the one before
/// it; without any, the whole journal is read. Damage in the journal is reported and skipped: what
/// can be known is used, and what was lost is said.
struct Recovery {
    typealias JournalOpener = (
        _ folder: String, _ options: JournalOptions,
        _ progress: (_ done: UInt64, _ total: UInt64) -> Void
    ) throws(JournalError) -> OpenJournal

    let journalFolder: String
    let checkpointFolder: String
    let options: JournalOptions
    /// Opens the journal of the folder; told how far it is.
    var openJournal: JournalOpener = { (folder, options, progress) throws(JournalError) in
        try Journal.open(directory: folder, options: options, progress: progress)
    }
    /// The newest decision that the ledger holds: those up to it are not handed out again.
    let ledgerHolds: DecisionID?
    /// Takes the others, in order.
    let catchUp: LedgerCatchUp
    let book: @Sendable (String) -> RuleBook?
    let logger: Logger
    let vitals: VitalsPage?

    func run() throws -> Recovered {
        var checkpoints = Checkpoints(
            CheckpointFile.each(folder: self.checkpointFolder, settingAside: false) {
                self.passOver($0, "it is damaged, or cannot be read")
            })
        var found = self.restoreNext(&checkpoints)
        var options = self.options
        if let newest = found?.position {
            options.verifyFrom = Position(epoch: newest.epoch, n: newest.n + 1)
        }
        let journal = try self.openJournal(self.journalFolder, options) {
            self.vitals?.phase = .recovering(done: $0, total: $1)
        }
        while let restored = found.take() {
            if let reason = self.misfit(restored, journal.report) {
                self.passOver(restored.name, reason)
                found = self.restoreNext(&checkpoints)
                continue
            }
            let position = restored.position
            return try self.replay(restored.engine, journal, from: position)
        }
        return try self.replay(self.emptyEngine(), journal, from: nil)
    }

    /// Checkpoints that nobody has looked at yet, newest first.
    private struct Checkpoints {
        private var next: () -> CheckpointFile.Loaded?

        init(_ files: some Sequence<CheckpointFile.Loaded>) {
            var iterator = files.makeIterator()
            self.next = { iterator.next() }
        }

        mutating func take() -> CheckpointFile.Loaded? { self.next() }
    }

    /// An engine as a checkpoint had it.
    private struct Restored: ~Copyable {
        var name: String
        var journal: JournalID?
        var position: Position
        var engine: AlarmEngine
    }

    /// The engine of the next checkpoint that can be restored; the files of those that cannot are
    /// set aside.
    private func restoreNext(_ checkpoints: inout Checkpoints) -> Restored? {
        while let checkpoint = checkpoints.take() {
            var engine = self.emptyEngine()
            do {
                let position = try engine.restore(checkpoint.body)
                return Restored(
                    name: checkpoint.name, journal: checkpoint.journal, position: position,
                    engine: engine)
            } catch {
                self.passOver(checkpoint.name, "\(error)")
            }
        }
        return nil
    }

    /// Why a checkpoint cannot be the beginning of this journal's replay; nil if it can.
    private func misfit(_ restored: borrowing Restored, _ report: JournalReport) -> String? {
        guard restored.journal == report.journal else { return "it is of another journal" }
        guard restored.position.n < report.nextN, restored.position.epoch < report.epoch else {
            return "it is ahead of the journal"
        }
        return nil
    }

    private func passOver(_ name: String, _ reason: String) {
        self.logger.error(
            "checkpoint passed over",
            metadata: ["checkpoint.name": "\(name)", "checkpoint.reason": "\(reason)"])
        CheckpointFile.setAside(name, folder: self.checkpointFolder)
    }

    private func emptyEngine() -> AlarmEngine {
        // The journal names the revision in force before it registers the first sensor.
        AlarmEngine(rules: RuleBook(revision: "", declarations: []), book: self.book)
    }

    private func replay(
        _ engine: consuming AlarmEngine, _ journal: OpenJournal, from checkpoint: Position?
    ) throws -> Recovered {
        var engine = engine
        var count: UInt64 = 0
        var decided = Decided()
        let end = journal.report.nextN
        if let oldest = self.oldest() {
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
            // The records that made the sensors known may be gone with the segments that retention
            // removed; the registry of the journal has them all, and without them the engine would
            // refuse every reading.
            var isSeeded = checkpoint != nil || oldest.n <= 1
            try self.each(from: first, below: end, end: end) { slot, n in
                if !isSeeded {
                    isSeeded = true
                    Self.seed(&engine, journal.report, at: slot.arrival, before: n)
                }
                engine.apply(slot, n: n)
                count += 1
                guard engine.hasDecisions else { return }
                var taken: [Decision] = []
                engine.takeDecisions { taken.append($0) }
                decided.note(taken)
                for decision in taken where self.ledgerHolds.map({ decision.id > $0 }) ?? true {
                    self.catchUp.append(engine.ledgerBody(of: decision), now: engine.now)
                }
            }
        }
        self.catchUp.commit(now: engine.now)
        let earlier = EarlierReadings()
        earlier.read(
            folder: self.journalFolder, below: end,
            wanted: engine.standingActivations.map {
                EarlierReadings.Wanted(id: $0.id, sensor: $0.sensor)
            } + decided.wanted)
        return Recovered(
            engine: engine, journal: journal, replayedCount: count, earlier: earlier)
    }

    /// The newest decisions made again of which people may be told.
    private struct Decided {
        private(set) var wanted: [EarlierReadings.Wanted] = []

        mutating func note(_ decisions: [Decision]) {
            for decision in decisions
            where decision.kind == .alarmRaised || decision.kind == .alarmReturned {
                self.wanted.append(
                    EarlierReadings.Wanted(id: decision.id, sensor: decision.sensor))
            }
            if self.wanted.count > 2 * EarlierReadings.decisionCountMax {
                self.wanted.removeFirst(self.wanted.count - EarlierReadings.decisionCountMax)
            }
        }
    }

    /// The oldest record that can be read; nil if there is none, or the disk does not say.
    private func oldest() -> Position? {
        do throws(JournalError) {
            return try JournalReader.oldest(directory: self.journalFolder)
        } catch {
            self.logger.critical(
                "journal not read, state is older", metadata: ["error": "\(error)"])
            return nil
        }
    }

    /// Makes every sensor and source of the registry known to an engine that begins in the middle.
    private static func seed(
        _ engine: inout AlarmEngine, _ report: JournalReport, at arrival: MonotonicInstant,
        before n: UInt64
    ) {
        for record in Registrations.records(report, sensorsFrom: 0, sourcesFrom: 1, at: arrival) {
            for slot in record { engine.apply(slot, n: n) }
        }
    }

    /// Feeds every record with a number in `first ..< limit` to `body`; damage is logged.
    ///
    /// A disk that does not give its records back does not keep the monitor down.
    private func each(
        from first: UInt64, below limit: UInt64, end: UInt64, _ body: (Slot, UInt64) -> Void
    ) throws {
        let onEvent: (JournalFeed.Event) -> Void = { event in
            switch event {
            case .damage(let damage):
                self.logger.critical(
                    "journal damaged, records skipped", metadata: ["journal.damage": "\(damage)"])
            case .progress(let done):
                self.vitals?.phase = .recovering(done: done, total: end)
                self.vitals?.notePhaseProgress()
            }
        }
        do throws(JournalError) {
            try JournalFeed(folder: self.journalFolder).each(
                from: first, below: limit, onEvent: onEvent
            ) { slot, n, _ in
                body(slot, n)
                return true
            }
        } catch {
            self.logger.critical(
                "journal not read to its end, state is older", metadata: ["error": "\(error)"])
        }
    }
}

/// Registration records made from the journal's registry, for an engine that does not have them.
enum Registrations {
    /// The records of the sensors and sources with these indexes and later ones, in order.
    ///
    /// Index 0 of the sources is Midwatch itself and is never registered.
    static func records(
        _ report: JournalReport, sensorsFrom: Int, sourcesFrom: Int, at arrival: MonotonicInstant
    ) -> [[Slot]] {
        var records: [[Slot]] = []
        for (index, source) in report.sources.enumerated().dropFirst(max(1, sourcesFrom)) {
            let place = SourceIndex(rawValue: UInt32(index))
            var head = Slot(kind: .registerSource, arrival: arrival, source: place)
            head.valueBits = UInt64(source.behind.rawValue)
            records.append(ControlRecord.slots(head: head, payload: Array(source.name.utf8)))
        }
        for (index, path) in report.sensorPaths.enumerated().dropFirst(sensorsFrom) {
            var head = Slot(kind: .registerSensor, arrival: arrival)
            head.sensor = SensorIndex(rawValue: UInt32(index))
            records.append(ControlRecord.slots(head: head, payload: Array(path.utf8)))
        }
        return records
    }
}
