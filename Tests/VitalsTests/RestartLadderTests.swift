// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing
import Vitals

@Suite struct RestartLadderTests {
    typealias Moment = RestartLadder.Moment

    @Test func `three restarts in a quarter of an hour, then none`() {
        var ladder = RestartLadder()
        for second in [0.0, 100, 899] {
            #expect(ladder.permits(.at(second)))
            ladder.climb(.at(second))
        }
        #expect(!ladder.permits(.at(899)))
        #expect(!ladder.permits(.at(899.999)))
        #expect(ladder.permits(.at(900)))
        ladder.climb(.at(900))
        #expect(!ladder.permits(.at(999.9)))
        #expect(ladder.permits(.at(1_000)))
        #expect(ladder.totalCount == 4)
    }

    @Test func `the ladder counts over a reboot by the calendar`() throws {
        var ladder = RestartLadder()
        for second in [0.0, 10, 20] { ladder.climb(.at(second)) }
        let stored = try RestartLadder(text: ladder.text)
        #expect(stored == ladder)
        // Another boot, whose own clock began again, and a minute later by the calendar.
        var soon = Moment.at(80, boot: Moment.bootB)
        soon.at = MonotonicInstant(nanoseconds: 5)
        #expect(!stored.permits(soon))
        var later = Moment.at(905, boot: Moment.bootB)
        later.at = MonotonicInstant(nanoseconds: 5)
        #expect(stored.permits(later))
        #expect(stored.recentCount(later) == 2)
    }

    @Test func `a calendar that makes no sense forgets no restart`() {
        var ladder = RestartLadder()
        for second in [0.0, 10, 20] { ladder.climb(.at(second)) }
        var in1970 = Moment.at(50_000, boot: Moment.bootB)
        in1970.wall = WallInstant(nanoseconds: 7)
        #expect(!ladder.permits(in1970))
        var setBack = Moment.at(50_000, boot: Moment.bootB)
        setBack.wall = WallInstant(nanoseconds: Moment.at(-3_600 + 3_599).wall.nanoseconds)
        #expect(!ladder.permits(setBack))
    }

    @Test func `within a boot the calendar does not count`() {
        var ladder = RestartLadder()
        for second in [0.0, 10, 20] { ladder.climb(.at(second)) }
        var jumped = Moment.at(30)
        jumped.wall = WallInstant(nanoseconds: Int64.max)
        #expect(!ladder.permits(jumped))
    }

    @Test func `rungs are bounded`() throws {
        var ladder = RestartLadder()
        for second in 0..<100 { ladder.climb(.at(Double(second) * 1_000)) }
        #expect(ladder.rungs.count == RestartLadder.rungCountMax)
        #expect(try RestartLadder(text: ladder.text).totalCount == 100)
    }

    @Test func `the checksum of a state file has eight digits`() throws {
        // Computed by a separate program.
        let text = "version=1\ntotal=11\nchecksum=006c15cf\n"
        let ladder = try RestartLadder(text: text)
        #expect(ladder.totalCount == 11)
        #expect(ladder.text == text)
    }

    @Test func `no damaged state file is believed`() {
        var ladder = RestartLadder()
        ladder.climb(.at(1))
        let text = ladder.text
        let bytes = Array(text.utf8)
        for place in bytes.indices {
            var changed = bytes
            changed[place] ^= 1
            let damaged = String(decoding: changed, as: UTF8.self)
            #expect(throws: LadderError.self) { try RestartLadder(text: damaged) }
        }
        for end in 0..<bytes.count {
            let cut = String(decoding: bytes[..<end], as: UTF8.self)
            #expect(throws: LadderError.self) { try RestartLadder(text: cut) }
        }
    }
}
