// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import Testing

@Suite struct UnknownTests {
    private let path = "gas/methane"

    private func world(
        high: LimitSetting? = nil, highHigh: LimitSetting? = nil, deadline: Double = 1_000,
        unknownGrace: Double = 10, stale: AlarmPriority = .medium
    ) -> World {
        World([
            .make(
                self.path, deadline: deadline, high: high, highHigh: highHigh, stale: stale,
                unknownGrace: unknownGrace)
        ])
    }

    private static let unknowns: [(Double, Quality)] = [
        (.nan, .good), (.infinity, .good), (-.infinity, .good), (50, .bad), (500, .bad),
        (.signalingNaN, .uncertain),
    ]

    @Test(arguments: Self.unknowns)
    func `an unknown value raises and clears no limit alarm`(value: Double, quality: Quality) {
        let world = self.world(high: .at(100))
        world.read(self.path, value, World.Facts(quality: quality))
        #expect(world.state(.high, self.path) == .normal)
        #expect(world.alarm(.high, self.path)?.result == .error)
        #expect(world.freshness(self.path) == .fresh)
        #expect(world.sensor(self.path)?.isUnknown == true)
        #expect(world.sensor(self.path)?.quality == .bad)
        world.read(self.path, 150)
        world.read(self.path, value, World.Facts(quality: quality))
        #expect(world.state(.high, self.path) == .unacknowledged)
        #expect(world.alarm(.high, self.path)?.heldSince == WallInstant(nanoseconds: World.wall(0)))
        #expect(world.counts.unknownValues == 2)
    }

    @Test(arguments: Self.unknowns)
    func `an unknown value stops the off-delay for good`(value: Double, quality: Quality) {
        let world = self.world(high: .at(100, off: 5))
        world.read(self.path, 150)
        world.read(self.path, 50)
        world.advance(to: 4)
        world.read(self.path, value, World.Facts(quality: quality))
        world.advance(to: 60)
        #expect(world.state(.high, self.path) == .unacknowledged)
        world.read(self.path, 50)
        world.advance(to: 64.9)
        #expect(world.state(.high, self.path) == .unacknowledged)
        world.advance(to: 65)
        #expect(world.decisions(.alarmReturned, .high).map(\.time) == [World.instant(65)])
    }

    /// (configured grace, grace that is kept): never more than ten seconds.
    @Test(arguments: [(10.0, 10.0), (3.0, 3.0), (60.0, 10.0), (0.0, 0.0)])
    func `an unknown that lasts raises that nothing can be verified`(
        configured: Double, kept: Double
    ) {
        let world = self.world(
            high: .at(100, .low), highHigh: .at(120, .critical), unknownGrace: configured)
        world.advance(to: 5)
        world.read(self.path, .nan)
        if kept > 0 {
            world.advance(to: 5 + kept - 0.001)
            #expect(world.decisions(.alarmRaised).isEmpty)
        }
        world.advance(to: 60)
        let raised = world.decisions(.alarmRaised)
        #expect(raised.map(\.alarm) == [.unverifiable])
        #expect(raised.map(\.time) == [World.instant(5 + kept)])
        #expect(raised.map(\.priority) == [.critical])
        #expect(raised.map(\.cause) == [.notVerifiable])
    }

    @Test func `cannot verify returns after its off-delay, and never on a silent sensor`() {
        var declaration = SensorDeclaration.make(
            self.path, deadline: 20, high: .at(100, .low), stale: .high, unknownGrace: 0)
        declaration.silenceOffDelayNanoseconds = seconds(30)
        let world = World([declaration])
        world.read(self.path, .nan)
        #expect(world.state(.unverifiable, self.path) == .unacknowledged)
        world.read(self.path, 1)
        // Silent from second 20 on: what the delay waited for is not known any more.
        world.advance(to: 60)
        #expect(world.state(.unverifiable, self.path) == .unacknowledged)
        for second in stride(from: 60.0, through: 90, by: 10) {
            world.advance(to: second)
            world.read(self.path, 1)
        }
        let returned = world.decisions(.alarmReturned, .unverifiable)
        #expect(returned.map(\.time) == [World.instant(90)])
        world.verifyReplay()
    }

    @Test func `more unknown values do not lengthen the grace`() {
        let world = self.world(high: .at(100))
        for second in 0..<20 {
            world.advance(to: Double(second))
            world.read(self.path, .nan)
        }
        #expect(world.decisions(.alarmRaised).map(\.time) == [World.instant(10)])
    }

