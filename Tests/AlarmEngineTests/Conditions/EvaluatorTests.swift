// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

@testable import AlarmEngine

/// An instant of a test: 1,000 s and `second`.
func instant(_ second: Double) -> MonotonicInstant {
    MonotonicInstant(nanoseconds: seconds(1_000 + second))
}

@Suite struct SetpointTestTests {
    static let table: [(isHigh: Bool, value: Double, isActive: Bool, isBeyond: Bool)] = [
        (true, 10, false, true), (true, 10.0.nextDown, false, false),
        (true, 8, true, true), (true, 8.0.nextDown, true, false), (true, 9, false, false),
        (false, 10, false, true), (false, 10.0.nextUp, false, false),
        (false, 12, true, true), (false, 12.0.nextUp, true, false), (false, 11, false, false),
    ]

    @Test(arguments: Self.table)
    func `a setpoint counts from exactly at it, the way back from beyond the deadband`(
        isHigh: Bool, value: Double, isActive: Bool, isBeyond: Bool
    ) {
        let test = SetpointTest(setpoint: 10, deadband: 2, isHigh: isHigh)
        #expect(test.isBeyond(value, isActive: isActive) == isBeyond)
        #expect(test.judge(Sample(value), isActive: isActive) == (isBeyond ? .met : .notMet))
    }

    @Test func `what is unknown stays unknown`() {
        let test = SetpointTest(setpoint: 10, deadband: 2, isHigh: true)
        #expect(test.judge(.stale, isActive: true) == .stale)
        #expect(test.judge(Sample(.nan), isActive: true) == .error)
        #expect(Sample(.infinity) == .error)
    }
}

@Suite struct DeviationTests {
    private let deviation = Deviation(above: 5, below: 3, deadband: 1)

    @Test func `each side counts from exactly at its distance`() {
        let at: (Double, Bool) -> ConditionResult = {
            self.deviation.judge(.known(100 + $0), reference: .known(100), isActive: $1)
        }
        #expect(at(5, false) == .met)
        #expect(at(4.9, false) == .notMet)
        #expect(at(-3, false) == .met)
        #expect(at(-2.9, false) == .notMet)
    }

    @Test func `an active deviation ends only when it is back by the deadband`() {
        let at: (Double) -> ConditionResult = {
            self.deviation.judge(.known(100 + $0), reference: .known(100), isActive: true)
        }
        #expect(at(4) == .met)
        #expect(at(3.9) == .notMet)
        #expect(at(-2) == .met)
        #expect(at(-1.9) == .notMet)
    }

    @Test func `a lost reference makes it unknown, an error more so`() {
        #expect(self.deviation.judge(.known(1), reference: .stale, isActive: false) == .stale)
        #expect(self.deviation.judge(.stale, reference: .error, isActive: false) == .error)
        #expect(self.deviation.judge(.error, reference: .stale, isActive: false) == .error)
    }

    @Test func `a distance that is no number is an error`() {
        let huge = Double.greatestFiniteMagnitude
        #expect(
            self.deviation.judge(.known(huge), reference: .known(-huge), isActive: false)
                == .error)
    }
}

@Suite struct StateAndQualityTests {
    @Test func `a state outside the normal ones is off-normal`() {
        let test = OffNormal(normalStates: 0b101)
        #expect(test.judge(.known(0)) == .notMet)
        #expect(test.judge(.known(1)) == .met)
        #expect(test.judge(.known(2)) == .notMet)
        #expect(test.judge(.known(64)) == .met)
        #expect(test.judge(.known(-1)) == .met)
        #expect(test.judge(.known(1e300)) == .met)
        #expect(test.judge(.known(0.5)) == .error)
        #expect(test.judge(.known(64.5)) == .error)
        #expect(test.judge(.stale) == .stale)
    }

    @Test func `state 63 can be normal`() {
        #expect(OffNormal(normalStates: 1 << 63).judge(.known(63)) == .notMet)
    }

    @Test func `quality is judged while the sensor is fresh`() {
        let strict = QualityTest(includesUncertain: true)
        let mild = QualityTest(includesUncertain: false)
        #expect(mild.judge(.bad, isFresh: true) == .met)
        #expect(mild.judge(.uncertain, isFresh: true) == .notMet)
        #expect(strict.judge(.uncertain, isFresh: true) == .met)
        #expect(strict.judge(.good, isFresh: true) == .notMet)
        #expect(strict.judge(.bad, isFresh: false) == .stale)
    }

