// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import Journal
import Logging
import MidwatchModel
import ReadingRing
import Synchronization

/// The engine's end of the ring: records in, decisions out.
///
/// The thread owns the engine. A tick is not acted on when its time comes but offered to the ring
/// and acted on when it comes back as a record: so every input has one place in one sequence, and
/// silence never overtakes a reading that was already received.
final class EngineLoop: Sendable {
    /// Lateness of the loop that is told to the engine as our own lag.
    static let lagMinNanoseconds: UInt64 = 50_000_000
    /// Lateness below it is not noted.
    private static let latenessMinNanoseconds: UInt64 = 1_000_000
    /// Screens are at most this old while the ring is never empty.
    private static let publishNanoseconds: UInt64 = 20_000_000
    /// How often what stands for sources is shown anew without a decision about it.
    private static let sourcesNanoseconds: UInt64 = 1_000_000_000
    private static let batchMax = 256
    /// Readings by which sensors are asked for ahead: a line is there after some 100 ns.
    private static let foresight = 16
    /// Timers that one tick fires: when a plant falls silent at once, readings are evaluated in between.
    private static let timersPerTick: UInt64 = 256
    /// Of a checkpoint, copied in one turn of the loop: some 50 microseconds.
    private static let checkpointSliceBytes = 262_144
    /// A due tick that finds no place in the ring is not tried without a pause.
    private static let parkNanosecondsMin: UInt64 = 100_000

    private let ring: ReadingRing
    private let staging: JournalStaging
    private let gate: EffectGate
    private let live: LiveState
    private let clock: EngineClock
    private let progress: StageProgress
    private let checkpoints: CheckpointWriter
    private let latency: LatencyHistogram
    /// What operators ask of the engine's state.
    let questions = EngineQuestions()
    private let stop = StopFlag()
    private let slips = Atomic<UInt64>(0)
    private let worstLateness = Atomic<UInt64>(0)

    init(
        ring: ReadingRing, staging: JournalStaging, gate: EffectGate, live: LiveState,
        clock: EngineClock, progress: StageProgress, checkpoints: CheckpointWriter,
        latency: LatencyHistogram
    ) {
        self.ring = ring
        self.staging = staging
        self.gate = gate
        self.live = live
        self.clock = clock
        self.progress = progress
        self.checkpoints = checkpoints
        self.latency = latency
    }

    /// Ticks that were more than `lagMinNanoseconds` late.
    var tickSlipCount: UInt64 { self.slips.load(ordering: .relaxed) }

    /// The worst lateness since the last call: of the loop itself, or of a record that waited for it.
    ///
    /// Any thread, one at a time.
    func takeWorstLateness() -> UInt64 { self.worstLateness.exchange(0, ordering: .relaxed) }

    private func note(lateness: UInt64) {
        // Less is no lateness that anyone could notice, and the exchange costs.
        guard lateness >= Self.latenessMinNanoseconds else { return }
        self.worstLateness.max(lateness, ordering: .relaxed)
    }

    func requestStop() {
        self.stop.set()
        self.ring.wake(.engine)
    }

    /// What one turn of the loop needs to remember.
    private struct Turn: ~Copyable {
        var dirty = DirtySet()
        var lastPublish = MonotonicInstant.zero
        var lastSources = MonotonicInstant.zero
        var lastTickCheck = MonotonicInstant.zero
        /// A tick stands in the ring and has not come back.
        var tickInFlight = false
        /// Lateness that found no place in the ring yet: no tick may overtake it.
        var owedLag: UInt64 = 0
        /// Continuations of a control record that was not evaluated to its end.
        var continuationsDue = 0
        /// When the next turn should begin at the latest, if this thread gets its time.
        var expectedBy = MonotonicInstant.distantFuture
        var namesChanged = true
        /// What is published next shows decisions.
        var hasDecided = true
        /// Readings of the batch before this turn, and when the first of them arrived.
        var readings: UInt64 = 0
        var firstArrival = MonotonicInstant.zero
        var epoch: UInt32 = 0
        var recent = RecentReadings()

        /// Keeps count of control records, which may stand in the ring in part.
        mutating func follow(_ slot: Slot) {
            switch slot.kind {
            case .continuation: self.continuationsDue -= self.continuationsDue > 0 ? 1 : 0
            case .registerSensor, .registerSource, .command, .configuration, .sessionBegin:
                let bytes = min(slot.payloadHash, UInt64(SystemLimits.controlPayloadBytesMax))
                self.continuationsDue = ControlRecord.slotCount(payloadBytes: Int(bytes)) - 1
            default: break
            }
            self.namesChanged = true
        }
    }

