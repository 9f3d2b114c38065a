// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

/// Constants of the files in a journal's folder (`Format.md` gives every byte).
package enum JournalFormat {
    /// Version in every header. A reader refuses one it does not know.
    package static let version: UInt32 = 1
    /// Blocks and headers begin on multiples of this.
    package static let blockAlignment = 4_096
    /// Bytes of a block's header.
    package static let blockHeaderBytes = 64
    /// Records that one block holds at most: 64 KiB with the header.
    package static let blockRecordsMax = 1_023
    /// Bytes of the largest block.
    package static let blockBytesMax = 65_536
    /// Number of the first record of a journal. 0 stays free, so that a cursor of zero means
    /// "before every record" whichever way it is read.
    package static let firstNumber: UInt64 = 1

    static let blockMagic: UInt32 = 0x424A_574D  // "MWJB"
    static let segmentMagic: UInt32 = 0x534A_574D  // "MWJS"
    static let identityMagic: UInt32 = 0x494A_574D  // "MWJI"
    static let epochMagic: UInt32 = 0x454A_574D  // "MWJE"
    static let registryMagic: UInt32 = 0x524A_574D  // "MWJR"
    static let linksMagic: UInt32 = 0x4C4A_574D  // "MWJL"

    /// Bytes on disk of a block with `count` records.
    static func blockBytes(recordCount count: Int) -> Int {
        let bytes = self.blockHeaderBytes + count * Slot.byteCount
        return (bytes + self.blockAlignment - 1) / self.blockAlignment * self.blockAlignment
    }
}

/// Names in a journal's folder.
struct JournalFolder: Sendable {
    let path: String

    static let segmentSuffix = ".segment"
    static let numberDigits = 10

    var identity: String { self.path + "/identity" }
    var epoch: String { self.path + "/epoch" }
    var registry: String { self.path + "/registry" }
    var registryBefore: String { self.path + "/registry.before" }
    var registryNew: String { self.path + "/registry.preparing" }
    var damaged: String { self.path + "/damaged" }
    var spare: String { self.path + "/spare.ready" }
    var spareNew: String { self.path + "/spare.preparing" }
    func links(_ slot: Int) -> String { self.path + "/links.\(slot)" }

    func segment(_ number: UInt32) -> String {
        self.path + "/" + Self.padded(number, Self.numberDigits) + Self.segmentSuffix
    }

    /// The number in a segment's name; nil for every other name.
    static func segmentNumber(_ name: String) -> UInt32? {
        self.number(in: name, digits: self.numberDigits, suffix: self.segmentSuffix)
    }

    static func number(in name: String, digits: Int, suffix: String) -> UInt32? {
        guard name.utf8.count == digits + suffix.utf8.count, name.hasSuffix(suffix) else {
            return nil
        }
        let text = name.utf8.prefix(digits)
        guard text.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }) else {
            return nil
        }
        return UInt32(String(decoding: text, as: UTF8.self))
    }

    static func padded(_ number: UInt32, _ digits: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
    }
}

/// 16 random bytes that name one segment: a block that carries others is not of this segment.
struct SegmentUUID: Equatable, Sendable, BitwiseCopyable {
    var low: UInt64
    var high: UInt64

    init(low: UInt64, high: UInt64) {
        self.low = low
        self.high = high
    }

    init(_ bytes: [16 of UInt8]) {
        self.init(low: 0, high: 0)
        for index in 0..<8 {
            self.low |= UInt64(bytes[index]) << (8 * UInt64(index))
            self.high |= UInt64(bytes[index + 8]) << (8 * UInt64(index))
        }
    }
}

/// The first 4 KiB of a segment.
struct SegmentHeader: Equatable, Sendable {
    static let byteCount = JournalFormat.blockAlignment

    var journal: JournalID
    var uuid: SegmentUUID
    var number: UInt32
    var epoch: UInt32
    /// Number of the first record that may stand in this segment. Records with this or a later
    /// number in an older segment are void: they were not durable when this segment began.
    var firstN: UInt64
    /// Every number below is durable in older segments, or was not recorded. Equal to `firstN`
    /// except when records right before this segment were skipped (`JournalStaging`).
    var previousThrough: UInt64
    var segmentBytes: UInt64
    /// Engine time reached before this segment.
    var highestArrival: MonotonicInstant
    /// Checksum of the last block before this segment, 0 if there is none.
    var previousChecksum: UInt32
    var sensors: RegistryDigest
    var sources: RegistryDigest
    /// Registrations that ended below this number are in the registry that the digests are of.
    var registryThrough: UInt64

    var encoded: [UInt8] {
        var record = FixedRecord(byteCount: Self.byteCount, magic: JournalFormat.segmentMagic)
        record.put(JournalFormat.version, at: 8)
        record.put(self.epoch, at: 12)
        record.put(self.journal.high, at: 16)
        record.put(self.journal.low, at: 24)
        record.put(self.uuid.low, at: 32)
        record.put(self.uuid.high, at: 40)
        record.put(self.number, at: 48)
        record.put(self.previousChecksum, at: 52)
        record.put(self.firstN, at: 56)
        record.put(self.previousThrough, at: 64)
        record.put(self.segmentBytes, at: 72)
        record.put(self.highestArrival.nanoseconds, at: 80)
        self.sensors.put(in: &record, at: 88)
        self.sources.put(in: &record, at: 136)
        record.put(self.registryThrough, at: 184)
        return record.sealed
    }

    /// CRC-32C of the header: what the first block names as the checksum of the block before it.
    var checksum: UInt32 {
        FixedRecord(
            checking: self.encoded, byteCount: Self.byteCount, magic: JournalFormat.segmentMagic
        )?.u32(4) ?? 0
    }