    @Test func `one good value within the grace begins it again`() {
        let world = self.world(high: .at(100))
        world.read(self.path, .nan)
        world.advance(to: 9)
        world.read(self.path, 50)
        world.read(self.path, .nan)
        world.advance(to: 18.9)
        #expect(world.decisions(.alarmRaised).isEmpty)
        world.advance(to: 19)
        #expect(world.decisions(.alarmRaised).map(\.time) == [World.instant(19)])
    }

    @Test func `a good value ends it`() {
        let world = self.world(high: .at(100))
        world.read(self.path, .nan)
        world.advance(to: 15)
        world.read(self.path, 50)
        let returned = world.decisions(.alarmReturned)
        #expect(returned.map(\.alarm) == [.unverifiable])
        #expect(returned.map(\.cause) == [.verifiableAgain])
        #expect(world.state(.unverifiable, self.path) == .returnedUnacknowledged)
        #expect(world.alarm(.high, self.path)?.result == .notMet)
    }

    @Test func `a sensor without limits is blinded with the priority of its stale alarm`() {
        let world = self.world(stale: .high)
        world.read(self.path, .nan)
        world.advance(to: 10)
        #expect(world.decisions(.alarmRaised).map(\.priority) == [.high])
    }

    @Test func `beyond the limit, then bad, raises at once with the value that began it`() {
        let world = self.world(high: .at(100, on: 60))
        world.read(self.path, 150)
        world.advance(to: 2)
        world.read(self.path, 180)
        world.advance(to: 3)
        world.read(self.path, .nan)
        let raised = world.decisions(.alarmRaised, .high)
        #expect(raised.map(\.cause) == [.lostWhileBeyondLimit])
        #expect(raised.map(\.time) == [World.instant(3)])
        #expect(raised.map(\.worst) == [180])
        #expect(world.alarm(.high, self.path)?.triggerBits == (150.0).bitPattern)
        #expect(world.alarm(.high, self.path)?.heldSince == WallInstant(nanoseconds: World.wall(3)))
        // A later worse value is still seen.
        world.read(self.path, 190)
        #expect(world.alarm(.high, self.path)?.worst == 190)
        #expect(world.alarm(.high, self.path)?.heldSince == WallInstant(nanoseconds: 0))
    }

    @Test func `beyond the limit, then silent, raises when the deadline passes`() {
        let world = self.world(high: .at(100, on: 60), deadline: 10)
        world.read(self.path, 150)
        world.advance(to: 9.9)
        #expect(world.decisions(.alarmRaised).isEmpty)
        world.leap(to: 300)
        let raised = world.decisions(.alarmRaised)
        #expect(raised.map(\.alarm) == [.high, .stale])
        #expect(raised.map(\.cause) == [.lostWhileBeyondLimit, .deadlinePassed])
        #expect(raised.map(\.time) == [World.instant(10), World.instant(10)])
        #expect(world.alarm(.high, self.path)?.result == .stale)
    }

