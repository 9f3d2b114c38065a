// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import TelemetryWire
import Testing

/// The value of `text` by way of a plain payload; nil if it is refused.
private func decoded(_ text: String) -> Double? {
    var decoder = PayloadDecoder()
    var readings = DecodedReadingBuffer(capacity: 1)
    guard (try? decoder.decodePlain(bytes(text).span, into: &readings)) != nil else {
        return nil
    }
    let reading = readings[0]
    return reading.valueKind == .int64
        ? Double(Int64(bitPattern: reading.valueBits)) : Double(bitPattern: reading.valueBits)
}

@Suite struct DecimalNumberTests {
    @Test(arguments: [
        "0", "-0", "1", "0.1", "0.30000000000000004", "1e22", "1e23", "123456789012345678",
        "9007199254740993", "9007199254740992.5", "9007199254740993.0", "9007199254740995e0",
        "18446744073709551615.0", "18446744073709551616.0", "1.7976931348623157e308",
        "4.9406564584124654e-324", "2.4703282292062327e-324", "2.4703282292062328e-324",
        "2.2250738585072011e-308", "0.000001", "1e-19", "1e-20", "1e19", "1e20", "12345e-19",
        "9999999999999999999e-19", "9999999999999999999e19", "00000000000000000000000001.5",
        "0.00000000000000000000000000015", "6.02214076e23", "1e-400", "0e999999999",
        "123456789.123456789123456789", "7205759403792793.5", "5e-1",
    ])
    func `hard numbers are rounded as the standard library rounds them`(text: String) throws {
        let value = try #require(decoded(text))
        #expect(value.bitPattern == Double(text)?.bitPattern, "\(text) gave \(value)")
    }

    @Test func `a hundred thousand random numbers equal those of the standard library`() {
        var generator = SeededGenerator(seed: 2_026)
        var failures: [String] = []
        for _ in 0..<100_000 {
            let text = Self.randomNumber(&generator)
            guard let expected = Double(text), expected.isFinite else {
                if decoded(text) != nil { failures.append(text) }
                continue
            }
            // Whole numbers above 2^53 stay integers and are compared as doubles.
            if decoded(text)?.bitPattern != expected.bitPattern, decoded(text) != expected {
                failures.append(text)
            }
        }
        #expect(failures.prefix(5) == [])
    }

    @Test func `the shortest text of a random double reads back as that double`() {
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<50_000 {
            let value = Double(bitPattern: generator.next())
            guard value.isFinite else { continue }
            #expect(decoded("\(value)") == value)
            let near =
                Double(Int64.random(in: -1_000_000_000...1_000_000_000, using: &generator))
                / 1_024
            #expect(decoded("\(near)") == near)
        }
    }

    @Test(arguments: ["", ".", "-", "+", "e5", "1e", "1e+", "--1", "1.2.3", "0x1p3", "1_0", "١"])
    func `what is no number is refused`(text: String) {
        #expect(decoded(text) == nil)
    }

    private static func randomNumber(_ generator: inout SeededGenerator) -> String {
        func digits(_ count: Int) -> String {
            String((0..<count).map { _ in generator.pick(Array("0123456789")) })
        }
        var text = generator.pick(["", "", "-", "+"])
        let whole = generator.pick([1, 1, 2, 3, 5, 9, 16, 18, 19, 20, 25])
        text += digits(whole)
        if generator.below(3) > 0 { text += "." + digits(generator.pick([0, 1, 2, 3, 7, 15, 18])) }
        if generator.below(3) == 0 {
            text += generator.pick(["e", "E"]) + generator.pick(["", "-", "+"])
            text += digits(generator.pick([1, 1, 2, 2, 3]))
        }
        return text
    }
}
