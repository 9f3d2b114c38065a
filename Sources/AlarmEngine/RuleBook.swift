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
    /// The rules over sensors and conditions, compiled.
    package let ruleSet: RuleSet
    /// Areas whose mode chooses among limit sets.
    package let areas: [AreaDeclaration]
    /// The plant: it changes what people are told, never what is decided.
    package let assets: AssetTree
    /// What readings come through, and what that is behind.
    package let sourceTree: SourceTree
    /// Sources that declarations put sensors behind.
    let sourcesNamed: Set<String>
    /// Whether anything of it is in a table of conditions: else no sensor needs to be looked up.
    let hasConditions: Bool
    private let areaSensors: Set<String>
    /// The paths declared without wildcards, in file order: sensors that exist from the start.
    package let declaredPaths: [String]
    /// Path under which a sensor stands for a source: the rest of the path is the source's name.
    ///
    /// Its stale alarm says that the source is lost, with the priority of the most urgent alarm
    /// behind it; a source without such a sensor suppresses nothing.
    package static let sourcePathPrefix = SourceDeclaration.pathPrefix
    private let exact: [String: Int]
    private let templates: TemplateTree
    private let fallback: SensorDeclaration
    private let source: SensorDeclaration

    /// A book of `declarations`.
    ///
    /// - Parameters:
    ///   - revision: SHA-256 of the configuration text, lower-case hex.
    ///   - declarations: In file order.
    ///   - undeclaredDeadlineNanoseconds: Deadline of sensors that nothing declares.
    ///   - sourceTimes: What a source time is judged by.
    ///   - rules: Rules over sensors and conditions, in file order.
    ///   - areas: Areas whose mode chooses among limit sets.
    ///   - assets: The plant.
    ///   - sources: What readings come through.
    package init(
        revision: String, declarations: [SensorDeclaration],
        undeclaredDeadlineNanoseconds: UInt64 = 60_000_000_000,
        sourceTimes: SourceTimeBounds = SourceTimeBounds(), rules: [RuleDeclaration] = [],
        areas: [AreaDeclaration] = [], assets: AssetTree = AssetTree(),
        sources: SourceTree = SourceTree()
    ) {
        self.sourceTree = sources
        self.sourcesNamed = Set(declarations.lazy.map(\.behind).filter { !$0.isEmpty })
        self.ruleSet = RuleSet(rules)
        self.hasConditions =
            !rules.isEmpty || areas.contains { $0.sensor != nil }
            || declarations.contains { $0.areLimitsExclusive || $0.instrumentRange != nil }
        self.areas = areas
        self.assets = assets
        self.areaSensors = Set(areas.compactMap(\.sensor))
        self.revision = revision
        self.sourceTimes = sourceTimes
        self.declarations = declarations
        var exact: [String: Int] = [:]
        var templates = TemplateTree()
        var declaredPaths: [String] = []
        for (index, declaration) in declarations.enumerated() {
            if declaration.isTemplate {
                templates.insert(declaration.pattern, number: index)
                continue
            }
            declaredPaths.append(declaration.pattern)
            if exact[declaration.pattern] == nil { exact[declaration.pattern] = index }
        }
        self.declaredPaths = declaredPaths
        self.exact = exact
        self.templates = templates
        var fallback = SensorDeclaration(
            pattern: "#", deadlineNanoseconds: undeclaredDeadlineNanoseconds)
        fallback.stalePriority = .low
        fallback.criticality = .low
        self.fallback = fallback
        var source = SensorDeclaration(
            pattern: "#", deadlineNanoseconds: undeclaredDeadlineNanoseconds)
        // Its readings are the engine's own judgement.
        source.supervision = .event
        source.isIndependent = true
        source.criticality = .own
        self.source = source
    }

    /// Whether the value of the sensor at `path` is the mode of an area.
    func isAreaSensor(_ path: String) -> Bool { self.areaSensors.contains(path) }

    /// Whether `path` is declared by itself, not by a template.
    func isDeclared(_ path: String) -> Bool { self.exact[path] != nil }

    /// Whether a sensor stands for the source `name`: it is declared, or a rule about sources fits it.
    package func isJudged(source name: String) -> Bool {
        let path = Self.sourcePathPrefix + name
        return self.isDeclared(path) || self.ruleSet.watchesSource(at: path)
    }

    /// Name of an alarm in its id: of its rule, else the word of its kind.
    ///
    /// `rule` is the number that `LiveAlarm` gives.
    package func alarmName(_ kind: AlarmKind, rule: UInt32) -> String {
        self.rule(ofAlarm: rule)?.name ?? kind.word
    }

    /// The rule that makes an alarm, by the number that `LiveAlarm` gives; nil if its kind does.
    package func rule(ofAlarm number: UInt32) -> RuleDeclaration? {
        guard number > 0, Int(number) <= self.ruleSet.rules.count else { return nil }
        return self.ruleSet.rules[Int(number) - 1].declaration
    }

    /// The words for people about the alarm `name` of a sensor: those of its rule, and where that
    /// is silent, those of the sensor.
    package func rationalization(of name: String, _ declaration: SensorDeclaration)
        -> Rationalization
    {
        let rule = self.ruleSet.rules.first { $0.declaration.name == name }?.declaration
        let words = rule?.rationalization ?? declaration.words(ofAlarm: name)
        return words?.completed(by: declaration.rationalization) ?? declaration.rationalization
    }

    /// The handling class of the alarm `name` of a sensor; empty if the site gave it none.
    package func handlingClass(of name: String, _ declaration: SensorDeclaration) -> String {
        if let rule = self.ruleSet.rules.first(where: { $0.declaration.name == name }) {
            return rule.declaration.handling.className
        }
        return declaration.handling(ofAlarm: name)?.className ?? ""
    }

    /// Number of the declaration for `path`; nil if nothing declares it.
    package func declarationIndex(for path: String) -> Int? {
        if let index = self.exact[path] { return index }
        // A source that appeared by itself is none of the sensors that a template means.
        guard !path.hasPrefix(Self.sourcePathPrefix) else { return nil }
        return self.templates.numbers(for: path).first
    }

    /// The declaration for `path`, or the one for undeclared sensors or for sources.
    package func declaration(for path: String) -> SensorDeclaration {
        self.numberedDeclaration(for: path).declaration
    }

    /// The declaration for `path` and a number that no other declaration has.
    package func numberedDeclaration(
        for path: String
    ) -> (declaration: SensorDeclaration, number: Int) {
        let number = self.number(for: path)
        guard number >= 0 else { return (number == -2 ? self.source : self.fallback, number) }
        var declaration = self.declarations[number]
        if path.hasPrefix(Self.sourcePathPrefix) {
            // However it is declared: nobody sends its readings.
            declaration.supervision = .event
            declaration.isIndependent = true
            // It returns when it is heard, and what is behind it is judged from then on.
            declaration.silenceOffDelayNanoseconds = 0
        }
        return (declaration, number)
    }

    /// The number of the declaration for `path`: below 0 if nothing declares it.
    func number(for path: String) -> Int {
        self.declarationIndex(for: path) ?? (path.hasPrefix(Self.sourcePathPrefix) ? -2 : -1)
    }
}