    /// Runs until everything in the ring at the stop is evaluated.
    ///
    /// Engine thread.
    func run(_ engine: consuming AlarmEngine, epoch: UInt32) {
        var reader = self.ring.reader(.engine)
        var turn = Turn()
        turn.epoch = epoch
        // The opening stands in the ring: until it is applied the restored sensors look as fresh as
        // they were, and nobody may see that.
        let opening = reader.available(max: Self.batchMax)
        precondition(opening > 0, "the opening is offered before the engine runs")
        self.evaluate(&engine, reader, opening, &turn)
        reader.release(opening)
        self.publishAll(engine, &turn)
        while true {
            self.progress.beat()
            let now = self.clock.now()
            if turn.readings > 0 {
                self.latency.record(from: turn.firstArrival, to: now, count: turn.readings)
                turn.readings = 0
            }
            self.tick(&engine, &turn, now: now)
            self.keepCheckpoint(&engine, reader, turn, now: now)
            if self.questions.isAsked { self.questions.answerOne(engine, now: now) }
            let count = reader.available(max: Self.batchMax)
            if count > 0 {
                self.progress.setBacklog(UInt64(count))
                self.progress.attempt()
                self.note(lateness: now.nanosecondsSince(reader.slot(0).arrival))
                self.evaluate(&engine, reader, count, &turn)
                reader.release(count)
                if now.nanosecondsSince(turn.lastPublish) >= Self.publishNanoseconds {
                    self.publish(engine, &turn, now: now)
                }
                continue
            }
            self.progress.setBacklog(0)
            self.publish(engine, &turn, now: now)
            if self.stop.isSet, reader.next == self.ring.head { break }
            if engine.isCopyingCheckpoint { continue }
            let wake = min(
                engine.nextWake() ?? .distantFuture, now.advanced(byNanoseconds: 250_000_000))
            turn.expectedBy = max(wake, now)
            self.ring.park(
                .engine,
                timeoutNanoseconds: max(wake.nanosecondsSince(now), Self.parkNanosecondsMin))
        }
        let position = Position(epoch: epoch, n: reader.next - 1)
        self.checkpoints.submit(engine.checkpoint(after: position), position: position)
    }

    /// Begins a checkpoint when one is due and copies on at one that was begun, a slice a turn.
    private func keepCheckpoint(
        _ engine: inout AlarmEngine, _ reader: borrowing RingReader, _ turn: borrowing Turn,
        now: MonotonicInstant
    ) {
        if engine.isCopyingCheckpoint {
            if let image = engine.continueCheckpoint(bytes: Self.checkpointSliceBytes) {
                self.checkpoints.submit(image)
            }
            return
        }
        // Not within a control record: its first slots are not in a checkpoint.
        guard turn.continuationsDue == 0, reader.next > self.ring.firstSequence,
            self.checkpoints.isDue(now)
        else { return }
        engine.beginCheckpoint(after: Position(epoch: turn.epoch, n: reader.next - 1))
    }

    /// Tells the engine when this loop itself was late, then offers a tick if one would do anything.
    private func tick(_ engine: inout AlarmEngine, _ turn: inout Turn, now: MonotonicInstant) {
        let lateness = now.nanosecondsSince(turn.expectedBy)
        turn.expectedBy = now
        self.note(lateness: lateness)
        if lateness >= Self.lagMinNanoseconds {
            self.slips.wrappingAdd(1, ordering: .relaxed)
            turn.owedLag = max(turn.owedLag, lateness)
        }
        if turn.owedLag > 0 {
            var lag = Slot(kind: .lagObserved, arrival: now)
            lag.valueBits = turn.owedLag
            guard self.ring.offer(lag, criticality: .own) != .ringFull else { return }
            turn.owedLag = 0
        }
        guard !turn.tickInFlight, now.nanosecondsSince(turn.lastTickCheck) >= 500_000 else {
            return
        }
        turn.lastTickCheck = now
        guard engine.needsTick(at: now) else { return }
        var tick = Slot(kind: .tick, arrival: now)
        tick.aux = Self.timersPerTick
        if case .accepted = self.ring.offer(tick, criticality: .own) {
            turn.tickInFlight = true
        }
    }

    private func evaluate(
        _ engine: inout AlarmEngine, _ reader: borrowing RingReader, _ count: Int,
        _ turn: inout Turn
    ) {
        for ahead in 0..<min(Self.foresight, count) { engine.foresee(reader.slot(ahead).sensor) }
        for offset in 0..<count {
            if offset + Self.foresight < count {
                engine.foresee(reader.slot(offset + Self.foresight).sensor)
            }
            let slot = reader.slot(offset)
            let n = reader.next &+ UInt64(offset)
            engine.apply(slot, n: n)
            if slot.kindRaw == SlotKind.reading.rawValue {
                if turn.readings == 0 { turn.firstArrival = slot.arrival }
                turn.readings &+= 1
                turn.dirty.insert(slot.sensor.rawValue)
                turn.recent.note(slot)
            } else {
                if slot.kindRaw == SlotKind.tick.rawValue {
                    turn.tickInFlight = false
                    // It may have left something: the next look is not put off.
                    turn.lastTickCheck = .zero
                }
                turn.follow(slot)
            }
            if engine.hasDecisions { self.takeDecisions(&engine, n: n, &turn) }
        }
    }

