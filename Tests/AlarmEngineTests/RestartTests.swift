// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import Testing

@Suite struct RestartTests {
    private let path = "tank/level"

    private func world(
        deadline: Double = 30, high: LimitSetting? = nil, unknownGrace: Double = 10
    ) -> World {
        World([
            .make(self.path, deadline: deadline, high: high, unknownGrace: unknownGrace)
        ])
    }

    @Test func `nothing is fresh after a start`() {
        let world = World([.make("a", deadline: 60), .make("b", deadline: 5), .make("c")])
        world.read("a", 1)
        world.advance(to: 6)
        #expect(world.freshness("a") == .fresh)
        #expect(world.freshness("b") == .stale)
        world.start()
        #expect(world.freshness("a") == .unverified)
        #expect(world.freshness("b") == .stale)
        #expect(world.freshness("c") == .neverReceived)
        #expect(world.decisions(.runStarted).map(\.amount) == [1, 2])
        world.read("a", 1)
        #expect(world.freshness("a") == .fresh)
    }

    /// (deadline, grace): one more deadline, 30 s at most.
    @Test(arguments: [(10.0, 10.0), (30.0, 30.0), (120.0, 30.0)])
    func `one grace is added until a live reading, however often we start`(
        deadline: Double, grace: Double
    ) {
        let world = self.world(deadline: deadline)
        world.read(self.path, 1)
        for step in 1...3 {
            world.advance(to: Double(step) * deadline / 4)
            world.start()
        }
        world.advance(to: deadline + grace - 0.001)
        #expect(world.freshness(self.path) == .unverified)
        world.advance(to: deadline + grace)
        #expect(world.freshness(self.path) == .stale)
        #expect(world.decisions(.alarmRaised).map(\.time) == [World.instant(deadline + grace)])
    }

    @Test func `a live reading ends the grace, and the next start gives another`() {
        let world = self.world(deadline: 30)
        world.read(self.path, 1)
        world.advance(to: 10)
        world.start()
        world.advance(to: 12)
        world.read(self.path, 1)
        world.advance(to: 41.999)
        #expect(world.freshness(self.path) == .fresh)
        world.advance(to: 42)
        #expect(world.freshness(self.path) == .stale)
        world.read(self.path, 1)
        world.advance(to: 50)
        world.start()
        world.advance(to: 101.9)
        #expect(world.freshness(self.path) == .unverified)
        world.advance(to: 102)
        #expect(world.freshness(self.path) == .stale)
    }

    @Test func `a reading that waited over the start does not lengthen the deadline`() {
        let world = self.world(deadline: 10)
        world.read(self.path, 1)
        world.advance(to: 5)
        world.start()
        world.advance(to: 12)
        // Received at 3 by the kernel, given to the engine at 12: its deadline is 13, not 20.
        world.read(self.path, 2, World.Facts(arrival: 3))
        world.leap(to: 14)
        #expect(world.decisions(.alarmRaised).map(\.time) == [World.instant(13)])
    }

    @Test func `twenty restarts in a row hide no silence and clear nothing`() {
        let world = self.world(deadline: 30)
        world.read(self.path, 1)
        for step in 1...20 {
            world.advance(to: Double(step) * 15)
            world.start()
        }
        world.advance(to: 400)
        #expect(world.decisions(.alarmRaised).map(\.time) == [World.instant(60)])
        #expect(world.decisions(.alarmReturned).isEmpty)
        #expect(world.freshness(self.path) == .stale)
        #expect(world.state(.stale, self.path) == .unacknowledged)
    }

    @Test func `a sensor that never spoke is not forgotten by restarts`() {
        let world = self.world(deadline: 30)
        for step in 1...20 {
            world.advance(to: Double(step) * 15)
            world.start()
        }
        #expect(world.decisions(.alarmRaised).map(\.time) == [World.instant(60)])
    }

    @Test func `a stale sensor stays stale and its alarm is untouched`() {
        let world = self.world(deadline: 10)
        world.advance(to: 10)
        let raised = world.decisions(.alarmRaised)
        world.acknowledge(self.path, .stale, raised.first?.activation ?? .none)
        #expect(world.state(.stale, self.path) == .acknowledged)
        world.start()
        world.advance(to: 500)
        world.start()
        #expect(world.freshness(self.path) == .stale)
        #expect(world.state(.stale, self.path) == .acknowledged)
        #expect(world.decisions(.alarmRaised).count == 1)
        #expect(world.decisions(.alarmReturned).isEmpty)
        #expect(world.alarm(.stale, self.path)?.activation == raised.first?.activation)
    }

