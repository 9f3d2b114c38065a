// SPDX-License-Identifier: Apache-2.0

import MidwatchConfiguration
import MidwatchModel
import Testing

/// A seed gives the same mutations everywhere.
private struct Mutator: RandomNumberGenerator {
    private var numbers: SplitMix64

    init(seed: UInt64) { self.numbers = SplitMix64(seed: seed) }

    mutating func next() -> UInt64 { self.numbers.next() }

    /// One to eight edits: flipped, removed, repeated or swapped bytes, cut ends, odd words.
    mutating func mutate(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...8, using: &self) {
            let at = Int.random(in: 0..<max(1, bytes.count), using: &self)
            let length = min(bytes.count - at, Int.random(in: 1...40, using: &self))
            guard at < bytes.count else { continue }
            switch UInt8.random(in: 0..<7, using: &self) {
            case 0: bytes[at] = UInt8.random(in: 0...255, using: &self)
            case 1: bytes.removeSubrange(at..<(at + length))
            case 2: bytes.insert(contentsOf: Array(bytes[at..<(at + length)]), at: at)
            case 3: bytes.swapAt(at, Int.random(in: 0..<bytes.count, using: &self))
            case 4: bytes.removeLast(min(length, bytes.count))
            case 5: bytes.insert(contentsOf: self.word(), at: at)
            default: bytes[at] = self.word().first ?? 0
            }
        }
        return bytes
    }

    private mutating func word() -> [UInt8] {
        let words = [
            "[", "{", "}", "]", ": ", "- ", "\n", "\t", "\"", "'", "|", ">", "&a ", "*a", "!!x ",
            "99999999999999999999d", "-1", "0", "{}", "[]", "~", "\u{FEFF}", "\0", "1e999", "{9}",
        ]
        return Array(words[Int.random(in: 0..<words.count, using: &self)].utf8)
    }
}

@Suite struct MutationTests {
    @Test(arguments: [UInt64(1), 2, 3, 4])
    func `no mutation of the example traps, and each ends in values or errors`(
        seed: UInt64
    ) throws {
        let example = Array(try Fixture.exampleEverythingOn().utf8)
        var mutator = Mutator(seed: seed)
        var refused = 0
        for _ in 0..<250 {
            let text = mutator.mutate(example)
            let result = MidwatchConfiguration.parse(bytes: text, fileName: "m.yaml")
            #expect((result.configuration == nil) == !result.errors.isEmpty)
            #expect(result.errors.count <= ConfigurationLimits.errorCountMax)
            #expect(result.report.allSatisfy { !$0.contains("\n") })
            refused += result.errors.isEmpty ? 0 : 1
        }
        // Most edits must be noticed; those that hit comments and free text need not be.
        #expect(refused > 50)
    }

    @Test func `deep nesting is refused without using the stack`() {
        let text = "a: " + String(repeating: "[", count: 20_000)
        let result = MidwatchConfiguration.parse(text: text, fileName: "m.yaml")
        #expect(result.errors.first?.message == "nested deeper than 16 levels")
    }

    @Test func `ten thousand sensors are read and checked`() {
        var text = "node: {name: a}\nsensors:\n"
        for index in 0..<10_000 {
            text += "  - {path: s/\(index), supervision: periodic, deadline: 5s, "
            text += "limits: {high: {setpoint: \(index)}}}\n"
        }
        let result = MidwatchConfiguration.parse(text: text, fileName: "m.yaml")
        #expect(result.errors == [])
        #expect(result.configuration?.sensors.count == 10_000)
        #expect(result.configuration?.sensorBook.declaration(for: "s/77")?.high?.setpoint == 77)
    }
}
