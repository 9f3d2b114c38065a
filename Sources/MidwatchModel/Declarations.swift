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
    /// Of this alarm alone; what it does not say the sensor's words say.
    package var rationalization = Rationalization()

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
}

extension Rationalization {
    /// These words, and where they are silent, those of `other`.
    package func completed(by other: Self) -> Self {
        var words = self
        if words.consequence.isEmpty { words.consequence = other.consequence }
        if words.operatorAction.isEmpty { words.operatorAction = other.operatorAction }
        if words.firstChecks.isEmpty { words.firstChecks = other.firstChecks }
        if words.timeToRespondSeconds == 0 {
            words.timeToRespondSeconds = other.timeToRespondSeconds
        }
        if words.runbook.isEmpty { words.runbook = other.runbook }
        if words.owner.isEmpty { words.owner = other.owner }
        if words.causes.isEmpty { words.causes = other.causes }
        if words.verification.isEmpty { words.verification = other.verification }
        if words.consequenceClass == nil { words.consequenceClass = other.consequenceClass }
        return words
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
    /// Name of the source that it is behind, whatever its readings come through; empty: the one
    /// they come through.
    package var behind = ""
    /// Silence after which the sensor is stale.
    ///
    /// More than 0.
    package var deadlineNanoseconds: UInt64
    package var stalePriority = AlarmPriority.medium
    /// How long the sensor must speak, and be believed, before its stale alarm and "cannot verify"
    /// return: a link that comes and goes then is one alarm.
    package var silenceOffDelayNanoseconds: UInt64 = 0
    /// Of the stale alarm and of "cannot verify".
    package var silenceHandling = AlarmHandling()
    /// The same; what it does not say the sensor's words say.
    package var silenceRationalization = Rationalization()
    /// nil: the highest priority among the sensor's alarms decides (`SensorCriticality`).
    package var criticality: SensorCriticality?
    package var lowLow: LimitSetting?
    package var low: LimitSetting?
    package var high: LimitSetting?
    package var highHigh: LimitSetting?
    /// A more severe limit that is raised and in view takes the place of the lesser one.
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

    /// The words of one alarm of this sensor alone; nil for a kind that has none of its own.
    ///
    /// Of a limit that limit sets replace, the first that says something.
    package func words(ofAlarm name: String) -> Rationalization? {
        guard let kind = AlarmKind(word: name) else { return nil }
        if kind == .stale || kind == .unverifiable { return self.silenceRationalization }
        return self.limits(of: kind).map(\.rationalization).first { $0 != Rationalization() }
    }

    /// How people deal with one alarm of this sensor; nil for a kind that it has not.
    ///
    /// Of a limit that limit sets replace, the first that is of a class.
    package func handling(ofAlarm name: String) -> AlarmHandling? {
        guard let kind = AlarmKind(word: name) else { return nil }
        if kind == .stale || kind == .unverifiable { return self.silenceHandling }
        let limits = self.limits(of: kind).map(\.handling)
        return limits.first { !$0.className.isEmpty } ?? limits.first
    }

    /// The settings of one limit: its own, then those of the limit sets.
    private func limits(of kind: AlarmKind) -> [LimitSetting] {
        let field: KeyPath<LimitSet, LimitSetting?>
        let own: LimitSetting?
        switch kind {
        case .lowLow: (own, field) = (self.lowLow, \.lowLow)
        case .low: (own, field) = (self.low, \.low)
        case .high: (own, field) = (self.high, \.high)
        case .highHigh: (own, field) = (self.highHigh, \.highHigh)
        case .stale, .unverifiable, .rateOfChange, .flatLine, .deviation, .vote, .discrepancy,
            .offNormal, .badQuality, .clockSkew, .clockDrift, .sequence, .window, .drift,
            .expression:
            return []
        }
        return ([own] + self.limitSets.map { $0[keyPath: field] }).compactMap { $0 }
    }

    /// Whether a suppression rule of its alarms names a wildcard of the pattern.
    package var suppressionsNameWildcard: Bool {
        let limits = [self.lowLow, self.low, self.high, self.highHigh]
        return self.silenceHandling.suppressions.contains(where: \.hasWildcard)
            || limits.contains { $0?.handling.suppressions.contains(where: \.hasWildcard) ?? false }
    }

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
