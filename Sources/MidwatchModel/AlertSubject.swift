// SPDX-License-Identifier: Apache-2.0

/// What is known of an alarm when its alerts are routed, silenced or inhibited.
package struct AlertSubject: Equatable, Sendable {
    /// `path:name`.
    package var alarmID: String
    /// Path of the sensor.
    package var sensor: String
    /// Name of the alarm: the word of its kind, or the name of its rule.
    package var alarm: String
    package var priority: AlarmPriority
    /// Handling class of the alarm (ISA-18.2) as the site names it: `safety`; without one, what the
    /// alarm is about.
    package var alarmClass: String
    /// What the alarm is about, beside a class of the site: `process`, `instrument`, `system`; empty
    /// if the class says it.
    package var topic = ""
    /// Assets that it belongs to, each a path of levels; prefixes of it fit as well.
    package var assets: [String]
    /// Whatever else people gave it.
    package var labels: [String: String]

    package init(
        alarmID: String, priority: AlarmPriority, alarmClass: String = "process",
        assets: [String] = [], labels: [String: String] = [:]
    ) {
        let colon = alarmID.lastIndex(of: ":") ?? alarmID.endIndex
        self.alarmID = alarmID
        self.sensor = String(alarmID[..<colon])
        self.alarm =
            colon == alarmID.endIndex ? "" : String(alarmID[alarmID.index(after: colon)...])
        self.priority = priority
        self.alarmClass = alarmClass
        self.assets = assets
        self.labels = labels
    }

    /// The value of a label; the words of the subject itself are labels as well.
    package func label(_ name: String) -> String {
        switch name {
        case "sensor": self.sensor
        case "alarm": self.alarm
        case "priority": self.priority.word
        case "class": self.alarmClass
        case "topic": self.topic.isEmpty ? self.alarmClass : self.topic
        case "asset": self.assets.first ?? ""
        default: self.labels[name] ?? ""
        }
    }
}

/// What a route, a silence or an inhibition asks of an alarm.
///
/// A part that is empty fits every alarm; of a part with several words one must fit; all parts must.
package struct AlertMatcher: Equatable, Sendable {
    package var priorities: [AlarmPriority] = []
    package var classes: [String] = []
    /// Assets; what is below one belongs to it.
    package var assets: [String] = []
    /// Paths and templates of sensors.
    package var sensors: [String] = []
    /// Names of alarms.
    package var alarms: [String] = []
    package var labels: [String: String] = [:]

    package init() {}

    /// Whether it fits whatever comes.
    package var fitsAll: Bool { self == AlertMatcher() }

    package func matches(_ subject: AlertSubject) -> Bool {
        (self.priorities.isEmpty || self.priorities.contains(subject.priority))
            && (self.classes.isEmpty || self.classes.contains(subject.alarmClass)
                || !subject.topic.isEmpty && self.classes.contains(subject.topic))
            && (self.assets.isEmpty
                || self.assets.contains { asset in
                    subject.assets.contains { Self.isAsset($0, within: asset) }
                })
            && (self.sensors.isEmpty
                || self.sensors.contains { PathTemplate.matches($0, subject.sensor) })
            && (self.alarms.isEmpty || self.alarms.contains(subject.alarm))
            && self.labels.allSatisfy { subject.label($0.key) == $0.value }
    }

    /// Whether `asset` is `other` or below it: whole levels, so that `west` does not take `west-2`.
    private static func isAsset(_ asset: String, within other: String) -> Bool {
        asset == other || asset.hasPrefix(other + "/")
    }
}

/// A time for each priority; 0: never.
package struct PriorityTimes: Equatable, Sendable {
    package var low: UInt64
    package var medium: UInt64
    package var high: UInt64
    package var critical: UInt64

    package init(low: UInt64 = 0, medium: UInt64 = 0, high: UInt64 = 0, critical: UInt64 = 0) {
        self.low = low
        self.medium = medium
        self.high = high
        self.critical = critical
    }

    package subscript(_ priority: AlarmPriority) -> UInt64 {
        switch priority {
        case .low: self.low
        case .medium: self.medium
        case .high: self.high
        case .critical: self.critical
        }
    }
}
