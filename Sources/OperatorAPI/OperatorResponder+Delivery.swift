// SPDX-License-Identifier: Apache-2.0

internal import HTTPTypes
internal import Hummingbird
internal import MidwatchModel
internal import OperatorViews

/// An operator's order about what could not be delivered.
package struct DeliveryOrder: Sendable, Equatable {
    package enum Verb: String, Sendable, CaseIterable {
        /// Send a dead letter again, with its id.
        case resend
        /// Settle a dead letter without sending it: somebody was told by other means.
        case drop
        /// Use an endpoint again that was disabled or paused.
        case enable
    }

    package var verb: Verb
    /// Id of the alert; empty with `enable`.
    package var alert: String
    package var endpoint: String
    /// Who, as with an acknowledgement.
    package var user: String
    package var origin: String
}

/// What became of an order about a delivery.
package enum DeliveryOrderOutcome: Sendable, Equatable {
    case done
    /// No such dead letter, no such endpoint.
    case unknown
    /// Why it was not done.
    case refused(reason: String)
}

extension APIOperation {
    /// What could not be delivered, and the orders about it.
    static var deliveries: [APIOperation] {
        [
            APIOperation(
                name: .deadLetters, path: "/v1/alerts/dead-letters",
                summary: "Alerts that were given up, newest first; the bodies with `alert`.",
                query: [
                    ("alert", "string", "Only those of this alert."),
                    ("endpoint", "string", "Only those of this endpoint."),
                    ("after", "string", "The `next` of the page before."), Self.limit,
                ],
                answer: .page("DeadLetter"), problems: [.filesNotAnswering])
        ]
            + DeliveryOrder.Verb.allCases.map { verb in
                APIOperation(
                    name: .orderDelivery(verb), method: "post",
                    path: verb == .enable
                        ? "/v1/alerts/endpoints/{endpoint}/enable"
                        : "/v1/alerts/dead-letters/{alert}/{endpoint}/\(verb.rawValue)",
                    summary: verb.summary, role: .operator, answer: .object("DeliveryOrder"),
                    problems: verb == .resend ? [.refused] : [])
            }
    }
}

extension DeliveryOrder.Verb {
    fileprivate var summary: String {
        switch self {
        case .resend: "Sends an alert again that was given up."
        case .drop: "Puts an alert away that was given up."
        case .enable: "Uses an endpoint again that was disabled or paused."
        }
    }

    fileprivate var done: String {
        switch self {
        case .resend: "resent"
        case .drop: "dropped"
        case .enable: "enabled"
        }
    }
}

extension OperatorResponder {
    /// `GET /v1/alerts/dead-letters`.
    func deadLetters(_ reader: QueryReader) async throws -> PageView<DeadLetterView> {
        try reader.allow(["limit", "alert", "endpoint", "after"])
        return try await self.backend.deadLetters(
            matching: DeadLetterQuery(
                limit: try reader.limit(), alert: reader["alert"], endpoint: reader["endpoint"],
                after: reader["after"]))
    }

    /// `POST /v1/alerts/dead-letters/{alert}/{endpoint}/resend|drop` and
    /// `POST /v1/alerts/endpoints/{endpoint}/enable`.
    func order(
        _ verb: DeliveryOrder.Verb, _ asked: Asked, _ request: Request
    ) async throws -> Response {
        let author = try await self.author(of: request, asked, comment: "")
        let segments = asked.target.segments
        let isAboutEndpoint = verb == .enable
        let order = DeliveryOrder(
            verb: verb, alert: isAboutEndpoint ? "" : segments[3],
            endpoint: isAboutEndpoint ? segments[3] : segments[4], user: author.user,
            origin: author.origin)
        switch await self.backend.order(order) {
        case .done:
            return Self.json(
                DeliveryOrderView(
                    alert: order.alert, endpoint: order.endpoint, outcome: verb.done))
        case .unknown:
            throw Problem(
                .notFound,
                detail: isAboutEndpoint
                    ? "no endpoint has this name" : "no dead letter of this alert at this endpoint")
        case .refused(let reason): throw Problem(.refused, detail: reason)
        }
    }
}
