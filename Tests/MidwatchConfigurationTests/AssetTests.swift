// SPDX-License-Identifier: Apache-2.0

import MidwatchConfiguration
import MidwatchModel
import Testing

/// The section `assets`.
@Suite struct AssetTests {
    private static func text(_ assets: String) -> String {
        """
        node: {name: n}
        sensors: [{path: a/b, supervision: periodic, deadline: 5s}]
        assets:
        \(assets)
        """
    }

    @Test func `sites, areas and equipment are read, with what they need`() throws {
        let result = Fixture.parse(
            Self.text(
                """
                  - {site: North, area: hall, title: The hall, sensors: ["a/#"], dependsOn: [board]}
                  - {area: plant room, equipment: board}
                """))
        let tree = try #require(result.configuration).assets
        #expect(result.errors.isEmpty)
        let place = tree.place(of: "a/b", site: "Node")
        #expect(place.site == "North")
        #expect(place.area == "hall")
        #expect(place.title == "The hall")
        #expect(tree.dependents(of: "board", limit: 9).assets.map(\.asset.name) == ["hall"])
    }

    @Test(arguments: [
        ("  - {title: x}", "missing; name the equipment"),
        ("  - {area: x, dependsOn: [y]}", "unknown asset \"y\""),
        ("  - {area: hall}\n  - {area: hall}", "\"hall\" is an asset already"),
        ("  - {area: x, dependsOn: [x]}", "\"x\" needs \"x\": an asset that needs itself"),
        ("  - {area: x, sensors: [a//b]}", "expected levels separated by /"),
        ("  - {area: x, sensor: [a/b]}", "unknown key \"sensor\", did you mean \"sensors\"?"),
    ])
    func `what cannot be is refused with its reason`(assets: String, message: String) {
        let errors = Fixture.parse(Self.text(assets)).errors
        #expect(errors.count == 1)
        #expect(errors.first?.message.contains(message) == true, "\(errors)")
    }
}
