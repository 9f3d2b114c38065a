// SPDX-License-Identifier: Apache-2.0

internal import JSONText
package import MidwatchModel

/// Which sensors an operator asks for.
package struct SensorQuery: Sendable, Equatable {
    /// Order of the answer.
    package enum Order: String, Sendable, CaseIterable {
        /// By path: pages with `after`.
        case path
        /// What needs attention first; the first `limit`, no further pages.
        case worst
    }

    /// A template if it has `+` or `#`, else a text that path or title contains.
    package var filter = ""
    package var area: AreaFilter?
    package var freshness: Freshness?
    /// Of the sensor's most urgent alarm.
    package var states = StateFilter()
    /// Of the sensor's most urgent alarm.
    package var priorities: Set<AlarmPriority> = []
    package var order = Order.path
    /// Paths behind this one only; with `Order.path`.
    package var after: String?
    /// Only these; empty: any.
    package var paths: Set<String> = []
    package var limit: Int

    package init(limit: Int) { self.limit = limit }

    /// Whether the query asks for this sensor, `after` and `limit` aside.
    package func matches(_ sensor: SensorView) -> Bool {
        self.matches(sensor, text: TextFilter(self.filter))
    }

    private func matches(_ sensor: SensorView, text: TextFilter) -> Bool {
        self.matches(freshness: sensor.freshness, alarm: sensor.alarm)
            && self.area?.matches(sensor.path) != false
            && text.matches(path: sensor.path, title: sensor.title)
    }

    /// Whether the query asks for a sensor in this state, its names aside.
    package func matches(freshness: Freshness, alarm: AlarmMark?) -> Bool {
        if let wanted = self.freshness, freshness != wanted { return false }
        if !self.priorities.isEmpty {
            guard let alarm, self.priorities.contains(alarm.priority) else { return false }
        }
        return self.states.isEmpty || self.states.states.contains(alarm?.state ?? .normal)
    }

    /// The answer out of all sensors.
    ///
    /// - Complexity: O(n log n).
    package func select(from sensors: some Sequence<SensorView>) -> [SensorView] {
        let text = TextFilter(self.filter)
        var found = sensors.filter { sensor in
            if self.order == .path, let after = self.after, sensor.path <= after { return false }
            if !self.paths.isEmpty, !self.paths.contains(sensor.path) { return false }
            return self.matches(sensor, text: text)
        }
        switch self.order {
        case .path: found.sort { $0.path < $1.path }
        case .worst: found.sort(by: SensorView.isWorse)
        }
        return Array(found.prefix(self.limit))
    }
}

/// Which alarms an operator asks for.
package struct AlarmQuery: Sendable, Equatable {
    /// Order of the answer.
    package enum Order: String, Sendable, CaseIterable {
        /// By path, then name of the alarm: pages with `after`.
        case id
        /// What needs a hand first; the first `limit`, no further pages.
        case urgency
    }

    /// A template on the sensor's path if it has `+` or `#`, else a text that the alarm id or the
    /// title contains.
    package var filter = ""
    package var area: AreaFilter?
    package var states = StateFilter()
    package var priorities: Set<AlarmPriority> = []
    /// Also alarms that are normal and that nobody took out of view.
    package var includesNormal = false
    package var order = Order.urgency
    /// Ids behind this one only; with `Order.id`.
    package var after: String?
    package var limit: Int

    package init(limit: Int) { self.limit = limit }

    /// Whether the query asks for an alarm in this state, its names aside.
    package func matches(
        state: AlarmState, suppression: AlarmSuppression, priority: AlarmPriority
    ) -> Bool {
        if !self.priorities.isEmpty, !self.priorities.contains(priority) { return false }
        // Who asks for a state gets it.
        guard self.states.isEmpty else { return self.states.matches(state, suppression) }
        return self.includesNormal || !AlarmView.isAtRest(state, suppression)
    }

    /// The answer out of all alarms.
    ///
    /// - Complexity: O(n log n).
    package func select(from alarms: some Sequence<AlarmView>) -> [AlarmView] {
        let text = TextFilter(self.filter)
        let after = self.order == .id ? self.after.map { AlarmName($0) } : nil
        var found = alarms.filter { alarm in
            guard
                self.matches(
                    state: alarm.state, suppression: alarm.suppression, priority: alarm.priority)
            else { return false }
            if let after, AlarmName(alarm.alarmID) <= after { return false }
            guard self.area?.matches(alarm.path) != false else { return false }
            return text.matches(path: alarm.path, title: alarm.title)
                || (!text.isTemplate && text.isContained(in: alarm.alarmID))
        }
        switch self.order {
        case .id: found.sort { AlarmName($0.alarmID) < AlarmName($1.alarmID) }
        case .urgency: found.sort(by: AlarmView.comesFirst)
        }
        return Array(found.prefix(self.limit))
    }
}

