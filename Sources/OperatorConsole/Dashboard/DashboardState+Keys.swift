// SPDX-License-Identifier: Apache-2.0

internal import OperatorViews

extension DashboardState {
    /// Takes one key; model and size tell what is on the screen.
    package mutating func handle(
        _ key: Key, model: DashboardModel, now: UInt64, size: ScreenSize
    ) -> Intent? {
        if key == .control("l") { return .repaint }
        switch self.mode {
        case .browse: return self.browse(key, model, now, size)
        case .help(let text, let first): return self.readHelp(key, text, first)
        case .filter(let before): return self.editFilter(key, before)
        case .prompt(var prompt):
            let step = prompt.handle(key)
            self.mode = .prompt(prompt)
            return self.follow(step, prompt, model, now)
        }
    }

    private mutating func browse(
        _ key: Key, _ model: DashboardModel, _ now: UInt64, _ size: ScreenSize
    ) -> Intent? {
        guard let binding = KeyTable.binding(key, in: self.place) else {
            if let reason = KeyTable.reason(key, in: self.place) {
                self.show(reason, isFailure: true, now: now)
            }
            return nil
        }
        let page = Dashboard(model: model, state: self, glyphs: .ascii, now: now, size: size)
        switch binding.command {
        case .quit: return .quit
        case .repaint: return .repaint
        case .help: self.mode = .help(text: "", first: 0)
        case .mute:
            self.isMuted.toggle()
            self.show("the bell is \(self.isMuted ? "off" : "on")", isFailure: false, now: now)
        case .show(let place): self.enter(place)
        case .nextView: self.enter(self.neighbour(1))
        case .viewBefore: self.enter(self.neighbour(Place.views.count - 1))
        case .up, .down, .pageUp, .pageDown, .first, .last: self.move(binding.command, page)
        case .open: self.open(page, now)
        case .close: self.close()
        case .openLevel, .closeLevel: self.setLevel(binding.command == .openLevel, page, now)
        case .arrange: self.arrangeNext(model)
        case .filter: self.mode = .filter(before: self.filter)
        case .longer, .shorter: self.changeSpan(binding.command == .longer, now)
        case .acknowledge, .acknowledgeAll, .shelve, .unshelve, .reset, .service, .comment,
            .mode, .silence, .test, .resend, .discard, .enable:
            self.begin(binding.command, page)
        }
        return nil
    }

    // MARK: Views

    private mutating func enter(_ place: Place) {
        self.sheets = []
        self.view = place
    }

    private func neighbour(_ step: Int) -> Place {
        let index = Place.views.firstIndex(of: self.view) ?? 0
        return Place.views[(index + step) % Place.views.count]
    }

    private mutating func close() {
        if !self.sheets.isEmpty {
            self.sheets.removeLast()
        } else if !self.filter.isEmpty {
            self.filters[self.place] = nil
        }
    }

    private mutating func open(_ page: Dashboard, _ now: UInt64) {
        switch self.sheets.last {
        case .alarm(let id):
            return self.open(.sensor(path: String(AlarmName(id).path)))
        case .sensor:
            guard let alarm = page.selectedAlarm else {
                return self.show(page.reasonWithoutAlarm, isFailure: true, now: now)
            }
            return self.open(.alarm(id: alarm.alarmID))
        case nil: break
        }
        switch page.selectedItem {
        case .alarm(let alarm): self.open(.alarm(id: alarm.alarmID))
        case .sensor(let sensor): self.open(.sensor(path: sensor.path))
        case .leaf(let path, _): self.open(.sensor(path: path))
        case .group(let prefix, _, _, _, _): self.toggle(prefix)
        case .event, .endpoint, .route, .silence, .deadLetter, .heading, .text, nil:
            self.show("there is nothing to open", isFailure: true, now: now)
        }
    }

    /// Opens a sheet; one that lies under the open one is gone back to.
    private mutating func open(_ sheet: Sheet) {
        if self.sheets.dropLast().last == sheet {
            self.sheets.removeLast()
        } else if self.sheets.count < Self.sheetsMax {
            self.sheets.append(sheet)
        }
        self.offsets[self.place] = 0
    }

