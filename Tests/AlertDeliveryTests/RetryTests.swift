// SPDX-License-Identifier: Apache-2.0

import AlertDelivery
import MidwatchModel
import Testing

@Suite struct RetryTests {
    @Test func `ceilings double from half a second to the cap of the priority`() {
        let seconds: [(UInt32, Double, Double)] = [
            (1, 0.5, 0.5), (2, 1, 1), (3, 2, 2), (4, 4, 4), (5, 8, 8), (6, 16, 15), (7, 32, 15),
            (8, 60, 15), (9, 60, 15), (1_000, 60, 15), (.max, 60, 15),
        ]
        for (failed, patient, urgent) in seconds {
            for (priority, wanted) in [
                (AlarmPriority.low, patient), (.medium, patient), (.high, urgent),
                (.critical, urgent),
            ] {
                let ceiling = RetryLadder.ceiling(afterFailed: failed, priority: priority)
                #expect(Double(ceiling) / 1e9 == wanted)
            }
        }
    }

    @Test func `the jitter is full, and the same for the same seed`() {
        func delays(seed: UInt64) -> [UInt64] {
            var ladder = RetryLadder(seed: seed)
            return (0..<2_000).map { _ in ladder.delay(afterFailed: 8, priority: .low) }
        }
        let first = delays(seed: 1)
        #expect(first == delays(seed: 1))
        #expect(first != delays(seed: 2))
        #expect(first.allSatisfy { $0 <= RetryLadder.capNanoseconds })
        // Every tenth of the range is drawn from, and near evenly.
        for tenth in 0..<10 {
            let range = UInt64(tenth) * 6_000_000_000..<UInt64(tenth + 1) * 6_000_000_000
            let count = first.count { range.contains($0) }
            #expect((120...280).contains(count), "tenth \(tenth): \(count)")
        }
    }

    @Test func `every status has its verdict`() {
        for status in UInt16(200)...599 {
            let wanted: AttemptVerdict =
                switch status {
                case 200...299: .delivered
                case 300...399: .retry(throttles: false)
                case 401, 403: .pause(status: status)
                case 410: .disable
                case 408, 425: .retry(throttles: false)
                case 429, 503: .retry(throttles: true)
                case 500...599: .retry(throttles: false)
                default: .permanent
                }
            #expect(RetryLadder.verdict(status: status) == wanted, "\(status)")
        }
    }

    @Test func `high and critical alerts live a day, others four hours`() {
        let hours = AlarmPriority.allCases.map { RetryLadder.ageMax(of: $0) / 3_600_000_000_000 }
        #expect(hours == [4, 4, 24, 24])
    }

    @Test(arguments: [
        ("120", 120.0), ("0", 0), (" 7 ", 7), ("3600", 3_600), ("3601", 3_600),
        ("99999999999999999999999", 3_600),
        // One minute after the clock below, in the three forms of RFC 9110.
        ("Sun, 06 Nov 1994 08:50:37 GMT", 60), ("Sunday, 06-Nov-94 08:50:37 GMT", 60),
        ("Sun Nov  6 08:50:37 1994", 60), ("Sun, 06 Nov 1994 08:48:37 GMT", 0),
        ("Mon, 07 Nov 1994 08:49:37 GMT", 3_600), ("Thu, 29 Feb 1996 00:00:00 GMT", 3_600),
    ])
    func `both forms of Retry-After are read and bounded`(text: String, wanted: Double) throws {
        let now = WallInstant(nanoseconds: 784_111_777_000_000_000)  // 1994-11-06T08:49:37Z
        #expect(now.rfc3339 == "1994-11-06T08:49:37.000000Z")
        let wait = try #require(RetryAfter.nanoseconds(text, now: now))
        #expect(Double(wait) / 1e9 == wanted)
    }

    @Test(arguments: [
        "", "-1", "1.5", "soon", "Sun, 06 Nov 1994 08:50:37 CET", "Sun, 32 Nov 1994 08:50:37 GMT",
        "Sun, 06 Foo 1994 08:50:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT", "06 Nov 1994", "١٢",
    ])
    func `what is neither form is ignored`(text: String) {
        #expect(RetryAfter.nanoseconds(text, now: testWall) == nil)
    }
}
