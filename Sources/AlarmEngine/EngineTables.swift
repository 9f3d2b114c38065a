// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

/// One sensor as the engine knows it: what every reading looks at.
///
/// 128 bytes, which `FlatTable` puts on two cache lines: a reading of a sensor that nobody heard of
/// lately waits for these alone. The rest is in `SensorDetail`.
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
    var valueBits: UInt64 = 0
    var lastSourceTime = Slot.noSourceTime
    /// Newest accepted source time, live or not.
    var newestSourceTime = Slot.noSourceTime
    var readingCount: UInt64 = 0
    /// The last live arrival by the calendar, from the anchor of that moment: engine time stands
    /// still while Midwatch is down, the calendar does not.
    ///
    /// 0 before the first anchor.
    var lastArrivalWall: Int64 = 0
    var lastN: UInt64 = Slot.noPrevious
    /// What the sender's clock is worth.
    var clock = SenderClock()
    var quiet = QuietBand.none
    var source = SourceIndex.own
    /// Readings since the last live one that went to history only; stops at its greatest value.
    var backlogCount: UInt32 = 0
    var freshness = Freshness.neverReceived
    var quality = Quality.good
    var sourceTimeStatus = SourceTimeStatus.absent
    var valueKind = ValueKind.float64
    /// What the sender of the last live reading promised; of exception sensors only.
    var promised = PromisedInterval.none
    /// The value of the last live reading cannot be used: not finite, or quality bad.
    var isUnknown = false
    /// The value decides whether alarms are suppressed: it is a mode.
    var isMode = false
    /// A run of readings puts the sender's clock in doubt.
    var isSuspect = false

    // What is looked at when something happens.

    var supervision = SupervisionMode.periodic
    var isDeclared = false
    var isRetired = false
    /// The grace of a restart was given, and no live reading was seen since.
    var hasRestartGrace = false
    /// The time that our own lag gives beyond its extension was given.
    var hasLagGrace = false
    /// A live source is evidence for the sensor.
    var trustsSource = false
    /// Its stale alarm never waits for the verdict about its source.
    var isIndependent = false

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
            ByteField(\Self.isSuspect), ByteField(\Self.trustsSource),
            ByteField(\Self.isIndependent), ByteField(\Self.isMode),
        ]
    }

    /// Source time of the last live reading, if it is worth anything.
    var shownSourceTime: Int64 {
        self.sourceTimeStatus == .accepted ? self.lastSourceTime : Slot.noSourceTime
    }

    /// How long silence may last: the deadline, or what the sender promised if that is sooner.
    ///
    /// A promise gets half of itself for the way, as much as a live reading may be late.
    /// It never makes a deadline longer: what is expected of a sensor is for people to say.
    var silenceNanoseconds: UInt64 {
        guard self.promised.rawValue != 0 else { return self.deadlineNanoseconds }
        let promised = self.promised.nanoseconds
        return min(self.deadlineNanoseconds, promised &+ promised / 2)
    }

    /// When silence makes the sensor stale, without the monitor's own lag.
    var deadline: MonotonicInstant {
        self.deadlineBase.advanced(byNanoseconds: self.silenceNanoseconds)
            .advanced(byNanoseconds: self.graceNanoseconds)
    }
}

/// What is known of a sensor beside its state, in the same order.
///
/// Part of the checkpoint format.
struct SensorDetail: BitwiseCopyable {
    /// Its rows of the alarm table, and its rules in the rule table, in the same order.
    var firstAlarm: UInt32 = 0
    var firstRule: UInt32 = 0
    var timer: UInt32
    var alarmCount: UInt16 = 0
    /// Rows of the alarm table that belong to the sensor; those behind `alarmCount` are vacant.
    var alarmRows: UInt16 = 0
    /// The readings that put the sender's clock in doubt.
    var suspects = SuspectRun()

    init(timer: UInt32) { self.timer = timer }

    /// Bytes that a checkpoint must hold a known case in.
    static var byteFields: [ByteField] { [ByteField(\Self.suspects.kind)] }
}

/// One alarm of one sensor: what every reading looks at that is not quiet.
///
/// Part of the checkpoint format.
struct AlarmRow: BitwiseCopyable {
    enum Pending: UInt8, BitwiseCopyable, CaseIterable { case none, onDelay, offDelay }

    var sensor: UInt32
    /// Its row of the detail table, `noDetail` while nothing ever happened to it.
    var detail = AlarmRow.noDetail
    var machine = AlarmMachine()
    var result = ConditionResult.error
    var pending = Pending.none

    static var noDetail: UInt32 { .max }

    init(sensor: UInt32) { self.sensor = sensor }

    var isRaised: Bool { self.machine.state.isRaised }

    /// Known not to be met, with no delay running and nothing raised.
    var isAtRest: Bool {
        guard case .notMet = self.result, case .none = self.pending else { return false }
        return !self.isRaised
    }

    /// Bytes that a checkpoint must hold a known case in.
    static var byteFields: [ByteField] {
        [
            ByteField(\Self.machine.state), ByteField(\Self.result), ByteField(\Self.pending),
            ByteField(\Self.machine.suppression, most: 7),
        ]
    }
}

