// SPDX-License-Identifier: Apache-2.0

/// A binary heap: the smallest element first.
///
/// Elements that are no longer wanted stay until they are popped or `compact` throws them out; the
/// owner decides by a look into its own tables.
struct BinaryHeap<Element: Comparable & Sendable>: Sendable {
    private var elements: [Element] = []

    var count: Int { self.elements.count }
    var smallest: Element? { self.elements.first }

    mutating func push(_ element: Element) {
        self.elements.append(element)
        var child = self.elements.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard self.elements[child] < self.elements[parent] else { return }
            self.elements.swapAt(child, parent)
            child = parent
        }
    }

    @discardableResult
    mutating func pop() -> Element? {
        guard let last = self.elements.popLast() else { return nil }
        guard let first = self.elements.first else { return last }
        self.elements[0] = last
        self.sink(0)
        return first
    }

    /// Drops elements from the front until one is wanted, and returns that one without popping it.
    mutating func smallest(where isWanted: (Element) -> Bool) -> Element? {
        while let first = self.elements.first {
            if isWanted(first) { return first }
            self.pop()
        }
        return nil
    }

    /// Throws out what is not wanted once it is more than half of a heap that holds `liveCount`.
    mutating func compact(liveCount: Int, where isWanted: (Element) -> Bool) {
        guard self.elements.count > 2 * liveCount + 64 else { return }
        self.elements.removeAll { !isWanted($0) }
        for index in stride(from: self.elements.count / 2, through: 0, by: -1)
        where index < self.elements.count {
            self.sink(index)
        }
    }

    private mutating func sink(_ start: Int) {
        var parent = start
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < self.elements.count && self.elements[child] < self.elements[least] {
                least = child
            }
            guard least != parent else { return }
            self.elements.swapAt(parent, least)
            parent = least
        }
    }
}
