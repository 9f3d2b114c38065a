// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

@testable import Journal

@Suite struct StagingTests {
    static func world() throws -> JournalWorld {
        try JournalWorld(
            options: JournalOptions(
                segmentBytes: 1 << 20, stagingBytes: JournalStaging.slotCountMin * 64))
    }

    @Test func `readings beyond 15 sixteenths are skipped, counted and a gap`() throws {
        var world = try Self.world()
        let capacity = world.staging.capacity
        let lossy = capacity - capacity / 16
        let outcome = world.append(readings: capacity, sensors: 7)
        #expect(
            outcome
                == StagingOutcome(
                    consumedCount: capacity, unrecordedCount: capacity - lossy, isHeldBack: false))
        var status = world.staging.status
        #expect(status.isSkipping && status.stagedCount == lossy)
        #expect(status.unrecordedTotal == UInt64(capacity - lossy))
        let gap = UInt64(lossy + 1)..<UInt64(capacity + 1)
        #expect(world.staging.isUnrecorded(gap.lowerBound))
        #expect(world.staging.isUnrecorded(gap.upperBound - 1))
        #expect(!world.staging.isUnrecorded(gap.lowerBound - 1))
        #expect(world.staging.takeGaps().isEmpty, "not while readings are skipped")
        let counts = world.staging.takeUnrecorded(max: 100)
        #expect(counts.count == 7)
        #expect(counts.reduce(0) { $0 + Int($1.count) } == capacity - lossy)
        #expect(world.staging.takeUnrecorded(max: 100).isEmpty)

        world.commitAll()
        #expect(world.durableThrough == gap.lowerBound)
        world.append(readings: 1)
        #expect(world.staging.takeGaps() == [gap])
        #expect(world.staging.takeGaps().isEmpty)
        status = world.staging.status
        #expect(!status.isSkipping && status.stagedCount == 1)
        world.commitAll()
        #expect(world.durableThrough == gap.upperBound + 1)
        let (records, damage) = try world.readAll()
        #expect(damage.isEmpty, "a gap is not damage")
        #expect(records.count == lossy + 1)
        #expect(records.last?.n == gap.upperBound)
    }

    @Test func `what may not be lost is never skipped, and append stops in front of it`() throws {
        var world = try Self.world()
        let capacity = world.staging.capacity
        world.append(readings: capacity)
        let reserve = capacity / 16
        var outcome = world.append(readings: reserve - 1, acknowledged: true)
        #expect(outcome.consumedCount == reserve - 1 && !outcome.isHeldBack)
        let tick = Slot(kind: .tick, arrival: .zero)
        outcome = world.append([tick])
        #expect(outcome.consumedCount == 1)
        // Full to the last slot: a reading may go, the tick behind it may not.
        let reading = JournalWorld.reading(world.nextN, sensor: 1)
        outcome = world.append([reading, tick, reading])
        #expect(
            outcome
                == StagingOutcome(consumedCount: 1, unrecordedCount: 1, isHeldBack: true))
        let held = world.nextN
        world.commitAll()
        outcome = world.append([tick, JournalWorld.reading(held + 1, sensor: 1)])
        #expect(!outcome.isHeldBack && outcome.consumedCount == 2)
        world.commitAll()
        #expect(world.durableThrough == held + 2)
        let kinds = try world.readAll().records.filter { $0.slot.kind == .tick }.map(\.n)
        #expect(kinds == [held - 2, held])
    }

    @Test func `a commit is due at once for an acknowledgement, else by size or age`() throws {
        var world = try Self.world()
        func isDue() -> Bool { CommitRule.isDue(world.staging.status, now: world.now) }
        #expect(!isDue())
        world.append(readings: 1)
        #expect(!isDue())
        world.clock += CommitRule.ageMaxNanoseconds
        #expect(isDue())
        world.commit()
        #expect(!isDue())
        world.append(readings: CommitRule.bytesMin / 64 - 1)
        #expect(!isDue())
        world.append(readings: 1)
        #expect(isDue())
        world.commit()
        world.append(readings: 1, acknowledged: true)
        #expect(isDue())
        world.commit()
        #expect(!isDue())
        world.append(readings: 1)
        world.staging.requestSync(through: world.nextN - 1)
        #expect(isDue())
        world.commit()
        world.staging.requestSync(through: world.nextN - 1)
        #expect(!isDue(), "what is durable needs no sync")
    }

    @Test func `more gaps than are remembered widen the last one`() throws {
        var world = try Self.world()
        world.append(readings: world.staging.capacity)
        let tick = Slot(kind: .tick, arrival: .zero)
        for _ in 0..<(JournalStaging.gapsMax + 20) {
            world.append([JournalWorld.reading(world.nextN, sensor: 1), tick])
        }
        world.commitAll()
        world.append(readings: 1)
        let gaps = world.staging.takeGaps()
        #expect(gaps.count == JournalStaging.gapsMax)
        #expect(gaps.last?.upperBound == world.nextN - 2)
        world.commitAll()
        #expect(try world.readAll().damage.isEmpty)
    }
}
