// SPDX-License-Identifier: Apache-2.0

internal import JSONText
internal import MidwatchModel

extension NativeAlert {
    /// Alarms that the sentence of a digest names; it counts the others.
    static let namedInDigestMax = 5

    /// Whether nothing is to be done: the way of alerts is tried, and receivers say so.
    var isDrill: Bool {
        self.envelope.value(atPath: "data.drill")?.bool == true
            || self.alert.type.hasPrefix("alarm.test") || self.alert.type.hasPrefix("alarm.drill")
    }

    /// One sentence; of a digest its numbers and first alarms, of anything else type and alarm.
    var message: String { self.marked(self.sentence) }

    /// What a person reads first: how urgent, what, since when, where.
    var headline: String {
        let summary = self.text("summary")
        guard summary.isEmpty else { return self.marked(summary) }
        guard self.digestCount != nil else { return self.message }
        return self.marked("\(self.alert.priority.word.uppercased()): \(self.digestTitle)")
    }

    private var sentence: String {
        let message = self.text("message")
        guard message.isEmpty else { return message }
        guard self.digestCount != nil else {
            return "\(self.alert.type) \(self.alert.alarmID)"
        }
        return self.digestSentence
    }

    /// A drill that is taken for an alarm sends people out; one that says so does not.
    private func marked(_ text: String) -> String {
        !self.isDrill || text.hasPrefix("DRILL") ? text : "DRILL: " + text
    }

    /// The equipment if it is known, or what people call the sensor.
    var component: String {
        let equipment = self.text("place.equipment")
        return equipment.isEmpty ? self.text("title") : equipment
    }

    /// The area people know; the path's if there is none.
    var group: String {
        let area = self.text("place.area")
        return area.isEmpty ? self.area : area
    }

    // MARK: Digests

    /// How many alarms a digest stands for; nil if the alert is none.
    private var digestCount: Int64? {
        guard self.alert.type.hasPrefix("alarm.digest") else { return nil }
        return self.envelope.value(atPath: "data.count")?.integer
    }

    /// `12 alarms: 2 critical, 9 high, 1 medium`.
    private var digestTitle: String {
        let counts = AlarmPriority.allCases.reversed().compactMap { priority -> String? in
            let count = self.envelope.value(atPath: "data.priorities.\(priority.word)")?.integer
            guard let count, count > 0 else { return nil }
            return "\(count) \(priority.word)"
        }
        let title = "\(self.digestCount ?? 0) alarms"
        return counts.isEmpty ? title : "\(title): \(counts.joined(separator: ", "))"
    }

    /// The counts, the alarm that came first, and the most urgent of the others.
    private var digestSentence: String {
        var lines = [self.digestTitle]
        let first = self.envelope.value(atPath: "data.first_out")
        if let first { lines.append("first: \(Self.line(first))") }
        let top = (self.envelope.value(atPath: "data.top")?.array ?? [])
            .filter { $0["id"]?.string != first?["id"]?.string }
        for alarm in top.prefix(Self.namedInDigestMax) {
            lines.append("\(alarm["priority"]?.string ?? ""): \(Self.line(alarm))")
        }
        let named = min(top.count, Self.namedInDigestMax) + (first == nil ? 0 : 1)
        let others = (self.digestCount ?? 0) - Int64(named)
        if others > 0 { lines.append("and \(others) more") }
        return lines.joined(separator: "; ")
    }

    /// What an alarm of a digest says; one that says nothing is named.
    private static func line(_ alarm: JSONValue) -> String {
        let message = alarm["message"]?.string ?? ""
        return message.isEmpty ? alarm["alarmID"]?.string ?? "" : message
    }
}
