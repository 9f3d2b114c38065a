// SPDX-License-Identifier: Apache-2.0

internal import JSONText
package import MidwatchModel

/// What an operator asks of the engine; it travels as a command record in the journal.
package struct OperatorCommand: Sendable, Equatable {
    package enum Verb: String, Sendable, CaseIterable {
        case acknowledge
        /// Of a latched alarm that was acknowledged and whose condition is over.
        case reset
        case shelve, unshelve, takeOutOfService, returnToService, comment
        /// Puts an area into another mode; `path` is the name of the area.
        case setMode

        /// Whether the command is about one activation: between screen and key a new one may begin.
        package var namesActivation: Bool {
            switch self {
            case .acknowledge, .reset, .comment: true
            case .shelve, .unshelve, .takeOutOfService, .returnToService, .setMode: false
            }
        }
    }

    package var verb: Verb
    package var path: String
    package var alarm: AlarmKind
    /// Name of the rule whose alarm it is; empty: the alarm is named by its kind.
    package var rule = ""
    /// The activation that the operator saw.
    package var activation: DecisionID
    package var user: String
    /// Terminal or address the command came from.
    package var origin: String
    /// Also the reason for shelving and for taking out of service, which must not be empty.
    package var comment: String
    /// For how long an alarm is shelved.
    package var durationNanoseconds: UInt64 = 0
    /// The shelving ends with the return of the alarm, if that comes first.
    package var isOneShot = false
    /// The mode that an area is to be in; with `setMode`.
    package var mode = ""

    /// A command about an area.
    package init(area: String, mode: String, user: String, origin: String, comment: String) {
        self.init(
            verb: .setMode, path: area, alarm: .stale, activation: .none, user: user,
            origin: origin, comment: comment)
        self.mode = mode
    }

    package init(
        verb: Verb, path: String, alarm: AlarmKind, activation: DecisionID, user: String,
        origin: String, comment: String
    ) {
        self.verb = verb
        self.path = path
        self.alarm = alarm
        self.activation = activation
        self.user = user
        self.origin = origin
        self.comment = comment
    }

    /// Name of the alarm in its id.
    package var alarmName: String { self.rule.isEmpty ? self.alarm.word : self.rule }

    /// The payload of the command record, at most `SystemLimits.controlPayloadBytesMax` bytes.
    package var payload: [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.field("verb", self.verb.rawValue)
            if self.verb == .setMode {
                json.field("area", self.path)
                json.field("mode", self.mode)
            } else {
                json.field("path", self.path)
                json.field("alarm", self.alarmName)
                json.field("activation", self.activation.description)
            }
            json.field("user", self.user)
            json.field("origin", self.origin)
            json.field("comment", self.comment)
            if self.verb == .shelve {
                json.field("milliseconds", self.durationNanoseconds / 1_000_000)
                json.field("oneShot", self.isOneShot)
            }
        }
        return json.bytes
    }

    /// Reads a payload back; nil if it is not one of a version this program knows.
    package init?(payload: [UInt8]) {
        guard let json = try? JSONValue(parsing: payload.span),
            let verb = json["verb"]?.string.flatMap(Verb.init(rawValue:))
        else { return nil }
        if verb == .setMode {
            guard let area = json["area"]?.string, let mode = json["mode"]?.string else {
                return nil
            }
            self.init(
                area: area, mode: mode, user: json["user"]?.string ?? "",
                origin: json["origin"]?.string ?? "", comment: json["comment"]?.string ?? "")
            return
        }
        guard let path = json["path"]?.string,
            let alarm = json["alarm"]?.string, !alarm.isEmpty,
            let activation = json["activation"]?.string.flatMap({ DecisionID($0) })
        else { return nil }
        self.init(
            verb: verb, path: path, alarm: AlarmKind(word: alarm) ?? .expression,
            activation: activation, user: json["user"]?.string ?? "",
            origin: json["origin"]?.string ?? "", comment: json["comment"]?.string ?? "")
        if AlarmKind(word: alarm) == nil { self.rule = alarm }
        let milliseconds = json["milliseconds"]?.double ?? 0
        guard milliseconds >= 0, milliseconds < 1e12 else { return nil }
        self.durationNanoseconds = UInt64(milliseconds) * 1_000_000
        self.isOneShot = json["oneShot"]?.bool ?? false
    }
}
