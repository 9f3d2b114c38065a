// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import Testing

/// Conditions that change between readings, because time passes.
@Suite struct TimeAloneTests {
    private static func world(
        _ condition: RuleCondition, deadline: Double = 60,
        supervision: SupervisionMode = .periodic,
        _ change: (inout RuleDeclaration) -> Void = { _ in }
    ) -> World {
        var rule = RuleDeclaration(name: "rule", sensors: ["a"], condition: condition)
        change(&rule)
        var sensor = SensorDeclaration(pattern: "a", deadlineNanoseconds: seconds(deadline))
        sensor.supervision = supervision
        return World([sensor], rules: [rule])
    }

    /// Decisions of the rule, each with its second.
    private static func history(_ world: World) -> [String] {
        world.decisions.filter { world.engine.alarmName(of: $0) == "rule" }
            .map { "\($0.kind.word) \(World.second($0.time))" }
    }

    private static func result(_ world: World) -> ConditionResult? {
        world.engine.conditionView(rule: "rule", path: "a")?.result
    }

    @Test func `a maximum ends when the last high reading leaves the window`() {
        let world = Self.world(
            .window(
                measure: .max, limit: RuleLimit(setpoint: 40), windowNanoseconds: seconds(10)))
        for second in 0..<10 { world.send("a", 20, at: Double(second)) }
        world.send("a", 50, at: 10.5)
        world.send("a", 20, at: 11.5)
        #expect(Self.history(world) == ["alarmRaised 10.5"])
        // The pane of 10.5 is 10 ..< 11; ten whole panes later it is out.
        world.advance(to: 20.999)
        #expect(Self.history(world).count == 1)
        world.advance(to: 21.002)
        #expect(Self.history(world) == ["alarmRaised 10.5", "alarmReturned 21.0"])
        world.verifyReplay()
    }

    @Test func `too few readings are alarmed while none come`() {
        let world = Self.world(
            .window(
                measure: .count, limit: RuleLimit(setpoint: 2, isHigh: false),
                windowNanoseconds: seconds(10)))
        for second in 0..<20 { world.send("a", 20, at: Double(second)) }
        #expect(Self.result(world) == .notMet)
        // The pane under way and the ten before it: from 28 on two of them hold a reading.
        world.advance(to: 28)
        #expect(Self.history(world) == ["alarmRaised 28.0"])
        world.verifyReplay()
    }

    @Test func `a window that is covered no more is unknown at the end of a pane`() {
        let world = Self.world(
            .window(
                measure: .mean, limit: RuleLimit(setpoint: 40), windowNanoseconds: seconds(10)),
            deadline: 4, supervision: .exception)
        for second in 0...12 { world.send("a", 50, at: Double(second)) }
        #expect(Self.result(world) == .met)
        // Proof of life keeps the sensor fresh, but is no reading: covered until 16.
        for second in 13...17 {
            world.advance(to: Double(second))
            world.evidence(.alive, sensor: "a")
        }
        world.advance(to: 18)
        #expect(Self.result(world) == .met)
        world.advance(to: 19.1)
        #expect(Self.result(world) == .stale)
        #expect(Self.history(world).count == 1)
        world.verifyReplay()
    }

    @Test func `one reading that covers many windows is looked at until it covers none`() {
        let world = Self.world(
            .window(
                measure: .count, limit: RuleLimit(setpoint: 1, isHigh: false),
                windowNanoseconds: seconds(10)), deadline: 1_000)
        for second in 0..<10 { world.send("a", 20, at: Double(second)) }
        // In one leap and without a reading: from 19 on one pane holds one.
        world.leap(to: 900)
        #expect(Self.history(world) == ["alarmRaised 19.0"])
        #expect(Self.result(world) == .met)
        world.verifyReplay()
    }

    @Test func `missing numbers are forgotten when their window is over`() {
        let world = Self.world(
            .sequence(faults: 2, windowNanoseconds: seconds(10), modulus: 0))
        world.send("a", 1, at: 0)
        world.send("a", 4, at: 0.5)
        #expect(Self.history(world) == ["alarmRaised 0.5"])
        world.advance(to: 10.9)
        #expect(Self.history(world).count == 1)
        world.advance(to: 11.002)
        #expect(Self.history(world) == ["alarmRaised 0.5", "alarmReturned 11.0"])
        world.verifyReplay()
    }

    @Test func `a flat line is alarmed when its time is up, once a second reading was as flat`() {
        let world = Self.world(.flatLine(epsilon: 0.1, durationNanoseconds: seconds(20)))
        world.send("a", 7, at: 0)
        world.advance(to: 25)
        #expect(Self.history(world) == [])
        world.send("a", 9, at: 26)
        world.send("a", 9, at: 30)
        world.advance(to: 45.9)
        #expect(Self.history(world) == [])
        world.advance(to: 46.1)
        #expect(Self.history(world) == ["alarmRaised 46.0"])
        world.verifyReplay()
    }

