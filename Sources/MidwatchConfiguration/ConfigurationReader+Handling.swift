// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// A class of alarms: rules of handling under a name (ISA-18.2), as the file declares it.
package struct AlarmClassDeclaration: Equatable, Sendable {
    package var name: String
    package var handling: AlarmHandling
}

extension ConfigurationReader {
    /// The classes that alarms may name.
    func alarmClasses(_ sections: [ConfigurationSection]) -> [AlarmClassDeclaration] {
        var classes: [AlarmClassDeclaration] = []
        for section in sections {
            let name = section.text("name")
            var handling = self.ownHandling(section, AlarmHandling())
            section.finish()
            guard let name else {
                if !section.has("name") {
                    section.report(.invalid, "name", "missing; alarms name their class by it")
                }
                continue
            }
            if !Self.isLabel(name) {
                section.report(.invalid, "name", "expected one line, got \(quoted(name))")
            }
            if classes.contains(where: { $0.name == name }) {
                section.report(.invalid, "name", "\(quoted(name)) is a class already")
            }
            handling.className = name
            classes.append(AlarmClassDeclaration(name: name, handling: handling))
        }
        return classes
    }

    /// How people deal with the alarms of `section`: as its class says, else as `base`, and its own
    /// keys before both.
    func handling(_ section: ConfigurationSection, base: AlarmHandling = AlarmHandling())
        -> AlarmHandling
    {
        var handling = base
        if let name = section.text("class") {
            if let found = self.classes.first(where: { $0.name == name }) {
                handling = found.handling
                handling.suppressions = base.suppressions
            } else {
                self.reportUnknown(
                    "class", name, known: self.classes.map(\.name), remedy: "alarmClasses",
                    key: "class", of: section)
            }
        }
        handling = self.ownHandling(section, handling)
        if section.has("suppressedBy") {
            handling.suppressions = self.suppressions(section)
        } else {
            _ = section.take("suppressedBy")
        }
        return handling
    }

    private func ownHandling(_ section: ConfigurationSection, _ base: AlarmHandling)
        -> AlarmHandling
    {
        var handling = base
        handling.isLatching = section.boolean("latching", default: base.isLatching)
        handling.isAutoAcknowledged = section.boolean(
            "autoAcknowledge", default: base.isAutoAcknowledged)
        if let time = section.duration("reAlarm", in: 0...ConfigurationLimits.reAlarmMax) {
            if time > 0, time < ConfigurationLimits.reAlarmMin {
                section.report(
                    .invalid, "reAlarm",
                    "expected 0s (never) or at least "
                        + Scalars.show(duration: ConfigurationLimits.reAlarmMin))
            }
            handling.reAlarmNanoseconds = time
        }
        if let most = section.duration(
            "shelvingMax", in: 0...SystemLimits.shelvingMaxNanoseconds)
        {
            handling.shelvingMaxNanoseconds = most
        }
        return handling
    }

    // MARK: - Suppression by design

    private func suppressions(_ parent: ConfigurationSection) -> [SuppressionRule] {
        parent.sections("suppressedBy", max: SystemLimits.suppressionsPerAlarmMax)
            .compactMap(self.suppression)
    }

    private func suppression(_ section: ConfigurationSection) -> SuppressionRule? {
        let alarm = section.text("alarm")
        let sensor = section.text("sensor")
        let value = section.has("value") ? section.whole("value") : section.absent("value")
        let area = section.text("area")
        let mode = section.text("mode")
        let group = section.text("firstOut")
        section.finish()
        let forms = ["alarm", "sensor", "area", "firstOut"].filter(section.has)
        guard forms.count == 1 else {
            self.issues.add(
                .invalid,
                "expected one of {alarm: path:name}, {sensor: path, value: 1}, "
                    + "{area: name, mode: name}, {firstOut: group}",
                key: section.path, at: section.position)
            return nil
        }
        if section.has("value"), !section.has("sensor") {
            section.report(.invalid, "value", "only used with sensor; remove it")
        }
        if section.has("mode"), !section.has("area") {
            section.report(.invalid, "mode", "only used with area; remove it")
        }
        if let alarm { return self.suppressingAlarm(section, alarm) }
        if let sensor {
            guard let value else {
                if !section.has("value") {
                    section.report(
                        .invalid, "value", "missing; give the value that suppresses the alarm")
                }
                return nil
            }
            self.references.add(
                PendingReference(section: section, key: "sensor", path: sensor, alarm: nil))
            return .mode(path: sensor, value: Int64(value))
        }
        if let area { return self.suppressingMode(section, area, mode) }
        return group.map { .firstOut(group: $0) }
    }

