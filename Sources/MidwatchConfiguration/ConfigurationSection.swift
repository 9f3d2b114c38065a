// SPDX-License-Identifier: Apache-2.0

/// Walks one mapping of the file: hands out typed values and remembers which keys were asked for.
///
/// A value that is wrong is reported and replaced by its default, so that reading goes on and every
/// error of the file is found at once. `finish()` reports the keys nobody asked for.
final class ConfigurationSection {
    /// Dotted key of this mapping; empty at the root.
    let path: String
    let position: YAMLPosition
    let issues: IssueLog
    private let entries: [YAMLNode.Entry]
    private var known: [String] = []

    init(_ entries: [YAMLNode.Entry], path: String, at position: YAMLPosition, issues: IssueLog) {
        self.entries = entries
        self.path = path
        self.position = position
        self.issues = issues
    }

    /// The dotted name of `key` in this mapping.
    func name(_ key: String) -> String { self.path.isEmpty ? key : "\(self.path).\(key)" }

    /// Whether the file has `key`.
    func has(_ key: String) -> Bool { self.entries.contains { $0.key == key } }

    /// Every key of the mapping, for mappings whose keys are the user's.
    var keys: [String] { self.entries.map(\.key) }

    /// Whether `key` is a list without items.
    func isEmptyList(_ key: String) -> Bool {
        guard
            case .sequence(let items)? = self.entries.first(where: { $0.key == key })?.value.content
        else { return false }
        return items.isEmpty
    }

    /// The value of `key`, and that it is a key of the schema.
    func take(_ key: String) -> YAMLNode? {
        self.known.append(key)
        return self.entries.first { $0.key == key }?.value
    }

    /// Where the value of `key` stands; the mapping itself if it has none.
    func place(_ key: String) -> YAMLPosition {
        self.entries.first { $0.key == key }?.value.position ?? self.position
    }

    /// Reports a problem of `key`.
    func report(_ kind: ConfigurationIssue.Kind, _ key: String, _ message: String) {
        self.issues.add(kind, message, key: self.name(key), at: self.place(key))
    }

    /// Reports every key that is not part of the schema.
    func finish() {
        for entry in self.entries where !self.known.contains(entry.key) {
            var message = "unknown key \(quoted(entry.key))"
            if let near = Spelling.nearest(to: entry.key, among: self.known) {
                message += ", did you mean \"\(near)\"?"
            } else if self.known.isEmpty {
                message += "; nothing can be set here"
            } else {
                message += "; known keys: \(self.known.joined(separator: ", "))"
            }
            self.issues.add(.invalid, message, key: self.path, at: entry.keyPosition)
        }
    }

    // MARK: - Typed values

    /// Text, plain or quoted, of at most `textBytesMax` bytes, without control characters.
    func text(_ key: String) -> String? {
        guard let node = self.take(key) else { return nil }
        return self.text(node, self.name(key))
    }

    /// A whole number within `range`.
    func integer(_ key: String, in range: ClosedRange<Int>, default fallback: Int) -> Int {
        self.plain(key, "expected an integer \(range.lowerBound)-\(range.upperBound)") { text in
            Scalars.integer(text).flatMap { range.contains($0) ? $0 : nil }
        } ?? fallback
    }

    /// A finite decimal number.
    func number(_ key: String) -> Double? {
        self.plain(key, "expected a number such as 12.5", Scalars.number)
    }

    /// `true` or `false`.
    func boolean(_ key: String, default fallback: Bool) -> Bool {
        self.plain(key, "expected true or false", Scalars.boolean) ?? fallback
    }