    @Test func `a raised alarm is held when its sensor goes stale`() {
        let world = self.world(high: .at(100, off: 5), deadline: 10)
        world.read(self.path, 150)
        world.advance(to: 8)
        world.read(self.path, 50)
        world.advance(to: 12)
        world.read(self.path, 150)
        world.read(self.path, 50)
        world.advance(to: 12.5)
        #expect(world.state(.high, self.path) == .unacknowledged)
        // The off-delay would end at 17, but from 14 on nothing is known.
        let other = self.world(high: .at(100, off: 15), deadline: 10)
        other.read(self.path, 150)
        other.read(self.path, 50)
        other.advance(to: 100)
        #expect(other.state(.high, self.path) == .unacknowledged)
        #expect(
            other.alarm(.high, self.path)?.heldSince == WallInstant(nanoseconds: World.wall(10)))
        #expect(other.sensor(self.path)?.heldSince == WallInstant(nanoseconds: World.wall(10)))
        other.read(self.path, 50)
        other.advance(to: 109.9)
        #expect(other.state(.high, self.path) == .unacknowledged)
    }

    @Test func `bad, then silent, is not less urgent than bad`() {
        let world = self.world(high: .at(100, .critical), deadline: 5, stale: .low)
        world.read(self.path, .nan)
        world.advance(to: 60)
        let raised = world.decisions(.alarmRaised)
        #expect(raised.map(\.alarm) == [.stale, .unverifiable])
        #expect(raised.map(\.time) == [World.instant(5), World.instant(10)])
        #expect(raised.map(\.priority) == [.low, .critical])
        world.read(self.path, 50)
        #expect(world.decisions(.alarmReturned).map(\.alarm) == [.stale, .unverifiable])
    }

    @Test func `a stale alarm as urgent says it for both`() {
        let world = self.world(high: .at(100, .high), deadline: 5, stale: .high)
        world.read(self.path, .nan)
        world.advance(to: 60)
        #expect(world.decisions(.alarmRaised).map(\.alarm) == [.stale])
    }

    @Test func `a stale sensor that returns with a bad value is fresh and unknown`() {
        let world = self.world(high: .at(100), deadline: 5)
        world.advance(to: 6)
        world.read(self.path, .nan)
        #expect(world.freshness(self.path) == .fresh)
        #expect(world.state(.stale, self.path) == .returnedUnacknowledged)
        world.advance(to: 10.9)
        world.read(self.path, .nan)
        world.advance(to: 15)
        world.read(self.path, .nan)
        world.advance(to: 16)
        #expect(world.decisions(.alarmRaised, .unverifiable).map(\.time) == [World.instant(16)])
    }

    @Test func `a condition that was never evaluated is unknown`() {
        let world = self.world(high: .at(100))
        #expect(world.alarm(.high, self.path)?.result == .error)
    }

    @Test func `a value kind or quality that no version gave out is bad`() {
        let world = self.world(high: .at(100))
        var slot = world.slot(self.path, 150)
        slot.valueKindRaw = 200
        world.feed(slot)
        slot.valueKindRaw = 0
        slot.qualityRaw = 200
        world.feed(slot)
        #expect(world.counts.unknownValues == 2)
        #expect(world.state(.high, self.path) == .normal)
    }

    @Test func `a record of a kind that no version gave out is counted`() {
        let world = self.world()
        var slot = Slot(kind: .tick, arrival: World.instant(5))
        slot.kindRaw = 222
        world.feed(slot)
        #expect(world.counts.unknownRecords == 1)
    }

    @Test
    func `silence of a sensor with a critical limit cannot be verified, as urgent as the limit`() {
        let world = World([
            .make("vessel/pressure", high: .at(100, .critical), stale: .low, unknownGrace: 4)
        ])
        world.read("vessel/pressure", 1)
        world.advance(to: 13.9)
        #expect(world.decisions(.alarmRaised).map(\.alarm) == [.stale])
        world.advance(to: 14)
        let blind = world.decisions(.alarmRaised, .unverifiable)
        #expect(blind.map(\.priority) == [.critical])
        #expect(blind.map(\.time) == [World.instant(14)])
        world.read("vessel/pressure", 1)
        #expect(world.state(.unverifiable, "vessel/pressure") == .returnedUnacknowledged)
    }

    @Test func `a silent sensor that was never heard cannot be verified either`() {
        let world = World([
            .make("vessel/pressure", high: .at(100, .high), stale: .medium, unknownGrace: 1)
        ])
        world.advance(to: 11)
        #expect(world.decisions(.alarmRaised).map(\.alarm) == [.stale, .unverifiable])
    }

    @Test func `a stale alarm as urgent as what it blinds speaks alone`() {
        let world = World([
            .make("vessel/pressure", high: .at(100, .high), stale: .high, unknownGrace: 1)
        ])
        world.advance(to: 100)
        #expect(world.decisions(.alarmRaised).map(\.alarm) == [.stale])
    }

    @Test func `rules that blind more say so of a sensor that is silent already`() {
        let urgent = RuleBook(
            revision: World.revision(2),
            declarations: [
                .make("vessel/pressure", high: .at(100, .critical), stale: .low, unknownGrace: 1)
            ])
        let world = World(
            [.make("vessel/pressure", high: .at(100, .low), stale: .low)], books: [urgent])
        world.advance(to: 50)
        #expect(world.decisions(.alarmRaised).map(\.alarm) == [.stale])
        world.configure(urgent.revision)
        world.advance(to: 51)
        #expect(world.decisions(.alarmRaised, .unverifiable).map(\.priority) == [.critical])
    }
}
