// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import JSONText
import MidwatchModel
import OperatorViews

/// A ledger record about an alarm, taken apart once for everything that an alert needs of it.
struct AlertRecord: Sendable {
    let json: JSONValue
    let id: DecisionID
    /// Word of the decision: `alarmRaised`.
    let kind: String
    let path: String
    /// Name of the alarm: the word of its kind, or the name of its rule.
    let alarm: String
    let priority: AlarmPriority
    let activation: DecisionID
    let from: AlarmState
    let to: AlarmState
    /// 1970 if the record does not say.
    let at: WallInstant

    var alarmID: String { "\(self.path):\(self.alarm)" }
    var source: String { self.json["source"]?.string ?? "" }

    /// Whether an activation began with this decision, annunciated or not.
    var isNewActivation: Bool {
        self.activation == self.id && (self.kind == "alarmRaised" || self.kind == Self.quietRaise)
    }

    /// Whether the alarm is kept from being annunciated.
    var isSuppressed: Bool { self.json["suppression"]?.array?.isEmpty == false }

    /// Whether only those are told who were told of the activation: nobody else is to know of what
    /// is suppressed, but nobody is to wait for an end that came.
    var isToldOnly: Bool { self.kind == Self.quietReturn }

    private static let quietRaise = "alarmRaisedSuppressed"
    static let quietReturn = "alarmReturnedSuppressed"

    /// nil for records that are not about an alarm.
    init?(_ body: [UInt8]) {
        guard let json = try? JSONValue(parsing: body.span), let kind = json["kind"]?.string,
            let path = json["sensor"]?.string, let alarm = json["alarm"]?.string,
            let id = json["decision"]?.string.flatMap({ DecisionID($0) }),
            let priority = json["priority"]?.string.flatMap(AlarmPriority.init(word:))
        else { return nil }
        self.json = json
        self.id = id
        self.kind = kind
        self.path = path
        self.alarm = alarm
        self.priority = priority
        self.activation = json["activation"]?.string.flatMap { DecisionID($0) } ?? .none
        self.from = json["from"]?.string.flatMap(AlarmState.init(word:)) ?? .normal
        self.to = json["to"]?.string.flatMap(AlarmState.init(word:)) ?? .normal
        self.at =
            json["at"]?.string.flatMap { WallInstant(rfc3339: $0) } ?? WallInstant(nanoseconds: 0)
    }

    /// Type of the message about it; nil for what people are not told.
    var messageType: String? {
        switch self.kind {
        case "alarmRaised": "alarm.raised"
        case "alarmReturned", Self.quietReturn: "alarm.returned"
        case "alarmAcknowledged": "alarm.acknowledged"
        default: nil
        }
    }

    /// What was found: of a rule the kind of its condition, else the kind of the alarm.
    var condition: AlarmKind? {
        AlarmKind(word: self.json["condition"]?.string ?? self.alarm)
    }

    /// Whether it speaks of a source that carries other sensors.
    var isSource: Bool { self.path.hasPrefix(RuleBook.sourcePathPrefix) }

    /// Whether its alarm is a test.
    var isDrill: Bool { OwnPath.isDrill(self.path) }

    /// Whether it speaks of Midwatch itself.
    var isOwn: Bool { OwnPath.isOwn(self.path) && !self.isSource }
}
