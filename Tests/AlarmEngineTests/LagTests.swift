// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import Testing

@Suite struct LagTests {
    private let path = "fan/vibration"

    private func world(deadline: Double, high: LimitSetting? = nil) -> World {
        let world = World([.make(self.path, deadline: deadline, high: high)])
        world.read(self.path, 1)
        return world
    }

    @Test func `our own lag extends a deadline by as much as was measured`() {
        let world = self.world(deadline: 10)
        world.pass(to: 10.5)
        world.lag(1.5)
        world.leap(to: 10.6)
        #expect(world.freshness(self.path) == .fresh)
        world.read(self.path, 2, World.Facts(arrival: 10.2))
        world.advance(to: 20.1)
        #expect(world.freshness(self.path) == .fresh)
        #expect(world.decisions(.alarmRaised).isEmpty)
        world.advance(to: 20.2)
        #expect(world.decisions(.alarmRaised).map(\.time) == [World.instant(20.2)])
    }

    @Test func `silence after a lag is stale when the extension ends, and says why`() {
        let world = self.world(deadline: 10)
        world.pass(to: 10.5)
        world.lag(1.5)
        world.advance(to: 30)
        let raised = world.decisions(.alarmRaised)
        #expect(raised.map(\.time) == [World.instant(12)])
        #expect(raised.map(\.cause) == [.ownLag])
    }

    @Test func `a lag before the deadline that ended before it extends nothing`() {
        let world = self.world(deadline: 10)
        world.advance(to: 3)
        world.lag(2)
        world.advance(to: 30)
        #expect(world.decisions(.alarmRaised).map(\.time) == [World.instant(10)])
        #expect(world.decisions(.alarmRaised).map(\.cause) == [.deadlinePassed])
    }

    /// A deadline, and when an endless lag leaves its sensor unverified: one deadline, 5 s at most.
    @Test(arguments: [(2.0, 4.0), (60.0, 65.0)])
    func `an endless lag makes a sensor unverified after its bound, then stale`(
        deadline: Double, bound: Double
    ) {
        let world = self.world(deadline: deadline)
        var unverifiedAt: Double?
        var second = 0.5
        while second < 4 * bound, world.freshness(self.path) != .stale {
            world.advance(to: second)
            world.lag(60)
            if unverifiedAt == nil, world.freshness(self.path) == .unverified {
                unverifiedAt = second
            }
            second += 0.5
        }
        #expect(unverifiedAt == bound)
        #expect(world.counts.unverifiedByLag >= 1)
        #expect(world.freshness(self.path) == .stale)
        // The second and last extension: what was left of the lag then, and one bound more.
        #expect(world.now <= bound + 5 + min(deadline, 5) + 0.5)
        #expect(world.decisions(.alarmRaised).count == 1)
    }

    @Test func `lag is said once while it goes on`() {
        let world = self.world(deadline: 60)
        for step in 1...8 {
            world.advance(to: Double(step))
            world.lag(3)
        }
        #expect(world.decisions(.monitorDegraded).count == 1)
        #expect(world.decisions(.monitorDegraded).first?.cause == .ownLag)
        #expect(world.decisions(.monitorDegraded).first?.amount == 3_000_000_000)
        world.advance(to: 20)
        world.lag(0.2)
        #expect(world.decisions(.monitorDegraded).count == 2)
    }

    @Test func `a suspended machine gives every sensor time to speak, once`() {
        let world = self.world(deadline: 10)
        world.pass(to: 3_600)
        world.lag(3_590)
        world.advance(to: 3_600)
        #expect(world.freshness(self.path) == .unverified)
        world.advance(to: 3_603)
        world.read(self.path, 1)
        #expect(world.freshness(self.path) == .fresh)
        #expect(world.decisions(.alarmRaised).isEmpty)
        world.pass(to: 7_200)
        world.lag(3_590)
        world.advance(to: 7_300)
        #expect(world.freshness(self.path) == .stale)
        #expect(world.decisions(.alarmRaised).map(\.time) == [World.instant(7_205)])
    }

    @Test func `a machine suspended just after a start gives its sensors time all the same`() {
        let world = self.world(deadline: 10)
        world.advance(to: 1)
        world.start()
        #expect(world.freshness(self.path) == .unverified)
        world.pass(to: 3_600)
        world.lag(3_590)
        world.advance(to: 3_600)
        #expect(world.freshness(self.path) == .unverified)
        world.advance(to: 3_602)
        world.read(self.path, 1)
        #expect(world.freshness(self.path) == .fresh)
        #expect(world.decisions(.alarmRaised).isEmpty)
    }

    @Test func `an off-delay does not complete while the sensor is unverified by lag`() {
        let world = self.world(deadline: 10, high: .at(100, off: 50))
        world.advance(to: 1)
        world.read(self.path, 150)
        world.advance(to: 2)
        world.read(self.path, 1)
        world.pass(to: 50)
        world.lag(48)
        world.advance(to: 50)
        #expect(world.freshness(self.path) == .unverified)
        world.advance(to: 54)
        #expect(world.freshness(self.path) == .unverified)
        #expect(world.state(.high, self.path) == .unacknowledged)
        world.advance(to: 90)
        #expect(world.state(.high, self.path) == .unacknowledged)
        #expect(world.decisions(.alarmReturned, .high).isEmpty)
    }

    @Test func `a reading that waited while we were late still has its own deadline`() {
        let world = self.world(deadline: 10)
        world.pass(to: 12)
        world.lag(5)
        world.advance(to: 12)
        // It came at 2.5 and waited for us: its deadline is 12.5, extended by the lag to 17 at most.
        world.read(self.path, 1, World.Facts(arrival: 2.5))
        world.advance(to: 40)
        #expect(world.decisions(.alarmRaised).map(\.time) == [World.instant(17)])
    }

    @Test func `an absurd lateness is bounded and traps nothing`() {
        let world = self.world(deadline: 10)
        for value in [UInt64.max, UInt64(Int64.max), 0] {
            var slot = Slot(kind: .lagObserved, arrival: World.instant(1))
            slot.valueBits = value
            world.feed(slot)
        }
        world.advance(to: 40)
        #expect(world.decisions(.alarmRaised).map(\.time) == [World.instant(10)])
    }
}
