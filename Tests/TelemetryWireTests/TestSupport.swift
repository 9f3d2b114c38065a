// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import TelemetryWire

/// The bytes of `text`.
func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// The bytes that a hexadecimal text spells; spaces are for people.
func hex(_ text: String) -> [UInt8] {
    let digits = text.filter { !$0.isWhitespace }
    precondition(digits.utf8.count.isMultiple(of: 2), "half a byte in \(text)")
    return stride(from: 0, to: digits.utf8.count, by: 2).map { offset in
        let start = digits.index(digits.startIndex, offsetBy: offset)
        guard let byte = UInt8(digits[start...].prefix(2), radix: 16) else {
            preconditionFailure("not hexadecimal: \(text)")
        }
        return byte
    }
}

/// The bytes as hexadecimal text, the way vectors are written.
func hex(_ bytes: [UInt8]) -> String { HexDigits.text(bytes) }

extension WireBuffer {
    /// The bytes as hexadecimal text.
    borrowing func hexText() -> String { hex(self.array()) }
}

/// What is in `range` of `bytes`, as text.
func text(_ bytes: [UInt8], _ range: ByteRange) -> String {
    String(decoding: bytes[range.range], as: UTF8.self)
}

/// Numbers whose seed makes the test.
struct SeededGenerator: RandomNumberGenerator {
    private var numbers: SplitMix64

    init(seed: UInt64) { self.numbers = SplitMix64(seed: seed) }

    mutating func next() -> UInt64 { self.numbers.next() }

    mutating func below(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &self) }

    /// One of `choices`.
    mutating func pick<Element>(_ choices: [Element]) -> Element {
        choices[self.below(choices.count)]
    }
}
