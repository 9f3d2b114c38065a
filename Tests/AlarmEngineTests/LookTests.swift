// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import Testing

/// A look for due timers that finds none is no input: what comes after it comes at the same instant.
@Suite struct LookTests {
    private static func mean() -> World {
        var rule = RuleDeclaration(
            name: "mean", sensors: ["a"],
            condition: .window(
                measure: .mean, limit: RuleLimit(setpoint: 50),
                windowNanoseconds: 10_000_000_000))
        rule.priority = .high
        return World([.make("a", deadline: 60)], rules: [rule])
    }

    private static func result(_ world: World) -> ConditionResult? {
        world.engine.conditionView(rule: "mean", path: "a")?.result
    }

    @Test(arguments: [false, true])
    func `a window that was empty for long ends with its only reading`(looks: Bool) {
        let world = Self.mean()
        for second in 0...10 { world.send("a", 60, at: Double(second)) }
        #expect(Self.result(world) == .met)
        // The last reading left the window long ago, and speaks for the sensor until second 70.
        if looks { world.advance(to: 30) } else { world.leap(to: 30) }
        #expect(Self.result(world) == .stale)
        world.read("a", 60)
        #expect(Self.result(world) == .met)
        world.leap(to: 39.9)
        #expect(Self.result(world) == .met)
        world.leap(to: 41.1)
        #expect(Self.result(world) == .stale)
        world.verifyReplay()
    }

    @Test func `a look ahead of readings that wait in the ring puts nothing off`() {
        let world = Self.mean()
        for second in 0...10 { world.send("a", second < 5 ? 200 : 20, at: Double(second)) }
        #expect(Self.result(world) == .met)
        // The loop looks at its clock: without another reading the mean falls at second 14. Then it
        // takes what arrived before, and by that the mean falls at second 13.
        _ = world.touch { $0.needsTick(at: World.instant(13.2)) }
        world.pass(to: 13.2)
        for _ in 0..<8 { world.read("a", 20, World.Facts(arrival: 11.5)) }
        #expect(world.decisions(.alarmReturned).isEmpty)
        world.leap(to: 13.5)
        #expect(world.decisions(.alarmReturned).map { World.second($0.time) } == [13])
        world.verifyReplay()
    }

    @Test func `a sensor that moves away from a source that vouched for it has its own deadline`() {
        var trusted = SourceDeclaration(name: "one")
        trusted.isTrusted = true
        let tree = SourceTree([trusted, SourceDeclaration(name: "two")])
        let world = World(
            RuleBook(
                revision: World.revision(1),
                declarations: [.make("a", deadline: 10, supervision: .exception)], sources: tree))
        let one = world.registerSource("one")
        let two = world.registerSource("two")
        world.read("a", 1, World.Facts(source: one))
        world.advance(to: 8)
        world.evidence(.alive, of: one)
        // Looked at: its timer stands at 18 now.
        world.advance(to: 12)
        #expect(world.freshness("a") == .fresh)
        world.read("a", 1, World.Facts(flags: .historical, source: two))
        world.advance(to: 12.1)
        #expect(world.freshness("a") == .stale)
        world.verifyReplay()
    }

    @Test
    func `a sensor that is heard of through another source is not behind a lost one any more`() {
        let world = World(
            [.make("a", deadline: 60, supervision: .exception), .make("b", deadline: 60)])
        let one = world.supervise("one")
        let two = world.registerSource("two")
        for name in ["a", "b"] { world.read(name, 1, World.Facts(source: one)) }
        world.advance(to: 5)
        world.evidence(.closedAbnormally, of: one)
        world.advance(to: 6)
        #expect(world.freshness("a") == .stale)
        world.evidence(.alive, of: two, sensor: "a")
        // Looked at or not: its deadline is its own.
        _ = world.touch { $0.needsTick(at: World.instant(59)) }
        world.advance(to: 65.9)
        #expect(world.freshness("a") == .fresh)
        world.advance(to: 66.1)
        #expect(world.freshness("a") == .stale)
        world.verifyReplay()
    }

    @Test func `a sensor that comes behind a lost source falls silent with it`() {
        var behind = SensorDeclaration.make("a", deadline: 60)
        behind.behind = "bus"
        let tree = SourceTree([SourceDeclaration(name: "bus"), SourceDeclaration(name: "field")])
        let others = [
            SensorDeclaration.make("b", deadline: 60),
            .make(RuleBook.sourcePathPrefix + "bus", deadline: 60),
        ]
        let next = RuleBook(
            revision: World.revision(2), declarations: [behind] + others, sources: tree)
        let first = RuleBook(
            revision: World.revision(1), declarations: [.make("a", deadline: 60)] + others,
            sources: tree)
        let world = World(first, books: [next])
        let bus = world.supervise("bus")
        let field = world.registerSource("field")
        world.read("b", 1, World.Facts(source: bus))
        world.read("a", 1, World.Facts(source: field))
        world.advance(to: 5)
        world.evidence(.closedAbnormally, of: bus)
        world.advance(to: 6)
        #expect(world.freshness("b") == .stale)
        #expect(world.freshness("a") == .fresh)
        world.configure(World.revision(2))
        world.advance(to: 6.1)
        #expect(world.freshness("a") == .stale)
        world.verifyReplay()
    }
}
