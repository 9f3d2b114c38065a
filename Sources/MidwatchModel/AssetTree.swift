// SPDX-License-Identifier: Apache-2.0

/// A part of the plant: which sensors speak of it, and what it needs to work.
package struct AssetDeclaration: Equatable, Sendable {
    /// Empty: the node's site.
    package var site = ""
    /// Empty if it has none.
    package var area = ""
    /// Empty: the declaration is about the area itself.
    package var equipment = ""
    package var title = ""
    /// Paths and templates of the sensors that speak of it.
    package var sensors: [String] = []
    /// Names of the assets that it needs.
    package var dependsOn: [String] = []

    package init(area: String = "", equipment: String = "") {
        self.area = area
        self.equipment = equipment
    }

    /// What others call it, unique in a tree: its equipment, else its area, else its site.
    package var name: String {
        if !self.equipment.isEmpty { return self.equipment }
        return self.area.isEmpty ? self.site : self.area
    }
}

/// Where a sensor stands in the plant; empty texts are not known.
package struct AssetPlace: Equatable, Sendable {
    package var site = ""
    package var area = ""
    package var equipment = ""
    package var title = ""
    /// Name of the asset in the tree; empty if no asset has the sensor.
    package var asset = ""

    package init() {}
}

/// The plant as the configuration describes it: site, area, equipment, and what depends on what.
///
/// It changes what people are told, never what is decided. Immutable; every question is bounded by
/// the number of declarations.
package struct AssetTree: Equatable, Sendable {
    /// Assets of one configuration.
    package static let countMax = 4_096
    /// Assets that one asset may need.
    package static let dependenciesMax = 64

    /// In file order.
    package let declarations: [AssetDeclaration]
    private let numbers: [String: Int]
    private let exact: [String: Int]
    /// Of each asset, those that need it, by number.
    private let needing: [[Int]]
    /// Of each asset, its templates with the bytes before their first wildcard: most paths fail
    /// there.
    private let templates: [[(prefix: String, pattern: String)]]

    package init(_ declarations: [AssetDeclaration] = []) {
        let declarations = Array(declarations.prefix(Self.countMax))
        var numbers: [String: Int] = [:]
        var exact: [String: Int] = [:]
        for (number, asset) in declarations.enumerated() {
            if numbers[asset.name] == nil { numbers[asset.name] = number }
            for sensor in asset.sensors where !PathTemplate.hasWildcard(sensor) {
                if exact[sensor] == nil { exact[sensor] = number }
            }
        }
        self.templates = declarations.map { asset in
            asset.sensors.filter(PathTemplate.hasWildcard).map { pattern in
                var prefix = pattern.prefix { $0 != "+" && $0 != "#" }
                // "a/#" also fits "a".
                if pattern.hasSuffix("/#"), prefix.hasSuffix("/") { prefix.removeLast() }
                return (String(prefix), pattern)
            }
        }
        var needing = [[Int]](repeating: [], count: declarations.count)
        for (number, asset) in declarations.enumerated() {
            for name in asset.dependsOn.prefix(Self.dependenciesMax) {
                if let needed = numbers[name] { needing[needed].append(number) }
            }
        }
        self.declarations = declarations
        self.numbers = numbers
        self.exact = exact
        self.needing = needing
    }

    /// The asset with this name, or nil.
    package func asset(named name: String) -> AssetDeclaration? {
        self.numbers[name].map { self.declarations[$0] }
    }

    /// The asset that the sensor at `path` speaks of: one that names the path itself, else the
    /// first equipment with a template that fits, else the first area.
    package func asset(of path: String) -> AssetDeclaration? {
        if let number = self.exact[path] { return self.declarations[number] }
        var area: AssetDeclaration?
        for (asset, templates) in zip(self.declarations, self.templates)
        where area == nil || !asset.equipment.isEmpty {
            let fits = templates.contains { template in
                path.utf8.starts(with: template.prefix.utf8)
                    && PathTemplate.matches(template.pattern, path)
            }
            guard fits else { continue }
            if !asset.equipment.isEmpty { return asset }
            area = asset
        }
        return area
    }

    /// Where the sensor at `path` stands.
    ///
    /// A sensor that no asset has stands in the area that its path names: all levels but the last.
    package func place(of path: String, site: String) -> AssetPlace {
        var place = AssetPlace()
        place.site = site
        guard let asset = self.asset(of: path) else {
            place.area = path.split(separator: "/").dropLast().joined(separator: "/")
            return place
        }
        if !asset.site.isEmpty { place.site = asset.site }
        place.area = asset.area
        place.equipment = asset.equipment
        place.title = asset.title
        place.asset = asset.name
        return place
    }

    /// What needs the asset `name`, directly or through others, nearest first.
    ///
    /// Each once, with the asset through which it does. What needs an area also needs the equipment
    /// in it. At most `limit` are listed; `count` is all of them.
    package func dependents(of name: String, limit: Int) -> (
        assets: [(asset: AssetDeclaration, through: String)], count: Int
    ) {
        guard let start = self.numbers[name] else { return ([], 0) }
        var seen: Set<Int> = [start]
        var queue = [start]
        // A fault of the equipment is a fault of its area for those that need the area.
        let area = self.declarations[start].area
        if !self.declarations[start].equipment.isEmpty, let number = self.numbers[area],
            self.declarations[number].equipment.isEmpty, seen.insert(number).inserted
        {
            queue.append(number)
        }
        var found: [(asset: AssetDeclaration, through: String)] = []
        var count = 0
        var next = 0
        while next < queue.count {
            let number = queue[next]
            next += 1
            for dependent in self.needing[number] where seen.insert(dependent).inserted {
                queue.append(dependent)
                count += 1
                guard found.count < limit else { continue }
                found.append((self.declarations[dependent], self.declarations[number].name))
            }
        }
        return (found, count)
    }

    /// The names round a circle of dependencies; nil if there is none.
    ///
    /// Assets that need each other are a plant that cannot start: the configuration refuses it.
    package var circle: [String]? {
        // 0: not seen; 1: on the way; 2: done.
        var marks = [UInt8](repeating: 0, count: self.declarations.count)
        for start in self.declarations.indices where marks[start] == 0 {
            var path: [(number: Int, next: Int)] = [(start, 0)]
            marks[start] = 1
            while let (number, next) = path.last {
                guard next < self.needing[number].count else {
                    marks[number] = 2
                    path.removeLast()
                    continue
                }
                path[path.count - 1].next += 1
                let dependent = self.needing[number][next]
                switch marks[dependent] {
                case 0:
                    marks[dependent] = 1
                    path.append((dependent, 0))
                case 1:
                    let first = path.firstIndex { $0.number == dependent } ?? 0
                    let numbers = path[first...].map(\.number) + [dependent]
                    return numbers.reversed().map { self.declarations[$0].name }
                default: break
                }
            }
        }
        return nil
    }
}

// MARK: - Equatable

extension AssetTree {
    /// Everything else follows from the declarations.
    package static func == (left: Self, right: Self) -> Bool {
        left.declarations == right.declarations
    }
}
