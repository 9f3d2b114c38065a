// SPDX-License-Identifier: Apache-2.0

internal import JSONText

/// A text with places for members of the native JSON, for receivers that no format knows.
///
///     {{data.message}}              the text, escaped for a JSON string
///     {{data.message|300}}          cut to 300 characters
///     {{json data.value}}           the value as JSON
///     {{#data.checkFirst}}…{{.}}…{{/data.checkFirst}}   for each item, or if there is something
///     {{,}}                         a comma before every item but the first
///     {{^data.runbook}}…{{/data.runbook}}               if there is nothing
///
/// Beside `type`, `timestamp` and `data` there are `id`, `phase` (raised, acknowledged, returned,
/// notice), `priority`, `alarmID` and `endpoint`. Lines at the beginning that start with `#:` are
/// settings:
///
///     #: content-type application/json
///     #: escape slack               json (the default), slack (also & < >), none
///     #: taken ok                   an answer of 2xx counts only if its body begins so
///     #: pause no_service,no_team   a refusal with such a body is about us, not about the alert
///
/// A rendered text that should be JSON and is not, or that is too long, is replaced by
/// `{"text": "…"}` with the sentence of the alert: a fault in a template silences nobody.
package struct AlertTemplate: Sendable {
    package static let bytesMax = 64 * 1_024
    package static let renderedBytesMax = 128 * 1_024
    package static let nodeCountMax = 2_000
    package static let depthMax = 8
    /// Items of one list that are written.
    package static let itemCountMax = 100
    static let wordCountMax = 32

    package enum Escape: String, Sendable { case json, slack, none }

    /// Why a text is no template, and in which line.
    package struct Fault: Error, Equatable, Sendable, CustomStringConvertible {
        package var line: Int
        package var reason: String

        package var description: String { "line \(self.line): \(self.reason)" }
    }

    indirect enum Node: Sendable {
        case text([UInt8])
        case value(Path, charactersMax: Int?)
        case json(Path)
        case section(Path, isInverted: Bool, [Node])
        case comma
    }

    struct Path: Sendable, Equatable {
        /// Whether it begins at the item of the loop around it.
        var isOfItem: Bool
        /// Empty for the item itself.
        var name: String
    }

    package private(set) var contentType = "application/json"
    package private(set) var escape = Escape.json
    /// Beginning of an answer that means taken; empty: every 2xx does.
    package private(set) var taken = ""
    /// Beginnings of answers that refuse us and not the alert.
    package private(set) var pausing: [String] = []
    let nodes: [Node]

    /// What stands in for a template that cannot be read: the sentence of the alert.
    package static let fallback = AlertTemplate(nodes: [])

    private init(nodes: [Node]) { self.nodes = nodes }

    /// Reads a template of at most `bytesMax` bytes.
    package init(_ text: String) throws(Fault) {
        guard text.utf8.count <= Self.bytesMax else {
            throw Fault(line: 1, reason: "longer than \(Self.bytesMax) bytes")
        }
        var rest = text[...]
        var line = 1
        var settings: [(line: Int, name: String, value: String)] = []
        while rest.hasPrefix("#:") {
            let end = rest.firstIndex(of: "\n") ?? rest.endIndex
            let words = rest[..<end].dropFirst(2).split(separator: " ", maxSplits: 1)
            settings.append(
                (line, words.first.map(String.init) ?? "", words.count > 1 ? String(words[1]) : ""))
            rest = end < rest.endIndex ? rest[rest.index(after: end)...] : rest[end...]
            line += 1
        }
        var parser = TemplateParser(rest, line: line)
        self.nodes = try parser.parse()
        for setting in settings { try self.set(setting.line, setting.name, setting.value) }
    }

    private mutating func set(_ line: Int, _ name: String, _ value: String) throws(Fault) {
        switch name {
        case "content-type":
            guard EndpointCredentials.isFieldValue(value) else {
                throw Fault(line: line, reason: "content-type: expected a media type")
            }
            self.contentType = value
        case "escape":
            guard let escape = Escape(rawValue: value) else {
                throw Fault(line: line, reason: "escape: expected json, slack or none")
            }
            self.escape = escape
        case "taken": self.taken = value
        case "pause":
            let words = value.split(separator: ",").map(String.init)
            guard words.count <= Self.wordCountMax else {
                throw Fault(line: line, reason: "pause: at most \(Self.wordCountMax) words")
            }
            self.pausing = words
        default:
            throw Fault(
                line: line,
                reason: "unknown setting \"\(name)\"; known: content-type, escape, taken, pause")
        }
    }

    var isJSON: Bool { self.contentType.lowercased().contains("json") }

    // MARK: Answers

    package func verdict(status: UInt16, answer: [UInt8]) -> AttemptVerdict {
        let usual = RetryLadder.verdict(status: status)
        switch usual {
        case .delivered:
            return answer.starts(with: self.taken.utf8) ? .delivered : .retry(throttles: false)
        case .permanent:
            let isAboutUs = self.pausing.contains { answer.starts(with: $0.utf8) }
            return isAboutUs ? .pause(status: status) : .permanent
        case .retry, .disable, .pause: return usual
        }
    }
}

