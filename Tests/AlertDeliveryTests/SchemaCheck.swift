// SPDX-License-Identifier: Apache-2.0

import JSONText

/// As much of JSON Schema 2020-12 as the shipped schema uses; an unknown word is a fault.
struct SchemaCheck {
    private let root: JSONValue

    init(_ root: JSONValue) { self.root = root }

    /// `place: what is wrong`, for each fault.
    func faults(_ value: JSONValue) -> [String] { self.faults(value, self.root, "") }

    private func faults(_ value: JSONValue, _ schema: JSONValue, _ place: String) -> [String] {
        guard case .object(let words) = schema else { return ["\(place): schema is no object"] }
        var faults: [String] = []
        for (word, rule) in words {
            switch word {
            case "$schema", "$id", "$defs", "$comment", "title", "description": break
            case "$ref":
                let path = (rule.string ?? "").dropFirst(2).split(separator: "/")
                    .joined(separator: ".")
                guard let target = self.root.value(atPath: path) else {
                    return ["\(place): no \(path) in the schema"]
                }
                faults += self.faults(value, target, place)
            case "type":
                let types = rule.array ?? [rule]
                if !types.contains(where: { Self.isOf(value, $0.string ?? "") }) {
                    faults.append("\(place): not \(types)")
                }
            case "enum":
                if rule.array?.contains(value) != true { faults.append("\(place): not in enum") }
            case "const":
                if value != rule { faults.append("\(place): not the constant") }
            case "if":
                let branch = self.faults(value, rule, place).isEmpty ? "then" : "else"
                if let branch = schema[branch] { faults += self.faults(value, branch, place) }
            case "then", "else": break
            case "maxItems":
                if let items = value.array, items.count > rule.integer ?? 0 {
                    faults.append("\(place): too many items")
                }
            case "required":
                for name in rule.array ?? [] where value[name.string ?? ""] == nil {
                    faults.append("\(self.at(place, name.string ?? "")): missing")
                }
            case "properties":
                guard case .object(let members) = rule else { continue }
                for (name, member) in members {
                    if let inner = value[name] {
                        faults += self.faults(inner, member, self.at(place, name))
                    }
                }
            case "items":
                for (index, item) in (value.array ?? []).enumerated() {
                    faults += self.faults(item, rule, self.at(place, "\(index)"))
                }
            case "minimum":
                if let number = value.double, number < rule.double ?? 0 {
                    faults.append("\(place): below \(rule)")
                }
            case "minLength":
                if let text = value.string, text.unicodeScalars.count < rule.integer ?? 0 {
                    faults.append("\(place): too short")
                }
            case "maxLength":
                if let text = value.string, text.unicodeScalars.count > rule.integer ?? 0 {
                    faults.append("\(place): too long")
                }
            case "pattern":
                if let text = value.string, let pattern = try? Regex(rule.string ?? ""),
                    text.firstMatch(of: pattern) == nil
                {
                    faults.append("\(place): does not match")
                }
            default: faults.append("\(place): the check knows no \(word)")
            }
        }
        return faults
    }

    private func at(_ place: String, _ name: String) -> String {
        place.isEmpty ? name : "\(place).\(name)"
    }

    private static func isOf(_ value: JSONValue, _ type: String) -> Bool {
        switch (type, value) {
        case ("object", .object), ("array", .array), ("string", .string), ("boolean", .bool),
            ("null", .null), ("integer", .integer), ("number", .integer), ("number", .number):
            true
        default: false
        }
    }
}
