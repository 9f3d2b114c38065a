// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import Testing

/// Rules that err by themselves: nothing that cannot be verified is shown as OK.
@Suite struct OwnErrorTests {
    private static func sensor(_ path: String, grace: Double = 4) -> SensorDeclaration {
        var sensor = SensorDeclaration.make(path, deadline: 60, stale: .low, unknownGrace: grace)
        sensor.supervision = .periodic
        return sensor
    }

    private static func rule(
        _ condition: RuleCondition, named name: String = "rule",
        _ change: (inout RuleDeclaration) -> Void = { _ in }
    ) -> RuleDeclaration {
        var rule = RuleDeclaration(name: name, sensors: ["a"], condition: condition)
        rule.priority = .critical
        change(&rule)
        return rule
    }

    private static func world(_ rules: RuleDeclaration...) -> World {
        World([Self.sensor("a"), Self.sensor("b")], rules: rules)
    }

    private static let quotient = Self.rule(.expression("value / value(b) > 2"))

    @Test func `a quotient by zero raises cannot verify after the grace, for the rule's priority`()
    {
        let world = Self.world(Self.quotient)
        world.send("a", 9, at: 0)
        world.send("b", 0, at: 1)
        world.advance(to: 4.999)
        #expect(world.decisions(.alarmRaised).isEmpty)
        world.advance(to: 5.001)
        let raised = world.decisions(.alarmRaised)
        #expect(raised.map(\.alarm) == [.unverifiable])
        #expect(raised.map { world.path(of: $0.sensor) } == ["a"])
        #expect(raised.map(\.priority) == [.critical])
        #expect(raised.map(\.cause) == [.notVerifiable])
        #expect(raised.map { World.second($0.time) } == [5])
        #expect(world.bodies.last?.contains(#""causedBy":"a:rule""#) == true)
        world.send("b", 9, at: 6)
        #expect(world.state(.unverifiable, "a") == .returnedUnacknowledged)
        world.verifyReplay()
    }

    @Test func `a result within the grace raises nothing`() {
        let world = Self.world(Self.quotient)
        world.send("a", 9, at: 0)
        world.send("b", 0, at: 1)
        world.send("b", 9, at: 4.9)
        world.advance(to: 20)
        #expect(world.decisions(.alarmRaised).isEmpty)
        // The next error has a grace of its own.
        world.send("b", 0, at: 20)
        world.advance(to: 23.9)
        #expect(world.decisions(.alarmRaised).isEmpty)
        world.advance(to: 24.1)
        #expect(world.decisions(.alarmRaised, .unverifiable).count == 1)
        world.verifyReplay()
    }

    @Test func `an alarm that is raised is held while its rule errs`() {
        let world = Self.world(Self.quotient)
        world.send("b", 1, at: 0)
        world.send("a", 9, at: 1)
        #expect(world.alarm(named: "rule", "a")?.state == .unacknowledged)
        world.send("b", 0, at: 2)
        world.advance(to: 30)
        #expect(world.alarm(named: "rule", "a")?.state == .unacknowledged)
        #expect(world.alarm(named: "rule", "a")?.heldSince.nanoseconds != 0)
        #expect(world.state(.unverifiable, "a") == .unacknowledged)
        world.send("b", 9, at: 31)
        #expect(world.alarm(named: "rule", "a")?.state == .returnedUnacknowledged)
        #expect(world.state(.unverifiable, "a") == .returnedUnacknowledged)
        world.verifyReplay()
    }

    @Test func `a rule that errs during its on-delay raises at once`() {
        let world = Self.world(
            Self.rule(.expression("value / value(b) > 2")) { $0.onDelayNanoseconds = seconds(10) })
        world.send("b", 1, at: 0)
        world.send("a", 9, at: 1)
        world.send("b", 0, at: 3)
        let raised = world.decisions(.alarmRaised)
        #expect(raised.map(\.cause) == [.lostWhileBeyondLimit])
        #expect(raised.map { World.second($0.time) } == [3])
    }

    @Test func `an input that cannot be used speaks for itself`() {
        let world = Self.world(Self.quotient)
        world.send("a", 9, at: 0)
        world.send("b", .nan, at: 1)
        world.advance(to: 30)
        #expect(world.engine.conditionView(rule: "rule", path: "a")?.result == .error)
        #expect(world.state(.unverifiable, "b") == .unacknowledged)
        #expect(world.alarm(.unverifiable, "b")?.priority == .critical)
        #expect(world.state(.unverifiable, "a") == .normal)
        // Known again, it is the quotient that has no result.
        world.send("b", 0, at: 31)
        world.advance(to: 35.1)
        #expect(world.state(.unverifiable, "b") == .returnedUnacknowledged)
        #expect(world.state(.unverifiable, "a") == .unacknowledged)
        world.verifyReplay()
    }

    @Test func `a rule below that errs speaks for the rule above it`() {
        let world = Self.world(
            Self.quotient, Self.rule(.expression("condition(:rule) and value > 1"), named: "above"))
        world.send("a", 9, at: 0)
        world.send("b", 0, at: 1)
        world.advance(to: 30)
        #expect(world.engine.conditionView(rule: "above", path: "a")?.result == .error)
        #expect(world.decisions(.alarmRaised).count == 1)
        #expect(world.bodies.last?.contains(#""causedBy":"a:rule""#) == true)
    }

