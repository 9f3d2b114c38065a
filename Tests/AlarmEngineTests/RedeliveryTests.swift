// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import Testing

@Suite struct RedeliveryTests {
    private let path = "valve/position"

    private func publish(_ identifier: UInt16, isDuplicate: Bool = false) -> World.Facts {
        World.Facts(
            flags: isDuplicate
                ? [.acknowledgedDelivery, .duplicateDelivery] : [.acknowledgedDelivery],
            packetIdentifier: identifier, payloadHash: UInt64(identifier) * 77)
    }

    @Test func `a reading delivered again touches nothing and is counted`() {
        let world = World([.make(self.path, high: .at(100))])
        world.read(self.path, 150, self.publish(1))
        world.read(self.path, 50, self.publish(2))
        world.advance(to: 5)
        let before = world.picture.dropFirst()
        let decisions = world.decisions.count
        world.read(self.path, 150, self.publish(1, isDuplicate: true))
        #expect(world.counts.redelivered == 1)
        #expect(world.counts.evaluated == 2)
        #expect(Array(world.picture.dropFirst()) == Array(before))
        #expect(world.decisions.count == decisions)
        // It is no sign of life either.
        world.advance(to: 10)
        #expect(world.freshness(self.path) == .stale)
    }

    @Test func `a reading with DUP that was never seen counts`() {
        let world = World([.make(self.path, high: .at(100))])
        world.read(self.path, 150, self.publish(9, isDuplicate: true))
        #expect(world.counts.redelivered == 0)
        #expect(world.state(.high, self.path) == .unacknowledged)
    }

    @Test func `the second copy of a dual-homed reading is not evaluated`() {
        let world = World([.make(self.path, high: .at(100))])
        var facts = World.Facts(sourceTime: 0, flags: [.dualHomed])
        world.read(self.path, 150, facts)
        facts.source = SourceIndex(rawValue: 2)
        world.advance(to: 5)
        world.read(self.path, 150, facts)
        #expect(world.counts.redelivered == 1)
        #expect(world.sensor(self.path)?.backlogCount == 0)
        world.advance(to: 10)
        #expect(world.freshness(self.path) == .stale)
    }

    @Test func `the window sees readings of sensors that are not known yet`() {
        let world = World([.make(self.path)])
        var slot = world.slot(self.path, 1, self.publish(1))
        slot.sensor = SensorIndex(rawValue: 1)
        world.feed(slot)
        world.register("late/sensor")
        slot.flags.insert(.duplicateDelivery)
        world.feed(slot)
        #expect(world.counts.unknownSensors == 1)
        #expect(world.counts.redelivered == 1)
        #expect(world.freshness("late/sensor") == .neverReceived)
    }
}
