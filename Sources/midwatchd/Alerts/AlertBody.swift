// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import JSONText
import MidwatchModel
import OperatorViews

/// The JSON object of one alert, within a size.
///
/// What does not fit is left out and named in `truncated`, never silently. Members of the ledger
/// record keep their names; what is not known is left out.
struct AlertBody {
    /// What the alert is, beside its facts.
    struct Head: Sendable {
        var alertID: String
        var sequence: UInt64
        var dedupKey: String
        var node: String
        var site: String
        var version: String
        var isRecorded: Bool
        var links: [AlertLink]
        /// What is tested and by whom, if this is a test.
        var drill: String?
    }

    /// Version of the members; it grows when one changes its meaning or goes.
    static let format = 1

    /// Members of the ledger record that are written as they stand there.
    private static let copied: Set<String> = [
        "decision", "kind", "cause", "at", "engineTime", "sensor", "source", "alarm", "condition",
        "measured", "oddOne", "priority", "activation", "activationCount", "from", "to",
        "suppression", "causedBy", "until", "freshness", "quality", "value", "lastArrival",
        "ageNanoseconds", "sourceTimeStatus", "sourceTime", "setpoint", "worst",
        "unrecordedInput",
    ]

    let facts: AlertFacts
    let head: Head
    let size: AlertSize
    private let cuts = Cuts()

    var record: AlertRecord { self.facts.record }

    init(_ facts: AlertFacts, _ head: Head, _ size: AlertSize) {
        self.facts = facts
        self.head = head
        self.size = size
    }

    func write() -> [UInt8] {
        var json = JSONWriter(reservingBytes: 8_192)
        json.object { json in
            self.writeIdentity(to: &json)
            self.writeWords(to: &json)
            for (name, value) in self.members where Self.copied.contains(name) {
                json.field(name, value)
            }
            if let command = self.record.json["command"] { self.write(command, to: &json) }
            self.writePlace(to: &json)
            self.writeRule(to: &json)
            self.writeTimes(to: &json)
            self.writeReadings(to: &json)
            self.writeCompany(to: &json)
            self.writeGuidance(to: &json)
            self.writeMonitor(to: &json)
            json.arrayField("truncated") { json in
                for name in self.cuts.names { json.value(name) }
            }
        }
        return json.bytes
    }

    private var members: [(String, JSONValue)] {
        guard case .object(let members) = self.record.json else { return [] }
        return members.map { ($0, $1) }
    }

    // MARK: Identity and words

    private func writeIdentity(to json: inout JSONWriter) {
        json.field("format", Self.format)
        json.field("alert", self.head.alertID)
        if self.head.drill != nil { json.field("drill", true) }
        json.field("alarmID", self.record.alarmID)
        json.field("dedupKey", self.head.dedupKey)
        json.field("sequence", self.head.sequence)
        json.field("traceparent", self.facts.trace.traceparent)
        json.field("aboutMonitor", self.record.isOwn)
        json.field("class", self.facts.alarmClass)
        if !self.facts.handlingClass.isEmpty {
            json.field(
                "handlingClass",
                self.cut(self.facts.handlingClass, "handlingClass", self.size.textBytes))
        }
    }

    private func writeWords(to json: inout JSONWriter) {
        let sentences = AlertSentences(self.facts)
        let bytes = self.size.answerBytes
        // Whoever reads only one of them must know that nothing is to be done.
        let drill = self.head.drill.map { "DRILL: \($0); nothing is to be done" }
        func told(_ text: String) -> String { drill == nil ? text : "DRILL: " + text }
        json.field("summary", self.cut(drill ?? sentences.summary, "summary", bytes))
        json.field("message", self.cut(drill ?? sentences.message, "message", bytes))
        json.objectField("answers") { json in
            json.field(
                "happening", self.cut(told(sentences.happening), "answers.happening", bytes))
            json.field("affected", self.cut(told(sentences.affected), "answers.affected", bytes))
            json.field(
                "checkFirst", self.cut(told(sentences.checkFirst), "answers.checkFirst", bytes))
        }
    }

    /// Who acknowledged: the comment may be long.
    private func write(_ command: JSONValue, to json: inout JSONWriter) {
        json.objectField("command") { json in
            for name in ["verb", "user", "origin", "comment"] {
                let text = command[name]?.string ?? ""
                json.field(name, self.cut(text, "command.\(name)", self.size.textBytes))
            }
        }
    }

    // MARK: Place and rule

