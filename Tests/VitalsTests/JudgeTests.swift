// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing
import Vitals

@Suite struct JudgeTests {
    static let deadlines = StageJudge.Deadlines(
        beat: 3_000_000_000, attempt: 5_000_000_000, restartAfter: 0)

    static func seconds(_ value: Double) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: 100_000_000_000 + UInt64(value * 1e9))
    }

    /// Looks, each (second, beats, backlog, attempts); then the verdict at a second.
    struct Case: Sendable {
        var looks: [(Double, UInt64, UInt64, UInt64)]
        var at: Double
        var expected: StageJudge.Verdict
    }

    @Test(arguments: [
        Case(looks: [(0, 1, 0, 0)], at: 3, expected: .moving),
        Case(
            looks: [(0, 1, 0, 0)], at: 3.5, expected: .stuck(.noBeat, forNanoseconds: 500_000_000)),
        Case(looks: [(0, 1, 0, 0), (2, 2, 0, 0)], at: 5, expected: .moving),
        Case(
            looks: [(0, 1, 0, 0), (2, 1, 9, 4)], at: 4,
            expected: .stuck(.noBeat, forNanoseconds: 1_000_000_000)),
        // Beats go on, work waits, nothing is tried.
        Case(
            looks: [(0, 1, 0, 7), (2, 2, 1, 7), (4, 3, 1, 7)], at: 5.5,
            expected: .stuck(.noAttempt, forNanoseconds: 500_000_000)),
        // Work waits and is tried: what came of it plays no part.
        Case(looks: [(0, 1, 9, 7), (4, 2, 9, 8), (6, 3, 9, 9)], at: 8, expected: .moving),
        // No work, no attempt: idle.
        Case(looks: [(0, 1, 0, 7), (4, 2, 0, 7), (60, 3, 0, 7)], at: 62, expected: .moving),
        // The backlog went away in between.
        Case(looks: [(0, 1, 1, 7), (4, 2, 0, 7), (6, 3, 1, 7)], at: 8, expected: .moving),
        // A counter that went back (a new daemon) is movement too.
        Case(looks: [(0, 9, 0, 0), (2.5, 1, 0, 0)], at: 5, expected: .moving),
    ])
    func `a stage is stuck by its own beat and attempts alone`(testCase: Case) {
        var judge = StageJudge(now: Self.seconds(0))
        for (at, beats, backlog, attempts) in testCase.looks {
            judge.observe(
                .init(beats: beats, backlog: backlog, attempts: attempts), now: Self.seconds(at))
        }
        #expect(judge.verdict(Self.deadlines, now: Self.seconds(testCase.at)) == testCase.expected)
    }

    @Test func `time in which nobody looked is left out`() {
        var judge = StageJudge(now: Self.seconds(0))
        judge.observe(.init(beats: 1), now: Self.seconds(0))
        judge.forgive(nanoseconds: 10_000_000_000)
        #expect(judge.verdict(Self.deadlines, now: Self.seconds(12)) == .moving)
        #expect(
            judge.verdict(Self.deadlines, now: Self.seconds(14))
                == .stuck(.noBeat, forNanoseconds: 1_000_000_000))
    }

    @Test func `a first look is no proof of life`() {
        var judge = StageJudge(now: Self.seconds(0))
        judge.observe(.init(beats: 8), now: Self.seconds(0))
        #expect(!judge.hasSeenBeat)
        judge.observe(.init(beats: 9), now: Self.seconds(1))
        #expect(judge.hasSeenBeat)
    }

    @Test func `the canary is judged by its oldest unanswered nonce`() {
        var judge = CanaryJudge(firstNonce: 50)
        let deadline: UInt64 = 3_000_000_000
        #expect(judge.nonceDue(interval: 1_000_000_000, now: Self.seconds(0)) == 50)
        #expect(judge.nonceDue(interval: 1_000_000_000, now: Self.seconds(0.9)) == nil)
        #expect(judge.nonceDue(interval: 1_000_000_000, now: Self.seconds(1)) == 51)
        #expect(judge.verdict(deadline: deadline, now: Self.seconds(3)) == .answered)
        #expect(
            judge.verdict(deadline: deadline, now: Self.seconds(3.5))
                == .notEvaluated(forNanoseconds: 500_000_000))
        // 50 was lost on the way; 51 answers for it.
        judge.observe(evaluated: 51, journaled: 0)
        #expect(
            judge.verdict(deadline: deadline, now: Self.seconds(3.5))
                == .notJournaled(forNanoseconds: 500_000_000))
        #expect(!judge.hasBeenAnswered)
        judge.observe(evaluated: 51, journaled: 51)
        #expect(judge.verdict(deadline: deadline, now: Self.seconds(9)) == .answered)
        #expect(judge.hasBeenAnswered)
    }

    @Test func `durable before evaluated is no answer yet, and nonsense is none`() {
        var judge = CanaryJudge(firstNonce: 50)
        _ = judge.nonceDue(interval: 1, now: Self.seconds(0))
        judge.observe(evaluated: 999, journaled: 50)
        #expect(
            judge.verdict(deadline: 1_000_000_000, now: Self.seconds(2))
                == .notEvaluated(forNanoseconds: 1_000_000_000))
        judge.observe(evaluated: 50, journaled: 50)
        #expect(judge.verdict(deadline: 1_000_000_000, now: Self.seconds(2)) == .answered)
    }

    @Test func `unanswered nonces are bounded and the newest one still answers`() {
        var judge = CanaryJudge(firstNonce: 1)
        var last: UInt64 = 0
        for second in 0..<1_000 {
            last = judge.nonceDue(interval: 1_000_000_000, now: Self.seconds(Double(second))) ?? 0
        }
        #expect(last == 1_000)
        #expect(
            judge.verdict(deadline: 3_000_000_000, now: Self.seconds(1_000))
                == .notEvaluated(forNanoseconds: 997_000_000_000))
        judge.observe(evaluated: last, journaled: last)
        #expect(judge.verdict(deadline: 3_000_000_000, now: Self.seconds(1_000)) == .answered)
    }
}
