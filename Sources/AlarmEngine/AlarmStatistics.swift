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

    /// An alarm by the number of its sensor and its kind.
    package struct Key: Hashable, Sendable {
        package var sensor: SensorIndex
        package var kind: AlarmKind
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
        package var floods: [Flood]
        package var floodCount: UInt64
        package var floodNanoseconds: UInt64
        package var chattering: [Key]
        package var fleetingCount: UInt64
        package var standing: [Key]
        package var topTen: [(key: Key, count: UInt64)]
        package var untracked: UInt64
    }

    package static let alarmCountMax = 65_536
    /// Floods that are remembered one by one.
    package static let floodsMax = 64
    private static let bucketNanoseconds: UInt64 = 10_000_000_000
    private static let bucketCount = 60

    private struct Entry {
        var count: UInt64 = 0
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
    private var flood: Flood?
    private var floods: [Flood] = []
    private var floodCount: UInt64 = 0
    private var floodNanoseconds: UInt64 = 0

    package init(limits: Limits = Limits()) { self.limits = limits }

    /// Takes one decision; decisions come in the order in which they were made.
    package mutating func note(_ decision: Decision) {
        let key = Key(sensor: decision.sensor, kind: decision.alarm)
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
            if let oldest = self.oldestOfChatter(entry),
                now.nanosecondsSince(oldest) <= self.limits.chatteringNanoseconds
            {
                chattering.append(key)
            }
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
            floods: self.floods + (self.flood.map { [$0] } ?? []), floodCount: self.floodCount,
            floodNanoseconds: self.floodNanoseconds
                + (self.flood.map { now.nanosecondsSince($0.begin) } ?? 0),
            chattering: chattering.sorted { Self.order($0) < Self.order($1) },
            fleetingCount: fleeting, standing: standing.sorted { Self.order($0) < Self.order($1) },
            topTen: top.prefix(10).map { ($0.key, $0.value.count) }, untracked: self.untracked)
    }

    // MARK: - Private

    private static func order(_ key: Key) -> UInt64 {
        UInt64(key.sensor.rawValue) << 8 | UInt64(key.kind.rawValue)
    }

    private func oldestOfChatter(_ entry: Entry) -> MonotonicInstant? {
        entry.recent.count < self.limits.chatteringCount ? nil : entry.recent.last
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
        entry.recent.insert(decision.time, at: 0)
        if entry.recent.count > self.limits.chatteringCount { entry.recent.removeLast() }
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
