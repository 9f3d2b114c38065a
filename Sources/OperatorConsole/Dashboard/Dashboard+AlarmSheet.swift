// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel
internal import OperatorViews

extension Dashboard {
    /// One alarm: what happens, what to do, who is told, its sensor, why, and what became of it.
    var alarmSheet: Body {
        guard case .alarm(let id) = self.state.sheets.last else { return Body() }
        var body = Body()
        body.head = [self.heading("ALARM  \(id)")]
        var lines: [StyledText] = []
        let detail = self.model.alarmDetail.flatMap { $0.alarmID == id ? $0 : nil }
        if let alarm = self.model.alarm(id) {
            lines += self.alarmFacts(alarm)
            lines += self.guidance(alarm)
            if let way = detail?.way { lines += self.wayLines(way) }
            lines.append(StyledText(""))
            lines += self.context(alarm)
        } else if detail == nil {
            lines.append(StyledText("   asking about it", Style(.muted)))
        } else {
            lines.append(StyledText("   no alarm is called so any more", Style(.muted)))
        }
        lines.append(StyledText(""))
        lines += self.timeline(id, detail)
        if let explained = detail?.explanation?.alarms.first(where: { $0.alarmID == id }) {
            lines += [StyledText(""), StyledText(" why", Style(bold: true))]
            lines += self.explained(ExplanationText.lines(explained, time: self.times.dateAndTime))
        }
        body.items = ItemList(lines.map(Item.text))
        return body
    }

    private func alarmFacts(_ alarm: AlarmView) -> [StyledText] {
        var state = Words.state(alarm.state)
        let suppression = Words.suppression(alarm.suppression)
        if !suppression.isEmpty { state += ", \(suppression)" }
        var first = StyledText(
            " \(self.glyphs.priority(alarm.priority)) \(Words.priority(alarm.priority)) \(state)",
            self.style(alarm))
        if self.isBlind { first.add(" when last seen", Style(.stale)) }
        if let since = self.since(alarm.raisedAt), let raisedAt = alarm.raisedAt {
            first.add("  raised \(since) ago, \(self.times.dateAndTime(raisedAt))")
        }
        var lines = [first]
        if !alarm.title.isEmpty { lines += self.fields("title", alarm.title) }
        lines += self.fields("what", self.summary(alarm), Style(bold: true))
        if let heldSince = alarm.heldSince, let since = self.since(heldSince) {
            lines += self.fields(
                "held", "the condition cannot be verified for \(since)", Style(.stale))
        }
        return lines
    }

    /// Who is told of the alarm, in which order and when.
    private func wayLines(_ way: AlertWay) -> [StyledText] {
        var lines: [StyledText] = []
        if !way.withheld.isEmpty {
            lines += self.fields(
                "KEPT BACK", "nobody is told: \(way.withheld)", Style(.high, bold: true))
        }
        if way.routes.isEmpty {
            lines += self.fields(
                "tells", "nobody: it fits no route", Style(.critical, bold: true))
        }
        for route in way.routes {
            lines += self.fields("tells", "\(route.text) (route \(route.name))")
        }
        return lines
    }

    /// The alarm's sensor, and other alarms near it.
    private func context(_ alarm: AlarmView) -> [StyledText] {
        var lines = [StyledText(" sensor", Style(bold: true))]
        if let live = self.model.sensors[alarm.path] {
            lines.append(self.sensorLine(live.view, " ", indent: 0, isLeaf: false))
            lines += self.paragraphs(self.reasons(live.view).prefix(3))
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

    /// Lines of the timeline at most.
    private static let timelineMax = 40

    /// What the ledger has of it, newest first, deliveries included.
    private func timeline(_ id: String, _ detail: AlarmDetail?) -> [StyledText] {
        var title = StyledText(" timeline and deliveries, newest first", Style(bold: true))
        guard let detail else {
            return [title, StyledText("   reading the ledger", Style(.muted))]
        }
        title.add("  in the last \(detail.recordCount) records", Style(.muted))
        var lines = [title]
        if detail.events.isEmpty { lines.append(StyledText("   nothing", Style(.muted))) }
        lines += detail.events.suffix(Self.timelineMax).reversed().map { event in
            let words = EventLine(event)
            var line = StyledText("   \(self.timeText(event.written)) ", Style(.muted))
            line.add(self.padded(words.what, 15) + " ", Style(words.tone, bold: true))
            line.add(words.detail)
            return line
        }
        return lines
    }

    /// The time of today, the date and time of another day.
    func timeText(_ instant: WallInstant) -> String {
        let isToday = self.model.wall(now: self.now).map {
            self.times.date($0) == self.times.date(instant)
        }
        return isToday == true
            ? self.times.timeOfDay(instant) : self.times.dateAndTime(instant)
    }

    /// The engine's answer without its headline, which the sheet has already.
    func explained(_ lines: [String]) -> [StyledText] {
        self.paragraphs(lines.dropFirst().map { self.times.sentence($0) })
    }

    /// Texts below each other, indented, nothing cut.
    func paragraphs(_ texts: some Sequence<String>) -> [StyledText] {
        texts.flatMap { text in
            let indent = text.prefix { $0 == " " }.count + 3
            return TerminalText.wrapped(text, to: self.columns - indent - 2).enumerated().map {
                StyledText(String(repeating: " ", count: indent + ($0 > 0 ? 2 : 0)) + $1)
            }
        }
    }

    /// A label and what it says, over as many rows as it takes.
    func fields(_ label: String, _ text: String, _ style: Style = Style()) -> [StyledText] {
        let indent = 3 + Self.fieldColumns + 1
        return TerminalText.wrapped(text, to: self.columns - indent).enumerated().map {
            number, part in
            number == 0
                ? self.field(label, part, style)
                : StyledText(String(repeating: " ", count: indent) + part, style)
        }
    }
}
