// SPDX-License-Identifier: Apache-2.0

/// A line of text in pieces, each with its style: what presentation makes and the screen takes.
package struct StyledText: Sendable, Equatable {
    package struct Piece: Sendable, Equatable {
        package var text: String
        package var style: Style
    }

    package private(set) var pieces: [Piece] = []
    /// Columns so far.
    package private(set) var width = 0

    package init() {}

    package init(_ text: String, _ style: Style = Style()) { self.add(text, style) }

    package mutating func add(_ text: String, _ style: Style = Style()) {
        guard !text.isEmpty else { return }
        let text = TerminalText.clean(text)
        self.width += TerminalText.width(text)
        self.pieces.append(Piece(text: text, style: style))
    }

    /// Blanks up to a column; nothing if the text is longer.
    package mutating func pad(to column: Int) {
        guard column > self.width else { return }
        self.add(String(repeating: " ", count: column - self.width))
    }

    /// The text alone.
    package var plain: String { self.pieces.map(\.text).joined() }
}

extension Screen {
    /// Draws a line from the beginning of a row; what does not fit ends in an ellipsis.
    ///
    /// A selected row is shown reversed to its end.
    package mutating func draw(
        _ line: StyledText, row: Int, from first: Int = 0, to end: Int? = nil,
        isSelected: Bool = false, ellipsis: Character
    ) {
        let end = min(end ?? self.size.columns, self.size.columns)
        var column = first
        if isSelected {
            self.write(
                String(repeating: " ", count: max(0, end - first)), column: first, row: row,
                style: Style(reversed: true))
        }
        for piece in line.pieces {
            guard column < end else { return }
            var style = piece.style
            if isSelected { style.isReversed = true }
            let isLast = column + TerminalText.width(piece.text) > end
            let text =
                isLast
                ? TerminalText.fitted(piece.text, to: end - column, ellipsis: ellipsis)
                : piece.text
            column = self.write(text, column: column, row: row, style: style)
            if isLast { return }
        }
    }
}
