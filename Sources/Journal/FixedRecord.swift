// SPDX-License-Identifier: Apache-2.0

internal import CLinux

/// A file record of fixed size with little-endian fields and a CRC-32C in bytes 4 ..< 8.
///
/// Identity, epoch, registry and segment headers and the ledger's head have this shape: a magic
/// word, the checksum of everything from byte 8 on, then the fields.
struct FixedRecord: Sendable {
    private(set) var bytes: [UInt8]

    /// Zeros with `magic` in front.
    init(byteCount: Int, magic: UInt32) {
        precondition(byteCount >= 8, "a record holds its magic word and its checksum")
        self.bytes = [UInt8](repeating: 0, count: byteCount)
        self.put(magic, at: 0)
    }

    /// The record in `bytes`, or nil if its magic word or its checksum is wrong.
    init?(checking bytes: [UInt8]?, byteCount: Int, magic: UInt32) {
        guard let bytes, bytes.count == byteCount else { return nil }
        self.bytes = bytes
        guard self.u32(0) == magic, self.u32(4) == self.checksum else { return nil }
    }

    /// The bytes with their checksum put in.
    var sealed: [UInt8] {
        var copy = self
        copy.put(self.checksum, at: 4)
        return copy.bytes
    }

    private var checksum: UInt32 {
        unsafe self.bytes.withUnsafeBytes { bytes in
            unsafe Checksum.crc32c(UnsafeRawBufferPointer(rebasing: bytes[8...]))
        }
    }

    mutating func put(_ value: some FixedWidthInteger & UnsignedInteger, at offset: Int) {
        for index in 0..<(value.bitWidth / 8) {
            self.bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * index))
        }
    }

    mutating func put(_ value: some Collection<UInt8>, at offset: Int) {
        self.bytes.replaceSubrange(offset..<(offset + value.count), with: value)
    }

    func u32(_ offset: Int) -> UInt32 { self.integer(offset) }

    func u64(_ offset: Int) -> UInt64 { self.integer(offset) }

    func slice(_ offset: Int, _ count: Int) -> [UInt8] {
        Array(self.bytes[offset..<(offset + count)])
    }

    private func integer<Value: FixedWidthInteger & UnsignedInteger>(_ offset: Int) -> Value {
        var value: Value = 0
        for index in 0..<(Value.bitWidth / 8) {
            value |= Value(self.bytes[offset + index]) << (8 * index)
        }
        return value
    }
}

/// CRC-32C.
enum Checksum {
    static func crc32c(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        unsafe clinux_crc32c(0, bytes.baseAddress, bytes.count)
    }
}

/// Bytes on a 4 KiB boundary that live as long as their owner.
///
/// `@unchecked Sendable`: the object that owns it decides who writes; the pointer never changes.
@safe
final class AlignedBuffer: @unchecked Sendable {
    let bytes: UnsafeMutableRawBufferPointer

    init(byteCount: Int) {
        precondition(byteCount > 0, "an empty buffer has no use")
        unsafe self.bytes = .allocate(
            byteCount: byteCount, alignment: JournalFormat.blockAlignment)
    }

    deinit { unsafe self.bytes.deallocate() }
}
