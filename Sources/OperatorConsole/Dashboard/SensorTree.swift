// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel
internal import OperatorViews

/// The sensors as a tree by the levels of their paths: site, area, equipment.
///
/// A level with one child only is shown in one row with it (`tunnel/west`), so that deep paths do
/// not cost rows.
package struct SensorTree: Sendable, Equatable {
    /// One row of the tree.
    package enum Row: Sendable, Equatable {
        /// A level: its prefix ends with `/`; `count` sensors are below.
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
        package var isFlat = false

        package init(
            version: Int = -1, filter: String = "", toggled: Set<String> = [],
            isFlat: Bool = false
        ) {
            self.version = version
            self.filter = filter
            self.toggled = toggled
            self.isFlat = isFlat
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
        for entry in directory.entries
        where filter.matches(path: entry.path, title: entry.title) {
            self.paths.append(entry.path)
        }
        if key.isFlat {
            self.rows = self.paths.indices.map { .leaf(index: $0, depth: 0) }
        } else {
            let levels = self.paths.map {
                $0.split(separator: "/", omittingEmptySubsequences: false)
            }
            self.add(levels, 0..<self.paths.count, level: 0, depth: 0, prefix: "")
        }
    }

    /// Whether a level is open: those of a small tree are, and of a larger one the highest.
    ///
    /// Midwatch's own sensors are closed until somebody asks for them: the plant comes first.
    private func isOpen(_ prefix: String, depth: Int) -> Bool {
        let isSmall = self.paths.count <= Self.openMax
        let isOwn = depth == 0 && self.key.filter.isEmpty && prefix.hasPrefix(OwnPath.root)
        return ((isSmall || depth == 0) && !isOwn) != self.key.toggled.contains(prefix)
    }

    private mutating func add(
        _ levels: [[Substring]], _ range: Range<Int>, level: Int, depth: Int, prefix: String
    ) {
        var index = range.lowerBound
        while index < range.upperBound {
            guard levels[index].count > level + 1 else {
                self.rows.append(.leaf(index: index, depth: depth))
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
                (index..<end).allSatisfy({ levels[$0].count > deepest + 2 })
            { deepest += 1 }
            let label = levels[index][level...deepest].joined(separator: "/")
            let inner = "\(prefix)\(label)/"
            let isOpen = self.isOpen(inner, depth: depth)
            self.rows.append(
                .group(
                    prefix: inner, label: label, depth: depth, count: end - index, isOpen: isOpen))
            if isOpen {
                self.add(levels, index..<end, level: deepest + 1, depth: depth + 1, prefix: inner)
            }
            index = end
        }
    }
}
