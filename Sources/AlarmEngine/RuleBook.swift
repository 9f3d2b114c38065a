// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// Everything the configuration says about sensors, as the engine and its payloads need it.
///
/// Immutable: a new configuration makes a new book. Binding a path to its declaration is a pure
/// function of the book, so replay with the same revision binds alike.
package final class RuleBook: Sendable {
    /// SHA-256 of the configuration text, lower-case hex.
    package let revision: String
    /// The declarations in file order; exact paths win over templates, earlier templates over later.
    package let declarations: [SensorDeclaration]
    /// What a source time is judged by, here and in the archive.
    package let sourceTimes: SourceTimeBounds
    private let exact: [String: Int]
    private let templates: [Int]
    private let fallback: SensorDeclaration

    /// A book of `declarations`.
    ///
    /// - Parameters:
    ///   - revision: SHA-256 of the configuration text, lower-case hex.
    ///   - declarations: In file order.
    ///   - undeclaredDeadlineNanoseconds: Deadline of sensors that nothing declares.
    ///   - sourceTimes: What a source time is judged by.
    package init(
        revision: String, declarations: [SensorDeclaration],
        undeclaredDeadlineNanoseconds: UInt64 = 60_000_000_000,
        sourceTimes: SourceTimeBounds = SourceTimeBounds()
    ) {
        self.revision = revision
        self.sourceTimes = sourceTimes
        self.declarations = declarations
        var exact: [String: Int] = [:]
        var templates: [Int] = []
        for (index, declaration) in declarations.enumerated() {
            if declaration.isTemplate {
                templates.append(index)
            } else if exact[declaration.pattern] == nil {
                exact[declaration.pattern] = index
            }
        }
        self.exact = exact
        self.templates = templates
        var fallback = SensorDeclaration(
            pattern: "#", deadlineNanoseconds: undeclaredDeadlineNanoseconds)
        fallback.stalePriority = .low
        fallback.criticality = .low
        self.fallback = fallback
    }

    /// Number of the declaration for `path`; nil if nothing declares it.
    package func declarationIndex(for path: String) -> Int? {
        if let index = self.exact[path] { return index }
        return self.templates.first { PathTemplate.matches(self.declarations[$0].pattern, path) }
    }

    /// The declaration for `path`, or the one for undeclared sensors.
    package func declaration(for path: String) -> SensorDeclaration {
        self.declarationIndex(for: path).map { self.declarations[$0] } ?? self.fallback
    }

    /// The paths declared without wildcards, in file order: sensors that exist from the start.
    package var declaredPaths: [String] {
        self.declarations.lazy.filter { !$0.isTemplate }.map(\.pattern)
    }
}

/// One alarm as the engine compares it: flat, made from a declaration when a sensor is bound.
struct AlarmRule: BitwiseCopyable, Equatable {
    var setpoint: Double
    var deadband: Double
    var onDelayNanoseconds: UInt64
    var offDelayNanoseconds: UInt64
    var kind: AlarmKind
    var priority: AlarmPriority
    var isLatching: Bool

    /// The alarms of a sensor, most urgent limit first, `stale` and `unverifiable` last.
    static func rules(for declaration: SensorDeclaration) -> [AlarmRule] {
        var rules: [AlarmRule] = []
        let limits: [(AlarmKind, LimitSetting?)] = [
            (.highHigh, declaration.highHigh), (.high, declaration.high),
            (.low, declaration.low), (.lowLow, declaration.lowLow),
        ]
        for case (let kind, let limit?) in limits {
            rules.append(
                AlarmRule(
                    setpoint: limit.setpoint, deadband: limit.deadband,
                    onDelayNanoseconds: limit.onDelayNanoseconds,
                    offDelayNanoseconds: limit.offDelayNanoseconds, kind: kind,
                    priority: limit.priority, isLatching: false))
        }
        let blinded = rules.map(\.priority).max() ?? declaration.stalePriority
        rules.append(
            AlarmRule(
                setpoint: 0, deadband: 0, onDelayNanoseconds: 0, offDelayNanoseconds: 0,
                kind: .stale, priority: declaration.stalePriority, isLatching: false))
        rules.append(
            AlarmRule(
                setpoint: 0, deadband: 0,
                onDelayNanoseconds: min(
                    declaration.unknownGraceNanoseconds, SystemLimits.unknownGraceMaxNanoseconds),
                offDelayNanoseconds: 0, kind: .unverifiable, priority: blinded, isLatching: false))
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
        case .stale, .unverifiable: false
        }
    }
}
