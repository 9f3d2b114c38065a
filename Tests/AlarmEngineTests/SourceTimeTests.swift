// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import Testing

@Suite struct SourceTimeTests {
    private let path = "boiler/pressure"

    private func world(deadline: Double = 10) -> World {
        let world = World([
            .make(self.path, deadline: deadline, high: .at(100, .high))
        ])
        world.registerSource("gateway")
        return world
    }

    @Test func `a late reading goes to history and refreshes nothing`() {
        let world = self.world()
        world.advance(to: 1)
        world.read(self.path, 1, sourceTime: 1)
        world.advance(to: 8)
        // Six seconds late, by a sender whose readings usually take none: half a deadline is five.
        world.read(self.path, 500, sourceTime: 2)
        #expect(world.counts.notLive == 1)
        #expect(world.sensor(self.path)?.backlogCount == 1)
        #expect(world.sensor(self.path)?.valueBits == (1.0).bitPattern)
        #expect(world.state(.high, self.path) == .normal)
        world.advance(to: 11)
        #expect(world.freshness(self.path) == .stale)
        world.read(self.path, 500, sourceTime: 3)
        #expect(world.freshness(self.path) == .stale)
        #expect(world.sensor(self.path)?.backlogCount == 2)
        world.read(self.path, 2, sourceTime: 11)
        #expect(world.freshness(self.path) == .fresh)
        #expect(world.sensor(self.path)?.backlogCount == 0)
    }

    // Six seconds of drift by 500 parts in a million come to half a deadline.
    @Test(arguments: [(5.003, true), (5.003000001, false)])
    func `a delay of half a deadline is the last that is live`(delay: Double, isLive: Bool) {
        let world = self.world()
        world.advance(to: 1)
        world.read(self.path, 1, sourceTime: 1)
        world.pass(to: 7)
        world.read(self.path, 500, sourceTime: 7 - delay)
        #expect((world.state(.high, self.path) == .unacknowledged) == isLive)
        #expect(world.sensor(self.path)?.backlogCount == (isLive ? 0 : 1))
    }

    @Test func `a sender whose clock is an hour behind is live`() {
        let world = self.world()
        for second in 1...30 {
            world.advance(to: Double(second))
            world.read(self.path, 1, sourceTime: Double(second) - 3_600)
        }
        #expect(world.counts.notLive == 0)
        #expect(world.freshness(self.path) == .fresh)
    }

    @Test func `a device an hour behind on a shared source is live`() {
        let world = World([
            .make(self.path, deadline: 10, high: .at(100, .high)), .make("boiler/level"),
        ])
        world.registerSource("gateway")
        for second in 1...30 {
            world.advance(to: Double(second))
            world.read("boiler/level", 1, sourceTime: Double(second))
            world.read(self.path, 1, sourceTime: Double(second) - 3_600)
        }
        #expect(world.counts.notLive == 0)
        #expect(world.freshness(self.path) == .fresh)
        #expect(world.decisions(.alarmRaised).isEmpty)
    }

    @Test func `a clock that drifts by 400 parts in a million stays live for days`() {
        let world = self.world(deadline: 100)
        for minute in 1...4_000 {
            world.advance(to: Double(minute) * 60)
            world.read(self.path, 1, sourceTime: Double(minute) * 60 * (1 - 0.0004))
        }
        #expect(world.counts.notLive == 0)
        #expect(world.decisions(.alarmRaised).isEmpty)
    }

    @Test func `the backlog of a long outage is old however long nothing was heard`() {
        let world = self.world()
        world.advance(to: 1)
        world.read(self.path, 1, sourceTime: 1)
        world.advance(to: 3_601)
        #expect(world.freshness(self.path) == .stale)
        // An hour of buffered readings in four seconds, oldest first, then live ones.
        for second in 2...3_590 {
            world.pass(by: 0.001)
            world.read(self.path, 500, sourceTime: Double(second))
            #expect(world.freshness(self.path) == .stale)
        }
        #expect(world.counts.notLive == 3_589)
        #expect(world.state(.high, self.path) == .normal)
        #expect(world.decisions(.sourceClockRebased).isEmpty)
        world.read(self.path, 2, sourceTime: world.now)
        #expect(world.freshness(self.path) == .fresh)
    }

