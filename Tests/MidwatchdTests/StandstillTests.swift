// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

@testable import midwatchd

@Suite struct StandstillTests {
    private static let turn: UInt64 = 100_000_000

    @Test func `turns in time say nothing`() {
        var judge = StandstillJudge()
        for step in 1...UInt64(100) {
            #expect(judge.turn(boot: step * Self.turn, running: step * Self.turn) == .none)
        }
    }

    /// What passed on both clocks in one turn, and what it was.
    static let turns: [(UInt64, UInt64, StandstillJudge.Verdict)] = [
        (3_600_000_000_000, 100_000_000, .suspended(nanoseconds: 3_599_900_000_000)),
        (200_000_000, 100_000_000, .suspended(nanoseconds: 100_000_000)),
        (190_000_000, 100_000_000, .none),
        (900_000_000, 900_000_000, .none),
        (4_000_000_000, 4_000_000_000, .stopped(nanoseconds: 4_000_000_000)),
    ]

    @Test(arguments: Self.turns)
    func `a suspend is what one clock has and the other has not, a stop is in both`(
        boot: UInt64, running: UInt64, verdict: StandstillJudge.Verdict
    ) {
        var judge = StandstillJudge()
        #expect(judge.turn(boot: 7_000, running: 5_000) == .none)
        #expect(judge.turn(boot: 7_000 + boot, running: 5_000 + running) == verdict)
        #expect(
            judge.turn(boot: 7_000 + boot + Self.turn, running: 5_000 + running + Self.turn)
                == .none, "told once")
    }

    @Test func `a standstill is shown for a minute and counted for ever`() {
        let standstills = Standstills()
        let at = MonotonicInstant(nanoseconds: 50_000_000_000)
        #expect(standstills.mode(now: at) == nil)
        standstills.note(.suspended(nanoseconds: 12_340_000_000), at: at)
        #expect(standstills.mode(now: at) == "machine was suspended for 12.3 s")
        let later = at.advanced(byNanoseconds: Standstills.shownNanoseconds)
        #expect(standstills.mode(now: later) == nil)
        standstills.note(.stopped(nanoseconds: 2_000_000_000), at: later)
        #expect(standstills.mode(now: later) == "monitor stood still for 2.0 s")
        #expect(standstills.metrics().map(\.value) == [12.34, 2])
    }
}
