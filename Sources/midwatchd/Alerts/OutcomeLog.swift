// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import AlertDelivery
import Ingest
import JSONText
import Logging
import MidwatchModel
import Synchronization

/// Where the outcomes of deliveries go: the outcome into the ledger, attempts into the access log.
final class OutcomeLog: Sendable {
    /// Alerts whose way is timed; the older ones are not.
    private static let timedCountMax = 8_192

    private let access: AccessLog
    private let clock: EngineClock
    private let latency: LatencyHistogram
    private let logger: Logger
    private let ledger = Mutex<LedgerLoop?>(nil)
    private let routing = Mutex<RoutingDesk?>(nil)
    /// When decisions were made whose alerts are on their way, by alert; oldest first.
    private let decided = Mutex<(order: [String], at: [String: MonotonicInstant])>(([], [:]))

    init(access: AccessLog, clock: EngineClock, latency: LatencyHistogram, logger: Logger) {
        self.access = access
        self.clock = clock
        self.latency = latency
        self.logger = logger
    }

    func attach(_ ledger: LedgerLoop) { self.ledger.withLock { $0 = ledger } }

    func attach(_ routing: RoutingDesk) { self.routing.withLock { $0 = routing } }

    /// Takes an outcome; called on the dispatcher, returns at once.
    func note(_ outcome: DeliveryOutcome) {
        let ledger = self.ledger.withLock { $0 }
        self.routing.withLock { $0 }?.take(outcome)
        switch outcome {
        case .delivered(let report, let superseded):
            if let at = self.decided.withLock({ $0.at[report.alertID] }) {
                self.latency.record(from: at, to: self.clock.now())
            }
            ledger?.note(Self.body("alertDelivered", report, "delivered", superseded))
            self.access.note(Self.body("deliveryAttempt", report, "delivered", []))
        case .attemptFailed(let report, let retryAt):
            let verdict = retryAt == nil ? "givenUp" : "retry"
            self.access.note(Self.body("deliveryAttempt", report, verdict, []))
        case .deadLettered(let letter):
            self.logger.error(
                "alert given up",
                metadata: [
                    "alert.id": "\(letter.alert.id)", "endpoint.name": "\(letter.endpoint)",
                    "alert.reason": "\(letter.reason)",
                ])
            ledger?.note(
                Self.fields("alertDeadLettered") { json in
                    json.field("alert", letter.alert.id)
                    json.field("alarmID", letter.alert.alarmID)
                    json.field("endpoint", letter.endpoint)
                    json.field("reason", "\(letter.reason)")
                    json.field("priority", letter.alert.priority.word)
                    json.field("attempts", letter.attemptCount)
                    json.field("status", letter.lastStatus)
                    if !letter.lastAnswer.isEmpty {
                        json.field("answer", String(decoding: letter.lastAnswer, as: UTF8.self))
                    }
                })
        case .superseded(let alertID, let alarmID, let endpoint),
            .refused(let alertID, let alarmID, let endpoint):
            ledger?.note(
                Self.fields("alertSuperseded") { json in
                    json.field("alert", alertID)
                    json.field("alarmID", alarmID)
                    json.field("endpoint", endpoint)
                })
        case .breaker(let endpoint, let state):
            // The log has it from the delivery itself.
            ledger?.note(
                Self.fields("endpointBreaker") { json in
                    json.field("endpoint", endpoint)
                    json.field("breaker", state.word)
                })
        case .endpoint(let endpoint, let condition):
            self.logger.warning(
                "endpoint condition",
                metadata: ["endpoint.name": "\(endpoint)", "endpoint.condition": "\(condition)"])
        case .outbox(let condition):
            self.logger.warning(
                "outbox", metadata: ["outbox.condition": "\(condition.fault ?? condition.word)"])
        case .unrouted(let alertID, _):
            self.logger.debug("alert without a route", metadata: ["alert.id": "\(alertID)"])
        }
    }

    /// Takes a login that failed or a publish that was denied; any thread, returns at once.
    func note(_ report: MQTTAccessReport) {
        self.access.note(
            Self.fields("accessRefused") { json in
                json.field("listener", report.listener)
                json.field("address", report.address)
                json.field("client", report.clientIdentifier)
                json.field("user", report.userName)
                json.field("cause", report.cause.rawValue)
                json.field("failures", report.failureCount)
            })
    }

    /// The alert of a decision is about to be offered: its way is timed from the decision on.
    ///
    /// Ledger and gate threads.
    func willAlert(_ effect: PendingEffect) {
        switch effect.decision.kind {
        case .alarmRaised, .alarmReturned, .alarmAcknowledged: break
        default: return
        }
        let alert = AlertBuilder.alertID(effect.decision.id)
        self.decided.withLock { decided in
            decided.order.append(alert)
            decided.at[alert] = effect.queuedAt
            guard decided.order.count > Self.timedCountMax else { return }
            let half = Self.timedCountMax / 2
            for old in decided.order.prefix(half) { decided.at[old] = nil }
            decided.order.removeFirst(half)
        }
    }

    private static func fields(_ kind: String, _ write: (inout JSONWriter) -> Void) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.field("kind", kind)
            write(&json)
        }
        return json.bytes
    }

    private static func body(
        _ kind: String, _ report: AttemptReport, _ verdict: String, _ superseded: [String]
    ) -> [UInt8] {
        Self.fields(kind) { json in
            json.field("alert", report.alertID)
            json.field("alarmID", report.alarmID)
            json.field("endpoint", report.endpoint)
            json.field("attempt", report.attempt)
            json.field("status", report.status)
            if let failure = report.failure { json.field("failure", "\(failure)") }
            json.field("verdict", verdict)
            json.field("latencyNanoseconds", report.latencyNanoseconds)
            json.field("at", report.at.rfc3339)
            if !superseded.isEmpty {
                json.arrayField("superseded") { json in for id in superseded { json.value(id) } }
            }
            if kind == "deliveryAttempt", !report.answer.isEmpty {
                json.field("answer", String(decoding: report.answer, as: UTF8.self))
            }
        }
    }
}
