// SPDX-License-Identifier: Apache-2.0

/// The last ids that were taken in; the oldest are forgotten beyond the bound.
struct RecentIDs<ID: Hashable & Sendable>: Sendable {
    private let countMax: Int
    private var known: Set<ID> = []
    private var ring: [ID] = []
    private var oldestIndex = 0

    init(countMax: Int) {
        precondition(countMax > 0, "bound of recent ids")
        self.countMax = countMax
    }

    /// Whether `id` is new; from now on it is known.
    mutating func insert(_ id: ID) -> Bool {
        guard self.known.insert(id).inserted else { return false }
        if self.ring.count < self.countMax {
            self.ring.append(id)
        } else {
            self.known.remove(self.ring[self.oldestIndex])
            self.ring[self.oldestIndex] = id
            self.oldestIndex = (self.oldestIndex + 1) % self.countMax
        }
        return true
    }

    func contains(_ id: ID) -> Bool { self.known.contains(id) }
}
