// SPDX-License-Identifier: Apache-2.0

internal import JSONText
internal import MidwatchModel
internal import OperatorConsole
internal import OperatorViews
internal import StateFolder

/// The answer of `midwatch why`: what the engine says, and what the ledger has of it last.
///
/// Text and JSON say the same.
struct WhyReport {
    /// How sure it is that the state of a moment of the past was this one.
    struct Past {
        var isReproducible: Bool
        var doubts: [String]
        /// The journal ends before the moment: this is the state at its end.
        var isAtEnd: Bool
    }

    var explanation: Explanation
    /// nil: the ledger was not read.
    var history: NewestEvents.Found?
    /// Of a moment of the past; nil of now.
    var past: Past?

    // MARK: - Text

    /// Lines for people; what makes the answer doubtful is told apart.
    var lines: [String] {
        var lines = ExplanationText.lines(self.explanation) { LocalTime.text($0, digits: 3) }
            .map { LocalTime.replacingTimes(in: $0) }
        guard let history else { return lines }
        lines.append("")
        guard !history.events.isEmpty else {
            lines.append(
                "the ledger has nothing of it" + (self.past == nil ? "" : " from before")
                    + (history.isWhole ? "" : self.past == nil ? " lately" : " for long"))
            return lines
        }
        lines.append(
            self.past == nil
                ? "last in the ledger (midwatch events has all of it)" : "last in the ledger then")
        for event in history.events {
            lines.append("  " + EventText.line(event) { LocalTime.text($0, digits: 3) })
        }
        return lines
    }

    // MARK: - JSON

    var json: String {
        var json = JSONWriter(reservingBytes: 8_192)
        json.object { json in
            self.explanation.encodeMembers(to: &json)
            if let past {
                json.field("reproducible", past.isReproducible)
                json.arrayField("doubts") { json in
                    for doubt in past.doubts { json.value(doubt) }
                }
                json.field("journalEndsBefore", past.isAtEnd)
            }
            guard let history else { return json.nullField("history") }
            json.arrayField("history") { json in
                for event in history.events { event.encode(to: &json) }
            }
            json.field("historyIsWhole", history.isWhole)
        }
        return json.text
    }
}
