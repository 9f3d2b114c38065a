// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import Glibc
import Journal
import MidwatchModel
import NamedThread
import StateFolder
import Synchronization

/// The last readings before this start, read back from the journal: what an alert right after a
/// restart shows of the time before it.
///
/// A thread of its own reads, beside the start, which never waits for it. It reads forward through
/// the last `recordCountMax` records and gives up after `nanosecondsMax`: what it read by then lacks
/// the newest readings, and is not shown. What was not reached says `notReached`.
///
/// Beside the last readings of every sensor it keeps those that stood before the alarms that are
/// told again, or told to others, after the start.
///
/// `@unchecked Sendable`: the thread alone writes, and `isRead` releases what it wrote; from then on
/// nobody writes.
final class EarlierReadings: @unchecked Sendable {
    /// Records before the start that are looked through: 64 MiB.
    static let recordCountMax: UInt64 = 1 << 20
    /// After this time the look back is given up.
    static let nanosecondsMax: UInt64 = 10_000_000_000
    /// Decisions before which the readings are kept as they stood.
    static let decisionCountMax = 1_024
    /// Clock anchors that are kept; one is, where the wall clock went its own way.
    static let anchorCountMax = 4_096
    /// A clock that is slewed moves less between two anchors that are kept.
    private static let anchorNanosecondsMin: UInt64 = 1_000_000
    private static let niceness: Int32 = 10
    /// Records between two looks at the clock.
    private static let recordsPerLook: UInt64 = 4_096
    /// A look at whether it is done, by somebody who waits.
    private static let pauseNanoseconds: UInt64 = 2_000_000

    /// A decision before this start whose alert may be told again.
    struct Wanted: Sendable {
        var id: DecisionID
        var sensor: SensorIndex
    }

    /// Engine time and calendar time at one moment.
    private struct Anchor {
        var engine: MonotonicInstant
        var wall: Int64

        func wall(of instant: MonotonicInstant) -> WallInstant {
            let delta = Int64(bitPattern: instant.nanoseconds &- self.engine.nanoseconds)
            return WallInstant(nanoseconds: self.wall &+ delta)
        }
    }

    private var recent = RecentReadings()
    private var anchors: [Anchor] = []
    private var histories: [DecisionID: ReadingHistory] = [:]
    private var firstArrival = MonotonicInstant.zero
    private var firstAt: WallInstant?
    private var isWhole = true
    private var isDamaged = false
    private var isGivenUp = false
    private let done = Atomic<Bool>(false)

    /// Whether the look back is over.
    var isRead: Bool { self.done.load(ordering: .acquiring) }

    // MARK: Reading back

    /// Begins to read what lies below number `end`; `wanted` are decisions, the newest count.
    ///
    /// The thread is not joined: a disk may hold it.
    func read(
        folder: String, below end: UInt64, wanted: [Wanted],
        recordCountMax: UInt64 = EarlierReadings.recordCountMax,
        now: @escaping @Sendable () -> MonotonicInstant = {
            MonotonicInstant(nanoseconds: EngineClock.running())
        }
    ) {
        do throws(ThreadRefusal) {
            try NamedThread.detach("look-back") {
                // Of this thread alone: the start goes first where processors are few.
                setpriority(Int32(PRIO_PROCESS.rawValue), 0, Self.niceness)
                self.look(folder, end, wanted, recordCountMax, now)
                self.done.store(true, ordering: .releasing)
            }
        } catch {
            // The monitor goes on without it, and its alerts say so.
            self.isGivenUp = true
            self.done.store(true, ordering: .releasing)
        }
    }

    /// Waits until the look back is over, at most the given time.
    func wait(nanoseconds: UInt64) {
        let pause = WakeWord()
        for _ in 0..<nanoseconds / Self.pauseNanoseconds {
            if self.isRead { return }
            pause.sleep(nanoseconds: Self.pauseNanoseconds)
        }
    }

