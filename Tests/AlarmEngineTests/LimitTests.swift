// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import Testing

@Suite struct LimitTests {
    private let path = "reactor/temperature"

    private func world(
        high: LimitSetting? = nil, highHigh: LimitSetting? = nil, low: LimitSetting? = nil,
        lowLow: LimitSetting? = nil, deadline: Double = 1_000
    ) -> World {
        World([
            .make(
                self.path, deadline: deadline, high: high, highHigh: highHigh, low: low,
                lowLow: lowLow)
        ])
    }

    /// (value, raised): at the setpoint is beyond it.
    @Test(arguments: [(99.999, false), (100.0, true), (100.001, true)])
    func `a high limit is met at its setpoint`(value: Double, isRaised: Bool) {
        let world = self.world(high: .at(100))
        world.read(self.path, value)
        #expect((world.state(.high, self.path) == .unacknowledged) == isRaised)
    }

    @Test(arguments: [(10.001, false), (10.0, true), (9.999, true)])
    func `a low limit is met at its setpoint`(value: Double, isRaised: Bool) {
        let world = self.world(low: .at(10))
        world.read(self.path, value)
        #expect((world.state(.low, self.path) == .unacknowledged) == isRaised)
    }

    /// (value, returned): the edge of the deadband is still inside the condition.
    @Test(arguments: [(100.0, false), (97.5, false), (95.0, false), (94.999, true), (0.0, true)])
    func `a high alarm returns below its deadband only`(value: Double, isReturned: Bool) {
        let world = self.world(high: .at(100, deadband: 5))
        world.read(self.path, 120)
        world.read(self.path, value)
        #expect(
            world.state(.high, self.path)
                == (isReturned ? .returnedUnacknowledged : .unacknowledged))
    }

    @Test(arguments: [(10.0, false), (12.5, false), (15.0, false), (15.001, true), (90.0, true)])
    func `a low alarm returns above its deadband only`(value: Double, isReturned: Bool) {
        let world = self.world(low: .at(10, deadband: 5))
        world.read(self.path, 1)
        world.read(self.path, value)
        #expect(
            world.state(.low, self.path)
                == (isReturned ? .returnedUnacknowledged : .unacknowledged))
    }

    @Test func `the deadband keeps nothing that was not raised`() {
        let world = self.world(high: .at(100, deadband: 5))
        world.read(self.path, 97)
        #expect(world.state(.high, self.path) == .normal)
        world.read(self.path, 120)
        world.read(self.path, 90)
        world.read(self.path, 97)
        #expect(world.state(.high, self.path) == .returnedUnacknowledged)
    }

    @Test func `an on-delay ends at its own instant without another reading`() {
        let world = self.world(high: .at(100, on: 20))
        world.advance(to: 3)
        world.read(self.path, 150)
        world.advance(to: 22.999)
        #expect(world.state(.high, self.path) == .normal)
        world.leap(to: 500)
        let raised = world.decisions(.alarmRaised)
        #expect(raised.map(\.time) == [World.instant(23)])
        #expect(raised.map(\.cause) == [.onDelayElapsed])
    }

    @Test func `one normal reading begins the on-delay again`() {
        let world = self.world(high: .at(100, deadband: 5, on: 20))
        world.read(self.path, 150)
        world.advance(to: 19)
        world.read(self.path, 99)
        world.advance(to: 20)
        world.read(self.path, 150)
        world.advance(to: 39.9)
        #expect(world.state(.high, self.path) == .normal)
        world.advance(to: 40)
        #expect(world.decisions(.alarmRaised).map(\.time) == [World.instant(40)])
    }

    @Test func `more readings beyond the limit do not lengthen the on-delay`() {
        let world = self.world(high: .at(100, on: 20))
        for second in 0..<30 {
            world.advance(to: Double(second))
            world.read(self.path, 150)
        }
        #expect(world.decisions(.alarmRaised).map(\.time) == [World.instant(20)])
    }

    @Test func `one reading beyond the limit begins the off-delay again`() {
        let world = self.world(high: .at(100, deadband: 5, off: 20))
        world.read(self.path, 150)
        world.read(self.path, 50)
        world.advance(to: 19)
        world.read(self.path, 96)
        world.advance(to: 20)
        world.read(self.path, 50)
        world.advance(to: 39.9)
        #expect(world.state(.high, self.path) == .unacknowledged)
        world.advance(to: 40)
        let returned = world.decisions(.alarmReturned)
        #expect(returned.map(\.time) == [World.instant(40)])
        #expect(returned.map(\.cause) == [.offDelayElapsed])
    }

    @Test func `more normal readings do not lengthen the off-delay`() {
        let world = self.world(high: .at(100, off: 20))
        world.read(self.path, 150)
        for second in 0..<30 {
            world.advance(to: Double(second))
            world.read(self.path, 50)
        }
        #expect(world.decisions(.alarmReturned).map(\.time) == [World.instant(20)])
    }

    @Test func `low limits have their delays too`() {
        let world = self.world(low: .at(10, deadband: 5, on: 5, off: 7))
        world.read(self.path, 9)
        world.advance(to: 4)
        world.read(self.path, 11)
        world.read(self.path, 9)
        world.advance(to: 9)
        #expect(world.decisions(.alarmRaised, .low).map(\.time) == [World.instant(9)])
        world.read(self.path, 16)
        world.advance(to: 12)
        world.read(self.path, 15)
        world.read(self.path, 16)
        world.advance(to: 30)
        #expect(world.decisions(.alarmReturned, .low).map(\.time) == [World.instant(19)])
    }

    @Test func `limits of two levels are alarms of their own`() {
        let world = self.world(
            high: .at(100, .medium), highHigh: .at(120, deadband: 2, .critical))
        world.read(self.path, 110)
        #expect(world.state(.high, self.path) == .unacknowledged)
        #expect(world.state(.highHigh, self.path) == .normal)
        world.acknowledge(
            self.path, .high, world.alarm(.high, self.path)?.activation ?? .none)
        world.read(self.path, 130)
        #expect(world.state(.high, self.path) == .acknowledged)
        #expect(world.state(.highHigh, self.path) == .unacknowledged)
        world.read(self.path, 119)
        #expect(world.state(.highHigh, self.path) == .unacknowledged)
        world.read(self.path, 110)
        #expect(world.state(.highHigh, self.path) == .returnedUnacknowledged)
        #expect(world.state(.high, self.path) == .acknowledged)
        world.read(self.path, 50)
        #expect(world.state(.high, self.path) == .normal)
        let raised = world.decisions(.alarmRaised)
        #expect(raised.map(\.alarm) == [.high, .highHigh])
        #expect(raised.map(\.priority) == [.medium, .critical])
        #expect(raised.map(\.setpoint) == [100, 120])
    }

    @Test func `one reading may raise both levels, the more urgent first`() {
        let world = self.world(high: .at(100), highHigh: .at(120, .critical))
        let n = world.read(self.path, 130)
        let raised = world.decisions(.alarmRaised)
        #expect(raised.map(\.alarm) == [.highHigh, .high])
        #expect(raised.map(\.id.position.n) == [n, n])
        #expect(raised.map(\.id.ordinal) == [0, 1])
    }

    @Test func `the worst value is kept from the first reading beyond the limit`() {
        let world = self.world(high: .at(100, on: 10, off: 10), low: .at(10))
        world.read(self.path, 110)
        world.advance(to: 5)
        world.read(self.path, 180)
        world.advance(to: 8)
        world.read(self.path, 120)
        world.advance(to: 10)
        let raised = world.decisions(.alarmRaised, .high)
        #expect(raised.map(\.worst) == [180])
        #expect(raised.map(\.valueBits) == [(120.0).bitPattern])
        #expect(world.alarm(.high, self.path)?.triggerBits == (110.0).bitPattern)
        world.read(self.path, 200)
        world.read(self.path, 150)
        world.read(self.path, 50)
        world.advance(to: 30)
        #expect(world.decisions(.alarmReturned, .high).map(\.worst) == [200])
        world.read(self.path, 5)
        world.read(self.path, 2)
        world.read(self.path, 8)
        #expect(world.alarm(.low, self.path)?.worst == 2)
        // A new activation has a worst value of its own.
        world.read(self.path, 101)
        world.advance(to: 60)
        #expect(world.decisions(.alarmRaised, .high).last?.worst == 101)
    }

    @Test func `every activation has an id of its own and is counted`() {
        let world = self.world(high: .at(100))
        for _ in 0..<50 {
            world.read(self.path, 150)
            world.read(self.path, 50)
        }
        let raised = world.decisions(.alarmRaised)
        #expect(raised.map(\.activationCount) == Array(1...50))
        #expect(Set(raised.map(\.activation)).count == 50)
        #expect(raised.allSatisfy { $0.activation == $0.id })
        let returned = world.decisions(.alarmReturned)
        #expect(returned.map(\.activation) == raised.map(\.activation))
        #expect(world.counts.alarmsRaised == 50)
        #expect(world.counts.alarmsReturned == 50)
    }

    /// Kind, bits, and whether a high limit at 1 is met.
    @Test(arguments: [
        (ValueKind.int64, UInt64(1), true), (.int64, 0, false),
        (.int64, UInt64(bitPattern: -5), false), (.bool, 1, true), (.bool, 0, false),
        (.bool, 7, true), (.mappedState, 1, true), (.float64, (1.0).bitPattern, true),
        (.float64, 1, false),
    ])
    func `values of every kind are compared as numbers`(
        kind: ValueKind, bits: UInt64, isRaised: Bool
    ) {
        let world = self.world(high: .at(1))
        var slot = world.slot(self.path, 0)
        slot.valueKindRaw = kind.rawValue
        slot.valueBits = bits
        world.feed(slot)
        #expect((world.state(.high, self.path) == .unacknowledged) == isRaised)
    }

    @Test func `an uncertain value is compared`() {
        let world = self.world(high: .at(100))
        world.read(self.path, 150, World.Facts(quality: .uncertain))
        #expect(world.state(.high, self.path) == .unacknowledged)
        #expect(world.decisions(.alarmRaised).map(\.quality) == [.uncertain])
    }

    @Test func `a raised limit alarm is not repeated by more readings beyond it`() {
        let world = self.world(high: .at(100))
        for value in [150.0, 160, 170] { world.read(self.path, value) }
        #expect(world.decisions(.alarmRaised).count == 1)
    }

    @Test func `a limit that was raised and acknowledged returns to normal at once`() {
        let world = self.world(high: .at(100))
        world.read(self.path, 150)
        world.acknowledge(self.path, .high, world.alarm(.high, self.path)?.activation ?? .none)
        world.read(self.path, 50)
        #expect(world.state(.high, self.path) == .normal)
    }
}
