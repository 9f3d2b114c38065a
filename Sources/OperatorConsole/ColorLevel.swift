// SPDX-License-Identifier: Apache-2.0

/// How many colours a terminal shows.
package enum ColorLevel: Sendable, CaseIterable {
    case none, sixteen, palette, truecolor

    /// From the environment: `NO_COLOR` (no-color.org), `COLORTERM`, `TERM`.
    package static func detect(_ environment: (String) -> String?) -> ColorLevel {
        if let off = environment("NO_COLOR"), !off.isEmpty { return .none }
        let term = environment("TERM") ?? ""
        if term.isEmpty || term == "dumb" || term.hasPrefix("vt") { return .none }
        let colorTerm = environment("COLORTERM") ?? ""
        if colorTerm == "truecolor" || colorTerm == "24bit" { return .truecolor }
        if term.contains("256color") || term.contains("kitty") || term.contains("alacritty") {
            return .palette
        }
        return .sixteen
    }

    /// Parameters of SGR (ECMA-48, 8.3.117) for a style, after a reset.
    package func parameters(_ style: Style) -> String {
        var text = "0"
        if style.isBold { text += ";1" }
        if style.isUnderlined { text += ";4" }
        if style.isReversed { text += ";7" }
        if let color = self.color(style.tone) { text += ";" + color }
        return text
    }

    /// The terminal's own foreground and background stay: they suit light and dark themes.
    private func color(_ tone: Tone) -> String? {
        switch self {
        case .none: nil
        case .sixteen: Self.sixteenColors(tone)
        case .palette: Self.paletteColors(tone).map { "38;5;\($0)" }
        case .truecolor: Self.trueColors(tone).map { "38;2;\($0)" }
        }
    }

    private static func sixteenColors(_ tone: Tone) -> String? {
        switch tone {
        case .plain, .muted: nil
        case .critical: "31"
        case .high: "91"
        case .medium: "33"
        case .low: "36"
        case .good: "32"
        case .stale: "35"
        case .accent: "34"
        }
    }

    /// Mid-luminance entries, readable on black and on white.
    private static func paletteColors(_ tone: Tone) -> Int? {
        switch tone {
        case .plain: nil
        case .critical: 160
        case .high: 202
        case .medium: 136
        case .low: 31
        case .good: 28
        case .stale: 133
        case .muted: 243
        case .accent: 32
        }
    }

    private static func trueColors(_ tone: Tone) -> String? {
        switch tone {
        case .plain: nil
        case .critical: "214;40;40"
        case .high: "232;93;4"
        case .medium: "176;128;0"
        case .low: "0;119;182"
        case .good: "46;125;50"
        case .stale: "156;77;176"
        case .muted: "120;120;120"
        case .accent: "30;120;220"
        }
    }
}

/// What a terminal's font is trusted to have; there is no way to ask it.
package enum GlyphSet: String, Sendable, CaseIterable {
    case braille, blocks, ascii

    /// From the environment: a locale without UTF-8 gets ASCII, the Linux console blocks.
    package static func detect(_ environment: (String) -> String?) -> GlyphSet {
        var locale = ""
        for name in ["LC_ALL", "LC_CTYPE", "LANG"] where locale.isEmpty {
            locale = environment(name) ?? ""
        }
        let folded = locale.lowercased()
        guard folded.contains("utf-8") || folded.contains("utf8") else { return .ascii }
        return environment("TERM") == "linux" ? .blocks : .braille
    }
}
