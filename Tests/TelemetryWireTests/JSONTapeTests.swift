// SPDX-License-Identifier: Apache-2.0

import JSONText
import Testing

@testable import TelemetryWire

/// What the tree parser says about `text`: nil if it accepts it.
private func treeVerdict(_ text: [UInt8]) -> JSONError? {
    do throws(JSONError) {
        _ = try JSONValue(parsing: text.span)
        return nil
    } catch {
        return error
    }
}

private func tapeVerdict(_ text: [UInt8]) -> PayloadFault? {
    var tape = JSONTape()
    do throws(PayloadFault) {
        try tape.parse(text.span)
        return nil
    } catch {
        return error
    }
}

@Suite struct JSONTapeTests {
    @Test func `values follow each other, each before what it holds`() throws {
        var tape = JSONTape()
        let text = bytes(#" {"a":[1,-2.5e1],"b\u0063":{},"d":"x\n"} "#)
        try tape.parse(text.span)
        var kinds: [JSONTape.Kind] = []
        for index in 0..<tape.count { kinds.append(tape[index].kind) }
        #expect(
            kinds == [
                .object, .string, .array, .number, .number, .string, .object, .string, .string,
            ])
        #expect(tape[0].count == 3)
        #expect(tape[0].next == 9)
        #expect(tape[2].next == 5)
        #expect(TelemetryWireTests.text(text, tape[2].text) == "[1,-2.5e1]")
        #expect(tape[3].flag)
        #expect(!tape[4].flag)
        #expect(tape.member(bytes("bc").span, of: 0, text.span) == 6)
        #expect(tape.member(bytes("bcd").span, of: 0, text.span) == nil)
        #expect(tape.member(bytes("a").span, of: 2, text.span) == nil)
        #expect(tape.element(1, of: 2) == 4)
        #expect(tape.element(2, of: 2) == nil)
        #expect(tape.element(0, of: 0) == nil)
    }

    @Test(arguments: [
        "", " ", "nul", "nulx", "truE", "[", "[1", "[1,", "[1,]", "[1 2]", "{", "{\"a\"", "{\"a\":",
        "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{a:1}", "{\"a\" 1}", "1 2", "01", "-", "1.", "1e",
        "1e+", ".5", "+1", "1e999", "-1e999", "\"", "\"\\", "\"\\x\"", "\"\\u12\"", "\"\\u123g\"",
        "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"\\ud83d\\ude00\"", "\"\u{1}\"",
        "\"tab\there\"", "[[[]]]", "{}", "[]", "[{},[]]", "\u{FEFF}1", "1e5", "-0", "-0.0e-0",
    ])
    func `what the tree refuses is refused for the same reason at the same byte`(_ text: String) {
        let input = bytes(text)
        let expected = treeVerdict(input).map { PayloadFault($0.reason, at: $0.offset) }
        #expect(tapeVerdict(input) == expected)
    }

    @Test func `nesting ends where that of the tree ends`() {
        for depth in 62...66 {
            for inner in ["", "1"] {
                let text = bytes(
                    String(repeating: "[", count: depth) + inner
                        + String(repeating: "]", count: depth))
                let expected = treeVerdict(text).map { PayloadFault($0.reason, at: $0.offset) }
                #expect(tapeVerdict(text) == expected)
            }
        }
    }

    @Test func `the same name twice is refused, however it is spelt and however many there are`() {
        #expect(tapeVerdict(bytes(#"{"a":1,"\u0061":2}"#))?.reason == .duplicateName)
        #expect(tapeVerdict(bytes(#"{"a":{"a":1},"b":{"a":2}}"#)) == nil)
        for count in [8, 9, 40, 300] {
            let members = (0..<count).map { "\"n\($0)\":\($0)" }.joined(separator: ",")
            #expect(tapeVerdict(bytes("{\(members)}")) == nil)
            #expect(tapeVerdict(bytes("{\(members),\"n3\":0}"))?.reason == .duplicateName)
            #expect(tapeVerdict(bytes("{\(members),\"\\u006e3\":0}"))?.reason == .duplicateName)
        }
    }

    @Test func `text that is not UTF-8 is refused at the byte`() {
        var text = bytes(#"{"long name":"0123456789"}"#)
        text[18] = 0xC3
        #expect(tapeVerdict(text) == PayloadFault(.badUTF8, at: 18))
    }

    @Test func `a document beyond the memory is refused, and the next one is read`() throws {
        var tape = JSONTape()
        let large = bytes("[" + String(repeating: "1,", count: JSONTape.nodeCountMax) + "1]")
        #expect(throws: PayloadFault.self) { try tape.parse(large.span) }
        #expect(tape.count == 0)
        try tape.parse(bytes("[1,2]").span)
        #expect(tape.count == 3)
    }

    @Test func `for any text it agrees with the tree`() {
        var random = SeededGenerator(seed: 4)
        let pieces = [
            "{", "}", "[", "]", ",", ":", "\"a\"", "\"b\"", "\"\\u0061\"", "1", "-2.5", "1e3",
            "true",
            "null", " ", "\"x", "\\", "\u{7F}",
        ]
        var acceptedCount = 0
        for _ in 0..<20_000 {
            var text = ""
            for _ in 0...random.below(9) { text += random.pick(pieces) }
            let input = bytes(text)
            let (tree, tape) = (treeVerdict(input), tapeVerdict(input))
            #expect((tree == nil) == (tape == nil), "\(text)")
            if tree == nil { acceptedCount += 1 }
        }
        #expect(acceptedCount > 200)
    }
}
