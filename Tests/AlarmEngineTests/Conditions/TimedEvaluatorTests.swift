// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

@testable import AlarmEngine

@Suite struct RateOfChangeTests {
    private func rate(rise: Double = 1, fall: Double = .infinity) -> RateOfChange {
        RateOfChange(rise: rise, fall: fall, deadband: 0.25, windowNanoseconds: seconds(8))
    }

    @Test func `the rate is unknown until half a window has passed`() {
        var rate = self.rate()
        #expect(rate.judge(0, at: instant(0), isActive: false) == .stale)
        #expect(
            rate.judge(
                100, at: MonotonicInstant(nanoseconds: instant(4).nanoseconds - 1),
                isActive: false) == .stale)
        #expect(rate.judge(4, at: instant(4), isActive: false) == .met)
        #expect(rate.rate == 1)
    }

    @Test func `exactly at the limit counts, and the deadband keeps it`() {
        for (value, isActive, expected) in [
            (8.0, false, ConditionResult.met), (8.0.nextDown, false, .notMet), (6, true, .met),
            (6.0.nextDown, true, .notMet),
        ] {
            var rate = self.rate()
            _ = rate.judge(0, at: instant(0), isActive: false)
            #expect(rate.judge(value, at: instant(8), isActive: isActive) == expected)
        }
    }

    @Test func `a fall counts by its own limit`() {
        var rate = self.rate(rise: .infinity, fall: 2)
        _ = rate.judge(16, at: instant(0), isActive: false)
        #expect(rate.judge(0, at: instant(8), isActive: false) == .met)
        var slow = self.rate(rise: .infinity, fall: 2)
        _ = slow.judge(15, at: instant(0), isActive: false)
        #expect(slow.judge(0, at: instant(8), isActive: false) == .notMet)
    }

    @Test func `what left the window is forgotten`() {
        var rate = self.rate()
        _ = rate.judge(0, at: instant(0), isActive: false)
        #expect(rate.judge(100, at: instant(8.001), isActive: false) == .stale)
    }

    @Test func `the same slope gives the same rate at every pace of readings`() {
        for step in [0.05, 0.25, 1, 3.9] {
            var rate = self.rate(rise: 2)
            var time = 0.0
            while time < 60 {
                _ = rate.judge(1.5 * time, at: instant(time), isActive: false)
                time += step
            }
            #expect((rate.rate - 1.5).magnitude < 1e-6)
        }
    }
}

@Suite struct FlatLineTests {
    private var flat = FlatLine(epsilon: 0.5, durationNanoseconds: seconds(10))

    @Test mutating func `one tick before the time it is not flat, at the time it is`() {
        _ = self.flat.judge(1, at: instant(-1))
        #expect(self.flat.judge(2, at: instant(0)) == .notMet)
        #expect(
            self.flat.judge(2, at: MonotonicInstant(nanoseconds: instant(10).nanoseconds - 1))
                == .notMet)
        #expect(self.flat.judge(2, at: instant(10)) == .met)
    }

    @Test mutating func `a change of exactly epsilon is none, one beyond it is`() {
        _ = self.flat.judge(1, at: instant(0))
        _ = self.flat.judge(1.5, at: instant(5))
        #expect(self.flat.judge(0.5, at: instant(10)) == .met)
        #expect(self.flat.judge(1.6, at: instant(11)) == .notMet)
        #expect(self.flat.flatSince == instant(11))
    }

    @Test mutating func `before the first change and the time it is unknown`() {
        #expect(self.flat.judge(1, at: instant(0)) == .stale)
        #expect(self.flat.judge(1, at: instant(9)) == .stale)
        #expect(self.flat.judge(1, at: instant(10)) == .met)
    }

    @Test mutating func `an older arrival does not turn time back`() {
        _ = self.flat.judge(1, at: instant(10))
        _ = self.flat.judge(5, at: instant(8))
        #expect(self.flat.flatSince == instant(10))
    }
}

