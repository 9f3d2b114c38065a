// SPDX-License-Identifier: Apache-2.0

import OperatorConsole
import Testing

@Suite struct ChartTests {
    private static func points(_ values: [Double?]) -> [Chart.Point] {
        values.enumerated().map {
            .init(
                at: UInt64($0.offset + 1) * 1_000_000_000, lowest: $0.element,
                highest: $0.element)
        }
    }

    private static func text(
        _ values: [Double?], limits: [Chart.Limit] = [], marks: [Chart.Mark] = [],
        columns: Int = 31, rows: Int = 5, glyphs: GlyphSet = .ascii
    ) -> [String] {
        let last = UInt64(values.count + 1) * 1_000_000_000
        let chart = Chart(
            Self.points(values), limits: limits, marks: marks, range: 1_000_000_000...last)
        return chart.lines(columns: columns, rows: rows, glyphs: Glyphs(glyphs)).map(\.plain)
    }

    @Test func `a ramp rises from left to right between its scale`() {
        let lines = Self.text((0..<20).map { Double($0) })
        #expect(lines.count == 6)
        #expect(lines[0].hasSuffix("*"))
        #expect(lines[4].hasPrefix("         0|*") || lines[4].contains("|*"))
        let first = lines[0].firstIndex(of: "*"), last = lines[4].firstIndex(of: "*")
        #expect(first.map { lines[0].distance(from: lines[0].startIndex, to: $0) } ?? 0 > 20)
        #expect(last.map { lines[4].distance(from: lines[4].startIndex, to: $0) } ?? 99 < 15)
    }

    @Test func `nothing is drawn over a gap`() {
        var values = [Double?](repeating: 5, count: 20)
        values.replaceSubrange(8..<14, with: [Double?](repeating: nil, count: 6))
        for glyphs in GlyphSet.allCases {
            let lines = Self.text(values, glyphs: glyphs).dropLast().map { Array($0) }
            func isEmpty(_ column: Int) -> Bool {
                lines.allSatisfy { $0.count <= column || $0[column] == " " }
            }
            #expect(!isEmpty(14) && !isEmpty(28), "\(glyphs)")
            #expect(isEmpty(21) && isEmpty(22), "\(glyphs)")
        }
    }

    @Test func `figures weigh each value with the time it held`() throws {
        // A minute of the archive at 10 on average, then four seconds at 40: not half and half.
        let minute = Chart.Point(
            at: 1_000_000_000, lowest: 2, highest: 30, mean: 10, holdNanoseconds: 60_000_000_000)
        let seen = (0..<4).map { second in
            Chart.Point(at: 61_000_000_000 + second * 1_000_000_000, lowest: 40, highest: 40)
        }
        let figures = try #require(
            ChartFigures([minute] + seen, range: 1_000_000_000...65_000_000_000))
        #expect(figures.lowest == 2 && figures.highest == 40)
        #expect(abs(figures.mean - (60 * 10 + 4 * 40) / 64.0) < 1e-9)
        let mean = figures.mean
        let variance = (60 * (10 - mean) * (10 - mean) + 4 * (40 - mean) * (40 - mean)) / 64
        #expect(abs(figures.deviation - variance.squareRoot()) < 1e-9)
        #expect(figures.gapCount == 0 && abs(figures.coverage - 1) < 1e-9)
    }

    @Test func `figures count gaps and say how much of the time they rest on`() throws {
        let values: [Double?] = [5, 5, nil, 7, nil, 9]
        let figures = try #require(
            ChartFigures(Self.points(values), range: 0...10_000_000_000))
        #expect(figures.gapCount == 2)
        // The last value holds for three seconds, then nothing is known.
        #expect(abs(figures.coverage - 0.6) < 1e-9)
        #expect(ChartFigures(Self.points([nil, nil]), range: 0...1) == nil)
        let silent = try #require(
            ChartFigures(
                [
                    .init(at: 0, lowest: 1, highest: 1),
                    .init(at: 20_000_000_000, lowest: 3, highest: 3),
                ], range: 0...23_000_000_000))
        #expect(silent.gapCount == 1)
        #expect(silent.mean == 2)
    }

    @Test func `silence at the end is a gap too`() {
        let chart = Chart(
            Self.points([1, 2, 1, 2]), limits: [], marks: [],
            range: 1_000_000_000...40_000_000_000)
        let lines = chart.lines(columns: 50, rows: 4, glyphs: Glyphs(.ascii)).map(\.plain)
        #expect(lines.dropLast().allSatisfy { line in !line.suffix(25).contains("*") })
    }

    @Test func `limits near the values are drawn and named, far ones are not`() {
        let lines = Self.text(
            (0..<20).map { 40 + Double($0 % 5) },
            limits: [Chart.Limit("H", 50), Chart.Limit("HH", 5_000)])
        #expect(lines.contains { $0.contains("H 50|") && $0.contains("- -") })
        #expect(!lines.contains { $0.contains("5000") })
    }

    @Test func `a short peak is drawn, however long the time of a column`() {
        var points = Self.points([Double?](repeating: 5, count: 2_000))
        points[777].highest = 90
        let chart = Chart(
            points, limits: [], marks: [], range: 1_000_000_000...2_001_000_000_000)
        for glyphs in GlyphSet.allCases {
            let lines = chart.lines(columns: 40, rows: 6, glyphs: Glyphs(glyphs)).map(\.plain)
            let peak = lines[0].dropFirst(Chart.scaleColumns + 1)
            #expect(peak.contains { $0 != " " }, "\(glyphs)")
        }
    }

    @Test func `a value counts as long as its point says, and no longer`() {
        let minute: UInt64 = 60_000_000_000
        func isDrawn(hold: UInt64) -> Bool {
            let chart = Chart(
                [.init(at: minute, lowest: 4, highest: 6, holdNanoseconds: hold)], limits: [],
                marks: [], range: minute...20 * minute)
            let lines = chart.lines(columns: 50, rows: 4, glyphs: Glyphs(.ascii)).map(\.plain)
            return lines.dropLast().contains { $0.suffix(20).contains("*") }
        }
        #expect(!isDrawn(hold: minute))
        #expect(isDrawn(hold: 30 * minute))
    }

    @Test func `where an alarm returns is a line of its own`() {
        let lines = Self.text(
            (0..<20).map { 40 + Double($0 % 5) },
            limits: [Chart.Limit("H", 50, returnsAt: 45)], rows: 8)
        #expect(lines.contains { $0.contains("H 50|") })
        #expect(lines.contains { $0.contains("H off 45|") && $0.contains("- -") })
    }

    @Test func `marks stand under their time`() {
        let lines = Self.text(
            (0..<20).map { Double($0) }, marks: [.init(at: 11_000_000_000, glyph: "^")])
        let line = lines[lines.count - 1]
        let column = line.firstIndex(of: "^").map { line.distance(from: line.startIndex, to: $0) }
        #expect(column == 21)
    }

    @Test func `values that do not differ and extreme ones are drawn`() {
        for values in [
            [5, 5, 5], [1e300, -1e300], [0, 1e-300], [.greatestFiniteMagnitude],
            [.greatestFiniteMagnitude, -.greatestFiniteMagnitude],
        ] {
            let lines = Self.text(values)
            #expect(lines.count == 6)
        }
        #expect(Self.text([nil, nil]).count == 6)
    }
}