/// Which ledger records an operator asks for.
package struct EventQuery: Sendable, Equatable {
    /// A template on the sensor's path if it has `+` or `#`, else a text that path, alarm, kind or
    /// user contains.
    package var filter = ""
    package var area: AreaFilter?
    /// Kinds of records, such as `alarmRaised`.
    package var kinds: Set<String> = []
    /// The state of the alarm after what happened.
    package var states = StateFilter()
    package var priorities: Set<AlarmPriority> = []

    package init() {}

    /// Whether every record fits.
    package var takesAll: Bool { self == EventQuery() }

    /// Whether the query asks for this record; gaps of the ledger always are.
    package func matches(_ event: EventView) -> Bool {
        let kind = event.body["kind"]?.string ?? ""
        if self.takesAll || kind == EventView.gapKind { return true }
        if !self.kinds.isEmpty, !self.kinds.contains(kind) { return false }
        // What is about an alert names its alarm alone.
        let alarmID = event.body["alarmID"]?.string ?? ""
        let path =
            event.body["sensor"]?.string
            ?? alarmID.lastIndex(of: ":").map { String(alarmID[..<$0]) } ?? ""
        if let area = self.area, !area.matches(path) { return false }
        if !self.priorities.isEmpty {
            let word = event.body["priority"]?.string
            guard self.priorities.contains(where: { $0.word == word }) else { return false }
        }
        if !self.states.isEmpty {
            let words = (event.body["suppression"]?.array ?? []).compactMap(\.string)
            guard
                let state = AlarmState.allCases.first(where: { $0.word == event.body["to"]?.string }
                ),
                self.states.matches(state, AlarmSuppression(words: words))
            else { return false }
        }
        guard !self.filter.isEmpty else { return true }
        let text = TextFilter(self.filter)
        if text.isTemplate { return !path.isEmpty && PathTemplate.matches(self.filter, path) }
        let alarm = event.body["alarm"]?.string ?? ""
        let user = event.body.value(atPath: "command.user")?.string ?? ""
        let area = event.body["area"]?.string ?? ""
        return [path + ":" + alarm, alarmID, kind, user, area].contains {
            text.isContained(in: $0)
        }
    }
}

/// The place that somebody asks about: an area of the configuration, or all below a path.
package struct AreaFilter: Sendable, Equatable {
    package var name: String
    /// Paths and templates of the area; empty: the name is the beginning of paths.
    package var patterns: [String] = []

    package init(_ name: String) { self.name = name }

    package func matches(_ path: String) -> Bool {
        guard self.patterns.isEmpty else {
            return self.patterns.contains { PathTemplate.matches($0, path) }
        }
        return path == self.name || path.hasPrefix(self.name + "/")
    }
}

/// States of alarms and what keeps them out of view; empty: any.
package struct StateFilter: Sendable, Equatable {
    package var states: Set<AlarmState> = []
    package var suppression: AlarmSuppression = []

    package init() {}

    /// nil for a word that is neither a state nor a suppression.
    package init?(words: [String]) {
        for word in words {
            if let state = AlarmState.allCases.first(where: { $0.word == word }) {
                self.states.insert(state)
            } else {
                let suppression = AlarmSuppression(words: [word])
                guard !suppression.isEmpty else { return nil }
                self.suppression.formUnion(suppression)
            }
        }
    }

    /// Every word that is taken.
    package static var words: [String] {
        AlarmState.allCases.map(\.word) + AlarmSuppression(rawValue: .max).words
    }

    package var isEmpty: Bool { self.states.isEmpty && self.suppression.isEmpty }

    package var words: [String] {
        AlarmState.allCases.filter { self.states.contains($0) }.map(\.word)
            + self.suppression.words
    }

    package func matches(_ state: AlarmState, _ suppression: AlarmSuppression) -> Bool {
        self.states.contains(state) || !self.suppression.isDisjoint(with: suppression)
    }
}

