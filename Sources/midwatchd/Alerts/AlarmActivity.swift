// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import JSONText
import MidwatchModel
import OperatorViews
import Synchronization

/// What alarms did lately, followed decision by decision: which are active, which came first, how
/// often each was raised in the last 24 hours.
///
/// It answers what an alert asks about other alarms without a look at tables or disks. Fed with
/// ledger records, by the thread on which effects leave and, for the time before the start, by the
/// one that reads the ledger. Bounded by `alarmCountMax`; alarms beyond it are not followed.
final class AlarmActivity: Sendable {
    static let alarmCountMax = 65_536
    /// Members of one group that are looked through for one alert; the first are the oldest.
    private static let lookedThroughMax = 64
    private static let hourNanoseconds: Int64 = 3_600_000_000_000

    /// An alarm that is active beside another one.
    struct Related: Sendable, Equatable {
        var alarmID: String
        var priority: AlarmPriority
        /// equipment, area, source.
        var relation: String
        var since: WallInstant
        var activation = DecisionID.none
        var isAcknowledged: Bool
    }

    /// What is known when a decision leaves, about the time before it.
    struct Picture: Sendable, Equatable {
        var related: [Related] = []
        var relatedCount = 0
        /// Active alarms of the node, this one included.
        var activeCount = 0
        /// The oldest of this one and its related; nil if the alarm is not active.
        var firstOut: Related?
        /// Raised so often in the last 24 hours, whole hours, this time included.
        var activationsInDay = 0
        /// When the alarm's state changed before this decision.
        var stateSince: WallInstant?
        /// When the activation began.
        var activeSince: WallInstant?
    }

    private struct Entry {
        var activation = DecisionID.none
        var newest = DecisionID.none
        var priority = AlarmPriority.low
        var isActive = false
        var isAcknowledged = false
        var raisedAt = WallInstant(nanoseconds: 0)
        var changedAt: WallInstant?
        var groups: [String] = []
        /// Activations of each of the last 24 hours; the hour of the newest.
        var hours: [24 of UInt16] = .init(repeating: 0)
        var lastHour: Int64 = 0

        mutating func count(at instant: WallInstant) {
            let hour = Self.hour(of: instant)
            self.turn(to: hour)
            guard self.lastHour - hour < 24 else { return }
            let place = Int(hour % 24)
            if self.hours[place] < UInt16.max { self.hours[place] += 1 }
        }

        /// A clock that was never set counts as hour 0.
        private static func hour(of instant: WallInstant) -> Int64 {
            max(0, instant.nanoseconds / AlarmActivity.hourNanoseconds)
        }

        /// Empties the hours that nobody has counted in yet.
        mutating func turn(to hour: Int64) {
            guard hour > self.lastHour else { return }
            for step in 0..<min(24, hour - self.lastHour) {
                self.hours[Int((hour - step) % 24)] = 0
            }
            self.lastHour = hour
        }

        mutating func inDay(at instant: WallInstant) -> Int {
            self.turn(to: Self.hour(of: instant))
            var sum = 0
            for place in 0..<24 { sum += Int(self.hours[place]) }
            return sum
        }
    }

    private struct State {
        var entries: [String: Entry] = [:]
        /// Active alarms of a group, in the order in which they were raised.
        var groups: [String: [String]] = [:]
        var activeCount = 0
    }

    private let state = Mutex(State())

    /// Follows a decision about an alarm and says what was known before it.
    ///
    /// `groups` are its equipment, area and source, in this order; empty texts are none.
    func follow(_ record: AlertRecord, groups: [String]) -> Picture {
        self.state.withLock { state in
            let before = state.entries[record.alarmID]
            var picture = Picture()
            picture.stateSince = before?.changedAt
            self.apply(record, groups, &state)
            var entry = state.entries[record.alarmID]
            picture.activationsInDay = entry?.inDay(at: record.at) ?? 0
            if let entry, entry.raisedAt.nanoseconds != 0 { picture.activeSince = entry.raisedAt }
            picture.activeCount = state.activeCount
            Self.relate(record, groups, state, &picture)
            return picture
        }
    }

