// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel
internal import OperatorViews

extension Dashboard {
    /// The body of the place; `body` keeps it.
    var madeBody: Body {
        guard self.model.status != nil else { return Body() }
        return switch self.state.place {
        case .overview: self.overview
        case .alarms: self.alarmList
        case .sensors: self.sensorList
        case .events: self.eventList
        case .delivery: self.deliverySheet
        case .ingest: self.ingestSheet
        case .oneAlarm: self.alarmSheet
        case .oneSensor: self.sensorSheet
        }
    }

    /// Rows that the items have.
    var listRows: Int { self.listRows(of: self.body) }

    private func listRows(of body: Body) -> Int {
        max(1, self.bodyRows - body.head.count - self.foot(of: body).count)
    }

    /// The foot, as far as at least three rows of items stay.
    private func foot(of body: Body) -> ArraySlice<StyledText> {
        let room = self.bodyRows - body.head.count - min(3, max(1, body.items.count))
        return body.foot.prefix(max(0, room))
    }

    /// Items on the screen.
    func visible(_ body: Body) -> Range<Int> {
        let rows = self.listRows(of: body)
        let count = body.items.count
        let first: Int
        if let selected = self.state.selectedIndex(body.items) {
            // A heading at the beginning stays in sight as long as the selection does.
            first = max(0, min(selected - rows / 2, count - rows))
        } else {
            first = max(0, min(self.state.offsets[self.state.place] ?? 0, count - rows))
        }
        return first..<min(count, first + rows)
    }

    func drawBody(_ screen: inout Screen) {
        let body = self.body
        var row = self.bodyRow
        let end = self.size.rows - 1
        for line in body.head where row < end {
            self.draw(line, &screen, row: row)
            row += 1
        }
        let foot = self.foot(of: body)
        if body.items.isEmpty, row < end {
            self.draw(StyledText("  " + body.empty, Style(.muted)), &screen, row: row)
        }
        let selected = self.state.selectedIndex(body.items)
        for index in self.visible(body) where row < end {
            self.draw(
                self.line(body.items[index], isSelected: index == selected), &screen, row: row,
                isSelected: index == selected)
            row += 1
        }
        self.drawPlace(&screen, visible: self.visible(body), count: body.items.count)
        row = end - foot.count
        for line in foot where row < end {
            self.draw(line, &screen, row: row)
            row += 1
        }
    }

    /// Says at the end of the row of views which part of a long list is on the screen.
    private func drawPlace(_ screen: inout Screen, visible: Range<Int>, count: Int) {
        // The overview shows the worst on purpose, and says so.
        guard visible.count < count, self.state.place != .overview else { return }
        let free = self.columns - self.tabs.width
        let whole = " \(visible.lowerBound + 1)-\(visible.upperBound) of \(count)"
        let text = TerminalText.width(whole) < free ? whole : " more"
        let column = max(0, self.columns - TerminalText.width(text))
        screen.write(text, column: column, row: self.bodyRow - 1, style: Style(.accent, bold: true))
    }

    /// An item as text.
    func line(_ item: Item, isSelected: Bool) -> StyledText {
        let cursor = isSelected ? String(self.glyphs.cursor) : " "
        switch item {
        case .heading(let text): return self.heading(text)
        case .text(let line): return line
        case .alarm(let alarm): return self.alarmLine(alarm, cursor)
        case .sensor(let sensor): return self.sensorLine(sensor, cursor, indent: 0, isLeaf: false)
        case .group(let prefix, let label, let depth, let count, let isOpen):
            return self.groupLine(prefix, label, depth, count, isOpen, cursor)
        case .leaf(let path, let depth):
            guard let live = self.model.sensors[path] else {
                return StyledText(
                    cursor + String(repeating: " ", count: 2 + 2 * depth) + path, Style(.muted))
            }
            // The levels above say the beginning of a path, unless they are those of an asset.
            let isInPath = self.standing(of: path) == path
            return self.sensorLine(live.view, cursor, indent: depth, isLeaf: isInPath)
        case .event(let event): return self.eventLine(event, cursor)
        case .endpoint(let endpoint): return self.endpointLine(endpoint, cursor)
        case .route(let route): return self.routeLine(route, cursor)
        case .silence(let silence): return self.silenceLine(silence, cursor)
        case .deadLetter(let letter): return self.deadLetterLine(letter, cursor)
        }
    }

    // MARK: What is under the cursor

    var selectedItem: Item? { self.itemUnderCursor(self.body.items) }