    @Test func `a constant lateness is taken for a set clock after five minutes`() {
        let world = self.world()
        world.advance(to: 1)
        world.read(self.path, 1, sourceTime: 1)
        // The device slept for 99 seconds, and its clock for 60 of them.
        for second in 100...500 {
            world.advance(to: Double(second))
            world.read(self.path, 1, sourceTime: Double(second) - 60)
            #expect(world.freshness(self.path) == (second < 400 ? .stale : .fresh))
        }
        #expect(world.decisions(.sourceClockRebased).map(\.time) == [World.instant(400)])
    }

    // What piles up behind a pause arrived when that began: before it was sent, some of it.
    @Test(arguments: [SupervisionMode.periodic, .event])
    func `a reading dated to before it was sent makes no later one late`(
        supervision: SupervisionMode
    ) {
        let world = World([
            .make(self.path, deadline: 10, high: .at(100, .high), supervision: supervision)
        ])
        world.registerSource("gateway")
        // Its clock is a minute behind: what is in the future has no source time that counts.
        for second in 1...10 {
            world.advance(to: Double(second))
            world.read(self.path, 1, sourceTime: Double(second) - 60)
        }
        world.advance(to: 19)
        world.anchor()
        world.read(self.path, 1, World.Facts(sourceTime: 18.9 - 60, arrival: 11))
        for second in 20...30 {
            world.advance(to: Double(second))
            world.read(self.path, second == 30 ? 500 : 1, sourceTime: Double(second) - 60)
        }
        #expect(world.counts.notLive == 0)
        #expect(world.freshness(self.path) == .fresh)
        #expect(world.decisions(.alarmRaised).map(\.alarm) == [.high])
        #expect(world.decisions(.alarmRaised).map(\.time) == [World.instant(30)])
        world.verifyReplay()
    }

    @Test func `what waited hides no lateness of what comes after it`() {
        let world = self.world()
        // The first reading that ever came: it sets a standard, of which 8 s are in doubt.
        world.advance(to: 9)
        world.anchor()
        world.read(self.path, 1, World.Facts(sourceTime: 1, arrival: 1))
        world.advance(to: 10)
        world.read(self.path, 1, sourceTime: 10)
        world.advance(to: 17)
        world.read(self.path, 500, sourceTime: 11.9)
        #expect(world.counts.notLive == 1)
        #expect(world.state(.high, self.path) == .normal)
    }

    @Test func `a clock that was set is followed after five minutes, whatever waited first`() {
        let world = self.world()
        world.advance(to: 1)
        world.read(self.path, 1, sourceTime: 1)
        // The device slept for 99 seconds, and its clock for 60 of them; we were paused as it woke.
        world.advance(to: 99)
        world.anchor()
        world.read(self.path, 1, World.Facts(sourceTime: 38.5, arrival: 92))
        for second in 100...500 {
            world.advance(to: Double(second))
            world.read(self.path, 1, sourceTime: Double(second) - 60)
        }
        #expect(world.decisions(.sourceClockRebased).map(\.time) == [World.instant(400)])
        #expect(world.freshness(self.path) == .fresh)
    }

    @Test func `a same-tick reading raises, and neither refreshes nor clears`() {
        let world = self.world()
        world.advance(to: 1)
        world.read(self.path, 1, sourceTime: 1)
        world.advance(to: 3)
        world.read(self.path, 500, sourceTime: 1)
        #expect(world.counts.raiseOnly == 1)
        #expect(world.decisions(.alarmRaised, .high).map(\.time) == [World.instant(3)])
        #expect(world.alarm(.high, self.path)?.worst == 500)
        world.read(self.path, 1, sourceTime: 1)
        #expect(world.state(.high, self.path) == .unacknowledged)
        #expect(world.sensor(self.path)?.lastArrival == World.instant(1))
        world.advance(to: 11)
        #expect(world.freshness(self.path) == .stale)
        world.read(self.path, 1, sourceTime: 11)
        #expect(world.state(.high, self.path) == .returnedUnacknowledged)
    }

