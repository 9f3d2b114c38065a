// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel
internal import OperatorViews

/// Draws the dashboard: a pure function of model, state, time and size.
///
/// Rows, from the top: title, health, alarms, sensors, stages, key bar. The alarms take what they
/// need up to a third of the screen; the sensors take what is left.
package struct Dashboard: Sendable {
    let model: DashboardModel
    let state: DashboardState
    let glyphs: Glyphs
    let now: UInt64
    let size: ScreenSize

    /// One frame; `now` is in nanoseconds of the same clock as the model's.
    package static func draw(
        _ model: DashboardModel, _ state: DashboardState, glyphs: GlyphSet, now: UInt64,
        size: ScreenSize
    ) -> Screen {
        Dashboard(model: model, state: state, glyphs: Glyphs(glyphs), now: now, size: size).screen()
    }

    private func screen() -> Screen {
        var screen = Screen(size: self.size)
        self.drawTitle(&screen)
        self.drawHealth(&screen)
        if self.state.mode == .help {
            self.drawHelp(&screen)
        } else if let snapshot = self.model.snapshot {
            let bottom = self.size.rows - 1
            let stageRows = self.size.rows >= 20 ? 3 : 0
            let alarmRows = self.alarmRows(snapshot)
            var row = 2
            row = self.drawAlarms(&screen, snapshot, from: row, rows: alarmRows)
            if self.size.columns >= 80, self.size.rows >= 30 {
                row = self.drawSelectedAlarm(&screen, snapshot, from: row)
            }
            self.drawSensors(&screen, snapshot, from: row, to: bottom - stageRows)
            if stageRows > 0 { self.drawStages(&screen, snapshot.status, from: bottom - stageRows) }
        } else {
            self.drawNothingYet(&screen)
        }
        self.drawBottom(&screen)
        return screen
    }

    var isBlind: Bool { self.model.blindNanoseconds(now: self.now) != nil }
    var lag: UInt64 { self.model.lag(now: self.now) }

    private func alarmRows(_ snapshot: DashboardSnapshot) -> Int {
        min(max(1, snapshot.alarms.count), max(2, (self.size.rows - 8) / 3))
    }

    // MARK: Title and health

    private func drawTitle(_ screen: inout Screen) {
        let bar = Style(reversed: true)
        screen.fill(row: 0, style: bar)
        var left = " midwatch"
        var right = ""
        if let status = self.model.snapshot?.status {
            left += "  \(status.node)"
            if !status.site.isEmpty { left += " \(self.glyphs.separator) \(status.site)" }
            let time = WallInstant(
                nanoseconds: status.time.nanoseconds &+ Int64(clamping: self.lag))
            switch self.size.columns {
            case ..<32: break
            case ..<60: right = Words.timeOfDay(time) + "Z "
            default: right = Words.dateAndTime(time) + " "
            }
        }
        let rightWidth = TerminalText.width(TerminalText.clean(right))
        screen.write(
            TerminalText.fitted(
                left, to: self.size.columns - rightWidth - 1, ellipsis: self.glyphs.ellipsis),
            column: 0, row: 0, style: Style(bold: true, reversed: true))
        screen.write(right, column: self.size.columns - rightWidth, row: 0, style: bar)
    }

    private func drawHealth(_ screen: inout Screen) {
        if let blind = self.model.blindNanoseconds(now: self.now) {
            let cause = self.model.failure ?? "no answer"
            let text =
                " \(self.glyphs.health(.failed)) BLIND for \(Words.duration(nanoseconds: blind)): "
                + "nothing below is live. \(cause)"
            screen.fill(row: 1, style: Style(.critical, bold: true, reversed: true))
            self.put(text, &screen, 0, 1, Style(.critical, bold: true, reversed: true))
            return
        }
        guard let status = self.model.snapshot?.status else { return }
        let tone: Tone =
            switch status.health {
            case .healthy: .good
            case .degraded: .high
            case .failed: .critical
            }
        var column = self.put(
            " \(self.glyphs.health(status.health)) \(status.health.word.uppercased())", &screen, 0,
            1, Style(tone, bold: true, reversed: status.health == .failed))
        if !status.modes.isEmpty {
            let modes = ": " + status.modes.joined(separator: ", ")
            let room = self.size.columns - column - 26
            column = self.put(
                TerminalText.fitted(modes, to: max(0, room), ellipsis: self.glyphs.ellipsis),
                &screen, column, 1, Style(tone, bold: true))
        }
        let watchdog = Self.watchdogText(status.watchdog, lag: self.lag)
        let text = "watchdog " + watchdog.text
        self.put(
            text, &screen, max(column + 2, self.size.columns - text.count - 1), 1,
            Style(watchdog.isAlive ? .plain : .critical, bold: !watchdog.isAlive))
    }

    private static func watchdogText(
        _ watchdog: WatchdogView, lag: UInt64
    ) -> (text: String, isAlive: Bool) {
        let age = watchdog.ageNanoseconds.map { Words.duration(nanoseconds: $0 &+ lag) }
        if watchdog.alive { return ("alive" + (age.map { " (\($0))" } ?? ""), true) }
        return (age.map { "SILENT for \($0)" } ?? "NOT RUNNING", false)
    }

    private func drawNothingYet(_ screen: inout Screen) {
        let text =
            self.model.failure == nil ? "waiting for the first answer" : "nothing was received yet"
        screen.write(text, column: 2, row: 3, style: Style(.muted))
        screen.write(
            "The dashboard goes on trying; q leaves it.", column: 2, row: 4, style: Style(.muted))
    }

    // MARK: Bottom

    private func drawBottom(_ screen: inout Screen) {
        let row = self.size.rows - 1
        let bar = Style(reversed: true)
        screen.fill(row: row, style: bar)
        switch self.state.mode {
        case .filter(let text):
            self.put(
                " filter: \(text)_   Enter apply \(self.glyphs.separator) Esc cancel", &screen, 0,
                row, Style(bold: true, reversed: true))
        case .comment(let alarmID, _, let text):
            self.put(
                " acknowledge \(alarmID), comment: \(text)_   Enter send \(self.glyphs.separator) "
                    + "Esc cancel", &screen, 0, row, Style(bold: true, reversed: true))
        case .help: self.put(" any key closes the help", &screen, 0, row, bar)
        case .browse:
            if let notice = self.state.notice, self.now < notice.until {
                let tone: Tone = notice.isFailure ? .critical : .good
                self.put(
                    " \(notice.text)", &screen, 0, row, Style(tone, bold: true, reversed: true))
            } else {
                let filter = self.state.filter.isEmpty ? "" : "   filter: \(self.state.filter)"
                self.put(
                    " Tab pane  a acknowledge  / filter  ? help  q quit\(filter)", &screen, 0, row,
                    bar)
            }
        }
    }

    private func drawHelp(_ screen: inout Screen) {
        for (index, line) in Self.helpLines.enumerated() where index + 3 < self.size.rows - 1 {
            screen.write(
                line, column: 2, row: index + 3, style: Style(bold: !line.hasPrefix("  ")))
        }
    }

    static let helpLines = [
        "Keys",
        "  Tab        alarms or sensors       Up Down j k   move",
        "  a          acknowledge the alarm   PgUp PgDn     move by ten",
        "  /          filter sensors          Home End g G  first, last",
        "  Esc        drop the filter         Ctrl-L        repaint",
        "  q Ctrl-C   quit                    ?             this help",
        "Words",
        "  UNACK      active, nobody acknowledged   returned   normal again, nobody acknowledged",
        "  STALE      silent beyond its deadline    unverified nothing live since the restart",
        "  last seen  the dashboard itself is blind: the value is the last that was received",
        "A filter is a part of a path or title, or a template: plant/+/co, tunnel/#",
    ]

    // MARK: Parts

    /// Writes what fits, cut with an ellipsis; returns the column behind it.
    @discardableResult
    func put(
        _ text: String, _ screen: inout Screen, _ column: Int, _ row: Int, _ style: Style
    ) -> Int {
        screen.write(
            TerminalText.fitted(
                text, to: max(0, self.size.columns - column), ellipsis: self.glyphs.ellipsis),
            column: column, row: row, style: style)
    }

    /// A heading with a rule to the end of the row.
    func drawHeading(_ text: String, _ screen: inout Screen, row: Int, isFocused: Bool) {
        screen.fill(row: row, style: Style(.muted))
        for column in 0..<self.size.columns {
            screen.write(String(self.glyphs.rule), column: column, row: row, style: Style(.muted))
        }
        let mark = isFocused ? "\(self.glyphs.cursor) " : " "
        self.put(
            "\(mark)\(text) ", &screen, 0, row,
            Style(isFocused ? .accent : .plain, bold: true, reversed: isFocused))
    }

    func padded(_ text: String, _ columns: Int, right: Bool = false) -> String {
        TerminalText.padded(text, to: columns, right: right, ellipsis: self.glyphs.ellipsis)
    }

    /// A path or id in a column: cut at its beginning if it is too long.
    func paddedPath(_ text: String, _ columns: Int) -> String {
        self.padded(
            TerminalText.fittedEnd(text, to: columns, ellipsis: self.glyphs.ellipsis), columns)
    }

    static func tone(_ priority: AlarmPriority) -> Tone {
        switch priority {
        case .critical: .critical
        case .high: .high
        case .medium: .medium
        case .low: .low
        }
    }
}
