// SPDX-License-Identifier: Apache-2.0

internal import JSONText
package import MidwatchModel
package import OperatorViews

extension OperatorClient {
    /// Times that a configuration is asked for anew because a reload came between its pages.
    private static let attemptsMax = 3

    /// The whole configuration in force, put together of its pages.
    package func configuration() throws(ClientError) -> ConfigurationView {
        for _ in 0..<Self.attemptsMax {
            if let whole = try self.wholeConfiguration() { return whole }
        }
        throw .malformed(reason: "the configuration changes while it is read")
    }

    /// nil if a reload came between two pages.
    private func wholeConfiguration() throws(ClientError) -> ConfigurationView? {
        var first = try self.configurationPage(after: "0")
        guard first.next != nil, case .object(var members) = first.settings else { return first }
        var sensors = first.settings["sensors"]?.array ?? []
        while let next = first.next, sensors.count < Self.itemsMax {
            let page = try self.configurationPage(after: next)
            guard page.revision == first.revision else { return nil }
            sensors += page.settings["sensors"]?.array ?? []
            first.next = page.next
        }
        if let place = members.firstIndex(where: { $0.name == "sensors" }) {
            members[place].value = .array(sensors)
        }
        first.settings = .object(members)
        return first
    }

    /// The tree of assets of the configuration in force.
    package func assets() throws(ClientError) -> AssetTree {
        let page: ConfigurationView = try self.view(try self.get("/v1/configuration?limit=1"))
        func texts(_ json: JSONValue?) -> [String] { (json?.array ?? []).compactMap(\.string) }
        return AssetTree(
            (page.settings["assets"]?.array ?? []).map { json in
                var asset = AssetDeclaration(
                    area: json["area"]?.string ?? "", equipment: json["equipment"]?.string ?? "")
                asset.site = json["site"]?.string ?? ""
                asset.title = json["title"]?.string ?? ""
                asset.sensors = texts(json["sensors"])
                asset.dependsOn = texts(json["dependsOn"])
                return asset
            })
    }

    private func configurationPage(after: String) throws(ClientError) -> ConfigurationView {
        try self.view(
            try self.get("/v1/configuration?limit=\(Self.pageItemsMax)&after=\(Self.encode(after))")
        )
    }
}
