// SPDX-License-Identifier: Apache-2.0

/// What a text means; the colour comes from the terminal's ability (`ColorLevel`).
///
/// No state is told by tone alone: a word or a glyph always says it too.
package enum Tone: UInt8, Sendable, CaseIterable {
    case plain, critical, high, medium, low, good, stale, muted, accent
}

/// How a cell is shown.
package struct Style: Sendable, Equatable {
    package var tone = Tone.plain
    package var isBold = false
    package var isReversed = false
    package var isUnderlined = false

    package init(
        _ tone: Tone = .plain, bold: Bool = false, reversed: Bool = false,
        underlined: Bool = false
    ) {
        self.tone = tone
        self.isBold = bold
        self.isReversed = reversed
        self.isUnderlined = underlined
    }
}

/// Columns and rows of a terminal.
package struct ScreenSize: Sendable, Equatable {
    package var columns: Int
    package var rows: Int

    /// Sizes a terminal may claim; what is outside is brought inside.
    package static let columnsRange = 20...500
    package static let rowsRange = 5...200

    package init(columns: Int, rows: Int) {
        self.columns = min(max(columns, Self.columnsRange.lowerBound), Self.columnsRange.upperBound)
        self.rows = min(max(rows, Self.rowsRange.lowerBound), Self.rowsRange.upperBound)
    }
}

/// One character cell.
package struct Cell: Sendable, Equatable {
    package var character: Character
    package var style: Style
    /// The right half of the wide character before it.
    package var isContinuation = false

    package static let blank = Cell(character: " ", style: Style())
}

/// A grid of cells to draw on; nothing of it reaches a terminal before `ScreenRenderer`.
package struct Screen: Sendable, Equatable {
    package let size: ScreenSize
    package private(set) var cells: [Cell]

    package init(size: ScreenSize) {
        self.size = size
        self.cells = Array(repeating: .blank, count: size.columns * size.rows)
    }

    package subscript(column: Int, row: Int) -> Cell {
        self.cells[row * self.size.columns + column]
    }

    /// Writes `text`, cleaned, from a cell on; what does not fit the row or `width` is cut.
    ///
    /// - Returns: The column behind the last one written.
    @discardableResult
    package mutating func write(
        _ text: String, column: Int, row: Int, style: Style = Style(), width: Int? = nil
    ) -> Int {
        guard row >= 0, row < self.size.rows, column >= 0 else { return column }
        let end = min(self.size.columns, column + (width ?? self.size.columns))
        var column = column
        for raw in text {
            let character = TerminalText.clean(raw)
            let columns = TerminalText.width(character)
            guard column + columns <= end else { break }
            self.put(Cell(character: character, style: style), column, row)
            if columns == 2 {
                self.put(Cell(character: " ", style: style, isContinuation: true), column + 1, row)
            }
            column += columns
        }
        return column
    }

    /// Fills a row from `column` on with blanks of `style`.
    package mutating func fill(row: Int, from column: Int = 0, style: Style) {
        guard row >= 0, row < self.size.rows else { return }
        for column in column..<self.size.columns {
            self.put(Cell(character: " ", style: style), column, row)
        }
    }

    private mutating func put(_ cell: Cell, _ column: Int, _ row: Int) {
        let index = row * self.size.columns + column
        // A half of a wide character must not outlive the other half.
        if self.cells[index].isContinuation, !cell.isContinuation {
            self.cells[index - 1] = Cell(character: " ", style: self.cells[index - 1].style)
        }
        self.cells[index] = cell
        let next = index + 1
        if column + 1 < self.size.columns, self.cells[next].isContinuation,
            TerminalText.width(cell.character) == 1
        {
            self.cells[next] = Cell(character: " ", style: self.cells[next].style)
        }
    }

    /// The characters alone, one line per row without blanks at its end: what golden tests read.
    package var text: String {
        var text = ""
        for row in 0..<self.size.rows {
            var line = ""
            for column in 0..<self.size.columns where !self[column, row].isContinuation {
                line.append(self[column, row].character)
            }
            while line.last == " " { line.removeLast() }
            text += line + "\n"
        }
        return text
    }
}
