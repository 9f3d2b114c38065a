// SPDX-License-Identifier: Apache-2.0

internal import Historian
internal import MidwatchModel
internal import OperatorConsole
internal import StateFolder

/// A chart of one sensor for a terminal: pure, points in, lines out.
///
/// Each column of dots shows the least and the greatest value of its time, so that a short peak is
/// never averaged away. Where nothing usable was read the column stays empty.
struct HistoryChart {
    /// What the terminal can show.
    enum Dots { case braille, ascii }

    static let rowsDefault = 12
    private static let columnsMin = 20
    private static let columnsMax = 400

    var from: WallInstant
    var to: WallInstant
    var dots: Dots

    /// The lines of the chart, `columns` wide, `rows` high without the axis.
    func lines(_ points: [ArchiveHistory.Point], columns: Int, rows: Int) -> [String] {
        let values = points.flatMap { [$0.valueMin, $0.valueMax] }.compactMap { $0 }
        guard let least = values.min(), let most = values.max() else {
            return ["(no value in this time)"]
        }
        // A line in the middle for a value that never changed.
        let margin = most > least ? 0 : max(abs(most) * 0.01, 1)
        let (bottom, top) = (least - margin, most + margin)
        let labels = [top, (top + bottom) / 2, bottom].map { Words.value($0) }
        let labelWidth = labels.map(TerminalText.width).max() ?? 0
        let width = min(max(columns - labelWidth - 2, Self.columnsMin), Self.columnsMax)
        let grid = self.grid(points, width: width, rows: rows, bottom: bottom, top: top)
        var lines: [String] = []
        for row in 0..<rows {
            let label =
                row == 0
                ? labels[0] : row == rows / 2 ? labels[1] : row == rows - 1 ? labels[2] : ""
            let pad = String(repeating: " ", count: labelWidth - TerminalText.width(label))
            lines.append(pad + label + self.edge + grid[row])
        }
        lines.append(self.axis(labelWidth: labelWidth, width: width))
        return lines
    }

    private var edge: String { self.dots == .braille ? " ┤" : " |" }

    private func axis(labelWidth: Int, width: Int) -> String {
        let first = LocalTime.text(self.from)
        let last = LocalTime.text(self.to)
        let space = max(1, width - first.count - last.count)
        return String(repeating: " ", count: labelWidth + 2) + first
            + String(repeating: " ", count: space) + last
    }

    // MARK: Dots

    private func grid(
        _ points: [ArchiveHistory.Point], width: Int, rows: Int, bottom: Double, top: Double
    ) -> [String] {
        let perColumn = self.dots == .braille ? 2 : 1
        let perRow = self.dots == .braille ? 4 : 1
        let across = width * perColumn
        let down = rows * perRow
        var spans = [ClosedRange<Double>?](repeating: nil, count: across)
        let length = Double(max(1, self.to.nanoseconds - self.from.nanoseconds))
        for point in points {
            guard let least = point.valueMin, let most = point.valueMax, least <= most else {
                continue
            }
            let part = Double(point.time.nanoseconds - self.from.nanoseconds) / length
            let column = min(max(Int(part * Double(across)), 0), across - 1)
            let span = spans[column]
            spans[column] =
                min(least, span?.lowerBound ?? least)...max(most, span?.upperBound ?? most)
        }
        func level(_ value: Double) -> Int {
            let part = (value - bottom) / (top - bottom)
            return min(max(Int((1 - part) * Double(down - 1) + 0.5), 0), down - 1)
        }
        var cells = [[UInt8]](repeating: [UInt8](repeating: 0, count: width), count: rows)
        for (column, span) in spans.enumerated() {
            guard let span else { continue }
            for y in level(span.upperBound)...level(span.lowerBound) {
                cells[y / perRow][column / perColumn] |= Self.bit(column % perColumn, y % perRow)
            }
        }
        return cells.map { row in String(row.map(self.character)) }
    }

    /// Bit of a dot in a braille character: Unicode 2800, columns 123 7 and 456 8.
    private static func bit(_ x: Int, _ y: Int) -> UInt8 {
        let left: [UInt8] = [0x01, 0x02, 0x04, 0x40]
        let right: [UInt8] = [0x08, 0x10, 0x20, 0x80]
        return x == 0 ? left[y] : right[y]
    }

    private func character(_ bits: UInt8) -> Character {
        if bits == 0 { return " " }
        guard self.dots == .braille, let scalar = Unicode.Scalar(0x2800 + UInt32(bits)) else {
            return "*"
        }
        return Character(scalar)
    }
}
