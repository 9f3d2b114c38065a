// SPDX-License-Identifier: Apache-2.0

/// Lower-case hexadecimal text of bytes and numbers: hashes, ids, escapes.
@usableFromInline
package enum HexDigits {
    /// The digit of the lower half of `byte`.
    @inlinable
    package static func digit(_ byte: UInt8) -> UInt8 {
        let value = byte & 15
        return value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }

    /// Appends two digits for every byte of `bytes`.
    @inlinable
    package static func append(_ bytes: some Sequence<UInt8>, to text: inout [UInt8]) {
        for byte in bytes {
            text.append(self.digit(byte >> 4))
            text.append(self.digit(byte))
        }
    }

    /// Two digits for every byte of `bytes`.
    @inlinable
    package static func text(_ bytes: some Sequence<UInt8>) -> String {
        var text: [UInt8] = []
        self.append(bytes, to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    /// All digits of `number`, with the zeros in front: sixteen for 64 bits.
    @inlinable
    package static func text(of number: some FixedWidthInteger & UnsignedInteger) -> String {
        let shifts = stride(from: number.bitWidth - 4, through: 0, by: -4)
        let text = shifts.map { self.digit(UInt8(truncatingIfNeeded: number >> $0)) }
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes that `text` stands for; nil unless it is lower-case digits in pairs.
    package static func bytes(_ text: String) -> [UInt8]? { self.bytes(text.utf8) }

    /// The bytes that `text` stands for; nil unless it is lower-case digits in pairs.
    ///
    /// Capital letters are refused: bytes have one text, and what hashes it sees no other.
    @inlinable
    package static func bytes(_ text: some Sequence<UInt8>) -> [UInt8]? {
        var bytes: [UInt8] = []
        var high: UInt8?
        for character in text {
            let value: UInt8
            switch character {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = character - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = character - UInt8(ascii: "a") + 10
            default: return nil
            }
            if let first = high {
                bytes.append(first << 4 | value)
                high = nil
            } else {
                high = value
            }
        }
        return high == nil ? bytes : nil
    }
}
