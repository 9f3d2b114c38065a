// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import JSONText
import MidwatchModel
import OperatorViews

/// The three questions of a person who is called: what is happening, what is affected, what to
/// check first.
extension AlertSentences {
    /// Names that one answer lists; the rest is counted.
    private static let namedMax = 5

    // MARK: What is happening

    var happening: String {
        var sentences = [AlertWords.sentence(self.message)]
        sentences.append(self.beginning)
        if !self.facts.rule.text.isEmpty {
            sentences.append("Rule \(self.record.alarm): \(self.facts.rule.text).")
        }
        if let trend = self.trend { sentences.append(trend) }
        if let doubt = self.doubt { sentences.append(doubt) }
        if let repeats = self.repeats { sentences.append(repeats) }
        sentences += self.company
        if !self.facts.context.modes.isEmpty {
            let modes = self.list(self.facts.context.modes)
            sentences.append("The monitor itself is impaired: \(modes).")
        }
        return sentences.filter { !$0.isEmpty }.joined(separator: " ")
    }

    private var beginning: String {
        let began = self.facts.clock(self.facts.began)
        let at = self.facts.clock(self.record.at)
        switch self.record.kind {
        case "alarmReturned", AlertRecord.quietReturn:
            guard let active = self.facts.activeNanoseconds else { return "It ended at \(at)." }
            return "It ended at \(at), after \(AlertWords.time(active))."
        case "alarmAcknowledged":
            let comment = self.record.json.value(atPath: "command.comment")?.string ?? ""
            let said = comment.isEmpty ? "" : ", saying: \(comment)"
            let isBack = self.record.to == .normal
            return "Acknowledged at \(at)\(said)."
                + (isBack ? " The cause is gone." : " The cause is still there.")
        default:
            if began == at { return "It began at \(at)." }
            return "It began at \(began) and was raised at \(at)."
        }
    }

    /// How the value came there: the readings before.
    private var trend: String? {
        guard self.record.kind != "alarmAcknowledged", let history = self.facts.context.history
        else { return nil }
        let usable = history.readings.filter { $0.value.isFinite }
        guard let first = usable.first, let last = usable.last, usable.count > 1 else { return nil }
        let unit = self.facts.declaration.unit
        let span = AlertWords.time(last.arrival.nanosecondsSince(first.arrival))
        let values = usable.map(\.value)
        guard let least = values.min(), let most = values.max() else { return nil }
        if least == most {
            return "It stood at \(AlertWords.value(last.value, unit)) for the \(usable.count) "
                + "readings (\(span)) before."
        }
        return "It went from \(AlertWords.short(first.value)) to "
            + "\(AlertWords.value(last.value, unit)) in \(span) (\(usable.count) readings, lowest "
            + "\(AlertWords.short(least)), highest \(AlertWords.short(most)))."
    }

    /// What speaks against the value.
    private var doubt: String? {
        var doubts: [String] = []
        let quality = self.record.json["quality"]?.string ?? ""
        if quality == Quality.uncertain.word || quality == Quality.bad.word {
            doubts.append("the quality of the value is \(quality)")
        }
        if self.facts.clockTrust == "senderNotTrusted" {
            doubts.append("the sender's clock is not trusted, times are those of arrival")
        }
        if let good = self.facts.context.history?.lastGood, quality != Quality.good.word {
            let value = AlertWords.value(good.value, self.facts.declaration.unit)
            doubts.append("the last good value was \(value) at \(self.facts.clock(good.at))")
        }
        guard !doubts.isEmpty else { return nil }
        return "Mind: " + doubts.joined(separator: "; ") + "."
    }

    private var repeats: String? {
        let count = self.facts.context.picture.activationsInDay
        guard self.record.kind == "alarmRaised", count > 1 else { return nil }
        return "It was raised \(count) times in the last 24 hours."
    }

