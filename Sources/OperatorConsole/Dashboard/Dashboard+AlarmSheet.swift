// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel
internal import OperatorViews

extension Dashboard {
    /// One alarm: what happens, what to do, its sensor, and what became of it so far.
    var alarmSheet: Body {
        guard case .alarm(let id) = self.state.sheets.last else { return Body() }
        var body = Body()
        body.head = [self.heading("ALARM  \(id)")]
        var lines: [StyledText] = []
        if let alarm = self.model.alarm(id) {
            lines += self.alarmFacts(alarm)
            lines += self.guidance(alarm)
            lines.append(StyledText(""))
            lines += self.context(alarm)
        } else {
            lines.append(StyledText("   normal now, or no longer configured", Style(.good)))
        }
        lines.append(StyledText(""))
        lines += self.timeline(id)
        body.items = lines.map(Item.text)
        return body
    }

    private func alarmFacts(_ alarm: AlarmView) -> [StyledText] {
        var state = Words.state(alarm.state)
        let suppression = Words.suppression(alarm.suppression)
        if !suppression.isEmpty { state += ", \(suppression)" }
        var first = StyledText(
            " \(self.glyphs.priority(alarm.priority)) \(Words.priority(alarm.priority)) \(state)",
            self.style(alarm))
        if let since = self.since(alarm.raisedAt), let raisedAt = alarm.raisedAt {
            first.add("  raised \(since) ago, \(Words.dateAndTime(raisedAt))")
        }
        var lines = [first]
        if !alarm.title.isEmpty { lines.append(self.field("title", alarm.title)) }
        lines.append(self.field("what", Self.summary(alarm), Style(bold: true)))
        if let heldSince = alarm.heldSince, let since = self.since(heldSince) {
            lines.append(
                self.field("held", "the condition cannot be verified for \(since)", Style(.stale)))
        }
        lines.append(
            self.field(
                "activation",
                "\(alarm.activation.isEmpty ? "never raised" : alarm.activation), "
                    + "number \(alarm.activationCount)"))
        return lines
    }

    /// The alarm's sensor, and other alarms near it.
    private func context(_ alarm: AlarmView) -> [StyledText] {
        var lines = [StyledText(" sensor", Style(bold: true))]
        if let live = self.model.sensors[alarm.path] {
            lines.append(self.sensorLine(live.view, " ", indent: 0, isLeaf: false))
            lines += self.reasons(live.view).prefix(3).map { StyledText("   " + $0) }
        } else {
            lines.append(StyledText("   \(alarm.path)", Style(.muted)))
        }
        let place = alarm.path.split(separator: "/").dropLast().joined(separator: "/") + "/"
        let near = self.model.alarms.filter {
            $0.alarmID != alarm.alarmID
                && ($0.path == alarm.path || (place.count > 1 && $0.path.hasPrefix(place)))
        }
        guard !near.isEmpty else { return lines }
        lines.append(StyledText(""))
        lines.append(StyledText(" other alarms at \(place)", Style(bold: true)))
        lines += near.prefix(5).map { self.alarmLine($0, " ") }
        if near.count > 5 { lines.append(StyledText("   and \(near.count - 5) more")) }
        return lines
    }

    /// What the ledger has of it, newest first, deliveries included.
    private func timeline(_ id: String) -> [StyledText] {
        var lines = [StyledText(" timeline and deliveries", Style(bold: true))]
        let own = self.model.events.filter { EventLine($0).alarmID == id }
        if own.isEmpty {
            let count = self.model.events.count
            lines.append(
                StyledText(
                    count == 0
                        ? "   reading the ledger"
                        : "   nothing in the last \(count) records of the ledger", Style(.muted)))
        }
        lines += own.suffix(40).reversed().map { self.eventLine($0, " ") }
        return lines
    }
}
