// SPDX-License-Identifier: Apache-2.0

import MidwatchModel

/// When something that failed is tried again: after a second, then twice as late each time, up to
/// a bound.
struct RetryPace: Equatable, Sendable {
    static let firstNanoseconds: UInt64 = 1_000_000_000
    static let lastNanoseconds: UInt64 = 10_000_000_000

    /// Tries that failed so far.
    private(set) var failureCount: UInt64 = 0
    private(set) var nextAt = MonotonicInstant.zero

    /// Whether a try is due.
    func isDue(_ now: MonotonicInstant) -> Bool { now >= self.nextAt }

    /// A try failed: the next one waits longer.
    mutating func failed(at now: MonotonicInstant) {
        let wait = Self.firstNanoseconds << min(self.failureCount, 10)
        self.failureCount += 1
        self.nextAt = now.advanced(byNanoseconds: min(wait, Self.lastNanoseconds))
    }
}
