// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import Testing

/// Conditions whose inputs are in doubt: not verified, silent, or only good enough to raise.
@Suite struct DoubtTests {
    private static func sensor(
        _ path: String, deadline: Double = 60, supervision: SupervisionMode = .periodic
    ) -> SensorDeclaration {
        var sensor = SensorDeclaration(pattern: path, deadlineNanoseconds: seconds(deadline))
        sensor.supervision = supervision
        return sensor
    }

    private static func rule(
        _ condition: RuleCondition, on path: String = "a",
        _ change: (inout RuleDeclaration) -> Void = { _ in }
    ) -> RuleDeclaration {
        var rule = RuleDeclaration(name: "rule", sensors: [path], condition: condition)
        change(&rule)
        return rule
    }

    private static func history(_ world: World, of name: String = "rule") -> [Decision.Kind] {
        world.decisions.filter { world.engine.alarmName(of: $0) == name }.map(\.kind)
    }

    private static func result(_ world: World, _ path: String = "a") -> ConditionResult? {
        world.engine.conditionView(rule: "rule", path: path)?.result
    }

    /// Conditions that look at `b` and are met by 9 on both sensors.
    private static let composites: [RuleCondition] = [
        .expression("value > 5 and value(b) > 5"),
        .deviation(reference: "b", setpoint: 0, above: -1, below: nil, deadband: 0),
        .vote(members: ["a", "b"], required: 2, limit: RuleLimit(setpoint: 5)),
        .discrepancy(members: ["a", "b"], tolerance: 0, deadband: 0),
    ]

    @Test(arguments: composites)
    func `a restart makes what looks at others unknown at once`(condition: RuleCondition) {
        let world = World([Self.sensor("a"), Self.sensor("b")], rules: [Self.rule(condition)])
        world.send("a", 9, at: 0)
        world.send("b", 9, at: 1)
        #expect(Self.result(world)?.isUnknown == false)
        world.start()
        #expect(Self.result(world) == .stale)
        world.verifyReplay()
    }

    @Test(arguments: composites.prefix(3))
    func `an input that falls silent makes what looks at it unknown at its deadline`(
        condition: RuleCondition
    ) {
        let world = World(
            [Self.sensor("a"), Self.sensor("b", deadline: 5)], rules: [Self.rule(condition)])
        world.send("a", 9, at: 0)
        world.send("b", 9, at: 1)
        #expect(Self.history(world) == [.alarmRaised])
        world.advance(to: 5.9)
        #expect(Self.result(world) == .met)
        world.advance(to: 6.1)
        #expect(Self.result(world) == .stale)
        #expect(world.alarm(.stale, "b")?.state.isRaised == true)
        // Held, not returned.
        #expect(Self.history(world) == [.alarmRaised])
        world.verifyReplay()
    }

    @Test func `an input that our own lag puts in doubt makes what looks at it unknown`() {
        let world = World(
            [Self.sensor("a"), Self.sensor("b", deadline: 5)],
            rules: [Self.rule(.expression("value > 5 and value(b) > 5"))])
        world.send("a", 9, at: 0)
        world.send("b", 9, at: 1)
        world.advance(to: 5)
        world.lag(30)
        world.pass(to: 9.5)
        world.lag(30)
        world.leap(to: 12)
        #expect(world.freshness("b") == .unverified)
        #expect(Self.result(world) == .stale)
        world.verifyReplay()
    }

    @Test func `a rule's off-delay does not complete on an input in doubt`() {
        let world = World(
            [Self.sensor("a"), Self.sensor("b", deadline: 5)],
            rules: [
                Self.rule(.expression("value > 5 and value(b) > 5")) {
                    $0.offDelayNanoseconds = seconds(12)
                }
            ])
        world.send("a", 9, at: 0)
        world.send("b", 9, at: 1)
        world.send("b", 1, at: 5)
        world.lag(30)
        world.pass(to: 9.5)
        world.lag(30)
        world.pass(to: 14)
        world.lag(30)
        // Five seconds past its deadline b is in doubt; two more, and the delay would be over.
        world.leap(to: 16)
        #expect(world.freshness("b") == .unverified)
        world.leap(to: 18)
        #expect(Self.history(world) == [.alarmRaised])
        #expect(Self.result(world)?.isUnknown == true)
        world.verifyReplay()
    }

    @Test func `a restart neither raises nor ends what waits for its delay`() {
        let world = World(
            [Self.sensor("a"), Self.sensor("b")],
            rules: [
                Self.rule(.expression("value > 5 and value(b) > 5")) {
                    $0.onDelayNanoseconds = seconds(10)
                }
            ])
        world.send("a", 9, at: 0)
        world.send("b", 9, at: 1)
        world.advance(to: 4)
        world.start()
        #expect(Self.history(world) == [])
        world.advance(to: 10.9)
        #expect(Self.history(world) == [])
        world.advance(to: 11.1)
        #expect(Self.history(world) == [.alarmRaised])
        world.verifyReplay()
    }

    @Test func `a rule about silence says nothing about sensors that a restart put in doubt`() {
        let world = World(
            [Self.sensor("a"), Self.sensor("b", deadline: 5)],
            rules: [Self.rule(.expression("stale(b)"))])
        world.send("a", 1, at: 0)
        world.send("b", 1, at: 0)
        #expect(Self.result(world) == .notMet)
        world.start()
        #expect(Self.result(world) == .stale)
        #expect(Self.history(world) == [])
        world.advance(to: 11)
        #expect(world.freshness("b") == .stale)
        #expect(Self.history(world) == [.alarmRaised])
        world.verifyReplay()
    }

