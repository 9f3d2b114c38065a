// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import OperatorAPI
import OperatorViews
import ReadingRing
import StateFolder
import Synchronization

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
        var events: EventReader
        var files: FileReadThread
        var report: @Sendable () -> StatusView
        var metrics: @Sendable () -> [MetricSample]
        var newestEvent: @Sendable () -> UInt64
        var rejects: @Sendable (_ limit: Int) -> [RejectView]
        var deliveries: DeliveryDesk
        /// Whether the start is over: sockets open, recovered state shown.
        var isStarted: @Sendable () -> Bool
    }

    private let parts: Parts
    private let signal = EventSignal()
    private let waiting = Mutex<[UInt64: CheckedContinuation<AckOutcome, Never>]>([:])

    private let accounts: AccountNames

    init(_ parts: Parts) {
        self.parts = parts
        self.accounts = AccountNames(parts.files.reads)
    }

    // MARK: Called by the daemon

    /// A decision leaves: if a command waits for it, it is answered.
    ///
    /// Any thread.
    func answer(_ decision: Decision, isRecorded: Bool) {
        guard decision.isAnswer else { return }
        let waiter = self.waiting.withLock { $0.removeValue(forKey: decision.id.position.n) }
        waiter?.resume(returning: Self.outcome(of: decision, isRecorded: isRecorded))
    }

    /// Ledger records up to `n` are durable.
    ///
    /// Any thread.
    func eventsWritten(through n: UInt64) { self.signal.advance(to: n) }

    private static func outcome(of decision: Decision, isRecorded: Bool) -> AckOutcome {
        if decision.kind != .commandRefused {
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

    func events(after: UInt64, limit: Int) async throws(Problem) -> [EventView] {
        let newest = self.parts.newestEvent()
        // Who has everything is answered without a look at the disk.
        guard after < newest else { return [] }
        let events = self.parts.events
        return try await self.parts.files.reads.read {
            events.events(after: after, through: newest, limit: limit)
        }
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

    func accountName(uid: UInt32) async -> String { await self.accounts.name(uid: uid) }

    func rejects(limit: Int) async -> [RejectView] { self.parts.rejects(limit) }

    func deadLetters(
        limit: Int, alert: String?, endpoint: String?
    ) async throws(Problem) -> [DeadLetterView] {
        try await self.parts.deliveries.deadLetters(
            limit: limit, alert: alert, endpoint: endpoint)
    }

    func order(_ order: DeliveryOrder) async -> DeliveryOrderOutcome {
        await self.parts.deliveries.perform(order)
    }
}
