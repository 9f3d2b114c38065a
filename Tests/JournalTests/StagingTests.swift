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
        let tick = Slot(kind: .tick, arrival: .zero)
        var outcome = world.append([tick])
        #expect(outcome == StagingOutcome(consumedCount: 1, unrecordedCount: 0, isHeldBack: false))
        #expect(world.staging.status.stagedCount == capacity - reserve + 1, "a tick has room")
        outcome = world.append(readings: reserve - 2, acknowledged: true)
        #expect(outcome.consumedCount == reserve - 2 && !outcome.isHeldBack)
        // Room for one: a tick and a reading may go, an acknowledged reading may not.
        let acknowledged = JournalWorld.reading(world.nextN, sensor: 2, acknowledged: true)
        let reading = JournalWorld.reading(world.nextN, sensor: 1)
        outcome = world.append([tick, reading, acknowledged, tick, reading, acknowledged, tick])
        #expect(
            outcome
                == StagingOutcome(consumedCount: 5, unrecordedCount: 2, isHeldBack: true))
        #expect(world.staging.status.unrecordedControlTotal == 2)
        let held = world.nextN
        world.commitAll()
        outcome = world.append([acknowledged, tick])
        #expect(!outcome.isHeldBack && outcome.consumedCount == 2)
        world.commitAll()
        #expect(world.durableThrough == held + 2)
        let records = try world.readAll().records
        #expect(records.filter { $0.slot.kind == .tick }.map(\.n).last == held + 1)
        let acknowledgedCount = records.count { $0.slot.flags.contains(.acknowledgedDelivery) }
        #expect(acknowledgedCount == reserve)
    }

    /// What the ring brings while its disk is away: readings nobody acknowledges, and every kind of
    /// record of our own.
    private static func brought(_ n: inout UInt64, sensors: UInt64) -> [Slot] {
        var slots: [Slot] = []
        for offset in 0..<1_000 {
            let at = MonotonicInstant(nanoseconds: n * 10)
            switch offset {
            case 100: slots.append(Slot(kind: .tick, arrival: at))
            case 200: slots.append(Slot(kind: .clockAnchor, arrival: at))
            case 300:
                slots += ControlRecord.slots(
                    head: Slot(kind: .command, arrival: at),
                    payload: Array(repeating: 0x20, count: 100))
            case 400: slots.append(Slot(kind: .sourceEvidence, arrival: at))
            default: slots.append(JournalWorld.reading(n, sensor: UInt32(n % sensors)))
            }
            n += 1
        }
        return slots
    }

    @Test func `with a disk that never answers a million slots pass and memory stays`() throws {
        let ringCapacity = 1_024
        var world = try JournalWorld(
            options: JournalOptions(
                segmentBytes: 1 << 20, stagingBytes: JournalStaging.slotCountMin * 64,
                ringCapacity: ringCapacity))
        let staging = world.staging
        var sent: UInt64 = 0
        var made: UInt64 = 0
        while sent < 1_000_000 {
            let slots = Self.brought(&made, sensors: 50)
            let outcome = world.append(slots)
            try #require(outcome.consumedCount == slots.count, "the ring is held back at \(sent)")
            try #require(!outcome.isHeldBack)
            sent += UInt64(slots.count)
            // What the ring held when it was told to refuse them has its room at any time.
            let room = staging.capacity - staging.status.stagedCount
            #expect(room >= ringCapacity)
        }
        let status = staging.status
        #expect(status.stagedCount < staging.capacity)
        #expect(staging.capacity == JournalStaging.slotCountMin)
        let batches = sent / 1_003
        let staged = UInt64(status.stagedCount)
        let kept = sent - status.unrecordedTotal - staged
        // Of each thousand four records, of seven slots, are ours; the first fill the last room.
        #expect(status.unrecordedControlTotal >= (batches - 30) * 4)
        #expect(kept >= status.unrecordedControlTotal && kept <= (batches + 1) * 7)
        let counts = staging.takeUnrecorded(max: 1_000)
        #expect(counts.count == 50)
        #expect(counts.reduce(0) { $0 + UInt64($1.count) } == status.unrecordedTotal)
        // The ring was full of what somebody acknowledges when it was told to hold it.
        let outcome = world.append(readings: ringCapacity, acknowledged: true)
        #expect(outcome.consumedCount == ringCapacity && !outcome.isHeldBack)
        #expect(staging.takeGaps().isEmpty, "no record for a gap while there is no room for it")

        // The disk answers: what was staged is there, the rest is a gap, and nothing is torn.
        world.commitAll()
        world.append([Slot(kind: .clockAnchor, arrival: .zero)])
        world.commitAll()
        let gaps = staging.takeGaps()
        #expect(!gaps.isEmpty)
        let (records, damage) = try world.readAll()
        #expect(damage.isEmpty)
        for (before, after) in zip(records, records.dropFirst()) where after.n != before.n + 1 {
            let hole = before.n + 1
            let isTold = gaps.contains { $0.lowerBound <= hole && $0.upperBound >= after.n }
            #expect(isTold)
            #expect(after.slot.kind != .continuation, "half of a record was kept")
        }
        #expect(world.durableThrough == world.nextN)
    }

    @Test func `a staging holds at least twice what its ring holds`() {
        let staging = JournalStaging(firstN: 1, byteCount: 1 << 19, ringCapacity: 1 << 18)
        #expect(staging.capacity >= 1 << 19)
        #expect(staging.holdCount + 1 << 18 < staging.capacity)
        #expect(staging.resumeCount < staging.holdCount)
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

    @Test func `no skipped number is forgotten, however many gaps follow`() throws {
        var world = try Self.world()
        world.append(readings: world.staging.capacity)
        let first = world.staging.status.nextN
        var skipped: [UInt64] = []
        var recorded: [UInt64] = []
        for _ in 0..<(JournalStaging.recentGapsMax + 100) {
            skipped.append(world.nextN)
            recorded.append(world.nextN + 1)
            // One that is skipped, and one that never is.
            let kept = JournalWorld.reading(world.nextN + 1, sensor: 2, acknowledged: true)
            world.append([JournalWorld.reading(world.nextN, sensor: 1), kept])
        }
        #expect(skipped.allSatisfy { world.staging.isUnrecorded($0) })
        // What was recorded behind the last gaps is told apart, what came before all of them too.
        let apart = recorded.suffix(JournalStaging.recentGapsMax - 1)
        #expect(!apart.contains { world.staging.isUnrecorded($0) })
        #expect(!world.staging.isUnrecorded(first - UInt64(world.staging.capacity)))
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