    /// Other alarms near it, and which came first.
    private var company: [String] {
        var sentences: [String] = []
        if let cause = self.record.json["causedBy"]?.string {
            sentences.append("It follows from \(cause).")
        }
        let picture = self.facts.context.picture
        guard self.record.kind != "alarmAcknowledged", picture.relatedCount > 0 else {
            return sentences
        }
        let names = picture.related.prefix(Self.namedMax).map(\.alarmID)
        let count = picture.relatedCount
        sentences.append(
            (count == 1 ? "Also active nearby: " : "\(count) more alarms are active nearby: ")
                + self.list(names, of: count) + ".")
        if let first = picture.firstOut, first.relation != "this" {
            sentences.append(
                "The first of them was \(first.alarmID) at \(self.facts.clock(first.since)).")
        } else if picture.firstOut != nil, count > 0, self.record.kind == "alarmRaised" {
            sentences.append("This one was the first.")
        }
        return sentences
    }

    private func list(_ names: [String], of count: Int? = nil) -> String {
        let shown = names.prefix(Self.namedMax)
        let rest = (count ?? names.count) - shown.count
        return shown.joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
    }

    // MARK: What is affected

    /// What the alarm of a source says of the sensors behind it.
    private var affectedBehind: String {
        let name = self.facts.name
        // Without a title the name says that it is a source.
        let source = name.hasPrefix("source ") ? "the \(name)" : "the source \(name)"
        guard !self.isLoss else {
            return "Every sensor behind \(source): their values are not known."
        }
        let count = self.record.json["sensorsBehind"]?.integer
        let sensors = count.map { $0 == 1 ? "The sensor" : "All \($0) sensors" } ?? "All sensors"
        switch self.record.condition {
        case .clockSkew, .clockDrift:
            return "\(sensors) behind \(source): the source times of their readings are doubtful."
        default: return "\(sensors) behind \(source): readings may be missing."
        }
    }

    var affected: String {
        var sentences: [String] = []
        let place = self.facts.place
        var things: [String] = []
        if !place.equipment.isEmpty {
            things.append(
                place.title.isEmpty ? place.equipment : "\(place.title) (\(place.equipment))")
            if !place.area.isEmpty { things.append(place.area) }
        } else if !place.area.isEmpty {
            things.append(place.title.isEmpty ? place.area : "\(place.title) (\(place.area))")
        }
        if !place.site.isEmpty { things.append(place.site) }
        if self.record.isOwn {
            sentences.append("The monitoring itself: Midwatch on this node.")
        } else if self.record.isSource {
            sentences.append(self.affectedBehind)
        } else {
            sentences.append(
                AlertWords.sentence(
                    things.isEmpty ? self.record.path : things.joined(separator: ", ")))
        }
        if self.facts.dependentsCount > 0 {
            let names = self.facts.dependents.map { dependent in
                let asset = dependent.asset
                return asset.title.isEmpty ? asset.name : "\(asset.title) (\(asset.name))"
            }
            sentences.append(
                "Depending on it: \(self.list(names, of: self.facts.dependentsCount)).")
        }
        guard self.record.messageType != "alarm.returned" else {
            return sentences.joined(separator: " ")
        }
        if !self.facts.texts.consequence.isEmpty {
            sentences.append(
                "If nothing is done: \(AlertWords.sentence(self.facts.texts.consequence))")
        } else if self.record.kind == "alarmRaised" {
            sentences.append("What happens if nothing is done is not written in the configuration.")
        }
        return sentences.joined(separator: " ")
    }

    // MARK: What to check first

    /// The checks of the configuration, or where it has none those that the kind of alarm suggests.
    var checks: [String] {
        guard self.facts.texts.firstChecks.isEmpty else { return self.facts.texts.firstChecks }
        return self.generalChecks
    }

    var areChecksGeneral: Bool { self.facts.texts.firstChecks.isEmpty }

