// SPDX-License-Identifier: Apache-2.0

/// Turns screens into bytes for a terminal: what changed since the screen before, and no more.
///
/// Invariants
/// 1. The bytes of a frame, applied to a terminal that shows the frame before, make it show this
///    one.
/// 2. An unchanged frame is 0 bytes.
/// 3. A frame is one piece, inside synchronized output (DEC private mode 2026), so that no half
///    frame is ever seen; terminals without the mode ignore it.
package struct ScreenRenderer: Sendable {
    private let colors: ColorLevel
    private var shown: Screen?

    package init(colors: ColorLevel) { self.colors = colors }

    /// Forgets what the terminal shows: the next frame is painted whole.
    package mutating func invalidate() { self.shown = nil }

    /// Bytes that bring the terminal from the last frame to `screen`.
    package mutating func render(_ screen: Screen) -> [UInt8] {
        if let shown = self.shown, shown.size == screen.size {
            guard shown != screen else { return [] }
            defer { self.shown = screen }
            return self.frame(screen, over: shown, prefix: "")
        }
        defer { self.shown = screen }
        return self.frame(screen, over: Screen(size: screen.size), prefix: "\u{1B}[0m\u{1B}[2J")
    }

    private func frame(_ screen: Screen, over shown: Screen, prefix: String) -> [UInt8] {
        var out = "\u{1B}[?2026h" + prefix
        var style: Style?
        /// Where the terminal's cursor stands, when that is certain.
        var cursor: (column: Int, row: Int)?
        /// Where it stands if the terminal draws lines and blocks in one column.
        var likely: (column: Int, row: Int)?
        for row in 0..<screen.size.rows {
            for column in 0..<screen.size.columns {
                let cell = screen[column, row]
                // The right half of a wide character is drawn with its left half.
                guard cell != shown[column, row], !cell.isContinuation else {
                    continue
                }
                let isDrawing = Self.isDrawing(cell.character)
                if let bridge = Self.bridge(screen, from: cursor, style, to: (column, row)) {
                    out += bridge
                } else if !isDrawing || likely?.column != column || likely?.row != row {
                    out += "\u{1B}[\(row + 1);\(column + 1)H"
                }
                if style != cell.style {
                    out += "\u{1B}[\(self.colors.parameters(cell.style))m"
                    style = cell.style
                }
                out.append(cell.character)
                // Terminals differ in the width of what is not ASCII: the cursor is set anew
                // behind it, so that an error stays in its cell. A run of lines and blocks is
                // one such cell: setting the cursor in it would cost three times the run.
                let hasNext = column + 1 < screen.size.columns
                cursor = hasNext && cell.character.isASCII ? (column + 1, row) : nil
                likely = hasNext && isDrawing ? (column + 1, row) : nil
            }
        }
        out += "\u{1B}[0m\u{1B}[?2026l"
        return Array(out.utf8)
    }

    /// Whether a character is a line, a block or a braille pattern.
    private static func isDrawing(_ character: Character) -> Bool {
        guard let scalar = character.unicodeScalars.first else { return false }
        return (0x2500...0x259F).contains(scalar.value) || (0x2800...0x28FF).contains(scalar.value)
    }

    /// Cells that are written again because that is shorter than moving the cursor.
    private static let bridgeCellsMax = 6

    /// What brings the cursor to `target` by writing what stands between; nil if it must be moved.
    private static func bridge(
        _ screen: Screen, from cursor: (column: Int, row: Int)?, _ style: Style?,
        to target: (column: Int, row: Int)
    ) -> String? {
        guard let cursor, cursor.row == target.row, cursor.column <= target.column,
            target.column - cursor.column <= self.bridgeCellsMax
        else { return nil }
        var text = ""
        for column in cursor.column..<target.column {
            let cell = screen[column, target.row]
            guard cell.style == style, cell.character.isASCII, !cell.isContinuation else {
                return nil
            }
            text.append(cell.character)
        }
        return text
    }
}
