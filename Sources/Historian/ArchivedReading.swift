// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// One row of the archive, ready to be stored.
package struct ArchivedReading: Sendable, BitwiseCopyable {
    /// Rows are filed under source times at most this far behind their arrival: senders cannot make
    /// partitions of days long closed.
    package static let backfillMaxNanoseconds: Int64 = ArchiveDay.nanoseconds

    /// The record as journaled: what quarantine keeps.
    package var slot: Slot
    package var epoch: UInt32
    package var n: UInt64
    /// The time column: source time if accepted and not older than `backfillMaxNanoseconds`, else
    /// arrival.
    ///
    /// Nanoseconds since 1970.
    package var time: Int64
    /// Our wall clock at arrival, nanoseconds since 1970.
    package var arrivalTime: Int64
    package var sourceTimeStatus: SourceTimeStatus
    package var quality: Quality
    /// False for NaN, infinities and value kinds unknown: stored as NULL.
    package var hasValue: Bool
    /// Meaningful if `hasValue`.
    package var value: Double

    package var position: Position { Position(epoch: self.epoch, n: self.n) }

    /// OPC UA status code of value and quality.
    package var statusCode: UInt32 {
        switch self.quality {
        case .good: StatusCode.good
        case .uncertain: StatusCode.uncertain
        case .bad: self.hasValue ? StatusCode.bad : StatusCode.badSensorFailure
        }
    }

    /// Makes the row of a reading.
    package init(
        _ slot: Slot, at position: Position, arrivalTime: Int64, status: SourceTimeStatus
    ) {
        self.slot = slot
        self.epoch = position.epoch
        self.n = position.n
        let (age, isOver) = arrivalTime.subtractingReportingOverflow(slot.sourceTime)
        let isFiledBySource =
            status == .accepted && !isOver && age <= Self.backfillMaxNanoseconds
        self.time = isFiledBySource ? slot.sourceTime : arrivalTime
        self.arrivalTime = arrivalTime
        self.sourceTimeStatus = status
        let number = slot.number
        self.hasValue = number.isFinite
        self.value = number.isFinite ? number : 0
        // A value that is not a number is not good, whatever its sender says.
        self.quality = number.isFinite ? slot.quality : .bad
    }
}

/// Days since 1970-01-01 in UTC: the unit of partitions.
package struct ArchiveDay: Hashable, Comparable, Sendable {
    package static let nanoseconds: Int64 = 86_400_000_000_000

    package var number: Int32

    package init(number: Int32) { self.number = number }

    /// The day of an instant in nanoseconds since 1970.
    package init(of nanoseconds: Int64) {
        self.number = Int32(
            truncatingIfNeeded: nanoseconds.flooredQuotientAndRemainder(Self.nanoseconds).0)
    }

    /// `YYYYMMDD`, as in table names.
    package var name: String {
        let (year, month, day) = WallInstant.civil(daysSinceEpoch: Int64(self.number))
        return Self.padded(year, 4) + Self.padded(month, 2) + Self.padded(day, 2)
    }

    /// `YYYY-MM-DD`.
    package var date: String {
        let (year, month, day) = WallInstant.civil(daysSinceEpoch: Int64(self.number))
        return Self.padded(year, 4) + "-" + Self.padded(month, 2) + "-" + Self.padded(day, 2)
    }

    /// The day whose `name` this is; nil if it is none.
    package init?(name: some StringProtocol) {
        guard name.utf8.count == 8, name.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let digits = Int32(name), (1...12).contains(digits / 100 % 100),
            (1...31).contains(digits % 100)
        else { return nil }
        // The inverse of `civil`, by the same count of eras of years that begin in March.
        let month = Int64(digits / 100 % 100)
        let year = Int64(digits / 10_000) - (month <= 2 ? 1 : 0)
        let (era, yearOfEra) = year.flooredQuotientAndRemainder(400)
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + Int64(digits % 100) - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        self.init(number: Int32(truncatingIfNeeded: era * 146_097 + dayOfEra - 719_468))
        guard self.name == name else { return nil }
    }

    /// Nanoseconds since 1970 at which the day begins.
    package var start: Int64 { Int64(self.number) * Self.nanoseconds }

    package func advanced(by days: Int32) -> Self { Self(number: self.number &+ days) }

    package static func < (lhs: Self, rhs: Self) -> Bool { lhs.number < rhs.number }

    private static func padded(_ value: Int64, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
