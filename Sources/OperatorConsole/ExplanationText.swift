// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// An explanation as lines for people.
package enum ExplanationText {
    /// What is said of a sensor, then of each alarm, then when anything can change.
    ///
    /// `time` writes a moment.
    package static func lines(
        _ explanation: Explanation, time: (WallInstant) -> String = Words.dateAndTime
    ) -> [String] {
        var lines = [self.headline(explanation)]
        lines.append("  at \(time(explanation.time)), rules \(self.revision(explanation))")
        lines.append("  \(self.input(explanation.sensor))")
        if !explanation.limitSet.isEmpty { lines.append("  \(explanation.limitSet)") }
        for alarm in explanation.alarms {
            lines.append("")
            lines += self.lines(alarm, time: time)
        }
        lines.append("")
        if let next = explanation.nextChange {
            lines.append("next change unless something arrives: \(self.timer(next, time))")
            for timer in explanation.timers.dropFirst().prefix(self.timersMax) {
                lines.append("  then \(self.timer(timer, time))")
            }
        } else {
            lines.append("nothing changes until something arrives: no timer runs")
        }
        return lines.map(TerminalText.clean)
    }

    /// Timers shown behind the next one.
    private static let timersMax = 5

    private static func headline(_ explanation: Explanation) -> String {
        var text = explanation.path
        if !explanation.title.isEmpty { text += " (\(explanation.title))" }
        if !explanation.isDeclared { text += ", not declared" }
        return text + ", supervision \(explanation.supervision.word)"
    }

    private static func revision(_ explanation: Explanation) -> String {
        explanation.revision.isEmpty ? "of no configuration" : "\(explanation.revision.prefix(16))"
    }

    private static func input(_ input: ExplainedInput) -> String {
        var text = "\(input.name): "
        if let value = input.value {
            text += Words.value(value) + (input.unit.isEmpty ? "" : " \(input.unit)")
            text += ", \(input.quality.word), "
        }
        text += input.freshness.word
        if let age = input.ageNanoseconds { text += ", \(Words.duration(nanoseconds: age)) old" }
        text += input.isLive ? ", live" : ", not live"
        if let result = input.result { text += ", condition \(Words.spaced(result.word))" }
        if let isRaised = input.isRaised { text += isRaised ? ", raised" : ", not raised" }
        return input.note.isEmpty ? text : "\(text); \(input.note)"
    }

    private static func timer(_ timer: ExplainedTimer, _ time: (WallInstant) -> String) -> String {
        "\(timer.kind.rawValue) of \(timer.owner) in "
            + "\(Words.duration(nanoseconds: timer.remainingNanoseconds)) "
            + "(\(time(timer.endsAt))): \(timer.effect)"
    }

    /// One alarm: its state, the answer in a sentence, then what the answer rests on.
    package static func lines(
        _ alarm: ExplainedAlarm, time: (WallInstant) -> String = Words.dateAndTime
    ) -> [String] {
        var lines = [
            "\(alarm.alarmID)  \(alarm.isPassive ? "on trial" : alarm.state.word), "
                + "\(alarm.priority.word), condition \(Words.spaced(alarm.result.word))"
        ]
        lines.append("  \(alarm.answer)")
        lines.append("  rule: \(alarm.rule)")
        for input in alarm.inputs.dropFirst() { lines.append("  looks at \(self.input(input))") }
        for timer in alarm.timers { lines.append("  runs: \(self.timer(timer, time))") }
        for suppression in alarm.suppressions {
            let word = suppression.isInForce ? "KEPT BACK" : "not kept back"
            lines.append(
                "  \(word) (\(Words.spaced(suppression.kind.rawValue))): \(suppression.reason)")
            if suppression.isInForce, !suppression.cause.isEmpty {
                lines.append("    cause: \(suppression.cause)")
            }
        }
        if let past = self.past(alarm, time) { lines.append("  \(past)") }
        return lines
    }

    /// The last transitions; nil if there was none.
    private static func past(_ alarm: ExplainedAlarm, _ time: (WallInstant) -> String) -> String? {
        guard alarm.activationCount > 0 else { return nil }
        var parts: [String] = []
        for (word, at) in [
            ("raised", alarm.raisedAt), ("acknowledged", alarm.acknowledgedAt),
            ("returned", alarm.returnedAt), ("held since", alarm.heldSince),
        ] {
            if let at { parts.append("\(word) \(time(at))") }
        }
        if let trigger = alarm.triggerValue { parts.append("by \(Words.value(trigger))") }
        if let worst = alarm.worstValue { parts.append("worst \(Words.value(worst))") }
        return "activation \(alarm.activation) (number \(alarm.activationCount), told "
            + "\(Words.counted(Int64(clamping: alarm.annunciationCount), "time"))): "
            + parts.joined(separator: ", ")
    }
}
