// SPDX-License-Identifier: Apache-2.0

internal import AlarmEngine
internal import MidwatchModel

extension ConfigurationReader {
    /// The `sources` of a rule, as paths of the sensors that stand for them.
    ///
    /// A source fits that the file names, and any client or sender of a listener: those appear by
    /// themselves.
    func sourcePatterns(_ section: ConfigurationSection) -> [String] {
        if section.has("sensors") {
            section.report(.invalid, "sensors", "expected sensors or sources, got both")
            _ = section.take("sensors")
        }
        let patterns = self.patterns(section, "sources")
        for pattern in patterns where !self.isSource(pattern) {
            self.reportUnknown(
                "source", pattern, known: self.sourceNames, remedy: "sources", key: "sources",
                of: section)
        }
        return patterns.map { RuleBook.sourcePathPrefix + $0 }
    }

    private func isSource(_ pattern: String) -> Bool {
        self.sourceNames.contains { name in
            // Listeners come first in these names, as `mqtt/NAME` and `udp/NAME`.
            let isListener = name.hasPrefix("mqtt/") || name.hasPrefix("udp/")
            return PathTemplate.overlaps(pattern, name)
                || isListener && PathTemplate.overlaps(pattern, name + "/#")
        }
    }

    /// Whether a condition can be asked of what the rule watches.
    func fits(_ condition: RuleCondition, isOfSources: Bool, _ section: ConfigurationSection)
        -> Bool
    {
        switch condition {
        case .clockSkew, .clockDrift: return true
        case .sequence(_, _, _, let sensor):
            guard isOfSources != (sensor != nil) else { return true }
            section.report(
                .invalid, condition.kind.word,
                isOfSources
                    ? "needs sensor: the path of the sensor that carries the numbers of the source; "
                        + "{1} is the first + or # of sources"
                    : "sensor is for a rule with sources; here the numbers are the values of the "
                        + "sensors themselves")
            return false
        case .rateOfChange, .flatLine, .deviation, .vote, .discrepancy, .offNormal, .badQuality,
            .window, .drift, .expression:
            guard isOfSources else { return true }
            section.report(
                .invalid, condition.kind.word,
                "is for sensors; a rule with sources has clockSkew, clockDrift or sequence")
            return false
        }
    }
}