    /// The alarm that a key acts on.
    var selectedAlarm: AlarmView? {
        switch self.state.sheets.last {
        case .alarm(let id): return self.model.alarm(id)
        case .sensor(let path):
            return self.model.alarms.filter { $0.path == path }.min(by: AlarmView.comesFirst)
        case nil: break
        }
        guard case .alarm(let alarm) = self.selectedItem else { return nil }
        return alarm
    }

    /// Why there is no alarm to act on.
    var reasonWithoutAlarm: String {
        switch self.state.sheets.last {
        case .alarm(let id): return "\(id) is not known yet"
        case .sensor(let path): return "no alarm of \(path) is raised or out of view"
        case nil: break
        }
        if self.model.alarms.isEmpty { return "there is no alarm" }
        return "choose an alarm first: move to one, or press 2"
    }

    /// Alarms that the operator sees.
    var visibleAlarms: [AlarmView] {
        let body = self.body
        return body.items[self.visible(body)].compactMap { item in
            guard case .alarm(let alarm) = item else { return nil }
            return alarm
        }
    }

    // MARK: What must be asked for

    /// What this screen shows of the daemon.
    package static func need(
        _ model: DashboardModel, _ state: DashboardState, now: UInt64, size: ScreenSize
    ) -> DashboardNeed {
        Dashboard(model: model, state: state, glyphs: .ascii, now: now, size: size).need
    }

    private var need: DashboardNeed {
        var need = DashboardNeed()
        let rows = self.size.rows
        switch self.state.view {
        case .overview:
            need.worstLimit = rows
            need.wantsAreas = true
        case .alarms:
            need.alarmFilter = self.state.filters[.alarms] ?? ""
            need.alarmLimit = Self.alarmsMax
        case .sensors:
            need.alarmLimit = Self.alarmsMax
            need.wantsDirectory = true
            need.wantsUnknown = true
            need.wantsAreas = true
            if self.model.directory.isCut {
                need.directoryFilter = self.state.filters[.sensors] ?? ""
            }
        case .events: need.wantsEvents = true
        case .delivery:
            need.wantsEvents = true
            need.wantsMetrics = true
            need.wantsDelivery = true
            need.deadLetterLimit = self.deadLetterLimit
            need.testID = self.state.testID
        case .ingest:
            need.wantsRejects = true
            need.wantsMetrics = true
        case .oneAlarm, .oneSensor: break
        }
        switch self.state.sheets.last {
        case .sensor(let path):
            need.wantsEvents = true
            need.windows = [Self.window(of: path)]
            need.sensorPath = path
            need.historySeconds = self.state.historySeconds
            // In a flood the alarms of one place need not be among the most urgent of all.
            need.alarmFilter = path
            need.alarmLimit = Self.alarmsMax
        case .alarm(let id):
            need.wantsEvents = true
            need.windows = [Self.window(of: String(AlarmName(id).path))]
            need.alarmID = id
            let path = AlarmName(id).path
            let place = path[
                ..<(path.lastIndex(of: "/").map(path.index(after:)) ?? path.startIndex)]
            need.alarmFilter = String(place.isEmpty ? path : place)
            need.alarmLimit = Self.alarmsMax
        case nil:
            guard self.state.view == .sensors else { break }
            if self.state.arrangement(self.model) == .assets {
                need.paths = self.visiblePaths
            } else {
                need.windows = self.visibleWindows
            }
        }
        return need
    }

    /// A window that begins with one sensor: the first path behind its own less a character.
    private static func window(of path: String) -> DashboardNeed.Window {
        DashboardNeed.Window(filter: path, after: String(path.dropLast()), limit: 2)
    }

    /// The sensors on the screen: assets gather them from all over the order of paths.
    private var visiblePaths: [String] {
        let tree = self.state.sensorTree(self.model)
        return tree.rows[self.visible(self.body)].compactMap { row in
            guard case .leaf(let index, _) = row else { return nil }
            return tree.paths[index]
        }
    }

    /// The sensors on the screen as windows over the order of paths.
    private var visibleWindows: [DashboardNeed.Window] {
        let tree = self.state.sensorTree(self.model)
        let filter = self.state.filters[.sensors] ?? ""
        guard !tree.rows.isEmpty else {
            return [.init(filter: filter, after: nil, limit: self.size.rows)]
        }
        var windows: [DashboardNeed.Window] = []
        var last: Int?
        for row in tree.rows[self.visible(self.body)] {
            guard case .leaf(let index, _) = row else { continue }
            if let before = last, index == before + 1 {
                windows[windows.count - 1].limit += 1
            } else if windows.count < DashboardNeed.windowsMax {
                let after = index > 0 ? tree.paths[index - 1] : nil
                windows.append(.init(filter: filter, after: after, limit: 1))
            } else {
                break
            }
            last = index
        }
        return windows
    }
}
