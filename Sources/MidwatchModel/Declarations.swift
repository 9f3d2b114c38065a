// SPDX-License-Identifier: Apache-2.0

/// One limit of a sensor: what sets it, what clears it, how urgent it is.
package struct LimitSetting: Equatable, Sendable {
    package var setpoint: Double
    /// Distance back from the setpoint before the condition clears; 0 or more, in the unit.
    package var deadband: Double
    package var onDelayNanoseconds: UInt64
    package var offDelayNanoseconds: UInt64
    package var priority: AlarmPriority
    package var handling = AlarmHandling()

    package init(
        setpoint: Double, deadband: Double = 0, onDelayNanoseconds: UInt64 = 0,
        offDelayNanoseconds: UInt64 = 0, priority: AlarmPriority = .medium
    ) {
        self.setpoint = setpoint
        self.deadband = deadband
        self.onDelayNanoseconds = onDelayNanoseconds
        self.offDelayNanoseconds = offDelayNanoseconds
        self.priority = priority
    }
}

/// What people wrote about a sensor's alarms: the rationalization fields of ISA-18.2.
package struct Rationalization: Equatable, Sendable {
    package var consequence = ""
    package var operatorAction = ""
    package var firstChecks: [String] = []
    package var timeToRespondSeconds: UInt32 = 0
    package var runbook = ""
    package var owner = ""
    /// What usually causes it.
    package var causes: [String] = []
    /// How to tell that it is real.
    package var verification = ""
    /// nil: not said.
    package var consequenceClass: ConsequenceClass?

    package init() {}

    /// The priority that consequence and time to respond give; nil if either is not said.
    package var priority: AlarmPriority? {
        guard self.timeToRespondSeconds > 0 else { return nil }
        return self.consequenceClass?.priority(timeToRespondSeconds: self.timeToRespondSeconds)
    }
}

/// How one sensor, or every sensor whose path fits a template, is watched.
///
/// `pattern` is a path, or a template in which `+` stands for one level and a trailing `#` for all
/// that follows (the wildcards of MQTT). A pattern without wildcards declares a sensor: it has a
/// deadline from the moment it is declared, also if it never speaks.
package struct SensorDeclaration: Equatable, Sendable {
    package var pattern: String
    package var unit = ""
    package var title = ""
    package var supervision = SupervisionMode.periodic
    /// A live source counts as evidence for this sensor (`exception` supervision only).
    package var trustsSource = false
    /// Its stale alarm never waits for the source and is not suppressed with it.
    package var isIndependent = false
    /// Silence after which the sensor is stale.
    ///
    /// More than 0.
    package var deadlineNanoseconds: UInt64
    package var stalePriority = AlarmPriority.medium
    /// Of the stale alarm and of "cannot verify".
    package var silenceHandling = AlarmHandling()
    /// nil: the highest priority among the sensor's alarms decides (RULES: `SensorCriticality`).
    package var criticality: SensorCriticality?
    package var lowLow: LimitSetting?
    package var low: LimitSetting?
    package var high: LimitSetting?
    package var highHigh: LimitSetting?
    /// A higher limit that is raised takes the place of the lower one.
    package var areLimitsExclusive = false
    /// Limits that hold instead of the four above while the sensor's area is in their mode.
    package var limitSets: [LimitSet] = []
    /// Values outside are none: quality bad.
    ///
    /// nil: every value is possible.
    package var instrumentRange: ClosedRange<Double>?
    package var unknownGraceNanoseconds = SystemLimits.unknownGraceMaxNanoseconds
    package var rationalization = Rationalization()

    package init(pattern: String, deadlineNanoseconds: UInt64) {
        self.pattern = pattern
        self.deadlineNanoseconds = deadlineNanoseconds
    }

    /// Whether the pattern is a template rather than the path of one sensor.
    package var isTemplate: Bool { PathTemplate.hasWildcard(self.pattern) }

    /// The highest priority among the alarms of this sensor.
    package var highestPriority: AlarmPriority {
        var highest = self.stalePriority
        for limit in [self.lowLow, self.low, self.high, self.highHigh] {
            if let limit { highest = max(highest, limit.priority) }
        }
        for set in self.limitSets {
            for limit in [set.lowLow, set.low, set.high, set.highHigh] {
                if let limit { highest = max(highest, limit.priority) }
            }
        }
        return highest
    }

    /// The admission class: as declared, else from the highest priority among the alarms.
    package var effectiveCriticality: SensorCriticality {
        if let declared = self.criticality { return declared }
        return switch self.highestPriority {
        case .low: .low
        case .medium: .normal
        case .high, .critical: .critical
        }
    }
}