@Suite struct SlowDriftTests {
    @Test func `a creeping value is found, a steady one is not`() {
        for (slope, expected) in [(0.0, ConditionResult.notMet), (0.01, .met)] {
            var drift = SlowDrift(
                limit: 2, deadband: 0.5, averageNanoseconds: seconds(300),
                holdNanoseconds: seconds(5), hasReference: false)
            var result = ConditionResult.stale
            for second in 0..<3_000 {
                result = drift.judge(
                    20 + slope * Double(second), reference: .stale, at: instant(Double(second)),
                    isActive: false)
            }
            #expect(result == expected)
        }
    }

    @Test func `it is unknown until it has learned for the whole time`() {
        var drift = SlowDrift(
            limit: 1, deadband: 0, averageNanoseconds: seconds(10), holdNanoseconds: seconds(5),
            hasReference: false)
        for second in 0..<10 {
            #expect(
                drift.judge(5, reference: .stale, at: instant(Double(second)), isActive: false)
                    == .stale)
        }
        #expect(drift.judge(5, reference: .stale, at: instant(10), isActive: false) == .notMet)
    }

    @Test func `the baseline stands still while the condition is raised`() {
        var drift = SlowDrift(
            limit: 1, deadband: 0, averageNanoseconds: seconds(10), holdNanoseconds: seconds(5),
            hasReference: false)
        for second in 0..<60 {
            _ = drift.judge(5, reference: .stale, at: instant(Double(second)), isActive: false)
        }
        var result = ConditionResult.notMet
        for second in 60..<2_000 {
            result = drift.judge(
                8, reference: .stale, at: instant(Double(second)), isActive: result == .met)
        }
        #expect(result == .met)
        #expect((drift.drift - 3).magnitude < 1)
    }

    @Test func `against a reference only the difference counts`() {
        var drift = SlowDrift(
            limit: 1, deadband: 0, averageNanoseconds: seconds(10), holdNanoseconds: seconds(5),
            hasReference: true)
        var result = ConditionResult.stale
        for second in 0..<100 {
            let base = Double(second) * 10
            result = drift.judge(
                base, reference: .known(base), at: instant(Double(second)), isActive: false)
        }
        #expect(result == .notMet)
        #expect(drift.judge(1, reference: .error, at: instant(100), isActive: false) == .error)
    }
}

