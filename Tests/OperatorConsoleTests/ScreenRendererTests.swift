// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import OperatorConsole
import Testing

@Suite struct ScreenRendererTests {
    private static let texts = [
        "a", "hello", "日本語", "é", "e\u{301}", "│", "⣿⣀", "🔥", "한국", "x日y", "", "   ",
        "\u{1B}[31mred", "a\u{7}b", "\u{202E}abc", "👩‍🚒",
    ]

    @Test(arguments: 1...40)
    func `frame after frame, the terminal shows the screen`(seed: Int) throws {
        var random = SplitMix64(seed: UInt64(seed))
        let colors = ColorLevel.allCases[seed % ColorLevel.allCases.count]
        let size = ScreenSize(columns: 20 + seed % 30, rows: 5 + seed % 7)
        var renderer = ScreenRenderer(colors: colors)
        var terminal = TerminalEmulator(size: size)
        var screen = Screen(size: size)
        for _ in 0..<30 {
            if Int.random(in: 0..<5, using: &random) == 0 { screen = Screen(size: size) }
            for _ in 0..<Int.random(in: 0..<12, using: &random) {
                let text = Self.texts.randomElement(using: &random) ?? ""
                let tone = Tone.allCases.randomElement(using: &random) ?? .plain
                screen.write(
                    text, column: Int.random(in: -1...size.columns, using: &random),
                    row: Int.random(in: -1...size.rows, using: &random),
                    style: Style(tone, bold: Bool.random(using: &random)))
            }
            let bytes = renderer.render(screen)
            try terminal.apply(bytes)
            #expect(terminal.shows(screen, colors: colors))
            #expect(!terminal.isSynchronized)
            #expect(renderer.render(screen).isEmpty, "an unchanged frame is 0 bytes")
        }
    }

    @Test func `another size or a repaint paints everything`() throws {
        var renderer = ScreenRenderer(colors: .palette)
        var small = Screen(size: ScreenSize(columns: 20, rows: 5))
        small.write("here", column: 3, row: 2)
        _ = renderer.render(small)
        var large = Screen(size: ScreenSize(columns: 30, rows: 8))
        large.write("here", column: 3, row: 2)
        var terminal = TerminalEmulator(size: large.size)
        try terminal.apply(renderer.render(large))
        #expect(terminal.shows(large, colors: .palette))
        renderer.invalidate()
        var other = TerminalEmulator(size: large.size)
        try other.apply(renderer.render(large))
        #expect(other.shows(large, colors: .palette))
    }

    @Test func `a small change is few bytes`() {
        var renderer = ScreenRenderer(colors: .truecolor)
        var screen = Screen(size: ScreenSize(columns: 120, rows: 40))
        screen.write(String(repeating: "abc ", count: 30), column: 0, row: 3)
        _ = renderer.render(screen)
        screen.write("Z", column: 60, row: 3)
        #expect(renderer.render(screen).count < 50)
    }

    @Test func `what could command the terminal never gets on the screen`() {
        var screen = Screen(size: ScreenSize(columns: 40, rows: 5))
        screen.write("a\u{1B}]0;title\u{7}\u{9B}2J\u{85}\u{202E}b\u{200B}", column: 0, row: 0)
        let line = screen.text.split(separator: "\n")[0]
        #expect(line == "a?]0;title??2J??b?")
        #expect(TerminalText.clean("x\r\ny\tz") == "x?y?z")
    }

    @Test(arguments: [
        ("abc", 3), ("日本", 4), ("é", 1), ("e\u{301}", 1), ("🔥", 2), ("⣿", 1), ("▲", 1),
        ("ﾊ", 1), ("Ａ", 2), ("한", 2),
    ])
    func `characters take their columns`(text: String, columns: Int) {
        #expect(TerminalText.width(TerminalText.clean(text)) == columns)
    }

    @Test(arguments: [
        ("short", 10, "short"), ("exactly", 7, "exactly"), ("too long", 5, "too …"),
        ("日本語", 5, "日本…"), ("日本語", 4, "日…"), ("x", 0, ""),
    ])
    func `text is cut at whole characters`(text: String, columns: Int, expected: String) {
        #expect(TerminalText.fitted(text, to: columns) == expected)
        #expect(TerminalText.width(TerminalText.padded(text, to: columns)) == columns)
    }

    @Test func `colours follow the environment and NO_COLOR wins`() {
        func detect(_ environment: [String: String]) -> ColorLevel {
            ColorLevel.detect { environment[$0] }
        }
        #expect(detect(["TERM": "xterm-256color"]) == .palette)
        #expect(detect(["TERM": "xterm-256color", "COLORTERM": "truecolor"]) == .truecolor)
        #expect(detect(["TERM": "linux"]) == .sixteen)
        #expect(detect(["TERM": "dumb"]) == .none)
        #expect(detect([:]) == .none)
        #expect(detect(["TERM": "xterm-256color", "NO_COLOR": "1"]) == .none)
        #expect(detect(["TERM": "xterm-256color", "NO_COLOR": ""]) == .palette)
        for tone in Tone.allCases {
            #expect(ColorLevel.none.parameters(Style(tone)) == "0")
        }
        func glyphs(_ environment: [String: String]) -> GlyphSet {
            GlyphSet.detect { environment[$0] }
        }
        #expect(glyphs(["LANG": "en_US.UTF-8"]) == .braille)
        #expect(glyphs(["LANG": "C.utf8", "TERM": "linux"]) == .blocks)
        #expect(glyphs(["LANG": "en_US.UTF-8", "LC_ALL": "C"]) == .ascii)
        #expect(glyphs([:]) == .ascii)
    }
}
