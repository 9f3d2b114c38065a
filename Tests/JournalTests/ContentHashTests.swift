// SPDX-License-Identifier: Apache-2.0

import Journal
import MidwatchModel
import Testing

@Suite struct ContentHashTests {
    @Test func `SHA-256 of abc is the published vector`() {
        let hash = ContentHash.sha256(Array("abc".utf8)[...])
        #expect(
            HexDigits.text(hash)
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }
}