    @Test func `a limit of a sensor in doubt is unknown to those that look at it`() {
        var low = Self.sensor("b")
        low.high = LimitSetting(setpoint: 5)
        let world = World(
            [Self.sensor("a"), low], rules: [Self.rule(.expression("not condition(b:high)"))])
        world.send("b", 9, at: 0)
        #expect(Self.result(world) == .notMet)
        world.send("b", 1, at: 1)
        #expect(Self.history(world) == [.alarmRaised])
        world.start()
        #expect(Self.result(world) == .stale)
        world.verifyReplay()
    }

    @Test func `the loss of a source is seen by what looks at its sensor`() {
        let path = RuleBook.sourcePathPrefix + "gate"
        let world = World(
            [Self.sensor("a"), Self.sensor("b")],
            rules: [Self.rule(.expression("stale(\(path))"))])
        let gate = world.supervise("gate")
        world.read("b", 1, World.Facts(source: gate))
        world.evidence(.closedAbnormally, of: gate)
        #expect(Self.history(world) == [.alarmRaised])
        world.read("b", 1, World.Facts(source: gate))
        #expect(Self.history(world) == [.alarmRaised, .alarmReturned])
        world.verifyReplay()
    }

    // MARK: - Readings that may raise and nothing else

    @Test(arguments: [
        RuleCondition.offNormal(normalStates: 0b10),
        .deviation(reference: nil, setpoint: 1, above: 5, below: nil, deadband: 0),
        .expression("value > 5"),
    ])
    func `a reading of the same instant raises by rule and ends nothing`(
        condition: RuleCondition
    ) {
        let world = World([Self.sensor("a")], rules: [Self.rule(condition)])
        world.read("a", 1, sourceTime: 0)
        world.read("a", 9, sourceTime: 0)
        #expect(Self.history(world) == [.alarmRaised])
        world.read("a", 1, sourceTime: 0)
        #expect(Self.history(world) == [.alarmRaised])
        world.pass(to: 1)
        world.read("a", 1, sourceTime: 1)
        #expect(Self.history(world) == [.alarmRaised, .alarmReturned])
        #expect(world.counts.raiseOnly == 2)
        world.verifyReplay()
    }

    @Test func `a state that is off normal on a sensor in doubt raises without its delay`() {
        let world = World(
            [Self.sensor("a")],
            rules: [
                Self.rule(.offNormal(normalStates: 0b10)) { $0.onDelayNanoseconds = seconds(10) }
            ])
        world.read("a", 1, sourceTime: 0)
        world.start()
        world.read("a", 9, sourceTime: 0)
        #expect(world.freshness("a") == .unverified)
        #expect(Self.history(world) == [.alarmRaised])
        #expect(world.decisions.last?.cause == .lostWhileBeyondLimit)
        world.verifyReplay()
    }

    // MARK: - New rules

    @Test(arguments: [
        RuleCondition.offNormal(normalStates: 0b10),
        .deviation(reference: nil, setpoint: 1, above: 5, below: nil, deadband: 0),
        .badQuality(includesUncertain: true),
    ])
    func `a new rule is judged on the last value at once`(condition: RuleCondition) {
        let declarations = [Self.sensor("a")]
        let world = World(
            declarations, rules: [],
            books: [
                RuleBook(
                    revision: World.revision(2), declarations: declarations,
                    rules: [Self.rule(condition)])
            ])
        world.send("a", 9, at: 0, quality: .uncertain)
        world.configure(World.revision(2))
        #expect(Self.history(world) == [.alarmRaised])
        world.verifyReplay()
    }

    @Test func `a new rule on a silent sensor, or one that counts readings, is unknown`() {
        let declarations = [Self.sensor("a"), Self.sensor("b", deadline: 5)]
        let world = World(
            declarations, rules: [],
            books: [
                RuleBook(
                    revision: World.revision(2), declarations: declarations,
                    rules: [
                        RuleDeclaration(
                            name: "state", sensors: ["b"],
                            condition: .offNormal(normalStates: 0b10)),
                        RuleDeclaration(
                            name: "rate", sensors: ["a"],
                            condition: .rateOfChange(
                                rise: 1, fall: nil, deadband: 0, windowNanoseconds: seconds(8))),
                    ])
            ])
        world.send("a", 9, at: 0)
        world.send("b", 9, at: 0)
        world.advance(to: 6)
        world.configure(World.revision(2))
        #expect(world.engine.conditionView(rule: "state", path: "b")?.result == .stale)
        #expect(world.engine.conditionView(rule: "rate", path: "a")?.result == .stale)
        #expect(Self.history(world, of: "state") == [])
        world.verifyReplay()
    }

    // MARK: - Blindness

    @Test func `silence is as urgent as the most urgent rule that it blinds`() {
        var quiet = Self.sensor("b", deadline: 5)
        quiet.stalePriority = .low
        let world = World(
            [Self.sensor("a"), quiet],
            rules: [
                Self.rule(.expression("value > 5 and value(b) > 5")) { $0.priority = .critical }
            ])
        world.send("a", 1, at: 0)
        world.send("b", 9, at: 0)
        world.advance(to: 30)
        let blind = world.decisions(.alarmRaised, .unverifiable, of: "b")
        #expect(blind.map(\.priority) == [.critical])
        #expect(world.decisions(.alarmRaised, .stale, of: "b").map(\.priority) == [.low])
        world.verifyReplay()
    }
}
