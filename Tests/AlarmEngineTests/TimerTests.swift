// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import Testing

@Suite struct TimerTests {
    /// A world with one sensor for each deadline, in seconds.
    private func world(_ deadlines: [Double]) -> World {
        World(deadlines.enumerated().map { .make("s/\($0)", deadline: $1) })
    }

    private func second(_ instant: MonotonicInstant) -> Double { World.second(instant) }

    @Test(arguments: [false, true])
    func `ten thousand deadlines pass in their order, each at its own instant`(leaps: Bool) {
        var random = Random(seed: 21)
        let deadlines = (0..<10_000).map { _ in
            Double(1 + random.next(below: 3_600_000_000)) / 1_000_000
        }
        let world = self.world(deadlines)
        if leaps { world.leap(to: 4_000) } else { world.advance(to: 4_000) }
        let raised = world.decisions(.alarmRaised)
        #expect(raised.count == 10_000)
        let expected = deadlines.map { World.instant($0) }.sorted()
        #expect(raised.map(\.time) == expected)
        let isOwn = raised.allSatisfy {
            $0.time == World.instant(deadlines[Int($0.sensor.rawValue)])
        }
        #expect(isOwn)
    }

    @Test func `deadlines that pass at one instant are told in the order of sensors`() {
        let world = self.world([Double](repeating: 5, count: 100))
        world.advance(to: 6)
        #expect(world.decisions(.alarmRaised).map(\.sensor.rawValue) == Array(0..<100))
    }

    /// Every level of the wheel: a nanosecond to eleven years.
    private static let distances: [Double] = [
        0.000_000_001, 0.001, 0.2, 0.269, 60, 69, 17_591, 86_400, 2_592_000, 6_048_000,
        34_560_000, 345_600_000,
    ]

    @Test(arguments: Self.distances)
    func `a deadline passes at its instant, however far away`(deadline: Double) {
        let world = self.world([deadline])
        let last = MonotonicInstant(
            nanoseconds: World.originNanoseconds + seconds(deadline) - 1)
        #expect(world.engine.nextWake() != nil)
        world.pass(to: deadline)
        var tick = Slot(kind: .tick, arrival: last)
        world.feed(tick)
        #expect(world.freshness("s/0") == .neverReceived)
        tick.arrival = World.instant(deadline)
        world.feed(tick)
        #expect(world.freshness("s/0") == .stale)
        #expect(world.decisions(.alarmRaised).map(\.time) == [World.instant(deadline)])
    }

    @Test func `far deadlines pass in the order of time when time goes on in small steps`() {
        let day = 86_400.0
        let world = self.world([30 * day, 70 * day, 70 * day + 0.001, 1, 29.999 * day])
        for step in 1...(71 * 24) { world.advance(to: Double(step) * 3_600) }
        #expect(
            world.decisions(.alarmRaised).map(\.time)
                == [1, 29.999 * day, 30 * day, 70 * day, 70 * day + 0.001].map {
                    World.instant($0)
                })
        #expect(world.decisions(.alarmRaised).map(\.sensor.rawValue) == [3, 4, 0, 1, 2])
    }

    @Test func `the engine asks to be woken within a tick of the next deadline`() {
        var random = Random(seed: 4)
        for _ in 0..<200 {
            let deadline = Double(1 + random.next(below: 1_000_000_000)) / 1_000_000
            let world = self.world([deadline])
            // Wakes on the way are looks at a coarser level; each brings the engine nearer.
            var looks = 0
            while world.freshness("s/0") != .stale, looks < 12 {
                let wake = world.engine.nextWake() ?? .zero
                world.leap(to: max(world.now, World.second(wake)))
                looks += 1
            }
            #expect(world.freshness("s/0") == .stale)
            #expect(world.now - deadline < 0.0022)
        }
    }

    @Test func `an engine without deadlines asks for nothing`() {
        let world = World([.make("e", supervision: .event)])
        #expect(world.engine.nextWake() == nil)
        world.leap(to: 1_000_000)
        #expect(world.journal.contains { $0.slot.kind == .tick } == false)
    }

    @Test func `a tick that does nothing is not needed`() {
        let world = self.world([10])
        for step in 1...100 {
            world.advance(to: Double(step))
            world.read("s/0", 1)
        }
        #expect(world.journal.contains { $0.slot.kind == .tick } == false)
    }

    @Test func `twenty thousand sensors expire in one tick`() {
        let count = 20_000
        let world = self.world([Double](repeating: 10, count: count))
        world.leap(to: 11)
        #expect(world.decisions(.alarmRaised).count == count)
        let ids = world.decisions(.alarmRaised).map(\.id)
        #expect(Set(ids).count == count)
        #expect(Set(ids.map(\.position.n)).count == 1)
        #expect(ids.map(\.ordinal) == Array(0..<UInt32(count)))
    }

    @Test func `a full engine says so and goes on with its tick`() {
        let count = AlarmEngine.decisionCapacity + 10
        let world = self.world([Double](repeating: 10, count: count))
        var engine = world.emptyEngine()
        for entry in world.journal {
            engine.apply(entry.slot, n: entry.n)
            engine.takeDecisions { _ in }
        }
        engine.apply(
            Slot(kind: .tick, arrival: World.instant(10)), n: UInt64(world.journal.count))
        let wasFull = engine.isFull
        #expect(wasFull)
        var taken: [Decision] = []
        engine.takeDecisions { taken.append($0) }
        let isFull = engine.isFull
        #expect(!isFull)
        #expect(taken.count == count)
        #expect(taken.map(\.id.ordinal) == Array(0..<UInt32(count)))
    }

    @Test func `a tick in the midst of many near deadlines fires those that are due`() {
        // All within two ticks of the wheel, half of them due.
        let deadlines = (0..<20_000).map { 10 + Double($0) / 20_000_000 }
        let world = self.world(deadlines)
        world.leap(to: 10.000_5)
        #expect(world.decisions(.alarmRaised).count == 10_001)
        world.leap(to: 10.001)
        #expect(world.decisions(.alarmRaised).map(\.time) == deadlines.map { World.instant($0) })
    }

    @Test func `random deadlines, readings and looks lose no deadline`() {
        var random = Random(seed: 77)
        let deadlines = (0..<200).map { _ in Double(1 + random.next(below: 100_000)) / 1_000 }
        let world = self.world(deadlines)
        var last = [MonotonicInstant](repeating: World.instant(0), count: 200)
        var stale = [Bool](repeating: false, count: 200)
        var isRight = true
        for _ in 0..<3_000 {
            world.advance(to: world.now + Double(random.next(below: 300_000_000)) / 1_000_000_000)
            for index in 0..<200 {
                let due = last[index].advanced(byNanoseconds: seconds(deadlines[index]))
                stale[index] = stale[index] || due <= World.instant(world.now)
                let isStale = world.engine.liveSensor(index).freshness == .stale
                if isStale != stale[index] { isRight = false }
            }
            let index = random.next(below: 200)
            world.read("s/\(index)", 1)
            last[index] = World.instant(world.now)
            stale[index] = false
        }
        #expect(isRight)
    }
}
