// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

/// Where a sensor stands, and what depends on what.
@Suite struct AssetTreeTests {
    private func asset(
        _ equipment: String, area: String = "", sensors: [String] = [], needs: [String] = []
    ) -> AssetDeclaration {
        var asset = AssetDeclaration(area: area, equipment: equipment)
        asset.sensors = sensors
        asset.dependsOn = needs
        return asset
    }

    @Test func `a path wins over templates, equipment over areas, the first over later ones`() {
        let tree = AssetTree([
            self.asset("", area: "hall", sensors: ["hall/#"]),
            self.asset("pump", area: "hall", sensors: ["hall/pump/+"]),
            self.asset("motor", area: "hall", sensors: ["hall/pump/+", "hall/x/current"]),
            self.asset("", area: "yard", sensors: ["hall/door"]),
        ])
        #expect(tree.asset(of: "hall/pump/flow")?.name == "pump")
        #expect(tree.asset(of: "hall/x/current")?.name == "motor")
        #expect(tree.asset(of: "hall/light")?.name == "hall")
        #expect(tree.asset(of: "hall")?.name == "hall")
        #expect(tree.asset(of: "hall/door")?.name == "yard")
        #expect(tree.asset(of: "halls") == nil)
    }

    @Test func `a sensor without an asset stands in the area of its path`() {
        let place = AssetTree().place(of: "tunnel/west/co", site: "Portal")
        #expect(place.site == "Portal")
        #expect(place.area == "tunnel/west")
        #expect(place.asset == "")
    }

    @Test func `what depends on an asset is found through others, nearest first, each once`() {
        let tree = AssetTree([
            self.asset("board", area: "plant"), self.asset("fan", needs: ["board"]),
            self.asset("light", needs: ["board"]), self.asset("exit", needs: ["fan", "light"]),
            self.asset("other"), self.asset("", area: "plant"),
            self.asset("school", needs: ["plant"]),
        ])
        let found = tree.dependents(of: "board", limit: 10)
        #expect(found.assets.map(\.asset.name) == ["fan", "light", "school", "exit"])
        #expect(found.assets.map(\.through) == ["board", "board", "plant", "fan"])
        #expect(found.count == 4)
        let few = tree.dependents(of: "board", limit: 1)
        #expect(few.assets.count == 1)
        #expect(few.count == 4)
        #expect(tree.dependents(of: "exit", limit: 10).count == 0)
        #expect(tree.dependents(of: "unknown", limit: 10).count == 0)
    }

    @Test func `a circle of needs is found and ends`() {
        let tree = AssetTree([
            self.asset("a", needs: ["b"]), self.asset("b", needs: ["c"]),
            self.asset("c", needs: ["a"]), self.asset("d", needs: ["a"]),
        ])
        let circle = tree.circle ?? []
        #expect(circle.count == 4)
        #expect(circle.first == circle.last)
        #expect(Set(circle) == ["a", "b", "c"])
        #expect(tree.dependents(of: "a", limit: 10).count == 3)
        #expect(AssetTree([self.asset("a", needs: ["a"])]).circle == ["a", "a"])
        #expect(AssetTree([self.asset("a"), self.asset("b", needs: ["a"])]).circle == nil)
    }
}
