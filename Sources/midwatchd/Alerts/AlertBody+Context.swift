// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import JSONText
import MidwatchModel
import OperatorViews

/// What was around the decision: readings, other alarms, guidance, the monitor.
extension AlertBody {
    // MARK: Readings

    func writeReadings(to json: inout JSONWriter) {
        let context = self.facts.context
        guard let history = context.history else { return }
        let shown = history.readings.suffix(self.size.readings)
        self.note(shown.count < history.readings.count, "readingsBefore.readings")
        let values = history.readings.map(\.value).filter(\.isFinite)
        json.objectField("readingsBefore") { json in
            json.field("count", history.readings.count)
            if !history.readings.isEmpty {
                json.field("windowSeconds", Self.seconds(history.spanNanoseconds))
            }
            if let words = history.notReached { json.field("notReached", words) }
            if let least = values.min(), let most = values.max() {
                json.field("min", least)
                json.field("max", most)
                json.field("mean", Self.mean(values))
            }
            json.arrayField("readings") { json in
                for reading in shown {
                    json.object { json in
                        json.field("at", reading.at.rfc3339)
                        json.field("value", reading.value)
                        if reading.quality != .good { json.field("quality", reading.quality.word) }
                    }
                }
            }
        }
        guard let good = history.lastGood else { return }
        json.objectField("lastGood") { json in
            json.field("value", good.value)
            json.field("at", good.at.rfc3339)
            let age = UInt64(clamping: self.record.at.nanoseconds &- good.at.nanoseconds)
            json.field("ageSeconds", Self.seconds(age))
        }
    }

    /// Without a sum that could overflow.
    private static func mean(_ values: [Double]) -> Double {
        var mean = 0.0
        for (index, value) in values.enumerated() { mean += (value - mean) / Double(index + 1) }
        return mean
    }

    // MARK: Company

    func writeCompany(to json: inout JSONWriter) {
        let picture = self.facts.context.picture
        let related = picture.related.prefix(self.size.related)
        self.note(picture.relatedCount > related.count, "relatedActiveAlarms")
        json.field("relatedActiveAlarmCount", picture.relatedCount)
        json.field("activeAlarmCount", picture.activeCount)
        json.arrayField("relatedActiveAlarms") { json in
            for alarm in related { json.object { Self.write(alarm, to: &$0) } }
        }
        if let first = picture.firstOut {
            json.objectField("firstOut") { Self.write(first, to: &$0) }
        }
        let redundant = self.facts.context.redundant.prefix(self.size.redundant)
        self.note(redundant.count < self.facts.context.redundant.count, "redundant")
        json.arrayField("redundant") { json in
            for other in redundant { json.object { self.write(other, to: &$0) } }
        }
    }

    private static func write(_ alarm: AlarmActivity.Related, to json: inout JSONWriter) {
        json.field("alarmID", alarm.alarmID)
        json.field("priority", alarm.priority.word)
        json.field("relation", alarm.relation)
        json.field("since", alarm.since.rfc3339)
        json.field("acknowledged", alarm.isAcknowledged)
    }

    private func write(_ other: RedundantReading, to json: inout JSONWriter) {
        json.field("sensor", other.path)
        json.field("title", self.cut(other.title, "redundant", self.size.textBytes))
        json.field("unit", self.cut(other.unit, "redundant", self.size.textBytes))
        if let value = other.value { json.field("value", value) }
        json.field("freshness", other.freshness.word)
        json.field("quality", other.quality.word)
        if let age = other.ageNanoseconds { json.field("ageSeconds", Self.seconds(age)) }
        if let agrees = self.facts.agrees(other) { json.field("agrees", agrees) }
    }

    // MARK: Guidance

    func writeGuidance(to json: inout JSONWriter) {
        let texts = self.facts.texts
        let bytes = self.size.textBytes
        json.field("consequence", self.cut(texts.consequence, "consequence", bytes))
        if let word = texts.consequenceClass?.word { json.field("consequenceClass", word) }
        json.field("operatorAction", self.cut(texts.operatorAction, "operatorAction", bytes))
        let sentences = AlertSentences(self.facts)
        self.writeList("checkFirst", sentences.checks, to: &json)
        json.field("checkFirstIsGeneral", sentences.areChecksGeneral)
        json.field("timeToRespondSeconds", texts.timeToRespondSeconds)
        self.writeList("causes", texts.causes, to: &json)
        json.field("verification", self.cut(texts.verification, "verification", bytes))
        json.field("runbook", self.cut(texts.runbook, "runbook", bytes))
        json.field("owner", self.cut(texts.owner, "owner", bytes))
        json.arrayField("links") { json in
            for link in self.links { json.object { link.write(to: &$0) } }
        }
    }

    private func writeList(_ name: String, _ texts: [String], to json: inout JSONWriter) {
        self.note(texts.count > self.size.texts, name)
        json.arrayField(name) { json in
            for text in texts.prefix(self.size.texts) {
                json.value(self.cut(text, name, self.size.textBytes))
            }
        }
    }

    /// A link that is cut leads nowhere: one that is too long is left out.
    private var links: [AlertLink] {
        var links = self.head.links
        let runbook = self.facts.texts.runbook
        if runbook.hasPrefix("https://") || runbook.hasPrefix("http://") {
            links.append(AlertLink(rel: "runbook", href: runbook, text: "Runbook"))
        }
        let fitting = links.filter { $0.href.utf8.count <= Self.linkBytesMax }.prefix(8)
        self.note(fitting.count < links.count, "links")
        return Array(fitting)
    }

    /// Bytes of an address in a link.
    private static var linkBytesMax: Int { 1_000 }

    // MARK: The monitor

    func writeMonitor(to json: inout JSONWriter) {
        let modes = self.facts.context.modes
        self.note(modes.count > self.size.modes, "monitor.degradedModes")
        json.objectField("monitor") { json in
            json.field("node", self.head.node)
            json.field("site", self.head.site)
            json.field("version", self.head.version)
            json.field("revision", self.record.json["revision"]?.string ?? "")
            json.arrayField("degradedModes") { json in
                for mode in modes.prefix(self.size.modes) {
                    json.value(self.cut(mode, "monitor.degradedModes", self.size.textBytes))
                }
            }
        }
        json.field("recorded", self.head.isRecorded)
        json.field("contextOfTheMoment", self.facts.context.isOfTheMoment)
    }
}
