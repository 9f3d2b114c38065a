// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

/// Change per second over a window, by the oldest reading that the window still holds.
///
/// Keeps one reading per eighth of the window. Until the oldest is half a window old the rate is
/// unknown: two readings a second apart say nothing about a minute. A window without a reading says
/// nothing either, unless the sensor speaks on change only: its last value then holds and is taken
/// again at each part of the window, so that a rate ends by itself and a jump after a long rest is
/// seen.
struct RateOfChange: BitwiseCopyable, Sendable {
    struct Mark: BitwiseCopyable, Sendable, Equatable {
        var time = MonotonicInstant.zero
        var value: Double = 0
    }

    /// One more than the window has parts: both its ends may hold a mark.
    static var markCount: Int { 9 }
    static var partCount: UInt64 { 8 }

    /// Rise per second that is too fast; infinite: none is.
    var rise: Double
    /// Fall per second that is too fast, 0 or more; infinite: none is.
    var fall: Double
    /// Per second, 0 or more.
    var deadband: Double
    var windowNanoseconds: UInt64
    /// The last value holds until the next reading: the sensor is supervised by exception.
    var isHolding = false
    private var marks: [9 of Mark] = .init(repeating: Mark())
    private var first: UInt8 = 0
    private var count: UInt8 = 0
    private var last = MonotonicInstant.zero
    private var lastValue: Double = 0
    /// The last rate, per second; not a number if it is unknown.
    private(set) var rate = Double.nan

    init(rise: Double, fall: Double, deadband: Double, windowNanoseconds: UInt64) {
        precondition(windowNanoseconds >= Self.partCount, "window")
        self.rise = rise
        self.fall = fall
        self.deadband = deadband
        self.windowNanoseconds = windowNanoseconds
    }

    /// Takes a live reading.
    @_noLocks
    mutating func judge(_ value: Double, at time: MonotonicInstant, isActive: Bool)
        -> ConditionResult
    {
        // Two producers may swap: an older arrival is taken at the newer one's time.
        let time = max(time, self.last)
        if self.isHolding { self.hold(until: time) }
        return self.take(value, at: time, isActive: isActive)
    }

    /// The condition at `time` without a new reading.
    @_noLocks
    mutating func judge(at time: MonotonicInstant, isActive: Bool) -> ConditionResult {
        guard self.isHolding else {
            guard time.nanosecondsSince(self.last) < self.windowNanoseconds else {
                self.rate = .nan
                return .stale
            }
            return self.verdict(isActive: isActive)
        }
        self.hold(until: time)
        return self.take(self.lastValue, at: time, isActive: isActive)
    }

    /// When time alone next changes the result from `result`; a time after `limit` may be too early,
    /// nil: nothing changes.
    func nextChange(
        from result: ConditionResult, isActive: Bool, upTo limit: MonotonicInstant
    ) -> MonotonicInstant? {
        guard self.count > 0 else { return nil }
        guard self.isHolding else {
            if case .stale = result { return nil }
            return self.last.advanced(byNanoseconds: self.windowNanoseconds)
        }
        var ahead = self
        // Two windows: in the second at the latest the rate is nothing.
        for _ in 0..<2 * Int(Self.partCount) + 2 {
            let next = ahead.last.advanced(byNanoseconds: self.stepNanoseconds)
            guard next <= limit,
                ahead.take(self.lastValue, at: next, isActive: isActive) == result
            else { return next }
        }
        return nil
    }

    private var stepNanoseconds: UInt64 {
        @_noLocks get { max(1, self.windowNanoseconds / Self.partCount) }
    }

    /// Takes the last value again at each part of the window that passed since it came.
    @_noLocks
    private mutating func hold(until time: MonotonicInstant) {
        guard self.count > 0 else { return }
        let step = self.stepNanoseconds
        // What lies more than a window back is forgotten anyway; this bounds the loop.
        let passed = time.nanosecondsSince(self.last) / step
        if passed > Self.partCount + 1 {
            self.last = self.last.advanced(
                byNanoseconds: (passed - Self.partCount - 1) &* step)
        }
        while time.nanosecondsSince(self.last) > step {
            _ = self.take(
                self.lastValue, at: self.last.advanced(byNanoseconds: step), isActive: false)
        }
    }

    @_noLocks
    private mutating func take(_ value: Double, at time: MonotonicInstant, isActive: Bool)
        -> ConditionResult
    {
        self.last = time
        self.lastValue = value
        self.forget(before: time)
        self.rate = .nan
        if self.count > 0 {
            let oldest = self.marks[Int(self.first)]
            let age = time.nanosecondsSince(oldest.time)
            if age >= self.windowNanoseconds / 2 {
                self.rate = (value - oldest.value) / (Double(age) / 1_000_000_000)
            }
        }
        self.keep(value, at: time)
        return self.verdict(isActive: isActive)
    }

    @_noLocks
    private func verdict(isActive: Bool) -> ConditionResult {
        // Infinite: faster than a number can say, in a direction that may not be looked at.
        guard self.rate.isFinite else { return self.rate.isNaN ? .stale : .error }
        let back = isActive ? self.deadband : 0
        return self.rate >= self.rise - back || -self.rate >= self.fall - back ? .met : .notMet
    }

    @_noLocks
    private mutating func forget(before time: MonotonicInstant) {
        while self.count > 0,
            time.nanosecondsSince(self.marks[Int(self.first)].time) > self.windowNanoseconds
        {
            self.first = (self.first &+ 1) % UInt8(Self.markCount)
            self.count &-= 1
        }
    }

    @_noLocks
    private mutating func keep(_ value: Double, at time: MonotonicInstant) {
        if self.count > 0 {
            let newest = Int(self.first &+ self.count &- 1) % Self.markCount
            let step = self.windowNanoseconds / Self.partCount
            guard time.nanosecondsSince(self.marks[newest].time) >= step else { return }
        }
        // A window whose length is no multiple of its parts could hold one mark more.
        if Int(self.count) == Self.markCount {
            self.first = (self.first &+ 1) % UInt8(Self.markCount)
            self.count &-= 1
        }
        self.marks[Int(self.first &+ self.count) % Self.markCount] = Mark(time: time, value: value)
        self.count &+= 1
    }

    /// Bytes that a checkpoint must hold no more than the given values in.
    static var byteFields: [ByteField] {
        [
            ByteField(\Self.first, most: UInt8(self.markCount - 1)),
            ByteField(\Self.count, most: UInt8(self.markCount)), ByteField(\Self.isHolding),
        ]
    }
}
