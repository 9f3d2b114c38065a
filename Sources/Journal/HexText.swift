// SPDX-License-Identifier: Apache-2.0

internal import Crypto

/// Lower-case hexadecimal text of bytes, as the ledger writes its hashes.
package enum HexText {
    private static func digit(_ nibble: UInt8) -> UInt8 {
        nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10
    }

    /// Appends two digits for every byte of `bytes`.
    package static func append(_ bytes: some Sequence<UInt8>, to text: inout [UInt8]) {
        for byte in bytes {
            text.append(self.digit(byte >> 4))
            text.append(self.digit(byte & 15))
        }
    }

    /// The text of `bytes`.
    package static func encode(_ bytes: some Sequence<UInt8>) -> String {
        var text: [UInt8] = []
        self.append(bytes, to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes that `text` stands for; nil unless it is lower-case digits in pairs.
    package static func decode(_ text: some Sequence<UInt8>) -> [UInt8]? {
        var bytes: [UInt8] = []
        var high: UInt8?
        for character in text {
            let nibble: UInt8
            switch character {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): nibble = character - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): nibble = character - UInt8(ascii: "a") + 10
            default: return nil
            }
            if let first = high {
                bytes.append(first << 4 | nibble)
                high = nil
            } else {
                high = nibble
            }
        }
        return high == nil ? bytes : nil
    }
}

/// SHA-256 of bytes in memory: 32 bytes.
package enum ContentHash {
    /// Bytes of a hash.
    package static let byteCount = 32

    /// SHA-256 of `bytes`.
    package static func sha256(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        var hasher = SHA256()
        unsafe hasher.update(bufferPointer: bytes)
        return Array(hasher.finalize())
    }

    /// SHA-256 of `bytes`.
    package static func sha256(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        unsafe bytes.withUnsafeBytes { unsafe self.sha256($0) }
    }
}
