// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

/// No change beyond a band for a time: a frozen transmitter keeps sending its last value.
///
/// Judged at readings and, once a second reading said the same, when the time is up: until its
/// deadline the sensor counts as it was. Only for sensors that report regularly; one that reports on
/// change is flat by nature.
struct FlatLine: BitwiseCopyable, Sendable {
    /// Change that counts: more than this, in the unit of the sensor; 0 or more.
    var epsilon: Double
    var durationNanoseconds: UInt64
    private var anchor: Double = 0
    private var since = MonotonicInstant.zero
    private var last = MonotonicInstant.zero
    private var hasAnchor = false
    /// A change was seen: until then nothing is known about the time before the first reading.
    private var hasChanged = false

    init(epsilon: Double, durationNanoseconds: UInt64) {
        self.epsilon = epsilon
        self.durationNanoseconds = durationNanoseconds
    }

    /// Since when the value stands still; zero before the first reading.
    var flatSince: MonotonicInstant { self.since }

    /// Takes a live reading.
    ///
    /// A loss in between does not restart the time: a value that comes back unchanged is as
    /// suspicious as one that stayed.
    @_noLocks
    mutating func judge(_ value: Double, at time: MonotonicInstant) -> ConditionResult {
        let time = max(time, self.last)
        self.last = time
        guard self.hasAnchor else {
            self.hasAnchor = true
            self.anchor = value
            self.since = time
            return .stale
        }
        guard (value - self.anchor).magnitude <= self.epsilon else {
            self.hasChanged = true
            self.anchor = value
            self.since = time
            return .notMet
        }
        if time.nanosecondsSince(self.since) >= self.durationNanoseconds { return .met }
        return self.hasChanged ? .notMet : .stale
    }

    /// When the value will have stood still for long enough if no reading comes; nil if it has, or if
    /// nobody confirmed it yet.
    func nextChange(from result: ConditionResult) -> MonotonicInstant? {
        guard self.hasAnchor, self.last > self.since else { return nil }
        if case .met = result { return nil }
        return self.since.advanced(byNanoseconds: self.durationNanoseconds)
    }

    /// The condition at `time` without a new reading.
    @_noLocks
    func judge(at time: MonotonicInstant) -> ConditionResult {
        let isLong = time.nanosecondsSince(self.since) >= self.durationNanoseconds
        if isLong, self.hasAnchor, self.last > self.since { return .met }
        return self.hasChanged ? .notMet : .stale
    }

    static var byteFields: [ByteField] {
        [ByteField(\Self.hasAnchor), ByteField(\Self.hasChanged)]
    }
}
