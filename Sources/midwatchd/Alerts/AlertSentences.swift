// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import JSONText
import MidwatchModel

/// The alert in words: one sentence, a headline, and the three answers.
///
/// Written for a person who has just woken up: the number, the limit, the place and the time
/// first; what is not known is said to be unknown.
struct AlertSentences: Sendable {
    let facts: AlertFacts
    var record: AlertRecord { self.facts.record }

    init(_ facts: AlertFacts) { self.facts = facts }

    private var isRuleRemoved: Bool {
        self.record.json["cause"]?.string == Decision.Cause.ruleRemoved.word
    }

    private var isReplaced: Bool {
        self.record.json["cause"]?.string == Decision.Cause.moreSevereLimit.word
    }

    // MARK: One line

    /// What happened: `CO, section 3: 104 ppm, 4 ppm above the high-high limit of 100 ppm`.
    var message: String {
        let name = self.facts.name
        switch self.record.kind {
        case "alarmReturned", AlertRecord.quietReturn:
            // Nothing is known to be well: it is judged no more.
            if self.isRuleRemoved {
                return "\(name): the \(self.alarmName) alarm has no rule any more in the "
                    + "configuration and is not judged" + self.back(", last value ")
            }
            if self.isReplaced {
                return "\(name): a more severe alarm takes the place of the \(self.alarmName) one"
                    + self.back(", value ")
            }
            if self.isSilence { return "\(name): heard again" + self.back(", ") }
            return "\(name): returned to normal" + self.back(", ")
        case "alarmAcknowledged":
            let user = self.record.json.value(atPath: "command.user")?.string ?? ""
            let by = user.isEmpty ? "unknown" : user
            if self.isLoss { return "\(name): loss acknowledged by \(by)" }
            return "\(name): \(self.alarmName) alarm acknowledged by \(by)"
        default:
            if self.isLoss {
                return "\(name): lost; nothing is heard of the sensors behind it" + self.again
            }
            let isLost =
                self.record.json["cause"]?.string == Decision.Cause.lostWhileBeyondLimit.word
            return "\(name): \(self.finding)"
                + (isLost ? ", then the sensor was lost" : "") + self.again
        }
    }

    /// The headline: how urgent, what, since when, where.
    var summary: String {
        var text: String
        switch self.record.kind {
        case "alarmReturned", AlertRecord.quietReturn:
            let word = self.isRuleRemoved ? "ENDED" : self.isReplaced ? "REPLACED" : "RETURNED"
            text = "\(word): \(self.message)"
        case "alarmAcknowledged": text = "ACKNOWLEDGED: \(self.message)"
        default: text = "\(self.record.priority.word.uppercased()): \(self.message)"
        }
        switch self.record.kind {
        case "alarmReturned", AlertRecord.quietReturn:
            if let active = self.facts.activeNanoseconds {
                text += ", after \(AlertWords.time(active))"
            }
        case "alarmAcknowledged": break
        default: text += ", since \(self.facts.clock(self.facts.began))"
        }
        let place = self.facts.whereabouts
        return place.isEmpty ? text : "\(text) (\(place))"
    }

    private var isSilence: Bool { self.record.condition == .stale }

    /// The loss of a source, rather than what a rule says of it.
    var isLoss: Bool { self.record.isSource && self.record.condition == .stale }

    /// `high-high limit`, or the name of the rule.
    private var alarmName: String {
        AlarmKind(word: self.record.alarm).map(AlertWords.limit) ?? self.record.alarm
    }

    private func value(_ number: Double?) -> String {
        number.map { AlertWords.value($0, self.facts.declaration.unit) } ?? "unknown"
    }

    /// The value after a return; nothing for a source, which has none.
    private func back(_ separator: String) -> String {
        self.record.isSource ? "" : separator + self.value(self.facts.value)
    }

    /// What was found, without the name of the sensor.
    private var finding: String {
        let value = self.value(self.facts.value)
        switch AlarmKind(word: self.record.alarm) {
        case .high, .highHigh, .low, .lowLow:
            let isHigh = self.record.alarm.hasPrefix(AlarmKind.high.word)
            let side = isHigh ? "above" : "below"
            let limit = "the \(self.alarmName) limit of \(self.value(self.facts.setpoint))"
            guard let beyond = self.facts.beyondBy, beyond >= 0 else {
                return "was \(side) \(limit), now \(value)"
            }
            return beyond == 0
                ? "\(value), at \(limit)" : "\(value), \(self.value(beyond)) \(side) \(limit)"
        case .stale:
            guard let age = self.record.json["ageNanoseconds"]?.integer else {
                return "has never been heard"
            }
            return "silent for \(AlertWords.time(UInt64(clamping: age))), last value \(value)"
        case .unverifiable:
            if let rule = self.erringRule {
                return "the rule \(rule) has no result and verifies nothing, last value \(value)"
            }
            return "the value cannot be verified, last value \(value)"
        case .rateOfChange, .flatLine, .deviation, .vote, .discrepancy, .offNormal, .badQuality,
            .clockSkew, .clockDrift, .sequence, .window, .drift, .expression, nil:
            return self.ruleFinding
        }
    }

    /// The rule of the sensor itself that errs, to which "cannot verify" is due; nil if none is.
    private var erringRule: Substring? {
        guard let cause = self.record.json["causedBy"]?.string,
            cause.hasPrefix(self.record.path + ":")
        else { return nil }
        let name = cause.dropFirst(self.record.path.utf8.count + 1)
        return AlarmKind(word: String(name)) == nil ? name : nil
    }

    /// What a rule found; its name stands before it.
    private var ruleFinding: String {
        let number = self.record.json["measured"]?.double
        let measured = number.map { AlertWords.short($0) } ?? "an unknown amount"
        let inUnit = number == nil ? measured : self.value(number)
        let what: String =
            switch self.record.condition {
            case .rateOfChange: "changes by \(inUnit) per second"
            case .flatLine: "does not change any more, \(self.value(self.facts.value))"
            case .deviation: "deviates by \(inUnit)"
            case .vote: "its redundant sensors agree that it is beyond the limit"
            case .discrepancy:
                self.record.json["oddOne"]?.string.map { "\($0) disagrees by \(inUnit)" }
                    ?? "its redundant sensors disagree by \(inUnit)"
            case .offNormal: "is in state \(measured), which is not normal"
            case .badQuality: "the quality of its value is not good"
            case .clockSkew: "\(self.clock) is off by \(measured) s"
            case .clockDrift: "\(self.clock) drifts by \(measured) ppm"
            case .sequence: "\(measured) numbers are missing or doubled"
            case .window: "is at \(inUnit) over the window"
            case .drift: "has drifted by \(inUnit)"
            case .expression, .lowLow, .low, .high, .highHigh, .stale, .unverifiable, nil: ""
            }
        return what.isEmpty ? self.record.alarm : "\(self.record.alarm): \(what)"
    }

    private var clock: String {
        self.record.isSource ? "its clock" : "the clock of its sender"
    }

    /// Why people are told of an alarm that is not new; empty if it is.
    private var again: String {
        switch self.record.json["cause"]?.string {
        case Decision.Cause.reAlarm.word: "; acknowledged before and still there"
        case Decision.Cause.shelvingElapsed.word: "; its shelving has ended"
        case Decision.Cause.sourceNotLost.word: "; its source is not lost"
        case Decision.Cause.suppressionRule.word: "; nothing suppresses it any more"
        default: ""
        }
    }
}
