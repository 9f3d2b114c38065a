// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import MidwatchModel
internal import OperatorViews

/// Times as people type them: how long ago, or when.
///
///     90s, 15m, 2h, 3d          so long before now
///     2026-11-21T03:00:00Z      UTC
///     2026-11-21 03:00[:30]     the machine's time zone, also with T between
///     03:00[:30]                today, the machine's time zone
///     now
enum TimeArgument {
    static let forms = "2h, 03:00, 2026-11-21 03:00, 2026-11-21T02:00:00Z"
    private static let yearsMax: UInt64 = 200

    /// The instant that `text` names; nil if it is none.
    static func instant(_ text: String, now: WallInstant) -> WallInstant? {
        if text == "now" { return now }
        if let span = self.span(text) {
            return WallInstant(nanoseconds: now.nanoseconds &- Int64(clamping: span))
        }
        return WallInstant(rfc3339: text) ?? self.local(text, now: now)
    }

    /// A length of time with its unit, in nanoseconds.
    static func span(_ text: String) -> UInt64? {
        let units: [(String, UInt64)] = [
            ("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400), ("w", 604_800),
        ]
        for (unit, seconds) in units where text.hasSuffix(unit) {
            guard let count = UInt64(text.dropLast(unit.count)), count > 0 else { return nil }
            let (total, overflow) = count.multipliedReportingOverflow(by: seconds)
            guard !overflow, total <= self.yearsMax * 31_536_000 else { return nil }
            return total * 1_000_000_000
        }
        return nil
    }

    private static func local(_ text: String, now: WallInstant) -> WallInstant? {
        var parts = unsafe tm()
        var time = time_t(now.nanoseconds / 1_000_000_000)
        guard unsafe localtime_r(&time, &parts) != nil else { return nil }
        var clock = text[...]
        if let mark = text.firstIndex(where: { $0 == " " || $0 == "T" }) {
            let date = text[..<mark].split(separator: "-", omittingEmptySubsequences: false)
            guard date.count == 3, let year = self.number(date[0], 1_970...2_200),
                let month = self.number(date[1], 1...12), let day = self.number(date[2], 1...31)
            else { return nil }
            unsafe parts.tm_year = year - 1_900
            unsafe parts.tm_mon = month - 1
            unsafe parts.tm_mday = day
            clock = text[text.index(after: mark)...]
        }
        let digits = clock.split(separator: ":", omittingEmptySubsequences: false)
        guard (2...3).contains(digits.count), let hour = self.number(digits[0], 0...23),
            let minute = self.number(digits[1], 0...59)
        else { return nil }
        unsafe parts.tm_hour = hour
        unsafe parts.tm_min = minute
        unsafe parts.tm_sec = 0
        if digits.count == 3 {
            guard let second = self.number(digits[2], 0...60) else { return nil }
            unsafe parts.tm_sec = second
        }
        let day = unsafe parts.tm_mday
        // The zone decides whether that day had summer time.
        unsafe parts.tm_isdst = -1
        let seconds = unsafe mktime(&parts)
        guard seconds != -1, unsafe parts.tm_mday == day else { return nil }
        return WallInstant(nanoseconds: Int64(seconds) * 1_000_000_000)
    }

    private static func number(_ text: Substring, _ range: ClosedRange<Int32>) -> Int32? {
        guard !text.isEmpty, text.allSatisfy({ $0.isASCII && $0.isNumber }),
            let number = Int32(text), range.contains(number)
        else { return nil }
        return number
    }
}