    @Test func `the ends of the instrument's range belong to it`() {
        let range = InstrumentRange(least: -10, most: 50)
        #expect(range.holds(-10) && range.holds(50))
        #expect(!range.holds((-10.0).nextDown) && !range.holds(50.0.nextUp))
        #expect(!range.holds(.nan))
    }

    @Test func `skew counts either way, from exactly at the limit`() {
        let skew = ClockSkew(maxNanoseconds: 100, deadbandNanoseconds: 20)
        #expect(skew.judge(100, isActive: false) == .met)
        #expect(skew.judge(-100, isActive: false) == .met)
        #expect(skew.judge(99, isActive: false) == .notMet)
        #expect(skew.judge(80, isActive: true) == .met)
        #expect(skew.judge(79, isActive: true) == .notMet)
        #expect(skew.judge(.min, isActive: true) == .met)
        #expect(skew.judge(nil, isActive: true) == .stale)
    }
}

@Suite struct GroupTests {
    private func members(_ samples: [Sample]) -> MemberSamples {
        var members = MemberSamples()
        for sample in samples { members.append(sample) }
        return members
    }

    /// Votes wanted, members, result: 100 is beyond, 0 is not.
    static let votes: [(UInt8, [Sample], ConditionResult)] = [
        (1, [.known(100), .known(0)], .met),
        (2, [.known(100), .known(0)], .notMet),
        (2, [.known(100), .known(100)], .met),
        (2, [.known(100), .known(100), .known(0)], .met),
        (2, [.known(100), .known(0), .known(0)], .notMet),
        (2, [.known(100), .stale, .known(0)], .stale),
        (2, [.known(100), .error, .known(100)], .met),
        (2, [.known(0), .error, .known(0)], .notMet),
        (1, [.known(0), .error], .error),
    ]

    @Test(arguments: Self.votes)
    func `a vote counts members beyond the setpoint, exactly at it included`(
        required: UInt8, samples: [Sample], expected: ConditionResult
    ) {
        let vote = GroupVote(
            required: required, test: SetpointTest(setpoint: 100, deadband: 10, isHigh: true))
        #expect(vote.judge(self.members(samples), isActive: false) == expected)
    }

    private let discrepancy = GroupDiscrepancy(tolerance: 5, deadband: 1)

    @Test func `the odd one out is named`() {
        let verdict = self.discrepancy.judge(
            self.members([.known(10), .known(20), .known(11)]), isActive: false)
        #expect(verdict.result == .met)
        #expect(verdict.oddOne == 1)
        #expect(verdict.median == 11)
        #expect(verdict.distance == 9)
    }

    @Test func `exactly at the tolerance counts, and back by the deadband ends it`() {
        let at: (Double, Bool) -> ConditionResult = {
            self.discrepancy.judge(
                self.members([.known(10), .known(10), .known(10 + $0)]), isActive: $1
            ).result
        }
        #expect(at(5, false) == .met)
        #expect(at(4.9, false) == .notMet)
        #expect(at(4, true) == .met)
        #expect(at(3.9, true) == .notMet)
    }

    @Test func `of two that disagree none is named`() {
        let verdict = self.discrepancy.judge(
            self.members([.known(1), .known(6)]), isActive: false)
        #expect(verdict.result == .met)
        #expect(verdict.oddOne == -1)
    }

    @Test func `agreement is said only when all members are known`() {
        #expect(
            self.discrepancy.judge(
                self.members([.known(1), .known(1), .stale]), isActive: false
            ).result == .stale)
        #expect(
            self.discrepancy.judge(
                self.members([.known(1), .known(9), .error]), isActive: false
            ).result == .met)
        #expect(
            self.discrepancy.judge(self.members([.known(1), .error]), isActive: false).result
                == .error)
    }

    @Test func `four members have the mean of the middle two as median`() {
        let verdict = self.discrepancy.judge(
            self.members([.known(4), .known(1), .known(2), .known(30)]), isActive: false)
        #expect(verdict.median == 3)
        #expect(verdict.oddOne == 3)
    }
}
