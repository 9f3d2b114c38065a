// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

/// Count, mean, minimum or maximum of the readings of a window, in a fixed number of panes.
///
/// The window slides by tenths: it holds the pane under way and the ten before it. Panes lie on
/// multiples of their length on the engine's time line, so that the same readings give the same
/// panes however time is cut into ticks. A reading covers the time until the next one, at most the
/// sensor's deadline; below four fifths of coverage the result is unknown.
struct WindowStatistics: BitwiseCopyable, Sendable {
    enum Measure: UInt8, BitwiseCopyable, Sendable, CaseIterable { case count, mean, least, most }

    struct Pane: BitwiseCopyable, Sendable, Equatable {
        var count: UInt64 = 0
        var sum: Double = 0
        var least = Double.infinity
        var most = -Double.infinity
        var coveredNanoseconds: UInt64 = 0
    }

    /// The pane under way and ten whole ones.
    static var paneCount: Int { 11 }
    static var partCount: UInt64 { 10 }

    var measure: Measure
    var test: SetpointTest
    var windowNanoseconds: UInt64
    /// How long one reading speaks for the sensor.
    var holdNanoseconds: UInt64
    private var panes: [11 of Pane] = .init(repeating: Pane())
    /// Number of the pane under way: engine time divided by the pane's length.
    private var paneNumber: UInt64 = 0
    private var accounted = MonotonicInstant.zero
    private var coverEnd = MonotonicInstant.zero

    init(
        measure: Measure, test: SetpointTest, windowNanoseconds: UInt64, holdNanoseconds: UInt64
    ) {
        precondition(windowNanoseconds >= Self.partCount, "window")
        self.measure = measure
        self.test = test
        self.windowNanoseconds = windowNanoseconds
        self.holdNanoseconds = holdNanoseconds
    }

    private var paneNanoseconds: UInt64 { self.windowNanoseconds / Self.partCount }

    /// Takes a live reading.
    @_noLocks
    mutating func take(_ value: Double, at time: MonotonicInstant) {
        let time = max(time, self.accounted)
        self.advance(to: time)
        let index = Int(self.paneNumber % UInt64(Self.paneCount))
        self.panes[index].count &+= 1
        self.panes[index].sum += value
        self.panes[index].least = min(self.panes[index].least, value)
        self.panes[index].most = max(self.panes[index].most, value)
        self.coverEnd = max(self.coverEnd, time.advanced(byNanoseconds: self.holdNanoseconds))
    }

    /// The condition at `time`, an instant not before the last one.
    @_noLocks
    mutating func judge(at time: MonotonicInstant, isActive: Bool) -> ConditionResult {
        self.advance(to: max(time, self.accounted))
        guard self.isCovered else { return .stale }
        let value = self.value
        // Not a number: no reading. Infinite: a sum of values that are too large.
        guard value.isFinite else { return value.isNaN ? .stale : .error }
        return self.test.isBeyond(value, isActive: isActive) ? .met : .notMet
    }

    /// Whether four fifths of the window are covered by readings.
    var isCovered: Bool {
        @_noLocks get {
            var covered: UInt64 = 0
            for index in 0..<Self.paneCount { covered &+= self.panes[index].coveredNanoseconds }
            return covered >= self.windowNanoseconds / 5 * 4
        }
    }

    /// The measure over the window as it stands; not a number if it has no reading.
    var value: Double {
        @_noLocks get {
            var all = Pane()
            // From the oldest to the newest: sums of the same readings are equal to the last bit.
            for step in 0..<UInt64(Self.paneCount) {
                let pane = self.panes[
                    Int((self.paneNumber &+ 1 &+ step) % UInt64(Self.paneCount))]
                all.count &+= pane.count
                all.sum += pane.sum
                all.least = min(all.least, pane.least)
                all.most = max(all.most, pane.most)
            }
            switch self.measure {
            case .count: return Double(all.count)
            case .mean: return all.count == 0 ? .nan : all.sum / Double(all.count)
            case .least: return all.count == 0 ? .nan : all.least
            case .most: return all.count == 0 ? .nan : all.most
            }
        }
    }

    /// When the pane under way ends.
    private var paneEnd: MonotonicInstant {
        MonotonicInstant(nanoseconds: (self.paneNumber &+ 1) &* self.paneNanoseconds)
    }

    /// The end of the first pane at which the result is not `result` any more if no reading comes;
    /// the end of a pane after `limit` that may be sooner; nil if it stays as it is.
    func nextChange(
        from result: ConditionResult, isActive: Bool, upTo limit: MonotonicInstant
    ) -> MonotonicInstant? {
        guard self.paneEnd <= limit else { return self.paneEnd }
        var ahead = self
        for _ in 0..<2 {
            for _ in 0..<Self.paneCount {
                let end = ahead.paneEnd
                guard end <= limit, ahead.judge(at: end, isActive: isActive) == result else {
                    return end
                }
            }
            guard ahead.coverEnd > ahead.accounted else { return nil }
            // Empty panes that one reading still covers: nothing changes until it covers no more.
            let last = ahead.coverEnd.nanoseconds / self.paneNanoseconds
            let end = max(
                ahead.paneEnd, MonotonicInstant(nanoseconds: last &* self.paneNanoseconds))
            guard end <= limit, ahead.judge(at: end, isActive: isActive) == result else {
                return end
            }
        }
        return nil
    }

    /// Moves on: what was covered is credited, panes that leave the window are emptied.
    @_noLocks
    private mutating func advance(to time: MonotonicInstant) {
        let length = self.paneNanoseconds
        let end = min(time, self.coverEnd).nanoseconds
        var from = self.accounted.nanoseconds
        // What lies before the window is forgotten anyway; this bounds the loop.
        let oldest = time.nanoseconds / length * length
        let span = length &* UInt64(Self.paneCount - 1)
        from = max(from, oldest > span ? oldest &- span : 0)
        while from < end {
            let number = from / length
            self.roll(to: number)
            let part = min(end, (number &+ 1) &* length) &- from
            self.panes[Int(number % UInt64(Self.paneCount))].coveredNanoseconds &+= part
            from &+= part
        }
        self.roll(to: time.nanoseconds / length)
        self.accounted = time
    }

    @_noLocks
    private mutating func roll(to number: UInt64) {
        guard number > self.paneNumber else { return }
        let steps = min(number &- self.paneNumber, UInt64(Self.paneCount))
        for step in 0..<steps {
            self.panes[Int((number &- step) % UInt64(Self.paneCount))] = Pane()
        }
        self.paneNumber = number
    }

    static var byteFields: [ByteField] {
        [ByteField(\Self.measure), ByteField(\Self.test.isHigh)]
    }
}
