// SPDX-License-Identifier: Apache-2.0

import JSONText
import Testing

@Suite struct JSONTextTests {
    @Test func `the writer places commas and escapes`() {
        var json = JSONWriter()
        json.object { json in
            json.field("a", 1.5)
            json.field("b", "x\"\\\n\u{1}é")
            json.arrayField("c") { json in
                json.value(1)
                json.object { json in json.field("d", true) }
                json.null()
            }
            json.objectField("e") { _ in }
            json.field("nan", Double.nan)
            json.field("whole", 3.0)
        }
        #expect(
            json.text
                == #"{"a":1.5,"b":"x\"\\\n\u0001é","c":[1,{"d":true},null],"e":{},"nan":null,"whole":3}"#
        )
    }

    @Test(arguments: [
        #"{"a":[1,2.5,-3e2,"x\u00e9\ud83d\ude00",true,null]}"#, "[]", "{}", " 7 ", "-0", "\"\"",
    ])
    func `what parses is written back and parses again`(text: String) throws {
        let value = try JSONValue(parsing: text)
        var json = JSONWriter()
        json.value(value)
        #expect(try JSONValue(parsing: json.text) == value)
    }

    @Test(arguments: [
        ("", JSONError.Reason.unexpectedEnd), ("{", .unexpectedEnd), ("[1,]", .unexpectedByte),
        ("01", .badNumber), ("1.", .badNumber), ("1e", .badNumber), ("1e999", .badNumber),
        ("\"\\x\"", .badEscape), ("\"\\ud800\"", .badEscape), ("\"\u{1}\"", .controlCharacter),
        ("{\"a\":1,\"a\":2}", .duplicateName), ("1 2", .trailingBytes), ("nul", .unexpectedEnd),
        (String(repeating: "[", count: 100), .tooDeep), ("+1", .unexpectedByte),
    ])
    func `what is not JSON says why`(text: String, reason: JSONError.Reason) {
        #expect { _ = try JSONValue(parsing: text) } throws: { error in
            (error as? JSONError)?.reason == reason
        }
    }

    @Test func `bytes that are not UTF-8 are refused`() {
        let bytes: [UInt8] = [0x22, 0xC3, 0x28, 0x22]
        #expect(throws: JSONError.self) { _ = try JSONValue(parsing: bytes.span) }
    }

    @Test func `paths reach members and elements`() throws {
        let value = try JSONValue(parsing: #"{"a":{"b":[{"c":7}]}}"#)
        #expect(value.value(atPath: "a.b.0.c")?.integer == 7)
        #expect(value.value(atPath: "a.b.1.c") == nil)
        #expect(value.value(atPath: "a.x") == nil)
    }
}
