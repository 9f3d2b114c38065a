// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import TelemetryWire
import Testing

/// Paths of all fields of one line, or the error.
private func paths(
    _ line: [UInt8], _ template: SeriesPathTemplate = .standard
) throws -> [String] {
    var parser = LineProtocolParser()
    parser.start()
    guard case .line(let parsed) = parser.nextLine(line.span) else { return ["bad line"] }
    var paths: [String] = []
    for index in 0..<parsed.fieldCount {
        paths.append(
            try template.path(
                seriesKey: parsed.seriesKey, fieldKey: parser.field(index).key, in: line.span
            ).path)
    }
    return paths
}

@Suite struct SeriesPathTests {
    @Test(arguments: [
        ("pump value=1", "pump"),
        ("pump pressure=1", "pump/pressure"),
        ("pump,site=west value=1", "pump/west"),
        ("pump,b=2,a=1 flow=1", "pump/1/2/flow"),
        ("tunnel/west/fan value=1", "tunnel/west/fan"),
        ("/a//b/ value=1", "_/a/_/b/_"),
        ("a+b#c,t=\\,\\ \\= value=1", "a_b_c/, ="),
        ("a\u{1}b\u{7F} value=1", "a_b_"),
        ("größe,ort=köln wert=1", "größe/köln/wert"),
        ("a value\\=x=1", "a/value=x"),
        ("a\\=b value=1", "a\\=b"),
    ])
    func `the standard path is measurement, tag values by key, field`(
        line: String, expected: String
    ) throws {
        #expect(try paths(bytes(line)) == [expected])
    }

    @Test func `tags come in the configured order and others are left out`() throws {
        let template = SeriesPathTemplate(tagOrder: ["site", "unit"])
        let line = bytes("pump,unit=3,site=west,host=x flow=1,value=2")
        #expect(try paths(line, template) == ["pump/west/3/flow", "pump/west/3"])
        #expect(throws: SeriesPathError.missingTag) {
            try paths(bytes("pump,unit=3 flow=1"), template)
        }
    }

    @Test func `a template places literals, named tags and the rest`() throws {
        let template = try #require(
            SeriesPathTemplate(parsing: "plant/{tag:site}/{measurement}/{tags}/{field}"))
        #expect(
            try paths(bytes("pump,z=9,site=west,a=1 flow=1"), template)
                == ["plant/west/pump/1/9/flow"])
        #expect(SeriesPathTemplate(parsing: "{measurement}/{tags}/{field}") == .standard)
        for text in ["", "a//b", "{nothing}", "{tag:}", "a{b", "+", "#", "a/"] {
            #expect(SeriesPathTemplate(parsing: text) == nil, "\(text)")
        }
        let field = try #require(SeriesPathTemplate(parsing: "{field}"))
        #expect(try paths(bytes("a value=1,b=2"), field) == ["value", "b"])
    }

    @Test func `what has no path says why`() {
        #expect(throws: SeriesPathError.duplicateTagKey) { try paths(bytes("a,t=1,t=2 b=1")) }
        #expect(throws: SeriesPathError.notUTF8) { try paths([0x61, 0xFF] + bytes(" b=1")) }
        #expect(throws: SeriesPathError.notUTF8) { try paths(bytes("a b") + [0xC3] + bytes("=1")) }
        let long = String(repeating: "x", count: 252)
        #expect(throws: SeriesPathError.pathTooLong) { try paths(bytes("\(long) abc=1")) }
        #expect(throws: Never.self) { try paths(bytes("\(long) ab=1")) }
    }

    @Test func `any accepted line has a well-formed path or an error`() {
        var generator = SeededGenerator(seed: 3)
        let alphabet = bytes("ab/+#,= \\_\"\u{1}é") + [0xFF]
        var pathCount = 0
        for _ in 0..<20_000 {
            let name = (0..<generator.below(12)).map { _ in generator.pick(alphabet) }
            let line = name + bytes(" f=1")
            if let found = try? paths(line), found != ["bad line"] {
                for path in found { #expect(SensorID(path) != nil) }
                pathCount += 1
            }
        }
        #expect(pathCount > 1_000)
    }
}
