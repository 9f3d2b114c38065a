// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel
internal import OperatorViews

/// The sensors as a tree: by the assets that the configuration gives them to (site, area,
/// equipment), or by the levels of their paths.
///
/// A level with one child only is shown in one row with it (`tunnel/west`), so that deep paths do
/// not cost rows.
package struct SensorTree: Sendable, Equatable {
    /// What the levels are.
    package enum Arrangement: Sendable, Equatable, CaseIterable {
        /// Site, area and equipment; sensors of no asset stand behind, by their paths.
        case assets
        case paths
        /// None: one sensor after the other.
        case flat
    }

    /// One row of the tree.
    package enum Row: Sendable, Equatable {
        /// A level: standings of the sensors below begin with its prefix; there are `count`.
        case group(prefix: String, label: String, depth: Int, count: Int, isOpen: Bool)
        /// A sensor: `index` is its place in `paths`.
        case leaf(index: Int, depth: Int)
    }

    /// Sensors up to which every level is open at first.
    package static let openMax = 200

    /// What a tree was made of; another key, another tree.
    package struct Key: Sendable, Equatable {
        package var version = -1
        package var filter = ""
        /// Levels that are not as they are at first.
        package var toggled: Set<String> = []
        package var arrangement = Arrangement.paths

        package init(
            version: Int = -1, filter: String = "", toggled: Set<String> = [],
            arrangement: Arrangement = .paths
        ) {
            self.version = version
            self.filter = filter
            self.toggled = toggled
            self.arrangement = arrangement
        }
    }

    package private(set) var key = Key()
    /// Sensors that fit the filter, by path.
    package private(set) var paths: [String] = []
    package private(set) var rows: [Row] = []

    package init() {}

    package init(_ directory: SensorDirectory, key: Key) {
        self.key = key
        let filter = TextFilter(key.filter)
        let isByAsset = key.arrangement == .assets
        // Numbers of assets whose names have what was typed.
        let named = Set(
            directory.assets.indices.filter { number in
                isByAsset && !filter.isTemplate
                    && directory.assets[number].contains { filter.isContained(in: $0) }
            })
        var assets: [Int?] = []
        for entry in directory.entries
        where filter.matches(path: entry.path, title: entry.title)
            || entry.asset.map(named.contains) == true
        {
            self.paths.append(entry.path)
            assets.append(isByAsset ? entry.asset : nil)
        }
        if key.arrangement == .flat {
            self.rows = self.paths.indices.map { .leaf(index: $0, depth: 0) }
            return
        }
        if isByAsset { self.addAssets(directory, assets) }
        let others = self.paths.indices.filter { assets[$0] == nil }
        self.add(
            Branch(
                levels: others.map {
                    self.paths[$0].split(separator: "/", omittingEmptySubsequences: false)
                }, indexes: others, separator: "/", joiner: "/"),
            0..<others.count, level: 0, depth: 0, prefix: "")
    }

    /// Whether a level is open: those of a small tree are, and of a larger one the highest.
    ///
    /// Midwatch's own sensors are closed until somebody asks for them: the plant comes first.
    private func isOpen(_ prefix: String, depth: Int) -> Bool {
        let isSmall = self.paths.count <= Self.openMax
        let isOwn = depth == 0 && self.key.filter.isEmpty && prefix.hasPrefix(OwnPath.root)
        return ((isSmall || depth == 0) && !isOwn) != self.key.toggled.contains(prefix)
    }

    // MARK: Levels

    /// Sensors in the order of their rows, each with its levels, of which the last is itself.
    private struct Branch {
        var levels: [[Substring]]
        /// Places in `paths`.
        var indexes: [Int]
        /// Between the levels of a prefix, and of what people read.
        var separator: String
        var joiner: String
    }

    /// The sensors of assets, in the order of the file: what stands on an area or a site itself
    /// comes before what stands in it.
    private mutating func addAssets(_ directory: SensorDirectory, _ assets: [Int?]) {
        let places = directory.assetPlaces
        let standing = self.paths.indices.filter { assets[$0] != nil }
            .sorted { left, right in
                let (a, b) = (places[assets[left] ?? 0], places[assets[right] ?? 0])
                return a == b ? left < right : a < b
            }
        let levels = standing.map { index in
            directory.assets[assets[index] ?? 0].map { $0[...] } + [self.paths[index][...]]
        }
        self.add(
            Branch(
                levels: levels, indexes: standing, separator: SensorDirectory.levelEnd,
                joiner: " / "),
            0..<standing.count, level: 0, depth: 0, prefix: SensorDirectory.levelEnd)
    }

    private mutating func add(
        _ branch: Branch, _ range: Range<Int>, level: Int, depth: Int, prefix: String
    ) {
        let levels = branch.levels
        var index = range.lowerBound
        while index < range.upperBound {
            guard levels[index].count > level + 1 else {
                self.rows.append(.leaf(index: branch.indexes[index], depth: depth))
                index += 1
                continue
            }
            let name = levels[index][level]
            var end = index + 1
            while end < range.upperBound, levels[end].count > level + 1,
                levels[end][level] == name
            { end += 1 }
            // Levels that all sensors below share are one row.
            var deepest = level
            while levels[index].count > deepest + 2, levels[end - 1].count > deepest + 2,
                levels[index][deepest + 1] == levels[end - 1][deepest + 1],
                (index..<end).allSatisfy({
                    levels[$0].count > deepest + 2
                        && levels[$0][deepest + 1] == levels[index][deepest + 1]
                })
            { deepest += 1 }
            let shared = levels[index][level...deepest]
            let inner = prefix + shared.map { $0 + branch.separator }.joined()
            let isOpen = self.isOpen(inner, depth: depth)
            self.rows.append(
                .group(
                    prefix: inner, label: shared.joined(separator: branch.joiner), depth: depth,
                    count: end - index, isOpen: isOpen))
            if isOpen {
                self.add(branch, index..<end, level: deepest + 1, depth: depth + 1, prefix: inner)
            }
            index = end
        }
    }
}
