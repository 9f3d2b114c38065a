// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

/// What the clock of a sensor's sender is worth: the smallest offset arrival − source time.
///
/// Per sensor, not per source: behind one gateway a device may be an hour behind the others.
/// The minimum is forgotten only as fast as a bad oscillator drifts, never because time passed: the
/// backlog of an outage of an hour is an hour late when it comes, however long nothing was heard.
/// The first reading of a sensor sets the standard, there being nothing to compare it with.
///
/// Part of the checkpoint format.
struct SenderClock: BitwiseCopyable {
    /// The minimum rises by one part in this many of the time that passes: 500 parts in a million,
    /// ten times what a watch crystal is off by.
    static let driftDivisor: UInt64 = 2_000

    private var minimum = Int64.max
    private var minimumAt = MonotonicInstant.zero

    /// Notes an offset and returns the delay over the smallest one, 0 or more.
    ///
    /// A reading that `waited` with us may be dated to before it was sent: what piles up behind a
    /// pause has the instant at which that began. Taken at its word, it would make every reading
    /// after it seem late; so it lowers the minimum no further than if it had come just now.
    mutating func delay(
        offset: Int64, at time: MonotonicInstant, waited: UInt64
    ) -> UInt64 {
        let drift = Int64(clamping: time.nanosecondsSince(self.minimumAt) / Self.driftDivisor)
        let (risen, isOver) = self.minimum.addingReportingOverflow(drift)
        let smallest = isOver ? Int64.max : risen
        guard offset > smallest else {
            let (latest, isBeyond) = offset.addingReportingOverflow(Int64(clamping: waited))
            if !isBeyond, latest <= smallest {
                self.minimum = latest
                self.minimumAt = time
            }
            return 0
        }
        let (delay, isWide) = offset.subtractingReportingOverflow(smallest)
        return isWide ? .max : UInt64(delay)
    }
}

/// Consecutive readings of a sensor whose source times do not speak about now.
///
/// Either they go back (regressed) or they are late by the same amount again and again. Both mean
/// that the sender's clock was set, if the times grow and keep pace with ours for long enough. A
/// backlog that is sent again does not keep pace: it runs faster.
///
/// Part of the checkpoint format.
struct SuspectRun: BitwiseCopyable {
    enum Kind: UInt8, BitwiseCopyable, CaseIterable { case none, regressed, late }

    /// Readings that a run needs at least, however long it is.
    static let readingsMin: UInt32 = 3
    /// A constant lateness is taken for a set clock after this time at the earliest: a queue that
    /// does not drain looks the same, and its values are old.
    static let lateNanosecondsMin: UInt64 = 300_000_000_000

    private(set) var kind = Kind.none
    private var count: UInt32 = 0
    private var since = MonotonicInstant.zero
    private var first: Int64 = 0
    private var last: Int64 = 0

    /// Whether the clock was set, now that this doubtful reading is known too.
    ///
    /// The run lasts one `deadline` of the sensor at least, and its times keep pace with ours to
    /// within half of one.
    mutating func isClockSet(
        _ kind: Kind, sourceTime: Int64, at arrival: MonotonicInstant, deadline: UInt64
    ) -> Bool {
        guard self.kind == kind, sourceTime > self.last else {
            self.begin(kind, sourceTime, arrival)
            return false
        }
        self.count &+= 1
        self.last = sourceTime
        let run = arrival.nanosecondsSince(self.since)
        let wanted = kind == .late ? max(deadline, Self.lateNanosecondsMin) : deadline
        guard run >= wanted, self.count >= Self.readingsMin else { return false }
        let (moved, isOver) = sourceTime.subtractingReportingOverflow(self.first)
        let (gap, isWide) = moved.subtractingReportingOverflow(Int64(clamping: run))
        guard !isOver, !isWide, gap.magnitude <= deadline / 2 else {
            self.begin(kind, sourceTime, arrival)
            return false
        }
        return true
    }

    mutating func end() { self.kind = .none }

    private mutating func begin(_ kind: Kind, _ sourceTime: Int64, _ at: MonotonicInstant) {
        self.kind = kind
        self.count = 1
        self.since = at
        self.first = sourceTime
        self.last = sourceTime
    }
}
