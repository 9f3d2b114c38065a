// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// The queue of one endpoint: what leaves next, and what an answer means.
///
/// Alerts of one alarm stand in a *lane*; only its head may be under way, so an alarm's alerts
/// arrive in order. Lanes run beside each other, up to `concurrency`; of those that are ready the
/// highest priority goes first, then the oldest. What finds no room is *parked*: it waits in the
/// store, and later alerts of its alarm wait behind it.
///
/// Invariants
/// 1. A lane is never empty, and at most its head is under way.
/// 2. Every alert in memory is in exactly one lane and in `live`.
/// 3. A lane that is not under way has one valid entry in `ready` or in `waiting`.
/// 4. At most one call is under way while the breaker is not closed or the endpoint is paused,
///    beside those that left before.
///
/// Not promised: anything across two endpoints; each has a machine of its own.
package struct EndpointQueueMachine: Sendable {
    /// As what the head of a lane left.
    enum Probe: Sendable { case none, breaker, paused }

    struct Lane: Sendable {
        private(set) var items: ArraySlice<QueuedAlert>
        /// The highest among `items`: an urgent alert behind a lesser one lifts the whole lane.
        private(set) var priority: AlarmPriority
        var isUnderWay = false
        var probe = Probe.none
        var notBefore: MonotonicInstant
        /// The entry with this token is the valid one.
        var token: UInt64 = 0

        init(_ item: QueuedAlert) {
            self.items = [item]
            self.priority = item.alert.priority
            self.notBefore = item.notBefore
        }

        mutating func append(_ item: QueuedAlert) {
            self.items.append(item)
            self.priority = max(self.priority, item.alert.priority)
        }

        mutating func replaceHead(_ item: QueuedAlert) {
            self.items[self.items.startIndex] = item
        }

        /// Returns what was removed and whether it was the head; nil if `order` is not here.
        mutating func remove(order: UInt64) -> (item: QueuedAlert, isHead: Bool)? {
            guard let index = self.items.firstIndex(where: { $0.order == order }) else {
                return nil
            }
            let isHead = index == self.items.startIndex
            let item = isHead ? self.items.removeFirst() : self.items.remove(at: index)
            // Ends at the first element when all are alike, which is the rule.
            if !self.items.contains(where: { $0.alert.priority == self.priority }) {
                self.priority = self.items.reduce(.low) { max($0, $1.alert.priority) }
            }
            return (item, isHead)
        }
    }

    /// What a reader of the store cannot know: the rows show the moment at which it was read.
    private struct Reading: Sendable {
        /// Orders that left memory since: their rows may still say that they are pending.
        var left: Set<UInt64> = []
        /// The lowest order parked since.
        var parkedFrom: UInt64?
    }

    struct Ready: Comparable, Sendable {
        var priority: AlarmPriority
        var order: UInt64
        var key: UInt64
        var token: UInt64

        static func < (lhs: Self, rhs: Self) -> Bool {
            lhs.priority != rhs.priority
                ? lhs.priority > rhs.priority : lhs.order < rhs.order
        }
    }

    /// An instant beside a lane's key or an alert's order.
    struct Due: Comparable, Sendable {
        var at: MonotonicInstant
        var subject: UInt64
        var token: UInt64 = 0

        static func < (lhs: Self, rhs: Self) -> Bool {
            (lhs.at, lhs.subject) < (rhs.at, rhs.subject)
        }
    }

    package let concurrency: Int
    let queueCountMax: Int
    let queueBytesMax: Int

    var lanes: [UInt64: Lane] = [:]
    /// Order of each alert in memory, and the key of its lane.
    var live: [UInt64: UInt64] = [:]
    var ready = BinaryHeap<Ready>()
    var waiting = BinaryHeap<Due>()
    var expiring = BinaryHeap<Due>()
    var oldest = BinaryHeap<Due>()
    var oldestCritical = BinaryHeap<Due>()
    var nextToken: UInt64 = 1
    var bytes = 0
    var urgentCount = 0
    package internal(set) var underWayCount = 0
    package internal(set) var breaker = CircuitBreaker()
    package internal(set) var condition = EndpointCondition.usable
    /// The endpoint asked for patience until then.
    var throttledUntil = MonotonicInstant.zero
    var isPausedProbeUnderWay = false
    var ladder: RetryLadder
    var pace: SendPace
    var budget = RetryBudget()
    /// The whole of a first attempt.
    let timeoutNanoseconds: UInt64

    /// Alarms with alerts that only the store holds.
    package internal(set) var parkedAlarms: Set<UInt64> = []
    /// Alerts of an alarm read back from the store that come before this sequence are superseded.
    var floors: [UInt64: UInt64] = [:]
    /// The store holds alerts from this order on that are not in memory; nil if it holds none.
    package internal(set) var parkedFrom: UInt64?
    /// What happened since the store was asked; nil while nobody reads it.
    private var reading: Reading?

    /// An empty queue; `concurrency` calls under way at once, `seed` for the jitter.
    package init(
        concurrency: Int, queueCountMax: Int = DeliveryLimits.queueCountMax,
        queueBytesMax: Int = DeliveryLimits.queueBytesMax,
        callsPerSecondMax: Int = DeliveryLimits.callsPerSecondMax,
        timeoutNanoseconds: UInt64 = DeliveryLimits.firstAttemptNanosecondsMax, seed: UInt64
    ) {
        precondition(concurrency > 0 && queueCountMax > 0 && queueBytesMax > 0, "queue bounds")
        self.concurrency = concurrency
        self.queueCountMax = queueCountMax
        self.queueBytesMax = queueBytesMax
        self.ladder = RetryLadder(seed: seed)
        self.pace = SendPace(callsPerSecond: callsPerSecondMax)
        self.timeoutNanoseconds = timeoutNanoseconds
    }

    // MARK: Queries

    /// Alerts in memory, those under way included.
    package var count: Int { self.live.count }

    /// When the alert that waits longest was taken.
    package mutating func oldestTakenAt() -> MonotonicInstant? {
        self.oldest.smallest { self.live[$0.subject] != nil }?.at
    }

    /// When the critical alert that waits longest was taken.
    package mutating func oldestCriticalTakenAt() -> MonotonicInstant? {
        self.oldestCritical.smallest { self.live[$0.subject] != nil }?.at
    }

    package func holds(order: UInt64) -> Bool { self.live[order] != nil }

    /// Whether anything of an alarm waits, here or in the store.
    package func holds(alarmKey: UInt64) -> Bool {
        self.lanes[alarmKey] != nil || self.parkedAlarms.contains(alarmKey)
    }

    // MARK: Admission

    /// Whether an alert of `priority` finds room and nothing of its alarm waits in the store.
    ///
    /// The last quarter is for critical alerts, the second half for high ones: a flood of lesser
    /// alerts cannot send the urgent ones the long way through the store.
    package func admits(_ alert: Alert) -> Bool {
        !self.parkedAlarms.contains(alert.alarmKey) && self.hasRoom(for: alert)
    }

    /// Whether the memory bounds leave room for `alert`.
    package func hasRoom(for alert: Alert) -> Bool {
        let share =
            switch alert.priority {
            case .low, .medium: self.queueCountMax / 2
            case .high: self.queueCountMax / 4 * 3
            case .critical: self.queueCountMax
            }
        return self.count < max(share, 1)
            && self.bytes + alert.body.count <= self.queueBytesMax
    }

    /// Puts an alert at the end of its lane.
    package mutating func enqueue(_ item: QueuedAlert, now: MonotonicInstant) {
        precondition(self.live[item.order] == nil, "order given twice")
        let key = item.alert.alarmKey
        self.live[item.order] = key
        self.bytes += item.alert.body.count
        if item.alert.priority >= .high { self.urgentCount += 1 }
        self.expiring.push(Due(at: item.expiresAt, subject: item.order))
        self.oldest.push(Due(at: item.takenAt, subject: item.order))
        if item.alert.priority == .critical {
            self.oldestCritical.push(Due(at: item.takenAt, subject: item.order))
        }
        if let priority = self.lanes[key]?.priority {
            self.lanes[key]?.append(item)
            if item.alert.priority > priority { self.makeReady(key, now: now) }
        } else {
            self.lanes[key] = Lane(item)
            self.makeReady(key, now: now)
        }
    }

    /// The store holds `order` of `alarmKey`, and memory does not.
    package mutating func park(alarmKey: UInt64, order: UInt64) {
        self.parkedAlarms.insert(alarmKey)
        self.parkedFrom = min(self.parkedFrom ?? order, order)
        if let reading = self.reading {
            self.reading?.parkedFrom = min(reading.parkedFrom ?? order, order)
        }
    }

    package enum Coalescing: Sendable, Equatable {
        /// The alert stands in memory, in place of `superseded` if that is given.
        case queued(superseded: QueuedAlert?)
        /// No room at all: neither here nor in the store.
        case refused
    }

    /// Takes an alert that neither the bounds of memory nor the store have room for.
    ///
    /// The newest state of each alarm is kept: an older alert of the alarm that has not left is
    /// replaced and named in `superseded`. An alarm without one is let over the bound, so that
    /// memory is bounded by the number of alarms; only past `DeliveryLimits.coalescedCountMax`
    /// alerts or four times the bytes is one refused.
    package mutating func coalesce(_ item: QueuedAlert, now: MonotonicInstant) -> Coalescing {
        let key = item.alert.alarmKey
        if self.parkedAlarms.contains(key) { self.setFloor(key, item.alert.sequence) }
        if let lane = self.lanes[key], let last = lane.items.last,
            lane.items.count > 1 || !lane.isUnderWay
        {
            var item = item
            item.supersede(last)
            item.notBefore = lane.notBefore
            self.remove(order: last.order, from: key, now: now)
            self.enqueue(item, now: now)
            return .queued(superseded: last)
        }
        guard self.count < self.queueCountMax + DeliveryLimits.coalescedCountMax,
            self.bytes + item.alert.body.count <= 4 * self.queueBytesMax
        else { return .refused }
        self.enqueue(item, now: now)
        return .queued(superseded: nil)
    }

    /// Alerts of `alarmKey` below `sequence` that come back from the store are superseded.
    package mutating func setFloor(_ alarmKey: UInt64, _ sequence: UInt64) {
        guard self.floors[alarmKey] != nil || self.floors.count < DeliveryLimits.notedAlarmCountMax
        else { return }
        self.floors[alarmKey] = max(self.floors[alarmKey] ?? 0, sequence)
    }

    /// Everything in memory.
    var items: [QueuedAlert] { self.lanes.values.flatMap(\.items) }

    /// The store holds nothing any more: its file was damaged.
    mutating func forgetStore() {
        self.reading = nil
        self.parkedFrom = nil
        self.parkedAlarms.removeAll()
        self.floors.removeAll()
    }

    /// Forgets which alarms have gone ahead, unless the store still holds older alerts.
    mutating func forgetFloors() {
        if self.parkedFrom == nil { self.floors.removeAll() }
    }

    /// Whether a newer alert of its alarm has gone ahead.
    func isOvertaken(_ alert: Alert) -> Bool {
        self.floors[alert.alarmKey].map { alert.sequence < $0 } ?? false
    }

    package enum Return: Sendable, Equatable {
        case queued
        /// A newer alert of its alarm has gone ahead.
        case superseded
        /// It is in memory already, or was when the store was asked and has left since.
        case known
        /// No room: it and what follows stay parked.
        case full
    }

    /// The store is about to be asked for what is parked.
    ///
    /// Ends with `tookBack` or `readingFailed`. What leaves memory meanwhile is remembered, which is
    /// at most what memory holds now and what operators send again: what is accepted from now on
    /// stands behind the question.
    package mutating func beginReading() { self.reading = Reading() }

    /// Whether the store was asked and has not answered.
    package var isReading: Bool { self.reading != nil }

    /// The store did not answer; everything stays parked.
    package mutating func readingFailed() { self.reading = nil }

    /// An alert comes back from the store.
    package mutating func takeBack(_ item: QueuedAlert, now: MonotonicInstant) -> Return {
        if self.live[item.order] != nil || self.reading?.left.contains(item.order) == true {
            return .known
        }
        if !item.isRevived, let floor = self.floors[item.alert.alarmKey],
            item.alert.sequence < floor
        {
            return .superseded
        }
        // One share for all: what comes back comes in order, whatever its priority.
        guard self.count < self.queueCountMax, self.bytes < self.queueBytesMax else {
            return .full
        }
        self.enqueue(item, now: now)
        return .queued
    }

    /// The store answered, and everything before `next` was taken back.
    ///
    /// - Parameter next: The lowest order that may still be parked; nil if the answer held all.
    package mutating func tookBack(before next: UInt64?) {
        let parkedSince = self.reading?.parkedFrom
        self.reading = nil
        self.parkedFrom = [next, parkedSince].compactMap(\.self).min()
        if self.parkedFrom == nil {
            self.parkedAlarms.removeAll()
            self.floors.removeAll()
        }
    }

    // MARK: Helpers

    mutating func makeReady(_ key: UInt64, now: MonotonicInstant) {
        guard let lane = self.lanes[key], let head = lane.items.first, !lane.isUnderWay else {
            return
        }
        let token = self.nextToken
        self.nextToken += 1
        self.lanes[key]?.token = token
        if lane.notBefore <= now {
            self.ready.push(
                Ready(priority: lane.priority, order: head.order, key: key, token: token))
        } else {
            self.waiting.push(Due(at: lane.notBefore, subject: key, token: token))
        }
    }

    /// Takes an alert out of memory and lets its lane go on.
    mutating func remove(order: UInt64, from key: UInt64, now: MonotonicInstant) {
        guard let (item, isHead) = self.lanes[key]?.remove(order: order) else {
            preconditionFailure("alert \(order) is not in its lane")
        }
        self.live[order] = nil
        self.reading?.left.insert(order)
        self.bytes -= item.alert.body.count
        if item.alert.priority >= .high { self.urgentCount -= 1 }
        if let next = self.lanes[key]?.items.first {
            if isHead {
                self.lanes[key]?.isUnderWay = false
                self.lanes[key]?.notBefore = next.notBefore
                self.makeReady(key, now: now)
            }
        } else {
            self.lanes[key] = nil
        }
        self.compact()
    }

    private mutating func compact() {
        let live = self.live
        self.expiring.compact(liveCount: live.count) { live[$0.subject] != nil }
        self.oldest.compact(liveCount: live.count) { live[$0.subject] != nil }
        self.oldestCritical.compact(liveCount: live.count) { live[$0.subject] != nil }
        let lanes = self.lanes
        self.ready.compact(liveCount: lanes.count) { lanes[$0.key]?.token == $0.token }
        self.waiting.compact(liveCount: lanes.count) { lanes[$0.subject]?.token == $0.token }
    }
}
