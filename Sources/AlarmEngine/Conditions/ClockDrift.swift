// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

/// A source's clock that runs too fast or too slow.
///
/// The smallest offset of each half of the window is compared with that of the half before it: the
/// smallest has the least network in it. Unknown until two halves are whole.
struct ClockDrift: BitwiseCopyable, Sendable {
    /// Parts per million, either way, that are too many.
    var limit: Double
    var deadband: Double
    var windowNanoseconds: UInt64
    private var halfStart = MonotonicInstant.zero
    private var current = Int64.max
    private var previous = Int64.max
    /// Parts per million; not a number if unknown.
    private(set) var partsPerMillion = Double.nan

    init(limit: Double, deadband: Double, windowNanoseconds: UInt64) {
        precondition(windowNanoseconds >= 2, "window")
        self.limit = limit
        self.deadband = deadband
        self.windowNanoseconds = windowNanoseconds
    }

    /// Takes arrival less source time; nil if either clock says nothing.
    @_noLocks
    mutating func judge(_ offset: Int64?, at time: MonotonicInstant, isActive: Bool)
        -> ConditionResult
    {
        if let offset { self.take(offset, at: time) }
        guard self.partsPerMillion.isFinite else { return .stale }
        let back = isActive ? self.deadband : 0
        return self.partsPerMillion.magnitude >= self.limit - back ? .met : .notMet
    }

    @_noLocks
    private mutating func take(_ offset: Int64, at time: MonotonicInstant) {
        let half = self.windowNanoseconds / 2
        if self.halfStart.nanoseconds == 0 {
            self.halfStart = time
        } else if time.nanosecondsSince(self.halfStart) >= half {
            let halves = time.nanosecondsSince(self.halfStart) / half
            if halves == 1, self.previous != .max {
                let change = Double(self.current) - Double(self.previous)
                self.partsPerMillion = change / Double(half) * 1_000_000
            } else {
                // The first half, or one without a reading: nothing to compare with.
                self.partsPerMillion = .nan
            }
            self.previous = halves == 1 ? self.current : .max
            self.current = .max
            self.halfStart = self.halfStart.advanced(byNanoseconds: halves &* half)
        }
        self.current = min(self.current, offset)
    }
}
