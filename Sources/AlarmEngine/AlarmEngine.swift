// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// The judge: freshness, conditions and alarms of every sensor, as a pure function of its inputs.
///
/// `apply` takes the records of the journal in order; nothing else reaches the engine, and it reads
/// no clock. The same records give the same decisions, byte for byte, so any moment can be
/// reconstructed by feeding the journal back.
///
/// Invariants
/// 1. Engine time never decreases. A reading moves it to max(engine time, arrival) and fires no
///    timer; only a tick record fires timers, in the order of their deadlines.
/// 2. `advance(a)` then `advance(b)` equals `advance(b)`: a timer acts at its own deadline, not at
///    the tick's time, and timers that a timer arms act in the same tick if they are due.
/// 3. A reading that is not live touches no freshness, no condition and no timer.
/// 4. Unknown is never "not met": it holds the alarm state.
///
/// Owned by one thread. Memory grows when sensors are registered, never per reading.
package struct AlarmEngine: ~Copyable, Sendable {
    /// Decisions that may wait before the caller must take them.
    package static let decisionCapacity = 4_096

    // State of the engine; what the checkpoint holds.
    var time: MonotonicInstant
    /// The latest instant that records rest on: arrivals, and deadlines that passed.
    ///
    /// What is judged by engine time is judged by this: where the last tick stood depends on how
    /// often somebody looked, and a tick that does nothing is not recorded.
    var established = MonotonicInstant.zero
    var epoch: UInt32 = 0
    var anchorEngine = MonotonicInstant.zero
    var anchorWall: Int64 = 0
    /// Until when a deadline may be extended because the monitor itself was late.
    var lagUntil = MonotonicInstant.zero
    var sensors: FlatTable<SensorState>
    var sensorDetails: FlatTable<SensorDetail>
    var alarms: FlatTable<AlarmRow>
    var details: FlatTable<AlarmDetail>
    var sources: FlatTable<SourceState>
    var names: PathTable
    package internal(set) var sourceNames: [String] = []
    /// Where each name stands among them.
    var sourcePlaces: [String: Int] = [:]
    /// Nonce of the last canary reading.
    package internal(set) var canaryNonce: UInt64 = 0

    // Working memory.
    private let inPlace = InPlace()
    var rules: RuleBook { didSet { self.sourceTimes = self.rules.sourceTimes } }
    /// Of the rules in force: a copy, so that no reading counts references.
    var sourceTimes: SourceTimeBounds
    let book: @Sendable (_ revision: String) -> RuleBook?
    var ruleTable = RuleTable()
    var links = SuppressionLinks()
    /// Raised alarms (details) whose suppression is to be judged again; empty between records.
    var unsettled: Set<UInt32> = []
    /// Where rows of alarms went (row → row, `AlarmRow.noDetail` for none); empty but while sensors
    /// are bound to other rules.
    var movedRows: [UInt32: UInt32] = [:]
    /// Sources that are lost.
    var lostCount = 0
    /// Of each sensor the source that its declaration puts it behind, `own` for none; empty if no
    /// declaration does.
    var pins: FlatTable<SourceIndex>
    /// Sensors that are to be put behind a source which is not registered yet, by its name.
    var pinsWaiting: [String: [UInt32]] = [:]
    /// Sensors by their sources; made again of the tables.
    var members = SourceMembers()
    /// Details that no alarm uses.
    var freeDetails = NumberHeap()
    /// The rules bound to the sensors they fit.
    var conditions: ConditionTable
    /// Sensors with a rule that errs, or erred until now; empty between records.
    var erring: [UInt32] = []
    /// Names of alarms that rules make, each once; the first, empty, is that of every other alarm.
    var alarmNames = [""]
    var nameNumbers: [String: UInt32] = ["": 0]
    /// Number of the mode that an area is in, by its name; part of the checkpoint.
    var areaModes: [String: UInt8] = [:]
    var wheel: TimerWheel
    var due = DueHeap()
    var expired: FlatTable<UInt32>
    /// Timer number → `TimerOwner`.
    var timerOwners: FlatTable<UInt32>
    /// Timers whose conditions are gone.
    var spareTimers: [UInt32] = []
    var window: RedeliveryWindow
    var assembler = ControlAssembler()
    var decisions: FlatTable<Decision>
    var position = Position.zero
    var ordinal: UInt32 = 0
    /// A tick that is not finished because the decisions filled up.
    var pendingTick: MonotonicInstant?
    /// Timers that it may still fire.
    var pendingTimers: UInt64 = 0
    var counters = EngineCounters()
    /// A checkpoint that is being copied.
    var image: CheckpointImage?
    /// Off in tests alone, which compare the long way of a reading, or of a configuration that is in
    /// force already, with the short one.
    var takesShortcut = true
    /// The command that was applied last, for the decision that answers it.
    package internal(set) var lastCommand: OperatorCommand?
    /// The configuration record that was applied last, and the revision before it: for the decision
    /// that says so.
    var lastOrder: ConfigurationOrder?
    var revisionBefore = ""

    /// An engine that knows no sensor.
    ///
    /// - Parameters:
    ///   - rules: The rules in force until a configuration record names others.
    ///   - reservingSensors: Sensors for which memory is taken at once.
    ///   - book: Finds the rules of a revision that a configuration record names; nil if its text
    ///     is not to be had, which keeps the rules in force and is counted.
    package init(
        rules: RuleBook, reservingSensors: Int = 1_024,
        book: @escaping @Sendable (_ revision: String) -> RuleBook?
    ) {
        self.time = .zero
        self.rules = rules
        self.sourceTimes = rules.sourceTimes
        self.book = book
        self.conditions = ConditionTable(rules.ruleSet)
        self.sensors = FlatTable(reserving: reservingSensors)
        self.sensorDetails = FlatTable(reserving: reservingSensors)
        self.alarms = FlatTable(reserving: reservingSensors * 6)
        self.names = PathTable(reserving: reservingSensors)
        // As `reserveForAlarms` will: tables that grow leave holes in memory.
        self.details = FlatTable(reserving: reservingSensors)
        self.sources = FlatTable(reserving: 64)
        self.pins = FlatTable(reserving: 1)
        self.wheel = TimerWheel(start: .zero, reserving: reservingSensors * 2)
        self.expired = FlatTable(reserving: reservingSensors)
        self.timerOwners = FlatTable(reserving: reservingSensors * 2)
        self.decisions = FlatTable(reserving: Self.decisionCapacity + 256)
        self.window = RedeliveryWindow()
    }

    /// Engine time: the latest arrival or tick.
    package var now: MonotonicInstant { self.time }

    /// The paths of all sensors, in the order of their numbers; made anew at each call.
    package var paths: [String] { self.names.all }

    /// Sensors that were ever registered.
    package var sensorCount: Int { self.sensors.count }

    /// Alarms of all sensors.
    package var alarmCount: Int { self.alarms.count }

    /// What the engine counted since it was made.
    package var counts: EngineCounters { self.counters }

    /// Whether the caller must take decisions before `apply` is called again.
    package var isFull: Bool { self.pendingTick != nil }

    /// Whether decisions wait to be taken.
    package var hasDecisions: Bool { self.decisions.count > 0 }

    /// When to look at `needsTick` again; nil if nothing is armed.
    package func nextWake() -> MonotonicInstant? { self.wheel.nextWake() }

    /// Takes one record of the journal.
    ///
    /// - Parameters:
    ///   - slot: The record; its `link` is ignored.
    ///   - n: Its number. Numbers ascend within an epoch; a number may be missing after a gap.
    package mutating func apply(_ slot: Slot, n: UInt64) {
        precondition(self.pendingTick == nil, "decisions were not taken")
        self.position = Position(epoch: self.epoch, n: n)
        self.ordinal = 0
        guard slot.kindRaw != SlotKind.reading.rawValue else {
            self.applyReading(slot, n: n)
            if !self.unsettled.isEmpty { self.settleSuppressions(at: slot.arrival) }
            return
        }
        switch slot.kind {
        case .tick: self.advance(to: slot.arrival, most: slot.aux == 0 ? .max : slot.aux)
        case .registerSensor, .registerSource, .command, .configuration, .sessionBegin,
            .continuation:
            if let record = self.assembler.push(slot, n: n) {
                self.applyControl(record)
                self.settleSuppressions(at: record.head.arrival)
            }
        case .start: self.applyStart(slot)
        case .stop: self.applyStop(slot)
        case .clockAnchor:
            self.moveTime(to: slot.arrival)
            self.anchorEngine = slot.arrival
            self.anchorWall = slot.sourceTime
        case .clockStep: self.applyClockStep(slot)
        case .lagObserved: self.applyLag(slot)
        case .lossObserved, .gap: self.applyLoss(slot)
        case .sourceEvidence: self.applyEvidence(slot)
        case .sessionChange: self.moveTime(to: slot.arrival)
        case .padding, .empty, .reading: break
        case nil: self.counters.unknownRecords &+= 1
        }
        self.settleSuppressions(at: slot.arrival)
    }

    /// Whether a tick at `now` would do anything.
    ///
    /// Moves timers whose deadline went on since they were armed; that has no effect that anyone
    /// can see, so it is not an input and is not recorded.
    package mutating func needsTick(at now: MonotonicInstant) -> Bool {
        self.collectDue(upTo: now)
        guard let first = self.due.first else { return false }
        return first.due <= now
    }

    /// Fires the timers due by `now`, `most` of them; returns early when the decisions are full.
    ///
    /// A tick that leaves timers for the next one moves time no further than it came.
    mutating func advance(to now: MonotonicInstant, most: UInt64) {
        self.pendingTick = nil
        self.collectDue(upTo: now)
        var left = most
        while let entry = self.due.first, entry.due <= now {
            guard left > 0 else { return }
            guard self.decisions.count < Self.decisionCapacity else {
                self.pendingTick = now
                self.pendingTimers = left
                return
            }
            _ = self.due.popFirst()
            // What moved on since it was collected does not count: when somebody looked is no input.
            if self.fire(entry) { left -= 1 }
            // Only what this timer armed can be due now; a look at all that stand in the tick of
            // `now` after each one would cost the square of a plant that falls silent at once.
            if self.wheel.hasArmed(upTo: now) { self.collectDue(upTo: now) }
        }
        // Not `established`: this tick may be one of many, or one for many.
        self.time = max(self.time, now)
    }

    /// Hands out the decisions made so far and forgets them; goes on with an unfinished tick.
    package mutating func takeDecisions(_ body: (Decision) -> Void) {
        while true {
            for index in 0..<self.decisions.count { body(self.decisions[index]) }
            self.decisions.removeAll()
            guard let tick = self.pendingTick else { return }
            self.advance(to: tick, most: self.pendingTimers)
        }
    }

    // MARK: - Time

    /// A record arrived, or a deadline passed, at `instant`.
    mutating func moveTime(to instant: MonotonicInstant) {
        self.established = max(self.established, instant)
        self.time = max(self.time, instant)
    }

    /// Wall time of an engine instant, by the last anchor; 0 before the first one.
    package func wall(of instant: MonotonicInstant) -> WallInstant {
        guard self.anchorWall != 0 else { return WallInstant(nanoseconds: 0) }
        let delta = Int64(bitPattern: instant.nanoseconds &- self.anchorEngine.nanoseconds)
        return WallInstant(nanoseconds: self.anchorWall &+ delta)
    }

    // MARK: - Decisions

    /// Completes `decision` with its identity and wall time and queues it.
    mutating func decide(_ decision: Decision) {
        var decision = decision
        decision.id = DecisionID(position: self.position, ordinal: self.ordinal)
        decision.wall = self.wall(of: decision.time)
        self.ordinal += 1
        self.decisions.append(decision)
        self.counters.decisions &+= 1
    }

    /// The identity that the next decision will get.
    var nextDecisionID: DecisionID { DecisionID(position: self.position, ordinal: self.ordinal) }
}

