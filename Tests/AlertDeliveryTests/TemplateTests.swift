// SPDX-License-Identifier: Apache-2.0

import JSONText
import MidwatchModel
import Testing

@testable import AlertDelivery

@Suite struct TemplateTests {
    private func text(_ template: String, _ body: String) throws -> String {
        var alert = makeAlert(1)
        alert.body = Array(body.utf8)
        let request = AlertFormat.template(try AlertTemplate(template))
            .request(try FormatTests.input(alert))
        return String(decoding: request.body, as: UTF8.self)
    }

    @Test func `values, sections, lists and commas`() throws {
        let plain = "#: content-type text/plain\n#: escape none\n"
        let body = #"{"message":"m","n":3,"f":false,"list":["a","b"],"objects":[{"x":1},{"x":2}]}"#
        for (template, wanted) in [
            ("{{data.message}} {{ data.n }}", "m 3"), ("{{data.nothing}}", ""),
            ("{{#data.list}}{{,}}{{.}}{{/data.list}}", "a,b"),
            ("{{#data.objects}}[{{.x}}{{.y}}]{{/data.objects}}", "[1][2]"),
            ("{{#data.f}}yes{{/data.f}}{{^data.f}}no{{/data.f}}", "no"),
            ("{{#data.message}}<{{.}}>{{/data.message}}", "<m>"),
            ("{{^data.gone}}none{{/data.gone}}", "none"), ("{{data.list.1}}", "b"),
            ("{{json data.list}} {{json data.gone}}", "[\"a\",\"b\"] null"),
            ("{{id}} {{phase}} {{priority}} {{endpoint}}", "alert_1_1_1 raised high room"),
            ("{{#high}}!{{/high}}{{#low}}.{{/low}}", "!"), ("}} {", "}} {"),
        ] {
            #expect(try self.text(plain + template, body) == wanted, "\(template)")
        }
    }

    @Test func `what a value holds stays inside its string`() throws {
        let body = #"{"message":"a\"b\\c\nd\u0001 <&>"}"#
        let json = try JSONValue(parsing: try self.text(#"{"t":"{{data.message}}"}"#, body))
        #expect(json["t"]?.string == "a\"b\\c\nd\u{1} <&>")
        let slack = "#: escape slack\n" + #"{"t":"{{data.message}}"}"#
        let escaped = try JSONValue(parsing: try self.text(slack, body))
        #expect(escaped["t"]?.string == "a\"b\\c\nd\u{1} &lt;&amp;&gt;")
    }

    @Test func `a value is cut before it is escaped`() throws {
        let body = #"{"message":"\u0001\u0001\u0001\u0001\u0001\u0001\u0001\u0001\u0001\u0001x"}"#
        let json = try JSONValue(parsing: try self.text(#"{"t":"{{data.message|10}}"}"#, body))
        #expect(json["t"]?.string?.utf16.count == 10)
    }

    @Test func `a template that makes no JSON, or too much, leaves the sentence`() throws {
        let items = (0..<100).map { _ in "\"x\"" }.joined(separator: ",")
        let body = #"{"message":"it burns","list":[\#(items)]}"#
        let nested =
            String(repeating: "{{#data.list}}", count: 4) + String(repeating: "y", count: 200)
            + String(repeating: "{{/data.list}}", count: 4)
        for template in [#"{"t": {{data.message}}}"#, #"{"t": "\#(nested)"}"#, "", "nothing"] {
            let json = try JSONValue(parsing: try self.text(template, body))
            #expect(json["text"]?.string == "it burns", "\(template.prefix(20))")
        }
        #expect(try self.text("#: content-type text/plain\n", body) == "it burns")
    }

    @Test(arguments: [
        ("a\n{{#x}}\n", 2, "{{#x}} has no end"), ("{{/x}}", 1, "ends nothing"),
        ("{{#x}}\n\n{{/y}}", 3, "ends {{#x}}"), ("\n{{x", 2, "{{ without }}"),
        ("{{a b}}", 1, "is no name"), ("{{}}", 1, "is no name"), ("{{x|0}}", 1, "number of"),
        ("#: speed 7\nx", 1, "unknown setting"), ("#: escape html\nx", 1, "escape"),
        ("#: content-type application/json\n#: escape x\n", 2, "escape"),
    ])
    func `a fault is named with its line`(template: String, line: Int, words: String) {
        #expect {
            try AlertTemplate(template)
        } throws: { error in
            guard let fault = error as? AlertTemplate.Fault else { return false }
            return fault.line == line && fault.reason.contains(words)
        }
    }

    @Test func `templates are bounded`() {
        let deep = String(repeating: "{{#a}}", count: 9) + String(repeating: "{{/a}}", count: 9)
        let many = String(repeating: "{{a}}", count: 1_001)
        let long = String(repeating: "x", count: AlertTemplate.bytesMax + 1)
        for template in [deep, many, long] {
            #expect(throws: AlertTemplate.Fault.self) { try AlertTemplate(template) }
        }
    }

    @Test func `what is shipped for Slack keeps to Slack's limits`() throws {
        let template = try AlertTemplate(try FormatTests.shipped("templates/slack.json"))
        var alert = try FormatTests.alert("raised")
        let long = String(repeating: "&<>", count: 3_000)
        var body = String(decoding: alert.body, as: UTF8.self)
        for text in [
            "CO west portal: 61.5", "Drivers & staff", "Start the fans", "Do the fans run?",
            "https://runbooks", "\"title\":\"CO west portal",
        ] {
            #expect(body.contains(text))
            body = body.replacing(text, with: text + long)
        }
        alert.body = Array(body.utf8)
        let request = AlertFormat.template(template).request(try FormatTests.input(alert))
        let json = try JSONValue(parsing: String(decoding: request.body, as: UTF8.self))
        let blocks = try #require(json["blocks"]?.array)
        #expect((2...50).contains(blocks.count))
        var total = 0
        func shown(_ text: String) -> Int {
            text.replacing("&amp;", with: "&").replacing("&lt;", with: "<")
                .replacing("&gt;", with: ">").utf16.count
        }
        for block in blocks {
            let isHeader = block["type"]?.string == "header"
            if let text = block.value(atPath: "text.text")?.string {
                total += shown(text)
                #expect(shown(text) <= (isHeader ? 150 : 3_000))
            }
            for field in block["fields"]?.array ?? [] {
                #expect(shown(field["text"]?.string ?? "") <= 2_000)
                total += shown(field["text"]?.string ?? "")
            }
        }
        #expect(total <= 8_000, "\(total)")
    }
}
