// SPDX-License-Identifier: Apache-2.0

internal import Glibc
package import MidwatchModel

/// Moments and lengths of time as people type them: every command reads them here.
///
///     2h, 1d12h, -2h            so long before now
///     now
///     2026-11-21T03:00:00Z      RFC 3339, with Z or an offset
///     2026-11-21 03:00[:30]     by the clock of this place, also with T between
///     2026-11-21                its midnight, by the clock of this place
///     03:00[:30]                today, by the clock of this place
package enum Moment {
    /// What a message or a help text says of them.
    package static let forms =
        "2h (ago), 03:00, 2026-11-21, '2026-11-21 03:00', "
        + "2026-11-21T03:00:00Z or now"

    /// The moment that `text` names; nil if it names none.
    ///
    ///
    /// - Parameters:
    ///   - text: As typed.
    ///   - now: The present moment.
    /// - Returns: nil if `text` names no moment.
    package static func parse(_ text: String, now: WallInstant) -> WallInstant? {
        if text == "now" { return now }
        if let span = self.span(text.hasPrefix("-") ? String(text.dropFirst()) : text) {
            let (past, isOver) = now.nanoseconds.subtractingReportingOverflow(Int64(clamping: span))
            return isOver ? nil : WallInstant(nanoseconds: past)
        }
        var reader = MomentReader(Array(text.utf8))
        return reader.moment(now: now)
    }

    /// The nanoseconds of a length of time: `90s`, `7d`, `1h30m`, `250ms`; nil if it is none.
    package static func span(_ text: String) -> UInt64? {
        var total: UInt64 = 0
        var rest = text[...]
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            guard let count = UInt64(digits) else { return nil }
            rest = rest.dropFirst(digits.count)
            let unit = rest.prefix { !$0.isNumber }
            rest = rest.dropFirst(unit.count)
            let second: UInt64 = 1_000_000_000
            let length: UInt64
            switch unit {
            case "ms": length = second / 1_000
            case "s": length = second
            case "m", "min": length = 60 * second
            case "h": length = 3_600 * second
            case "d": length = 86_400 * second
            case "w": length = 7 * 86_400 * second
            default: return nil
            }
            let (product, isOver) = count.multipliedReportingOverflow(by: length)
            let (sum, isCarried) = total.addingReportingOverflow(product)
            guard !isOver, !isCarried else { return nil }
            total = sum
        }
        return total
    }
}

/// A moment as a calendar and a clock show it.
private struct CalendarTime {
    var year: Int32
    var month: Int32
    var day: Int32
    var hour: Int32 = 0
    var minute: Int32 = 0
    var second: Int32 = 0
    var nanoseconds: Int64 = 0

    /// The day on which `now` is, as this place has it.
    static func today(_ now: WallInstant) -> CalendarTime? {
        var seconds = time_t(now.nanoseconds / 1_000_000_000)
        var fields = unsafe tm()
        guard unsafe localtime_r(&seconds, &fields) != nil else { return nil }
        return unsafe CalendarTime(
            year: fields.tm_year + 1_900, month: fields.tm_mon + 1, day: fields.tm_mday)
    }

    /// `offset`: seconds east of Greenwich; nil: as this place has it at that moment.
    func instant(offset: Int64?) -> WallInstant? {
        var fields = unsafe tm()
        unsafe fields.tm_year = self.year - 1_900
        unsafe fields.tm_mon = self.month - 1
        unsafe fields.tm_mday = self.day
        unsafe fields.tm_hour = self.hour
        unsafe fields.tm_min = self.minute
        unsafe fields.tm_sec = self.second
        unsafe fields.tm_isdst = -1
        let seconds = unsafe offset == nil ? Int64(mktime(&fields)) : Int64(timegm(&fields))
        let (product, isOver) = (seconds - (offset ?? 0))
            .multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, isCarried) = product.addingReportingOverflow(self.nanoseconds)
        return isOver || isCarried ? nil : WallInstant(nanoseconds: sum)
    }
}

/// Reads `YYYY-MM-DD[THH:MM[:SS[.fff]]][Z|±HH:MM]` or `HH:MM[:SS]`.
private struct MomentReader {
    private let bytes: [UInt8]
    private var place = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func moment(now: WallInstant) -> WallInstant? {
        if self.bytes.count > 2, self.bytes[2] == UInt8(ascii: ":") {
            // A time of today.
            guard var time = CalendarTime.today(now), self.clock(into: &time), self.isAtEnd else {
                return nil
            }
            return time.instant(offset: nil)
        }
        guard let year = self.number(4), self.take("-"), let month = self.number(2),
            self.take("-"), let day = self.number(2), (1...12).contains(month),
            (1...Self.days(in: month, of: year)).contains(day)
        else { return nil }
        var time = CalendarTime(year: year, month: month, day: day)
        if self.isAtEnd { return time.instant(offset: nil) }
        guard self.take("T") || self.take("t") || self.take(" "), self.clock(into: &time) else {
            return nil
        }
        if self.isAtEnd { return time.instant(offset: nil) }
        if self.take("Z") || self.take("z") {
            return self.isAtEnd ? time.instant(offset: 0) : nil
        }
        let isEast = self.take("+")
        guard isEast || self.take("-"), let hours = self.number(2), self.take(":"),
            let minutes = self.number(2), hours < 24, minutes < 60, self.isAtEnd
        else { return nil }
        let offset = Int64(hours) * 3_600 + Int64(minutes) * 60
        return time.instant(offset: isEast ? offset : -offset)
    }

    private var isAtEnd: Bool { self.place == self.bytes.count }

    /// `HH:MM[:SS[.fff]]`; false if it is not there.
    private mutating func clock(into time: inout CalendarTime) -> Bool {
        guard let hour = self.number(2), self.take(":"), let minute = self.number(2), hour < 24,
            minute < 60
        else { return false }
        time.hour = hour
        time.minute = minute
        guard self.take(":") else { return true }
        guard let second = self.number(2), second < 60 else { return false }
        time.second = second
        guard self.take(".") else { return true }
        var digits = 0
        while digits < 9, let digit = self.number(1) {
            time.nanoseconds = time.nanoseconds * 10 + Int64(digit)
            digits += 1
        }
        for _ in digits..<9 { time.nanoseconds *= 10 }
        return digits > 0
    }

    private static func days(in month: Int32, of year: Int32) -> Int32 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard self.place < self.bytes.count, self.bytes[self.place] == UInt8(ascii: character)
        else { return false }
        self.place += 1
        return true
    }

    private mutating func number(_ digits: Int) -> Int32? {
        guard self.place + digits <= self.bytes.count else { return nil }
        var value: Int32 = 0
        for byte in self.bytes[self.place..<self.place + digits] {
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
            value = value * 10 + Int32(byte - UInt8(ascii: "0"))
        }
        self.place += digits
        return value
    }
}
