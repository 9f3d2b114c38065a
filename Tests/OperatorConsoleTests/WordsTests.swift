// SPDX-License-Identifier: Apache-2.0

import OperatorConsole
import Testing

@Suite struct WordsTests {
    @Test func `one is one, all else is several`() {
        #expect(
            [0, 1, 2].map { Words.counted($0, "attempt") } == [
                "0 attempts", "1 attempt", "2 attempts",
            ])
    }

    @Test func `names of the daemon are words, and short latencies keep two digits`() {
        #expect(Words.spaced("endpointDisabled") == "endpoint disabled")
        #expect(Words.spaced("gone") == "gone")
        let times: [(UInt64, String)] = [
            (840, "840ns"), (999_700, "1.0ms"), (12_400, "12us"), (3_240_000, "3.2ms"),
            (361_260_000, "361ms"), (9_960_000_000, "10s"), (1_500_000_000, "1.5s"),
        ]
        for (nanoseconds, text) in times {
            #expect(Words.shortLatency(nanoseconds: nanoseconds) == text)
        }
    }

    @Test(arguments: [
        (UInt64(0), "0ms"), (80_000_000, "80ms"), (4_250_000_000, "4.2s"), (38_000_000_000, "38s"),
        (725_000_000_000, "12m05"), (12_000_000_000_000, "3h20"), (990_000_000_000_000, "11d"),
        (UInt64.max, "213503d"),
    ])
    func `durations are short`(nanoseconds: UInt64, text: String) {
        #expect(Words.duration(nanoseconds: nanoseconds) == text)
    }

    @Test(arguments: [
        (Double?.none, "-"), (0, "0"), (-0.0, "0"), (12.25, "12.25"), (-3.0, "-3"),
        (1234.5678, "1234.57"), (0.5, "0.5"), (99.99999999, "100"), (1e12, "1.00e12"),
        (-4.2e-7, "-4.20e-7"), (.nan, "NaN"), (.infinity, "+Inf"), (123456789, "123456789"),
    ])
    func `values keep six digits`(value: Double?, text: String) {
        #expect(Words.value(value) == text)
    }

    @Test(arguments: [
        (0.0, "0"), (7.25, "7.3"), (950, "950"), (12_400, "12.4k"), (3_100_000, "3.1M"),
        (250_000, "250k"), (-1, "0"), (1e30, "1000000.0G"),
    ])
    func `counts are short`(value: Double, text: String) { #expect(Words.count(value) == text) }

    @Test func `a sparkline spans its values and leaves gaps`() {
        #expect(Glyphs(.blocks).sparkline([0, 1, 2, nil, 7], columns: 10) == "▁▂▃ █")
        #expect(Glyphs(.ascii).sparkline([0, 4], columns: 10) == "_^")
        #expect(Glyphs(.blocks).sparkline([5, 5, 5], columns: 2) == "▅▅")
        #expect(Glyphs(.blocks).sparkline([nil, .nan], columns: 5) == "")
    }
}
