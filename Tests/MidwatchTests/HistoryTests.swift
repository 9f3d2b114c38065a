// SPDX-License-Identifier: Apache-2.0

import Historian
import MidwatchModel
import StateFolder
import Testing

@testable import midwatch

/// Charts as drawn, minutes as joined.
@Suite struct HistoryTests {
    private static let now = WallInstant(nanoseconds: 1_800_000_000_000_000_000)

    private func point(
        _ second: Int64, _ value: Double?, count: Int64 = 1, quality: Quality = .good
    ) -> ArchiveHistory.Point {
        ArchiveHistory.Point(
            time: WallInstant(nanoseconds: Self.now.nanoseconds + second * 1_000_000_000),
            value: value, valueMin: value, valueMax: value, valueLast: value, readingCount: count,
            quality: quality)
    }

    @Test func `two parts of a minute are one`() {
        let joined = SensorHistory.joined(
            self.point(0, 10, count: 3), self.point(0, 20, count: 1, quality: .uncertain))
        #expect(joined.value == 12.5)
        #expect(joined.valueMin == 10)
        #expect(joined.valueMax == 20)
        #expect(joined.valueLast == 20)
        #expect(joined.readingCount == 4)
        #expect(joined.quality == .uncertain)
        let empty = SensorHistory.joined(self.point(0, nil), self.point(0, 5))
        #expect(empty.value == 5)
    }

    private func chart(_ dots: HistoryChart.Dots) -> HistoryChart {
        HistoryChart(
            from: Self.now, to: WallInstant(nanoseconds: Self.now.nanoseconds + 40_000_000_000),
            dots: dots)
    }

    @Test func `a chart shows the peak, the gap and the ends`() {
        var points = (0..<40).filter { !(20..<30).contains($0) }.map {
            self.point(Int64($0), $0 == 10 ? 100 : 0)
        }
        let lines = self.chart(.ascii).lines(points, columns: 50, rows: 5)
        #expect(lines.count == 6)
        #expect(lines[0].hasPrefix("100 |"))
        #expect(lines[0].contains("*"), "one reading in forty is not averaged away")
        #expect(lines[4].hasPrefix("  0 |"))
        let bottom = lines[4].dropFirst(5)
        #expect(bottom.contains("          "), "nothing is drawn where nothing was read")
        #expect(bottom.hasPrefix("*"))
        #expect(lines.allSatisfy { $0.count <= 50 || $0 == lines[5] })
        points = [self.point(0, nil)]
        #expect(
            self.chart(.ascii).lines(points, columns: 50, rows: 5) == ["(no value in this time)"])
    }

    @Test func `braille has four dots in a cell's height`() {
        let points = (0..<40).map { self.point(Int64($0), Double($0)) }
        let lines = self.chart(.braille).lines(points, columns: 40, rows: 4)
        let used = Set(lines.dropLast().joined()).filter {
            (0x2801...0x28FF).contains($0.unicodeScalars.first?.value ?? 0)
        }
        #expect(used.count > 4)
        #expect(lines[0].last != " ", "it ends at the top")
    }

    @Test func `a value that never changes is a line in the middle`() {
        let points = (0..<40).map { self.point(Int64($0), 7) }
        let lines = self.chart(.ascii).lines(points, columns: 50, rows: 5)
        #expect(lines[2].contains("*"))
        #expect(!lines[0].contains("*") && !lines[4].contains("*"))
    }
}
