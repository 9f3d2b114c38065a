// SPDX-License-Identifier: Apache-2.0

/// Conditions that wait to be evaluated, those that others depend on first.
///
/// A binary heap over flat memory: one sensor may be the reference of a hundred thousand others, and
/// a new configuration queues everything.
struct EvaluationQueue: ~Copyable, Sendable {
    /// Rank in the upper half, number of the condition in the lower.
    private var keys = FlatTable<UInt64>(reserving: 16)

    mutating func push(rank: UInt32, bound: UInt32) {
        let key = UInt64(rank) << 32 | UInt64(bound)
        self.keys.append(key)
        var child = self.keys.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            let above = self.keys[parent]
            guard key < above else { break }
            self.keys[child] = above
            child = parent
        }
        self.keys[child] = key
    }

    /// Takes the condition of the smallest rank, of these the smallest number; nil if none waits.
    mutating func pop() -> UInt32? {
        guard let last = self.keys.popLast() else { return nil }
        let count = self.keys.count
        guard count > 0 else { return UInt32(truncatingIfNeeded: last) }
        let first = self.keys[0]
        var parent = 0
        while true {
            var child = 2 * parent + 1
            guard child < count else { break }
            if child + 1 < count, self.keys[child + 1] < self.keys[child] { child += 1 }
            let below = self.keys[child]
            guard below < last else { break }
            self.keys[parent] = below
            parent = child
        }
        self.keys[parent] = last
        return UInt32(truncatingIfNeeded: first)
    }
}
