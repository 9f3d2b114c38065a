// SPDX-License-Identifier: Apache-2.0

/// A point on the engine's time line: nanoseconds, unsigned, never decreasing.
///
/// The line is CLOCK_BOOTTIME plus an offset that is fixed for one run and recorded in its start
/// record, so that it continues over restarts and reboots (ARCHITECTURE.md, "Time"). It says
/// nothing about the calendar; `WallInstant` does, and only edges convert between the two.
@frozen @usableFromInline
package struct MonotonicInstant: Comparable, Hashable, Sendable, BitwiseCopyable {
    @usableFromInline package var nanoseconds: UInt64

    @inlinable
    package init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    /// The earliest instant; also "never" in tables that need no separate flag.
    @inlinable
    package static var zero: Self { Self(nanoseconds: 0) }

    /// Later than anything a clock can show.
    @inlinable
    package static var distantFuture: Self { Self(nanoseconds: UInt64.max) }

    /// This instant moved forward, saturating at `distantFuture`.
    @inlinable
    package func advanced(byNanoseconds delta: UInt64) -> Self {
        let (sum, overflow) = self.nanoseconds.addingReportingOverflow(delta)
        return Self(nanoseconds: overflow ? UInt64.max : sum)
    }

    /// Nanoseconds from `earlier` to this instant; 0 if `earlier` is later.
    @inlinable
    package func nanosecondsSince(_ earlier: Self) -> UInt64 {
        self.nanoseconds > earlier.nanoseconds ? self.nanoseconds &- earlier.nanoseconds : 0
    }

    @inlinable
    package static func < (lhs: Self, rhs: Self) -> Bool { lhs.nanoseconds < rhs.nanoseconds }
}

/// A calendar instant: nanoseconds since 1970-01-01T00:00:00Z, signed.
///
/// Only edges make and show these; no decision rests on one.
@frozen @usableFromInline
package struct WallInstant: Comparable, Hashable, Sendable, BitwiseCopyable {
    @usableFromInline package var nanoseconds: Int64

    @inlinable
    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    @inlinable
    package static func < (lhs: Self, rhs: Self) -> Bool { lhs.nanoseconds < rhs.nanoseconds }

    /// RFC 3339 in UTC with nanoseconds cut to microseconds: `2026-11-21T03:04:05.123456Z`.
    package var rfc3339: String {
        let (seconds, nanos) = self.nanoseconds.flooredQuotientAndRemainder(1_000_000_000)
        let (days, secondOfDay) = seconds.flooredQuotientAndRemainder(86_400)
        let (year, month, day) = Self.civil(daysSinceEpoch: days)
        var text = Self.padded(year, 4)
        text += "-" + Self.padded(month, 2) + "-" + Self.padded(day, 2)
        text += "T" + Self.padded(secondOfDay / 3_600, 2)
        text += ":" + Self.padded(secondOfDay / 60 % 60, 2)
        text += ":" + Self.padded(secondOfDay % 60, 2)
        return text + "." + Self.padded(nanos / 1_000, 6) + "Z"
    }

    /// Year, month and day of a day count from 1970-01-01 in the proleptic Gregorian calendar.
    ///
    /// Counts in 400-year eras of 146,097 days whose years begin in March, so that the leap day is
    /// the last day of a year.
    package static func civil(daysSinceEpoch: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let (era, dayOfEra) = (daysSinceEpoch + 719_468).flooredQuotientAndRemainder(146_097)
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }

    private static func padded(_ value: Int64, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}

extension Int64 {
    /// Quotient rounded towards minus infinity and the remainder that goes with it, 0 ..< divisor.
    package func flooredQuotientAndRemainder(_ divisor: Int64) -> (Int64, Int64) {
        let (quotient, remainder) = self.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
