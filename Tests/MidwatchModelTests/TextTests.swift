// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

/// What stands in files and messages: the values are those of other programs.
@Suite struct TextTests {
    @Test func `hexadecimal text reads back and refuses what is not lower-case pairs`() {
        let bytes: [UInt8] = [0x00, 0x0F, 0xA5, 0xFF]
        #expect(HexDigits.text(bytes) == "000fa5ff")
        #expect(HexDigits.bytes("000fa5ff") == bytes)
        #expect(HexDigits.bytes("") == [])
        for bad in ["000FA5", "abc", "zz", "0g", "\u{FF10}0", " 0", "0x00"] {
            #expect(HexDigits.bytes(bad) == nil, "\(bad)")
        }
        for byte in UInt8.min...UInt8.max {
            #expect(HexDigits.bytes(HexDigits.text(CollectionOfOne(byte))) == [byte])
        }
    }

    @Test func `a number has all its digits`() {
        #expect(HexDigits.text(of: UInt64(0)) == "0000000000000000")
        #expect(HexDigits.text(of: UInt64(0x0A_BCDE)) == "00000000000abcde")
        #expect(HexDigits.text(of: UInt64.max) == "ffffffffffffffff")
        #expect(HexDigits.text(of: UInt32(0x7_FF01)) == "0007ff01")
    }

    @Test func `base64 is the one of RFC 4648`() {
        let vectors = [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"),
        ]
        for (plain, encoded) in vectors {
            #expect(Base64Text.encode(Array(plain.utf8)) == encoded)
            #expect(Base64Text.decode(encoded[...]) == Array(plain.utf8))
        }
        #expect(Base64Text.encode([0xFB, 0xEF, 0xBE]) == "++++")
        #expect(Base64Text.decode("++//") == [0xFB, 0xEF, 0xFF])
    }

    @Test func `base64 comes back for every length, and has one text`() {
        for count in 0...70 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ count) }
            #expect(Base64Text.decode(Base64Text.encode(bytes)[...]) == bytes)
        }
        for bad in [
            "A", "AA", "AAA", "AA=A", "A===", "====", "AA\n=", "AB==", "AAB=", "Zg=", "Zg==Zg==",
            "Zm9v\n", "Zm9-", "Zm9_", "=AAA", "é==",
        ] {
            #expect(Base64Text.decode(bad[...]) == nil, "\(bad)")
        }
    }

    @Test func `a part of an address has nothing but unreserved characters and escapes`() {
        #expect(PercentText.encode("a/b ü:high?") == "a%2Fb%20%C3%BC%3Ahigh%3F")
        #expect(PercentText.encode("AZaz09-._~") == "AZaz09-._~")
        #expect(PercentText.encode("\u{0}\u{7F}") == "%00%7F")
    }
}
