// SPDX-License-Identifier: Apache-2.0

internal import AlarmEngine
package import MidwatchModel

/// A source and the alarm of its loss.
package struct SourceConfiguration: Equatable, Sendable {
    package var declaration: SourceDeclaration
    package var title = ""
    package var handling = AlarmHandling()
    package var rationalization = Rationalization()

    package init(_ declaration: SourceDeclaration) { self.declaration = declaration }

    /// The sensor that stands for it; nil if its name does not fit into a path.
    package var sensor: SensorDeclaration? {
        let path = RuleBook.sourcePathPrefix + self.declaration.name
        guard SensorID(path) != nil else { return nil }
        var sensor = SensorDeclaration(
            pattern: path, deadlineNanoseconds: ConfigurationDefaults.deadlineNanoseconds)
        // Its readings are the engine's own judgement.
        sensor.supervision = .event
        sensor.isIndependent = true
        sensor.criticality = .own
        sensor.title = self.title
        sensor.silenceHandling = self.handling
        sensor.rationalization = self.rationalization
        return sensor
    }
}

extension MidwatchConfiguration {
    package var sourceTree: SourceTree { SourceTree(self.sources.map(\.declaration)) }

    /// Sensors that stand for sources, but for those that `sensors` declares itself.
    package var sourceSensors: [SensorDeclaration] {
        let declared = Set(
            self.sensors.lazy.map(\.pattern).filter { $0.hasPrefix(RuleBook.sourcePathPrefix) })
        return self.sources.compactMap(\.sensor).filter { !declared.contains($0.pattern) }
    }
}