    @Test
    func `a same-tick value that cannot be used makes the sensor unknown until the next tick`() {
        let world = self.world()
        world.read(self.path, 1, sourceTime: 0)
        world.read(self.path, .nan, sourceTime: 0)
        #expect(world.sensor(self.path)?.isUnknown == true)
        world.read(self.path, 1, sourceTime: 0)
        #expect(world.sensor(self.path)?.isUnknown == true)
        world.advance(to: 1)
        world.read(self.path, 1, sourceTime: 1)
        #expect(world.sensor(self.path)?.isUnknown == false)
    }

    @Test func `a reading that waited in our queues raises on a stale sensor without its on-delay`()
    {
        let world = World([.make(self.path, high: .at(100, on: 5, .high))])
        world.read(self.path, 1)
        world.advance(to: 20)
        world.read(self.path, 500, World.Facts(arrival: 9))
        #expect(world.state(.high, self.path) == .unacknowledged)
        #expect(world.alarm(.high, self.path)?.result == .stale)
        #expect(world.freshness(self.path) == .stale)
    }

    @Test(arguments: [(10.0, Freshness.fresh), (10.000000001, .stale)])
    func `a reading that waited more than a deadline in our queues clears no staleness`(
        waited: Double, freshness: Freshness
    ) {
        let world = self.world()
        world.read(self.path, 1)
        world.advance(to: 40)
        world.anchor()
        #expect(world.freshness(self.path) == .stale)
        world.read(self.path, 1, World.Facts(arrival: 40 - waited))
        #expect(world.freshness(self.path) == freshness)
        // It raises all the same.
        world.read(self.path, 500, World.Facts(arrival: 40 - waited))
        #expect(world.state(.high, self.path) == .unacknowledged)
    }

    @Test func `two regressed readings a deadline apart do not move a clock`() {
        let world = self.world()
        world.advance(to: 100)
        world.read(self.path, 1, sourceTime: 100)
        for second in [101.0, 112, 122.9] {
            world.advance(to: second)
            world.read(self.path, 1, sourceTime: second - 600)
            #expect(world.decisions(.sourceClockRebased).count == (second < 120 ? 0 : 1))
        }
    }

    @Test func `a file of old readings that is sent again does not keep pace and moves no clock`() {
        let world = self.world()
        world.advance(to: 1_000)
        world.read(self.path, 1, sourceTime: 1_000)
        for step in 1...300 {
            world.advance(to: 1_000 + Double(step) * 0.1)
            world.read(self.path, 500, sourceTime: Double(step))
        }
        #expect(world.decisions(.sourceClockRebased).isEmpty)
        #expect(world.freshness(self.path) == .stale)
        #expect(world.state(.high, self.path) == .normal)
    }

    @Test func `the rule book says which source times are plausible`() {
        var bounds = SourceTimeBounds()
        bounds.aheadMaxNanoseconds = 60_000_000_000
        let wide = RuleBook(
            revision: World.revision(2), declarations: [.make(self.path)], sourceTimes: bounds)
        let world = World([.make(self.path)], books: [wide])
        world.read(self.path, 1, sourceTime: 30)
        #expect(world.sensor(self.path)?.sourceTimeStatus == .implausible)
        world.configure(wide.revision)
        world.read(self.path, 1, sourceTime: 30)
        #expect(world.sensor(self.path)?.sourceTimeStatus == .accepted)
    }

