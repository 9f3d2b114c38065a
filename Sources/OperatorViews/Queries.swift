// SPDX-License-Identifier: Apache-2.0

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
    package var freshness: Freshness?
    package var order = Order.path
    /// Paths behind this one only; with `Order.path`.
    package var after: String?
    package var limit: Int

    package init(limit: Int) { self.limit = limit }

    /// Whether the query asks for this sensor, `after` and `limit` aside.
    package func matches(_ sensor: SensorView) -> Bool {
        if let freshness = self.freshness, sensor.freshness != freshness { return false }
        return TextFilter(self.filter).matches(path: sensor.path, title: sensor.title)
    }

    /// The answer out of all sensors.
    ///
    /// - Complexity: O(n log n).
    package func select(from sensors: some Sequence<SensorView>) -> [SensorView] {
        let filter = TextFilter(self.filter)
        var found = sensors.filter { sensor in
            if let freshness = self.freshness, sensor.freshness != freshness { return false }
            if self.order == .path, let after = self.after, sensor.path <= after { return false }
            return filter.matches(path: sensor.path, title: sensor.title)
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
        /// By alarm id: pages with `after`.
        case id
        /// What needs a hand first; the first `limit`, no further pages.
        case urgency
    }

    /// A template on the sensor's path if it has `+` or `#`, else a text that the alarm id or the
    /// title contains.
    package var filter = ""
    /// Also alarms that are normal and that nobody took out of view.
    package var includesNormal = false
    package var order = Order.urgency
    /// Ids behind this one only; with `Order.id`.
    package var after: String?
    package var limit: Int

    package init(limit: Int) { self.limit = limit }

    /// The answer out of all alarms.
    ///
    /// - Complexity: O(n log n).
    package func select(from alarms: some Sequence<AlarmView>) -> [AlarmView] {
        let filter = TextFilter(self.filter)
        var found = alarms.filter { alarm in
            if !self.includesNormal, alarm.isAtRest { return false }
            if self.order == .id, let after = self.after, alarm.alarmID <= after { return false }
            return filter.matches(path: alarm.path, title: alarm.title)
                || (!filter.isTemplate && filter.isContained(in: alarm.alarmID))
        }
        switch self.order {
        case .id: found.sort { $0.alarmID < $1.alarmID }
        case .urgency: found.sort(by: AlarmView.comesFirst)
        }
        return Array(found.prefix(self.limit))
    }
}

extension AlarmView {
    /// Whether it is normal, and no hand of an operator must bring it back into view.
    package var isAtRest: Bool {
        self.state == .normal && self.suppression.isDisjoint(with: [.shelved, .outOfService])
    }
}

/// What a person types to find sensors: a template, or a part of the path or title in any case.
package struct TextFilter: Sendable {
    private let text: String
    private let lowered: String
    package let isTemplate: Bool

    package init(_ text: String) {
        self.text = text
        self.lowered = text.lowercased()
        self.isTemplate = PathTemplate.hasWildcard(text)
    }

    package func matches(path: String, title: String) -> Bool {
        if self.text.isEmpty { return true }
        if self.isTemplate { return PathTemplate.matches(self.text, path) }
        return self.isContained(in: path) || self.isContained(in: title)
    }

    package func isContained(in text: String) -> Bool {
        text.contains(self.text) || text.lowercased().contains(self.lowered)
    }
}

extension SensorView {
    /// The order of attention: alarms by state and priority, then silence, then quality, then path;
    /// sensors about Midwatch itself come last.
    package static func isWorse(_ a: SensorView, _ b: SensorView) -> Bool {
        let (isOwnA, isOwnB) = (OwnPath.isOwn(a.path), OwnPath.isOwn(b.path))
        if isOwnA != isOwnB { return isOwnB }
        let keyA = a.attentionKey
        let keyB = b.attentionKey
        return keyA == keyB ? a.path < b.path : keyA < keyB
    }

    /// Lower is worse.
    private var attentionKey: Int {
        let state = self.alarm?.state.rank ?? AlarmState.normal.rank
        let priority = self.alarm.map { 3 - Int($0.priority.rawValue) } ?? 4
        let silence =
            switch self.freshness {
            case .stale: 0
            case .neverReceived: 1
            case .unverified: 2
            case .fresh: 3
            }
        let quality = 2 - Int(self.quality.rawValue)
        return ((state * 8 + priority) * 4 + silence) * 4 + quality
    }
}
