// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel
internal import OperatorViews

extension Dashboard {
    /// Alarms of the list; in a flood the most urgent ones.
    static let alarmsMax = 250

    /// The list of alarms, by what they ask for: unacknowledged first, what is out of view last.
    var alarmList: Body {
        guard let status = self.model.status else { return Body() }
        var body = Body()
        var title = self.alarmHeading(status) + self.filterNote(.alarms)
        if self.model.alarms.count >= Self.alarmsMax {
            title += ", the \(Self.alarmsMax) most urgent"
        }
        body.head = [self.heading(title)]
        // The counts say whether there are any; the list may be that of another place still.
        let isAsking = self.model.alarms.isEmpty && Self.activeCount(status) > 0
        body.empty =
            !self.filterNote(.alarms).isEmpty
            ? "no alarm fits the filter" : isAsking ? "asking for them" : "no alarm"
        if self.isBlind { body.empty += " when last seen" }
        let filter = TextFilter(self.state.filters[.alarms] ?? "")
        let alarms = self.model.alarms.filter { alarm in
            filter.matches(path: alarm.path, title: alarm.title)
                || (!filter.isTemplate && filter.isContained(in: alarm.alarmID))
        }
        for section in AlarmSection.allCases {
            let members = alarms.filter { AlarmSection($0) == section }.sorted { a, b in
                a.priority != b.priority ? a.priority > b.priority : AlarmView.comesFirst(a, b)
            }
            guard !members.isEmpty else { continue }
            body.items.append(.heading("\(section.title)  \(members.count)"))
            body.items += members.map(Item.alarm)
        }
        if self.columns >= 60, self.size.rows >= 24,
            case .alarm(let alarm) = self.itemUnderCursor(body.items)
        {
            let what = self.fields("what", self.summary(alarm))
            let facts = (what + self.guidance(alarm)).prefix(self.size.rows >= 30 ? 12 : 7)
            body.foot = [self.heading(alarm.alarmID)] + facts
        }
        return body
    }

    func itemUnderCursor(_ items: ItemList) -> Item? {
        self.state.selectedIndex(items).map { items[$0] }
    }

    func filterNote(_ place: Place) -> String {
        let filter = self.state.filters[place] ?? ""
        return filter.isEmpty ? "" : ", filter \"\(filter)\""
    }

    /// A message far from its alarm is hard to follow.
    private static let idColumnsMax = 64

    /// A row such as `▲ HIGH     UNACK    2m10  tunnel/west/co:high  88 ppm, above 50 ppm`.
    func alarmLine(_ alarm: AlarmView, _ cursor: String) -> StyledText {
        let suppression = Words.suppression(alarm.suppression)
        let state = suppression.isEmpty ? Words.state(alarm.state) : suppression
        let isWide = self.columns >= 100
        var text = "\(cursor)\(self.glyphs.priority(alarm.priority)) "
        text += self.padded(Words.priority(alarm.priority), 9)
        text += self.padded(state, isWide ? 15 : 9)
        if isWide { text += self.padded(alarm.raisedAt.map(self.times.timeOfDay) ?? "", 9) }
        text += self.padded(self.since(alarm.raisedAt) ?? "", 7)
        let left = self.columns - TerminalText.width(text)
        text +=
            self.paddedPath(alarm.alarmID, min(max(12, left / 2), Self.idColumnsMax)) + " "
            + self.summary(alarm)
        return StyledText(text, self.style(alarm))
    }

    func style(_ alarm: AlarmView) -> Style {
        let needsHand = alarm.state.needsAcknowledgement && alarm.suppression.isEmpty
        let tone = self.isBlind ? Tone.stale : Self.tone(alarm.priority)
        return Style(alarm.suppression.isEmpty ? tone : .muted, bold: needsHand)
    }

    /// How long ago a moment of the daemon's clock is by now.
    func since(_ instant: WallInstant?) -> String? {
        guard let instant, let wall = self.model.wall(now: self.now) else { return nil }
        return Words.duration(
            nanoseconds: UInt64(clamping: wall.nanoseconds - instant.nanoseconds))
    }

    func summary(_ alarm: AlarmView) -> String { AlarmSummary.text(alarm, times: self.times) }

    /// What to do about an alarm, most urgent first.
    func guidance(_ alarm: AlarmView) -> [StyledText] {
        var lines: [(label: String, text: String)] = []
        var value = "now \(Words.value(alarm.currentValue))"
        // What a rule measures has another unit than the sensor.
        let isOther = alarm.measureUnit != alarm.unit && !alarm.measureUnit.isEmpty
        let unit = isOther ? " \(alarm.measureUnit)" : ""
        if let trigger = alarm.triggerValue {
            value += ", raised at \(Words.value(trigger))\(unit)"
        }
        if let worst = alarm.worstValue { value += ", worst \(Words.value(worst))\(unit)" }
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
            let ago = self.since(alarm.ackAt).map { " \($0) ago" } ?? ""
            let origin = alarm.ackOrigin.isEmpty ? "" : " from \(alarm.ackOrigin)"
            lines.append(("acknowledged", "by \(alarm.ackBy)\(origin)\(ago)\(comment)"))
        }
        for (label, mark) in [
            ("shelved", alarm.shelved), ("out of use", alarm.outOfService),
            ("comment", alarm.comment),
        ] {
            guard let mark else { continue }
            var text = "by \(mark.by) \(self.since(mark.at) ?? "?") ago: \(mark.comment)"
            if label == "shelved", let until = alarm.shelvedUntil {
                text += ", until \(self.times.dateAndTime(until))"
            }
            lines.append((label, text))
        }
        if !alarm.causedBy.isEmpty { lines.append(("explained by", alarm.causedBy)) }
        return lines.flatMap { self.fields($0.label, $0.text) }
    }

    /// Columns of the labels of facts.
    static let fieldColumns = 13

    /// A label and what it says.
    func field(_ label: String, _ text: String, _ style: Style = Style()) -> StyledText {
        var line = StyledText("   " + self.padded(label, Self.fieldColumns) + " ", Style(.muted))
        line.add(text, style)
        return line
    }
}

/// Sections of the list of alarms, in its order.
enum AlarmSection: CaseIterable {
    case unacknowledged, returned, acknowledged, shelved, suppressed, outOfService

    init(_ alarm: AlarmView) {
        if alarm.suppression.contains(.outOfService) {
            self = .outOfService
        } else if alarm.suppression.contains(.shelved) {
            self = .shelved
        } else if alarm.suppression.contains(.suppressedByDesign) {
            self = .suppressed
        } else {
            switch alarm.state {
            case .unacknowledged, .latchedUnacknowledged: self = .unacknowledged
            case .returnedUnacknowledged: self = .returned
            case .acknowledged, .latchedAcknowledged, .normal: self = .acknowledged
            }
        }
    }

    var title: String {
        switch self {
        case .unacknowledged: "UNACKNOWLEDGED"
        case .returned: "RETURNED, not acknowledged"
        case .acknowledged: "ACKNOWLEDGED"
        case .shelved: "SHELVED"
        case .suppressed: "SUPPRESSED BY DESIGN"
        case .outOfService: "OUT OF SERVICE"
        }
    }
}
