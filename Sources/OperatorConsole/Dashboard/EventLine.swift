// SPDX-License-Identifier: Apache-2.0

internal import JSONText
package import OperatorViews

/// A ledger record in words.
package struct EventLine: Sendable, Equatable {
    /// The alarm that it is about; empty if it is about none.
    package var alarmID: String
    /// What happened, in one or two words.
    package var what: String
    /// About what.
    package var subject: String
    /// Further facts.
    package var detail: String
    package var tone: Tone

    package init(_ event: EventView) {
        let body = event.body
        func text(_ name: String) -> String { body[name]?.string ?? "" }
        let kind = text("kind")
        let sensor = text("sensor")
        let alarm = text("alarm")
        if !text("alarmID").isEmpty {
            self.alarmID = text("alarmID")
        } else if kind.hasPrefix("alarm"), !sensor.isEmpty {
            self.alarmID = "\(sensor):\(alarm)"
        } else {
            self.alarmID = ""
        }
        self.what = Self.words[kind] ?? kind
        self.subject = self.alarmID.isEmpty ? sensor : self.alarmID
        var details: [String] = []
        if !text("priority").isEmpty { details.append(text("priority")) }
        if let value = body["value"]?.double { details.append("value \(Words.value(value))") }
        if let setpoint = body["setpoint"]?.double {
            details.append("limit \(Words.value(setpoint))")
        }
        // What was done stands before who did it: a row may end early.
        let endpoints = (body["endpoints"]?.array ?? []).compactMap(\.string)
        if !endpoints.isEmpty { details.append("endpoints " + endpoints.joined(separator: ", ")) }
        let names = [
            "order", "route", "cause", "endpoint", "reason", "failure", "breaker", "area", "mode",
        ]
        for name in names where !text(name).isEmpty {
            switch name {
            // Who gave the command says so.
            case "cause" where body["command"] != nil: break
            case "cause": details.append(Words.spaced(text(name)))
            case "reason": details.append("reason \(Words.spaced(text(name)))")
            case "order": details.append(text(name))
            default: details.append("\(name) \(text(name))")
            }
        }
        if let status = body["status"]?.integer { details.append("status \(status)") }
        if let attempts = body["attempts"]?.integer {
            details.append(Words.counted(attempts, "attempt"))
        }
        if let silence = body["silence"] {
            let line = SilenceLine(json: .object([("id", .null), ("silence", silence)]))
            details.append("\(line.match), by \(line.author): \(line.reason)")
        }
        let command = body["command"]
        if let command { details.append("by \(command["user"]?.string ?? "?")") }
        if let comment = command?["comment"]?.string, !comment.isEmpty {
            details.append("\"\(comment)\"")
        }
        if !text("user").isEmpty { details.append("by \(text("user"))") }
        let origin = command?["origin"]?.string ?? text("origin")
        if !origin.isEmpty { details.append("from \(origin)") }
        self.detail = details.joined(separator: ", ")
        self.tone = Self.tone(kind, priority: text("priority"))
    }

    private static let words = [
        "alarmRaised": "RAISED", "alarmReturned": "returned", "alarmAcknowledged": "acknowledged",
        "alarmRaisedSuppressed": "raised, quiet", "alarmReturnedSuppressed": "returned, quiet",
        "alarmReset": "reset", "alarmShelved": "shelved", "alarmUnshelved": "unshelved",
        "alarmSuppressed": "suppressed", "alarmUnsuppressed": "unsuppressed",
        "alarmOutOfService": "out of service", "alarmInService": "in service",
        "alarmCommented": "comment", "commandRefused": "REFUSED",
        "sourceClockRebased": "clock rebased", "runStarted": "run started",
        "runStopped": "run stopped", "configurationApplied": "configuration",
        "clockStepped": "clock stepped", "monitorDegraded": "MONITOR LATE",
        "readingsLost": "READINGS LOST", "readingsUnrecorded": "NOT RECORDED",
        "areaModeChanged": "area mode", "alertDelivered": "delivered",
        "alertDeadLettered": "DEAD LETTER", "alertSuperseded": "superseded",
        "ledgerGap": "LEDGER GAP", "accessLogAnchored": "access log",
        "alertRouted": "told further", "alertWithheld": "KEPT BACK", "alertDigest": "digest",
        "alertDrill": "test alert", "deliveryOrdered": "delivery order",
        "endpointBreaker": "breaker", "silenceAdded": "SILENCE", "silenceRemoved": "silence ended",
        "silenceEnded": "silence over",
        "journalDamaged": "JOURNAL DAMAGED",
    ]

    private static func tone(_ kind: String, priority: String) -> Tone {
        switch kind {
        case "alarmRaised":
            switch priority {
            case "critical": .critical
            case "high": .high
            case "medium": .medium
            default: .low
            }
        case "alertDeadLettered", "readingsLost", "readingsUnrecorded", "ledgerGap",
            "journalDamaged", "monitorDegraded":
            .critical
        case "commandRefused", "silenceAdded", "alertWithheld", "alertRouted", "endpointBreaker":
            .high
        case "alarmReturned", "alertDelivered": .good
        case "accessLogAnchored", "alertSuperseded", "alarmRaisedSuppressed",
            "alarmReturnedSuppressed":
            .muted
        default: .plain
        }
    }
}
