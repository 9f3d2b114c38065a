// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// Every sensor's path and title, in the order of paths, and the asset it stands in: what the tree
/// is made of.
///
/// It is read page by page and seldom; values come for what is on the screen only.
package struct SensorDirectory: Sendable, Equatable {
    /// One sensor.
    package struct Entry: Sendable, Equatable {
        package var path: String
        package var title: String
        /// Place of its asset in `assets`; nil: the configuration gives it to none.
        package var asset: Int?

        package init(path: String, title: String, asset: Int? = nil) {
            self.path = path
            self.title = title
            self.asset = asset
        }
    }

    /// Entries kept; of a larger plant the filter reads the rest.
    package static let entriesMax = 20_000
    /// Ends each level of a standing; no name has it.
    static let levelEnd = "\u{1}"

    package var entries: [Entry]
    /// Site, area and equipment of each asset, as far as it has them, in the order of the file.
    package let assets: [[String]]
    /// The standings of `assets`: what the prefix of a level of the tree is the beginning of.
    private let standings: [String]
    /// For each asset, which place it has in the tree.
    let assetPlaces: [Int]
    /// Whether any sensor stands in an asset.
    package let hasAssets: Bool
    /// Whether there are more than were kept.
    package var isCut: Bool
    /// The filter it was read with; empty unless the plant is larger than `entriesMax`.
    package var filter: String
    /// Changes with every directory: what was made of another one is out of date.
    package var version: Int

    package init(
        entries: [Entry], assets: [[String]] = [], isCut: Bool = false, filter: String = "",
        version: Int = 0
    ) {
        self.entries = entries
        self.assets = assets
        self.standings = assets.map { levels in
            Self.levelEnd + levels.map { $0 + Self.levelEnd }.joined()
        }
        self.assetPlaces = Self.places(of: assets)
        self.hasAssets = entries.contains { $0.asset != nil }
        self.isCut = isCut
        self.filter = filter
        self.version = version
    }

    /// Sensors with their assets by the tree of a configuration; `site` is the node's.
    package init(
        sensors: [(path: String, title: String)], tree: AssetTree, site: String, isCut: Bool,
        filter: String, version: Int
    ) {
        var numbers: [String: Int] = [:]
        let assets = tree.declarations.enumerated().map { number, asset in
            numbers[asset.name] = number
            let levels = [asset.site.isEmpty ? site : asset.site, asset.area, asset.equipment]
            return levels.filter { !$0.isEmpty }
        }
        self.init(
            entries: sensors.map { sensor in
                Entry(
                    path: sensor.path, title: sensor.title,
                    asset: tree.asset(of: sensor.path).flatMap { numbers[$0.name] })
            }, assets: assets, isCut: isCut, filter: filter, version: version)
    }

    /// Where a sensor stands in the tree of assets, levels and their ends; nil: in no asset.
    package func standing(of path: String) -> String? {
        var (low, high) = (0, self.entries.count)
        while low < high {
            let middle = (low + high) / 2
            if self.entries[middle].path < path { low = middle + 1 } else { high = middle }
        }
        guard low < self.entries.count, self.entries[low].path == path else { return nil }
        return self.entries[low].asset.map { self.standings[$0] }
    }

    /// Whether a directory names the same sensors as another one that was read.
    package func names(sameAs other: SensorDirectory) -> Bool {
        other.version > 0 && self.isCut == other.isCut && self.filter == other.filter
            && self.assets == other.assets && self.entries == other.entries
    }

    /// The order of a tree: each level where its first asset stands, an asset before what is in it.
    private static func places(of assets: [[String]]) -> [Int] {
        var first: [[String]: Int] = [:]
        let keys = assets.enumerated().map { number, levels in
            (1...max(1, levels.count)).map { count -> Int in
                let level = Array(levels.prefix(count))
                let place = first[level] ?? number
                first[level] = place
                return place
            }
        }
        let order = assets.indices.sorted { left, right in
            keys[left] == keys[right]
                ? assets[left].count < assets[right].count
                : keys[left].lexicographicallyPrecedes(keys[right])
        }
        var places = [Int](repeating: 0, count: assets.count)
        for (place, number) in order.enumerated() { places[number] = place }
        return places
    }
}
