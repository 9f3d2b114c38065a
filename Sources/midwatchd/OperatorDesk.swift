// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import AlertDelivery
import Historian
import Ingest
import JSONText
import Journal
import MidwatchModel
import OperatorAPI
import OperatorViews
import ReadingRing
import StateFolder
import Synchronization
import Vitals

/// What the operator API asks: answered from the live tables, the ledger and the counters.
///
/// Reads hold up nobody. A command goes through the ring like every input and is answered when the
/// engine's decision about it leaves.
final class OperatorDesk: OperatorBackend {
    /// How long an operator waits for an answer.
    private static let answerNanosecondsMax: UInt64 = 5_000_000_000
    /// Commands that may wait for their answers at once.
    private static let waitingMax = 256

    struct Parts: Sendable {
        var ring: ReadingRing
        var live: LiveState
        var clock: EngineClock
        var ledgerFolder: String
        var report: @Sendable () -> StatusView
        var metrics: @Sendable () -> [MetricSample]
        var newestEvent: @Sendable () -> UInt64
        /// Whether the start is over: sockets open, recovered state shown.
        var isStarted: @Sendable () -> Bool
    }

    private let parts: Parts
    private let signal = EventSignal()
    private let waiting = Mutex<[UInt64: CheckedContinuation<AckOutcome, Never>]>([:])

    init(_ parts: Parts) { self.parts = parts }

    // MARK: Called by the daemon

    /// A decision leaves: if a command waits for it, it is answered.
    ///
    /// Any thread.
    func answer(_ decision: Decision, isRecorded: Bool) {
        guard decision.kind == .alarmAcknowledged || decision.kind == .commandRefused else {
            return
        }
        let waiter = self.waiting.withLock { $0.removeValue(forKey: decision.id.position.n) }
        waiter?.resume(returning: Self.outcome(of: decision, isRecorded: isRecorded))
    }

    /// Ledger records up to `n` are durable.
    ///
    /// Any thread.
    func eventsWritten(through n: UInt64) { self.signal.advance(to: n) }

    private static func outcome(of decision: Decision, isRecorded: Bool) -> AckOutcome {
        if decision.kind == .alarmAcknowledged {
            return .acknowledged(position: decision.id.position, recorded: isRecorded)
        }
        switch decision.cause {
        case .unknownAlarm: return .unknownAlarm
        case .otherActivation:
            return .unknownActivation(
                current: decision.activation == .none ? nil : decision.activation.description)
        case .nothingToAcknowledge:
            return decision.stateFrom == .normal ? .notActive : .alreadyAcknowledged
        default: return .refused(reason: decision.cause.word)
        }
    }

    // MARK: OperatorBackend

    func status() async -> StatusView { self.parts.report() }

    func sensors(matching query: SensorQuery) async -> [SensorView] {
        let viewer = Viewer(self.parts)
        return query.select(from: viewer.paths.indices.lazy.compactMap { viewer.sensor($0) })
    }

    func alarms(matching query: AlarmQuery) async -> [AlarmView] {
        let viewer = Viewer(self.parts)
        return query.select(
            from: (0..<self.parts.live.alarms.count).lazy.compactMap { viewer.alarm($0) })
    }

    func acknowledge(_ request: AckRequest) async -> AckOutcome {
        guard let colon = request.alarmID.lastIndex(of: ":"),
            colon < request.alarmID.indices.last ?? colon
        else { return .unknownAlarm }
        let name = String(request.alarmID[request.alarmID.index(after: colon)...])
        guard let activation = DecisionID(request.activation) else {
            return .refused(reason: "the activation is not of the form epoch:n.k")
        }
        var command = OperatorCommand(
            verb: .acknowledge, path: String(request.alarmID[..<colon]),
            alarm: AlarmKind(word: name) ?? .expression,
            activation: activation, user: request.user, origin: request.origin,
            comment: request.comment)
        if AlarmKind(word: name) == nil { command.rule = name }
        let payload = command.payload
        guard payload.count <= SystemLimits.controlPayloadBytesMax else {
            return .refused(reason: "the comment is too long")
        }
        return await withCheckedContinuation { continuation in
            self.submit(payload, continuation)
        }
    }

