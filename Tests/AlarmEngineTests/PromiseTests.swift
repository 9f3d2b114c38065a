// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import Testing

/// What a sender promises about its next reading.
@Suite struct PromiseTests {
    private static func world(_ supervision: SupervisionMode, deadline: Double = 60) -> World {
        World([.make("a", deadline: deadline, supervision: supervision)])
    }

    private static func read(_ world: World, promising promised: Double) {
        var slot = world.slot("a", 1)
        slot.promisedInterval = PromisedInterval(seconds: promised)
        world.feed(slot)
    }

    @Test(arguments: [
        (SupervisionMode.exception, 4.0, 6.0),
        // A promise never makes the deadline longer.
        (.exception, 600.0, 60.0),
        (.exception, 0.0, 60.0),
        // Others are not supervised by promises.
        (.periodic, 4.0, 60.0),
    ])
    func `a promise is the deadline of a sensor that is supervised by exception`(
        supervision: SupervisionMode, promised: Double, deadline: Double
    ) {
        let world = Self.world(supervision)
        Self.read(world, promising: promised)
        world.leap(to: deadline - 0.001)
        #expect(world.freshness("a") == .fresh)
        world.leap(to: deadline + 0.001)
        #expect(world.freshness("a") == .stale)
        #expect(world.decisions(.alarmRaised, .stale).map { World.second($0.time) } == [deadline])
    }

    @Test func `a promise speaks for one reading`() {
        let world = Self.world(.exception)
        Self.read(world, promising: 4)
        world.advance(to: 5)
        Self.read(world, promising: 0)
        world.advance(to: 64)
        #expect(world.freshness("a") == .fresh)
        Self.read(world, promising: 4)
        world.advance(to: 69.9)
        #expect(world.freshness("a") == .fresh)
        world.advance(to: 70.1)
        #expect(world.freshness("a") == .stale)
    }

    @Test func `proof of life counts the promise again`() {
        let world = Self.world(.exception)
        Self.read(world, promising: 4)
        world.advance(to: 5)
        world.evidence(.alive, sensor: "a")
        world.advance(to: 10.9)
        #expect(world.freshness("a") == .fresh)
        world.advance(to: 11.1)
        #expect(world.freshness("a") == .stale)
    }

    @Test func `a promise outlives a restart and ends with the supervision that uses it`() {
        let periodic = RuleBook(
            revision: World.revision(2), declarations: [.make("a", deadline: 60)])
        let world = World(
            [.make("a", deadline: 60, supervision: .exception)], books: [periodic])
        Self.read(world, promising: 4)
        world.start()
        // What is left of it, and the grace of a restart, which is for the declared deadline.
        world.advance(to: 35.9)
        #expect(world.freshness("a") == .unverified)
        world.advance(to: 36.1)
        #expect(world.freshness("a") == .stale)
        Self.read(world, promising: 4)
        world.configure(World.revision(2))
        world.advance(to: 90)
        #expect(world.freshness("a") == .fresh)
        world.verifyReplay()
    }
}
