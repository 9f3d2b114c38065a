// SPDX-License-Identifier: Apache-2.0

package import OperatorViews

/// The rows of a view, of which only those on the screen are made.
///
/// A plant has thousands of sensors and a screen sixty rows. A row with all that it shows is large:
/// made for every sensor, ten megabytes would come and go with each frame, and leave holes in the
/// memory of a dashboard that stays open for months.
package struct ItemList: Sendable, RandomAccessCollection {
    private enum Content: Sendable {
        case made([Item])
        case tree(SensorTree)
        /// The oldest first; shown the other way round.
        case events([EventView])
    }

    private var content: Content

    package init(_ items: [Item] = []) { self.content = .made(items) }

    package init(_ tree: SensorTree) { self.content = .tree(tree) }

    /// The newest of `events`, which stands last, is the first row.
    package init(newestFirst events: [EventView]) { self.content = .events(events) }

    package var startIndex: Int { 0 }

    package var endIndex: Int {
        switch self.content {
        case .made(let items): items.count
        case .tree(let tree): tree.rows.count
        case .events(let events): events.count
        }
    }

    package subscript(_ index: Int) -> Item {
        switch self.content {
        case .made(let items): return items[index]
        case .events(let events): return .event(events[events.count - 1 - index])
        case .tree(let tree):
            switch tree.rows[index] {
            case .group(let prefix, let label, let depth, let count, let isOpen):
                return .group(
                    prefix: prefix, label: label, depth: depth, count: count, isOpen: isOpen)
            case .leaf(let sensor, let depth):
                return .leaf(path: tree.paths[sensor], depth: depth)
            }
        }
    }

    package mutating func append(_ item: Item) { self += [item] }

    package static func += (list: inout ItemList, items: some Sequence<Item>) {
        guard case .made(var made) = list.content else {
            list.content = .made(Array(list) + items)
            return
        }
        list.content = .made([])
        made += items
        list.content = .made(made)
    }

    /// Where the row with this key is; nil if it is gone.
    package func index(ofKey key: String) -> Int? {
        guard case .tree(let tree) = self.content else {
            return self.firstIndex { $0.key == key }
        }
        let name = key.dropFirst()
        return tree.rows.firstIndex { row in
            switch row {
            case .group(let prefix, _, _, _, _): key.first == "g" && prefix == name
            case .leaf(let sensor, _): key.first == "s" && tree.paths[sensor] == name
            }
        }
    }
}