/// The id of an alarm taken apart; in the order of paths, then of names.
package struct AlarmName: Sendable, Comparable {
    package var path: Substring
    package var name: Substring

    package init(_ alarmID: String) {
        let colon = alarmID.lastIndex(of: ":") ?? alarmID.endIndex
        self.path = alarmID[..<colon]
        self.name = alarmID[colon...].dropFirst()
    }

    package static func < (lhs: Self, rhs: Self) -> Bool {
        (lhs.path, lhs.name) < (rhs.path, rhs.name)
    }
}

/// What a person types to find sensors: a template, or a part of the path or title in any case.
package struct TextFilter: Sendable {
    private let text: String
    private let lowered: [UInt8]
    package let isTemplate: Bool

    package init(_ text: String) {
        self.text = text
        self.lowered = Array(text.lowercased().utf8)
        self.isTemplate = PathTemplate.hasWildcard(text)
    }

    package func matches(path: String, title: String) -> Bool {
        if self.text.isEmpty { return true }
        if self.isTemplate { return PathTemplate.matches(self.text, path) }
        return self.isContained(in: path) || self.isContained(in: title)
    }

    /// The same for names that are in lower case already: `searchable` of path and title.
    package func matches(path: String, searchable: [UInt8]) -> Bool {
        if self.text.isEmpty { return true }
        if self.isTemplate { return PathTemplate.matches(self.text, path) }
        return Self.contains(searchable, self.lowered)
    }

    package func isContained(in text: String) -> Bool {
        Self.contains(Array(text.lowercased().utf8), self.lowered)
    }

    /// Path and title as `matches(path:searchable:)` wants them; a line break keeps them apart.
    package static func searchable(path: String, title: String) -> [UInt8] {
        Array((path + "\n" + title).lowercased().utf8)
    }

    private static func contains(_ bytes: [UInt8], _ part: [UInt8]) -> Bool {
        guard let first = part.first else { return true }
        guard bytes.count >= part.count else { return false }
        for start in 0...(bytes.count - part.count) where bytes[start] == first {
            if bytes[start..<(start + part.count)].elementsEqual(part) { return true }
        }
        return false
    }
}

extension AlarmView {
    /// Whether it is normal, and no hand of an operator must bring it back into view.
    package var isAtRest: Bool { Self.isAtRest(self.state, self.suppression) }

    package static func isAtRest(_ state: AlarmState, _ suppression: AlarmSuppression) -> Bool {
        state == .normal && suppression.isDisjoint(with: [.shelved, .outOfService])
    }
}

extension SensorView {
    /// The order of attention: alarms by state and priority, then silence, then quality, then path;
    /// sensors about Midwatch itself come last.
    package static func isWorse(_ a: SensorView, _ b: SensorView) -> Bool {
        let (isOwnA, isOwnB) = (OwnPath.isOwn(a.path), OwnPath.isOwn(b.path))
        if isOwnA != isOwnB { return isOwnB }
        let keyA = Self.attention(alarm: a.alarm, freshness: a.freshness, quality: a.quality)
        let keyB = Self.attention(alarm: b.alarm, freshness: b.freshness, quality: b.quality)
        return keyA == keyB ? a.path < b.path : keyA < keyB
    }

    /// How much attention a sensor needs: lower is worse; below 1,024.
    package static func attention(
        alarm: AlarmMark?, freshness: Freshness, quality: Quality
    ) -> Int {
        let state = alarm?.state.rank ?? AlarmState.normal.rank
        let priority = alarm.map { 3 - Int($0.priority.rawValue) } ?? 4
        let silence =
            switch freshness {
            case .stale: 0
            case .neverReceived: 1
            case .unverified: 2
            case .fresh: 3
            }
        return ((state * 8 + priority) * 4 + silence) * 4 + (2 - Int(quality.rawValue))
    }
}
