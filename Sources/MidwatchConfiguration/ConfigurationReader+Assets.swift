// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

extension ConfigurationReader {
    /// The plant: sites, areas, equipment, and what depends on what.
    func assets(_ sections: [ConfigurationSection], sensors: [SensorDeclaration]) -> AssetTree {
        var assets: [AssetDeclaration] = []
        for section in sections {
            let asset = self.asset(section, sensors: sensors)
            if !asset.name.isEmpty, assets.contains(where: { $0.name == asset.name }) {
                let key =
                    asset.equipment.isEmpty ? asset.area.isEmpty ? "site" : "area" : "equipment"
                section.report(.invalid, key, "\(quoted(asset.name)) is an asset already")
            }
            assets.append(asset)
        }
        let names = Set(assets.map(\.name))
        for (section, asset) in zip(sections, assets) {
            for name in asset.dependsOn where !names.contains(name) {
                var message = "unknown asset \(quoted(name)); give it an entry under assets"
                if let near = Spelling.nearest(to: name, among: names.sorted()) {
                    message += ", did you mean \"\(near)\"?"
                }
                section.report(.invalid, "dependsOn", message)
            }
        }
        let tree = AssetTree(assets)
        if let circle = tree.circle, let first = circle.first,
            let index = assets.firstIndex(where: { $0.name == first })
        {
            let way = circle.map(quoted).joined(separator: " needs ")
            sections[index].report(.invalid, "dependsOn", "\(way): an asset that needs itself")
        }
        return tree
    }

    private func asset(_ section: ConfigurationSection, sensors: [SensorDeclaration])
        -> AssetDeclaration
    {
        var asset = AssetDeclaration()
        asset.site = section.text("site") ?? ""
        asset.area = section.text("area") ?? ""
        asset.equipment = section.text("equipment") ?? ""
        asset.title = section.text("title") ?? ""
        // Without sensors it may still be needed by others.
        if section.has("sensors") {
            asset.sensors = self.patterns(section, "sensors")
        } else {
            _ = section.take("sensors")
        }
        let needed = section.texts("dependsOn").map(\.text)
        section.finish()
        if asset.name.isEmpty, !["site", "area", "equipment"].contains(where: section.has) {
            section.report(
                .invalid, "equipment",
                "missing; name the equipment, or the area or site if the "
                    + "entry is about that")
        }
        if needed.count > AssetTree.dependenciesMax {
            section.report(
                .invalid, "dependsOn",
                "expected at most \(AssetTree.dependenciesMax) assets, got \(needed.count)")
        }
        asset.dependsOn = Array(needed.prefix(AssetTree.dependenciesMax))
        for pattern in asset.sensors
        where !sensors.contains(where: { PathTemplate.overlaps($0.pattern, pattern) }) {
            var message = "no sensor is declared that fits \(quoted(pattern))"
            if let near = Spelling.nearest(to: pattern, among: sensors.map(\.pattern)) {
                message += ", did you mean \"\(near)\"?"
            }
            section.report(.advice, "sensors", message)
        }
        return asset
    }
}
