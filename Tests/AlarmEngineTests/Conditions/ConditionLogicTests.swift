// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

@testable import AlarmEngine

@Suite struct ConditionLogicTests {
    private static let all: [ConditionResult] = [.notMet, .met, .stale, .error]

    @Test func `and takes notMet first, then error, then stale`() {
        let table: [[ConditionResult]] = [
            [.notMet, .notMet, .notMet, .notMet],
            [.notMet, .met, .stale, .error],
            [.notMet, .stale, .stale, .error],
            [.notMet, .error, .error, .error],
        ]
        for (row, left) in Self.all.enumerated() {
            for (column, right) in Self.all.enumerated() {
                #expect(left.and(right) == table[row][column])
            }
        }
    }

    @Test func `or takes met first, then error, then stale`() {
        let table: [[ConditionResult]] = [
            [.notMet, .met, .stale, .error],
            [.met, .met, .met, .met],
            [.stale, .met, .stale, .error],
            [.error, .met, .error, .error],
        ]
        for (row, left) in Self.all.enumerated() {
            for (column, right) in Self.all.enumerated() {
                #expect(left.or(right) == table[row][column])
            }
        }
    }

    @Test func `not turns the known around and leaves the unknown`() {
        #expect(Self.all.map { $0.negated() } == [.met, .notMet, .stale, .error])
    }

    @Test func `the negation of and is the or of the negations`() {
        for left in Self.all {
            for right in Self.all {
                #expect(left.and(right).negated() == left.negated().or(right.negated()))
            }
        }
    }

    /// Results of the members, how many are wanted, what comes out.
    static let tallies: [([ConditionResult], Int, ConditionResult)] = [
        ([.met, .met, .notMet], 2, .met),
        ([.met, .notMet, .notMet], 2, .notMet),
        ([.met, .stale, .notMet], 2, .stale),
        ([.met, .stale, .error], 2, .error),
        ([.stale, .notMet, .notMet], 2, .notMet),
        ([.met, .met, .error], 2, .met),
        ([.error, .error], 1, .error),
        ([.stale, .notMet], 1, .stale),
    ]

    @Test(arguments: Self.tallies)
    func `n of m is unknown only while the unknown could decide it`(
        results: [ConditionResult], required: Int, expected: ConditionResult
    ) {
        var tally = ConditionTally()
        for result in results { tally.add(result) }
        #expect(tally.atLeast(required) == expected)
    }
}
