// SPDX-License-Identifier: Apache-2.0

import AlertDelivery
import JSONText
import MidwatchModel

/// A test that was asked for, until the engine says that its alarm is over.
struct DrillOrder: Sendable {
    var id: String
    var endpoints: [String]
    /// What is tested, and who began it.
    var about: String
    var author: String
    var priority: AlarmPriority
    var askedAt: MonotonicInstant
    var raisedAt: MonotonicInstant?
    /// The engine is asked for the alarm: not before the ledger has the test, nor for one of a run
    /// before.
    var isAskedFor = true

    /// From now on the engine is asked for the alarm.
    mutating func ask(at now: MonotonicInstant) {
        self.askedAt = now
        self.isAskedFor = true
    }

    /// Whether the sensor of the test is to show it.
    func isAsked(at now: MonotonicInstant) -> Bool {
        guard self.isAskedFor else { return false }
        guard let raisedAt = self.raisedAt else {
            return now.nanosecondsSince(self.askedAt) < RoutingDesk.drillRaiseNanoseconds
        }
        return now.nanosecondsSince(raisedAt) < RoutingDesk.drillStandNanoseconds
    }

    /// Whether another one of the same alarm must wait.
    func isUnderWay(at now: MonotonicInstant) -> Bool {
        self.raisedAt != nil
            || self.askedAt > .zero
                && now.nanosecondsSince(self.askedAt) < RoutingDesk.drillRaiseNanoseconds
    }
}

/// What became of a test alarm so far.
struct Drill: Sendable {
    /// One attempt, as the operator sees it.
    struct Attempt: Sendable, Equatable {
        var endpoint: String
        var number: UInt32
        var status: UInt16
        var failure: String
        var latencyNanoseconds: UInt64
        var answer: String
        var isDelivered: Bool

        func write(to json: inout JSONWriter) {
            json.field("endpoint", self.endpoint)
            json.field("attempt", self.number)
            json.field("status", self.status)
            json.field("failure", self.failure)
            json.field("milliseconds", self.latencyNanoseconds / 1_000_000)
            json.field("answer", self.answer)
            json.field("delivered", self.isDelivered)
        }
    }

    /// Attempts kept of one drill.
    private static let attemptCountMax = 1_024

    /// Endpoints without an outcome.
    private(set) var open: Set<String>
    /// Endpoints that have not taken it.
    private(set) var unheard: Set<String>
    private(set) var attempts: [Attempt] = []
    /// The decision that raised the alarm, `epoch:n.k`; nil: the engine has not raised it yet.
    var decision: String?
    var askedAt: MonotonicInstant
    private var failure: String?

    init(open: Set<String>, askedAt: MonotonicInstant) {
        self.open = open
        self.unheard = open
        self.askedAt = askedAt
    }

    /// Nothing is sent, for a reason that lies before delivery.
    mutating func fail(_ reason: String) { self.failure = reason }

    /// Why nothing is sent, in words; nil while all goes its way.
    func problem(at now: MonotonicInstant) -> String? {
        if let failure = self.failure { return failure }
        guard self.decision == nil,
            now.nanosecondsSince(self.askedAt) >= RoutingDesk.drillRaiseNanoseconds
        else { return nil }
        let seconds = RoutingDesk.drillRaiseNanoseconds / 1_000_000_000
        return "the engine did not raise the alarm within \(seconds) s: see midwatch status"
    }

    mutating func take(_ outcome: DeliveryOutcome, alert: String) {
        switch outcome {
        case .delivered(let report, _) where report.alertID == alert:
            self.add(report, isDelivered: true)
            self.open.remove(report.endpoint)
            self.unheard.remove(report.endpoint)
        case .attemptFailed(let report, _) where report.alertID == alert:
            self.add(report, isDelivered: false)
        case .deadLettered(let letter) where letter.alert.id == alert:
            self.open.remove(letter.endpoint)
            guard self.attempts.count < Self.attemptCountMax else { return }
            self.attempts.append(
                Attempt(
                    endpoint: letter.endpoint, number: letter.attemptCount,
                    status: letter.lastStatus, failure: "given up: \(letter.reason)",
                    latencyNanoseconds: 0,
                    answer: String(decoding: letter.lastAnswer, as: UTF8.self),
                    isDelivered: false))
        case .delivered, .attemptFailed, .deadLettered, .superseded, .breaker, .endpoint, .outbox,
            .refused, .unrouted:
            break
        }
    }

    private mutating func add(_ report: AttemptReport, isDelivered: Bool) {
        guard self.attempts.count < Self.attemptCountMax else { return }
        self.attempts.append(
            Attempt(
                endpoint: report.endpoint, number: report.attempt, status: report.status,
                failure: report.failure.map { "\($0)" } ?? "",
                latencyNanoseconds: report.latencyNanoseconds,
                answer: String(decoding: report.answer, as: UTF8.self), isDelivered: isDelivered))
    }
}
