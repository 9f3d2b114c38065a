// SPDX-License-Identifier: Apache-2.0

/// The last ids that were taken in; the oldest are forgotten beyond the bound.
struct RecentIDs: Sendable {
    private let countMax: Int
    private var known: Set<String> = []
    private var ring: [String] = []
    private var oldestIndex = 0

    init(countMax: Int) {
        precondition(countMax > 0, "bound of recent ids")
        self.countMax = countMax
    }

    /// Whether `id` is new; from now on it is known.
    mutating func insert(_ id: String) -> Bool {
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

    mutating func forget(_ id: String) { self.known.remove(id) }
}
