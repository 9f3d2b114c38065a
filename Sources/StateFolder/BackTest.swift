// SPDX-License-Identifier: Apache-2.0

package import AlarmEngine
internal import Journal
package import MidwatchModel
internal import Synchronization

/// What other rules would have raised: two engines on the recorded journal, side by side.
///
/// One follows the rules that were in force, the other the rules on trial. Both take the same
/// records, in the same order. The timers of the second stand elsewhere than those that ticks were
/// recorded for, so it gets ticks of its own: before each record it is given the time up to it, as
/// the daemon would have.
///
/// An episode is a time in which at least one of both has an alarm raised; it is judged when neither
/// has it raised any more. Memory: one entry for each alarm that was ever raised, at most
/// `alarmCountMax`, with the first `episodesMax` episodes of each.
package struct BackTest: Sendable {
    package static let alarmCountMax = 65_536
    package static let episodesMax = 20

    /// Who raised an alarm in an episode.
    package enum Verdict: String, CaseIterable, Sendable {
        case both, onlyProduction, onlyTrial
    }

    package struct Episode: Equatable, Sendable {
        package var verdict: Verdict
        /// When each of both raised it; nil: never.
        package var production: WallInstant?
        package var trial: WallInstant?
        /// nil: it lasts at the end of the journal.
        package var end: WallInstant?
        /// Whether people were told, or would have been: not of what a suppression kept back.
        package var isTold: [Side: Bool] = [:]
    }

    /// The rules that were in force, or those on trial.
    package enum Side: Hashable, Sendable { case production, trial }

    package struct Alarm: Equatable, Sendable {
        package var alarmID: String
        package var counts: [Verdict: UInt64] = [:]
        /// Of `both`, those that the rules on trial raise earlier, and later.
        package var earlierCount: UInt64 = 0
        package var laterCount: UInt64 = 0
        /// Of `both`, those that only one side tells people of.
        package var onlyTold: [Side: UInt64] = [:]
        package var episodes: [Episode] = []
        package var priority = AlarmPriority.low
    }

    package struct Report: Equatable, Sendable {
        package var recordCount: UInt64 = 0
        /// The first and the last moment that was judged.
        package var begin: WallInstant?
        package var end: WallInstant?
        package var checkpoint: Position?
        package var doubts: ReplayDoubts
        /// Those with an episode, by id.
        package var alarms: [Alarm] = []
        /// Raises of alarms for which there was no room.
        package var untrackedCount: UInt64 = 0
        /// Paths that the rules on trial declare and the journal does not know.
        package var unknownPaths: [String] = []
        /// Episodes of all alarms.
        package var count: [Verdict: UInt64] {
            self.alarms.reduce(into: [:]) { sum, alarm in
                for (verdict, count) in alarm.counts { sum[verdict, default: 0] += count }
            }
        }
    }

    private struct Open {
        var production: WallInstant?
        var trial: WallInstant?
        var isInProduction = false
        var isOnTrial = false
        var isTold: [Side: Bool] = [:]
    }

    private struct Entry {
        var alarm: Alarm
        var open: Open?
    }

    private var entries: [String: Entry] = [:]
    private var untracked: UInt64 = 0

    private init() {}

    /// Runs both over what was recorded since `wall`.
    ///
    /// - Parameters:
    ///   - rules: The rules on trial; their revision must differ from every recorded one's.
    ///   - wall: Episodes that begin before it are left out.
    ///   - stateDirectory: The daemon's.
    ///   - onProgress: Records read so far and the moment reached.
    /// - Returns: nil if there is no journal.
    /// - Throws: `JournalError` if it cannot be read.
    package static func run(
        _ rules: RuleBook, since wall: WallInstant, stateDirectory: String,
        onProgress: (_ records: UInt64, _ at: WallInstant) -> Void
    ) throws -> Report? {
        let files = ReplayFiles(stateDirectory: stateDirectory)
        guard var production = try files.begin(before: wall) else { return nil }
        let shelf = TrialShelf(rules, files.revisions)
        guard var trial = try files.begin(before: wall, book: { shelf.rules(of: $0) }) else {
            return nil
        }
        shelf.isOpen.store(true, ordering: .relaxed)
        let first = production.nextN
        var report = Report(doubts: ReplayDoubts(nextN: first, production.doubt))
        report.checkpoint = production.checkpoint
        var test = BackTest()
        Self.change(&trial.engine, to: rules.revision, n: first > 1 ? first - 1 : 1)
        test.adopt(production.engine, trial.engine)
        try JournalFeed(folder: files.journalFolder).each(from: first, below: UInt64.max) { event in
            switch event {
            case .progress: onProgress(report.recordCount, report.end ?? wall)
            case .damage(let damage): report.doubts.add(.damage("\(damage)"))
            }
        } _: { slot, n, _ in
            if let time = slot.recordedAt {
                let at = production.engine.wall(of: time)
                if report.begin == nil, at >= wall {
                    report.begin = at
                    test.beginRange()
                }
                report.end = at
                Self.catchUp(&trial.engine, to: time, n: n) { test.note($0, $1, isTrial: true) }
            }
            production.engine.apply(slot, n: n)
            trial.engine.apply(slot, n: n)
            Self.take(&production.engine) { test.note($0, $1, isTrial: false) }
            Self.take(&trial.engine) { test.note($0, $1, isTrial: true) }
            report.doubts.follow(n, production.engine)
            report.recordCount += 1
            return true
        }
        if report.begin == nil { report.doubts.add(.nothingInRange) }
        report.alarms = test.finish()
        report.untrackedCount = test.untracked
        report.unknownPaths = rules.declaredPaths.filter { trial.engine.index(ofPath: $0) == nil }
        return report
    }

    // MARK: - Engines

    /// Puts the rules on trial in force.
    private static func change(_ engine: inout AlarmEngine, to revision: String, n: UInt64) {
        let head = Slot(kind: .configuration, arrival: engine.now)
        let payload = HexDigits.bytes(revision) ?? []
        for slot in ControlRecord.slots(head: head, payload: payload) { engine.apply(slot, n: n) }
        engine.takeDecisions { _ in }
    }

    /// Lets the time up to a record pass for timers that no tick was recorded for.
    ///
    /// A deadline that ends with the very arrival of the record gives way to it: so does the
    /// daemon's, whose tick comes behind it.
    private static func catchUp(
        _ engine: inout AlarmEngine, to arrival: MonotonicInstant, n: UInt64,
        _ body: (borrowing AlarmEngine, Decision) -> Void
    ) {
        guard arrival > .zero else { return }
        let time = MonotonicInstant(nanoseconds: arrival.nanoseconds - 1)
        guard time > engine.now, engine.needsTick(at: time) else { return }
        engine.apply(Slot(kind: .tick, arrival: time), n: n)
        self.take(&engine, body)
    }

    private static func take(
        _ engine: inout AlarmEngine, _ body: (borrowing AlarmEngine, Decision) -> Void
    ) {
        guard engine.hasDecisions else { return }
        var taken: [Decision] = []
        engine.takeDecisions { taken.append($0) }
        for decision in taken { body(engine, decision) }
    }

    // MARK: - Episodes

    /// Alarms that are raised when the comparison begins.
    private mutating func adopt(_ production: borrowing AlarmEngine, _ trial: borrowing AlarmEngine)
    {
        for (path, index) in zip(production.paths, 0...) {
            self.adopt(production, path, index, isTrial: false)
            self.adopt(trial, path, index, isTrial: true)
        }
    }

    private mutating func adopt(
        _ engine: borrowing AlarmEngine, _ path: String, _ index: Int, isTrial: Bool
    ) {
        for row in engine.alarmRange(of: index) {
            let live = engine.liveAlarm(row)
            guard live.state.isRaised else { continue }
            let name = engine.ruleBook.alarmName(live.kind, rule: live.rule)
            self.raised("\(path):\(name)", live.priority, at: live.raisedAt, isTrial: isTrial)
            if live.suppression.isEmpty { self.told("\(path):\(name)", isTrial: isTrial) }
        }
    }

    private mutating func note(
        _ engine: borrowing AlarmEngine, _ decision: Decision, isTrial: Bool
    ) {
        switch decision.kind {
        case .alarmRaised, .alarmRaisedSuppressed:
            let id = Self.id(engine, decision)
            if !decision.stateFrom.isRaised {
                self.raised(id, decision.priority, at: decision.wall, isTrial: isTrial)
            }
            // Later, too: when nothing keeps it back any more.
            if decision.kind == .alarmRaised { self.told(id, isTrial: isTrial) }
        case .alarmReturned, .alarmReturnedSuppressed:
            self.returned(Self.id(engine, decision), at: decision.wall, isTrial: isTrial)
        default: break
        }
    }

    private static func id(_ engine: borrowing AlarmEngine, _ decision: Decision) -> String {
        let index = Int(decision.sensor.rawValue)
        guard index < engine.sensorCount else { return "?" }
        return "\(engine.path(of: index)):\(engine.alarmName(of: decision))"
    }

    private mutating func raised(
        _ id: String, _ priority: AlarmPriority, at wall: WallInstant, isTrial: Bool
    ) {
        var entry: Entry
        if let known = self.entries[id] {
            entry = known
        } else {
            guard self.entries.count < Self.alarmCountMax else {
                self.untracked += 1
                return
            }
            entry = Entry(alarm: Alarm(alarmID: id), open: nil)
        }
        entry.alarm.priority = max(entry.alarm.priority, priority)
        var open = entry.open ?? Open()
        if isTrial {
            open.isOnTrial = true
            open.trial = open.trial ?? wall
        } else {
            open.isInProduction = true
            open.production = open.production ?? wall
        }
        entry.open = open
        self.entries[id] = entry
    }

    private mutating func told(_ id: String, isTrial: Bool) {
        self.entries[id]?.open?.isTold[isTrial ? .trial : .production] = true
    }

    private mutating func returned(_ id: String, at wall: WallInstant, isTrial: Bool) {
        guard var entry = self.entries[id], var open = entry.open else { return }
        if isTrial { open.isOnTrial = false } else { open.isInProduction = false }
        entry.open = open
        if !open.isOnTrial, !open.isInProduction { Self.close(&entry, end: wall) }
        self.entries[id] = entry
    }

    private static func close(_ entry: inout Entry, end: WallInstant?) {
        guard let open = entry.open else { return }
        entry.open = nil
        let verdict: Verdict =
            open.production == nil ? .onlyTrial : open.trial == nil ? .onlyProduction : .both
        entry.alarm.counts[verdict, default: 0] += 1
        if let production = open.production, let trial = open.trial {
            if trial < production { entry.alarm.earlierCount += 1 }
            if trial > production { entry.alarm.laterCount += 1 }
            switch (open.isTold[.production] ?? false, open.isTold[.trial] ?? false) {
            case (true, false): entry.alarm.onlyTold[.production, default: 0] += 1
            case (false, true): entry.alarm.onlyTold[.trial, default: 0] += 1
            case (true, true), (false, false): break
            }
        }
        if entry.alarm.episodes.count < Self.episodesMax {
            var episode = Episode(
                verdict: verdict, production: open.production, trial: open.trial, end: end)
            if open.production != nil {
                episode.isTold[.production] = open.isTold[.production] ?? false
            }
            if open.trial != nil { episode.isTold[.trial] = open.isTold[.trial] ?? false }
            entry.alarm.episodes.append(episode)
        }
    }

    /// What ended before the time that was asked for is forgotten; what lasts counts.
    private mutating func beginRange() {
        for (id, entry) in self.entries {
            guard let open = entry.open else {
                self.entries[id] = nil
                continue
            }
            var alarm = Alarm(alarmID: id)
            alarm.priority = entry.alarm.priority
            self.entries[id] = Entry(alarm: alarm, open: open)
        }
        self.untracked = 0
    }

    private mutating func finish() -> [Alarm] {
        for (id, entry) in self.entries where entry.open != nil {
            var entry = entry
            Self.close(&entry, end: nil)
            self.entries[id] = entry
        }
        return self.entries.values.map(\.alarm).filter { !$0.counts.isEmpty }
            .sorted { $0.alarmID < $1.alarmID }
    }
}

/// Gives the recorded rules while the beginning is made, and those on trial from then on.
///
/// A configuration that was put in force in production changes nothing on trial.
private final class TrialShelf: Sendable {
    let isOpen = Atomic<Bool>(false)
    private let trial: RuleBook
    private let revisions: Revisions

    init(_ trial: RuleBook, _ revisions: Revisions) {
        self.trial = trial
        self.revisions = revisions
    }

    func rules(of revision: String) -> RuleBook? {
        guard self.isOpen.load(ordering: .relaxed) else {
            return self.revisions.rules(of: revision)
        }
        return self.trial
    }
}