/// Plain counts of what the engine did; a value, copied out by its owner.
package struct EngineCounters: Sendable, BitwiseCopyable, Equatable {
    package var evaluated: UInt64 = 0
    /// Readings of Midwatch's own sensors; `evaluated` does not count them.
    package var ownEvaluated: UInt64 = 0
    /// Times a sensor turned unverified because Midwatch itself was late.
    package var unverifiedByLag: UInt64 = 0
    package var redelivered: UInt64 = 0
    package var notLive: UInt64 = 0
    /// Readings that could raise but neither refresh nor clear: of the same instant as the last
    /// live one, or judged more than a deadline after they arrived.
    package var raiseOnly: UInt64 = 0
    package var unknownValues: UInt64 = 0
    package var decisions: UInt64 = 0
    package var unknownRecords: UInt64 = 0
    package var unknownSensors: UInt64 = 0
    package var missingRevisions: UInt64 = 0
    package var sourceClocksRebased: UInt64 = 0
    package var alarmsRaised: UInt64 = 0
    /// Of them those that something kept back.
    package var alarmsRaisedSuppressed: UInt64 = 0
    /// Times that people were told of an alarm: raises, re-alarms, ends of a suppression.
    package var annunciations: UInt64 = 0
    package var sourcesLost: UInt64 = 0
    package var alarmsReturned: UInt64 = 0

    package init() {}
}
