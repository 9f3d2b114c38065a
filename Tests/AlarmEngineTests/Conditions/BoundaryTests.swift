// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

@testable import AlarmEngine

/// The delays of rules, to the nanosecond, and the limits of what is learned over time.
@Suite struct BoundaryTests {
    /// A condition on sensor `a`, and readings of it that meet it and that do not.
    struct Case: Sendable {
        let condition: RuleCondition
        let met: @Sendable (World) -> Void
        let over: @Sendable (World) -> Void
        /// The second at which `over` is asked; the condition is met from second 20 on.
        var overAt = 30.0

        init(
            _ condition: RuleCondition, overAt: Double = 30,
            met: @escaping @Sendable (World) -> Void, over: @escaping @Sendable (World) -> Void
        ) {
            self.overAt = overAt
            self.condition = condition
            self.met = met
            self.over = over
        }

        init(_ condition: RuleCondition, _ met: Double, _ over: Double) {
            self.init(
                condition, met: { $0.read("a", met) }, over: { $0.read("a", over) })
        }
    }

    static let cases: [Case] = [
        Case(.deviation(reference: nil, setpoint: 50, above: 5, below: 5, deadband: 1), 55, 53),
        Case(.deviation(reference: "b", setpoint: 0, above: 5, below: 5, deadband: 1), 45, 47),
        Case(
            .vote(
                members: ["a", "b", "c"], required: 1, limit: RuleLimit(setpoint: 60, deadband: 2)),
            60, 57),
        Case(.discrepancy(members: ["a", "b", "c"], tolerance: 5, deadband: 1), 55, 53),
        Case(.offNormal(normalStates: 0b1), 1, 0),
        Case(.expression("value > 50 and value(b) > 40"), 51, 50),
        Case(
            .badQuality(includesUncertain: true),
            met: { $0.read("a", 1, World.Facts(quality: .uncertain)) }, over: { $0.read("a", 1) }),
        Case(
            .clockSkew(maxNanoseconds: seconds(20), deadbandNanoseconds: seconds(1)),
            met: { $0.read("a", 1, sourceTime: $0.now - 20) },
            over: { $0.read("a", 1, sourceTime: $0.now) }),
        Case(
            .rateOfChange(rise: 1, fall: nil, deadband: 0.5, windowNanoseconds: seconds(40)),
            met: { $0.read("a", 100) }, over: { $0.read("a", 50) }),
        Case(
            .window(
                measure: .max, limit: RuleLimit(setpoint: 60), windowNanoseconds: seconds(8)),
            60, 50),
        // Met by time alone, exactly at second 20: the value stands since second 10.
        Case(
            .flatLine(epsilon: 0, durationNanoseconds: seconds(10)), met: { _ in },
            over: { $0.read("a", 51) }),
        // Three numbers are missing; they leave the window by time alone, with the pane behind the
        // eleventh.
        Case(
            .sequence(faults: 3, windowNanoseconds: seconds(10), modulus: 0), overAt: 31,
            met: { $0.read("a", 23) }, over: { _ in }),
        // The short average is half way at second 20, and 1/11 of the way back at second 30.
        Case(
            .drift(
                limit: 6, deadband: 1, averageNanoseconds: seconds(10), reference: "b"), 200, 47),
        // The half that ends at second 20 lost 20 ms against the one before, the next one nothing.
        Case(
            .clockDrift(
                partsPerMillion: 2_000, deadband: 500, windowNanoseconds: seconds(20)),
            met: { $0.read("a", 1, sourceTime: $0.now - 0.02) },
            over: { $0.read("a", 1, sourceTime: $0.now - 0.02) }),
    ]