    /// A time span with its unit, in nanoseconds.
    func duration(_ key: String, in range: ClosedRange<UInt64>) -> UInt64? {
        self.plain(
            key,
            "expected a time with its unit, \(Scalars.show(duration: range.lowerBound)) to "
                + "\(Scalars.show(duration: range.upperBound)) (250ms, 10s, 5m, 2h, 1d)"
        ) { text in
            Scalars.duration(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// A size with its unit, in bytes.
    func size(_ key: String, in range: ClosedRange<UInt64>) -> Int? {
        self.plain(
            key,
            "expected a size with its unit, \(Scalars.show(size: range.lowerBound)) to "
                + "\(Scalars.show(size: range.upperBound)) (64KiB, 4MiB, 1GiB)"
        ) { text in
            Scalars.size(text).flatMap { range.contains($0) ? Int(exactly: $0) : nil }
        }
    }

    /// One of the words.
    func choice<Value>(_ key: String, of choices: [(word: String, value: Value)]) -> Value? {
        guard let node = self.take(key) else { return nil }
        return self.choice(node, self.name(key), of: choices)
    }

    /// An absolute path of a file or folder.
    func filePath(_ key: String) -> String? {
        guard let text = self.text(key) else { return nil }
        guard text.hasPrefix("/"), !text.split(separator: "/").contains("..") else {
            self.report(.invalid, key, "expected an absolute path without .., got \(quoted(text))")
            return nil
        }
        return text
    }

    /// A numeric address with a port.
    func bindAddress(_ key: String) -> BindAddress? {
        guard let text = self.text(key) else { return nil }
        guard let address = BindAddress(text) else {
            self.report(
                .invalid, key,
                "expected a numeric address and a port 0-65535, \"127.0.0.1:8094\" or "
                    + "\"[::]:8094\", got \(quoted(text))")
            return nil
        }
        if address.port == 0 {
            self.report(.advice, key, "port 0 takes any free port: senders cannot know it")
        }
        return address
    }

    // MARK: - Collections

    /// A nested mapping; an absent key gives an empty one, so that defaults are set in one place.
    func section(_ key: String) -> ConfigurationSection {
        let node = self.take(key)
        return self.section(node, self.name(key), fallback: self.position)
    }

    /// A list of mappings.
    func sections(_ key: String, max: Int = ConfigurationLimits.listCountMax)
        -> [ConfigurationSection]
    {
        self.items(key, max: max).enumerated().map { index, node in
            self.section(node, "\(self.name(key))[\(index)]", fallback: node.position)
        }
    }

    /// A list of texts with their places.
    func texts(_ key: String) -> [(text: String, position: YAMLPosition)] {
        self.items(key, max: ConfigurationLimits.listCountMax).enumerated().compactMap {
            index, node in
            self.text(node, "\(self.name(key))[\(index)]").map { ($0, node.position) }
        }
    }

    /// A list of words.
    func choices<Value>(_ key: String, of choices: [(word: String, value: Value)]) -> [Value] {
        self.items(key, max: ConfigurationLimits.listCountMax).enumerated().compactMap {
            index, node in
            self.choice(node, "\(self.name(key))[\(index)]", of: choices)
        }
    }

    /// The nodes of a list.
    func items(_ key: String, max: Int) -> [YAMLNode] {
        guard let node = self.take(key) else { return [] }
        guard case .sequence(let items) = node.content else {
            self.report(
                .invalid, key, "expected a list (lines that begin with -), got \(node.found)")
            return []
        }
        guard items.count <= max else {
            self.report(.invalid, key, "expected at most \(max) items, got \(items.count)")
            return Array(items.prefix(max))
        }
        return items
    }

    // MARK: - Helpers

    private func section(
        _ node: YAMLNode?, _ path: String, fallback: YAMLPosition
    ) -> ConfigurationSection {
        var entries: [YAMLNode.Entry] = []
        if let node {
            if case .mapping(let found) = node.content {
                entries = found
            } else {
                self.issues.add(
                    .invalid, "expected a mapping (key: value), got \(node.found)", key: path,
                    at: node.position)
            }
        }
        return ConfigurationSection(
            entries, path: path, at: node?.position ?? fallback, issues: self.issues)
    }

    /// Reads a text node; reports and returns nil if it is none.
    func text(_ node: YAMLNode, _ name: @autoclosure () -> String) -> String? {
        guard case .scalar(let text, let isPlain) = node.content, !text.isEmpty,
            !(isPlain && (text == "~" || text == "null"))
        else {
            let found = node.found == "\"\"" ? "empty text" : node.found
            self.issues.add(
                .invalid, "expected text, got \(found)", key: name(), at: node.position)
            return nil
        }
        guard text.utf8.count <= ConfigurationLimits.textBytesMax else {
            let message = "expected at most \(ConfigurationLimits.textBytesMax) bytes of text"
            self.issues.add(
                .invalid, "\(message), got \(text.utf8.count)", key: name(), at: node.position)
            return nil
        }
        guard !text.utf8.contains(where: { $0 < 0x20 && $0 != 0x0A && $0 != 0x09 }) else {
            self.issues.add(
                .invalid, "expected text without control characters, got \(quoted(text))",
                key: name(), at: node.position)
            return nil
        }
        return text
    }

    private func choice<Value>(
        _ node: YAMLNode, _ name: @autoclosure () -> String,
        of choices: [(word: String, value: Value)]
    ) -> Value? {
        if case .scalar(let text, _) = node.content,
            let match = choices.first(where: { $0.word == text })
        {
            return match.value
        }
        let words = choices.map(\.word)
        if case .scalar(let text, _) = node.content {
            if let near = Spelling.nearest(to: text, among: words) {
                let message =
                    "expected one of \(words.joined(separator: ", ")), got \(quoted(text))"
                self.issues.add(
                    .invalid, "\(message), did you mean \"\(near)\"?", key: name(),
                    at: node.position)
                return nil
            }
        }
        self.issues.add(
            .invalid, "expected one of \(words.joined(separator: ", ")), got \(node.found)",
            key: name(), at: node.position)
        return nil
    }

    /// `expected` is built only for a message: it cost a sixth of reading 100,000 sensors.
    private func plain<Value>(
        _ key: String, _ expected: @autoclosure () -> String, _ parse: (String) -> Value?
    ) -> Value? {
        guard let node = self.take(key) else { return nil }
        guard case .scalar(let text, let isPlain) = node.content else {
            self.report(.invalid, key, "\(expected()), got \(node.found)")
            return nil
        }
        guard isPlain else {
            self.report(
                .invalid, key,
                "\(expected()), got the quoted text \(quoted(text)); remove the quotes"
            )
            return nil
        }
        guard let value = parse(text) else {
            self.report(.invalid, key, "\(expected()), got \(node.found)")
            return nil
        }
        return value
    }
}