/// Matching of sensor paths against templates with the wildcards of MQTT (OASIS MQTT 5.0, 4.7.1).
package enum PathTemplate {
    /// Whether `pattern` has a level `+` or `#`.
    package static func hasWildcard(_ pattern: String) -> Bool {
        pattern.utf8.contains { $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "#") }
    }

    /// Whether `pattern` is a path or a template: `+` alone in its level, `#` alone and last.
    package static func isWellFormed(_ pattern: String) -> Bool {
        let levels = pattern.split(separator: "/", omittingEmptySubsequences: false)
        guard !pattern.isEmpty, pattern.utf8.count <= SystemLimits.sensorPathBytesMax else {
            return false
        }
        for (index, level) in levels.enumerated() {
            if level.isEmpty { return false }
            if level == "#" { return index == levels.count - 1 }
            if level != "+", level.contains("+") || level.contains("#") { return false }
            if level.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) { return false }
        }
        return true
    }

    /// Whether `path` fits `pattern`.
    ///
    /// Byte by byte, without an allocation: a start asks it several times for each sensor, and
    /// splitting took 45 % of the time of one with 100,000 sensors. Only where bytes that are not
    /// ASCII differ are levels compared as text, which may be equal all the same.
    package static func matches(_ pattern: String, _ path: String) -> Bool {
        let (wanted, bytes) = (pattern.utf8, path.utf8)
        var (place, other) = (wanted.startIndex, bytes.startIndex)
        let slash = UInt8(ascii: "/")
        var hasLevel = true
        while true {
            let next = place == wanted.endIndex ? place : wanted.index(after: place)
            let isAlone =
                place != wanted.endIndex && (next == wanted.endIndex || wanted[next] == slash)
            if isAlone, wanted[place] == UInt8(ascii: "#") { return true }
            guard hasLevel else { return false }
            if isAlone, wanted[place] == UInt8(ascii: "+") {
                place = next
                while other != bytes.endIndex, bytes[other] != slash {
                    other = bytes.index(after: other)
                }
            } else {
                while true {
                    let left = place == wanted.endIndex ? slash : wanted[place]
                    let right = other == bytes.endIndex ? slash : bytes[other]
                    guard left == right else {
                        return left | right >= 0x80 && self.matchesText(pattern, path)
                    }
                    if left == slash { break }
                    place = wanted.index(after: place)
                    other = bytes.index(after: other)
                }
            }
            if place == wanted.endIndex { return other == bytes.endIndex }
            place = wanted.index(after: place)
            hasLevel = other != bytes.endIndex
            if hasLevel { other = bytes.index(after: other) }
        }
    }

    /// The same for levels that are equal as text, whatever their bytes.
    private static func matchesText(_ pattern: String, _ path: String) -> Bool {
        let wanted = pattern.split(separator: "/", omittingEmptySubsequences: false)
        let levels = path.split(separator: "/", omittingEmptySubsequences: false)
        var index = 0
        for level in wanted {
            if level == "#" { return true }
            guard index < levels.count else { return false }
            if level != "+", level != levels[index] { return false }
            index += 1
        }
        return index == levels.count
    }
}
