// SPDX-License-Identifier: Apache-2.0

internal import JSONText
package import MidwatchModel

/// What an operator asks of the engine; it travels as a command record in the journal.
package struct OperatorCommand: Sendable, Equatable {
    package enum Verb: String, Sendable { case acknowledge }

    package var verb: Verb
    package var path: String
    package var alarm: AlarmKind
    /// The activation that the operator saw: an acknowledgement names it, not the alarm.
    package var activation: DecisionID
    package var user: String
    /// Terminal or address the command came from.
    package var origin: String
    package var comment: String

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

    /// The payload of the command record, at most `SystemLimits.controlPayloadBytesMax` bytes.
    package var payload: [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.field("verb", self.verb.rawValue)
            json.field("path", self.path)
            json.field("alarm", self.alarm.word)
            json.field("activation", self.activation.description)
            json.field("user", self.user)
            json.field("origin", self.origin)
            json.field("comment", self.comment)
        }
        return json.bytes
    }

    /// Reads a payload back; nil if it is not one of a version this program knows.
    package init?(payload: [UInt8]) {
        guard let json = try? JSONValue(parsing: payload.span),
            let verb = json["verb"]?.string.flatMap(Verb.init(rawValue:)),
            let path = json["path"]?.string,
            let alarm = json["alarm"]?.string.flatMap(AlarmKind.init(word:)),
            let activation = json["activation"]?.string.flatMap({ DecisionID($0) })
        else { return nil }
        self.init(
            verb: verb, path: path, alarm: alarm, activation: activation,
            user: json["user"]?.string ?? "", origin: json["origin"]?.string ?? "",
            comment: json["comment"]?.string ?? "")
    }
}

extension AlarmEngine {
    /// Answers a command with exactly one decision, whose identity carries the command's position.
    mutating func applyCommand(_ payload: [UInt8], at time: MonotonicInstant) {
        self.lastCommand = OperatorCommand(payload: payload)
        guard let command = self.lastCommand else {
            return self.decide(Decision(.commandRefused, cause: .malformedCommand, time: time))
        }
        guard let index = self.index(ofPath: command.path),
            let alarm = self.alarm(command.alarm, of: index)
        else {
            return self.decide(Decision(.commandRefused, cause: .unknownAlarm, time: time))
        }
        let from = self.alarms[alarm].machine.state
        guard self.alarms[alarm].activation == command.activation else {
            return self.record(
                .commandRefused, alarm, from: from, at: time, cause: .otherActivation)
        }
        switch self.alarms[alarm].machine.handle(
            .acknowledged, isLatching: self.alarms[alarm].rule.isLatching)
        {
        case .record, .annunciate:
            self.record(.alarmAcknowledged, alarm, from: from, at: time, cause: .operatorCommand)
        case .none, .refused:
            self.record(
                .commandRefused, alarm, from: from, at: time, cause: .nothingToAcknowledge)
        }
    }

    /// The sensor at `path`; nil if none was registered there.
    package func index(ofPath path: String) -> Int? { self.pathIndexes[path] }

    /// Takes in the path of the next sensor; of two with one path the first is found.
    mutating func addPath(_ path: String) {
        if self.pathIndexes[path] == nil { self.pathIndexes[path] = self.paths.count }
        self.paths.append(path)
    }
}
