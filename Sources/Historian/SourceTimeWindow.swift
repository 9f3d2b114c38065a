// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// What a sender's time is worth, as a pure judgement.
///
/// It says nothing about the value.
package struct SourceTimeWindow: Sendable, Equatable {
    /// Source times further ahead of the arrival than this are implausible.
    package var aheadMaxNanoseconds: Int64
    /// Source times further behind the arrival than this are implausible.
    package var ageMaxNanoseconds: Int64

    package init(
        aheadMaxNanoseconds: Int64 = SystemLimits.sourceTimeAheadMaxNanoseconds,
        ageMaxNanoseconds: Int64 = 86_400_000_000_000
    ) {
        precondition(aheadMaxNanoseconds >= 0 && ageMaxNanoseconds >= 0)
        self.aheadMaxNanoseconds = aheadMaxNanoseconds
        self.ageMaxNanoseconds = ageMaxNanoseconds
    }

    /// Judges one source time.
    ///
    /// - Parameters:
    ///   - sourceTime: Nanoseconds since 1970, `Slot.noSourceTime` if the reading carried none.
    ///   - arrival: Our wall clock when the reading arrived.
    ///   - newestAccepted: Newest accepted source time of the sensor, nil if there is none.
    ///   - isHistorical: The sender or the transport said that the reading is from the past.
    /// - Returns: The status; `historical` wins over every other.
    package func status(
        sourceTime: Int64, arrival: WallInstant, newestAccepted: Int64?, isHistorical: Bool
    ) -> SourceTimeStatus {
        if isHistorical { return .historical }
        if sourceTime == Slot.noSourceTime { return .absent }
        // Saturating: senders choose any 64 bits.
        let (ahead, overflow) = sourceTime.subtractingReportingOverflow(arrival.nanoseconds)
        if overflow || ahead > self.aheadMaxNanoseconds || ahead < -self.ageMaxNanoseconds {
            return .implausible
        }
        if let newestAccepted, sourceTime < newestAccepted { return .regressed }
        return .accepted
    }
}