    private func look(
        _ folder: String, _ end: UInt64, _ wanted: [Wanted], _ recordCountMax: UInt64,
        _ now: () -> MonotonicInstant
    ) {
        let deadline = now().advanced(byNanoseconds: Self.nanosecondsMax)
        var decisions = wanted.sorted { $0.id.position.n < $1.id.position.n }
            .suffix(Self.decisionCountMax)
        do {
            guard let oldest = try JournalReader.oldest(directory: folder) else { return }
            let first = max(oldest.n, end > recordCountMax ? end - recordCountMax : 0)
            self.isWhole = first <= 1
            while let next = decisions.first, next.id.position.n < first { decisions.removeFirst() }
            var met: [(Wanted, ReadingHistory)] = []
            try JournalFeed(folder: folder).each(from: first, below: end) { event in
                if case .damage = event { self.isDamaged = true }
            } _: { slot, n, _ in
                if n % Self.recordsPerLook == 0, now() > deadline {
                    self.isGivenUp = true
                    return false
                }
                self.note(slot)
                while let next = decisions.first, next.id.position.n <= n {
                    if let history = self.kept(of: next.sensor) { met.append((next, history)) }
                    decisions.removeFirst()
                }
                return true
            }
            for (decision, history) in met {
                self.histories[decision.id] = history
                self.histories[decision.id]?.isReadBack = true
            }
        } catch {
            self.isGivenUp = true
        }
        self.firstAt = self.anchors.first.map { $0.wall(of: self.firstArrival) }
    }

    private func note(_ slot: Slot) {
        if slot.kindRaw == SlotKind.reading.rawValue {
            if self.firstArrival == .zero { self.firstArrival = slot.arrival }
            self.recent.note(slot)
            return
        }
        switch slot.kind {
        case .clockAnchor, .start:
            guard slot.sourceTime != Slot.noSourceTime else { return }
            self.note(Anchor(engine: slot.arrival, wall: slot.sourceTime))
        default: break
        }
    }

    private func note(_ anchor: Anchor) {
        if let last = self.anchors.last {
            let drift = anchor.wall &- last.wall(of: anchor.engine).nanoseconds
            guard drift.magnitude >= Self.anchorNanosecondsMin else { return }
        }
        if self.anchors.count == Self.anchorCountMax {
            self.anchors.removeFirst(Self.anchorCountMax / 2)
        }
        self.anchors.append(anchor)
    }

    private func kept(of sensor: SensorIndex) -> ReadingHistory? {
        self.recent.extract(of: sensor) { self.wall(of: $0) }
    }

    /// Engine time stands still while Midwatch does not run; the calendar does not.
    private func wall(of instant: MonotonicInstant) -> WallInstant {
        let anchor = self.anchors.last { $0.engine <= instant } ?? self.anchors.first
        return anchor?.wall(of: instant) ?? WallInstant(nanoseconds: 0)
    }

    // MARK: What it found

    /// `later` with what came before it and before this start, so far as an alert has room for it.
    func complete(_ later: ReadingHistory?, of sensor: SensorIndex) -> ReadingHistory? {
        let count = later?.readings.count ?? 0
        guard count < RecentReadings.depth, sensor != .none else { return later }
        var whole = later ?? ReadingHistory()
        if self.isRead, !self.isGivenUp, let earlier = self.kept(of: sensor) {
            whole.readings =
                earlier.readings.suffix(RecentReadings.depth - count) + whole.readings
            whole.lastGood = whole.lastGood ?? earlier.lastGood
            whole.isReadBack = true
        }
        if whole.readings.count < RecentReadings.depth { whole.notReached = self.notReached }
        return whole.readings.isEmpty && whole.notReached == nil ? nil : whole
    }

    /// The readings before a decision of a run before this one.
    func history(before id: DecisionID) -> ReadingHistory? {
        guard self.isRead, !self.isGivenUp else {
            return self.notReached.map { ReadingHistory(notReached: $0) }
        }
        var history = self.histories[id] ?? ReadingHistory()
        if history.readings.count < RecentReadings.depth {
            // A decision that nobody asked for in time is one whose readings are not known.
            history.notReached =
                self.notReached
                ?? (history.readings.isEmpty ? "they were not looked for after the restart" : nil)
        }
        return history.readings.isEmpty && history.notReached == nil ? nil : history
    }

    /// What is not known of the time before this start, in words; nil if all of it is.
    private var notReached: String? {
        guard self.isRead else { return "the journal before the restart is still being read" }
        if self.isGivenUp { return "the journal before the restart could not be read in time" }
        var words: [String] = []
        if !self.isWhole {
            words.append(
                self.firstAt.map { "readings before \($0.rfc3339) were not looked for" }
                    ?? "older readings were not looked for")
        }
        if self.isDamaged { words.append("the journal is damaged between them") }
        return words.isEmpty ? nil : words.joined(separator: "; ")
    }
}
