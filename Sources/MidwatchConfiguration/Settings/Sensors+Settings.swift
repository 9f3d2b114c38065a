// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

extension PriorityMatrix {
    var settings: Setting {
        var entries = SettingEntries()
        entries.list(
            "bands",
            self.bandSeconds.map {
                .word(Scalars.show(duration: UInt64($0) * ConfigurationLimits.nanosecondsPerSecond))
            })
        for consequence in ConsequenceClass.allCases {
            entries.list(
                consequence.word,
                self.rows[Int(consequence.rawValue)].map { .word($0.word) })
        }
        return entries.mapping
    }
}

extension AlarmClassDeclaration {
    var settings: Setting {
        var entries = SettingEntries()
        entries.text("name", self.name)
        self.handling.writeOwn(to: &entries)
        return entries.mapping
    }
}

extension SourceConfiguration {
    /// Nil for a listener of which the file says no more than that it is there.
    var settings: Setting? {
        if self.declaration.isListener {
            var plain = SourceConfiguration(self.declaration)
            plain.declaration.behind = ""
            if self == plain { return nil }
        }
        var entries = SettingEntries()
        entries.text("name", self.declaration.name)
        entries.text("title", self.title)
        entries.text("behind", self.declaration.behind)
        self.handling.write(to: &entries)
        self.rationalization.write(to: &entries)
        return entries.mapping
    }
}

extension AlarmHandling {
    func writeOwn(to entries: inout SettingEntries) {
        entries.flag("latching", self.isLatching)
        entries.flag("autoAcknowledge", self.isAutoAcknowledged)
        entries.time("reAlarm", self.reAlarmNanoseconds)
        entries.time("shelvingMax", self.shelvingMaxNanoseconds)
    }

    func write(to entries: inout SettingEntries) {
        entries.text("class", self.className)
        self.writeOwn(to: &entries)
        entries.list("suppressedBy", self.suppressions.map(\.settings))
    }
}

extension SuppressionRule {
    fileprivate var settings: Setting {
        var entries = SettingEntries()
        switch self {
        case .alarm(let path, let kind): entries.text("alarm", "\(path):\(kind.word)")
        case .ruleAlarm(let path, let rule): entries.text("alarm", "\(path):\(rule)")
        case .mode(let path, let value):
            entries.text("sensor", path)
            entries.number("value", Double(value))
        case .areaMode(let area, let mode):
            entries.text("area", area)
            entries.text("mode", mode)
        case .firstOut(let group): entries.text("firstOut", group)
        }
        return entries.mapping
    }
}

extension Rationalization {
    func write(to entries: inout SettingEntries) {
        entries.text("consequence", self.consequence)
        entries.text("operatorAction", self.operatorAction)
        if self.timeToRespondSeconds > 0 {
            entries.time(
                "timeToRespond",
                UInt64(self.timeToRespondSeconds) * ConfigurationLimits.nanosecondsPerSecond)
        }
        entries.word("consequenceClass", self.consequenceClass?.word)
        entries.texts("causes", self.causes)
        entries.text("verification", self.verification)
        entries.texts("firstChecks", self.firstChecks)
        entries.text("runbook", self.runbook)
        entries.text("owner", self.owner)
    }
}

extension SensorDeclaration {
    var settings: Setting {
        var entries = SettingEntries()
        entries.text(self.isTemplate ? "template" : "path", self.pattern)
        entries.text("title", self.title)
        entries.text("unit", self.unit)
        entries.word("supervision", self.supervision.word)
        entries.time("deadline", self.deadlineNanoseconds)
        entries.word("criticality", self.criticality?.word)
        entries.word("stalePriority", self.stalePriority.word)
        entries.time("unknownGrace", self.unknownGraceNanoseconds)
        entries.text("behind", self.behind)
        entries.flag("independent", self.isIndependent)
        entries.flag("trustsSource", self.trustsSource)
        if let range = self.instrumentRange {
            entries.add(
                "instrumentRange",
                .mapping([
                    Setting.Entry("min", .number(range.lowerBound)),
                    Setting.Entry("max", .number(range.upperBound)),
                ]))
        }
        var limits = SettingEntries()
        limits.flag("exclusive", self.areLimitsExclusive)
        var own = LimitSet(mode: "")
        (own.lowLow, own.low) = (self.lowLow, self.low)
        (own.high, own.highHigh) = (self.high, self.highHigh)
        own.write(to: &limits)
        entries.add("limits", limits.mapping)
        entries.list("limitSets", self.limitSets.map(\.settings))
        var silence = SettingEntries()
        silence.time("offDelay", self.silenceOffDelayNanoseconds)
        self.silenceHandling.write(to: &silence)
        self.silenceRationalization.write(to: &silence)
        entries.add("silence", silence.mapping)
        self.rationalization.write(to: &entries)
        return entries.mapping
    }
}

extension LimitSet {
    fileprivate var settings: Setting {
        var entries = SettingEntries()
        entries.text("mode", self.mode)
        self.write(to: &entries)
        return entries.mapping
    }

    fileprivate func write(to entries: inout SettingEntries) {
        for (key, limit) in [
            ("lowLow", self.lowLow), ("low", self.low), ("high", self.high),
            ("highHigh", self.highHigh),
        ] {
            if let limit { entries.add(key, limit.settings) }
        }
    }
}

extension LimitSetting {
    fileprivate var settings: Setting {
        var entries = SettingEntries()
        entries.number("setpoint", self.setpoint)
        entries.number("deadband", self.deadband)
        entries.time("onDelay", self.onDelayNanoseconds)
        entries.time("offDelay", self.offDelayNanoseconds)
        entries.word("priority", self.priority.word)
        self.handling.write(to: &entries)
        self.rationalization.write(to: &entries)
        return entries.mapping
    }
}
