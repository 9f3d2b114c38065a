// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import OperatorConsole
import Testing

@Suite struct KeyParserTests {
    @Test(arguments: [
        ("jjj", [Key.character("j"), .character("j"), .character("j")]), ("\r", [.enter]),
        ("\u{1B}[A\u{1B}[B", [.up, .down]), ("\u{1B}OA\u{1B}OM", [.up, .enter]),
        ("\u{1B}[5~\u{1B}[6~", [.pageUp, .pageDown]), ("\u{1B}[1;5C", [.right]),
        ("\u{1B}[Z\t", [.backTab, .tab]), ("\u{7F}\u{8}", [.backspace, .backspace]),
        ("\u{3}\u{C}", [.control("c"), .control("l")]), ("é日", [.character("é"), .character("日")]),
        ("\u{1B}[3~\u{1B}[H\u{1B}[4~", [.delete, .home, .end]),
        ("a\u{1B}[200~qqq\r\u{1B}[A\u{1B}[201~b", [.character("a"), .character("b")]),
        ("\u{1B}[99999999999999999999999999999999999999Az", [.character("z")]),
        ("\u{1B}xz", [.character("z")]), ("\u{1B}[<0;1;2Mz", [.enter, .character("z")]),
    ])
    func `keys are the same however their bytes are split`(text: String, expected: [Key]) {
        let bytes = Array(text.utf8)
        var whole = KeyParser()
        #expect(whole.feed(bytes) == expected)
        for cut in 0...bytes.count {
            var parser = KeyParser()
            let keys = parser.feed(bytes[..<cut]) + parser.feed(bytes[cut...])
            #expect(keys == expected, "cut at \(cut)")
        }
        var single = KeyParser()
        #expect(bytes.flatMap { single.feed([$0]) } == expected)
    }

    @Test func `an ESC alone is Escape after the timeout and nothing before it`() {
        var parser = KeyParser()
        #expect(parser.feed([0x1B]) == [])
        #expect(parser.awaitsTimeout)
        #expect(parser.timeOut() == .escape)
        #expect(!parser.awaitsTimeout)
        #expect(parser.timeOut() == nil)
        #expect(parser.feed(Array("q".utf8)) == [.character("q")])
        #expect(parser.feed([0x1B, 0x1B]) == [.escape])
        #expect(parser.timeOut() == .escape)
    }

    @Test func `a sequence that stops in the middle does not swallow what follows`() {
        var parser = KeyParser()
        #expect(parser.feed([0x1B, 0x5B, 0x31]) == [])
        #expect(parser.timeOut() == nil)
        #expect(parser.feed(Array("q".utf8)) == [.character("q")])
        #expect(parser.feed([0xE6, 0x97]) == [])
        #expect(parser.feed(Array("q".utf8)) == [.character("q")])
    }

    @Test(arguments: 1...200)
    func `any bytes in any pieces give the same keys and never trap`(seed: Int) {
        var random = SplitMix64(seed: UInt64(seed))
        let pool: [UInt8] = [
            0x1B, 0x5B, 0x4F, 0x41, 0x7E, 0x32, 0x30, 0x31, 0x3B, 0xC3, 0xA9, 0xE6, 0x97, 0xA5,
            0xF0, 0x9F, 0xFF, 0x00, 0x0D, 0x7F, 0x61, 0x9B,
        ]
        let bytes = (0..<Int.random(in: 1...300, using: &random)).map { _ in
            pool.randomElement(using: &random) ?? 0
        }
        var whole = KeyParser()
        let expected = whole.feed(bytes)
        var parser = KeyParser()
        var keys: [Key] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = Int.random(in: 1...min(7, rest.count), using: &random)
            keys += parser.feed(rest.prefix(count))
            rest = rest.dropFirst(count)
        }
        #expect(keys == expected)
        #expect(parser.timeOut() == whole.timeOut())
        for case .character(let character) in keys {
            #expect(TerminalText.clean(character) == character)
        }
    }
}