    @Test func `a rate is unknown after a window without a reading, and holds its alarm`() {
        let world = Self.world(
            .rateOfChange(rise: 1, fall: nil, deadband: 0, windowNanoseconds: seconds(8)))
        for second in 0...8 { world.send("a", Double(second) * 2, at: Double(second)) }
        #expect(Self.result(world) == .met)
        world.advance(to: 15.9)
        #expect(Self.result(world) == .met)
        world.advance(to: 16.1)
        #expect(Self.result(world) == .stale)
        #expect(Self.history(world) == ["alarmRaised 4.0"])
        world.verifyReplay()
    }

    @Test func `the rate of a sensor that speaks on change ends when it says nothing more`() {
        let world = Self.world(
            .rateOfChange(rise: 1, fall: nil, deadband: 0, windowNanoseconds: seconds(8)),
            supervision: .exception)
        for second in 0...8 { world.send("a", Double(second) * 2, at: Double(second)) }
        #expect(Self.result(world) == .met)
        // 16 held from 8 on, 8 left of the window at t: (16 - 2 (t - 8)) / 8 falls below 1 at 12.
        world.advance(to: 12)
        #expect(Self.result(world) == .met)
        world.advance(to: 13.1)
        #expect(Self.result(world) == .notMet)
        #expect(Self.history(world) == ["alarmRaised 4.0", "alarmReturned 13.0"])
        world.verifyReplay()
    }

    @Test func `a jump after a long rest is a rate where the last value holds`() {
        for supervision in [SupervisionMode.exception, .periodic] {
            let world = Self.world(
                .rateOfChange(rise: 1, fall: nil, deadband: 0, windowNanoseconds: seconds(8)),
                supervision: supervision)
            world.send("a", 10, at: 0)
            world.send("a", 50, at: 30)
            let isHolding = supervision == .exception
            #expect(Self.result(world) == (isHolding ? .met : .stale))
            #expect(Self.history(world).count == (isHolding ? 1 : 0))
            world.verifyReplay()
        }
    }

    @Test func `time alone raises nothing on a sensor that is silent or in doubt`() {
        let world = Self.world(
            .window(
                measure: .count, limit: RuleLimit(setpoint: 3, isHigh: false),
                windowNanoseconds: seconds(10)), deadline: 5)
        for second in 0..<20 { world.send("a", 20, at: Double(second)) }
        world.advance(to: 60)
        #expect(Self.history(world) == [])
        #expect(Self.result(world) == .stale)
        world.verifyReplay()
    }

    @Test func `looking often or seldom gives the same decisions at the same instants`() {
        func run(_ pass: (World, Double) -> Void) -> [String] {
            let world = Self.world(
                .window(
                    measure: .mean, limit: RuleLimit(setpoint: 30), windowNanoseconds: seconds(10)),
                deadline: 30)
            for second in 0..<12 {
                pass(world, Double(second))
                world.read("a", second < 6 ? 50 : 10)
            }
            pass(world, 60)
            return world.bodies.map(Self.withoutPositions)
        }
        let often = run { world, second in world.advance(to: second) }
        let seldom = run { world, second in world.leap(to: second) }
        #expect(often.count == seldom.count && often.count > 2)
        #expect(often == seldom)
    }

    /// A decision without the numbers of records: one tick may do the work of many.
    private static func withoutPositions(_ body: String) -> String {
        body.split(separator: ",")
            .filter { !$0.contains("\"activation\":") && !$0.contains("\"decision\":") }
            .joined(separator: ",")
    }

    @Test func `readings that keep a condition as it is leave no tick in the journal`() {
        let world = Self.world(
            .window(
                measure: .mean, limit: RuleLimit(setpoint: 40), windowNanoseconds: seconds(10)))
        for second in 0..<12 { world.send("a", 20, at: Double(second)) }
        let before = world.journal.count { $0.slot.kind == .tick }
        for second in 12..<60 { world.send("a", 20, at: Double(second)) }
        #expect(world.journal.count { $0.slot.kind == .tick } == before)
        world.verifyReplay()
    }

    @Test func `a new configuration keeps the moments of unchanged rules`() {
        let rule = RuleDeclaration(
            name: "rule", sensors: ["a"],
            condition: .sequence(faults: 2, windowNanoseconds: seconds(10), modulus: 0))
        let other = RuleDeclaration(
            name: "other", sensors: ["a"],
            condition: .flatLine(epsilon: 1, durationNanoseconds: seconds(500)))
        let sensor = SensorDeclaration(pattern: "a", deadlineNanoseconds: seconds(60))
        let world = World(
            [sensor], rules: [rule],
            books: [
                RuleBook(
                    revision: World.revision(2), declarations: [sensor], rules: [other, rule])
            ])
        world.send("a", 1, at: 0)
        world.send("a", 4, at: 0.5)
        world.configure(World.revision(2))
        world.advance(to: 12)
        #expect(Self.history(world) == ["alarmRaised 0.5", "alarmReturned 11.0"])
        world.verifyReplay()
    }
}
