// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// A bounded number of seats, taken and given back from any thread.
final class StreamSeats: Sendable {
    private let taken = Mutex(0)

    /// Takes a seat unless `max` are taken.
    func take(max: Int) -> Bool {
        self.taken.withLock { taken in
            guard taken < max else { return false }
            taken += 1
            return true
        }
    }

    func giveBack() { self.taken.withLock { $0 -= 1 } }

    var count: Int { self.taken.withLock { $0 } }
}