    var checkFirst: String {
        guard self.record.messageType != "alarm.returned" else { return self.afterwards }
        var sentences: [String] = []
        for (number, check) in self.checks.enumerated() {
            sentences.append("\(number + 1). \(AlertWords.sentence(check))")
        }
        let texts = self.facts.texts
        if !texts.operatorAction.isEmpty {
            sentences.append("Then: \(AlertWords.sentence(texts.operatorAction))")
        }
        if texts.timeToRespondSeconds > 0, self.record.kind == "alarmRaised" {
            let time = AlertWords.time(UInt64(texts.timeToRespondSeconds) * 1_000_000_000)
            let until = WallInstant(
                nanoseconds: self.facts.began.nanoseconds &+ Int64(texts.timeToRespondSeconds)
                    * 1_000_000_000)
            sentences.append("Respond within \(time), that is by \(self.facts.clock(until)).")
        }
        if let others = self.redundantWords { sentences.append(others) }
        if !texts.verification.isEmpty {
            sentences.append("It is real if: \(AlertWords.sentence(texts.verification))")
        }
        if !texts.causes.isEmpty {
            sentences.append("Usual causes: \(self.list(texts.causes)).")
        }
        if !texts.runbook.isEmpty { sentences.append("Runbook: \(texts.runbook)") }
        return sentences.joined(separator: " ")
    }

    /// What is left to do when it is over.
    private var afterwards: String {
        var sentences = ["Nothing has to be done at once."]
        if self.record.to != .normal {
            sentences.append("It still wants to be acknowledged, or reset.")
        }
        if !self.facts.texts.causes.isEmpty {
            sentences.append(
                "Find out which it was; usual causes: \(self.list(self.facts.texts.causes)).")
        }
        return sentences.joined(separator: " ")
    }

    private var redundantWords: String? {
        let others = self.facts.context.redundant.map { other -> String in
            let name = other.title.isEmpty ? other.path : "\(other.title) (\(other.path))"
            guard let value = other.value else { return "\(name) has no value" }
            var text = "\(name) says \(AlertWords.value(value, other.unit))"
            if other.freshness != .fresh { text += ", \(other.freshness.word)" }
            if other.quality != .good { text += ", quality \(other.quality.word)" }
            switch self.facts.agrees(other) {
            case true?: text += ", which agrees"
            case false?: text += ", which does not agree"
            case nil: break
            }
            return text
        }
        return others.isEmpty ? nil : "Measured besides: " + others.joined(separator: "; ") + "."
    }

    private var generalChecks: [String] {
        let source = self.record.source
        if self.record.isOwn {
            return ["What does midwatch status say?", "What does the log of midwatchd say?"]
        }
        if self.isLoss {
            return [
                "Has the device or gateway power, and is its network link up?",
                "Do other sources of the same network still speak (midwatch status)?",
            ]
        }
        switch self.record.condition {
        case .stale:
            let behind = source.isEmpty ? "its source" : "the source \(source)"
            return [
                "Do other sensors of \(behind) still speak (midwatch sensors)? If not, look at "
                    + "power and network of the source",
                "If they do, look at the sensor itself: power, cable, configuration",
            ]
        case .unverifiable, .badQuality:
            return [
                "Is the instrument in maintenance or calibration?",
                "Look at the instrument and its cable: it reports no usable value",
            ]
        case .clockSkew, .clockDrift:
            return ["Does the sender reach its time server?"]
        case .flatLine, .discrepancy, .drift, .deviation:
            return [
                "Compare with a second instrument or by eye: is it the plant or the sensor?",
                "When was the instrument calibrated last?",
            ]
        case .sequence: return ["Is the network between the sender and Midwatch lossy?"]
        case .lowLow, .low, .high, .highHigh, .rateOfChange, .vote, .offNormal, .window,
            .expression, nil:
            return [
                "Is it real? Compare with a second instrument, a camera or by eye",
                "What changed in the minutes before (midwatch events, midwatch history)?",
            ]
        }
    }
}