    @Test func `unverified clears nothing, not even an off-delay that ran`() {
        let world = self.world(high: .at(100, off: 10))
        world.read(self.path, 150)
        world.advance(to: 5)
        world.read(self.path, 20)
        world.advance(to: 10)
        world.start()
        world.advance(to: 25)
        #expect(world.freshness(self.path) == .unverified)
        #expect(world.state(.high, self.path) == .unacknowledged)
        #expect(world.decisions(.alarmReturned).isEmpty)
        // The first live reading begins the off-delay anew.
        world.read(self.path, 20)
        world.advance(to: 34.9)
        #expect(world.state(.high, self.path) == .unacknowledged)
        world.advance(to: 35)
        #expect(world.decisions(.alarmReturned, .high).map(\.time) == [World.instant(35)])
    }

    @Test func `an on-delay goes on over a restart`() {
        let world = self.world(deadline: 60, high: .at(100, on: 20))
        world.read(self.path, 150)
        world.advance(to: 10)
        world.start()
        world.advance(to: 19.9)
        #expect(world.state(.high, self.path) == .normal)
        world.advance(to: 20)
        let raised = world.decisions(.alarmRaised, .high)
        #expect(raised.map(\.time) == [World.instant(20)])
        #expect(raised.map(\.cause) == [.onDelayElapsed])
        #expect(raised.map(\.freshnessTo) == [.unverified])
    }

    @Test func `an unknown value stays on its grace over a restart`() {
        let world = self.world(deadline: 60, high: .at(100, .critical))
        world.read(self.path, .nan)
        world.advance(to: 5)
        world.start()
        world.advance(to: 10)
        let raised = world.decisions(.alarmRaised, .unverifiable)
        #expect(raised.map(\.time) == [World.instant(10)])
        #expect(raised.map(\.priority) == [.critical])
    }

    @Test func `a start after a lag still gives its grace`() {
        let world = self.world(deadline: 20)
        world.read(self.path, 1)
        world.pass(to: 100)
        world.lag(80)
        world.advance(to: 100)
        #expect(world.freshness(self.path) == .unverified)
        world.advance(to: 101)
        world.start()
        world.advance(to: 120)
        #expect(world.freshness(self.path) == .unverified)
        world.advance(to: 125)
        #expect(world.freshness(self.path) == .stale)
    }

    @Test func `the lag of the last run extends no deadline of the next one`() {
        let world = World([.make("a", deadline: 1)])
        world.read("a", 1)
        world.pass(to: 0.5)
        world.lag(20)
        world.advance(to: 0.9)
        world.start()
        world.advance(to: 40)
        #expect(world.decisions(.alarmRaised).map(\.time) == [World.instant(2)])
    }

    @Test func `a configuration read again at the start changes nothing`() {
        let world = self.world(deadline: 30, high: .at(100, on: 20, off: 20))
        world.read(self.path, 150)
        world.advance(to: 5)
        world.start()
        world.configure(World.revision(1))
        world.register(self.path)
        world.advance(to: 20)
        #expect(world.decisions(.alarmRaised, .high).map(\.time) == [World.instant(20)])
    }

    @Test func `a start is dated by its own clock, not by the last run's`() {
        let world = self.world()
        world.advance(to: 5)
        // An hour passes in which nothing runs; engine time stands still.
        var start = Slot(kind: .start, arrival: World.instant(5))
        start.aux = 2
        start.sourceTime = World.wall(3_605)
        world.feed(start)
        #expect(
            world.decisions(.runStarted).map(\.wall.nanoseconds) == [
                World.wall(0), World.wall(3_605),
            ])
        // A start record without a wall clock leaves it as it was.
        start.aux = 3
        start.sourceTime = Slot.noSourceTime
        world.feed(start)
        #expect(world.decisions(.runStarted).last?.wall.nanoseconds == World.wall(3_605))
    }

    @Test func `a control record that a crash cut in two is not put together by the next run`() {
        let world = World([])
        var head = Slot(kind: .registerSensor, arrival: World.instant(0))
        head.sensor = SensorIndex(rawValue: 0)
        let path = String(repeating: "long/", count: 20) + "path"
        let slots = ControlRecord.slots(head: head, payload: Array(path.utf8))
        #expect(slots.count == 4)
        world.feed(slots[0])
        world.feed(slots[1])
        world.start()
        world.feed(slots[2])
        world.feed(slots[3])
        #expect(world.engine.sensorCount == 0)
        world.register("short")
        #expect(world.engine.paths == ["short"])
    }

    @Test func `ids are never used twice over restarts`() {
        let world = self.world(deadline: 5, high: .at(100))
        for step in 0..<10 {
            world.advance(to: Double(step) * 7)
            world.start()
            world.read(self.path, step % 2 == 0 ? 150 : 20)
        }
        let ids = world.decisions.map(\.id)
        #expect(Set(ids).count == ids.count)
        #expect(ids == ids.sorted())
    }
}
