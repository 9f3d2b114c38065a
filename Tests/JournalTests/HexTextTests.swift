// SPDX-License-Identifier: Apache-2.0

import Journal
import Testing

@Suite struct HexTextTests {
    @Test func `hexadecimal text reads back and refuses what is not lower-case pairs`() {
        let bytes: [UInt8] = [0x00, 0x0F, 0xA5, 0xFF]
        #expect(HexText.encode(bytes) == "000fa5ff")
        #expect(HexText.decode("000fa5ff".utf8) == bytes)
        #expect(HexText.decode("000FA5".utf8) == nil)
        #expect(HexText.decode("abc".utf8) == nil)
        #expect(HexText.decode("zz".utf8) == nil)
    }

    @Test func `SHA-256 of abc is the published vector`() {
        let hash = ContentHash.sha256(Array("abc".utf8)[...])
        #expect(
            HexText.encode(hash)
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }
}
