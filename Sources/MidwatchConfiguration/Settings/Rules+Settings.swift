// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

extension AreaDeclaration {
    var settings: Setting {
        var entries = SettingEntries()
        entries.text("name", self.name)
        entries.texts("sensors", self.sensors)
        entries.texts("modes", self.modes)
        entries.text("sensor", self.sensor)
        return entries.mapping
    }
}

extension AssetDeclaration {
    var settings: Setting {
        var entries = SettingEntries()
        entries.text("site", self.site)
        entries.text("area", self.area)
        entries.text("equipment", self.equipment)
        entries.text("title", self.title)
        entries.texts("sensors", self.sensors)
        entries.texts("dependsOn", self.dependsOn)
        return entries.mapping
    }
}

extension RuleDeclaration {
    var settings: Setting {
        var entries = SettingEntries()
        entries.text("name", self.name)
        if self.isOfSources {
            entries.texts("sources", self.sources)
        } else {
            entries.texts("sensors", self.sensors)
        }
        entries.add(self.condition.kind.word, self.condition.settings)
        entries.time("onDelay", self.onDelayNanoseconds)
        entries.time("offDelay", self.offDelayNanoseconds)
        entries.word("priority", self.priority.word)
        entries.flag("passive", self.isPassive)
        self.handling.write(to: &entries)
        self.rationalization.write(to: &entries)
        return entries.mapping
    }
}

extension RuleLimit {
    fileprivate func write(to entries: inout SettingEntries) {
        entries.number(self.isHigh ? "high" : "low", self.setpoint)
        entries.number("deadband", self.deadband)
    }
}

extension RuleCondition {
    /// What stands under the key of its kind.
    fileprivate var settings: Setting {
        var entries = SettingEntries()
        switch self {
        case .rateOfChange(let rise, let fall, let deadband, let window):
            entries.number("rise", rise)
            entries.number("fall", fall)
            entries.number("deadband", deadband)
            entries.time("window", window)
        case .flatLine(let epsilon, let duration):
            entries.number("epsilon", epsilon)
            entries.time("time", duration)
        case .deviation(let reference, let setpoint, let above, let below, let deadband):
            entries.text("reference", reference)
            if reference == nil { entries.number("setpoint", setpoint) }
            entries.number("above", above)
            entries.number("below", below)
            entries.number("deadband", deadband)
        case .vote(let members, let required, let limit):
            entries.texts("members", members)
            entries.integer("required", required)
            limit.write(to: &entries)
        case .discrepancy(let members, let tolerance, let deadband):
            entries.texts("members", members)
            entries.number("tolerance", tolerance)
            entries.number("deadband", deadband)
        case .offNormal(let mask):
            let states = (0..<64).filter { mask >> UInt64($0) & 1 == 1 }
            entries.list("normal", states.map { .number(Double($0)) })
        case .badQuality(let includesUncertain): entries.flag("uncertain", includesUncertain)
        case .expression(let text): return .text(text)
        case .clockSkew, .clockDrift, .sequence, .window, .drift: return self.windowSettings
        }
        return entries.mapping
    }

    private var windowSettings: Setting {
        var entries = SettingEntries()
        switch self {
        case .clockSkew(let most, let deadband):
            entries.time("max", most)
            entries.time("deadband", deadband)
        case .clockDrift(let ppm, let deadband, let window):
            entries.number("ppm", ppm)
            entries.number("deadband", deadband)
            entries.time("window", window)
        case .sequence(let faults, let window, let modulus, let sensor):
            entries.text("sensor", sensor)
            entries.number("faults", Double(faults))
            entries.time("window", window)
            entries.number("modulus", Double(modulus))
        case .window(let measure, let limit, let window):
            entries.word("measure", measure.rawValue)
            limit.write(to: &entries)
            entries.time("time", window)
        case .drift(let limit, let deadband, let average, let reference):
            entries.number("limit", limit)
            entries.number("deadband", deadband)
            entries.time("average", average)
            entries.text("reference", reference)
        case .rateOfChange, .flatLine, .deviation, .vote, .discrepancy, .offNormal, .badQuality,
            .expression:
            break
        }
        return entries.mapping
    }
}
