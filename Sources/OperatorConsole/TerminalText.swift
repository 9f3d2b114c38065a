// SPDX-License-Identifier: Apache-2.0

/// Text as a terminal shows it: how wide it is, and what may be sent at all.
///
/// Titles, comments and paths come from configuration and from the network. What could move the
/// cursor, change colours, reverse the reading direction or hide text is replaced before it gets
/// near a terminal.
package enum TerminalText {
    /// Marks that one character keeps on its base; more are dropped.
    private static let marksMax = 2

    /// `text` with every character that a terminal would not simply show replaced by `?`.
    package static func clean(_ text: String) -> String {
        var cleaned = ""
        for character in text { cleaned.append(self.clean(character)) }
        return cleaned
    }

    /// One character without control, format and joining code points.
    package static func clean(_ character: Character) -> Character {
        let scalars = character.unicodeScalars
        guard let base = scalars.first, self.isShown(base) else { return "?" }
        guard scalars.count > 1 else { return character }
        var kept = String.UnicodeScalarView()
        kept.append(base)
        for scalar in scalars.dropFirst() where kept.count <= self.marksMax {
            if self.isMark(scalar) { kept.append(scalar) }
        }
        let text = String(kept)
        return text.count == 1 ? text.first ?? "?" : "?"
    }

    /// Columns of a cleaned character: 1 or 2.
    package static func width(_ character: Character) -> Int {
        guard let scalar = character.unicodeScalars.first else { return 1 }
        let value = scalar.value
        if value < 0x1100 { return 1 }
        if self.wideRanges.contains(where: { $0.contains(value) }) { return 2 }
        return scalar.properties.isEmojiPresentation ? 2 : 1
    }

    /// Columns of a cleaned text.
    package static func width(_ text: String) -> Int {
        text.reduce(0) { $0 + self.width($1) }
    }

    /// `text`, cleaned, cut to `columns` with `…` (or `~`) at the end if it was longer.
    package static func fitted(
        _ text: String, to columns: Int, ellipsis: Character = "…"
    ) -> String {
        let cleaned = self.clean(text)
        guard self.width(cleaned) > columns else { return cleaned }
        guard columns > 0 else { return "" }
        var fitted = ""
        var used = 0
        for character in cleaned {
            let width = self.width(character)
            guard used + width <= columns - 1 else { break }
            fitted.append(character)
            used += width
        }
        fitted.append(ellipsis)
        return fitted
    }

    /// `text`, cleaned, cut to `columns` at its beginning: of a path the end tells most.
    package static func fittedEnd(
        _ text: String, to columns: Int, ellipsis: Character = "…"
    ) -> String {
        let cleaned = self.clean(text)
        guard self.width(cleaned) > columns else { return cleaned }
        guard columns > 0 else { return "" }
        var kept: [Character] = []
        var used = 0
        for character in cleaned.reversed() {
            let width = self.width(character)
            guard used + width <= columns - 1 else { break }
            kept.append(character)
            used += width
        }
        return String(ellipsis) + String(kept.reversed())
    }

    /// `text` cut or filled with blanks to exactly `columns`.
    package static func padded(
        _ text: String, to columns: Int, right: Bool = false, ellipsis: Character = "…"
    ) -> String {
        let fitted = self.fitted(text, to: columns, ellipsis: ellipsis)
        let blanks = String(repeating: " ", count: max(0, columns - self.width(fitted)))
        return right ? blanks + fitted : fitted + blanks
    }

    private static func isShown(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator,
            .paragraphSeparator, .nonspacingMark, .enclosingMark, .spacingMark:
            false
        default: true
        }
    }

    private static func isMark(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.generalCategory == .nonspacingMark
            && !(0xFE00...0xFE0F).contains(scalar.value)
    }

    /// East Asian wide and full-width blocks (Unicode, UAX #11).
    private static let wideRanges: [ClosedRange<UInt32>] = [
        0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF,
        0xA000...0xA4CF, 0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F,
        0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1B000...0x1B2FF, 0x20000...0x3FFFD,
    ]
}
