// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel
internal import OperatorViews

/// Draws the dashboard: a pure function of model, state, time and size.
///
/// Rows, from the top: title, health and banners, views, body, key bar. The body of each view is
/// made by an extension: head, items and foot as styled text.
package struct Dashboard: Sendable {
    /// What a view or sheet shows.
    struct Body {
        var head: [StyledText] = []
        var items = ItemList()
        var foot: [StyledText] = []
        /// Said in place of items where there are none.
        var empty = "none"
    }

    let model: DashboardModel
    let state: DashboardState
    let glyphs: Glyphs
    let times: TimeText
    let now: UInt64
    let size: ScreenSize
    /// The body of the place where keys are pressed now: made once, read by all that is drawn.
    private(set) var body = Body()

    init(
        model: DashboardModel, state: DashboardState, glyphs: GlyphSet, times: TimeText = .utc,
        now: UInt64, size: ScreenSize
    ) {
        self.model = model
        self.state = state
        self.glyphs = Glyphs(glyphs)
        self.times = times
        self.now = now
        self.size = size
        self.body = self.madeBody
    }

    /// One frame; `now` is in nanoseconds of the same clock as the model's.
    package static func draw(
        _ model: DashboardModel, _ state: DashboardState, glyphs: GlyphSet,
        times: TimeText = .utc, now: UInt64, size: ScreenSize
    ) -> Screen {
        Dashboard(
            model: model, state: state, glyphs: glyphs, times: times, now: now, size: size
        ).screen()
    }

    private func screen() -> Screen {
        var screen = Screen(size: self.size)
        self.drawTitle(&screen)
        let banners = self.banners
        for (offset, banner) in banners.enumerated() {
            let isLoud = banner.isLoud
            self.draw(banner.text, &screen, row: 1 + offset, isSelected: isLoud)
        }
        self.drawTabs(&screen, row: 1 + banners.count)
        if case .help(let text, let first) = self.state.mode {
            self.drawHelp(&screen, searching: text, first: first)
        } else if self.model.status == nil {
            self.drawNothingYet(&screen)
        } else {
            self.drawBody(&screen)
        }
        self.drawKeyBar(&screen)
        return screen
    }

    // MARK: What everything is drawn with

    var columns: Int { self.size.columns }
    var isBlind: Bool { self.model.blindNanoseconds(now: self.now) != nil }
    var lag: UInt64 { self.model.lag(now: self.now) }
    /// Row of the first line of the body: behind title, banners and views.
    var bodyRow: Int { 2 + self.banners.count }
    /// Rows between views and key bar.
    var bodyRows: Int { max(0, self.size.rows - 1 - self.bodyRow) }

    /// Writes a line, cut to the screen.
    func draw(_ line: StyledText, _ screen: inout Screen, row: Int, isSelected: Bool = false) {
        screen.draw(line, row: row, isSelected: isSelected, ellipsis: self.glyphs.ellipsis)
    }

    func padded(_ text: String, _ columns: Int, right: Bool = false) -> String {
        TerminalText.padded(text, to: columns, right: right, ellipsis: self.glyphs.ellipsis)
    }

    /// A path or id in a column: cut at its beginning if it is too long.
    func paddedPath(_ text: String, _ columns: Int) -> String {
        self.padded(
            TerminalText.fittedEnd(text, to: columns, ellipsis: self.glyphs.ellipsis), columns)
    }

    /// A heading with a rule to the end of the row.
    func heading(_ text: String) -> StyledText {
        var line = StyledText(" \(text) ", Style(bold: true))
        let rest = max(0, self.columns - line.width)
        line.add(String(repeating: self.glyphs.rule, count: rest), Style(.muted))
        return line
    }

    static func tone(_ priority: AlarmPriority) -> Tone {
        switch priority {
        case .critical: .critical
        case .high: .high
        case .medium: .medium
        case .low: .low
        }
    }

    // MARK: Title

    private func drawTitle(_ screen: inout Screen) {
        var left = " midwatch"
        var right = ""
        if let status = self.model.status {
            left += "  \(status.node)"
            if !status.site.isEmpty { left += " \(self.glyphs.separator) \(status.site)" }
        }
        // Who comes to the screen after somebody else must know that it keeps quiet.
        if self.state.isMuted { left = " BELL OFF " + left }
        if let time = self.model.wall(now: self.now) {
            switch self.columns {
            case ..<32: break
            case ..<60: right = self.times.timeAndZone(time) + " "
            default: right = self.times.dateAndTime(time) + " "
            }
        }
        let room = self.columns - TerminalText.width(right) - 1
        var line = StyledText(self.padded(left, max(0, room)), Style(bold: true))
        line.add(" " + right)
        self.draw(line, &screen, row: 0, isSelected: true)
    }

    private func drawNothingYet(_ screen: inout Screen) {
        let text =
            self.model.failure == nil ? "waiting for the first answer" : "nothing was received yet"
        let row = self.bodyRow + 1
        screen.write(text, column: 2, row: row, style: Style(.muted))
        screen.write(
            "The dashboard goes on trying; q leaves it.", column: 2, row: row + 1,
            style: Style(.muted))
    }
}