    private func takeDecisions(_ engine: inout AlarmEngine, n: UInt64, _ turn: inout Turn) {
        let now = self.clock.now()
        var taken: [Decision] = []
        engine.takeDecisions { taken.append($0) }
        turn.hasDecided = true
        for decision in taken {
            if decision.sensor != .none { turn.dirty.insert(decision.sensor.rawValue) }
            if decision.isAnswer, decision.kind != .commandRefused, decision.sensor != .none,
                let command = engine.lastCommand
            {
                self.live.note(command, decision)
            }
            if decision.kind == .areaModeChanged {
                self.live.publishAreas(engine, change: decision)
                self.publishAlarms(engine, &turn)
            }
            if decision.kind == .configurationApplied {
                self.live.publishRules(engine.ruleBook)
                self.live.publishAreas(engine)
                self.publishAlarms(engine, &turn)
            }
            self.gate.queue(
                decision, body: engine.ledgerBody(of: decision),
                history: self.history(of: decision, engine, turn.recent), now: now)
        }
        // The effect waits for its cause: this input is to be made durable at once.
        self.staging.requestSync(through: n)
        self.ring.wake(.journal)
    }

    /// What an alert of the decision shows of the time before it.
    private func history(
        of decision: Decision, _ engine: borrowing AlarmEngine, _ recent: borrowing RecentReadings
    ) -> ReadingHistory? {
        switch decision.kind {
        case .alarmRaised, .alarmReturned:
            recent.extract(of: decision.sensor) { engine.wall(of: $0) }
        default: nil
        }
    }

    // MARK: - Live tables

    /// Shows every alarm anew: other limits hold, and alarms that moved left rows that show nothing.
    private func publishAlarms(_ engine: borrowing AlarmEngine, _ turn: inout Turn) {
        for index in 0..<engine.sensorCount { turn.dirty.insert(UInt32(index)) }
        for alarm in 0..<engine.alarmCount {
            self.live.alarms.write(engine.liveAlarm(alarm), at: alarm)
        }
    }

    private func publishAll(_ engine: borrowing AlarmEngine, _ turn: inout Turn) {
        for index in 0..<engine.sensorCount { turn.dirty.insert(UInt32(index)) }
        self.live.publishAreas(engine)
        self.publish(engine, &turn, now: self.clock.now())
    }

    private func publish(
        _ engine: borrowing AlarmEngine, _ turn: inout Turn, now: MonotonicInstant
    ) {
        turn.lastPublish = now
        if turn.namesChanged {
            turn.namesChanged = false
            self.live.publishNames(engine)
            for index in self.live.sensors.count..<engine.sensorCount {
                turn.dirty.insert(UInt32(index))
            }
        }
        // Nobody sends readings of what stands for a source: what is known of it changes without.
        if now.nanosecondsSince(turn.lastSources) >= Self.sourcesNanoseconds {
            turn.lastSources = now
            engine.eachSourceSensor { turn.dirty.insert($0.rawValue) }
        }
        for index in turn.dirty.indexes where Int(index) < engine.sensorCount {
            self.live.sensors.write(engine.liveSensor(Int(index)), at: Int(index))
            for alarm in engine.alarmRange(of: Int(index)) {
                self.live.alarms.write(engine.liveAlarm(alarm), at: alarm)
            }
        }
        turn.dirty.removeAll()
        self.live.publish(engine)
        if turn.hasDecided {
            turn.hasDecided = false
            self.live.publishDecisions()
        }
    }
}

/// Sensors that changed since the last publication: a bitmap and a list.
///
/// Grows with the number of sensors, never per reading.
struct DirtySet: ~Copyable {
    private var bits: [UInt64] = []
    private(set) var indexes: [UInt32] = []

    mutating func insert(_ index: UInt32) {
        let word = Int(index >> 6)
        while word >= self.bits.count { self.bits.append(0) }
        let bit = UInt64(1) << UInt64(index & 63)
        guard self.bits[word] & bit == 0 else { return }
        self.bits[word] |= bit
        self.indexes.append(index)
    }

    mutating func removeAll() {
        for index in self.indexes { self.bits[Int(index >> 6)] = 0 }
        self.indexes.removeAll(keepingCapacity: true)
    }
}
