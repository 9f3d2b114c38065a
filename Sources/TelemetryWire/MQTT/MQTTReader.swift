// SPDX-License-Identifier: Apache-2.0

/// Reads the fields of one packet in place, in order.
///
/// Every read checks the end first; what is short throws `truncated`, or the fault given.
struct MQTTReader: BitwiseCopyable {
    private(set) var position: Int
    let end: Int
    /// What a field that is cut off means here.
    var shortFault = MQTTFault.truncated

    init(_ range: ByteRange) {
        self.position = range.lowerBound
        self.end = range.upperBound
    }

    var left: Int { self.end &- self.position }
    var isAtEnd: Bool { self.position == self.end }

    mutating func byte(_ bytes: borrowing Span<UInt8>) throws(MQTTFault) -> UInt8 {
        guard self.left >= 1 else { throw self.shortFault }
        defer { self.position &+= 1 }
        return bytes[self.position]
    }

    /// Passes over one byte if it is 0.
    mutating func skipZero(_ bytes: borrowing Span<UInt8>) -> Bool {
        guard self.left >= 1, bytes[self.position] == 0 else { return false }
        self.position &+= 1
        return true
    }

    mutating func number16(_ bytes: borrowing Span<UInt8>) throws(MQTTFault) -> UInt16 {
        guard self.left >= 2 else { throw self.shortFault }
        defer { self.position &+= 2 }
        return UInt16(bytes[self.position]) << 8 | UInt16(bytes[self.position &+ 1])
    }

    mutating func number32(_ bytes: borrowing Span<UInt8>) throws(MQTTFault) -> UInt32 {
        guard self.left >= 4 else { throw self.shortFault }
        let high = try self.number16(bytes)
        let low = try self.number16(bytes)
        return UInt32(high) << 16 | UInt32(low)
    }

    /// A variable byte integer in its shortest form [MQTT-1.5.5-1].
    mutating func variable(_ bytes: borrowing Span<UInt8>) throws(MQTTFault) -> UInt32 {
        var value: UInt32 = 0
        for index in 0..<4 {
            let byte = try self.byte(bytes)
            value |= UInt32(byte & 0x7F) << UInt32(7 * index)
            if byte & 0x80 == 0 {
                if byte == 0, index > 0 { throw .malformedLength }
                return value
            }
        }
        throw .malformedLength
    }

    /// Two bytes of length and that many bytes.
    mutating func binary(_ bytes: borrowing Span<UInt8>) throws(MQTTFault) -> ByteRange {
        let count = Int(try self.number16(bytes))
        guard self.left >= count else { throw self.shortFault }
        defer { self.position &+= count }
        return ByteRange(self.position, self.position &+ count)
    }

    /// A string; `fault` is thrown if it is not text.
    mutating func text(
        _ bytes: borrowing Span<UInt8>, else fault: MQTTFault = .malformedText
    ) throws(MQTTFault) -> ByteRange {
        let range = try self.binary(bytes)
        guard MQTTText.isValid(bytes, range) else { throw fault }
        return range
    }

    /// The next `count` bytes.
    mutating func take(_ count: Int) throws(MQTTFault) -> ByteRange {
        guard count >= 0, self.left >= count else { throw self.shortFault }
        defer { self.position &+= count }
        return ByteRange(self.position, self.position &+ count)
    }

    /// Everything up to the end.
    mutating func rest() -> ByteRange {
        defer { self.position = self.end }
        return ByteRange(self.position, self.end)
    }
}