    private func suppressingAlarm(_ section: ConfigurationSection, _ alarm: String)
        -> SuppressionRule?
    {
        guard let colon = alarm.lastIndex(of: ":"), colon != alarm.startIndex,
            alarm.index(after: colon) != alarm.endIndex
        else {
            section.report(
                .invalid, "alarm",
                "expected an alarm, path:name such as plant/pump:stale, got \(quoted(alarm))")
            return nil
        }
        let path = String(alarm[..<colon])
        let name = String(alarm[alarm.index(after: colon)...])
        self.references.add(
            PendingReference(section: section, key: "alarm", path: path, alarm: name))
        guard let kind = AlarmKind(word: name) else { return .ruleAlarm(path: path, rule: name) }
        return .alarm(path: path, kind: kind)
    }

    private func suppressingMode(
        _ section: ConfigurationSection, _ area: String, _ mode: String?
    ) -> SuppressionRule? {
        guard let found = self.areaModes.first(where: { $0.name == area }) else {
            self.reportUnknown(
                "area", area, known: self.areaModes.map(\.name), remedy: "areas", key: "area",
                of: section)
            return nil
        }
        guard let mode else {
            if !section.has("mode") {
                section.report(
                    .invalid, "mode",
                    "missing; name the mode that suppresses the alarm: "
                        + found.modes.joined(separator: ", "))
            }
            return nil
        }
        guard let number = found.modes.firstIndex(of: mode) else {
            self.reportUnknown("mode", mode, known: found.modes, key: "mode", of: section)
            return nil
        }
        // What a sensor says is known while it is fresh; what people said stays.
        guard let sensor = found.sensor else { return .areaMode(area: area, mode: mode) }
        return .mode(path: sensor, value: Int64(number))
    }

    // MARK: - Names

    /// Reports a name that nothing has, and the nearest that there is.
    func reportUnknown(
        _ what: String, _ name: String, known: [String], remedy: String? = nil, key: String,
        of section: ConfigurationSection
    ) {
        var message = "unknown \(what) \(quoted(name))"
        if let near = Spelling.nearest(to: name, among: known) {
            message += ", did you mean \"\(near)\"?"
        } else if let remedy {
            message += "; declare it under \(remedy)"
        } else {
            message += "; there is \(known.joined(separator: ", "))"
        }
        section.report(.invalid, key, message)
    }
}

/// A name of a sensor or an alarm in the file, looked up when everything is read.
struct PendingReference {
    var section: ConfigurationSection
    var key: String
    var path: String
    /// Name of an alarm of the sensor; nil: the sensor itself.
    var alarm: String?
    /// Patterns of the sensors whose alarm looks there: their wildcards are `{1}` ….
    var patterns: [String] = []
}

/// The references of a file.
final class PendingReferences {
    private(set) var list: [PendingReference] = []
    /// Of the sensors that are read now.
    var patterns: [String] = []

    func add(_ reference: PendingReference) {
        var reference = reference
        reference.patterns = self.patterns
        self.list.append(reference)
    }
}

extension ConfigurationSection {
    /// A whole number; nil, and the issue, if it is none.
    fileprivate func whole(_ key: String) -> Int? {
        let most = 1 << 53
        let number = self.integer(key, in: -most...most, default: Int.min)
        return number == Int.min ? nil : number
    }

    /// Nil for a key that the mapping does not have, which is known all the same.
    fileprivate func absent<Value>(_ key: String) -> Value? {
        _ = self.take(key)
        return nil
    }
}
