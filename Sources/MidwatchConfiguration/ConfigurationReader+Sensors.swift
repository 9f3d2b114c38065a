// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

extension ConfigurationReader {
    func sensors(_ sections: [ConfigurationSection]) -> [SensorDeclaration] {
        var declarations: [SensorDeclaration] = []
        declarations.reserveCapacity(sections.count)
        var firstLines: [String: Int32] = [:]
        for section in sections {
            let declaration = self.sensor(section)
            self.references.patterns = []
            if !declaration.pattern.isEmpty {
                if let line = firstLines[declaration.pattern] {
                    section.report(
                        .invalid, section.has("path") ? "path" : "template",
                        "\(quoted(declaration.pattern)) is declared in line \(line) already")
                } else {
                    firstLines[declaration.pattern] = section.position.line
                }
            }
            declarations.append(declaration)
        }
        return declarations
    }

    private func sensor(_ section: ConfigurationSection) -> SensorDeclaration {
        let pattern = self.pattern(section)
        self.references.patterns = [pattern]
        let supervision = section.choice(
            "supervision", of: Self.supervisionWords)
        let deadline = section.duration("deadline", in: ConfigurationLimits.deadlineRange)
        var declaration = SensorDeclaration(
            pattern: pattern,
            deadlineNanoseconds: deadline ?? ConfigurationDefaults.deadlineNanoseconds)
        declaration.title = section.text("title") ?? ""
        declaration.unit = section.text("unit") ?? ""
        declaration.supervision = supervision ?? .periodic
        declaration.criticality = section.choice(
            "criticality",
            of: Self.criticalityWords)
        declaration.unknownGraceNanoseconds =
            section.duration("unknownGrace", in: 0...SystemLimits.unknownGraceMaxNanoseconds)
            ?? SystemLimits.unknownGraceMaxNanoseconds
        declaration.trustsSource = section.boolean("trustsSource", default: false)
        declaration.isIndependent = section.boolean("independent", default: false)
        if declaration.trustsSource, declaration.supervision != .exception {
            section.report(
                .invalid, "trustsSource",
                "only used with supervision: exception, where a sign of life of the source counts; "
                    + "remove it or set supervision")
        }
        if let behind = section.text("behind") {
            declaration.behind = behind
            if !self.sourceNames.contains(behind) {
                self.reportUnknown(
                    "source", behind, known: self.sourceNames, remedy: "sources", key: "behind",
                    of: section)
            }
        }
        declaration.rationalization = self.rationalization(section)
        let handling = self.handling(section)
        self.silence(section, &declaration, handling)
        self.limits(section, &declaration, handling)
        declaration.instrumentRange = self.instrumentRange(section)
        section.finish()
        self.warn(section, declaration)
        return declaration
    }

    private func pattern(_ section: ConfigurationSection) -> String {
        let path = section.text("path")
        let template = section.text("template")
        switch (path, template) {
        case (.some, .some):
            section.report(.invalid, "template", "expected path or template, got both")
        case (nil, nil):
            if !section.has("path"), !section.has("template") {
                section.report(
                    .invalid, "path", "missing; give path: a/b/c, or template: a/+/c for many")
            }
        case (let path?, nil):
            if PathTemplate.hasWildcard(path) {
                section.report(
                    .invalid, "path", "holds a wildcard; write template: \(quoted(path))")
            } else if SensorID(path) == nil {
                section.report(
                    .invalid, "path",
                    "expected levels separated by /, none empty, at most "
                        + "\(SystemLimits.sensorPathBytesMax) bytes, got \(quoted(path))")
            }
        case (nil, let template?):
            if !PathTemplate.isWellFormed(template) {
                section.report(
                    .invalid, "template",
                    "expected levels separated by /, + alone in its level, # alone and last, "
                        + "got \(quoted(template))")
            } else if !PathTemplate.hasWildcard(template) {
                section.report(
                    .invalid, "template", "has no wildcard; write path: \(quoted(template))")
            }
        }
        return path ?? template ?? ""
    }

    // MARK: - Words for people

    func rationalization(_ section: ConfigurationSection) -> Rationalization {
        var words = Rationalization()
        words.consequence = section.text("consequence") ?? ""
        words.operatorAction = section.text("operatorAction") ?? ""
        words.firstChecks = section.texts("firstChecks").map(\.text)
        words.causes = section.texts("causes").map(\.text)
        words.verification = section.text("verification") ?? ""
        words.consequenceClass = section.choice("consequenceClass", of: Self.consequenceWords)
        words.runbook = section.text("runbook") ?? ""
        words.owner = section.text("owner") ?? ""
        let range = ConfigurationLimits.nanosecondsPerSecond...(30 * ConfigurationLimits.day)
        if let time = section.duration("timeToRespond", in: range) {
            if time % ConfigurationLimits.nanosecondsPerSecond != 0 {
                section.report(.invalid, "timeToRespond", "expected whole seconds")
            }
            words.timeToRespondSeconds = UInt32(
                clamping: time / ConfigurationLimits.nanosecondsPerSecond)
        }
        return words
    }

    private func warn(_ section: ConfigurationSection, _ declaration: SensorDeclaration) {
        if !section.has("supervision") {
            section.report(
                .incomplete, "supervision",
                "missing, periodic is used; say periodic, exception or event")
        }
        if !section.has("deadline"), declaration.supervision != .event {
            let used = Scalars.show(duration: declaration.deadlineNanoseconds)
            section.report(
                .incomplete, "deadline",
                "missing, \(used) is used; say after which silence the sensor is stale")
        }
    }

    func priority(_ section: ConfigurationSection, _ key: String) -> AlarmPriority? {
        section.choice(key, of: Self.priorityWords)
    }

    static let priorityWords = AlarmPriority.allCases.map { ($0.word, $0) }
    private static let supervisionWords = SupervisionMode.allCases.map { ($0.word, $0) }
    private static let consequenceWords = ConsequenceClass.allCases.map { ($0.word, $0) }
    private static let criticalityWords =
        SensorCriticality.allCases.filter { $0 != .own }.map { ($0.word, $0) }
}
