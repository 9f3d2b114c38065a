// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

/// One sensor as the engine knows it.
///
/// Part of the checkpoint format.
struct SensorState: BitwiseCopyable {
    /// What the deadline counts from: the last live arrival, or the registration.
    var deadlineBase: MonotonicInstant
    var deadlineNanoseconds: UInt64
    /// Added to the deadline until a live reading is seen: once after a restart, once for our lag.
    var graceNanoseconds: UInt64 = 0
    /// Last live reading.
    var lastArrival = MonotonicInstant.zero
    /// The same by the calendar, from the anchor of that moment: engine time stands still while
    /// Midwatch is down, the calendar does not.
    ///
    /// 0 before the first anchor.
    var lastArrivalWall: Int64 = 0
    var valueBits: UInt64 = 0
    var lastSourceTime = Slot.noSourceTime
    var lastN: UInt64 = Slot.noPrevious
    /// Newest accepted source time, live or not.
    var newestSourceTime = Slot.noSourceTime
    /// What the sender's clock is worth, and a run of readings that put it in doubt.
    var clock = SenderClock()
    var suspects = SuspectRun()
    var readingCount: UInt64 = 0
    /// Readings since the last live one that went to history only.
    var backlogCount: UInt64 = 0
    var firstAlarm: UInt32 = 0
    var alarmCount: UInt32 = 0
    /// Rows of the alarm table that belong to the sensor; those behind `alarmCount` are vacant.
    var alarmRows: UInt32 = 0
    var timer: UInt32 = 0
    var source = SourceIndex.own
    var freshness = Freshness.neverReceived
    var quality = Quality.good
    var sourceTimeStatus = SourceTimeStatus.absent
    var valueKind = ValueKind.float64
    var supervision = SupervisionMode.periodic
    var isDeclared = false
    var isRetired = false
    /// The grace of a restart was given (RULES 20).
    var hasRestartGrace = false
    /// The time that our own lag gives beyond its extension was given (RULES 21).
    var hasLagGrace = false
    /// The value of the last live reading cannot be used: not finite, or quality bad.
    var isUnknown = false

    init(deadlineBase: MonotonicInstant, deadlineNanoseconds: UInt64) {
        self.deadlineBase = deadlineBase
        self.deadlineNanoseconds = deadlineNanoseconds
    }

    /// Bytes that a checkpoint must hold a known case in.
    static var byteFields: [ByteField] {
        [
            ByteField(\Self.freshness), ByteField(\Self.quality),
            ByteField(\Self.sourceTimeStatus), ByteField(\Self.valueKind),
            ByteField(\Self.supervision), ByteField(\Self.isDeclared),
            ByteField(\Self.isRetired), ByteField(\Self.hasRestartGrace),
            ByteField(\Self.hasLagGrace), ByteField(\Self.isUnknown),
            ByteField(\Self.suspects.kind),
        ]
    }

    /// Source time of the last live reading, if it is worth anything.
    var shownSourceTime: Int64 {
        self.sourceTimeStatus == .accepted ? self.lastSourceTime : Slot.noSourceTime
    }

    /// When silence makes the sensor stale, without the monitor's own lag.
    var deadline: MonotonicInstant {
        self.deadlineBase.advanced(byNanoseconds: self.deadlineNanoseconds)
            .advanced(byNanoseconds: self.graceNanoseconds)
    }
}

/// One alarm of one sensor.
///
/// Part of the checkpoint format.
struct AlarmRecord: BitwiseCopyable {
    enum Pending: UInt8, BitwiseCopyable, CaseIterable { case none, onDelay, offDelay }

    var rule: AlarmRule
    var machine = AlarmMachine()
    var result = ConditionResult.error
    var pending = Pending.none
    var pendingDue = MonotonicInstant.zero
    var timer: UInt32 = 0
    var sensor: SensorIndex
    var activation = DecisionID.none
    var activationCount: UInt64 = 0
    var raisedAt = MonotonicInstant.zero
    var lastTransition = MonotonicInstant.zero
    /// Since when the condition is unknown while the alarm is held; zero if it is known.
    var heldSince = MonotonicInstant.zero
    // The three instants by the calendar, for people.
    var raisedWall: Int64 = 0
    var lastTransitionWall: Int64 = 0
    var heldSinceWall: Int64 = 0
    var triggerBits: UInt64 = 0
    var worst: Double = 0

    init(rule: AlarmRule, sensor: SensorIndex) {
        self.rule = rule
        self.sensor = sensor
    }

    var isRaised: Bool { self.machine.state.isRaised }

    /// Bytes that a checkpoint must hold a known case in.
    static var byteFields: [ByteField] {
        [
            ByteField(\Self.rule.kind), ByteField(\Self.rule.priority),
            ByteField(\Self.rule.isLatching), ByteField(\Self.machine.state),
            ByteField(\Self.result), ByteField(\Self.pending),
        ]
    }
}

/// Timers that are due, in the order in which they fire: by deadline, then by owner.
///
/// The owner, not the timer, breaks ties: timers are numbered anew after a restart.
///
/// A binary heap over flat memory.
struct DueHeap: ~Copyable, Sendable {
    struct Entry: BitwiseCopyable {
        var due: MonotonicInstant
        /// Index of a sensor (even) or of an alarm (odd): index << 1 | isAlarm.
        var owner: UInt32

        static func < (lhs: Entry, rhs: Entry) -> Bool {
            (lhs.due, lhs.owner) < (rhs.due, rhs.owner)
        }
    }

    private var entries: [Entry] = []

    var first: Entry? { self.entries.first }
    var count: Int { self.entries.count }

    mutating func push(_ entry: Entry) {
        self.entries.append(entry)
        var child = self.entries.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard self.entries[child] < self.entries[parent] else { return }
            self.entries.swapAt(child, parent)
            child = parent
        }
    }

    mutating func popFirst() -> Entry? {
        guard let first = self.entries.first, let last = self.entries.popLast() else { return nil }
        guard !self.entries.isEmpty else { return first }
        self.entries[0] = last
        var parent = 0
        while true {
            var child = 2 * parent + 1
            guard child < self.entries.count else { return first }
            if child + 1 < self.entries.count, self.entries[child + 1] < self.entries[child] {
                child += 1
            }
            guard self.entries[child] < self.entries[parent] else { return first }
            self.entries.swapAt(child, parent)
            parent = child
        }
    }
}
