// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

@testable import Ingest

@Suite struct ArrivalClockTests {
    private static let wallAtZero: Int64 = 1_700_000_000_000_000_000

    private func at(_ milliseconds: UInt64) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: milliseconds * 1_000_000)
    }

    private func wall(_ milliseconds: Int64) -> WallInstant {
        WallInstant(nanoseconds: Self.wallAtZero + milliseconds * 1_000_000)
    }

    @Test func `a stamp is mapped to engine time`() {
        var clock = ArrivalClock()
        clock.beginBatch(now: self.at(5_000), wall: self.wall(5_000))
        let arrival = clock.arrival(stamp: self.wall(4_930).nanoseconds)
        #expect(arrival.instant == self.at(4_930))
        #expect(arrival.queueDelayNanoseconds == 70_000_000)
        #expect(arrival.isBelieved)
    }

    @Test func `an arrival is never later than now and an absent stamp is now`() {
        var clock = ArrivalClock()
        clock.beginBatch(now: self.at(5_000), wall: self.wall(5_000))
        let future = clock.arrival(stamp: self.wall(5_001).nanoseconds)
        #expect(future.instant == self.at(5_000))
        #expect(!future.isBelieved)
        #expect(clock.arrival(stamp: 0).instant == self.at(5_000))
    }

    @Test func `a delay beyond the bound is not believed`() {
        var clock = ArrivalClock()
        clock.beginBatch(now: self.at(100_000), wall: self.wall(100_000))
        #expect(clock.arrival(stamp: self.wall(40_000).nanoseconds).isBelieved)
        #expect(!clock.arrival(stamp: self.wall(39_999).nanoseconds).isBelieved)
    }

    @Test func `a step of the wall clock moves no arrival`() {
        var clock = ArrivalClock()
        clock.beginBatch(now: self.at(5_000), wall: self.wall(5_000))
        // Set forward by 30 s: what waited in the queue looks 30 s old.
        clock.beginBatch(now: self.at(5_010), wall: self.wall(35_010))
        #expect(clock.stepCount == 1)
        let waited = clock.arrival(stamp: self.wall(5_005).nanoseconds)
        #expect(waited.instant == self.at(5_010))
        #expect(!waited.isBelieved)
        // What is stamped by the new clock is believed at once.
        #expect(clock.arrival(stamp: self.wall(35_000).nanoseconds).instant == self.at(5_000))
        // A second later the whole bound holds again.
        clock.beginBatch(now: self.at(6_010), wall: self.wall(36_010))
        #expect(clock.arrival(stamp: self.wall(35_010).nanoseconds).instant == self.at(5_010))
        #expect(clock.stepCount == 1)
    }

    @Test func `observations join into one record an interval and none is lost`() {
        var sheds = ObservationCoalescer(.sum)
        #expect(sheds.due(now: self.at(0)) == nil)
        sheds.note(3)
        #expect(sheds.due(now: self.at(0)) == 3)
        sheds.recorded(now: self.at(0))
        sheds.note(2)
        sheds.note(5)
        #expect(sheds.due(now: self.at(99)) == nil)
        #expect(sheds.due(now: self.at(100)) == 7)
        // No room for the record: it stays due.
        #expect(sheds.due(now: self.at(101)) == 7)
        var lag = ObservationCoalescer(.largest)
        lag.note(7)
        lag.note(4)
        #expect(lag.due(now: self.at(0)) == 7)
    }
}
