// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// The figures of ISA-18.2 about alarms, kept up to date decision by decision.
///
/// Fed with the engine's decisions, or with those that a replay makes again; holds nothing of the
/// engine. Only what was annunciated counts: what a suppression kept back is no load on anybody.
/// Re-alarms are counted apart.
///
/// Memory: one entry for each alarm that was ever annunciated, at most `alarmCountMax`.
package struct AlarmStatistics: Sendable {
    /// Where the figures begin to matter; the starting values of the guides.
    package struct Limits: Sendable, Equatable {
        package var chatteringCount = 3
        package var chatteringNanoseconds: UInt64 = 60_000_000_000
        package var fleetingNanoseconds: UInt64 = 10_000_000_000
        package var standingNanoseconds: UInt64 = 24 * 3_600 * 1_000_000_000
        /// A flood begins with more than this many annunciations in ten minutes, and ends with
        /// fewer than `floodEnd`.
        package var floodBegin: UInt32 = 10
        package var floodEnd: UInt32 = 5

        package init() {}
    }

    /// An alarm by the number of its sensor, its kind, and the number of its name.
    package struct Key: Hashable, Sendable {
        package var sensor: SensorIndex
        package var kind: AlarmKind
        package var name: UInt32 = 0
    }

    package struct Flood: Sendable, Equatable {
        package var begin: MonotonicInstant
        /// nil while it lasts.
        package var end: MonotonicInstant?
        package var annunciations: UInt64
        /// Most annunciations in ten minutes.
        package var peak: UInt32
    }

    package struct Report: Sendable {
        package var annunciations: UInt64
        package var reAlarms: UInt64
        package var byPriority: [AlarmPriority: UInt64]
        package var inTenMinutes: UInt32
        /// Most annunciations in any ten minutes.
        package var peakInTenMinutes: UInt32
        /// Ten minutes by the clock with more annunciations than begin a flood.
        package var slotsOver: UInt64
        package var floods: [Flood]
        package var floodCount: UInt64
        package var floodNanoseconds: UInt64
        package var chattering: [Key]
        /// Alarms that chattered at any time, and how many times each began to.
        package var chatteredEver: [(key: Key, count: UInt64)]
        package var fleetingCount: UInt64
        package var standing: [Key]
        package var topTen: [(key: Key, count: UInt64)]
        package var untracked: UInt64
    }

    /// What matters while it happens.
    package struct Live: Sendable, Equatable {
        package var inTenMinutes: UInt32 = 0
        package var isFlood = false
        package var floodCount: UInt64 = 0
        package var floodNanoseconds: UInt64 = 0
        package var chatteringCount: UInt64 = 0
        package var fleetingCount: UInt64 = 0

        package init() {}
    }

    package static let alarmCountMax = 65_536
    /// Floods that are remembered one by one.
    package static let floodsMax = 64
    private static let bucketNanoseconds: UInt64 = 10_000_000_000
    private static let bucketCount = 60

    private struct Entry {
        var count: UInt64 = 0
        /// Times that it began to chatter.
        var chatterCount: UInt64 = 0
        /// The last activations, newest first; as many as chattering needs.
        var recent: [MonotonicInstant] = []
        var raisedAt = MonotonicInstant.zero
        var isRaised = false
        var wasAcknowledged = false
        /// It came and went at this time without anybody's doing; counted if it stays away.
        var blipAt: MonotonicInstant?
    }

    package let limits: Limits
    private var entries: [Key: Entry] = [:]
    private var annunciations: UInt64 = 0
    private var reAlarms: UInt64 = 0
    private var fleeting: UInt64 = 0
    private var untracked: UInt64 = 0
    private var byPriority: [AlarmPriority: UInt64] = [:]
    private var buckets = [UInt32](repeating: 0, count: AlarmStatistics.bucketCount)
    private var bucket: UInt64 = 0
    private var inWindow: UInt32 = 0
    private var peak: UInt32 = 0
    /// Number of the ten minutes by the clock, what it has so far, and how many had too many.
    private var slot: UInt64 = 0
    private var inSlot: UInt32 = 0
    private var slotsOver: UInt64 = 0
    private var flood: Flood?
    private var floods: [Flood] = []
    private var floodCount: UInt64 = 0
    private var floodNanoseconds: UInt64 = 0

    package init(limits: Limits = Limits()) { self.limits = limits }

    /// Takes one decision; decisions come in the order in which they were made.
    package mutating func note(_ decision: Decision) {
        let key = Key(sensor: decision.sensor, kind: decision.alarm, name: decision.name)
        switch decision.kind {
        case .alarmRaised:
            self.advance(to: decision.time)
            if decision.cause == .reAlarm {
                self.reAlarms += 1
                self.entries[key]?.wasAcknowledged = false
            } else {
                self.raised(key, decision)
            }
        case .alarmReturned: self.returned(key, at: decision.time)
        case .alarmAcknowledged: self.entries[key]?.wasAcknowledged = true
        default: break
        }
    }

    /// Lets time pass: a flood ends also when nothing happens.
    package mutating func advance(to time: MonotonicInstant) {
        let target = time.nanoseconds / Self.bucketNanoseconds
        while self.bucket < target {
            if self.inWindow == 0, self.flood == nil {
                self.bucket = target
                return
            }
            self.bucket += 1
            let place = Int(self.bucket % UInt64(Self.bucketCount))
            self.inWindow -= self.buckets[place]
            self.buckets[place] = 0
            let now = MonotonicInstant(nanoseconds: self.bucket &* Self.bucketNanoseconds)
            if let flood = self.flood, self.inWindow < self.limits.floodEnd {
                self.end(flood, at: now)
            }
        }
    }

    /// Counts from `time` on: what was counted before is forgotten, what lasts goes on.
    package mutating func beginPeriod(at time: MonotonicInstant) {
        self.advance(to: time)
        for (key, entry) in self.entries {
            var entry = entry
            entry.count = 0
            entry.chatterCount = 0
            entry.blipAt = nil
            self.entries[key] = entry
        }
        self.annunciations = 0
        self.reAlarms = 0
        self.fleeting = 0
        self.untracked = 0
        self.byPriority = [:]
        self.peak = self.inWindow
        self.slot = 0
        self.inSlot = 0
        self.slotsOver = 0
        self.floods = []
        self.floodCount = self.flood == nil ? 0 : 1
        self.floodNanoseconds = 0
        // Of a flood that lasts only what is still to come counts.
        self.flood?.begin = time
    }

    /// What matters while it happens, at `now`.
    ///
    /// - Complexity: O(alarms that were ever annunciated).
    package mutating func live(at now: MonotonicInstant) -> Live {
        self.advance(to: now)
        var live = Live()
        live.inTenMinutes = self.inWindow
        live.isFlood = self.flood != nil
        live.floodCount = self.floodCount
        live.floodNanoseconds =
            self.floodNanoseconds + (self.flood.map { now.nanosecondsSince($0.begin) } ?? 0)
        live.fleetingCount = self.fleeting
        for entry in self.entries.values where self.isChattering(entry, at: now) {
            live.chatteringCount += 1
        }
        return live
    }

    /// The figures at `now`.
    package mutating func report(at now: MonotonicInstant) -> Report {
        self.advance(to: now)
        var fleeting = self.fleeting
        var chattering: [Key] = []
        var standing: [Key] = []
        for (key, entry) in self.entries {
            if let blip = entry.blipAt, !entry.isRaised,
                now.nanosecondsSince(blip) > self.limits.chatteringNanoseconds
            {
                fleeting += 1
            }
            if self.isChattering(entry, at: now) { chattering.append(key) }
            if entry.isRaised,
                now.nanosecondsSince(entry.raisedAt) > self.limits.standingNanoseconds
            {
                standing.append(key)
            }
        }
        let top = self.entries.sorted {
            ($1.value.count, Self.order($0.key)) < ($0.value.count, Self.order($1.key))
        }
        return Report(
            annunciations: self.annunciations, reAlarms: self.reAlarms,
            byPriority: self.byPriority, inTenMinutes: self.inWindow,
            peakInTenMinutes: self.peak,
            slotsOver: self.slotsOver + (self.inSlot > self.limits.floodBegin ? 1 : 0),
            floods: self.floods + (self.flood.map { [$0] } ?? []), floodCount: self.floodCount,
            floodNanoseconds: self.floodNanoseconds
                + (self.flood.map { now.nanosecondsSince($0.begin) } ?? 0),
            chattering: chattering.sorted { Self.order($0) < Self.order($1) },
            chatteredEver: top.filter { $0.value.chatterCount > 0 }
                .map { ($0.key, $0.value.chatterCount) },
            fleetingCount: fleeting, standing: standing.sorted { Self.order($0) < Self.order($1) },
            topTen: top.prefix { $0.value.count > 0 }.prefix(10).map { ($0.key, $0.value.count) },
            untracked: self.untracked)
    }

    // MARK: - Private

    private static func order(_ key: Key) -> UInt64 {
        UInt64(key.sensor.rawValue) << 32 | UInt64(key.kind.rawValue) << 24
            | UInt64(key.name & 0xFF_FFFF)
    }

    private func isChattering(_ entry: Entry, at now: MonotonicInstant) -> Bool {
        guard entry.recent.count >= self.limits.chatteringCount, let oldest = entry.recent.last
        else { return false }
        return now.nanosecondsSince(oldest) <= self.limits.chatteringNanoseconds
    }

    private mutating func raised(_ key: Key, _ decision: Decision) {
        self.annunciations += 1
        self.byPriority[decision.priority, default: 0] += 1
        self.countInWindow(at: decision.time)
        guard self.entries[key] != nil || self.entries.count < Self.alarmCountMax else {
            self.untracked += 1
            return
        }
        var entry = self.entries[key] ?? Entry()
        if let blip = entry.blipAt,
            decision.time.nanosecondsSince(blip) > self.limits.chatteringNanoseconds
        {
            self.fleeting += 1
        }
        entry.blipAt = nil
        entry.count += 1
        let wasChattering = self.isChattering(entry, at: decision.time)
        entry.recent.insert(decision.time, at: 0)
        if entry.recent.count > self.limits.chatteringCount { entry.recent.removeLast() }
        if !wasChattering, self.isChattering(entry, at: decision.time) { entry.chatterCount += 1 }
        entry.raisedAt = decision.time
        entry.isRaised = true
        entry.wasAcknowledged = false
        self.entries[key] = entry
    }

    private mutating func returned(_ key: Key, at time: MonotonicInstant) {
        guard var entry = self.entries[key], entry.isRaised else { return }
        entry.isRaised = false
        let isShort = time.nanosecondsSince(entry.raisedAt) <= self.limits.fleetingNanoseconds
        let isAlone =
            entry.recent.count < 2
            || entry.recent[0].nanosecondsSince(entry.recent[1]) > self.limits.chatteringNanoseconds
        entry.blipAt = isShort && isAlone && !entry.wasAcknowledged ? time : nil
        self.entries[key] = entry
    }

    private mutating func countInWindow(at time: MonotonicInstant) {
        self.buckets[Int(self.bucket % UInt64(Self.bucketCount))] += 1
        self.inWindow += 1
        self.peak = max(self.peak, self.inWindow)
        let slot = time.nanoseconds / (Self.bucketNanoseconds * UInt64(Self.bucketCount))
        if slot != self.slot {
            if self.inSlot > self.limits.floodBegin { self.slotsOver += 1 }
            self.slot = slot
            self.inSlot = 0
        }
        self.inSlot += 1
        if self.flood == nil, self.inWindow > self.limits.floodBegin {
            self.flood = Flood(
                begin: time, end: nil, annunciations: UInt64(self.inWindow), peak: self.inWindow)
            self.floodCount += 1
        } else if var flood = self.flood {
            flood.annunciations += 1
            flood.peak = max(flood.peak, self.inWindow)
            self.flood = flood
        }
    }

    private mutating func end(_ flood: Flood, at time: MonotonicInstant) {
        var flood = flood
        flood.end = time
        self.floodNanoseconds += time.nanosecondsSince(flood.begin)
        self.flood = nil
        if self.floods.count == Self.floodsMax { self.floods.removeFirst() }
        self.floods.append(flood)
    }
}
