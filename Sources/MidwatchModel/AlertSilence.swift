// SPDX-License-Identifier: Apache-2.0

/// When a silence holds, by the calendar in UTC.
package enum SilencePeriod: Equatable, Sendable {
    /// `until` does not belong to it.
    case once(from: WallInstant, until: WallInstant)
    /// Every week; bit n of `days` is day n, Monday is 0.
    ///
    /// `startMinute` counts from midnight; a period may end on the next day.
    case weekly(days: UInt8, startMinute: UInt16, minutes: UInt16)

    private static let minuteNanoseconds: Int64 = 60_000_000_000
    private static let dayMinutes: Int64 = 1_440

    /// Whether `wall` lies in it.
    package func contains(_ wall: WallInstant) -> Bool {
        switch self {
        case .once(let from, let until): return from <= wall && wall < until
        case .weekly(let days, let startMinute, let minutes):
            let minute = wall.nanoseconds.flooredQuotientAndRemainder(Self.minuteNanoseconds).0
            let (day, minuteOfDay) = minute.flooredQuotientAndRemainder(Self.dayMinutes)
            // 1970-01-01 was a Thursday.
            let weekday = (day + 3).flooredQuotientAndRemainder(7).1
            for ago in 0...Int64(minutes) / Self.dayMinutes + 1 {
                let began = (weekday - ago).flooredQuotientAndRemainder(7).1
                guard days & 1 << UInt8(began) != 0 else { continue }
                let since = ago * Self.dayMinutes + minuteOfDay - Int64(startMinute)
                if since >= 0, since < Int64(minutes) { return true }
            }
            return false
        }
    }

    /// When it ends for good; nil: it comes again.
    package var end: WallInstant? {
        switch self {
        case .once(_, let until): until
        case .weekly: nil
        }
    }
}

/// Mutes alerts for a while; the alarms themselves go on and are shown.
package struct AlertSilence: Equatable, Sendable {
    package var id: String
    package var matcher: AlertMatcher
    package var period: SilencePeriod
    package var author: String
    package var reason: String
    /// Whether critical alarms are muted as well: only if somebody said so.
    package var includesCritical: Bool

    package init(
        id: String, matcher: AlertMatcher, period: SilencePeriod, author: String, reason: String,
        includesCritical: Bool = false
    ) {
        self.id = id
        self.matcher = matcher
        self.period = period
        self.author = author
        self.reason = reason
        self.includesCritical = includesCritical
    }

    /// Whether it mutes the alerts of `subject` now.
    package func mutes(_ subject: AlertSubject, at wall: WallInstant) -> Bool {
        (subject.priority != .critical || self.includesCritical)
            && self.period.contains(wall) && self.matcher.matches(subject)
    }
}
