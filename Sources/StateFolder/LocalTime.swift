// SPDX-License-Identifier: Apache-2.0

internal import Glibc
package import MidwatchModel

/// Calendar times as the people of the site read them: in the machine's time zone, with the offset.
package enum LocalTime {
    /// `2026-11-21 03:12:07.481+01:00`, with `digits` of the second's fraction, 0 to 9.
    package static func text(_ instant: WallInstant, digits: Int = 0) -> String {
        let (seconds, nanos) = instant.nanoseconds.flooredQuotientAndRemainder(1_000_000_000)
        let offset = self.offsetSeconds(at: seconds)
        // The date of the zone is the date of UTC at the shifted instant.
        let shifted = WallInstant(nanoseconds: (seconds + offset) * 1_000_000_000).rfc3339
        var text = shifted.prefix(10) + " " + shifted.dropFirst(11).prefix(8)
        if digits > 0 {
            let all = "\(1_000_000_000 + nanos)".dropFirst()
            text += "." + all.prefix(min(digits, 9))
        }
        return String(text) + self.offset(offset)
    }

    /// `03:12:07+01:00`.
    package static func clock(_ instant: WallInstant) -> String {
        String(self.text(instant).dropFirst(11))
    }

    /// `text` with every time of RFC 3339 in UTC that is a word of its own written as `text(_:)`
    /// does: sentences that the daemon made are read here.
    package static func replacingTimes(in text: String) -> String {
        guard text.contains("Z") else { return text }
        return text.split(separator: " ", omittingEmptySubsequences: false).map { word in
            let isEdge = { (character: Character) in ",;:.()".contains(character) }
            let head = word.prefix(while: isEdge)
            let rest = word.dropFirst(head.count)
            let tail = rest.reversed().prefix(while: isEdge).count
            let core = String(rest.dropLast(tail))
            guard core.utf8.count >= 20, let instant = WallInstant(rfc3339: core) else {
                return String(word)
            }
            let digits = core.utf8.count > 20 ? 3 : 0
            return head + self.text(instant, digits: digits) + rest.suffix(tail)
        }.joined(separator: " ")
    }

    /// Seconds that the machine's time zone is ahead of UTC.
    static func offsetSeconds(at seconds: Int64) -> Int64 {
        var time = time_t(seconds)
        var parts = unsafe tm()
        guard unsafe localtime_r(&time, &parts) != nil else { return 0 }
        return unsafe Int64(parts.tm_gmtoff)
    }

    private static func offset(_ seconds: Int64) -> String {
        let minutes = abs(seconds) / 60
        let (hours, rest) = minutes.quotientAndRemainder(dividingBy: 60)
        return (seconds < 0 ? "-" : "+") + (hours < 10 ? "0" : "") + "\(hours):"
            + (rest < 10 ? "0" : "") + "\(rest)"
    }
}
