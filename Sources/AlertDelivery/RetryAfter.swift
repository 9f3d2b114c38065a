// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// The `Retry-After` field in both of its forms (RFC 9110, 10.2.3).
package enum RetryAfter {
    /// Nanoseconds to wait; nil if `text` is neither form.
    ///
    /// - Parameters:
    ///   - text: `120`, or an HTTP-date in any of the three forms of RFC 9110, 5.6.7.
    ///   - now: Our wall clock, which a date is measured against.
    /// - Returns: 0 ... `RetryLadder.retryAfterNanosecondsMax`; a date in the past gives 0.
    package static func nanoseconds(_ text: String, now: WallInstant) -> UInt64? {
        let text = Self.trimmed(text)
        if !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            // Too many digits for 64 bits is still a number: the bound applies.
            let limit = RetryLadder.retryAfterNanosecondsMax
            guard let seconds = UInt64(text) else { return limit }
            let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
            return overflow ? limit : min(product, limit)
        }
        guard let seconds = Self.secondsSince1970(httpDate: text, now: now) else { return nil }
        let nowSeconds = now.nanoseconds.flooredQuotientAndRemainder(1_000_000_000).0
        let wait = max(0, seconds - nowSeconds)
        return min(UInt64(wait), RetryLadder.retryAfterNanosecondsMax / 1_000_000_000)
            * 1_000_000_000
    }

    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// Seconds since 1970 of IMF-fixdate, the RFC 850 form, or the asctime form.
    private static func secondsSince1970(httpDate text: String, now: WallInstant) -> Int64? {
        let words = text.split(whereSeparator: { $0 == " " || $0 == "," || $0 == "-" })
        var (dayText, monthText, yearText, clockText): (Substring, Substring, Substring, Substring)
        if words.count == 6, words[5] == "GMT" {
            (dayText, monthText, yearText, clockText) = (words[1], words[2], words[3], words[4])
        } else if words.count == 5 {
            (monthText, dayText, clockText, yearText) = (words[1], words[2], words[3], words[4])
        } else {
            return nil
        }
        guard let month = Self.months.firstIndex(where: { $0 == monthText }),
            let day = Self.number(dayText, 1...31), var year = Self.number(yearText, 0...9_999),
            let secondOfDay = Self.secondOfDay(clockText)
        else { return nil }
        if yearText.utf8.count == 2 {
            // RFC 9110, 5.6.7: two digits more than 50 years ahead mean the past century.
            let days = now.nanoseconds.flooredQuotientAndRemainder(86_400_000_000_000).0
            let thisYear = WallInstant.civil(daysSinceEpoch: days).year
            year += thisYear / 100 * 100
            if year > thisYear + 50 { year -= 100 }
        }
        return Self.daysSince1970(year: year, month: Int64(month) + 1, day: day) * 86_400
            + secondOfDay
    }

    private static func secondOfDay(_ text: Substring) -> Int64? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 3, let hour = Self.number(parts[0], 0...23),
            let minute = Self.number(parts[1], 0...59), let second = Self.number(parts[2], 0...60)
        else { return nil }
        return hour * 3_600 + minute * 60 + second
    }

    private static func number(_ text: Substring, _ range: ClosedRange<Int64>) -> Int64? {
        guard (1...4).contains(text.utf8.count),
            text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let number = Int64(text), range.contains(number)
        else { return nil }
        return number
    }

    /// The inverse of `WallInstant.civil(daysSinceEpoch:)`.
    private static func daysSince1970(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let (era, yearOfEra) = shifted.flooredQuotientAndRemainder(400)
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    private static func trimmed(_ text: String) -> String {
        var view = text[...]
        while let first = view.first, first == " " || first == "\t" { view.removeFirst() }
        while let last = view.last, last == " " || last == "\t" { view.removeLast() }
        return String(view)
    }
}
