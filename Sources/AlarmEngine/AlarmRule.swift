// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

/// One alarm as the engine compares it: flat, made from a declaration when a sensor is bound.
///
/// Sensors whose alarms are alike share their rules: see `RuleTable`.
struct AlarmRule: BitwiseCopyable, Hashable {
    var setpoint: Double = 0
    var deadband: Double = 0
    var onDelayNanoseconds: UInt64 = 0
    var offDelayNanoseconds: UInt64 = 0
    var reAlarmNanoseconds: UInt64 = 0
    var shelvingMaxNanoseconds: UInt64 = 0
    /// Its list in `RuleTable.suppressions`; 0 for none.
    var suppressions: UInt32 = 0
    var kind: AlarmKind
    var priority: AlarmPriority
    var isLatching = false
    var isAutoAcknowledged = false
    /// Number of its name in the engine; 0: named by its kind.
    var name: UInt32 = 0

    /// Whether both are rules of one alarm.
    func isSameAlarm(as other: AlarmRule) -> Bool {
        self.kind == other.kind && self.name == other.name
    }

    init(_ kind: AlarmKind, _ priority: AlarmPriority, _ handling: AlarmHandling) {
        self.kind = kind
        self.priority = priority
        self.isLatching = handling.isLatching
        self.isAutoAcknowledged = handling.isAutoAcknowledged
        self.reAlarmNanoseconds = handling.reAlarmNanoseconds
        self.shelvingMaxNanoseconds = handling.shelvingMaxNanoseconds
    }

    var machineClass: AlarmMachine.Class {
        AlarmMachine.Class(
            isLatching: self.isLatching, isAutoAcknowledged: self.isAutoAcknowledged)
    }

    /// The alarms of a sensor, most urgent limit first, `stale` and `unverifiable` last.
    static func rules(
        for declaration: SensorDeclaration
    ) -> [(rule: AlarmRule, suppressions: [SuppressionRule])] {
        var rules: [(rule: AlarmRule, suppressions: [SuppressionRule])] = []
        let limits: [(AlarmKind, LimitSetting?)] = [
            (.highHigh, declaration.highHigh), (.high, declaration.high),
            (.low, declaration.low), (.lowLow, declaration.lowLow),
        ]
        for case (let kind, let limit?) in limits {
            var rule = AlarmRule(kind, limit.priority, limit.handling)
            rule.setpoint = limit.setpoint
            rule.deadband = limit.deadband
            rule.onDelayNanoseconds = limit.onDelayNanoseconds
            rule.offDelayNanoseconds = limit.offDelayNanoseconds
            rules.append((rule, limit.handling.suppressions))
        }
        let blinded = rules.map { $0.rule.priority }.max() ?? declaration.stalePriority
        let handling = declaration.silenceHandling
        var stale = AlarmRule(.stale, declaration.stalePriority, handling)
        stale.offDelayNanoseconds = declaration.silenceOffDelayNanoseconds
        rules.append((stale, handling.suppressions))
        var unverifiable = AlarmRule(.unverifiable, blinded, handling)
        unverifiable.onDelayNanoseconds = min(
            declaration.unknownGraceNanoseconds, SystemLimits.unknownGraceMaxNanoseconds)
        unverifiable.offDelayNanoseconds = declaration.silenceOffDelayNanoseconds
        rules.append((unverifiable, handling.suppressions))
        return rules
    }

    /// Compares a finite `value`; `isActive` says whether the condition holds now (deadband).
    @inline(__always)
    func isMet(_ value: Double, isActive: Bool) -> Bool {
        switch self.kind {
        case .high, .highHigh:
            isActive ? value >= self.setpoint - self.deadband : value >= self.setpoint
        case .low, .lowLow:
            isActive ? value <= self.setpoint + self.deadband : value <= self.setpoint
        case .stale, .unverifiable, .rateOfChange, .flatLine, .deviation, .vote, .discrepancy,
            .offNormal, .badQuality, .clockSkew, .clockDrift, .sequence, .window, .drift,
            .expression:
            false
        }
    }
}

