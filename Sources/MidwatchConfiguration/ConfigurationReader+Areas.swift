// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

extension ConfigurationReader {
    /// The areas whose modes choose among limit sets.
    func areas(_ sections: [ConfigurationSection], sensors: [SensorDeclaration])
        -> [AreaDeclaration]
    {
        var areas: [AreaDeclaration] = []
        for section in sections {
            let area = self.area(section, sensors: sensors)
            if areas.contains(where: { $0.name == area.name }) {
                section.report(.invalid, "name", "\(quoted(area.name)) is an area already")
            }
            areas.append(area)
        }
        return areas
    }

    private func area(_ section: ConfigurationSection, sensors: [SensorDeclaration])
        -> AreaDeclaration
    {
        let name = section.text("name")
        if name == nil, !section.has("name") {
            section.report(.invalid, "name", "missing; the ledger names the area")
        }
        let patterns = self.patterns(section, "sensors")
        let modes = section.texts("modes").map(\.text)
        let sensor = section.text("sensor")
        section.finish()
        if !((2...ConfigurationLimits.modeCountMax) ~= modes.count) {
            section.report(
                .invalid, "modes",
                "expected 2-\(ConfigurationLimits.modeCountMax) names, the first one holds at "
                    + "first, got \(modes.count)")
        } else if Set(modes).count != modes.count {
            section.report(.invalid, "modes", "names a mode twice")
        }
        if let sensor, !sensors.contains(where: { PathTemplate.overlaps($0.pattern, sensor) }) {
            var message = "unknown sensor \(quoted(sensor)); declare it under sensors"
            if let near = Spelling.nearest(to: sensor, among: sensors.map(\.pattern)) {
                message += ", did you mean \"\(near)\"?"
            }
            section.report(.invalid, "sensor", message)
        }
        var area = AreaDeclaration(name: name ?? "", sensors: patterns, modes: modes)
        area.sensor = sensor
        return area
    }

    /// Checks that every limit set names a mode of an area that its sensor belongs to.
    func checkModes(
        _ sensors: Zip2Sequence<[ConfigurationSection], [SensorDeclaration]>,
        areas: [AreaDeclaration]
    ) {
        for (section, declaration) in sensors where !declaration.limitSets.isEmpty {
            let modes = areas.filter { area in
                area.sensors.contains { PathTemplate.overlaps($0, declaration.pattern) }
            }.flatMap(\.modes)
            for set in declaration.limitSets where !set.mode.isEmpty && !modes.contains(set.mode) {
                var message = "no area of this sensor has the mode \(quoted(set.mode))"
                if let near = Spelling.nearest(to: set.mode, among: modes) {
                    message += ", did you mean \"\(near)\"?"
                } else if modes.isEmpty {
                    message += "; put the sensor into an area under areas"
                } else {
                    message += "; it has \(modes.joined(separator: ", "))"
                }
                section.report(.invalid, "limitSets", message)
            }
        }
    }
}
