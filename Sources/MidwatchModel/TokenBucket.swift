// SPDX-License-Identifier: Apache-2.0

/// A rate and a burst: how often something may happen.
///
/// Holds the time at which the bucket was last full (the "theoretical arrival time" of cell rate
/// control) instead of a level, so that nothing is lost to rounding.
package struct TokenBucket: Equatable, Sendable, BitwiseCopyable {
    private let intervalNanoseconds: UInt64
    private let burstNanoseconds: UInt64
    /// When the bucket will be full again.
    private var fullAt: UInt64 = 0

    /// - Parameters:
    ///   - rate: Per second, more than 0.
    ///   - burst: At once after a pause, at least 1.
    package init(rate: Int, burst: Int) {
        precondition(rate > 0 && burst > 0, "a bucket has a rate and a burst")
        self.intervalNanoseconds = max(1, 1_000_000_000 / UInt64(rate))
        self.burstNanoseconds = self.intervalNanoseconds &* UInt64(burst)
    }

    /// Nanoseconds until one may be taken; 0 if it may be now.
    package func wait(now: MonotonicInstant) -> UInt64 {
        let after = max(self.fullAt, now.nanoseconds) &+ self.intervalNanoseconds
        let horizon = now.nanoseconds &+ self.burstNanoseconds
        return after > horizon ? after - horizon : 0
    }

    /// Takes one; false if there is none.
    package mutating func take(now: MonotonicInstant) -> Bool {
        guard self.wait(now: now) == 0 else { return false }
        self.fullAt = max(self.fullAt, now.nanoseconds) &+ self.intervalNanoseconds
        return true
    }

    /// Whether nothing was taken for so long that a new bucket would be the same.
    package func isFull(now: MonotonicInstant) -> Bool { self.fullAt <= now.nanoseconds }
}