    private func submit(
        _ payload: [UInt8], _ continuation: CheckedContinuation<AckOutcome, Never>
    ) {
        let slots = ControlRecord.slots(
            head: Slot(kind: .command, arrival: self.parts.clock.now()), payload: payload)
        // The waiter is entered before anyone can answer: the lock is held over the offer.
        let refusal = self.waiting.withLock { waiting -> AckOutcome? in
            guard waiting.count < Self.waitingMax else {
                return .refused(reason: "too many commands wait for an answer")
            }
            guard case .accepted(let first) = self.parts.ring.offer(slots.span, criticality: .own)
            else { return .refused(reason: "the ring is full") }
            waiting[first] = continuation
            Task {
                try? await Task.sleep(nanoseconds: Self.answerNanosecondsMax)
                self.waiting.withLock { $0.removeValue(forKey: first) }?
                    .resume(returning: .timedOut)
            }
            return nil
        }
        if let refusal { continuation.resume(returning: refusal) }
    }

    func events(after: UInt64, limit: Int) async -> [EventView] {
        let reader = LedgerReader(directory: self.parts.ledgerFolder, fromLine: after + 1)
        let newest = self.parts.newestEvent()
        var events: [EventView] = []
        while events.count < limit, let line = try? reader.next(through: newest) {
            guard let body = try? JSONValue(parsing: line.body.span) else { continue }
            events.append(
                EventView(
                    n: line.n,
                    written: WallInstant(rfc3339: line.written) ?? WallInstant(nanoseconds: 0),
                    body: body))
        }
        return events
    }

    func newestEvent() async -> UInt64 { self.parts.newestEvent() }

    func waitForEvents(after: UInt64) async { await self.signal.wait(after: after) }

    func health() async -> HealthView {
        let status = self.parts.report()
        return HealthView(level: status.health, reasons: status.modes)
    }

    /// Not ready while a start is under way, and while storage has failed.
    func readiness() async -> HealthView {
        guard self.parts.isStarted() else {
            return HealthView(level: .failed, reasons: ["starting"])
        }
        return await self.health()
    }

    func metrics() async -> [MetricSample] { self.parts.metrics() }
}

/// Makes views of sensors and alarms from one copy of the names and one moment.
struct Viewer {
    let paths: [String]
    private let sources: [String]
    private let live: LiveState
    private let rules: RuleBook
    private let now: MonotonicInstant

    init(_ parts: OperatorDesk.Parts) {
        self.init(live: parts.live, now: parts.clock.now())
    }

    init(live: LiveState, now: MonotonicInstant) {
        self.paths = live.paths
        self.sources = live.sourceNames
        self.live = live
        self.rules = live.ruleBook
        self.now = now
    }

    func sensor(_ index: Int) -> SensorView? {
        guard index < self.paths.count, let live = self.live.sensors.read(index) else { return nil }
        let path = self.paths[index]
        guard !Revisions.isCanary(path) else { return nil }
        let declaration = self.rules.declaration(for: path)
        var view = SensorView(
            path: path, index: UInt32(index), freshness: live.freshness,
            deadlineNanoseconds: live.deadlineNanoseconds)
        view.title = declaration.title
        view.unit = declaration.unit
        let wasHeard = live.lastArrival != .zero
        let value = Self.number(live.valueBits, live.valueKind)
        view.value = wasHeard && value.isFinite ? value : nil
        view.valueKind = live.valueKind
        view.quality = live.quality
        view.statusCode = Self.statusCode(live, wasHeard: wasHeard)
        view.heldSince = live.heldSince.nanoseconds == 0 ? nil : live.heldSince
        view.ageNanoseconds = wasHeard ? self.age(of: live) : nil
        view.supervision = live.supervision
        view.criticality = declaration.effectiveCriticality
        view.sourceTime =
            live.lastSourceTime == Slot.noSourceTime
            ? nil : WallInstant(nanoseconds: live.lastSourceTime)
        view.sourceTimeStatus = live.sourceTimeStatus
        view.arrivalTime = wasHeard ? live.lastArrivalWall : nil
        let source = Int(live.source.rawValue)
        view.source = wasHeard && source < self.sources.count ? self.sources[source] : ""
        view.backlogCount = live.backlogCount
        view.declared = live.isDeclared
        view.readingsCount = live.readingCount
        let limits = LimitsView(
            lowLow: declaration.lowLow?.setpoint, low: declaration.low?.setpoint,
            high: declaration.high?.setpoint, highHigh: declaration.highHigh?.setpoint)
        view.limits = limits == LimitsView() ? nil : limits
        if live.hasActiveAlarm {
            view.alarm = AlarmMark(state: live.alarmState, priority: live.alarmPriority)
        }
        return view
    }

