// SPDX-License-Identifier: Apache-2.0

internal import JSONText
internal import MidwatchModel

extension AlertTemplate {
    /// The text of one alert, at most `renderedBytesMax` bytes.
    func text(of facts: NativeAlert) -> [UInt8] {
        var renderer = TemplateRenderer(escape: self.escape, root: Self.root(facts))
        renderer.render(self.nodes, item: nil, isFirst: true)
        let isWhole = !self.nodes.isEmpty && !renderer.isTooLong
        guard isWhole, !self.isJSON || (try? JSONValue(parsing: renderer.bytes.span)) != nil else {
            return self.isJSON
                ? Self.plain(facts) : Array(TextLimit.cut(facts.message, 4_096).utf8)
        }
        return renderer.bytes
    }

    /// What people are told when the template fails: most receivers of chat show `text`.
    private static func plain(_ facts: NativeAlert) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.field("text", TextLimit.cut(facts.message, 4_096))
        }
        return json.bytes
    }

    /// `data` with a sentence: templates ask for it, and a digest is written without one.
    private static func saying(
        _ member: (name: String, value: JSONValue), _ facts: NativeAlert
    ) -> JSONValue {
        guard member.name == "data", case .object(let data) = member.value,
            facts.text("message").isEmpty
        else { return member.value }
        return .object(data + [(name: "message", value: .string(facts.message))])
    }

    private static func root(_ facts: NativeAlert) -> JSONValue {
        var members: [(String, JSONValue)] = [
            ("id", .string(facts.alert.id)), ("phase", .string(facts.phase.rawValue)),
            ("priority", .string(facts.alert.priority.word)),
            ("alarmID", .string(facts.alert.alarmID)), ("endpoint", .string(facts.endpoint)),
            ("message", .string(facts.message)), ("headline", .string(facts.headline)),
            ("drill", .bool(facts.isDrill)), ("node", .string(facts.node)),
            ("site", .string(facts.site)),
            (facts.phase.rawValue, .bool(true)), (facts.alert.priority.word, .bool(true)),
        ]
        if case .object(let envelope) = facts.envelope {
            members += envelope.map { ($0.name, self.saying($0, facts)) }
        }
        return .object(members)
    }
}

/// Writes the nodes of a template.
struct TemplateRenderer {
    let escape: AlertTemplate.Escape
    let root: JSONValue
    private(set) var bytes: [UInt8] = []
    private(set) var isTooLong = false

    init(escape: AlertTemplate.Escape, root: JSONValue) {
        self.escape = escape
        self.root = root
    }

    mutating func render(_ nodes: [AlertTemplate.Node], item: JSONValue?, isFirst: Bool) {
        for node in nodes {
            guard !self.isTooLong else { return }
            switch node {
            case .text(let text): self.append(text)
            case .comma: if !isFirst { self.append(CollectionOfOne(UInt8(ascii: ","))) }
            case .json(let path):
                var json = JSONWriter()
                json.value(self.value(at: path, item) ?? .null)
                self.append(json.bytes)
            case .value(let path, let charactersMax):
                guard let value = self.value(at: path, item) else { continue }
                var text = NativeAlert.text(of: value)
                // Cut before escaping: what a receiver counts is the text it shows.
                if let charactersMax { text = TextLimit.cut(text, charactersMax) }
                self.append(self.escaped(text))
            case .section(let path, let isInverted, let inner):
                self.section(self.value(at: path, item), isInverted, inner, item: item)
            }
        }
    }

    private mutating func section(
        _ value: JSONValue?, _ isInverted: Bool, _ inner: [AlertTemplate.Node], item: JSONValue?
    ) {
        let isThere = Self.isThere(value)
        if isInverted {
            if !isThere { self.render(inner, item: item, isFirst: true) }
            return
        }
        guard isThere, let value else { return }
        guard let items = value.array else {
            return self.render(inner, item: value, isFirst: true)
        }
        for (index, one) in items.prefix(AlertTemplate.itemCountMax).enumerated() {
            self.render(inner, item: one, isFirst: index == 0)
        }
    }

    private static func isThere(_ value: JSONValue?) -> Bool {
        guard let value else { return false }
        if let text = value.string { return !text.isEmpty }
        if let items = value.array { return !items.isEmpty }
        if let flag = value.bool { return flag }
        if case .null = value { return false }
        return true
    }

    private func value(at path: AlertTemplate.Path, _ item: JSONValue?) -> JSONValue? {
        let base = path.isOfItem ? item : self.root
        return path.name.isEmpty ? base : base?.value(atPath: path.name)
    }

    private mutating func append(_ text: some Collection<UInt8>) {
        guard self.bytes.count + text.count <= AlertTemplate.renderedBytesMax else {
            self.isTooLong = true
            return
        }
        self.bytes.append(contentsOf: text)
    }

    private func escaped(_ text: String) -> [UInt8] {
        switch self.escape {
        case .none: return Array(text.utf8)
        case .json: return Self.json(text)
        case .slack:
            var escaped = ""
            for character in text.unicodeScalars {
                switch character {
                case "&": escaped += "&amp;"
                case "<": escaped += "&lt;"
                case ">": escaped += "&gt;"
                default: escaped.unicodeScalars.append(character)
                }
            }
            return Self.json(escaped)
        }
    }

    /// What stands between the quotes of a JSON string.
    private static func json(_ text: String) -> [UInt8] {
        var json = JSONWriter()
        json.value(text)
        return Array(json.bytes.dropFirst().dropLast())
    }
}
