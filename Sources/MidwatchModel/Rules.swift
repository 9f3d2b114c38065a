// SPDX-License-Identifier: Apache-2.0

/// A side of a setpoint: what is beyond it, and how far back ends it.
package struct RuleLimit: Equatable, Sendable {
    package var setpoint: Double
    /// Distance back from the setpoint before the condition ends; 0 or more.
    package var deadband: Double
    /// Beyond means above; else below.
    package var isHigh: Bool

    package init(setpoint: Double, deadband: Double = 0, isHigh: Bool = true) {
        self.setpoint = setpoint
        self.deadband = deadband
        self.isHigh = isHigh
    }
}

/// What is measured over a window of readings.
package enum WindowMeasure: String, Equatable, Sendable, CaseIterable {
    case count, mean, min, max
}

/// What a rule looks for.
///
/// Paths may hold `{1}` … for the wildcards of the sensor pattern that the rule's sensor fits.
package enum RuleCondition: Equatable, Sendable {
    /// Change per second over a window; nil: that direction is not looked at.
    case rateOfChange(rise: Double?, fall: Double?, deadband: Double, windowNanoseconds: UInt64)
    /// No change beyond `epsilon` for a time.
    case flatLine(epsilon: Double, durationNanoseconds: UInt64)
    /// Distance from another sensor, or from a setpoint if `reference` is nil.
    case deviation(
        reference: String?, setpoint: Double, above: Double?, below: Double?, deadband: Double)
    /// At least `required` of the members beyond a limit.
    case vote(members: [String], required: Int, limit: RuleLimit)
    /// Members that do not agree.
    case discrepancy(members: [String], tolerance: Double, deadband: Double)
    /// A state that is not normal; bit n of the mask is state n.
    case offNormal(normalStates: UInt64)
    case badQuality(includesUncertain: Bool)
    case clockSkew(maxNanoseconds: UInt64, deadbandNanoseconds: UInt64)
    case clockDrift(partsPerMillion: Double, deadband: Double, windowNanoseconds: UInt64)
    /// Gaps and duplicates of a number that counts up; modulus 0: it does not wrap.
    ///
    /// The number is the value of the rule's own sensor; of a rule about sources, of `sensor`.
    case sequence(
        faults: UInt64, windowNanoseconds: UInt64, modulus: UInt64, sensor: String? = nil)
    case window(measure: WindowMeasure, limit: RuleLimit, windowNanoseconds: UInt64)
    /// Slow drift from the long average, or from another sensor.
    case drift(limit: Double, deadband: Double, averageNanoseconds: UInt64, reference: String?)
    case expression(String)

    /// The kind of the alarms that it makes; its word is the key in the configuration.
    package var kind: AlarmKind {
        switch self {
        case .rateOfChange: .rateOfChange
        case .flatLine: .flatLine
        case .deviation: .deviation
        case .vote: .vote
        case .discrepancy: .discrepancy
        case .offNormal: .offNormal
        case .badQuality: .badQuality
        case .clockSkew: .clockSkew
        case .clockDrift: .clockDrift
        case .sequence: .sequence
        case .window: .window
        case .drift: .drift
        case .expression: .expression
        }
    }

    /// Unit of what it measures, of a sensor with the unit `unit`; empty for a mere number.
    ///
    /// nil: it measures nothing that has a worst.
    package func measureUnit(of unit: String) -> String? {
        switch self {
        case .rateOfChange: unit.isEmpty ? "1/s" : "\(unit)/s"
        case .deviation, .discrepancy, .drift: unit
        case .window(let measure, _, _): measure == .count ? "" : unit
        case .clockSkew: "s"
        case .clockDrift: "ppm"
        case .sequence: ""
        case .flatLine, .vote, .offNormal, .badQuality, .expression: nil
        }
    }

    /// Whether it compares the sender's clock with ours.
    package var isOfClock: Bool {
        switch self {
        case .clockSkew, .clockDrift: true
        case .rateOfChange, .flatLine, .deviation, .vote, .discrepancy, .offNormal, .badQuality,
            .sequence, .window, .drift, .expression:
            false
        }
    }
}

