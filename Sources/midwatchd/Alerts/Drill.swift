// SPDX-License-Identifier: Apache-2.0

import AlertDelivery

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
    }

    /// Attempts kept of one drill.
    private static let attemptCountMax = 1_024

    /// Endpoints without an outcome.
    var open: Set<String>
    var attempts: [Attempt] = []
    /// Endpoints that gave it up.
    var dead: [String] = []

    init(open: Set<String>) { self.open = open }

    mutating func take(_ outcome: DeliveryOutcome, alert: String) {
        switch outcome {
        case .delivered(let report, _) where report.alertID == alert:
            self.add(report, isDelivered: true)
            self.open.remove(report.endpoint)
        case .attemptFailed(let report, _) where report.alertID == alert:
            self.add(report, isDelivered: false)
        case .deadLettered(let letter) where letter.alert.id == alert:
            self.open.remove(letter.endpoint)
            self.dead.append("\(letter.endpoint): \(letter.reason)")
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
