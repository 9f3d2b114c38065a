// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

/// Joins observations so that at most one record per interval is made of them.
///
/// The first one is due at once; what follows within the interval waits for its end. Nothing is
/// forgotten: a record that found no room stays pending.
struct ObservationCoalescer {
    /// How two values become one.
    enum Join { case sum, largest }

    /// Shortest time between two records of one kind and listener.
    static let intervalNanoseconds: UInt64 = 100_000_000

    private let join: Join
    private var pending: UInt64 = 0
    private var nextAt = MonotonicInstant.zero

    init(_ join: Join) { self.join = join }

    /// Adds an observation; 0 is none.
    mutating func note(_ value: UInt64) {
        switch self.join {
        case .sum: self.pending &+= value
        case .largest: self.pending = max(self.pending, value)
        }
    }

    /// The value to record now, if any.
    func due(now: MonotonicInstant) -> UInt64? {
        self.pending > 0 && now >= self.nextAt ? self.pending : nil
    }

    /// The record was made.
    mutating func recorded(now: MonotonicInstant) {
        self.pending = 0
        self.nextAt = now.advanced(byNanoseconds: Self.intervalNanoseconds)
    }
}
