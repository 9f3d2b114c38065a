// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

@testable import Journal

@Suite struct DamageTests {
    /// Ten commits of 100 readings in one segment; each block takes 8 KiB.
    static func world() throws -> JournalWorld {
        var world = try JournalWorld()
        for _ in 0..<10 {
            world.append(readings: 100, sensors: 5)
            world.commit()
        }
        #expect(world.open.committer.segmentNumber == 1)
        return world
    }

    static let segment = "/journal/0000000001.segment"
    static let blockBytes = 8_192

    static func offset(_ block: Int) -> Int { 4_096 + block * self.blockBytes }

    @Test func `a rotten block is named with its place, its records and its sensors`() throws {
        var world = try Self.world()
        world.disk.rot(Self.segment, byte: Self.offset(4) + 1_000)
        let (records, damage) = try world.readAll()
        #expect(records.map(\.n) == Array(1...400) + Array(501...1_000))
        #expect(damage.count == 1)
        #expect(damage[0].reason == .blockChecksum && damage[0].segment == 1)
        #expect(damage[0].byteOffset == UInt64(Self.offset(4)))
        #expect(damage[0].byteCount == UInt64(Self.blockBytes))
        #expect(damage[0].lost == 401..<501 && damage[0].wasDurable)
        #expect(damage[0].sensors.contains(SensorIndex(rawValue: 3)))
        // The same at a start: reported, kept aside, later blocks used, numbers go on.
        try world.reopen(losingPower: false)
        #expect(world.open.report.damage == damage && world.open.report.nextN == 1_001)
        #expect(world.disk.contents("/journal/damaged/0000000001-36864").count == 65_536)
        world.append(readings: 1)
        world.commit()
        #expect(world.durableThrough == 1_002)
    }

    @Test func `every damaged block is found wherever the bit is`() throws {
        let world = try Self.world()
        var numbers = SeededNumbers(seed: 5)
        for _ in 0..<60 {
            let block = Int.random(in: 0..<9, using: &numbers)
            let byte = Self.offset(block) + Int.random(in: 0..<(64 + 6_400), using: &numbers)
            let mask = UInt8(1) << UInt8.random(in: 0..<8, using: &numbers)
            world.disk.rot(Self.segment, byte: byte, mask: mask)
            let (records, damage) = try world.readAll()
            #expect(damage.count == 1 && damage.first?.wasDurable == true, "byte \(byte)")
            #expect(damage.first?.lost.lowerBound == UInt64(block * 100 + 1), "byte \(byte)")
            #expect(records.count == 900)
            world.disk.rot(Self.segment, byte: byte, mask: mask)
        }
        #expect(try world.readAll().damage.isEmpty)
    }

    @Test func `a lost write and a block that went missing are found`() throws {
        let world = try Self.world()
        let whole = world.disk.contents(Self.segment)
        var bytes = whole
        bytes.replaceSubrange(
            Self.offset(3)..<Self.offset(4), with: repeatElement(0, count: Self.blockBytes))
        world.disk.replace(Self.segment, with: bytes)
        var damage = try world.readAll().damage
        #expect(damage.count == 1 && damage[0].reason == .blockMissing)
        #expect(damage[0].lost == 301..<401 && damage[0].wasDurable)
        // Blocks 4 ... moved forward over block 3: each is valid, the chain is not.
        bytes = whole
        bytes.removeSubrange(Self.offset(3)..<Self.offset(4))
        bytes.append(contentsOf: repeatElement(0, count: Self.blockBytes))
        world.disk.replace(Self.segment, with: bytes)
        damage = try world.readAll().damage
        #expect(damage.count == 1 && damage[0].reason == .chainBroken)
        #expect(damage[0].lost == 301..<401)
    }