    /// Takes a record of a run before this one, in any order with those that are followed.
    func remember(_ record: AlertRecord, groups: [String]) {
        self.state.withLock { self.apply(record, groups, &$0) }
    }

    /// Forgets which alarms are active: a new configuration may have removed them.
    ///
    /// `active` are those that are.
    func reset(active: Set<String>) {
        self.state.withLock { state in
            for (id, entry) in state.entries where entry.isActive && !active.contains(id) {
                Self.leave(id, &state)
            }
        }
    }

    private func apply(_ record: AlertRecord, _ groups: [String], _ state: inout State) {
        let id = record.alarmID
        guard state.entries[id] != nil || state.entries.count < Self.alarmCountMax else { return }
        var entry = state.entries[id] ?? Entry()
        if record.isNewActivation { entry.count(at: record.at) }
        // What is older than what is known already only counts.
        guard record.id > entry.newest else {
            state.entries[id] = entry
            return
        }
        entry.newest = record.id
        entry.priority = record.priority
        if record.isNewActivation { entry.raisedAt = record.at }
        if record.from != record.to { entry.changedAt = record.at }
        entry.activation = record.activation
        entry.isAcknowledged = record.to == .acknowledged
        let wasActive = entry.isActive
        state.entries[id] = entry
        // What a suppression keeps back is no company for anybody.
        let isActive = record.to.isRaised && !record.isSuppressed
        if isActive, !wasActive {
            state.entries[id]?.isActive = true
            state.entries[id]?.groups = groups
            state.activeCount += 1
            for group in groups where !group.isEmpty { state.groups[group, default: []].append(id) }
        } else if !isActive, wasActive {
            Self.leave(id, &state)
        }
    }

    private static func leave(_ id: String, _ state: inout State) {
        guard let entry = state.entries[id], entry.isActive else { return }
        state.entries[id]?.isActive = false
        state.activeCount -= 1
        for group in entry.groups where !group.isEmpty {
            guard var members = state.groups.removeValue(forKey: group) else { continue }
            if let place = members.firstIndex(of: id) { members.remove(at: place) }
            if !members.isEmpty { state.groups[group] = members }
        }
    }

    private static func relate(
        _ record: AlertRecord, _ groups: [String], _ state: State, _ picture: inout Picture
    ) {
        var seen: Set<String> = [record.alarmID]
        var largest = 0
        for (name, group) in zip(["equipment", "area", "source"], groups) where !group.isEmpty {
            let members = state.groups[group] ?? []
            largest = max(largest, members.count)
            for id in members.prefix(Self.lookedThroughMax) {
                guard let entry = state.entries[id], seen.insert(id).inserted else { continue }
                picture.related.append(
                    Related(
                        alarmID: id, priority: entry.priority, relation: name,
                        since: entry.raisedAt, activation: entry.activation,
                        isAcknowledged: entry.isAcknowledged))
            }
        }
        // A group that was not looked through to its end is counted as it is.
        let isAmong = state.entries[record.alarmID]?.isActive == true
        picture.relatedCount = max(picture.related.count, largest - (isAmong ? 1 : 0))
        if isAmong, let entry = state.entries[record.alarmID] {
            let this = Related(
                alarmID: record.alarmID, priority: entry.priority, relation: "this",
                since: entry.raisedAt, activation: entry.activation,
                isAcknowledged: entry.isAcknowledged)
            picture.firstOut = ([this] + picture.related).min {
                ($0.since, $0.activation) < ($1.since, $1.activation)
            }
        }
        picture.related.sort {
            ($1.priority, $0.since, $0.alarmID) < ($0.priority, $1.since, $1.alarmID)
        }
    }
}
