// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import Testing

@Suite struct FreshnessTests {
    private let path = "tunnel/west/co"

    private func world(deadline: Double = 10, supervision: SupervisionMode = .periodic) -> World {
        World([.make(self.path, deadline: deadline, supervision: supervision)])
    }

    @Test func `a declared sensor that never spoke is stale at its deadline exactly`() {
        let world = self.world()
        world.leap(to: 9.999999999)
        #expect(world.freshness(self.path) == .neverReceived)
        #expect(world.decisions(.alarmRaised).isEmpty)
        world.leap(to: 10)
        #expect(world.freshness(self.path) == .stale)
        let raised = world.decisions(.alarmRaised)
        #expect(raised.count == 1)
        #expect(raised.first?.alarm == .stale)
        #expect(raised.first?.cause == .deadlinePassed)
        #expect(raised.first?.time == World.instant(10))
        #expect(raised.first?.wall.nanoseconds == World.wall(10))
        #expect(raised.first?.freshnessTo == .stale)
        #expect(world.state(.stale, self.path) == .unacknowledged)
    }

    @Test(arguments: [(9.9, Freshness.fresh), (10.1, .stale)])
    func `a sensor is stale only after its deadline`(age: Double, expected: Freshness) {
        let world = self.world()
        world.advance(to: 5)
        world.read(self.path, 1)
        world.advance(to: 5 + age)
        #expect(world.freshness(self.path) == expected)
        #expect(
            world.decisions(.alarmRaised).map(\.time)
                == (expected == .stale ? [World.instant(15)] : []))
    }

    private func flappingWorld() -> World {
        var declaration = SensorDeclaration.make(self.path, deadline: 10)
        declaration.silenceOffDelayNanoseconds = seconds(30)
        let world = World([declaration])
        world.advance(to: 10)
        return world
    }

    @Test func `a link that comes and goes is one alarm with an off-delay`() {
        let world = self.flappingWorld()
        for second in [12.0, 24, 36, 48, 60] {
            world.advance(to: second)
            #expect(world.freshness(self.path) == .stale)
            world.read(self.path, 1)
            #expect(world.freshness(self.path) == .fresh)
        }
        #expect(world.annunciations(.stale).count == 1)
        #expect(world.decisions(.alarmReturned).isEmpty)
        for second in stride(from: 65.0, through: 90, by: 5) {
            #expect(world.state(.stale, self.path) == .unacknowledged)
            world.advance(to: second)
            world.read(self.path, 1)
        }
        #expect(world.decisions(.alarmReturned, .stale).map(\.time) == [World.instant(90)])
        #expect(world.decisions(.alarmReturned).map(\.cause) == [.offDelayElapsed])
        world.verifyReplay()
    }

    @Test func `a restart begins the off-delay of silence again with the first live reading`() {
        let world = self.flappingWorld()
        world.advance(to: 12)
        world.read(self.path, 1)
        world.advance(to: 20)
        world.start()
        // Not verified: the grace of the restart lasts to second 32.
        world.advance(to: 31)
        #expect(world.freshness(self.path) == .unverified)
        for second in stride(from: 31.0, through: 61, by: 5) {
            world.advance(to: second)
            world.read(self.path, 1)
        }
        #expect(world.decisions(.alarmReturned, .stale).map(\.time) == [World.instant(61)])
        world.verifyReplay()
    }

    @Test func `a late tick times the decision at the deadline`() {
        let world = self.world()
        world.leap(to: 3_600)
        #expect(world.decisions(.alarmRaised).map(\.time) == [World.instant(10)])
    }

    @Test func `a tick fires as many timers as it may, and readings go between two of them`() {
        let paths = (0..<20).map { "plant/\($0)" }
        func silence(most: UInt64) -> (World, ticks: Int) {
            let world = World(paths.map { .make($0, deadline: 10) })
            world.pass(to: 11)
            var tick = Slot(kind: .tick, arrival: World.instant(11))
            tick.aux = most
            var ticks = 0
            while world.touch({ $0.needsTick(at: World.instant(11)) }) {
                world.feed(tick)
                ticks += 1
            }
            return (world, ticks)
        }
        let (whole, one) = silence(most: 0)
        let (parts, many) = silence(most: 3)
        #expect(one == 1 && many == 7)
        #expect(whole.annunciations(.stale).count == 20)
        #expect(
            whole.annunciations(.stale).map(\.sensor) == parts.annunciations(.stale).map(\.sensor))
        #expect(
            whole.annunciations(.stale).map(\.time) == parts.annunciations(.stale).map(\.time))
        // A reading that comes before its sensor's turn is heard in time.
        let world = World(paths.map { .make($0, deadline: 10) })
        world.pass(to: 11)
        var tick = Slot(kind: .tick, arrival: World.instant(11))
        tick.aux = 10
        world.feed(tick)
        world.read("plant/19", 1)
        world.feed(tick)
        #expect(world.annunciations(.stale).count == 19)
        #expect(world.freshness("plant/19") == .fresh)
        world.verifyReplay()
    }

    @Test func `a deadline that moved on after somebody looked is none of a tick's timers`() {
        let world = World((0..<20).map { .make("plant/\($0)", deadline: 10) })
        world.pass(to: 11)
        #expect(world.touch { $0.needsTick(at: World.instant(11)) })
        for index in 0..<5 { world.read("plant/\(index)", 1) }
        var tick = Slot(kind: .tick, arrival: World.instant(11))
        tick.aux = 10
        world.feed(tick)
        // Who replays the journal does not look in between.
        #expect(world.annunciations(.stale).count == 10)
        world.verifyReplay()
    }

    @Test func `a reading fires no timer although it moves time`() {
        let world = World([.make("a"), .make("b")])
        world.pass(to: 20)
        world.read("a", 1)
        #expect(world.decisions(.alarmRaised).isEmpty)
        #expect(world.freshness("b") == .neverReceived)
        world.advance(to: 20)
        #expect(world.freshness("b") == .stale)
        #expect(world.freshness("a") == .fresh)
    }

    @Test func `a returning reading clears the stale alarm and counts a new deadline`() {
        let world = self.world()
        world.advance(to: 12)
        world.read(self.path, 1)
        #expect(world.freshness(self.path) == .fresh)
        #expect(world.state(.stale, self.path) == .returnedUnacknowledged)
        #expect(world.decisions(.alarmReturned).map(\.cause) == [.readingArrived])
        #expect(world.decisions(.alarmReturned).map(\.time) == [World.instant(12)])
        world.advance(to: 21.9)
        #expect(world.freshness(self.path) == .fresh)
        world.advance(to: 22)
        #expect(world.freshness(self.path) == .stale)
        let raised = world.decisions(.alarmRaised)
        #expect(raised.map(\.time) == [World.instant(10), World.instant(22)])
        #expect(raised.map(\.activationCount) == [1, 2])
        #expect(Set(raised.map(\.activation)).count == 2)
    }

    @Test func `a stale sensor keeps its last value and its age`() {
        let world = self.world()
        world.advance(to: 4)
        world.read(self.path, 21.5)
        world.advance(to: 60)
        let sensor = world.sensor(self.path)
        #expect(sensor?.freshness == .stale)
        #expect(sensor?.valueBits == (21.5).bitPattern)
        #expect(sensor?.lastArrival == World.instant(4))
    }

    @Test func `silence never overtakes a reading already in the sequence`() {
        let world = self.world()
        world.read(self.path, 1)
        // At 10.2 the loop reads its clock, but a reading of 9.8 stands in the ring before the tick.
        world.pass(to: 10.2)
        world.read(self.path, 2, World.Facts(arrival: 9.8))
        world.leap(to: 10.2)
        #expect(world.freshness(self.path) == .fresh)
        #expect(world.decisions(.alarmRaised).isEmpty)
        world.advance(to: 19.7)
        #expect(world.freshness(self.path) == .fresh)
        world.advance(to: 19.8)
        #expect(world.decisions(.alarmRaised).map(\.time) == [World.instant(19.8)])
    }

    @Test func `an older arrival behind a newer one does not shorten the deadline`() {
        let world = self.world()
        world.pass(to: 5)
        world.read(self.path, 1)
        world.read(self.path, 2, World.Facts(arrival: 3))
        world.advance(to: 14.9)
        #expect(world.freshness(self.path) == .fresh)
        world.advance(to: 15)
        #expect(world.freshness(self.path) == .stale)
    }

    @Test func `event supervision is never stale by itself`() {
        let world = self.world(supervision: .event)
        world.advance(to: 1)
        #expect(world.freshness(self.path) == .neverReceived)
        world.read(self.path, 1)
        world.leap(to: 30 * 86_400)
        #expect(world.freshness(self.path) == .fresh)
        #expect(world.decisions(.alarmRaised).isEmpty)
    }

    @Test func `exception supervision has a deadline on readings`() {
        let world = self.world(supervision: .exception)
        world.advance(to: 10)
        #expect(world.freshness(self.path) == .stale)
    }

    @Test func `a sensor that nothing declares has the default deadline and a low alarm`() {
        let world = self.world()
        world.register("stray/sensor")
        world.advance(to: 59.9)
        #expect(world.freshness("stray/sensor") == .neverReceived)
        world.advance(to: 60)
        #expect(world.freshness("stray/sensor") == .stale)
        #expect(world.decisions(.alarmRaised, of: "stray/sensor").map(\.priority) == [.low])
        #expect(world.sensor("stray/sensor")?.isDeclared == false)
        #expect(world.sensor(self.path)?.isDeclared == true)
    }

    @Test func `the stale alarm of a sensor that speaks is known not to be met`() {
        let world = self.world()
        #expect(world.alarm(.stale, self.path)?.result == .error)
        world.read(self.path, 1)
        #expect(world.alarm(.stale, self.path)?.result == .notMet)
    }

    @Test func `a reading of a sensor that was never registered is counted and ignored`() {
        let world = self.world()
        var slot = world.slot(self.path, 1)
        slot.sensor = SensorIndex(rawValue: 77)
        world.feed(slot)
        slot.sensor = .none
        world.feed(slot)
        #expect(world.counts.unknownSensors == 2)
        #expect(world.counts.evaluated == 0)
    }

    @Test func `the canary is seen and touches no sensor`() {
        let world = self.world()
        var slot = Slot(
            reading: 0, of: SensorIndex(rawValue: 0), from: .own, arrival: World.instant(0))
        slot.flags = [.canary]
        slot.valueBits = 0xC0FFEE
        world.feed(slot)
        #expect(world.engine.canaryNonce == 0xC0FFEE)
        #expect(world.freshness(self.path) == .neverReceived)
        #expect(world.counts.evaluated == 0)
    }
}
