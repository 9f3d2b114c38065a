// SPDX-License-Identifier: Apache-2.0

/// A line of values over time as characters: braille, blocks or ASCII by what the terminal has.
///
/// Pure: the same values, size and glyphs give the same text. Where nothing was received there is
/// nothing: no line is drawn over a gap.
package struct Chart: Sendable {
    /// Values of a moment or a short time; `lowest` is nil where a gap begins.
    package struct Point: Sendable, Equatable {
        package var at: UInt64
        package var lowest: Double?
        package var highest: Double?
        /// Of what lies between them; nil: their middle.
        package var mean: Double?
        /// For so long the value counts if nothing follows; behind it is a gap.
        package var holdNanoseconds: UInt64

        package init(
            at: UInt64, lowest: Double?, highest: Double?, mean: Double? = nil,
            holdNanoseconds: UInt64 = Chart.holdNanosecondsMin
        ) {
            self.at = at
            self.lowest = lowest
            self.highest = highest
            self.mean = mean
            self.holdNanoseconds = holdNanoseconds
        }
    }

    /// A horizontal line with a name.
    package struct Limit: Sendable, Equatable {
        package var name: String
        package var value: Double
        /// Where an alarm returns to normal if that is elsewhere: setpoint and deadband.
        package var returnsAt: Double?

        package init(_ name: String, _ value: Double, returnsAt: Double? = nil) {
            self.name = name
            self.value = value
            self.returnsAt = returnsAt
        }
    }

    /// Something that happened, shown under the chart.
    package struct Mark: Sendable, Equatable {
        package var at: UInt64
        package var glyph: Character

        package init(at: UInt64, glyph: Character) {
            self.at = at
            self.glyph = glyph
        }
    }

    /// Columns of the scale at the left.
    package static let scaleColumns = 10
    /// A value counts for so long at least.
    package static let holdNanosecondsMin: UInt64 = 3_000_000_000

    private let points: [Point]
    private let limits: [Limit]
    private let marks: [Mark]
    private let range: ClosedRange<UInt64>
    private let lowest: Double
    private let highest: Double

    /// `range` is the time shown, from left to right.
    package init(
        _ points: [Point], limits: [Limit], marks: [Mark],
        range: ClosedRange<UInt64>
    ) {
        self.points = points
        self.marks = marks
        self.range = range
        let shown = points.filter { range.contains($0.at) }
        var lowest = shown.compactMap(\.lowest).min() ?? 0
        var highest = shown.compactMap(\.highest).max() ?? 1
        // A limit far away must not press the values flat: it is shown if it is near enough.
        let span = max(highest - lowest, abs(highest) * 0.02, 1e-9)
        self.limits = limits.filter {
            $0.value > lowest - 2 * span && $0.value < highest + 2 * span
        }
        for limit in self.limits {
            lowest = min(lowest, limit.value)
            highest = max(highest, limit.value)
        }
        let margin = max(highest - lowest, abs(highest) * 0.02, 1e-9) * 0.05
        self.lowest = lowest - margin
        self.highest = highest + margin
    }

    /// The chart in `rows` lines of `columns`, then one line with the marks.
    package func lines(columns: Int, rows: Int, glyphs: Glyphs) -> [StyledText] {
        let width = max(4, columns - Self.scaleColumns - 1)
        let height = max(2, rows)
        let canvas = self.canvas(width: width, height: height, set: glyphs.set)
        var limitRows: [Int: Limit] = [:]
        for limit in self.limits {
            if let value = limit.returnsAt, value > self.lowest, value < self.highest {
                limitRows[self.row(value, height)] = Limit("\(limit.name) off", value)
            }
        }
        for limit in self.limits { limitRows[self.row(limit.value, height)] = limit }
        var lines: [StyledText] = []
        for row in 0..<height {
            lines.append(self.line(row, height, canvas[row], limitRows[row], glyphs))
        }
        lines.append(self.markLine(width))
        return lines
    }

    private func line(
        _ row: Int, _ height: Int, _ cells: [Character], _ limit: Limit?, _ glyphs: Glyphs
    ) -> StyledText {
        let isAscii = glyphs.set == .ascii
        var scale = ""
        if let limit {
            scale = "\(limit.name) \(Words.value(limit.value, digits: 4))"
        } else if row == 0 || row == height - 1 || row == height / 2 {
            let share = (Double(height - 1 - row) + 0.5) / Double(height)
            scale = Words.value(self.lowest + share * (self.highest - self.lowest), digits: 4)
        }
        var line = StyledText(
            TerminalText.padded(scale, to: Self.scaleColumns, right: true),
            Style(limit == nil ? .muted : .high))
        line.add(isAscii ? "|" : "│", Style(.muted))
        var text = ""
        var isLimit = false
        func flush() {
            line.add(text, Style(isLimit ? .high : .accent))
            text = ""
        }
        for (column, cell) in cells.enumerated() {
            let drawsLimit = cell == " " && limit != nil && column % 2 == 0
            if drawsLimit != isLimit { flush() }
            isLimit = drawsLimit
            text.append(drawsLimit ? (isAscii ? "-" : "╌") : cell)
        }
        flush()
        return line
    }

    private func markLine(_ width: Int) -> StyledText {
        var cells = [Character](repeating: " ", count: width)
        for mark in self.marks where self.range.contains(mark.at) {
            cells[min(width - 1, Int(self.share(mark.at) * Double(width)))] = mark.glyph
        }
        var line = StyledText(String(repeating: " ", count: Self.scaleColumns + 1))
        line.add(String(cells), Style(.critical, bold: true))
        return line
    }

    // MARK: Canvas

    private func share(_ at: UInt64) -> Double {
        let length = max(1, self.range.upperBound - self.range.lowerBound)
        let offset = at > self.range.lowerBound ? at - self.range.lowerBound : 0
        return min(1, Double(offset) / Double(length))
    }

    private func row(_ value: Double, _ height: Int) -> Int {
        let share = (value - self.lowest) / (self.highest - self.lowest)
        guard share.isFinite else { return height - 1 }
        return Int(min(Double(height - 1), max(0, (1 - share) * Double(height))))
    }

    /// Dots of a cell: across and down.
    private static func dots(_ set: GlyphSet) -> (across: Int, down: Int) {
        switch set {
        case .braille: (2, 4)
        case .blocks: (1, 2)
        case .ascii: (1, 1)
        }
    }

    private func canvas(width: Int, height: Int, set: GlyphSet) -> [[Character]] {
        let dots = Self.dots(set)
        let (across, down) = (width * dots.across, height * dots.down)
        var masks = [[UInt8]](repeating: [UInt8](repeating: 0, count: width), count: height)
        func light(_ x: Int, _ y: Int) {
            guard (0..<across).contains(x), (0..<down).contains(y) else { return }
            masks[y / dots.down][x / dots.across] |=
                Self.bit(x % dots.across, y % dots.down, set)
        }
        var before: Int?
        var next = 0
        var held: Point?
        for x in 0..<across {
            let end = self.end(ofColumn: x, of: across)
            var low: Int?
            var high: Int?
            var isGap = false
            // All that lies in the column is drawn: a short peak is never left out.
            while next < self.points.count, self.points[next].at < end {
                let point = self.points[next]
                next += 1
                held = point
                guard point.at >= self.range.lowerBound else { continue }
                guard let lowest = point.lowest, let highest = point.highest else {
                    isGap = true
                    continue
                }
                high = min(high ?? Int.max, self.row(highest, down))
                low = max(low ?? 0, self.row(lowest, down))
            }
            if high == nil, !isGap, let point = held, let lowest = point.lowest,
                let highest = point.highest
            {
                let hold = max(point.holdNanoseconds, 2 * self.columnNanoseconds(of: across))
                if end - point.at <= hold {
                    (low, high) = (self.row(lowest, down), self.row(highest, down))
                }
            }
            guard let low else {
                before = nil
                continue
            }
            let top = high ?? low
            // From the value before: a step is a line, not two dots far apart.
            for y in min(before ?? top, top)...max(before ?? low, low) { light(x, y) }
            before = isGap ? nil : held?.highest.map { self.row($0, down) }
        }
        return masks.map { row in row.map { Self.character($0, set) } }
    }

    private func columnNanoseconds(of columns: Int) -> UInt64 {
        (self.range.upperBound - self.range.lowerBound) / UInt64(max(1, columns))
    }

    /// The first moment behind a column of dots.
    private func end(ofColumn column: Int, of columns: Int) -> UInt64 {
        let length = Double(self.range.upperBound - self.range.lowerBound)
        return self.range.lowerBound
            + UInt64(max(0, Double(column + 1) / Double(columns) * length))
    }

    private static func bit(_ x: Int, _ y: Int, _ set: GlyphSet) -> UInt8 {
        switch set {
        // Unicode, "Braille Patterns": dots 1 to 3 and 7 at the left, 4 to 6 and 8 at the right.
        case .braille: [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]][x][y]
        case .blocks: y == 0 ? 1 : 2
        case .ascii: 1
        }
    }

    private static func character(_ mask: UInt8, _ set: GlyphSet) -> Character {
        if mask == 0 { return " " }
        switch set {
        case .braille: return Character(Unicode.Scalar(0x2800 + UInt32(mask)) ?? " ")
        case .blocks: return mask == 3 ? "█" : mask == 1 ? "▀" : "▄"
        case .ascii: return "*"
        }
    }
}