@Suite struct ClockDriftTests {
    @Test func `a clock that loses 100 ppm is found after two half windows`() {
        var drift = ClockDrift(limit: 100, deadband: 10, windowNanoseconds: seconds(200))
        var result = ConditionResult.stale
        for second in 0...300 {
            // 100 ppm and a jitter that only ever adds.
            let jitter = second % 7 == 0 ? 0 : Int64(second % 7) * 1_000_000
            result = drift.judge(
                Int64(second) * 100_000 + jitter, at: instant(Double(second)), isActive: false)
            if second < 200 { #expect(result == .stale) }
        }
        #expect((drift.partsPerMillion - 100).magnitude < 8)
        #expect(drift.judge(nil, at: instant(301), isActive: true) == .met)
    }

    @Test func `after a silence of a half window it is unknown again`() {
        var drift = ClockDrift(limit: 100, deadband: 10, windowNanoseconds: seconds(20))
        for second in 0...40 { _ = drift.judge(0, at: instant(Double(second)), isActive: false) }
        #expect(drift.judge(0, at: instant(49), isActive: false) == .notMet)
        #expect(drift.judge(0, at: instant(75), isActive: false) == .stale)
    }
}

@Suite struct SequenceCheckTests {
    @Test func `each number says how it follows the last`() {
        var check = SequenceCheck(limit: 1, windowNanoseconds: seconds(10), modulus: 0)
        let numbers: [(Double, SequenceCheck.Outcome)] = [
            (5, .first), (6, .inOrder), (6, .duplicate), (9, .missing(2)), (7, .duplicate),
            (10, .inOrder), (10.5, .malformed), (-1, .malformed), (.nan, .malformed),
            (500, .missing(489)), (200, .restarted), (0, .restarted), (1, .inOrder),
        ]
        for (number, expected) in numbers { #expect(check.follow(number) == expected) }
    }

    @Test func `a counter of 256 numbers goes round`() {
        var check = SequenceCheck(limit: 1, windowNanoseconds: seconds(10), modulus: 256)
        let numbers: [(Double, SequenceCheck.Outcome)] = [
            (254, .first), (255, .inOrder), (0, .inOrder), (2, .missing(1)), (1, .duplicate),
            (256, .malformed), (3, .inOrder),
        ]
        for (number, expected) in numbers { #expect(check.follow(number) == expected) }
    }

    @Test func `the limit is met exactly and forgotten with the window`() {
        var check = SequenceCheck(limit: 3, windowNanoseconds: seconds(10), modulus: 0)
        #expect(check.judge(at: instant(0)) == .stale)
        #expect(check.judge(1, at: instant(0)) == .notMet)
        #expect(check.judge(4, at: instant(1)) == .notMet)
        #expect(check.judge(6, at: instant(2)) == .met)
        #expect(check.faultCount == 3)
        #expect(check.judge(at: instant(11.9)) == .met)
        #expect(check.judge(at: instant(12)) == .notMet)
        #expect(check.judge(at: instant(9.9)) == .notMet)
    }
}

@Suite struct WindowStatisticsTests {
    private func window(
        _ measure: WindowStatistics.Measure, setpoint: Double = 10, isHigh: Bool = true,
        hold: Double = 1
    ) -> WindowStatistics {
        WindowStatistics(
            measure: measure,
            test: SetpointTest(setpoint: setpoint, deadband: 1, isHigh: isHigh),
            windowNanoseconds: seconds(10), holdNanoseconds: seconds(hold))
    }

    @Test func `below four fifths of coverage it is unknown`() {
        var window = self.window(.mean)
        for second in 0..<8 { window.take(20, at: instant(Double(second))) }
        let before = MonotonicInstant(nanoseconds: instant(8).nanoseconds - 1)
        #expect(window.judge(at: before, isActive: false) == .stale)
        #expect(window.judge(at: instant(8), isActive: false) == .met)
    }

    @Test func `a reading covers no more than its hold`() {
        var window = self.window(.mean)
        // Every second second: half of the time is covered.
        for second in 0..<40 { window.take(20, at: instant(Double(second * 2))) }
        #expect(!window.isCovered)
    }

    @Test func `count, mean, least and most are those of the window`() {
        let expected: [(WindowStatistics.Measure, Double)] = [
            (.count, 11), (.mean, 35), (.least, 30), (.most, 40),
        ]
        for (measure, value) in expected {
            var window = self.window(measure)
            for second in 0...40 { window.take(Double(second), at: instant(Double(second))) }
            #expect(window.value == value)
        }
    }

    @Test func `exactly at the setpoint counts, and back by the deadband ends it`() {
        for (value, isActive, expected) in [
            (10.0, false, ConditionResult.met), (9.99, false, .notMet), (9.0, true, .met),
            (8.99, true, .notMet),
        ] {
            var window = self.window(.most)
            for second in 0..<20 { window.take(value, at: instant(Double(second))) }
            #expect(window.judge(at: instant(19), isActive: isActive) == expected)
        }
    }

    @Test func `an emptied window is unknown, not zero`() {
        var window = self.window(.mean)
        for second in 0..<20 { window.take(20, at: instant(Double(second))) }
        #expect(window.judge(at: instant(500), isActive: true) == .stale)
        #expect(window.nextChange(from: .stale, isActive: true, upTo: instant(600)) == nil)
        let next = window.nextChange(from: .stale, isActive: true, upTo: instant(500))
        #expect(next == instant(501))
    }

    @Test func `cutting time into pieces makes no difference`() {
        var random = Random(seed: 7)
        for _ in 0..<200 {
            var whole = self.window(.mean, hold: 0.7)
            var pieces = self.window(.mean, hold: 0.7)
            var time = 0.0
            for _ in 0..<50 {
                let gap = Double(random.next() % 30_000) / 10_000
                for _ in 0..<random.next() % 4 {
                    let part = time + gap * Double(random.next() % 1_000) / 1_000
                    _ = pieces.judge(at: instant(part), isActive: false)
                }
                time += gap
                let value = Double(random.next() % 1_000)
                whole.take(value, at: instant(time))
                pieces.take(value, at: instant(time))
                #expect(whole.value.bitPattern == pieces.value.bitPattern)
                #expect(whole.isCovered == pieces.isCovered)
            }
        }
    }
}
