// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import OperatorViews
import StateFolder

/// Pages of sensors and alarms: chosen by what the live tables say, rendered only if they are sent.
extension OperatorDesk {
    func sensors(matching query: SensorQuery) async -> [SensorView] {
        let names = self.sensorNames.now()
        let viewer = Viewer(self.parts)
        var query = query
        self.resolve(&query.area)
        let text = TextFilter(query.filter)
        func matches(_ index: Int, _ live: LiveSensor) -> Bool {
            (query.paths.isEmpty || query.paths.contains(names.paths[index]))
                && query.matches(freshness: live.freshness, alarm: live.alarmMark)
                && query.area?.matches(names.paths[index]) != false
                && text.matches(path: names.paths[index], searchable: names.searchable[index])
        }
        var found: [SensorView] = []
        switch query.order {
        case .path:
            let behind = names.place(behind: query.after)
            // Sensors that are named are looked up; any other way every sensor is looked at.
            let places =
                query.paths.isEmpty
                ? Array(behind..<names.order.count)
                : query.paths.map { names.place(behind: $0) - 1 }.filter { $0 >= behind }.sorted()
            for place in places {
                guard found.count < query.limit else { break }
                let index = Int(names.order[place])
                guard let live = self.parts.live.sensors.read(index), matches(index, live),
                    let view = viewer.sensor(index)
                else { continue }
                found.append(view)
            }
        case .worst:
            // Attention, then place: one number for each sensor.
            var keys: [UInt64] = []
            for (place, number) in names.order.enumerated() {
                let index = Int(number)
                guard let live = self.parts.live.sensors.read(index), matches(index, live) else {
                    continue
                }
                let attention = SensorView.attention(
                    alarm: live.alarmMark, freshness: live.freshness, quality: live.quality)
                let isOwn = OwnPath.isOwn(names.paths[index])
                keys.append(
                    (isOwn ? 1 << 63 : 0) | UInt64(attention) << 32 | UInt64(place))
            }
            keys.sort()
            for key in keys.prefix(query.limit) {
                let place = Int(key & 0xFFFF_FFFF)
                if let view = viewer.sensor(Int(names.order[place])) { found.append(view) }
            }
        }
        return found
    }

    /// What decides about the place of an alarm in a list.
    private struct AlarmKey {
        var index: Int
        /// Place of its sensor in the order of paths.
        var place: UInt32
        var urgency: Int
        var raisedAt: Int64
        var name: String
    }

    func alarms(matching query: AlarmQuery) async -> [AlarmView] {
        let names = self.sensorNames.now()
        let viewer = Viewer(self.parts)
        var query = query
        self.resolve(&query.area)
        let text = TextFilter(query.filter)
        let after = query.order == .id ? query.after.map { AlarmName($0) } : nil
        let book = self.parts.live.ruleBook
        var keys: [AlarmKey] = []
        let asksForNormal = query.includesNormal || query.states.words.contains("normal")
        let candidates =
            asksForNormal
            ? Array(0..<self.parts.live.alarms.count) : self.parts.active.indexes()
        for index in candidates {
            guard let live = self.parts.live.alarms.read(index), !live.isRetired,
                query.matches(
                    state: live.state, suppression: live.suppression, priority: live.priority)
            else { continue }
            let sensor = Int(live.sensor.rawValue)
            guard sensor < names.paths.count, let place = names.rank[sensor] else { continue }
            let path = names.paths[sensor]
            guard query.area?.matches(path) != false else { continue }
            let name = book.alarmName(live.kind, rule: live.rule)
            guard
                text.matches(path: path, searchable: names.searchable[sensor])
                    || (!text.isTemplate && text.isContained(in: "\(path):\(name)"))
            else { continue }
            if let after, (path[...], name[...]) <= (after.path, after.name) { continue }
            let urgency = AlarmView.urgency(
                suppression: live.suppression, state: live.state, priority: live.priority)
            keys.append(
                AlarmKey(
                    index: index, place: place, urgency: urgency,
                    raisedAt: live.activationCount > 0 ? live.raisedAt.nanoseconds : .min,
                    name: name))
        }
        switch query.order {
        case .id: keys.sort { ($0.place, $0.name) < ($1.place, $1.name) }
        case .urgency:
            keys.sort {
                $0.urgency == $1.urgency
                    ? $0.raisedAt == $1.raisedAt
                        ? ($0.place, $0.name) < ($1.place, $1.name) : $0.raisedAt > $1.raisedAt
                    : $0.urgency < $1.urgency
            }
        }
        var found: [AlarmView] = []
        for key in keys {
            guard found.count < query.limit else { break }
            if let view = viewer.alarm(key.index) { found.append(view) }
        }
        return found
    }

    /// The alarm with this id, normal or not.
    func alarm(id: String) async -> AlarmView? {
        guard let (path, name) = Self.parts(of: id) else { return nil }
        let names = self.sensorNames.now()
        let place = names.place(behind: path)
        guard place > 0, names.paths[Int(names.order[place - 1])] == path else { return nil }
        let sensor = names.order[place - 1]
        let book = self.parts.live.ruleBook
        for index in 0..<self.parts.live.alarms.count {
            guard let live = self.parts.live.alarms.read(index), live.sensor.rawValue == sensor,
                !live.isRetired, book.alarmName(live.kind, rule: live.rule) == name
            else { continue }
            return Viewer(self.parts).alarm(index)
        }
        return nil
    }

    /// An area of the configuration stands for its sensors.
    func resolve(_ area: inout AreaFilter?) {
        guard let name = area?.name else { return }
        area?.patterns =
            self.parts.live.ruleBook.areas.first { $0.name == name }?.sensors ?? []
    }
}

extension LiveSensor {
    /// The most urgent alarm of the sensor, as screens show it.
    var alarmMark: AlarmMark? {
        self.hasActiveAlarm ? AlarmMark(state: self.alarmState, priority: self.alarmPriority) : nil
    }
}