/// The rules of all sensors, each run of them once: sensors of one template share it.
///
/// Not part of a checkpoint: it is made again of the rule book.
struct RuleTable: ~Copyable, Sendable {
    /// Run of rules: where it begins and how many.
    struct Run: BitwiseCopyable {
        var first: UInt32
        var count: UInt16
    }

    private let inPlace = InPlace()
    var rules: FlatTable<AlarmRule>
    /// Lists of suppression rules; the first is empty.
    private(set) var suppressions: [[SuppressionRule]] = [[]]
    private var runs: [[AlarmRule]: Run] = [:]
    /// What decides which rules a sensor has.
    private struct Key: Hashable {
        var number: Int
        var mode: String
        var rules: [UInt32]
        /// Path of a sensor whose suppression rules no other sensor has; else empty.
        var path: String
    }

    private var byDeclaration: [Key: Run] = [:]
    /// By number of a declaration the run of each sensor that it alone decides the rules of: a
    /// restart asks for every sensor.
    var plainRuns: [Int: Run] = [:]
    private var listNumbers: [[SuppressionRule]: UInt32] = [[]: 0]

    init() { self.rules = FlatTable(reserving: 64) }

    /// The run of the rules of a declaration; `number` is its place in the book, -1 for the fallback.
    ///
    /// `mode` says which limits the declaration has, `rules` which rules `extra` was made of, and
    /// `filling` whose wildcards suppression rules name.
    mutating func run(
        of declaration: SensorDeclaration, number: Int, mode: String = "", rules: [UInt32] = [],
        filling path: String = "",
        extra: () -> [(rule: AlarmRule, suppressions: [SuppressionRule])] = { [] }
    ) -> Run {
        let key = Key(number: number, mode: mode, rules: rules, path: path)
        if let known = self.byDeclaration[key] { return known }
        var list: [AlarmRule] = []
        let captures = path.isEmpty ? [] : PathTemplate.captures(declaration.pattern, path) ?? []
        for (rule, suppressions) in AlarmRule.rules(for: declaration) {
            list.append(self.complete(rule, suppressions.map { $0.filled(with: captures) }))
        }
        for (rule, suppressions) in extra() { list.append(self.complete(rule, suppressions)) }
        let known = self.runs[list]
        let run: Run
        if let known { run = known } else { run = self.append(list) }
        self.byDeclaration[key] = run
        return run
    }

    /// Whether `run` has an answer without being told the rules.
    func knows(number: Int, mode: String, rules: [UInt32], filling path: String) -> Bool {
        self.byDeclaration[Key(number: number, mode: mode, rules: rules, path: path)] != nil
    }

    /// Declarations have other numbers from here on; the rules stay for those that have them.
    mutating func beginRevision() {
        self.byDeclaration = [:]
        self.plainRuns = [:]
    }

    /// Whether a run has a rule of the alarm that `rule` is of.
    func holds(_ rule: AlarmRule, in run: Run) -> Bool {
        (0..<Int(run.count)).contains {
            self.rules[Int(run.first) + $0].isSameAlarm(as: rule)
        }
    }

    private mutating func complete(
        _ rule: AlarmRule, _ suppressions: [SuppressionRule]
    ) -> AlarmRule {
        var rule = rule
        rule.suppressions = self.number(
            of: Array(suppressions.prefix(SystemLimits.suppressionsPerAlarmMax)))
        return rule
    }

    private mutating func number(of list: [SuppressionRule]) -> UInt32 {
        if let known = self.listNumbers[list] { return known }
        let number = UInt32(self.suppressions.count)
        self.suppressions.append(list)
        self.listNumbers[list] = number
        return number
    }

    private mutating func append(_ list: [AlarmRule]) -> Run {
        let run = Run(first: UInt32(self.rules.count), count: UInt16(list.count))
        for rule in list { self.rules.append(rule) }
        self.runs[list] = run
        return run
    }
}