    func alarm(_ index: Int) -> AlarmView? {
        guard let live = self.live.alarms.read(index), !live.isRetired else { return nil }
        let sensor = Int(live.sensor.rawValue)
        guard sensor < self.paths.count, let state = self.live.sensors.read(sensor) else {
            return nil
        }
        let path = self.paths[sensor]
        let declaration = self.rules.declaration(for: path)
        var view = AlarmView(
            alarmID: "\(path):\(self.rules.alarmName(live.kind, rule: live.rule))",
            activation: live.activation == .none ? "" : live.activation.description, path: path,
            kind: live.kind.word, state: live.state, priority: live.priority)
        view.conditionResult = live.result
        let wasRaised = live.activationCount > 0
        view.raisedAt = wasRaised ? live.raisedAt : nil
        view.lastTransitionAt = wasRaised ? live.lastTransition : nil
        view.heldSince = live.heldSince.nanoseconds == 0 ? nil : live.heldSince
        if let answer = self.live.acknowledgement(of: index, activation: live.activation) {
            view.ackBy = answer.user
            view.ackComment = answer.comment
        }
        let trigger = Self.number(live.triggerBits, state.valueKind)
        let current = Self.number(state.valueBits, state.valueKind)
        switch live.kind {
        case .lowLow, .low, .high, .highHigh:
            view.setpoint = live.setpoint
            view.triggerValue = wasRaised && trigger.isFinite ? trigger : nil
            view.worstValue = wasRaised && live.worst.isFinite ? live.worst : nil
        case .stale, .unverifiable, .rateOfChange, .flatLine, .deviation, .vote, .discrepancy,
            .offNormal, .badQuality, .clockSkew, .clockDrift, .sequence, .window, .drift,
            .expression:
            break
        }
        view.currentValue = state.lastArrival != .zero && current.isFinite ? current : nil
        view.unit = declaration.unit
        view.title = declaration.title
        let texts = self.rules.rationalization(
            of: self.rules.alarmName(live.kind, rule: live.rule), declaration)
        view.consequence = texts.consequence
        view.operatorAction = texts.operatorAction
        view.firstChecks = texts.firstChecks
        view.timeToRespondSeconds = texts.timeToRespondSeconds
        view.runbook = texts.runbook
        view.activationCount = live.activationCount
        return view
    }

    /// Age of the last reading: engine time, or the calendar where that says more.
    ///
    /// Engine time stands still while Midwatch is down; the age that a person sees must not.
    private func age(of live: LiveSensor) -> UInt64 {
        let engine = self.now.nanosecondsSince(live.lastArrival)
        guard live.lastArrivalWall.nanoseconds != 0, live.freshness != .fresh else { return engine }
        let wall = EngineClock.wall().nanoseconds &- live.lastArrivalWall.nanoseconds
        return max(engine, UInt64(clamping: wall))
    }

    private static func number(_ bits: UInt64, _ kind: ValueKind) -> Double {
        switch kind {
        case .float64: Double(bitPattern: bits)
        case .int64, .mappedState: Double(Int64(bitPattern: bits))
        case .bool: bits == 0 ? 0 : 1
        }
    }

    private static func statusCode(_ live: LiveSensor, wasHeard: Bool) -> UInt32 {
        if !wasHeard { return StatusCode.badWaitingForInitialData }
        if live.isUnknown { return StatusCode.badSensorFailure }
        if live.freshness != .fresh { return StatusCode.uncertainLastUsableValue }
        switch live.quality {
        case .good: return StatusCode.good
        case .uncertain: return StatusCode.uncertain
        case .bad: return StatusCode.bad
        }
    }
}
