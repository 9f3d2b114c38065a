// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

@testable import Journal

/// The bytes of every record, against hashes that were computed from `Format.md` by other code.
@Suite struct FormatTests {
    static let uuid = SegmentUUID(low: 0x1122_3344_5566_7788, high: 0x99AA_BBCC_DDEE_FF00)

    static func block() -> [UInt8] {
        let buffer = AlignedBuffer(byteCount: 4_096)
        unsafe buffer.bytes.initializeMemory(as: UInt8.self, repeating: 0)
        for (index, value) in [1.5, 2.5].enumerated() {
            var slot = Slot(
                reading: value, of: SensorIndex(rawValue: 3), from: .own,
                arrival: MonotonicInstant(nanoseconds: UInt64(index + 1) * 1_000))
            slot.link = index == 0 ? Slot.noPrevious : 7
            unsafe buffer.bytes.storeBytes(
                of: slot, toByteOffset: 64 + index * Slot.byteCount, as: Slot.self)
        }
        let header = BlockHeader(
            checksum: 0, uuid: self.uuid, epoch: 5, recordCount: 2, firstN: 7,
            previousChecksum: 0xCAFE_BABE, index: 1, committedThrough: 6,
            highestArrival: MonotonicInstant(nanoseconds: 2_000))
        if let base = unsafe buffer.bytes.baseAddress { unsafe header.seal(base) }
        return unsafe Array(buffer.bytes)
    }

    static func record(_ head: Slot, _ text: String) -> ControlAssembler.Record? {
        var assembler = ControlAssembler()
        var record: ControlAssembler.Record?
        for slot in ControlRecord.slots(head: head, payload: Array(text.utf8)) {
            record = assembler.push(slot, n: 1)
        }
        return record
    }

    static func registry() throws -> JournalRegistry {
        var registry = JournalRegistry()
        for (index, path) in ["a/b", "c"].enumerated() {
            var head = Slot(kind: .registerSensor, arrival: .zero)
            head.sensor = SensorIndex(rawValue: UInt32(index))
            registry.register(try #require(self.record(head, path)))
        }
        let source = Slot(kind: .registerSource, arrival: .zero)
        registry.register(try #require(self.record(source, "own")))
        return registry
    }

    @Test func `a block has its frozen bytes`() {
        let bytes = Self.block()
        #expect(
            HexDigits.text(ContentHash.sha256(bytes[...]))
                == "baff4f1fa09ce2b3796bcb65829720011d95a10a345cb0072dbe789124055f81")
        guard
            case .block(let header) = unsafe bytes.withUnsafeBytes({ unsafe BlockHeader.decode($0) }
            )
        else {
            Issue.record("not a block")
            return
        }
        #expect(header.checksum == 0x64AE_22E9)
        #expect(header.firstN == 7 && header.endN == 9 && header.recordCount == 2)
        #expect(header.uuid == Self.uuid && header.epoch == 5 && header.index == 1)
        #expect(header.committedThrough == 6 && header.previousChecksum == 0xCAFE_BABE)
    }

    @Test func `every bit of a block's header and records is covered by its checksum`() {
        let bytes = Self.block()
        for place in 0..<(64 + 128) {
            for bit in 0..<8 {
                var changed = bytes
                changed[place] ^= 1 << UInt8(bit)
                let reading = unsafe changed.withUnsafeBytes { unsafe BlockHeader.decode($0) }
                if case .invalid = reading { continue }
                Issue.record("byte \(place) bit \(bit) is not covered")
            }
        }
    }

    @Test func `a block that does not fit in its bytes is invalid, and zeros are zeros`() {
        let bytes = Self.block()
        let short = unsafe bytes.withUnsafeBytes {
            unsafe BlockHeader.decode(UnsafeRawBufferPointer(rebasing: $0[..<128]))
        }
        if case .invalid = short {} else { Issue.record("a cut block passed") }
        let zeros = [UInt8](repeating: 0, count: 4_096)
        let empty = unsafe zeros.withUnsafeBytes { unsafe BlockHeader.decode($0) }
        if case .zeros = empty {} else { Issue.record("zeros are not zeros") }
    }

    @Test func `a segment header has its frozen bytes and reads back`() throws {
        let registry = try Self.registry()
        let header = SegmentHeader(
            journal: JournalID(high: 0x0102_0304_0506_0708, low: 0x090A_0B0C_0D0E_0F10),
            uuid: Self.uuid, number: 12, epoch: 5, firstN: 700, previousThrough: 650,
            segmentBytes: 64 << 20, highestArrival: MonotonicInstant(nanoseconds: 123_456),
            previousChecksum: 0xCAFE_BABE, sensors: registry.sensorDigest,
            sources: registry.sourceDigest, registryThrough: 600)
        let bytes = header.encoded
        #expect(header.checksum == 0xBA43_DD3F)
        #expect(
            HexDigits.text(ContentHash.sha256(bytes[...]))
                == "3a6e07d315c559f9bb366e98d70f6ad6dcaa62538703bbe66fe29ef901d9e1a6")
        #expect(SegmentHeader.decode(bytes) == .header(header))
        var other = FixedRecord(byteCount: 4_096, magic: JournalFormat.segmentMagic)
        other.put(UInt32(2), at: 8)
        #expect(SegmentHeader.decode(other.sealed) == .unknownVersion(2))
    }