    private mutating func changeSpan(_ isLonger: Bool, _ now: UInt64) {
        let wanted = self.span + (isLonger ? 1 : -1)
        guard Self.spans.indices.contains(wanted) else {
            let end = isLonger ? "longest" : "shortest"
            return self.show("this is the \(end) time the chart shows", isFailure: true, now: now)
        }
        self.span = wanted
    }

    private mutating func setLevel(_ isOpen: Bool, _ page: Dashboard, _ now: UInt64) {
        switch page.selectedItem {
        case .group(let prefix, _, _, _, let wasOpen):
            if wasOpen != isOpen { return self.toggle(prefix) }
            self.move(isOpen ? .down : .up, page)
        case .leaf(let path, let depth):
            guard !isOpen, depth > 0 else {
                let reason =
                    isOpen
                    ? "a sensor has no level below it; Enter looks at it"
                    : "no level is above this sensor here"
                return self.show(reason, isFailure: true, now: now)
            }
            // From a sensor the key goes to its level.
            let standing = page.standing(of: path)
            let groups = page.body.items.compactMap { item -> String? in
                guard case .group(let prefix, _, _, _, _) = item, standing.hasPrefix(prefix)
                else { return nil }
                return prefix
            }
            if let nearest = groups.max(by: { $0.count < $1.count }) {
                self.selected[.sensors] = "g" + nearest
            }
        default: self.show("there is no level to open or close", isFailure: true, now: now)
        }
    }

    private mutating func toggle(_ prefix: String) {
        if self.toggled.remove(prefix) == nil { self.toggled.insert(prefix) }
    }

    // MARK: Moving

    private mutating func move(_ command: Command, _ page: Dashboard) {
        let items = page.body.items
        let rows = max(1, page.listRows - 1)
        let steps =
            switch command {
            case .up: -1
            case .down: 1
            case .pageUp: -rows
            case .pageDown: rows
            case .first: -items.count
            default: items.count
            }
        guard let index = self.selectedIndex(items) else {
            // Nothing to select: the text moves.
            let last = max(0, items.count - page.listRows)
            let first = min(self.offsets[self.place] ?? 0, last)
            // The end stays in sight when what is asked for comes and the text grows.
            self.offsets[self.place] =
                command == .last ? Int.max : min(max(first + steps, 0), last)
            return
        }
        var wanted = min(max(index + steps, 0), items.count - 1)
        let direction = steps < 0 ? -1 : 1
        while items.indices.contains(wanted), items[wanted].key == nil { wanted += direction }
        if !items.indices.contains(wanted) {
            wanted =
                direction < 0
                ? items.firstIndex { $0.key != nil } ?? index
                : items.lastIndex { $0.key != nil } ?? index
        }
        self.selected[self.place] = items[wanted].key
    }

    // MARK: Texts

    private mutating func editFilter(_ key: Key, _ before: String) -> Intent? {
        switch key {
        case .enter: self.mode = .browse
        case .escape, .control("c"):
            self.filters[self.place] = before
            self.mode = .browse
        case .up, .down, .pageUp, .pageDown: self.mode = .browse
        default:
            let text = Prompt.edited(self.filter, key, max: Self.filterCharactersMax)
            // The daemon takes no longer one, and no answer would look like a blindness.
            if text.utf8.count <= Self.filterBytesMax { self.filters[self.place] = text }
        }
        return nil
    }

    private mutating func readHelp(_ key: Key, _ text: String, _ first: Int) -> Intent? {
        switch key {
        case .escape, .enter, .control("c"), .character("?"): self.mode = .browse
        case .up: self.mode = .help(text: text, first: max(0, first - 1))
        case .down: self.mode = .help(text: text, first: first + 1)
        case .pageUp: self.mode = .help(text: text, first: max(0, first - 10))
        case .pageDown: self.mode = .help(text: text, first: first + 10)
        default: self.mode = .help(text: Prompt.edited(text, key, max: 40), first: 0)
        }
        return nil
    }
}