    private static let errors: [(RuleCondition, Double)] = [
        (.expression("value >"), 1),
        (.expression("raised(b:nobody)"), 1),
        (.expression("condition(b:high)"), 1),
        (.offNormal(normalStates: 1), 0.5),
        (.sequence(faults: 1, windowNanoseconds: 10_000_000_000, modulus: 0), 0.5),
        (
            .deviation(reference: nil, setpoint: -1.7e308, above: 1, below: 1, deadband: 0),
            1.7e308
        ),
    ]

    @Test(arguments: errors)
    func `whatever makes a rule err, cannot verify says so`(
        condition: RuleCondition, value: Double
    ) {
        let world = Self.world(Self.rule(condition))
        world.send("b", 1, at: 0)
        world.send("a", value, at: 1)
        #expect(world.engine.conditionView(rule: "rule", path: "a")?.result == .error)
        world.advance(to: 5.1)
        #expect(world.state(.unverifiable, "a") == .unacknowledged)
        world.verifyReplay()
    }

    @Test func `a rule that looks at itself is an error, and is said`() {
        let world = Self.world(
            Self.rule(.expression("condition(:other)")),
            Self.rule(.expression("condition(:rule)"), named: "other"))
        world.send("a", 1, at: 0)
        world.advance(to: 4.1)
        #expect(world.state(.unverifiable, "a") == .unacknowledged)
    }

    @Test func `a rule that looks at what its own error raises comes to an end`() {
        let world = World(
            [Self.sensor("a", grace: 0), Self.sensor("b")],
            rules: [
                Self.rule(.expression("value / value(b) > 2 and not raised(:unverifiable)"))
            ])
        world.send("b", 0, at: 0)
        for second in 1...20 { world.send("a", 9, at: Double(second)) }
        #expect(world.decisions.count < 200)
        world.verifyReplay()
    }

    @Test func `a rule on trial that errs raises nothing`() {
        let world = Self.world(
            Self.rule(.expression("value / value(b) > 2")) { $0.isPassive = true })
        world.send("a", 9, at: 0)
        world.send("b", 0, at: 1)
        world.advance(to: 30)
        #expect(world.decisions(.alarmRaised).isEmpty)
    }

    @Test func `a rule that errs on a silent sensor is said too`() {
        var a = Self.sensor("a")
        a.deadlineNanoseconds = seconds(5)
        // More urgent than all else: silence alone would not raise cannot verify.
        a.stalePriority = .critical
        let world = World(
            [a, Self.sensor("b")], rules: [Self.rule(.expression("1 / value(b) > 2"))])
        world.send("a", 1, at: 0)
        world.send("b", 0, at: 4)
        world.advance(to: 30)
        #expect(world.freshness("a") == .stale)
        #expect(world.decisions(.alarmRaised).map(\.alarm) == [.stale, .unverifiable])
        world.send("b", 1, at: 31)
        // Stays until a good reading of its sensor.
        #expect(world.state(.unverifiable, "a") == .unacknowledged)
        world.send("a", 1, at: 32)
        #expect(world.state(.unverifiable, "a") == .returnedUnacknowledged)
        world.verifyReplay()
    }

    @Test func `a limit that does not hold in this mode is not met, and no error`() {
        var b = Self.sensor("b")
        var night = LimitSet(mode: "night")
        night.high = .at(50)
        b.limitSets = [night]
        let world = World(
            [Self.sensor("a"), b],
            rules: [Self.rule(.expression("condition(b:high) or raised(b:high)"))],
            areas: [AreaDeclaration(name: "hall", sensors: ["b"], modes: ["day", "night"])])
        world.send("b", 60, at: 0)
        world.send("a", 1, at: 1)
        #expect(world.engine.conditionView(rule: "rule", path: "a")?.result == .notMet)
        world.command(
            OperatorCommand(
                area: "hall", mode: "night", user: "operator", origin: "console", comment: ""))
        #expect(world.engine.conditionView(rule: "rule", path: "a")?.result == .met)
        world.verifyReplay()
    }

    @Test func `a value that cannot be used is said again after a silence that took its place`() {
        var a = Self.sensor("a", grace: 4)
        a.deadlineNanoseconds = seconds(2)
        a.stalePriority = .critical
        let world = World([a])
        world.send("a", .nan, at: 0)
        world.advance(to: 3)
        #expect(world.freshness("a") == .stale)
        for second in 4...9 { world.send("a", .nan, at: Double(second)) }
        #expect(world.freshness("a") == .fresh)
        #expect(world.decisions(.alarmRaised, .unverifiable).map { World.second($0.time) } == [8])
        world.verifyReplay()
    }

    @Test func `an off-delay does not complete on a value that cannot be used and came late`() {
        let world = World(
            [Self.sensor("a", grace: 10)],
            rules: [
                Self.rule(
                    .window(
                        measure: .max, limit: RuleLimit(setpoint: 50),
                        windowNanoseconds: 10_000_000_000)
                ) { $0.offDelayNanoseconds = seconds(5) }
            ])
        for second in 0...9 { world.send("a", 60, at: Double(second)) }
        #expect(world.alarm(named: "rule", "a")?.state == .unacknowledged)
        for second in 10...21 { world.send("a", 1, at: Double(second), sourceTime: Double(second)) }
        #expect(world.engine.conditionView(rule: "rule", path: "a")?.result == .notMet)
        // Of the same instant as the last one: it may raise, and clears nothing.
        world.send("a", .nan, at: 22, sourceTime: 21)
        #expect(world.engine.conditionView(rule: "rule", path: "a")?.result == .error)
        world.advance(to: 30)
        #expect(world.alarm(named: "rule", "a")?.state == .unacknowledged)
        world.verifyReplay()
    }
}