    @Test func `a registry file has its frozen bytes and reads back`() throws {
        let registry = try Self.registry()
        let bytes = registry.file(through: 600)
        #expect(bytes.count == 4_113)
        #expect(
            HexDigits.text(ContentHash.sha256(bytes[...]))
                == "c1a1c319a8e12a8e6cef5e4bdca431836cb476e20d3e5a48946b50d3a286ce1b")
        let disk = SimulatedDisk(seed: 1)
        let file = try disk.open("/registry", .create)
        try file.write(bytes, at: 0)
        let read = try JournalRegistry.read(file)
        #expect(read?.1 == 600)
        #expect(read?.0.sensors == ["a/b", "c"])
        #expect(read?.0.sources == [RegisteredSource(name: "own", behind: .own)])
        for place in [10, 30, 80, 4_097, 4_110] {
            disk.rot("/registry", byte: place)
            #expect(try JournalRegistry.read(file) == nil, "byte \(place)")
            disk.rot("/registry", byte: place)
        }
    }

    @Test func `a lost registration keeps the indexes behind it`() throws {
        var registry = try Self.registry()
        var head = Slot(kind: .registerSensor, arrival: .zero)
        head.sensor = SensorIndex(rawValue: 4)
        registry.register(try #require(Self.record(head, "e")))
        #expect(registry.sensors == ["a/b", "c", "#lost-2", "#lost-3", "e"])
        #expect(registry.lostSensors.map(\.rawValue) == [2, 3])
        #expect(SensorID(JournalRegistry.lostPath(2)) == nil, "no sensor can have that path")
        head.sensor = SensorIndex(rawValue: UInt32.max)
        registry.register(try #require(Self.record(head, "f")))
        head.sensor = SensorIndex(rawValue: 0)
        registry.register(try #require(Self.record(head, "g")))
        #expect(registry.sensors.count == 5 && registry.sensors[0] == "a/b")
    }

    @Test func `an epoch is passed over when one of its two places is damaged`() throws {
        let disk = SimulatedDisk(seed: 1)
        var seen: [UInt32] = []
        for run in 0..<6 {
            let world = try JournalWorld(disk: disk)
            seen.append(world.open.report.epoch)
            disk.kill()
            if run == 3 { disk.rot("/journal/epoch", byte: 12 + (seen[3] % 2 == 0 ? 0 : 4_096)) }
        }
        #expect(seen == seen.sorted() && Set(seen).count == seen.count)
        #expect(seen[4] > seen[3])
    }
}
