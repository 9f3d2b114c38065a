// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

/// Timers that are due, in the order in which they fire: by deadline, then by owner.
///
/// The owner, not the timer, breaks ties: timers are numbered anew after a restart.
///
/// A binary heap over flat memory.
struct DueHeap: ~Copyable, Sendable {
    struct Entry: BitwiseCopyable {
        var due: MonotonicInstant
        /// Code of a `TimerOwner`.
        var owner: UInt32

        static func < (lhs: Entry, rhs: Entry) -> Bool {
            (lhs.due, lhs.owner) < (rhs.due, rhs.owner)
        }
    }

    private var entries: [Entry] = []

    var first: Entry? { self.entries.first }
    var count: Int { self.entries.count }

    mutating func push(_ entry: Entry) {
        self.entries.append(entry)
        var child = self.entries.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard self.entries[child] < self.entries[parent] else { return }
            self.entries.swapAt(child, parent)
            child = parent
        }
    }

    mutating func popFirst() -> Entry? {
        guard let first = self.entries.first, let last = self.entries.popLast() else { return nil }
        guard !self.entries.isEmpty else { return first }
        self.entries[0] = last
        var parent = 0
        while true {
            var child = 2 * parent + 1
            guard child < self.entries.count else { return first }
            if child + 1 < self.entries.count, self.entries[child + 1] < self.entries[child] {
                child += 1
            }
            guard self.entries[child] < self.entries[parent] else { return first }
            self.entries.swapAt(child, parent)
            parent = child
        }
    }
}
