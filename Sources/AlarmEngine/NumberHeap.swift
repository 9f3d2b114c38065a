// SPDX-License-Identifier: Apache-2.0

/// Numbers of which the least is wanted first: a binary heap.
///
/// Taking all that a configuration sets free, and giving them out again, costs n log n.
struct NumberHeap: Sendable {
    private var numbers: [UInt32] = []

    var count: Int { self.numbers.count }

    mutating func push(_ number: UInt32) {
        self.numbers.append(number)
        var child = self.numbers.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard self.numbers[child] < self.numbers[parent] else { return }
            self.numbers.swapAt(child, parent)
            child = parent
        }
    }

    /// Takes the least number; nil if there is none.
    mutating func popLeast() -> UInt32? {
        guard let least = self.numbers.first, let last = self.numbers.popLast() else { return nil }
        guard !self.numbers.isEmpty else { return least }
        self.numbers[0] = last
        var parent = 0
        while true {
            var child = 2 * parent + 1
            guard child < self.numbers.count else { return least }
            if child + 1 < self.numbers.count, self.numbers[child + 1] < self.numbers[child] {
                child += 1
            }
            guard self.numbers[child] < self.numbers[parent] else { return least }
            self.numbers.swapAt(child, parent)
            parent = child
        }
    }
}
