// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel
package import OperatorViews

/// What happened, in one line of a list.
package enum AlarmSummary {
    /// A held state says so before all else; then what was found, and the value.
    package static func text(_ alarm: AlarmView, times: TimeText) -> String {
        var text = ""
        if let heldSince = alarm.heldSince {
            text = "held, not verified since \(times.timeAndZone(heldSince)); "
        }
        if !alarm.message.isEmpty { return text + alarm.message }
        let finding = AlarmKind(word: alarm.kind).flatMap(Self.finding) ?? ""
        guard alarm.currentValue != nil || finding.isEmpty else { return text + finding }
        if !finding.isEmpty {
            text += finding + (Self.isDoubt(alarm.kind) ? ", last " : ", now ")
        }
        text += Words.value(alarm.currentValue)
        if !alarm.unit.isEmpty { text += " " + alarm.unit }
        if let setpoint = alarm.setpoint { text += ", limit \(Words.value(setpoint))" }
        return text
    }

    /// Whether the value is the last one known rather than the present one.
    private static func isDoubt(_ kind: String) -> Bool {
        kind == AlarmKind.stale.word || kind == AlarmKind.unverifiable.word
    }

    /// What the alarm says for itself; nil where value and limit say it, or a rule of one's own
    /// does by its name.
    private static func finding(_ kind: AlarmKind) -> String? {
        switch kind {
        case .lowLow, .low, .high, .highHigh, .expression: nil
        case .stale: "silent past its deadline"
        case .unverifiable: "cannot be verified"
        case .rateOfChange: "changes too fast"
        case .flatLine: "does not change any more"
        case .deviation: "deviates from its reference"
        case .vote: "redundant sensors agree: beyond the limit"
        case .discrepancy: "redundant sensors disagree"
        case .offNormal: "not in its normal state"
        case .badQuality: "quality is not good"
        case .clockSkew: "the sender's clock is off"
        case .clockDrift: "the sender's clock drifts"
        case .sequence: "numbers are missing or doubled"
        case .window: "beyond its limit over the window"
        case .drift: "drifted from what was learned"
        }
    }
}
