// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel
internal import OperatorViews

extension Dashboard {
    /// Draws heading and alarms; returns the row behind them.
    func drawAlarms(
        _ screen: inout Screen, _ snapshot: DashboardSnapshot, from row: Int, rows: Int
    ) -> Int {
        let counts = snapshot.status.alarms
        let unacknowledged =
            counts.unacknowledged + counts.latchedUnacknowledged + counts.returnedUnacknowledged
        let acknowledged = counts.acknowledged + counts.latchedAcknowledged
        var heading = "ALARMS  \(unacknowledged) unacknowledged, \(acknowledged) acknowledged"
        if counts.suppressed > 0 { heading += ", \(counts.suppressed) suppressed" }
        if self.isBlind { heading += " (when last seen)" }
        let isFocused = self.state.pane == .alarms
        let selected = self.state.alarmRow(snapshot.alarms)
        let first = Self.firstShown(
            selected: selected ?? 0, rows: rows, count: snapshot.alarms.count)
        let hidden = snapshot.alarms.count - rows
        if hidden > 0 {
            heading += "  (\(first + 1)-\(first + rows) of \(snapshot.alarms.count))"
        }
        self.drawHeading(heading, &screen, row: row, isFocused: isFocused)
        guard !snapshot.alarms.isEmpty else {
            let text = self.isBlind ? "  none when last seen" : "  none"
            self.put(text, &screen, 0, row + 1, Style(self.isBlind ? .stale : .good))
            return row + 1 + rows
        }
        for offset in 0..<min(rows, snapshot.alarms.count - first) {
            let alarm = snapshot.alarms[first + offset]
            self.drawAlarm(
                &screen, alarm, row: row + 1 + offset,
                isSelected: isFocused && first + offset == selected)
        }
        return row + 1 + rows
    }

    /// First row shown so that the selected one is on the screen.
    static func firstShown(selected: Int, rows: Int, count: Int) -> Int {
        max(0, min(selected - rows / 2, count - rows))
    }

    /// Draws a row such as `▲ HIGH  UNACK  2m10  tunnel/west/co:high  88 ppm, above 50 ppm`.
    private func drawAlarm(
        _ screen: inout Screen, _ alarm: AlarmView, row: Int, isSelected: Bool
    ) {
        let suppression = Words.suppression(alarm.suppression)
        let state = suppression.isEmpty ? Words.state(alarm.state) : suppression
        let cursor = isSelected ? String(self.glyphs.cursor) : " "
        var text = "\(cursor)\(self.glyphs.priority(alarm.priority)) "
        text += self.padded(Words.priority(alarm.priority), 9)
        text += self.padded(state, self.size.columns >= 100 ? 15 : 9)
        if self.size.columns >= 100 {
            text += self.padded(alarm.raisedAt.map(Words.timeOfDay) ?? "", 9)
        }
        text += self.padded(self.sinceRaised(alarm), 7)
        let left = self.size.columns - TerminalText.width(text)
        let idColumns = max(12, left / 2)
        text += self.paddedPath(alarm.alarmID, idColumns) + " "
        text += Self.summary(alarm)
        screen.fill(row: row, style: Style(reversed: isSelected))
        self.put(text, &screen, 0, row, self.alarmStyle(alarm, isSelected))
    }

    private func alarmStyle(_ alarm: AlarmView, _ isSelected: Bool) -> Style {
        let needsHand = alarm.state.needsAcknowledgement && alarm.suppression.isEmpty
        let tone = self.isBlind ? Tone.stale : Self.tone(alarm.priority)
        return Style(tone, bold: needsHand, reversed: isSelected)
    }

    private func sinceRaised(_ alarm: AlarmView) -> String {
        guard let raisedAt = alarm.raisedAt, let time = self.model.snapshot?.status.time else {
            return ""
        }
        let age = UInt64(clamping: time.nanoseconds - raisedAt.nanoseconds) &+ self.lag
        return Words.duration(nanoseconds: age)
    }

    /// What happened in one line; a held state says so before all else.
    static func summary(_ alarm: AlarmView) -> String {
        var text = ""
        if let heldSince = alarm.heldSince {
            text = "held, not verified since \(Words.timeOfDay(heldSince)); "
        }
        if !alarm.message.isEmpty { return text + alarm.message }
        text += Words.value(alarm.currentValue)
        if !alarm.unit.isEmpty { text += " " + alarm.unit }
        if let setpoint = alarm.setpoint { text += ", limit \(Words.value(setpoint))" }
        return text
    }

    /// What to do about the selected alarm, on screens with room; returns the row behind it.
    func drawSelectedAlarm(
        _ screen: inout Screen, _ snapshot: DashboardSnapshot, from row: Int
    ) -> Int {
        guard let index = self.state.alarmRow(snapshot.alarms) else { return row }
        let alarm = snapshot.alarms[index]
        var lines: [(label: String, text: String)] = []
        var value = "now \(Words.value(alarm.currentValue))"
        if let trigger = alarm.triggerValue { value += ", raised at \(Words.value(trigger))" }
        if let worst = alarm.worstValue { value += ", worst \(Words.value(worst))" }
        if let setpoint = alarm.setpoint { value += ", limit \(Words.value(setpoint))" }
        lines.append(("value", value + (alarm.unit.isEmpty ? "" : " \(alarm.unit)")))
        if !alarm.consequence.isEmpty { lines.append(("consequence", alarm.consequence)) }
        if !alarm.operatorAction.isEmpty {
            let nanoseconds = UInt64(alarm.timeToRespondSeconds) * 1_000_000_000
            let within =
                nanoseconds == 0 ? "" : " (within \(Words.duration(nanoseconds: nanoseconds)))"
            lines.append(("do", alarm.operatorAction + within))
        }
        if !alarm.firstChecks.isEmpty {
            lines.append(("check first", alarm.firstChecks.joined(separator: "; ")))
        }
        if !alarm.runbook.isEmpty { lines.append(("runbook", alarm.runbook)) }
        if !alarm.ackBy.isEmpty {
            let comment = alarm.ackComment.isEmpty ? "" : ": \(alarm.ackComment)"
            lines.append(("acknowledged", "by \(alarm.ackBy)\(comment)"))
        }
        for (offset, line) in lines.prefix(5).enumerated() {
            self.put(
                "   " + self.padded(line.label, 13), &screen, 0, row + offset, Style(.muted))
            self.put(line.text, &screen, 16, row + offset, Style())
        }
        return row + min(5, lines.count)
    }
}