/// What is to be remembered of an alarm from the first time that anything happens to it.
///
/// Part of the checkpoint format.
struct AlarmDetail: BitwiseCopyable {
    /// Why an alarm is suppressed by design.
    struct DesignCauses: OptionSet, BitwiseCopyable {
        let rawValue: UInt8
        /// One of its suppression rules.
        static var rule: Self { Self(rawValue: 1 << 0) }
        /// Its source is lost.
        static var source: Self { Self(rawValue: 1 << 1) }
        /// The verdict about its source is awaited.
        static var awaitingSource: Self { Self(rawValue: 1 << 2) }
    }

    /// Its row of the alarm table, `AlarmRow.noDetail` for a detail that is free.
    var row: UInt32
    var timer: UInt32
    /// The row of the alarm that explains this one.
    var causeRow = AlarmRow.noDetail
    var activationCount: UInt32 = 0
    var annunciationCount: UInt32 = 0
    var design: DesignCauses = []
    /// The activation was annunciated.
    var isAnnunciated = false
    var isOneShotShelved = false
    /// Of a lost source: that of the most urgent alarm behind it.
    var priority = AlarmPriority.low
    var pendingDue = MonotonicInstant.zero
    /// When it is to be annunciated again, when a shelving ends, when a wait for the verdict about
    /// its source ends; zero for never.
    var reAlarmDue = MonotonicInstant.zero
    var shelvedUntil = MonotonicInstant.zero
    var heldUntil = MonotonicInstant.zero
    var activation = DecisionID.none
    var raisedAt = MonotonicInstant.zero
    /// Since when the condition is unknown while the alarm is held; zero if it is known.
    var heldSince = MonotonicInstant.zero
    // By the calendar, for people; 0 for never.
    var raisedWall: Int64 = 0
    var returnedWall: Int64 = 0
    var acknowledgedWall: Int64 = 0
    var lastTransitionWall: Int64 = 0
    var heldSinceWall: Int64 = 0
    var triggerBits: UInt64 = 0
    var worst: Double = 0

    init(row: UInt32, timer: UInt32) {
        self.row = row
        self.timer = timer
    }

    /// The earliest of its timers but the delay; zero if none runs.
    var earliestDue: MonotonicInstant {
        var earliest = self.reAlarmDue
        if self.shelvedUntil != .zero, earliest == .zero || self.shelvedUntil < earliest {
            earliest = self.shelvedUntil
        }
        if self.heldUntil != .zero, earliest == .zero || self.heldUntil < earliest {
            earliest = self.heldUntil
        }
        return earliest
    }

    /// Bytes that a checkpoint must hold a known case in.
    static var byteFields: [ByteField] {
        [
            ByteField(\Self.design, most: 7), ByteField(\Self.isAnnunciated),
            ByteField(\Self.isOneShotShelved), ByteField(\Self.priority),
        ]
    }
}

/// One source as the engine knows it: listener, connection, gateway, bus.
///
/// Part of the checkpoint format.
struct SourceState: BitwiseCopyable {
    /// Buckets of the window in which sensors fall silent together.
    static let bucketNanoseconds = SystemLimits.sourceWaitNanoseconds / 4

    /// The source this one is reached through; `SourceIndex.own` for none.
    var behind = SourceIndex.own
    /// The sensor that stands for it, with the alarm of its loss; `SensorIndex.none` for none.
    var sensor = SensorIndex.none
    /// Sensors that spoke through it last, those of sources behind it included.
    var sensorCount: UInt32 = 0
    /// Sensors that fell silent, in buckets from `bucketStart` back.
    var silent: (UInt32, UInt32, UInt32, UInt32) = (0, 0, 0, 0)
    var bucketStart = MonotonicInstant.zero
    var lastArrival = MonotonicInstant.zero
    var lastArrivalWall: Int64 = 0
    var isLost = false
    /// It was heard in this run.
    var isHeard = false
    var lostAt = MonotonicInstant.zero
    /// Sensors that trust it are stale: its next sign of life is theirs, too.
    var hasStaleTrusting = false

    /// Bytes that a checkpoint must hold a known case in.
    static var byteFields: [ByteField] {
        [
            ByteField(\Self.isLost), ByteField(\Self.isHeard), ByteField(\Self.hasStaleTrusting),
        ]
    }

    /// Sensors that fell silent in the last two seconds, this one included.
    mutating func noteSilent(at time: MonotonicInstant) -> UInt32 {
        let buckets = time.nanosecondsSince(self.bucketStart) / Self.bucketNanoseconds
        if self.bucketStart == .zero || buckets >= 4 {
            self.silent = (0, 0, 0, 0)
            self.bucketStart = time
        } else {
            for _ in 0..<buckets {
                self.silent = (0, self.silent.0, self.silent.1, self.silent.2)
                self.bucketStart = self.bucketStart.advanced(byNanoseconds: Self.bucketNanoseconds)
            }
        }
        self.silent.0 &+= 1
        return self.silent.0 &+ self.silent.1 &+ self.silent.2 &+ self.silent.3
    }

    mutating func forgetSilent() { self.silent = (0, 0, 0, 0) }
}
