// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

extension ConfigurationReader {
    func sensors(_ sections: [ConfigurationSection]) -> [SensorDeclaration] {
        var declarations: [SensorDeclaration] = []
        declarations.reserveCapacity(sections.count)
        var firstLines: [String: Int32] = [:]
        for section in sections {
            let declaration = self.sensor(section)
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
        declaration.stalePriority = self.priority(section, "stalePriority") ?? .medium
        declaration.unknownGraceNanoseconds =
            section.duration("unknownGrace", in: 0...SystemLimits.unknownGraceMaxNanoseconds)
            ?? SystemLimits.unknownGraceMaxNanoseconds
        declaration.rationalization = self.rationalization(section)
        self.limits(section, &declaration)
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

    // MARK: - Limits

    private func limits(_ parent: ConfigurationSection, _ declaration: inout SensorDeclaration) {
        let fallback = declaration.rationalization.priority ?? .medium
        let section = parent.section("limits")
        declaration.areLimitsExclusive = section.boolean("exclusive", default: false)
        let limits = self.limitSet(section, mode: "", fallback)
        declaration.lowLow = limits.lowLow
        declaration.low = limits.low
        declaration.high = limits.high
        declaration.highHigh = limits.highHigh
        var modes: [String] = []
        for section in parent.sections("limitSets", max: ConfigurationLimits.modeCountMax) {
            let mode = section.text("mode") ?? ""
            if mode.isEmpty, !section.has("mode") {
                section.report(
                    .invalid, "mode", "missing; name the mode in which these limits hold")
            } else if modes.contains(mode) {
                section.report(.invalid, "mode", "has limits for \(quoted(mode)) already")
            }
            modes.append(mode)
            declaration.limitSets.append(self.limitSet(section, mode: mode, fallback))
        }
    }

    private func limitSet(
        _ section: ConfigurationSection, mode: String, _ fallback: AlarmPriority
    ) -> LimitSet {
        var limits = LimitSet(mode: mode)
        limits.lowLow = self.limit(section, "lowLow", fallback)
        limits.low = self.limit(section, "low", fallback)
        limits.high = self.limit(section, "high", fallback)
        limits.highHigh = self.limit(section, "highHigh", fallback)
        section.finish()
        var below: (name: String, limit: LimitSetting)?
        for (name, limit) in [
            ("lowLow", limits.lowLow), ("low", limits.low), ("high", limits.high),
            ("highHigh", limits.highHigh),
        ] {
            guard let limit else { continue }
            if let below, below.limit.setpoint >= limit.setpoint {
                section.report(
                    .invalid, name,
                    "setpoint \(limit.setpoint) must be above \(below.name) "
                        + "(\(below.limit.setpoint))")
            }
            below = (name, limit)
        }
        self.warnAboutBand(section, limits)
        return limits
    }

    private func instrumentRange(_ parent: ConfigurationSection) -> ClosedRange<Double>? {
        guard parent.has("instrumentRange") else {
            _ = parent.take("instrumentRange")
            return nil
        }
        let section = parent.section("instrumentRange")
        let least = section.number("min")
        let most = section.number("max")
        section.finish()
        for (key, value) in [("min", least), ("max", most)]
        where value == nil && !section.has(key) {
            section.report(.invalid, key, "missing; give both ends of the instrument's range")
        }
        guard let least, let most else { return nil }
        guard least < most else {
            section.report(.invalid, "max", "expected more than min (\(least)), got \"\(most)\"")
            return nil
        }
        return least...most
    }

    /// Between the low and the high limit there must be values at which both are clear.
    private func warnAboutBand(
        _ section: ConfigurationSection, _ limits: LimitSet
    ) {
        guard let low = limits.low ?? limits.lowLow,
            let high = limits.high ?? limits.highHigh, low.setpoint < high.setpoint,
            low.setpoint + low.deadband >= high.setpoint - high.deadband
        else { return }
        self.issues.add(
            .advice, "the deadbands leave no value at which both limits are clear",
            key: section.path, at: section.position)
    }

    private func limit(
        _ parent: ConfigurationSection, _ key: String, _ fallback: AlarmPriority
    ) -> LimitSetting? {
        guard parent.has(key) else {
            _ = parent.take(key)
            return nil
        }
        let section = parent.section(key)
        let setpoint = section.number("setpoint")
        if setpoint == nil, !section.has("setpoint") {
            section.report(.invalid, "setpoint", "missing; give the value that raises the alarm")
        }
        let deadband = section.number("deadband") ?? 0
        if deadband < 0 {
            section.report(
                .invalid, "deadband", "expected 0 or more in the sensor's unit, got \"\(deadband)\""
            )
        }
        let limit = LimitSetting(
            setpoint: setpoint ?? 0, deadband: max(0, deadband),
            onDelayNanoseconds: section.duration("onDelay", in: ConfigurationLimits.delayRange)
                ?? 0,
            offDelayNanoseconds: section.duration("offDelay", in: ConfigurationLimits.delayRange)
                ?? 0,
            priority: self.priority(section, "priority") ?? fallback)
        section.finish()
        return setpoint == nil ? nil : limit
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
        self.warn(section, declaration.rationalization, priority: declaration.highestPriority)
    }

    /// An alarm of high priority wakes somebody who must know what to do.
    func warn(
        _ section: ConfigurationSection, _ words: Rationalization, priority: AlarmPriority
    ) {
        guard priority >= .high else { return }
        let missing = [
            ("consequence", words.consequence.isEmpty),
            ("operatorAction", words.operatorAction.isEmpty),
            ("timeToRespond", words.timeToRespondSeconds == 0),
        ].filter { $0.1 && !section.has($0.0) }.map(\.0)
        guard !missing.isEmpty else { return }
        self.issues.add(
            .incomplete,
            "has an alarm of priority \(priority.word) without "
                + "\(missing.joined(separator: ", ")): whoever is woken must know what is at stake "
                + "and what to do",
            key: section.path, at: section.position)
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
