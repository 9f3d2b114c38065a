// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

/// Values of a sensor that change nothing: above `above` and below `below` no limit is met, every
/// alarm that a value decides is at rest, and the instrument can say such a value.
///
/// Rounded inward to half the size, which costs nothing but a closer look at a value next to a
/// setpoint. `none` while anything is not at rest.
struct QuietBand: BitwiseCopyable {
    private var above: Float
    private var below: Float

    static var none: Self { Self(above: Float.infinity, below: -Float.infinity) }

    private init(above: Float, below: Float) {
        self.above = above
        self.below = below
    }

    /// The values between two others, both excluded; they may be infinite.
    init(above: Double, below: Double) {
        var least = Float(above)
        if Double(least) < above { least = least.nextUp }
        var most = Float(below)
        if Double(most) > below { most = most.nextDown }
        self.init(above: least, below: most)
    }

    /// Whether `value` is between them; a value that is no number is not, nor is one that is not
    /// finite.
    @inline(__always)
    func holds(_ value: Double) -> Bool { value > Double(self.above) && value < Double(self.below) }
}

extension SensorState {
    /// What a reading is compared with beside the sensor itself.
    struct Surroundings {
        /// Wall time of the arrival; 0 before the first anchor.
        var wall: Int64
        /// The latest instant that records rest on.
        var established: MonotonicInstant
        var bounds: SourceTimeBounds
    }

    /// Takes a reading that changes nothing but value and times: nearly all of them.
    ///
    /// The sensor is fresh and at rest, the reading live, good, and within the quiet band. Such a
    /// reading would pass every judgement of the long way without effect; this is the same result
    /// for a third of the work, and without a look at the alarms of the sensor.
    ///
    /// - Returns: Whether the reading was taken; if not, nothing was touched.
    @inline(__always)
    mutating func takeQuietly(_ slot: Slot, n: UInt64, _ around: Surroundings) -> Bool {
        // (Raw values: `==` of another module's enum is a call.)
        guard self.quiet.holds(slot.number), self.freshness.rawValue == Freshness.fresh.rawValue,
            slot.qualityRaw == Quality.good.rawValue,
            slot.reserved == self.promised.rawValue, self.graceNanoseconds == 0,
            around.established.nanosecondsSince(slot.arrival) <= self.deadlineNanoseconds,
            !slot.flags.contains(.historical)
        else { return false }
        var status = SourceTimeStatus.absent
        if slot.sourceTime != Slot.noSourceTime {
            guard self.followsLive(slot, around) else { return false }
            status = .accepted
            self.newestSourceTime = slot.sourceTime
            self.lastSourceTime = slot.sourceTime
        }
        self.readingCount &+= 1
        // Two producers may swap: an older arrival takes nothing from the deadline.
        self.deadlineBase = max(self.deadlineBase, slot.arrival)
        self.lastArrival = slot.arrival
        self.lastArrivalWall = around.wall
        self.valueBits = slot.valueBits
        self.valueKind = slot.valueKind ?? .float64
        self.quality = .good
        self.sourceTimeStatus = status
        self.lastN = n
        self.backlogCount = 0
        return true
    }

    /// Whether a source time goes on from the last live one, in time and without doubt.
    @inline(__always)
    private mutating func followsLive(_ slot: Slot, _ around: Surroundings) -> Bool {
        guard !self.isSuspect, slot.sourceTime > self.lastSourceTime,
            slot.sourceTime >= self.newestSourceTime,
            around.bounds.isPlausible(slot.sourceTime, arrivalWall: around.wall)
        else { return false }
        guard around.wall != 0 else { return true }
        let (offset, isOver) = around.wall.subtractingReportingOverflow(slot.sourceTime)
        // A delay that is too long leaves the clock as it was.
        let delay = self.clock.delay(
            offset: isOver ? .max : offset, at: slot.arrival,
            waited: around.established.nanosecondsSince(slot.arrival))
        return delay <= self.deadlineNanoseconds / 2
    }
}