    enum Reading: Equatable { case header(SegmentHeader), damaged, unknownVersion(UInt32) }

    static func decode(_ bytes: [UInt8]?) -> Reading {
        guard
            let record = FixedRecord(
                checking: bytes, byteCount: self.byteCount, magic: JournalFormat.segmentMagic)
        else { return .damaged }
        guard record.u32(8) == JournalFormat.version else { return .unknownVersion(record.u32(8)) }
        return .header(
            SegmentHeader(
                journal: JournalID(high: record.u64(16), low: record.u64(24)),
                uuid: SegmentUUID(low: record.u64(32), high: record.u64(40)),
                number: record.u32(48), epoch: record.u32(12), firstN: record.u64(56),
                previousThrough: record.u64(64), segmentBytes: record.u64(72),
                highestArrival: MonotonicInstant(nanoseconds: record.u64(80)),
                previousChecksum: record.u32(52),
                sensors: RegistryDigest(from: record, at: 88),
                sources: RegistryDigest(from: record, at: 136),
                registryThrough: record.u64(184)))
    }
}

/// The 64 bytes in front of a block's records.
struct BlockHeader: Equatable, Sendable, BitwiseCopyable {
    /// CRC-32C of bytes 8 ..< 64 + 64 × count of the block.
    var checksum: UInt32
    var uuid: SegmentUUID
    var epoch: UInt32
    /// 1 ... `JournalFormat.blockRecordsMax`.
    var recordCount: Int
    var firstN: UInt64
    /// Checksum of the block before it in the segment; of the segment header for the first block.
    var previousChecksum: UInt32
    /// 0 for the first block of the segment.
    var index: UInt32
    /// Every number below was durable, or not recorded, when this block was formed.
    var committedThrough: UInt64
    /// The latest arrival in this and every earlier record: engine time.
    var highestArrival: MonotonicInstant

    var endN: UInt64 { self.firstN &+ UInt64(self.recordCount) }
    var byteCount: Int { JournalFormat.blockBytes(recordCount: self.recordCount) }

    /// Writes the header at `block` and returns the checksum; the records must stand behind it.
    @discardableResult
    func seal(_ block: UnsafeMutableRawPointer) -> UInt32 {
        precondition(
            self.recordCount > 0 && self.recordCount <= JournalFormat.blockRecordsMax,
            "block record count")
        unsafe Self.store(JournalFormat.blockMagic, block, 0)
        unsafe Self.store(self.uuid.low, block, 8)
        unsafe Self.store(self.uuid.high, block, 16)
        unsafe Self.store(self.epoch, block, 24)
        unsafe Self.store(UInt32(self.recordCount), block, 28)
        unsafe Self.store(self.firstN, block, 32)
        unsafe Self.store(self.previousChecksum, block, 40)
        unsafe Self.store(self.index, block, 44)
        unsafe Self.store(self.committedThrough, block, 48)
        unsafe Self.store(self.highestArrival.nanoseconds, block, 56)
        let sum = unsafe Self.sum(of: UnsafeRawPointer(block), recordCount: self.recordCount)
        unsafe Self.store(sum, block, 4)
        return sum
    }

    /// What stands at a block boundary.
    enum Reading { case block(BlockHeader), zeros, invalid }

    /// Judges the bytes at a block boundary.
    ///
    /// - Parameter bytes: From the boundary on; a block that does not fit in them is invalid.
    static func decode(_ bytes: UnsafeRawBufferPointer) -> Reading {
        guard bytes.count >= JournalFormat.blockHeaderBytes, let base = bytes.baseAddress else {
            return .invalid
        }
        let magic: UInt32 = unsafe self.load(base, 0)
        let count: UInt32 = unsafe self.load(base, 28)
        guard magic == JournalFormat.blockMagic else {
            let header = unsafe UnsafeRawBufferPointer(
                rebasing: bytes[..<JournalFormat.blockHeaderBytes])
            return unsafe header.allSatisfy { $0 == 0 } ? .zeros : .invalid
        }
        let size = JournalFormat.blockHeaderBytes + Int(count) * Slot.byteCount
        guard count > 0, count <= JournalFormat.blockRecordsMax, size <= bytes.count else {
            return .invalid
        }
        let checksum: UInt32 = unsafe self.load(base, 4)
        guard unsafe checksum == self.sum(of: base, recordCount: Int(count)) else {
            return .invalid
        }
        return unsafe .block(
            BlockHeader(
                checksum: checksum,
                uuid: SegmentUUID(low: self.load(base, 8), high: self.load(base, 16)),
                epoch: self.load(base, 24), recordCount: Int(count), firstN: self.load(base, 32),
                previousChecksum: self.load(base, 40), index: self.load(base, 44),
                committedThrough: self.load(base, 48),
                highestArrival: MonotonicInstant(nanoseconds: self.load(base, 56))))
    }

    private static func sum(of block: UnsafeRawPointer, recordCount: Int) -> UInt32 {
        unsafe Checksum.crc32c(
            UnsafeRawBufferPointer(
                start: block + 8,
                count: JournalFormat.blockHeaderBytes - 8 + recordCount * Slot.byteCount))
    }

    private static func store<Value: FixedWidthInteger & BitwiseCopyable>(
        _ value: Value, _ base: UnsafeMutableRawPointer, _ offset: Int
    ) {
        unsafe base.storeBytes(of: value.littleEndian, toByteOffset: offset, as: Value.self)
    }

    private static func load<Value: FixedWidthInteger & BitwiseCopyable>(
        _ base: UnsafeRawPointer, _ offset: Int
    ) -> Value {
        Value(littleEndian: unsafe base.loadUnaligned(fromByteOffset: offset, as: Value.self))
    }
}
