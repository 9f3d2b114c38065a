// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import OperatorViews
import StateFolder
import Synchronization

/// The names of all sensors as pages need them: in order, and in lower case for searching.
///
/// Made anew when a sensor or other rules come; a page then costs what it shows, not what there is.
final class SensorNames: Sendable {
    struct Content: Sendable {
        var paths = NameTable.Names()
        /// Numbers of sensors in the order of their paths, without the canary.
        var order: [UInt32] = []
        /// Place of a sensor in `order`; the canary has none.
        var rank: [UInt32?] = []
        /// Path and title of a sensor, for `TextFilter`.
        var searchable: [[UInt8]] = []
        fileprivate var book: RuleBook?

        /// The place in `order` behind `path`.
        func place(behind path: String?) -> Int {
            guard let path else { return 0 }
            var (low, high) = (0, self.order.count)
            while low < high {
                let middle = (low + high) / 2
                if self.paths[Int(self.order[middle])] <= path {
                    low = middle + 1
                } else {
                    high = middle
                }
            }
            return low
        }
    }

    private let content = Mutex(Content())
    private let live: LiveState

    init(_ live: LiveState) { self.live = live }

    /// The names of the sensors and rules of now.
    func now() -> Content {
        let paths = self.live.paths
        let book = self.live.ruleBook
        let known = self.content.withLock { $0 }
        // Sensors are never removed and never renamed.
        if known.paths.count == paths.count, known.book === book { return known }
        let made = Self.make(paths, book)
        self.content.withLock { $0 = made }
        return made
    }

    private static func make(_ paths: NameTable.Names, _ book: RuleBook) -> Content {
        var content = Content(paths: paths, book: book)
        content.order = paths.indices.filter { !Revisions.isCanary(paths[$0]) }.map { UInt32($0) }
            .sorted { paths[Int($0)] < paths[Int($1)] }
        content.rank = Array(repeating: nil, count: paths.count)
        for (place, index) in content.order.enumerated() {
            content.rank[Int(index)] = UInt32(place)
        }
        content.searchable = paths.map {
            TextFilter.searchable(path: $0, title: book.declaration(for: $0).title)
        }
        return content
    }
}
