// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

/// Reads the times that senders write as text (RFC 3339).
package enum RFC3339Time {
    /// Nanoseconds since 1970 of what stands in `range`; nil if it is no time, or before 1677 or
    /// after 2262.
    ///
    /// Any offset, any number of digits in the fraction (nine count), `t`, `z` and a space as the
    /// standard allows them. A leap second is the second after it.
    @_noLocks
    package static func nanoseconds(
        _ bytes: borrowing Span<UInt8>, in range: ByteRange
    ) -> Int64? {
        let start = range.lowerBound
        // 2026-11-21T05:51:00Z
        guard range.count >= 20, bytes[start &+ 4] == UInt8(ascii: "-"),
            bytes[start &+ 7] == UInt8(ascii: "-"), bytes[start &+ 13] == UInt8(ascii: ":"),
            bytes[start &+ 16] == UInt8(ascii: ":")
        else { return nil }
        let separator = bytes[start &+ 10]
        guard separator | 0x20 == UInt8(ascii: "t") || separator == UInt8(ascii: " ") else {
            return nil
        }
        guard let year = Self.digits(bytes, start, 4),
            let month = Self.digits(bytes, start &+ 5, 2),
            let day = Self.digits(bytes, start &+ 8, 2),
            let hour = Self.digits(bytes, start &+ 11, 2),
            let minute = Self.digits(bytes, start &+ 14, 2),
            let second = Self.digits(bytes, start &+ 17, 2), month >= 1, month <= 12, day >= 1,
            day <= Self.days(of: month, year), hour < 24, minute < 60, second <= 60
        else { return nil }
        var index = start &+ 19
        let fraction = Self.fraction(bytes, &index, range.upperBound)
        guard let fraction, let offset = Self.offset(bytes, index, range.upperBound) else {
            return nil
        }
        let days = Self.daysSinceEpoch(year, month, day)
        let seconds = days &* 86_400 &+ hour &* 3_600 &+ minute &* 60 &+ second &- offset
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, carried) = product.addingReportingOverflow(fraction)
        return overflow || carried || sum == Slot.noSourceTime ? nil : sum
    }

    @_noLocks
    private static func digits(
        _ bytes: borrowing Span<UInt8>, _ start: Int, _ count: Int
    ) -> Int64? {
        var value: Int64 = 0
        for index in start..<start &+ count {
            let digit = bytes[index] &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            value = value &* 10 &+ Int64(digit)
        }
        return value
    }

    /// Nanoseconds behind a point; 0 without one, nil for a point without digits.
    @_noLocks
    private static func fraction(
        _ bytes: borrowing Span<UInt8>, _ index: inout Int, _ end: Int
    ) -> Int64? {
        guard index < end, bytes[index] == UInt8(ascii: ".") else { return 0 }
        index &+= 1
        let start = index
        var value: Int64 = 0
        var scale: Int64 = 100_000_000
        while index < end, bytes[index] &- UInt8(ascii: "0") < 10 {
            value &+= Int64(bytes[index] &- UInt8(ascii: "0")) &* scale
            scale /= 10
            index &+= 1
        }
        return index > start ? value : nil
    }

    /// Seconds by which the written time is ahead of UTC.
    @_noLocks
    private static func offset(
        _ bytes: borrowing Span<UInt8>, _ index: Int, _ end: Int
    ) -> Int64? {
        guard index < end else { return nil }
        let sign = bytes[index]
        if sign | 0x20 == UInt8(ascii: "z") { return index &+ 1 == end ? 0 : nil }
        guard sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-"), end &- index == 6,
            bytes[index &+ 3] == UInt8(ascii: ":"), let hours = Self.digits(bytes, index &+ 1, 2),
            let minutes = Self.digits(bytes, index &+ 4, 2), hours < 24, minutes < 60
        else { return nil }
        let seconds = hours &* 3_600 &+ minutes &* 60
        return sign == UInt8(ascii: "-") ? 0 &- seconds : seconds
    }

    @_noLocks
    private static func days(of month: Int64, _ year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days from 1970-01-01 to a day of the Gregorian calendar.
    @_noLocks
    private static func daysSinceEpoch(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        // Years begin in March, so that the leap day is the last of its year. Year 0 is the
        // earliest: nothing here is negative but the result.
        let marchYear = month > 2 ? year : year &- 1
        let dayOfYear = (153 &* (month > 2 ? month &- 3 : month &+ 9) &+ 2) / 5 &+ day &- 1
        let cycle = marchYear >= 0 ? marchYear / 400 : -1
        let year = marchYear &- cycle &* 400
        return cycle &* 146_097 &+ year &* 365 &+ year / 4 &- year / 100 &+ dayOfYear &- 719_468
    }
}
