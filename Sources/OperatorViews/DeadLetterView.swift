// SPDX-License-Identifier: Apache-2.0

package import JSONText
package import MidwatchModel

/// An alert that delivery gave up at one endpoint.
package struct DeadLetterView: OperatorView {
    /// `webhook-id` of the alert; stays when it is sent again.
    package var alert: String
    package var alarmID: String
    package var endpoint: String
    package var priority: String
    package var type: String
    package var occurredAt: WallInstant
    package var deadAt: WallInstant
    package var reason: String
    package var attemptCount: UInt32
    /// Last HTTP status; 0 if there was no answer.
    package var lastStatus: UInt16
    /// Beginning of the last answer, or what the network said.
    package var lastAnswer: String
    /// What was to be told.
    package var message: String
    /// The native JSON of the alert; null in a list.
    package var body: JSONValue

    package init(
        alert: String, alarmID: String, endpoint: String, priority: String, type: String,
        occurredAt: WallInstant, deadAt: WallInstant, reason: String, attemptCount: UInt32,
        lastStatus: UInt16, lastAnswer: String, message: String, body: JSONValue = .null
    ) {
        self.alert = alert
        self.alarmID = alarmID
        self.endpoint = endpoint
        self.priority = priority
        self.type = type
        self.occurredAt = occurredAt
        self.deadAt = deadAt
        self.reason = reason
        self.attemptCount = attemptCount
        self.lastStatus = lastStatus
        self.lastAnswer = lastAnswer
        self.message = message
        self.body = body
    }

    package func encode(to json: inout JSONWriter) {
        json.object { json in
            json.field("alert", self.alert)
            json.field("alarmID", self.alarmID)
            json.field("endpoint", self.endpoint)
            json.field("priority", self.priority)
            json.field("type", self.type)
            json.field("occurredAt", self.occurredAt.rfc3339)
            json.field("deadAt", self.deadAt.rfc3339)
            json.field("reason", self.reason)
            json.field("attemptCount", self.attemptCount)
            json.field("lastStatus", self.lastStatus)
            json.field("lastAnswer", self.lastAnswer)
            json.field("message", self.message)
            json.field("body", self.body)
        }
    }

    package init(json: JSONValue) throws(ViewError) {
        let reader = try ViewReader(json, place: "deadLetter")
        self.init(
            alert: try reader.text("alert"), alarmID: try reader.text("alarmID"),
            endpoint: try reader.text("endpoint"), priority: try reader.text("priority"),
            type: try reader.text("type"), occurredAt: try reader.wall("occurredAt"),
            deadAt: try reader.wall("deadAt"), reason: try reader.text("reason"),
            attemptCount: try reader.integer("attemptCount"),
            lastStatus: try reader.integer("lastStatus"),
            lastAnswer: try reader.text("lastAnswer"), message: try reader.text("message"),
            body: json["body"] ?? .null)
    }
}

/// Which dead letters an operator asks for; the newest come first.
package struct DeadLetterQuery: Sendable, Equatable {
    /// Only those of this alert, then with their bodies.
    package var alert: String?
    package var endpoint: String?
    /// The `next` of the page before.
    package var after: String?
    package var limit: Int

    package init(
        limit: Int, alert: String? = nil, endpoint: String? = nil, after: String? = nil
    ) {
        self.limit = limit
        self.alert = alert
        self.endpoint = endpoint
        self.after = after
    }
}

/// What became of an order about a dead letter or an endpoint.
package struct DeliveryOrderView: OperatorView {
    /// Empty for an order about an endpoint.
    package var alert: String
    package var endpoint: String
    /// `resent`, `dropped`, `enabled`.
    package var outcome: String

    package init(alert: String, endpoint: String, outcome: String) {
        self.alert = alert
        self.endpoint = endpoint
        self.outcome = outcome
    }

    package func encode(to json: inout JSONWriter) {
        json.object { json in
            json.field("alert", self.alert)
            json.field("endpoint", self.endpoint)
            json.field("outcome", self.outcome)
        }
    }

    package init(json: JSONValue) throws(ViewError) {
        let reader = try ViewReader(json, place: "deliveryOrder")
        self.init(
            alert: try reader.text("alert"), endpoint: try reader.text("endpoint"),
            outcome: try reader.text("outcome"))
    }
}
