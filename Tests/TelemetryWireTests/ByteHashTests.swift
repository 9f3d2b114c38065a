// SPDX-License-Identifier: Apache-2.0

import TelemetryWire
import Testing

@Suite struct ByteHashTests {
    /// The published vectors of wyhash, final version 4: text n is hashed with seed n.
    @Test(
        arguments: [
            ("", 0, 0x9322_8A4D_E0EE_C5A2), ("a", 1, 0xC5BA_C3DB_1787_13C4),
            ("abc", 2, 0xA97F_2F7B_1D9B_3314), ("message digest", 3, 0x786D_1F1D_F380_1DF4),
            ("abcdefghijklmnopqrstuvwxyz", 4, 0xDCA5_A813_8AD3_7C87),
            (
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 5,
                0xB9E7_34F1_17CF_AF70
            ),
            (String(repeating: "1234567890", count: 8), 6, 0x6CC5_EAB4_9A92_D617),
        ] as [(String, UInt64, UInt64)])
    func `the hash is wyhash and never changes`(text: String, seed: UInt64, expected: UInt64) {
        #expect(ByteHash.hash(text.utf8.span, seed: seed) == expected)
    }

    @Test func `a range hashes as its own bytes do`() {
        var generator = SeededGenerator(seed: 11)
        let bytes = (0..<300).map { _ in UInt8.random(in: 0...255, using: &generator) }
        for count in 0...130 {
            let start = generator.below(bytes.count - count)
            let alone = Array(bytes[start..<start + count])
            #expect(
                ByteHash.hash(bytes.span, in: ByteRange(start, start + count), seed: 5)
                    == ByteHash.hash(alone.span, seed: 5))
        }
    }

    @Test func `every length up to 200 and every flipped bit gives another hash`() {
        var seen: Set<UInt64> = []
        var bytes = [UInt8](repeating: 0x41, count: 200)
        for count in 0...200 {
            let inserted = seen.insert(
                ByteHash.hash(bytes.span, in: ByteRange(0, count))
            ).inserted
            #expect(inserted)
        }
        for bit in 0..<200 * 8 {
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(seen.insert(ByteHash.hash(bytes.span)).inserted)
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        }
    }
}
