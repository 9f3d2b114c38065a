// SPDX-License-Identifier: Apache-2.0

import AlertDelivery
import JSONText
import MidwatchModel
import OperatorAPI
import OperatorViews

/// What operators ask and order about deliveries.
protocol DeliveryOrders: Sendable {
    func deadLetters(
        matching query: DeadLetterQuery
    ) async throws(Problem) -> PageView<DeadLetterView>
    func perform(_ order: DeliveryOrder) async -> DeliveryOrderOutcome
}

/// What operators ask about deliveries, and what they order; who ordered it stands in the ledger.
struct DeliveryDesk: DeliveryOrders {
    let delivery: AlertDelivery
    let ledger: LedgerLoop

    /// Dead letters, the newest first; those of one alert with their bodies.
    func deadLetters(
        matching query: DeadLetterQuery
    ) async throws(Problem) -> PageView<DeadLetterView> {
        let after = query.after.map { DeadLetterPlace($0) }
        if case .some(nil) = after {
            throw Problem(.badRequest, detail: "\"after\" must be the next of another page")
        }
        // One more than fits says that there is more.
        let found = await self.delivery.deadLetters(
            limit: query.limit + 1, alertID: query.alert, endpoint: query.endpoint,
            after: after ?? nil)
        guard let found else {
            throw Problem(.filesNotAnswering, detail: "the outbox does not answer")
        }
        let page = found.prefix(query.limit)
        return PageView(
            items: page.map { Self.view($0, hasBody: query.alert != nil) },
            next: found.count > query.limit ? page.last?.place.text : nil)
    }

    private static func view(_ letter: DeadLetter, hasBody: Bool) -> DeadLetterView {
        let body = (try? JSONValue(parsing: letter.alert.body.span)) ?? .null
        return DeadLetterView(
            alert: letter.alert.id, alarmID: letter.alert.alarmID, endpoint: letter.endpoint,
            priority: letter.alert.priority.word, type: letter.alert.type,
            occurredAt: letter.alert.occurredAt, deadAt: letter.deadAt,
            reason: letter.reason.rawValue, attemptCount: letter.attemptCount,
            lastStatus: letter.lastStatus,
            lastAnswer: String(decoding: letter.lastAnswer, as: UTF8.self),
            message: body["message"]?.string ?? "", body: hasBody ? body : .null)
    }

    func perform(_ order: DeliveryOrder) async -> DeliveryOrderOutcome {
        let outcome = await self.outcome(of: order)
        if outcome == .done { self.record(order) }
        return outcome
    }

    private func outcome(of order: DeliveryOrder) async -> DeliveryOrderOutcome {
        switch order.verb {
        case .enable:
            return await self.delivery.enable(endpoint: order.endpoint) ? .done : .unknown
        case .drop:
            let isDone = await self.delivery.dismiss(
                alertID: order.alert, endpoint: order.endpoint)
            return isDone ? .done : .unknown
        case .resend:
            switch await self.delivery.resend(alertID: order.alert, endpoint: order.endpoint) {
            case .queued: return .done
            case .unknown: return .unknown
            case .endpointUnusable:
                return .refused(
                    reason: "the endpoint is not configured, or disabled: enable it first")
            case .unavailable: return .refused(reason: "the outbox does not answer, try again")
            }
        }
    }

    private func record(_ order: DeliveryOrder) {
        var json = JSONWriter()
        json.object { json in
            json.field("kind", "deliveryOrdered")
            json.field("order", order.verb.rawValue)
            if !order.alert.isEmpty { json.field("alert", order.alert) }
            json.field("endpoint", order.endpoint)
            json.field("user", order.user)
            json.field("origin", order.origin)
        }
        self.ledger.note(json.bytes)
    }
}
