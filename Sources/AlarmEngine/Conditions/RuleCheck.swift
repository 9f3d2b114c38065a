// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// Something wrong with a rule, for `midwatch check` to show with its place.
package struct RuleIssue: Equatable, Sendable {
    /// Number of the rule in file order.
    package var rule: Int
    /// Key of the rule that it is about.
    package var key: String
    /// Bytes from the beginning of the expression's text; nil if the issue is about the whole key.
    package var offset: Int?
    package var message: String
    /// A name that was not found, and those that exist: the caller proposes the nearest.
    package var unknownName: String?
    package var knownNames: [String]
}

/// Checks what a rule says against the other rules and the sensors.
package struct RuleCheck {
    private let set: RuleSet
    private let declarations: [SensorDeclaration]
    private var issues: [RuleIssue] = []

    package init(_ rules: [RuleDeclaration], sensors: [SensorDeclaration]) {
        self.set = RuleSet(rules)
        self.declarations = sensors
    }

    /// Everything that is wrong with `rules`, in file order.
    package static func issues(
        _ rules: [RuleDeclaration], sensors: [SensorDeclaration]
    ) -> [RuleIssue] {
        var check = Self(rules, sensors: sensors)
        for number in rules.indices { check.rule(number) }
        for circle in check.set.cycles {
            guard let first = circle.first,
                let number = rules.firstIndex(where: { $0.name == first })
            else { continue }
            check.add(
                number, "expression",
                "depends on itself: \(circle.joined(separator: " → ")); take one of them out")
        }
        return check.issues.enumerated().sorted {
            ($0.element.rule, $0.offset) < ($1.element.rule, $1.offset)
        }.map(\.element)
    }

    private mutating func add(
        _ rule: Int, _ key: String, _ message: String, at offset: Int? = nil,
        unknown: String? = nil, known: [String] = []
    ) {
        self.issues.append(
            RuleIssue(
                rule: rule, key: key, offset: offset, message: message, unknownName: unknown,
                knownNames: known))
    }

    private mutating func rule(_ number: Int) {
        let rule = self.set.rules[number]
        let key = rule.declaration.condition.kind.word
        // What sources there may be the listeners say, which stand elsewhere.
        for pattern in rule.declaration.sensors
        where !rule.declaration.isOfSources && !self.isDeclared(pattern) {
            self.add(
                number, "sensors",
                "no sensor is declared that fits \"\(pattern)\"; declare it under sensors",
                unknown: pattern, known: self.declarations.map(\.pattern))
        }
        if case .expression(let text) = rule.declaration.condition {
            do throws(ExpressionError) {
                _ = try ExpressionProgram.compile(text)
            } catch {
                self.add(number, key, error.message, at: error.offset)
            }
        }
        if case .flatLine = rule.declaration.condition { self.flatLine(number, rule) }
        for (place, reference) in rule.references.enumerated() {
            let place = rule.declaration.condition.referenceKey(place)
            self.reference(reference, of: number, rule, place)
        }
    }

    /// A sensor that reports on change is flat by nature.
    private mutating func flatLine(_ number: Int, _ rule: CompiledRule) {
        let unfit = self.declarations.first { declaration in
            declaration.supervision != .periodic
                && rule.declaration.sensors.contains {
                    PathTemplate.overlaps($0, declaration.pattern)
                }
        }
        guard let unfit else { return }
        self.add(
            number, "flatLine",
            "watches \"\(unfit.pattern)\", which has supervision: \(unfit.supervision.word) and "
                + "may rightly stand still; leave it out of sensors, or make it periodic")
    }

    private mutating func reference(
        _ reference: ExpressionOperand, of number: Int, _ rule: CompiledRule, _ key: String
    ) {
        let isExpression = key == AlarmKind.expression.word
        guard
            var issue = self.issue(
                path: reference.path, alarm: reference.alarm, of: rule.declaration.sensors)
        else { return }
        issue.rule = number
        issue.key = key
        issue.offset = isExpression ? reference.offset : nil
        self.issues.append(issue)
    }

    /// What is wrong with a name of a sensor, or with `alarm` one of its alarms, for sensors that
    /// fit `patterns`; nil if nothing is.
    ///
    /// An empty path means these sensors themselves. Rule and key of the issue are the caller's.
    package func issue(path name: String, alarm: String?, of patterns: [String]) -> RuleIssue? {
        var issue = RuleIssue(
            rule: 0, key: "", offset: nil, message: "", unknownName: nil, knownNames: [])
        let wildcards = patterns.map(PathTemplate.wildcardCount).min() ?? 0
        guard let path = Self.opened(name, wildcards: wildcards) else {
            issue.message =
                "\"\(name)\" names a wildcard that sensors does not have; {1} is the first + or #"
            return issue
        }
        guard path.isEmpty || PathTemplate.isWellFormed(path) else {
            issue.message = "\"\(name)\" is no path of a sensor"
            return issue
        }
        if !path.isEmpty, !self.isDeclared(path) {
            issue.message = "unknown sensor \"\(name)\"; declare it under sensors"
            issue.unknownName = name
            issue.knownNames = self.declarations.map(\.pattern)
            return issue
        }
        guard let alarm else { return nil }
        let targets = path.isEmpty ? patterns : [path]
        let names = targets.flatMap { self.alarmNames(of: $0) }
        guard !names.contains(alarm) else { return nil }
        issue.message =
            "unknown alarm \"\(alarm)\" of \"\(targets.joined(separator: ", "))\"; it has "
            + names.joined(separator: ", ")
        issue.unknownName = alarm
        issue.knownNames = names
        return issue
    }

    private func isDeclared(_ pattern: String) -> Bool {
        self.declarations.contains { PathTemplate.overlaps($0.pattern, pattern) }
    }

    /// Names of the alarms that sensors fitting `pattern` have.
    private func alarmNames(of pattern: String) -> [String] {
        var names: [String] = []
        let declaration =
            self.declarations.first { $0.pattern == pattern }
            ?? self.declarations.first { PathTemplate.overlaps($0.pattern, pattern) }
        if let declaration { names = declaration.limitKinds.map(\.word) }
        names += [AlarmKind.stale.word, AlarmKind.unverifiable.word]
        for rule in self.set.rules
        where rule.declaration.sensors.contains(where: { PathTemplate.overlaps($0, pattern) }) {
            names.append(rule.declaration.name)
        }
        return names
    }

    /// `path` with each `{n}` made a `+`; nil if it names a wildcard that is not there.
    private static func opened(_ path: String, wildcards: Int) -> String? {
        let pluses = Array(repeating: "+", count: wildcards)
        return PathTemplate.filled(path, with: pluses)
    }
}

extension SensorDeclaration {
    /// Kinds of limits that the sensor has in any mode.
    var limitKinds: [AlarmKind] {
        var kinds: [AlarmKind] = []
        let sets = self.limitSets
        if self.highHigh != nil || sets.contains(where: { $0.highHigh != nil }) {
            kinds.append(.highHigh)
        }
        if self.high != nil || sets.contains(where: { $0.high != nil }) { kinds.append(.high) }
        if self.low != nil || sets.contains(where: { $0.low != nil }) { kinds.append(.low) }
        if self.lowLow != nil || sets.contains(where: { $0.lowLow != nil }) {
            kinds.append(.lowLow)
        }
        return kinds
    }
}

extension RuleCondition {
    /// The key, in the rule, of what its reference number `place` names.
    fileprivate func referenceKey(_ place: Int) -> String {
        switch self {
        case .vote, .discrepancy: "\(self.kind.word).members[\(place)]"
        case .deviation, .drift: "\(self.kind.word).reference"
        case .sequence(_, _, _, _?): "\(self.kind.word).sensor"
        case .rateOfChange, .flatLine, .offNormal, .badQuality, .clockSkew, .clockDrift,
            .sequence, .window, .expression:
            self.kind.word
        }
    }
}
