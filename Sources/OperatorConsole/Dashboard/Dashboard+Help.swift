// SPDX-License-Identifier: Apache-2.0

internal import OperatorViews

extension Dashboard {
    /// Keys of every place and the words of the screens; what is typed searches them.
    func drawHelp(_ screen: inout Screen, searching text: String, first: Int) {
        let wanted = text.lowercased()
        var lines = [self.heading(text.isEmpty ? "HELP  type to search" : "HELP  \"\(text)\"")]
        let found = self.helpLines.filter {
            wanted.isEmpty || $0.plain.lowercased().contains(wanted)
        }
        if found.isEmpty { lines.append(StyledText("   nothing about that", Style(.muted))) }
        let room = max(1, self.bodyRows - 1)
        let begin = min(first, max(0, found.count - room))
        lines += found[begin..<min(found.count, begin + room)]
        for (offset, line) in lines.enumerated() where offset < self.bodyRows {
            self.draw(line, &screen, row: self.bodyRow + offset)
        }
    }

    private var helpLines: [StyledText] {
        let places = Place.allCases
        var lines = KeyTable.bindings.map { binding in
            var line = StyledText("   " + self.padded(binding.shown, 12), Style(bold: true))
            line.add(binding.help)
            if binding.places.count < places.count {
                let names = places.filter { binding.places.contains($0) }.map(\.title)
                line.add("  (" + names.joined(separator: ", ") + ")", Style(.muted))
            }
            return line
        }
        lines.append(StyledText(""))
        for (word, meaning) in Self.glossary {
            var line = StyledText("   " + self.padded(word, 12), Style(bold: true))
            line.add(meaning)
            lines.append(line)
        }
        return lines
    }

    private static let glossary: [(word: String, meaning: String)] = [
        ("UNACK", "active, and nobody acknowledged it"),
        ("returned", "normal again, and nobody acknowledged it"),
        ("LATCHED", "normal again, and stays until it is acknowledged and reset"),
        ("acked", "active, and somebody acknowledged it"),
        ("held", "the condition cannot be verified; the state before it is kept"),
        ("shelved", "taken out of view by an operator, for a time"),
        ("suppressed", "kept quiet by a rule of the configuration"),
        ("STALE", "silent beyond its deadline; the value in brackets is the last one"),
        ("unverified", "nothing live was received since the restart"),
        ("never seen", "nothing was received yet, and the deadline runs"),
        ("last seen", "the dashboard itself is blind: the value is the last it received"),
        ("BLIND", "the daemon does not answer; ages go on counting"),
        ("NE107", "F failure, C function check, S out of specification, M maintenance, - in order"),
        ("age/deadline", "since the last live reading, and how long it may be silent"),
        ("p99", "of 100 readings or alerts of the last minute 99 took less"),
        ("filter", "a part of a path or title, or a template: plant/+/co, tunnel/#"),
    ]

    // MARK: Key bar

    func drawKeyBar(_ screen: inout Screen) {
        let row = self.size.rows - 1
        let separator = " \(self.glyphs.separator) "
        func show(_ text: String, _ style: Style = Style()) {
            self.draw(StyledText(" " + text, style), &screen, row: row, isSelected: true)
        }
        let bold = Style(bold: true)
        switch self.state.mode {
        case .filter:
            show("filter: \(self.state.filter)_   Enter keep\(separator)Esc as before", bold)
        case .prompt(let prompt): show(self.question(prompt), bold)
        case .help: show("type to search\(separator)Up Down move\(separator)Esc close the help")
        case .browse:
            if let notice = self.state.notice, self.now < notice.until {
                show(notice.text, Style(notice.isFailure ? .critical : .good, bold: true))
            } else {
                show(self.keys)
            }
        }
    }

    private func question(_ prompt: Prompt) -> String {
        if let notice = self.state.notice, notice.isFailure, self.now < notice.until,
            !prompt.isConfirming
        {
            return "\(notice.text)  \(prompt.fields[prompt.index].label): "
                + "\(prompt.text(prompt.index))_"
        }
        if prompt.isConfirming { return "\(prompt.title)? y yes, any other key no" }
        // The end of what is typed must be seen: the title gives way.
        let field = prompt.fields[prompt.index]
        let typed = "\(field.label): \(field.text)_   Enter goes on, Esc cancels"
        let room = max(0, self.columns - TerminalText.width(typed) - 3)
        return TerminalText.fitted(prompt.title, to: room, ellipsis: self.glyphs.ellipsis)
            + ", " + typed
    }

    /// Whether a key can do something now: the bar names no others.
    private func isUseful(_ command: Command) -> Bool {
        let alarm = self.selectedAlarm
        func can(_ action: AlarmAction) -> Bool {
            alarm.map { DashboardState.obstacle(to: action, $0) == nil } ?? false && !self.isBlind
        }
        return switch command {
        case .close: !self.state.sheets.isEmpty || !self.state.filter.isEmpty
        case .open where self.state.place == .oneSensor: alarm != nil
        case .acknowledge: alarm?.state.needsAcknowledgement == true && !self.isBlind
        case .acknowledgeAll:
            !self.isBlind && self.visibleAlarms.count { $0.state.needsAcknowledgement } > 1
        case .shelve: can(.shelve)
        case .unshelve: can(.unshelve)
        case .reset: can(.reset)
        case .comment: can(.comment)
        case .service: can(.takeOutOfService)
        case .silence:
            !self.isBlind
                && (alarm != nil || [.oneSensor, .delivery].contains(self.state.place))
        case .mode: !self.isBlind && !self.model.areas.isEmpty
        case .test, .resend, .discard, .enable: !self.isBlind && self.isUsefulForDelivery(command)
        default: true
        }
    }

    private func isUsefulForDelivery(_ command: Command) -> Bool {
        switch (command, self.selectedItem) {
        case (.test, .endpoint), (.test, .route), (.resend, .deadLetter),
            (.discard, .deadLetter), (.discard, .silence):
            true
        case (.enable, .endpoint(let endpoint)): !endpoint.isInOrder
        default: false
        }
    }

    /// The keys of this place: as many as fit, help and quit always.
    private var keys: String {
        let place = self.state.place
        let bindings = KeyTable.bindings.filter { binding in
            guard binding.places.contains(place), !binding.label.isEmpty else { return false }
            return self.isUseful(binding.command)
        }
        let always = bindings.suffix(2).map { "\($0.shown) \($0.label)" }.joined(separator: "  ")
        var text = ""
        for binding in bindings.dropLast(2) {
            let more = "\(binding.shown) \(binding.label)  "
            guard TerminalText.width(text + more + always) + 2 <= self.columns else { break }
            text += more
        }
        return text + always
    }
}