    @Test(arguments: Self.cases.indices)
    func `a rule's delays end at their instant, and not a nanosecond before`(index: Int) {
        let test = Self.cases[index]
        var rule = RuleDeclaration(name: "rule", sensors: ["a"], condition: test.condition)
        rule.onDelayNanoseconds = seconds(5)
        rule.offDelayNanoseconds = seconds(3)
        let world = World(
            ["a", "b", "c"].map { .make($0, deadline: 1_000) }, rules: [rule])
        func isRaised() -> Bool? { world.alarm(named: "rule", "a")?.state.isRaised }
        for path in ["b", "c"] { world.send(path, 50, at: 0) }
        // These rest on what was before.
        switch test.condition {
        case .rateOfChange, .window:
            for second in 0...20 { world.send("a", 50, at: Double(second)) }
        case .flatLine:
            for second in 0...19 {
                world.send("a", second < 10 ? Double(second) : 50, at: Double(second))
            }
        case .sequence:
            for second in 0...19 { world.send("a", Double(second), at: Double(second)) }
        case .drift:
            for second in 0...19 { world.send("a", 50, at: Double(second)) }
        case .clockDrift:
            for second in 0...19 {
                let behind = second < 10 ? 0 : 0.02
                world.send("a", 1, at: Double(second), sourceTime: Double(second) - behind)
            }
        default: break
        }
        world.leap(to: 20)
        test.met(world)
        world.leap(to: 24.999_999_999)
        #expect(isRaised() == false)
        world.leap(to: 25)
        #expect(isRaised() == true)
        world.leap(to: test.overAt)
        test.over(world)
        #expect(world.engine.conditionView(rule: "rule", path: "a")?.result == .notMet)
        world.leap(to: test.overAt + 2.999_999_999)
        #expect(isRaised() == true)
        world.leap(to: test.overAt + 3)
        #expect(isRaised() == false)
        world.verifyReplay()
    }

    @Test func `a drift counts from exactly at its limit, and ends back by the deadband`() {
        for (value, isActive, expected) in [
            (6.0, false, ConditionResult.met), (6.0.nextDown, false, .notMet), (4, true, .met),
            (4.0.nextDown, true, .notMet), (-6, false, .met),
        ] {
            var drift = SlowDrift(
                limit: 6, deadband: 2, averageNanoseconds: seconds(10),
                holdNanoseconds: seconds(5), hasReference: true)
            var result = ConditionResult.error
            // The same all the time: the average is exact.
            for second in 0...12 {
                result = drift.judge(
                    value, reference: .known(0), at: instant(Double(second)), isActive: isActive)
            }
            #expect(result == expected, "\(value)")
        }
    }

    @Test func `a clock's drift counts from exactly at its limit, and ends back by the deadband`() {
        for (change, isActive, expected) in [
            (Int64(100_000), false, ConditionResult.met), (99_999, false, .notMet),
            (-100_000, false, .met), (80_000, true, .met), (79_999, true, .notMet),
        ] {
            var drift = ClockDrift(limit: 100, deadband: 20, windowNanoseconds: seconds(2))
            _ = drift.judge(0, at: instant(0), isActive: isActive)
            _ = drift.judge(change, at: instant(1), isActive: isActive)
            #expect(drift.judge(change, at: instant(2), isActive: isActive) == expected)
        }
    }

    @Test func `faults are counted up to the limit exactly`() {
        for (number, expected) in [(3.0, ConditionResult.notMet), (4, .met)] {
            var check = SequenceCheck(limit: 2, windowNanoseconds: seconds(10), modulus: 0)
            _ = check.judge(1, at: instant(0))
            #expect(check.judge(number, at: instant(1)) == expected)
        }
    }

    @Test func `a sum that no number holds is an error, and a rate that none holds is one`() {
        let huge = Double.greatestFiniteMagnitude
        var window = WindowStatistics(
            measure: .mean, test: SetpointTest(setpoint: 10, deadband: 0, isHigh: false),
            windowNanoseconds: seconds(10), holdNanoseconds: seconds(5))
        for second in 0...10 { window.take(huge, at: instant(Double(second))) }
        #expect(window.judge(at: instant(10), isActive: false) == .error)
        var rate = RateOfChange(
            rise: 5, fall: .infinity, deadband: 1, windowNanoseconds: seconds(8))
        _ = rate.judge(-huge, at: instant(0), isActive: false)
        #expect(rate.judge(huge, at: instant(5), isActive: false) == .error)
    }
}
