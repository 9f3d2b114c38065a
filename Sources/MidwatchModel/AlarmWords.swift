// SPDX-License-Identifier: Apache-2.0

/// How urgent an alarm is, set by people (ISA-18.2).
///
/// Higher raw value is more urgent.
@frozen @usableFromInline
package enum AlarmPriority: UInt8, Sendable, BitwiseCopyable, CaseIterable, Comparable {
    case low = 0
    case medium = 1
    case high = 2
    case critical = 3

    /// Lower-case word used in configuration, JSON, SQL and on screens.
    package var word: String {
        switch self {
        case .low: "low"
        case .medium: "medium"
        case .high: "high"
        case .critical: "critical"
        }
    }

    /// The priority with this word, or nil.
    package init?(word: String) {
        guard let match = Self.allCases.first(where: { $0.word == word }) else { return nil }
        self = match
    }

    @inlinable
    package static func < (lhs: Self, rhs: Self) -> Bool { lhs.rawValue < rhs.rawValue }
}

/// Lifecycle of an alarm (ISA-18.2 states A to F).
///
/// Suppression is an overlay, `AlarmSuppression`.
@frozen @usableFromInline
package enum AlarmState: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    case normal = 0
    case unacknowledged = 1
    case acknowledged = 2
    case returnedUnacknowledged = 3
    case latchedUnacknowledged = 4
    case latchedAcknowledged = 5

    /// Word used in JSON, SQL and on screens.
    package var word: String {
        switch self {
        case .normal: "normal"
        case .unacknowledged: "unacknowledged"
        case .acknowledged: "acknowledged"
        case .returnedUnacknowledged: "returnedUnacknowledged"
        case .latchedUnacknowledged: "latchedUnacknowledged"
        case .latchedAcknowledged: "latchedAcknowledged"
        }
    }

    /// The state with this word, or nil.
    package init?(word: String) {
        guard let match = Self.allCases.first(where: { $0.word == word }) else { return nil }
        self = match
    }
}

/// Why an alarm is not annunciated although its state machine runs on (ISA-18.2 states G to I).
@frozen @usableFromInline
package struct AlarmSuppression: OptionSet, Sendable, BitwiseCopyable {
    @usableFromInline package let rawValue: UInt8

    @inlinable
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    @inlinable package static var shelved: Self { Self(rawValue: 1 << 0) }
    @inlinable package static var suppressedByDesign: Self { Self(rawValue: 1 << 1) }
    @inlinable package static var outOfService: Self { Self(rawValue: 1 << 2) }
}

/// Outcome of one comparison (NASA cFS Limit Checker).
///
/// `stale` and `error` are "unknown" in prose.
@frozen @usableFromInline
package enum ConditionResult: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    case notMet = 0
    case met = 1
    case stale = 2
    case error = 3

    /// Word used in JSON and on screens.
    package var word: String {
        switch self {
        case .notMet: "notMet"
        case .met: "met"
        case .stale: "stale"
        case .error: "error"
        }
    }
}

/// What is given up last when the ring fills: the admission class of a sensor.
@frozen @usableFromInline
package enum SensorCriticality: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    case low = 0
    case normal = 1
    case critical = 2
    /// Midwatch's own records: ticks, commands, registrations.
    case own = 3

    /// Lower-case word used in configuration, metrics and on screens.
    package var word: String {
        switch self {
        case .low: "low"
        case .normal: "normal"
        case .critical: "critical"
        case .own: "own"
        }
    }
}

/// How silence of a sensor is judged.
@frozen @usableFromInline
package enum SupervisionMode: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    /// A deadline on readings.
    case periodic = 0
    /// A deadline on evidence for the sensor: readings count, so does its source if trusted.
    case exception = 1
    /// Not stale by itself; its source must be supervised.
    case event = 2

    /// Lower-case word used in configuration, JSON and on screens.
    package var word: String {
        switch self {
        case .periodic: "periodic"
        case .exception: "exception"
        case .event: "event"
        }
    }
}

/// What an alarm of a sensor is about.
///
/// The raw value is part of alarm ids and never changes.
@frozen @usableFromInline
package enum AlarmKind: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    case lowLow = 0
    case low = 1
    case high = 2
    case highHigh = 3
    case stale = 4
    /// The value cannot be verified (not a number, bad quality) for longer than `unknownGrace`.
    case unverifiable = 5
    // Kinds of rules (`RuleCondition`); their alarms are named by the rule.
    case rateOfChange = 16
    case flatLine = 17
    case deviation = 18
    case vote = 19
    case discrepancy = 20
    case offNormal = 21
    case badQuality = 22
    case clockSkew = 23
    case clockDrift = 24
    case sequence = 25
    case window = 26
    case drift = 27
    case expression = 28

    /// Word used in alarm ids, JSON, SQL and on screens.
    package var word: String {
        switch self {
        case .lowLow: "lowLow"
        case .low: "low"
        case .high: "high"
        case .highHigh: "highHigh"
        case .stale: "stale"
        case .unverifiable: "unverifiable"
        case .rateOfChange: "rateOfChange"
        case .flatLine: "flatLine"
        case .deviation: "deviation"
        case .vote: "vote"
        case .discrepancy: "discrepancy"
        case .offNormal: "offNormal"
        case .badQuality: "badQuality"
        case .clockSkew: "clockSkew"
        case .clockDrift: "clockDrift"
        case .sequence: "sequence"
        case .window: "window"
        case .drift: "drift"
        case .expression: "expression"
        }
    }

    /// The kind with this word, or nil.
    package init?(word: String) {
        guard let match = Self.allCases.first(where: { $0.word == word }) else { return nil }
        self = match
    }
}
