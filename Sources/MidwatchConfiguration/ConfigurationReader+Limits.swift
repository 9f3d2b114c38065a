// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

// The alarms that a sensor's declaration makes: of its limits, and of its silence.
extension ConfigurationReader {
    /// The alarm of silence, and of a value that cannot be used.
    func silence(
        _ parent: ConfigurationSection, _ declaration: inout SensorDeclaration,
        _ handling: AlarmHandling
    ) {
        let section = parent.section("silence")
        let words = self.rationalization(section)
        declaration.silenceRationalization = words
        declaration.silenceOffDelayNanoseconds =
            section.duration("offDelay", in: ConfigurationLimits.delayRange) ?? 0
        declaration.silenceHandling = self.handling(section, base: handling)
        section.finish()
        let explicit = self.priority(parent, "stalePriority")
        // The consequence of a limit is not the one of silence: only words about silence count.
        declaration.stalePriority = explicit ?? self.matrix.priority(words) ?? .medium
        if let explicit { self.compare(parent, "stalePriority", explicit, words) }
        let known = words.completed(by: declaration.rationalization)
        self.warn(
            parent, known, priority: declaration.stalePriority, of: AlarmKind.stale.word,
            in: section)
    }

    func limits(
        _ parent: ConfigurationSection, _ declaration: inout SensorDeclaration,
        _ handling: AlarmHandling
    ) {
        let words = declaration.rationalization
        let section = parent.section("limits")
        declaration.areLimitsExclusive = section.boolean("exclusive", default: false)
        let limits = self.limitSet(section, mode: "", words, handling)
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
            declaration.limitSets.append(self.limitSet(section, mode: mode, words, handling))
        }
    }

    private func limitSet(
        _ section: ConfigurationSection, mode: String, _ words: Rationalization,
        _ handling: AlarmHandling
    ) -> LimitSet {
        var limits = LimitSet(mode: mode)
        limits.lowLow = self.limit(section, "lowLow", words, handling)
        limits.low = self.limit(section, "low", words, handling)
        limits.high = self.limit(section, "high", words, handling)
        limits.highHigh = self.limit(section, "highHigh", words, handling)
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

    /// Between the low and the high limit there must be values at which both are clear.
    private func warnAboutBand(_ section: ConfigurationSection, _ limits: LimitSet) {
        guard let low = limits.low ?? limits.lowLow,
            let high = limits.high ?? limits.highHigh, low.setpoint < high.setpoint,
            low.setpoint + low.deadband >= high.setpoint - high.deadband
        else { return }
        self.issues.add(
            .advice, "the deadbands leave no value at which both limits are clear",
            key: section.path, at: section.position)
    }

    private func limit(
        _ parent: ConfigurationSection, _ key: String, _ sensorWords: Rationalization,
        _ handling: AlarmHandling
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
        let onDelay = section.duration("onDelay", in: ConfigurationLimits.delayRange) ?? 0
        let offDelay = section.duration("offDelay", in: ConfigurationLimits.delayRange) ?? 0
        let own = self.rationalization(section)
        let words = own.completed(by: sensorWords)
        let priority = self.priority(section, key: "priority", words)
        var limit = LimitSetting(
            setpoint: setpoint ?? 0, deadband: max(0, deadband), onDelayNanoseconds: onDelay,
            offDelayNanoseconds: offDelay, priority: priority)
        limit.handling = self.handling(section, base: handling)
        limit.rationalization = own
        section.finish()
        self.checkDelay(section, onDelay, words)
        self.warn(section, words, priority: priority, of: key, in: section)
        return setpoint == nil ? nil : limit
    }

    func instrumentRange(_ parent: ConfigurationSection) -> ClosedRange<Double>? {
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
}