    @Test func `a torn tail is cut without an alarm, and its bytes are counted`() throws {
        var world = try Self.world()
        let segment = world.disk.contents(Self.segment)
        var torn = segment
        // A block of the next commit of which only the first sector arrived.
        torn.replaceSubrange(
            Self.offset(10)..<(Self.offset(10) + 512),
            with: segment[Self.offset(9)..<(Self.offset(9) + 512)])
        world.disk.replace(Self.segment, with: torn)
        try world.reopen(losingPower: false)
        #expect(world.open.report.damage.isEmpty)
        #expect(
            (400...512).contains(world.open.report.tornBytes) && world.open.report.nextN == 1_001)
        world.append(readings: 100)
        world.commit()
        let (records, damage) = try world.readAll()
        #expect(damage.isEmpty && records.map(\.n) == Array(1...1_100))
    }

    @Test func `blocks below a watermark that are gone at the end are damage`() throws {
        var world = try Self.world()
        var bytes = world.disk.contents(Self.segment)
        bytes.replaceSubrange(
            Self.offset(7)..., with: repeatElement(0, count: bytes.count - Self.offset(7)))
        world.append(readings: 2_000)
        world.commitAll()
        #expect(world.open.committer.segmentNumber == 2)
        world.disk.replace(Self.segment, with: bytes)
        let (records, damage) = try world.readAll()
        #expect(damage.count == 1 && damage[0].lost.lowerBound == 701)
        #expect(damage[0].wasDurable && damage[0].reason == .blockMissing)
        #expect(records.last?.n == world.nextN - 1)
    }

    @Test func `a segment whose header is rotten is read all the same`() throws {
        var world = try JournalWorld()
        for _ in 0..<40 {
            world.append(readings: 100)
            world.commit()
        }
        #expect((world.open.committer.segmentNumber ?? 0) >= 3)
        world.disk.rot("/journal/0000000002.segment", byte: 60)
        let (records, damage) = try world.readAll()
        #expect(damage.map(\.reason) == [.segmentHeader], "\(damage)")
        #expect(damage.first?.segment == 2)
        #expect(records.map(\.n) == Array(1...4_000))
        try world.reopen(losingPower: true)
        #expect(world.open.report.nextN == 4_001)
    }

    @Test func `a segment that is gone is named by what it held`() throws {
        var world = try JournalWorld()
        for _ in 0..<40 {
            world.append(readings: 100)
            world.commit()
        }
        world.disk.replace("/journal/0000000002.segment", with: nil)
        let (records, damage) = try world.readAll()
        #expect(damage.count == 1 && damage[0].wasDurable)
        let lost = damage[0].lost
        #expect(records.map(\.n) == Array(1..<lost.lowerBound) + Array(lost.upperBound...4_000))
    }

    @Test func `an identity that is lost comes back from the segments, or stops the start`() throws
    {
        var world = try Self.world()
        let journal = world.open.report.journal
        world.disk.kill()
        world.disk.rot("/journal/identity", byte: 20)
        world = try JournalWorld(disk: world.disk)
        #expect(world.open.report.journal == journal, "one of two copies is enough")
        world.disk.kill()
        world.disk.replace("/journal/identity", with: nil)
        world = try JournalWorld(disk: world.disk)
        #expect(world.open.report.journal == journal)
        world.disk.kill()
        world.disk.replace("/journal/identity", with: nil)
        world.disk.replace(Self.segment, with: nil)
        #expect(throws: JournalError.identityDamaged) { try JournalWorld(disk: world.disk) }
    }

    @Test func `a reader refuses a position that is too old or from another run`() throws {
        let world = try Self.world()
        #expect(throws: JournalError.self) {
            try JournalReader(
                directory: JournalWorld.directory, from: Position(epoch: 99, n: 5),
                disk: world.disk)
        }
        let oldest = try JournalReader.oldest(directory: JournalWorld.directory, disk: world.disk)
        #expect(oldest == Position(epoch: world.open.report.epoch, n: 1))
        let reader = try JournalReader(
            directory: JournalWorld.directory, from: Position(epoch: 0, n: 950), disk: world.disk)
        let (batch, slots) = try reader.read(max: 10, through: 955)
        #expect(batch.firstN == 950 && batch.count == 5 && slots.count == 5)
        #expect(reader.position == Position(epoch: world.open.report.epoch, n: 955))
        #expect(try reader.read(max: 10, through: 955).batch.count == 0)
    }
}
