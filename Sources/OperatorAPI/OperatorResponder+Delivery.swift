// SPDX-License-Identifier: Apache-2.0

internal import HTTPTypes
internal import Hummingbird
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

extension OperatorResponder {
    /// `GET /v1/alerts/dead-letters`, and the orders
    /// `POST /v1/alerts/dead-letters/{alert}/{endpoint}/resend|drop` and
    /// `POST /v1/alerts/endpoints/{endpoint}/enable`; nil for any other address.
    func delivery(
        _ segments: [String], _ query: [String: String], _ request: Request,
        _ context: OperatorContext
    ) async throws -> Response? {
        guard segments.count >= 3, segments[0] == "v1", segments[1] == "alerts" else { return nil }
        switch (segments[2], segments.count) {
        case ("dead-letters", 3):
            guard request.method == .get else {
                throw Problem(.methodNotAllowed, detail: "use GET")
            }
            try self.authorizeReading(request)
            let reader = QueryReader(query)
            try reader.allow(["limit", "alert", "endpoint"])
            let letters = try await self.backend.deadLetters(
                limit: try reader.limit(), alert: reader["alert"], endpoint: reader["endpoint"])
            return Self.json(PageView(items: letters))
        case ("dead-letters", 6):
            guard let verb = DeliveryOrder.Verb(rawValue: segments[5]), verb != .enable else {
                return nil
            }
            return try await self.order(
                verb, alert: segments[3], endpoint: segments[4], request, context)
        case ("endpoints", 5) where segments[4] == "enable":
            return try await self.order(
                .enable, alert: "", endpoint: segments[3], request, context)
        default: return nil
        }
    }

    private func order(
        _ verb: DeliveryOrder.Verb, alert: String, endpoint: String, _ request: Request,
        _ context: OperatorContext
    ) async throws -> Response {
        guard request.method == .post else {
            throw Problem(.methodNotAllowed, detail: "use POST")
        }
        let actor = try await self.actor(of: request, context)
        let outcome = await self.backend.order(
            DeliveryOrder(
                verb: verb, alert: alert, endpoint: endpoint, user: actor.user,
                origin: actor.origin))
        switch outcome {
        case .done:
            let word =
                switch verb {
                case .resend: "resent"
                case .drop: "dropped"
                case .enable: "enabled"
                }
            return Self.json(DeliveryOrderView(alert: alert, endpoint: endpoint, outcome: word))
        case .unknown:
            throw Problem(
                .notFound,
                detail: verb == .enable
                    ? "no endpoint has this name" : "no dead letter of this alert at this endpoint")
        case .refused(let reason): throw Problem(.refused, detail: reason)
        }
    }
}
