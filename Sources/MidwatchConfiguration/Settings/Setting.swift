// SPDX-License-Identifier: Apache-2.0

package import JSONText

/// A value of the configuration as people see it: the schema's keys, with the defaults in.
package indirect enum Setting: Equatable, Sendable {
    package struct Entry: Equatable, Sendable {
        package var key: String
        package var value: Setting

        package init(_ key: String, _ value: Setting) {
            self.key = key
            self.value = value
        }
    }

    /// A word of the schema, a time or a size: written without quotes.
    case word(String)
    case text(String)
    case number(Double)
    case flag(Bool)
    /// A secret; never written, compared where it is known. `shown` stands for it.
    case hidden(String, shown: String)
    case list([Setting])
    case mapping([Entry])

    /// What stands for a secret.
    package static let hiddenText = "(hidden)"

    /// The value with its secrets as text.
    var revealed: Setting {
        switch self {
        case .word, .text, .number, .flag: self
        case .hidden(let text, _): .text(text)
        case .list(let items): .list(items.map(\.revealed))
        case .mapping(let entries): .mapping(entries.map { Entry($0.key, $0.value.revealed) })
        }
    }

    /// The value of a key; nil if this is no mapping or has none.
    package subscript(_ key: String) -> Setting? {
        guard case .mapping(let entries) = self else { return nil }
        return entries.first { $0.key == key }?.value
    }
}

/// Collects the entries of a mapping in their order.
struct SettingEntries {
    private(set) var entries: [Setting.Entry] = []

    var mapping: Setting { .mapping(self.entries) }

    mutating func add(_ key: String, _ value: Setting) {
        self.entries.append(Setting.Entry(key, value))
    }

    /// Text that is set.
    mutating func text(_ key: String, _ value: String?) {
        guard let value, !value.isEmpty else { return }
        self.add(key, .text(value))
    }

    mutating func word(_ key: String, _ value: String?) {
        if let value { self.add(key, .word(value)) }
    }

    mutating func number(_ key: String, _ value: Double?) {
        if let value { self.add(key, .number(value)) }
    }

    mutating func integer(_ key: String, _ value: Int) { self.add(key, .number(Double(value))) }

    mutating func flag(_ key: String, _ value: Bool) { self.add(key, .flag(value)) }

    mutating func time(_ key: String, _ nanoseconds: UInt64?) {
        if let nanoseconds { self.add(key, .word(Scalars.show(duration: nanoseconds))) }
    }

    mutating func size(_ key: String, _ bytes: Int?) {
        if let bytes { self.add(key, .word(Scalars.show(size: UInt64(clamping: bytes)))) }
    }

    mutating func texts(_ key: String, _ values: [String]) {
        if !values.isEmpty { self.add(key, .list(values.map { .text($0) })) }
    }

    mutating func list(_ key: String, _ values: [Setting]) {
        if !values.isEmpty { self.add(key, .list(values)) }
    }
}

// MARK: - YAML

extension Setting {
    /// The value as a file that can be checked and started with; secrets are left out of it.
    package var yaml: String {
        var lines: [String] = []
        self.write(to: &lines, indent: "", head: "")
        return lines.joined(separator: "\n") + "\n"
    }

    /// The value on one line.
    package var inline: String {
        switch self {
        case .word(let text): text
        case .text(let text): Self.quote(text)
        case .number(let number): Self.show(number)
        case .flag(let flag): flag ? "true" : "false"
        case .hidden(_, let shown): Self.quote(shown)
        case .list(let items): "[" + items.map(\.inline).joined(separator: ", ") + "]"
        case .mapping(let entries):
            "{" + entries.map { "\(Self.key($0.key)): \($0.value.inline)" }.joined(separator: ", ")
                + "}"
        }
    }

    private var isFlat: Bool {
        switch self {
        case .word, .text, .number, .flag, .hidden: true
        case .list(let items): items.allSatisfy { $0.isScalar }
        case .mapping(let entries): entries.isEmpty
        }
    }

    private var isScalar: Bool {
        switch self {
        case .word, .text, .number, .flag, .hidden: true
        case .list, .mapping: false
        }
    }

    /// `head` is what stands before the value in its first line.
    private func write(to lines: inout [String], indent: String, head: String) {
        switch self {
        case .mapping(let entries) where !entries.isEmpty:
            for (index, entry) in entries.enumerated() {
                let start = index == 0 ? head : indent
                if entry.value.isFlat {
                    lines.append("\(start)\(Self.key(entry.key)): \(entry.value.inline)")
                } else {
                    lines.append("\(start)\(Self.key(entry.key)):")
                    entry.value.write(to: &lines, indent: indent + "  ", head: indent + "  ")
                }
            }
        case .list(let items) where !self.isFlat:
            for item in items {
                item.write(to: &lines, indent: indent + "  ", head: indent + "- ")
            }
        case .word, .text, .number, .flag, .hidden, .list, .mapping:
            lines.append(head + self.inline)
        }
    }

    private static func key(_ key: String) -> String {
        let isPlain = key.utf8.allSatisfy { byte in
            (byte | 0x20) >= UInt8(ascii: "a") && (byte | 0x20) <= UInt8(ascii: "z")
        }
        return isPlain ? key : self.quote(key)
    }

    /// A number as short as it can be read back.
    private static func show(_ number: Double) -> String {
        guard number.rounded() == number, abs(number) < 1e15 else { return "\(number)" }
        return "\(Int64(number))"
    }

    /// Text in double quotes: what JSON writes, YAML reads.
    private static func quote(_ text: String) -> String {
        var json = JSONWriter()
        json.value(text)
        return json.text
    }
}

// MARK: - JSON

extension Setting {
    package func encode(to json: inout JSONWriter) {
        switch self {
        case .word(let text), .text(let text): json.value(text)
        case .number(let number): json.value(number)
        case .flag(let flag): json.value(flag)
        case .hidden(_, let shown): json.value(shown)
        case .list(let items):
            json.array { json in for item in items { item.encode(to: &json) } }
        case .mapping(let entries):
            json.object { json in
                for entry in entries {
                    json.name(entry.key)
                    entry.value.encode(to: &json)
                }
            }
        }
    }

    /// Reads what `encode` wrote; words and secrets come back as text.
    package init(_ json: JSONValue) {
        switch json {
        case .null: self = .word("null")
        case .bool(let flag): self = .flag(flag)
        case .integer(let number): self = .number(Double(number))
        case .number(let number): self = .number(number)
        case .string(let text): self = .text(text)
        case .array(let items): self = .list(items.map { Setting($0) })
        case .object(let members):
            self = .mapping(members.map { Entry($0.name, Setting($0.value)) })
        }
    }
}
