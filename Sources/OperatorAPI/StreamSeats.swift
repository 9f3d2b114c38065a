// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// A bounded number of seats, taken and given back from any thread, of which no address has all.
final class StreamSeats: Sendable {
    private let taken = Mutex<[String: Int]>([:])

    /// Takes a seat for `address` unless `max` are taken, or `perAddressMax` by it alone.
    func take(max: Int, perAddressMax: Int, address: String) -> Bool {
        self.taken.withLock { taken in
            let own = taken[address, default: 0]
            guard own < perAddressMax, taken.values.reduce(0, +) < max else { return false }
            taken[address] = own + 1
            return true
        }
    }

    func giveBack(address: String) {
        self.taken.withLock { taken in
            let left = taken[address, default: 1] - 1
            taken[address] = left > 0 ? left : nil
        }
    }

    var count: Int { self.taken.withLock { $0.values.reduce(0, +) } }
}
