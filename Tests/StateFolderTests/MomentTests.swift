// SPDX-License-Identifier: Apache-2.0

import Glibc
import MidwatchModel
import StateFolder
import Testing

/// Moments as people type them.
@Suite struct MomentTests {
    /// 2026-11-21T03:04:05Z.
    private let now = WallInstant(nanoseconds: 1_795_230_245_000_000_000)

    private func text(_ typed: String) -> String? {
        Moment.parse(typed, now: self.now)?.rfc3339
    }

    @Test func `RFC 3339 is read with a zone, an offset and a fraction`() {
        #expect(self.text("2026-11-21T03:04:05Z") == "2026-11-21T03:04:05.000000Z")
        #expect(self.text("2026-11-21t03:04:05.25z") == "2026-11-21T03:04:05.250000Z")
        #expect(self.text("2026-11-21 03:04:05+01:30") == "2026-11-21T01:34:05.000000Z")
        #expect(self.text("2026-11-21T03:04-05:00") == "2026-11-21T08:04:00.000000Z")
        #expect(self.text("2024-02-29T00:00:00Z") == "2024-02-29T00:00:00.000000Z")
    }

    @Test func `back from now`() {
        #expect(self.text("now") == "2026-11-21T03:04:05.000000Z")
        #expect(self.text("-2h") == "2026-11-21T01:04:05.000000Z")
        #expect(self.text("2h") == "2026-11-21T01:04:05.000000Z")
        #expect(self.text("1w") == "2026-11-14T03:04:05.000000Z")
        #expect(self.text("-1d12h") == "2026-11-19T15:04:05.000000Z")
        #expect(self.text("-90s") == "2026-11-21T03:02:35.000000Z")
        #expect(self.text("-250ms") == "2026-11-21T03:04:04.750000Z")
    }

    @Test func `a time without a zone is one of this place`() {
        var fields = unsafe tm()
        unsafe fields.tm_year = 126
        unsafe fields.tm_mon = 10
        unsafe fields.tm_mday = 21
        unsafe fields.tm_hour = 3
        unsafe fields.tm_min = 4
        unsafe fields.tm_isdst = -1
        let local = unsafe Int64(mktime(&fields)) * 1_000_000_000
        #expect(Moment.parse("2026-11-21 03:04", now: self.now)?.nanoseconds == local)
        #expect(Moment.parse("2026-11-21T03:04:00", now: self.now)?.nanoseconds == local)
        let midnight = Moment.parse("2026-11-21", now: self.now)?.nanoseconds
        #expect(midnight == local - 11_040_000_000_000)
        // A time of the day on which now is.
        let today = Moment.parse("03:04", now: WallInstant(nanoseconds: local))
        #expect(today?.nanoseconds == local)
    }

    @Test(arguments: [
        "", "-", "--2h", "2", "-2", "-2x", "-h", "2026-13-01T00:00:00Z", "2026-02-29", "2026-11-31",
        "2026-11-21T24:00:00Z", "2026-11-21T03:60:00Z", "2026-11-21T",
        "2026-11-21T03:04:05Zx", "2026-11-21T03:04:05.Z", "2026-11-21T03:04:05+1:00", "yesterday",
        "-99999999999999999999d", "99999999999999999999d", "2h30", "2027-1", "03", ":", "T", "03:4",
        "25:00",
    ])
    func `what is no moment is refused`(typed: String) {
        #expect(Moment.parse(typed, now: self.now) == nil)
    }

    @Test func `lengths of time`() {
        #expect(Moment.span("7d") == 604_800_000_000_000)
        #expect(Moment.span("1h30m") == 5_400_000_000_000)
        #expect(Moment.span("2w") == 1_209_600_000_000_000)
        for text in ["", "7", "d", "-7d", "7 d", "1e3s"] { #expect(Moment.span(text) == nil) }
    }
}