    @Test func `a historical reading does not refresh, whatever its time`() {
        let world = self.world()
        world.advance(to: 1)
        world.read(self.path, 1, sourceTime: 1)
        world.advance(to: 9)
        world.read(self.path, 500, World.Facts(sourceTime: 9, flags: [.historical]))
        world.read(self.path, 500, World.Facts(flags: [.historical]))
        #expect(world.counts.notLive == 2)
        #expect(world.sensor(self.path)?.backlogCount == 2)
        #expect(world.state(.high, self.path) == .normal)
        world.advance(to: 11)
        #expect(world.freshness(self.path) == .stale)
        world.read(self.path, 500, World.Facts(sourceTime: 11, flags: [.historical]))
        #expect(world.freshness(self.path) == .stale)
    }

    @Test func `a replayed reading with an older source time does not refresh`() {
        let world = self.world()
        world.advance(to: 5)
        world.read(self.path, 1, sourceTime: 5)
        world.advance(to: 9)
        world.read(self.path, 500, sourceTime: 4.5)
        #expect(world.sensor(self.path)?.backlogCount == 1)
        world.advance(to: 15)
        #expect(world.freshness(self.path) == .stale)
        world.read(self.path, 500, sourceTime: 4.6)
        #expect(world.freshness(self.path) == .stale)
        #expect(world.state(.high, self.path) == .normal)
    }

    @Test(arguments: [
        Int64(0), 86_400_000_000_000, -5_000_000_000, Int64.min + 1, Int64.max,
        SystemLimits.sourceTimeEarliestNanoseconds - 1, World.wall(4_000),
        World.wall(2.000000001),
    ])
    func `an impossible source time does not blind a sensor`(time: Int64) {
        let world = self.world()
        world.read(self.path, 500, World.Facts(rawSourceTime: time))
        #expect(world.state(.high, self.path) == .unacknowledged)
        #expect(world.freshness(self.path) == .fresh)
        #expect(world.sensor(self.path)?.sourceTimeStatus == .implausible)
        world.advance(to: 5)
        world.read(self.path, 600, World.Facts(rawSourceTime: time))
        world.advance(to: 12)
        #expect(world.freshness(self.path) == .fresh)
        // It sets no standard for the times that follow.
        world.read(self.path, 1, sourceTime: 12)
        #expect(world.sensor(self.path)?.sourceTimeStatus == .accepted)
        #expect(world.state(.high, self.path) == .returnedUnacknowledged)
    }

    @Test(arguments: [
        (SystemLimits.sourceTimeEarliestNanoseconds, SourceTimeStatus.accepted),
        (World.wall(2), .accepted), (World.wall(0), .accepted),
        (Slot.noSourceTime, .absent),
    ])
    func `the window of accepted source times has its edges`(
        time: Int64, status: SourceTimeStatus
    ) {
        let world = self.world()
        world.read(self.path, 1, World.Facts(rawSourceTime: time))
        #expect(world.sensor(self.path)?.sourceTimeStatus == status)
    }

    @Test func `the ledger never shows another reading's source time`() {
        let world = self.world()
        world.advance(to: 1)
        world.read(self.path, 1, sourceTime: 1)
        world.advance(to: 2)
        world.read(self.path, 500, World.Facts(rawSourceTime: 0))
        let raised = world.decisions(.alarmRaised, .high)
        #expect(raised.map(\.sourceTimeStatus) == [.implausible])
        #expect(raised.map(\.sourceTime) == [Slot.noSourceTime])
        #expect(world.sensor(self.path)?.lastSourceTime == Slot.noSourceTime)
    }

    @Test func `a sender whose clock was set back is followed after one deadline, once`() {
        let world = self.world()
        for second in 1...5 {
            world.advance(to: Double(second))
            world.read(self.path, 1, sourceTime: Double(second))
        }
        // The clock is set back by ten minutes.
        for second in 6...40 {
            world.advance(to: Double(second))
            world.read(self.path, 1, sourceTime: Double(second) - 600)
        }
        let rebased = world.decisions(.sourceClockRebased)
        #expect(rebased.map(\.time) == [World.instant(16)])
        #expect(rebased.map(\.amount) == [World.wall(16 - 600) - World.wall(5)])
        #expect(world.counts.sourceClocksRebased == 1)
        #expect(world.decisions(.alarmRaised).map(\.time) == [World.instant(15)])
        #expect(world.decisions(.alarmReturned).map(\.time) == [World.instant(16)])
        #expect(world.freshness(self.path) == .fresh)
        #expect(world.counts.notLive == 10)
    }

