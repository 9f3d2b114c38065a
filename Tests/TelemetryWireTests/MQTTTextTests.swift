// SPDX-License-Identifier: Apache-2.0

import TelemetryWire
import Testing

@Suite struct MQTTTextTests {
    /// The table of the standard's topic rules: filter, names that match, names that do not.
    @Test(arguments: [
        ("a/#", ["a", "a/", "a/b/c"], ["ab", "b/a"]),
        ("a/+", ["a/b", "a/"], ["a", "a/b/c"]),
        ("+/+", ["/b", "a/b", "/"], ["/b/c", "a"]),
        ("/+", ["/b", "/"], ["b"]),
        ("+", ["b"], ["/b", "$SYS"]),
        ("#", ["b", "/b", "a/b/c", "/"], ["$SYS/a"]),
        ("+/x", ["a/x", "/x"], ["$SYS/x", "a/b/x"]),
        ("$SYS/#", ["$SYS/a", "$SYS"], ["$SYSX/a", "a"]),
        ("$SYS/+", ["$SYS/a"], ["$SYS/a/b"]),
        ("a/b", ["a/b"], ["a/B", "a/b/", "a", "/a/b"]),
        ("a/", ["a/"], ["a", "a/b"]),
        ("a//b", ["a//b"], ["a/b", "a/x/b"]),
        ("a/+/b", ["a/x/b", "a//b"], ["a/b", "a/x/y/b"]),
        ("+/+/#", ["a/b", "a/b/c", "//"], ["a"]),
    ])
    func `filters match as the standard says`(
        filter: String, matching: [String], other: [String]
    ) {
        for name in matching {
            let isMatch = MQTTText.matches(filter: filter.utf8.span, name: name.utf8.span)
            #expect(isMatch, "\(filter) should match \(name)")
        }
        for name in other {
            let isMatch = MQTTText.matches(filter: filter.utf8.span, name: name.utf8.span)
            #expect(!isMatch, "\(filter) should not match \(name)")
        }
    }

    @Test(arguments: [
        ("a", true), ("+", true), ("#", true), ("a/+/b", true), ("a/#", true), ("/", true),
        ("+/#", true), ("$share/g/a/+", true), ("$share/g//", true), ("$shared/+", true),
        ("", false), ("a+", false), ("+a", false), ("a/b+", false), ("a#", false),
        ("#/a", false), ("a/#/b", false), ("a/b#", false), ("$share/", false),
        ("$share/g", false), ("$share/g/", false), ("$share//a", false), ("$share/+/a", false),
        ("$share/g#/a", false), ("$share/g/a#", false), ("a\u{0}b", false), ("a\nb", false),
    ])
    func `filters are well-formed or not`(filter: String, expected: Bool) {
        let input = bytes(filter)
        // [MQTT-4.7.1-1], [MQTT-4.7.1-2], [MQTT-4.7.3-1], [MQTT-4.8.2-1], [MQTT-4.8.2-2]
        #expect(MQTTText.isTopicFilter(input.span, ByteRange(0, input.count)) == expected)
    }

    @Test(arguments: [
        ("61", true), ("", true), ("c3a9", true), ("e282ac", true), ("f09f9880", true),
        ("efbbbf61", true),  // BOM is an ordinary character [MQTT-1.5.4-3]
        ("f48fbfbd", true), ("c2a0", true), ("ed9fbf", true), ("ee8080", true),
        ("00", false), ("6100", false),  // [MQTT-1.5.4-2]
        ("01", false), ("1f", false), ("7f", false), ("c280", false), ("c29f", false),
        ("c080", false), ("c1bf", false), ("e08080", false), ("e09fbf", false),
        ("f0808080", false), ("f08fbfbf", false),  // overlong [MQTT-1.5.4-1]
        ("eda080", false), ("edbfbf", false),  // surrogates
        ("f4908080", false), ("f5808080", false), ("ff", false), ("80", false), ("bf", false),
        ("c3", false), ("e282", false), ("f09f98", false), ("c328", false), ("e28228", false),
        ("efb790", false), ("efb7af", false), ("efbfbe", false), ("efbfbf", false),
        ("f09fbfbe", false), ("f48fbfbf", false),  // non-characters
    ])
    func `text is UTF-8 without what MQTT forbids`(digits: String, expected: Bool) {
        let input = hex(digits)
        #expect(MQTTText.isValid(input.span, ByteRange(0, input.count)) == expected)
    }

    @Test func `valid text is what the standard library takes, less the forbidden characters`() {
        var generator = SeededGenerator(seed: 5)
        let leads: [UInt8] = [
            0x41, 0xC2, 0xC3, 0xE0, 0xE2, 0xED, 0xEF, 0xF0, 0xF4, 0x80, 0xBF, 0x9F,
        ]
        for _ in 0..<50_000 {
            let input = (0..<generator.below(7)).map { _ in
                generator.below(3) == 0
                    ? UInt8.random(in: 0...255, using: &generator) : generator.pick(leads)
            }
            let string = String(validating: input, as: UTF8.self)
            let isAllowed =
                string?.unicodeScalars.allSatisfy { scalar in
                    let value = scalar.value
                    let isControl = value < 0x20 || (value >= 0x7F && value < 0xA0)
                    return !isControl && !(0xFDD0...0xFDEF).contains(value)
                        && value & 0xFFFE != 0xFFFE
                } ?? false
            #expect(MQTTText.isValid(input.span, ByteRange(0, input.count)) == isAllowed)
        }
    }

    @Test func `a topic name has a character and no wildcard`() {
        for (name, expected) in [
            ("a", true), ("/", true), ("a b", true), ("$SYS/x", true), ("", false), ("a/+", false),
            ("#", false),
        ] {
            let input = bytes(name)
            #expect(MQTTText.isTopicName(input.span, ByteRange(0, input.count)) == expected)
        }
    }
}