/// Reads the text of a template.
struct TemplateParser {
    private var rest: Substring
    private var line: Int
    private var nodeCount = 0

    init(_ text: Substring, line: Int) {
        self.rest = text
        self.line = line
    }

    mutating func parse() throws(AlertTemplate.Fault) -> [AlertTemplate.Node] {
        try self.nodes(until: nil, depth: 0)
    }

    private func fault(_ reason: String) -> AlertTemplate.Fault {
        AlertTemplate.Fault(line: self.line, reason: reason)
    }

    /// Nodes up to the end of the section `name`, or to the end of the text.
    private mutating func nodes(
        until name: String?, depth: Int
    ) throws(AlertTemplate.Fault) -> [AlertTemplate.Node] {
        guard depth <= AlertTemplate.depthMax else {
            throw self.fault("sections nested deeper than \(AlertTemplate.depthMax)")
        }
        var nodes: [AlertTemplate.Node] = []
        while let open = self.rest.firstRange(of: "{{") {
            self.append(self.rest[..<open.lowerBound], to: &nodes)
            self.rest = self.rest[open.upperBound...]
            guard let close = self.rest.firstRange(of: "}}") else {
                throw self.fault("{{ without }}")
            }
            let tag = self.trimmed(self.rest[..<close.lowerBound])
            self.rest = self.rest[close.upperBound...]
            self.nodeCount += 2
            guard self.nodeCount <= AlertTemplate.nodeCountMax else {
                throw self.fault("more than \(AlertTemplate.nodeCountMax) parts")
            }
            if tag.hasPrefix("/") {
                let end = self.trimmed(tag.dropFirst())
                guard let name, end == name else {
                    throw self.fault("{{/\(end)}} ends \(name.map { "{{#\($0)}}" } ?? "nothing")")
                }
                return nodes
            }
            nodes.append(try self.node(tag, depth: depth))
        }
        guard name == nil else { throw self.fault("{{#\(name ?? "")}} has no end") }
        self.append(self.rest, to: &nodes)
        self.rest = self.rest[self.rest.endIndex...]
        return nodes
    }

    private mutating func node(
        _ tag: Substring, depth: Int
    ) throws(AlertTemplate.Fault) -> AlertTemplate.Node {
        if tag == "," { return .comma }
        if tag.hasPrefix("#") || tag.hasPrefix("^") {
            let name = String(self.trimmed(tag.dropFirst()))
            let path = try self.path(name)
            let inner = try self.nodes(until: name, depth: depth + 1)
            return .section(path, isInverted: tag.hasPrefix("^"), inner)
        }
        if tag.hasPrefix("json ") { return .json(try self.path(String(tag.dropFirst(5)))) }
        let parts = tag.split(separator: "|", omittingEmptySubsequences: false)
        guard parts.count <= 2 else { throw self.fault("\(tag): expected one | at most") }
        var charactersMax: Int?
        if parts.count == 2 {
            guard let count = Int(self.trimmed(parts[1])), (1...100_000).contains(count) else {
                throw self.fault("\(tag): expected a number of characters behind |")
            }
            charactersMax = count
        }
        return .value(try self.path(String(parts[0])), charactersMax: charactersMax)
    }

    private func path(_ text: String) throws(AlertTemplate.Fault) -> AlertTemplate.Path {
        let name = self.trimmed(text[...])
        if name == "." { return AlertTemplate.Path(isOfItem: true, name: "") }
        let isOfItem = name.hasPrefix(".")
        let bare = isOfItem ? name.dropFirst() : name
        let isPath = bare.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "_"), UInt8(ascii: "-"),
                UInt8(ascii: "."):
                true
            default: false
            }
        }
        guard !bare.isEmpty, isPath, !bare.hasPrefix("."), !bare.hasSuffix("."),
            !bare.contains("..")
        else { throw self.fault("\"\(name)\" is no name of a member") }
        return AlertTemplate.Path(isOfItem: isOfItem, name: String(bare))
    }

    private mutating func append(_ text: Substring, to nodes: inout [AlertTemplate.Node]) {
        self.line += text.utf8.count { $0 == UInt8(ascii: "\n") }
        if !text.isEmpty { nodes.append(.text(Array(text.utf8))) }
    }

    private func trimmed(_ text: Substring) -> Substring {
        var text = text
        while let first = text.first, first.isWhitespace { text.removeFirst() }
        while let last = text.last, last.isWhitespace { text.removeLast() }
        return text
    }
}

extension Substring {
    /// Place of the first occurrence of `text`.
    func firstRange(of text: String) -> Range<Index>? {
        let wanted = Array(text.utf8)
        let bytes = self.utf8
        var start = bytes.startIndex
        while start < bytes.endIndex {
            if bytes[start] == wanted[0], bytes[start...].starts(with: wanted) {
                return start..<bytes.index(start, offsetBy: wanted.count)
            }
            start = bytes.index(after: start)
        }
        return nil
    }
}