/// One rule: a condition, the sensors that it watches, and the alarm that it makes for each.
///
/// The alarm of a sensor is `path:name`; the name is unique among the rules and is not the word of
/// an `AlarmKind`, so that this id never means two alarms.
package struct RuleDeclaration: Equatable, Sendable {
    package var name: String
    /// Paths and templates; the first that fits a sensor names its wildcards.
    package var sensors: [String]
    package var condition: RuleCondition
    /// It watches sources, not sensors: `sensors` are paths of what stands for them.
    package var isOfSources = false
    package var onDelayNanoseconds: UInt64 = 0
    package var offDelayNanoseconds: UInt64 = 0
    package var priority = AlarmPriority.medium
    /// Evaluated and shown by `midwatch why`, but never alarmed: a new rule on trial.
    package var isPassive = false
    package var handling = AlarmHandling()
    package var rationalization = Rationalization()

    package init(name: String, sensors: [String], condition: RuleCondition) {
        self.name = name
        self.sensors = sensors
        self.condition = condition
    }

    /// A rule about the sources of these names and templates.
    package init(name: String, sources: [String], condition: RuleCondition) {
        self.init(
            name: name, sensors: sources.map { SourceDeclaration.pathPrefix + $0 },
            condition: condition)
        self.isOfSources = true
    }

    /// Names and templates of the sources that it watches; none for a rule about sensors.
    package var sources: [String] {
        guard self.isOfSources else { return [] }
        return self.sensors.map { String($0.dropFirst(SourceDeclaration.pathPrefix.utf8.count)) }
    }
}

/// The four limits that hold while an area is in a mode.
package struct LimitSet: Equatable, Sendable {
    /// Name of the mode.
    package var mode: String
    package var lowLow: LimitSetting?
    package var low: LimitSetting?
    package var high: LimitSetting?
    package var highHigh: LimitSetting?

    package init(mode: String) { self.mode = mode }
}

/// An area whose sensors change their limits with its mode.
package struct AreaDeclaration: Equatable, Sendable {
    package var name: String
    /// Paths and templates of the sensors that belong to it.
    package var sensors: [String]
    /// Names of its modes; the first holds until another is known.
    package var modes: [String]
    /// Sensor whose value, 0 ..< count, is the mode.
    ///
    /// nil: an operator says it; also while the sensor is silent.
    package var sensor: String?

    package init(name: String, sensors: [String], modes: [String]) {
        self.name = name
        self.sensors = sensors
        self.modes = modes
    }
}

/// How bad it is if nobody answers an alarm.
package enum ConsequenceClass: UInt8, Equatable, Sendable, CaseIterable, BitwiseCopyable {
    case minor = 0
    case major = 1
    case severe = 2

    /// Lower-case word used in configuration.
    package var word: String {
        switch self {
        case .minor: "minor"
        case .major: "major"
        case .severe: "severe"
        }
    }
}

extension PathTemplate {
    /// What the wildcards of `pattern` stand for in `path`, in order; nil if it does not fit.
    package static func captures(_ pattern: String, _ path: String) -> [String]? {
        let wanted = pattern.split(separator: "/", omittingEmptySubsequences: false)
        let levels = path.split(separator: "/", omittingEmptySubsequences: false)
        var found: [String] = []
        for (index, level) in wanted.enumerated() {
            if level == "#" {
                found.append(levels.dropFirst(index).joined(separator: "/"))
                return found
            }
            guard index < levels.count else { return nil }
            if level == "+" {
                found.append(String(levels[index]))
            } else if level != levels[index] {
                return nil
            }
        }
        return wanted.count == levels.count ? found : nil
    }

    /// `text` with `{1}` … replaced by what the wildcards stand for; nil if it names one too many.
    package static func filled(_ text: String, with captures: [String]) -> String? {
        guard text.contains("{") else { return text }
        var result = ""
        var rest = text[...]
        while let open = rest.firstIndex(of: "{") {
            guard let close = rest[open...].firstIndex(of: "}"),
                let number = Int(rest[rest.index(after: open)..<close]), number >= 1,
                number <= captures.count
            else { return nil }
            result += rest[..<open]
            result += captures[number - 1]
            rest = rest[rest.index(after: close)...]
        }
        return result + rest
    }

    /// Wildcards of a pattern.
    package static func wildcardCount(_ pattern: String) -> Int {
        pattern.split(separator: "/").filter { $0 == "+" || $0 == "#" }.count
    }

    /// Whether some path fits both patterns.
    package static func overlaps(_ left: String, _ right: String) -> Bool {
        let first = left.split(separator: "/", omittingEmptySubsequences: false)
        let second = right.split(separator: "/", omittingEmptySubsequences: false)
        for index in 0..<max(first.count, second.count) {
            // As in `matches`: a trailing # also stands for nothing.
            if index < first.count, first[index] == "#" { return true }
            if index < second.count, second[index] == "#" { return true }
            guard index < first.count, index < second.count else { return false }
            let (a, b) = (first[index], second[index])
            if a != "+", b != "+", a != b { return false }
        }
        return true
    }
}
