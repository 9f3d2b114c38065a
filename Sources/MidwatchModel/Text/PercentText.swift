// SPDX-License-Identifier: Apache-2.0

/// Text as a part of a URI: all but the unreserved characters stand as `%HH` (RFC 3986, 2.1).
package enum PercentText {
    package static func encode(_ text: String) -> String {
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: "_"), UInt8(ascii: "~"):
                bytes.append(byte)
            default:
                bytes += [UInt8(ascii: "%"), self.capital(byte >> 4), self.capital(byte)]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Digits of escapes are capitals (RFC 3986, 2.1).
    private static func capital(_ byte: UInt8) -> UInt8 {
        let digit = HexDigits.digit(byte)
        return digit >= UInt8(ascii: "a") ? digit - 0x20 : digit
    }
}