    @Test func `old times in random order are never taken for a clock that was set`() {
        var random = Random(seed: 11)
        let world = self.world()
        world.advance(to: 1)
        world.read(self.path, 1, sourceTime: 1)
        for second in 2...600 {
            world.advance(to: Double(second))
            world.read(self.path, 500, sourceTime: -Double(random.next(below: 1_000_000)) / 1_000)
        }
        #expect(world.decisions(.sourceClockRebased).isEmpty)
        #expect(world.freshness(self.path) == .stale)
        #expect(world.state(.high, self.path) == .normal)
    }

    @Test func `a backlog between live readings is never taken for a clock that was set`() {
        let world = self.world()
        for second in 1...100 {
            world.advance(to: Double(second))
            world.read(self.path, 1, sourceTime: Double(second))
            world.read(self.path, 500, sourceTime: Double(second) - 600)
        }
        #expect(world.decisions(.sourceClockRebased).isEmpty)
        #expect(world.state(.high, self.path) == .normal)
        #expect(world.counts.notLive == 100)
        #expect(world.decisions(.alarmRaised).isEmpty)
    }

    @Test func `a step of our own clock is recorded, and no deadline is touched`() {
        let world = self.world()
        world.advance(to: 3)
        world.read(self.path, 1, sourceTime: 3)
        var step = Slot(kind: .clockStep, arrival: World.instant(3))
        step.valueBits = UInt64(bitPattern: -3_600_000_000_000)
        step.sourceTime = World.wall(3 - 3_600)
        world.feed(step)
        #expect(world.decisions(.clockStepped).map(\.amount) == [-3_600_000_000_000])
        #expect(world.engine.wall(of: World.instant(4)).nanoseconds == World.wall(4 - 3_600))
        world.advance(to: 12.9)
        #expect(world.freshness(self.path) == .fresh)
        world.advance(to: 13)
        #expect(world.freshness(self.path) == .stale)
    }

    @Test func `our clock set forward makes no sender late`() {
        let world = self.world()
        world.advance(to: 1)
        world.read(self.path, 1, sourceTime: 1)
        var step = Slot(kind: .clockStep, arrival: World.instant(2))
        step.valueBits = UInt64(bitPattern: 3_600_000_000_000)
        step.sourceTime = World.wall(3_602)
        world.feed(step)
        world.advance(to: 3)
        world.read(self.path, 500, sourceTime: 3)
        #expect(world.counts.notLive == 0)
        #expect(world.state(.high, self.path) == .unacknowledged)
    }

    @Test func `a source that no registry gave out takes no memory`() {
        let world = self.world()
        let source = SourceIndex(rawValue: UInt32(SystemLimits.sourceCountMax) + 4_000)
        world.read(self.path, 500, World.Facts(sourceTime: 0, source: source))
        #expect(world.state(.high, self.path) == .unacknowledged)
        #expect(world.engine.checkpoint(after: .zero).count < 10_000)
    }

    @Test func `clocks at the ends of their range trap nothing`() {
        for wall in [Int64.max, Int64.min, -1, 1] {
            let world = self.world()
            var anchor = Slot(kind: .clockAnchor, arrival: World.instant(0))
            anchor.sourceTime = wall
            world.feed(anchor)
            for time in [Int64.min, Int64.min + 1, -1, 0, 1, World.wall(0), Int64.max] {
                world.read(self.path, 500, World.Facts(rawSourceTime: time))
            }
            #expect(world.counts.evaluated == 7)
        }
    }
}
