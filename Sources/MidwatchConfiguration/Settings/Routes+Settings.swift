// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

extension AlertPolicy {
    /// Whether the routes are those under `alerts`.
    var isList: Bool { self.leavesOutUnrouted }

    /// The sections at the top of the file.
    func write(to entries: inout SettingEntries) {
        if !self.isList { entries.list("routes", self.routes.map(\.settings)) }
        entries.list("escalation", self.escalations.map(\.settings))
        entries.list("inhibition", self.inhibitions.map(\.settings))
        entries.list("maintenance", self.maintenance.map(\.settings))
        var flood = SettingEntries()
        flood.integer("alertsPerMinute", self.flood.alertsPerMinute)
        flood.integer("criticalPerMinute", self.flood.criticalPerMinute)
        flood.time("digest", self.flood.digestNanoseconds)
        entries.add("flood", flood.mapping)
        var links = SettingEntries()
        links.text("baseURL", self.links.baseURL)
        links.time("valid", self.links.validNanoseconds)
        entries.add("links", links.mapping)
    }
}

extension RouteDeclaration {
    fileprivate var settings: Setting {
        var entries = SettingEntries()
        entries.text("name", self.name)
        entries.add("match", self.matcher.settings)
        entries.texts("endpoints", self.endpoints)
        if self.nextNanoseconds > 0 { entries.time("inTurn", self.nextNanoseconds) }
        entries.flag("continue", self.continues)
        entries.flag("nobody", self.tellsNobody)
        entries.text("escalation", self.escalation)
        entries.add(
            "send",
            .mapping([
                Setting.Entry("returned", .flag(self.sendsReturned)),
                Setting.Entry("acknowledged", .flag(self.sendsAcknowledged)),
            ]))
        if self.repeatNanoseconds > 0 { entries.time("repeat", self.repeatNanoseconds) }
        if let grouping = self.grouping {
            var group = SettingEntries()
            group.texts("by", grouping.labels)
            group.time("wait", grouping.waitNanoseconds)
            entries.add("group", group.mapping)
        }
        entries.list("routes", self.routes.map(\.settings))
        return entries.mapping
    }
}

extension AlertMatcher {
    fileprivate var settings: Setting {
        var entries = SettingEntries()
        entries.list("priorities", self.priorities.map { .word($0.word) })
        entries.texts("classes", self.classes)
        entries.texts("assets", self.assets)
        entries.texts("sensors", self.sensors)
        entries.texts("alarms", self.alarms)
        if !self.labels.isEmpty {
            let labels = self.labels.sorted { $0.key < $1.key }
            entries.add(
                "labels", .mapping(labels.map { Setting.Entry($0.key, .text($0.value)) }))
        }
        return entries.mapping
    }
}

extension EscalationDeclaration {
    fileprivate var settings: Setting {
        var entries = SettingEntries()
        entries.text("name", self.name)
        entries.list(
            "levels",
            self.levels.map { level in
                var entries = SettingEntries()
                entries.texts("endpoints", level.endpoints)
                entries.add("after", level.after.settings)
                return entries.mapping
            })
        entries.time("undelivered", self.undeliveredNanoseconds)
        entries.add("standing", self.standing.settings)
        return entries.mapping
    }
}

extension PriorityTimes {
    /// A priority that is not named has none.
    fileprivate var settings: Setting {
        var entries = SettingEntries()
        for priority in AlarmPriority.allCases where self[priority] > 0 {
            entries.time(priority.word, self[priority])
        }
        return entries.mapping
    }
}

extension InhibitionDeclaration {
    fileprivate var settings: Setting {
        var entries = SettingEntries()
        entries.text("name", self.name)
        entries.add("source", self.source.settings)
        entries.add("target", self.target.settings)
        entries.texts("equal", self.equal)
        return entries.mapping
    }
}

extension AlertSilence {
    fileprivate var settings: Setting {
        var entries = SettingEntries()
        entries.text("name", String(self.id.dropFirst("maintenance/".utf8.count)))
        entries.text("author", self.author)
        entries.text("reason", self.reason)
        entries.add("match", self.matcher.settings)
        entries.flag("includesCritical", self.includesCritical)
        switch self.period {
        case .once(let from, let until):
            entries.text("from", from.rfc3339)
            entries.text("until", until.rfc3339)
        case .weekly(let days, let start, let minutes):
            let words = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
            entries.list(
                "days",
                words.indices.filter { days >> UInt8($0) & 1 == 1 }.map { .word(words[$0]) })
            let (hour, minute) = (start / 60, start % 60)
            entries.text("at", "\(hour / 10)\(hour % 10):\(minute / 10)\(minute % 10)")
            entries.time("for", UInt64(minutes) * 60 * ConfigurationLimits.nanosecondsPerSecond)
        }
        return entries.mapping
    }
}
