// SPDX-License-Identifier: Apache-2.0

import AlertDelivery
import Ingest
import JSONText
import Journal
import Logging
import MidwatchModel
import Synchronization

/// Where the outcomes of deliveries go: the outcome into the ledger, attempts into the access log.
///
/// The access log has the ledger's format, a chain of its own, and a bound: the oldest files go.
final class OutcomeLog: Sendable {
    /// Files of 1 MiB that the access log keeps.
    static let accessFileCountMax = 64
    private static let attemptCapacity = 8_192

    private let writer: LedgerWriter
    private let clock: EngineClock
    private let logger: Logger
    private let ledger = Mutex<LedgerLoop?>(nil)
    private let attempts = Mutex<[[UInt8]]>([])
    private let lost = Atomic<UInt64>(0)
    private let wake = WakeWord()
    private let stop = StopFlag()

    init(folder: String, clock: EngineClock, logger: Logger) throws {
        self.writer = try LedgerWriter.open(
            directory: folder,
            options: LedgerOptions(fileBytes: 1 << 20, fileCountMax: Self.accessFileCountMax)
        ).writer
        self.clock = clock
        self.logger = logger
    }

    func attach(_ ledger: LedgerLoop) { self.ledger.withLock { $0 = ledger } }

    /// Attempts and refusals that found no place here.
    var lostCount: UInt64 { self.lost.load(ordering: .relaxed) }

    func start() -> LoopThread { LoopThread("access-log") { self.run() } }

    func requestStop() {
        self.stop.set()
        self.wake.wake()
    }

    /// Takes an outcome; called on the dispatcher, returns at once.
    func note(_ outcome: DeliveryOutcome) {
        let ledger = self.ledger.withLock { $0 }
        switch outcome {
        case .delivered(let report, let superseded):
            ledger?.note(Self.body("alertDelivered", report, superseded))
            self.attempt(Self.body("deliveryAttempt", report, []))
        case .attemptFailed(let report, _): self.attempt(Self.body("deliveryAttempt", report, []))
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
                    json.field("attempts", letter.attemptCount)
                    json.field("status", letter.lastStatus)
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
            self.logger.warning(
                "endpoint breaker",
                metadata: ["endpoint.name": "\(endpoint)", "endpoint.breaker": "\(state)"])
            ledger?.note(
                Self.fields("endpointBreaker") { json in
                    json.field("endpoint", endpoint)
                    json.field("breaker", "\(state)")
                })
        case .endpoint(let endpoint, let condition):
            self.logger.warning(
                "endpoint condition",
                metadata: ["endpoint.name": "\(endpoint)", "endpoint.condition": "\(condition)"])
        case .outbox(let condition):
            self.logger.warning("outbox", metadata: ["outbox.condition": "\(condition)"])
        case .unrouted(let alertID, _):
            self.logger.debug("alert without a route", metadata: ["alert.id": "\(alertID)"])
        }
    }

    /// Takes a login that failed or a publish that was denied; any thread, returns at once.
    func note(_ report: MQTTAccessReport) {
        self.attempt(
            Self.fields("accessRefused") { json in
                json.field("listener", report.listener)
                json.field("address", report.address)
                json.field("client", report.clientIdentifier)
                json.field("user", report.userName)
                json.field("cause", report.cause.rawValue)
                json.field("failures", report.failureCount)
            })
    }

    private func attempt(_ body: [UInt8]) {
        let isTaken = self.attempts.withLock { attempts in
            guard attempts.count < Self.attemptCapacity else { return false }
            attempts.append(body)
            return true
        }
        if !isTaken { self.lost.wrappingAdd(1, ordering: .relaxed) }
        self.wake.wake()
    }

    private func run() {
        while true {
            let isStopping = self.stop.isSet
            let bodies = self.attempts.withLock { attempts in
                let taken = attempts
                attempts = []
                return taken
            }
            for body in bodies {
                _ = try? self.writer.append(body: body, written: EngineClock.wall())
            }
            if !bodies.isEmpty { _ = self.writer.commit(now: self.clock.now()) }
            if isStopping { return }
            self.wake.sleep(nanoseconds: 1_000_000_000)
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
        _ kind: String, _ report: AttemptReport, _ superseded: [String]
    ) -> [UInt8] {
        Self.fields(kind) { json in
            json.field("alert", report.alertID)
            json.field("alarmID", report.alarmID)
            json.field("endpoint", report.endpoint)
            json.field("attempt", report.attempt)
            json.field("status", report.status)
            if let failure = report.failure { json.field("failure", "\(failure)") }
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
