// SPDX-License-Identifier: Apache-2.0

/// Which source times a sender's working clock can have given; the rule book holds the one in force.
///
/// Engine and archive judge with the same bounds, so that a row says what the decision rested on.
/// Age is not among them: an old time is late or historical, and lateness is measured against the
/// sender's own clock.
package struct SourceTimeBounds: Equatable, Sendable, BitwiseCopyable {
    /// Source times further ahead of the arrival than this are implausible.
    package var aheadMaxNanoseconds: Int64
    /// Source times before this are implausible: a clock that was never set.
    package var earliestNanoseconds: Int64

    package init(
        aheadMaxNanoseconds: Int64 = SystemLimits.sourceTimeAheadMaxNanoseconds,
        earliestNanoseconds: Int64 = SystemLimits.sourceTimeEarliestNanoseconds
    ) {
        self.aheadMaxNanoseconds = max(0, aheadMaxNanoseconds)
        self.earliestNanoseconds = earliestNanoseconds
    }

    /// Whether `sourceTime` lies within the bounds of an arrival at `arrivalWall`; a wall time of 0
    /// says that our own clock is not known yet, and then only the lower bound is held.
    @inlinable
    package func isPlausible(_ sourceTime: Int64, arrivalWall: Int64) -> Bool {
        guard sourceTime >= self.earliestNanoseconds else { return false }
        guard arrivalWall != 0 else { return true }
        let (ahead, isOver) = sourceTime.subtractingReportingOverflow(arrivalWall)
        return isOver ? arrivalWall > 0 : ahead <= self.aheadMaxNanoseconds
    }

    /// Judges one source time; engine and archive both ask here, so that they agree.
    ///
    /// It says nothing about the value.
    ///
    /// - Parameters:
    ///   - sourceTime: Nanoseconds since 1970, `Slot.noSourceTime` if the reading carried none.
    ///   - arrivalWall: Our wall clock when the reading arrived; 0 if it is not known yet.
    ///   - newestAccepted: Newest accepted source time of the sensor, `Slot.noSourceTime` if none.
    ///   - isHistorical: The sender or the transport said that the reading is from the past.
    /// - Returns: The status; `historical` wins over every other.
    @inlinable
    package func status(
        of sourceTime: Int64, arrivalWall: Int64, newestAccepted: Int64, isHistorical: Bool
    ) -> SourceTimeStatus {
        if isHistorical { return .historical }
        if sourceTime == Slot.noSourceTime { return .absent }
        guard self.isPlausible(sourceTime, arrivalWall: arrivalWall) else { return .implausible }
        // No source time is the smallest number there is.
        return sourceTime >= newestAccepted ? .accepted : .regressed
    }
}
