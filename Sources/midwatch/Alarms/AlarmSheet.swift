// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel
internal import OperatorConsole
internal import OperatorViews
internal import StateFolder

/// Everything about one alarm, as lines for people.
enum AlarmSheet {
    /// The lines; `time` is the daemon's wall clock, from which ages are counted.
    static func text(_ alarm: AlarmView, time: WallInstant) -> String {
        var lines: [String] = [AlarmTable.oneLine(alarm, times: .local)]
        func add(_ name: String, _ text: String) {
            guard !text.isEmpty else { return }
            lines.append(TerminalText.padded(name, to: 14) + text)
        }
        func when(_ instant: WallInstant?) -> String {
            guard let instant else { return "" }
            let age = UInt64(clamping: time.nanoseconds - instant.nanoseconds)
            return "\(LocalTime.text(instant)), \(Words.duration(nanoseconds: age)) ago"
        }
        func value(_ value: Double?, _ unit: String) -> String {
            value.map { Words.value($0) + (unit.isEmpty ? "" : " \(unit)") } ?? ""
        }
        add("title", alarm.title)
        add("raised", when(alarm.raisedAt))
        add("last change", when(alarm.lastTransitionAt))
        add("condition", alarm.conditionResult.word)
        if alarm.heldSince != nil { add("held", "not verified since \(when(alarm.heldSince))") }
        add("activations", "\(alarm.activationCount)")
        add("setpoint", value(alarm.setpoint, alarm.unit))
        add("triggered by", value(alarm.triggerValue, alarm.measureUnit))
        add("worst", value(alarm.worstValue, alarm.measureUnit))
        add("now", value(alarm.currentValue, alarm.unit))
        add("out of view", Words.suppression(alarm.suppression))
        if !alarm.ackBy.isEmpty {
            add("acknowledged", "\(when(alarm.ackAt)) by \(alarm.ackBy), \(alarm.ackOrigin)")
            add("", alarm.ackComment)
        }
        func mark(_ name: String, _ mark: OperatorMark?) {
            guard let mark else { return }
            add(name, "\(when(mark.at)) by \(mark.by), \(mark.origin)")
            add("", mark.comment)
        }
        mark("shelved", alarm.shelved)
        if let until = alarm.shelvedUntil { add("until", LocalTime.text(until)) }
        mark("out of service", alarm.outOfService)
        mark("comment", alarm.comment)
        add("caused by", alarm.causedBy)
        add("consequence", alarm.consequence)
        add("what to do", alarm.operatorAction)
        for check in alarm.firstChecks { add("check", check) }
        for cause in alarm.causes { add("usual cause", cause) }
        add("verify by", alarm.verification)
        if alarm.timeToRespondSeconds > 0 {
            add(
                "respond in",
                Words.duration(nanoseconds: UInt64(alarm.timeToRespondSeconds) * 1_000_000_000))
        }
        add("runbook", alarm.runbook)
        add("owner", alarm.owner)
        return lines.map { TerminalText.clean($0) + "\n" }.joined()
    }
}