    private func writePlace(to json: inout JSONWriter) {
        json.field("title", self.cut(self.facts.declaration.title, "title", self.size.textBytes))
        json.field("unit", self.cut(self.facts.declaration.unit, "unit", self.size.textBytes))
        if let range = self.facts.declaration.instrumentRange {
            json.objectField("range") { json in
                json.field("min", range.lowerBound)
                json.field("max", range.upperBound)
            }
        }
        let place = self.facts.place
        json.objectField("place") { json in
            json.field("site", self.cut(place.site, "place.site", self.size.textBytes))
            json.field("area", self.cut(place.area, "place.area", self.size.textBytes))
            json.field(
                "equipment", self.cut(place.equipment, "place.equipment", self.size.textBytes))
            json.field("title", self.cut(place.title, "place.title", self.size.textBytes))
        }
        let dependents = self.facts.dependents.prefix(self.size.dependents)
        json.objectField("affected") { json in
            json.field("sensor", self.record.path)
            let levels = self.record.path.split(separator: "/").dropLast()
            let asset = place.asset.isEmpty ? levels.joined(separator: "/") : place.asset
            json.field("asset", self.cut(asset, "affected.asset", self.size.textBytes))
            json.field("dependentCount", self.facts.dependentsCount)
            json.arrayField("dependents") { json in
                for (asset, through) in dependents {
                    json.object { json in
                        let bytes = self.size.textBytes
                        let name = "affected.dependents"
                        json.field("name", self.cut(asset.name, name, bytes))
                        json.field("area", self.cut(asset.area, name, bytes))
                        json.field("title", self.cut(asset.title, name, bytes))
                        json.field("through", self.cut(through, name, bytes))
                    }
                }
            }
        }
        self.note(self.facts.dependentsCount > dependents.count, "affected.dependents")
    }

    private func writeRule(to json: inout JSONWriter) {
        let rule = self.facts.rule
        json.objectField("rule") { json in
            json.field("id", self.record.alarm)
            json.field("revision", self.record.json["revision"]?.string ?? "")
            json.field("text", self.cut(rule.text, "rule.text", self.size.textBytes))
            if let setpoint = rule.setpoint { json.field("setpoint", setpoint) }
            if let deadband = rule.deadband { json.field("deadband", deadband) }
            json.field("onDelaySeconds", Self.seconds(rule.onDelayNanoseconds))
            json.field("offDelaySeconds", Self.seconds(rule.offDelayNanoseconds))
            if let deadline = rule.deadlineNanoseconds {
                json.field("deadlineSeconds", Self.seconds(deadline))
            }
        }
        if let beyond = self.facts.beyondBy { json.field("beyondBy", beyond) }
    }

    // MARK: Times and counts

    private func writeTimes(to json: inout JSONWriter) {
        let picture = self.facts.context.picture
        json.field("since", self.facts.began.rfc3339)
        json.field("clockTrust", self.facts.clockTrust)
        if let latency = self.facts.context.detectionNanoseconds {
            json.field("detectionSeconds", Self.seconds(latency))
        }
        if self.facts.clockTrust == "sender", let sent = self.facts.sourceTime,
            let arrived = self.facts.lastArrival
        {
            let (way, overflow) = arrived.nanoseconds.subtractingReportingOverflow(sent.nanoseconds)
            if !overflow { json.field("transportSeconds", Double(way / 1_000) / 1e6) }
        }
        if let since = picture.activeSince {
            json.field("activeSince", since.rfc3339)
            if let active = self.facts.activeNanoseconds {
                json.field("activeSeconds", Self.seconds(active))
            }
        }
        if let since = picture.stateSince {
            let time = UInt64(clamping: self.record.at.nanoseconds &- since.nanoseconds)
            json.field("timeInStateBeforeSeconds", Self.seconds(time))
        }
        if self.facts.context.isOfTheMoment {
            json.field("activationsIn24Hours", picture.activationsInDay)
        }
    }

    static func seconds(_ nanoseconds: UInt64) -> Double {
        Double(nanoseconds / 1_000) / 1e6
    }

    // MARK: Cutting

    /// Names of what was cut, each once.
    private final class Cuts {
        var names: [String] = []
    }

    /// Notes that something of `name` is missing.
    func note(_ isMissing: Bool, _ name: String) {
        if isMissing, !self.cuts.names.contains(name) { self.cuts.names.append(name) }
    }

    /// The text, or what of it fits: whole characters and a mark that it goes on.
    func cut(_ text: String, _ name: String, _ bytesMax: Int) -> String {
        guard text.utf8.count > bytesMax else { return text }
        self.note(true, name)
        let mark = "…"
        var room = bytesMax - mark.utf8.count
        var end = text.startIndex
        while end < text.endIndex {
            room -= text[end].utf8.count
            if room < 0 { break }
            end = text.index(after: end)
        }
        return text[..<end] + mark
    }
}
