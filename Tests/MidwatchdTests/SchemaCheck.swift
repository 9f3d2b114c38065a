// SPDX-License-Identifier: Apache-2.0

import JSONText
import StateFolder
import Testing

/// Checks JSON against a JSON Schema, as far as ours goes: the keywords it uses, and no others.
///
/// Stricter than a validator: a member that the schema does not name is a fault, so that what is
/// sent and what is documented cannot drift apart.
struct SchemaCheck {
    private let root: JSONValue
    private(set) var faults: [String] = []
    /// False while a condition is looked at, which does not name every member.
    private var isStrict = true

    /// The published schema of alerts.
    static func alert() throws -> SchemaCheck {
        let root = "\(#filePath)".split(separator: "/").dropLast(3).joined(separator: "/")
        let bytes = try #require(FileBytes.read("/\(root)/Deploy/schema/alert.schema.json"))
        let text = String(decoding: bytes, as: UTF8.self)
        return SchemaCheck(root: try JSONValue(parsing: text))
    }

    /// What is wrong with `value`.
    static func faults(_ value: JSONValue) throws -> [String] {
        var check = try Self.alert()
        check.check(value, check.root, at: "$")
        return check.faults
    }

    /// Every member that the schema of `data` names.
    var memberNames: Set<String> {
        guard case .object(let members)? = self.root.value(atPath: "$defs.alert.properties")
        else { return [] }
        return Set(members.map(\.name))
    }

    private init(root: JSONValue) { self.root = root }

    private mutating func check(_ value: JSONValue, _ schema: JSONValue, at place: String) {
        guard case .object(let keywords) = schema else { return self.fault(place, "no schema") }
        for (keyword, rule) in keywords {
            switch keyword {
            case "$ref": self.checkReference(value, rule, place)
            case "type": self.checkType(value, rule, place)
            case "const": if value != rule { self.fault(place, "is not the constant") }
            case "enum":
                if rule.array?.contains(value) != true { self.fault(place, "is none of the words") }
            case "pattern": self.checkPattern(value, rule, place)
            case "minimum":
                if let number = value.double, let least = rule.double, number < least {
                    self.fault(place, "is below \(least)")
                }
            case "maxLength":
                if let text = value.string, let most = rule.integer, text.count > Int(most) {
                    self.fault(place, "is longer than \(most)")
                }
            case "maxItems":
                if let items = value.array, let most = rule.integer, items.count > Int(most) {
                    self.fault(place, "has more items than \(most)")
                }
            case "items":
                for (index, item) in (value.array ?? []).enumerated() {
                    self.check(item, rule, at: "\(place)[\(index)]")
                }
            case "required":
                for name in rule.array?.compactMap(\.string) ?? [] where value[name] == nil {
                    self.fault("\(place).\(name)", "is missing")
                }
            case "properties": self.checkMembers(value, rule, place)
            case "if":
                let branch = self.fits(value, rule) ? schema["then"] : schema["else"]
                if let branch { self.check(value, branch, at: place) }
            case "then", "else": break
            case "description", "title", "$schema", "$comment", "$defs": break
            default: self.fault(place, "the keyword \(keyword) is not known here")
            }
        }
    }

    /// Whether `value` fits the condition `schema`.
    private func fits(_ value: JSONValue, _ schema: JSONValue) -> Bool {
        var condition = SchemaCheck(root: self.root)
        condition.isStrict = false
        condition.check(value, schema, at: "")
        return condition.faults.isEmpty
    }

    private mutating func checkMembers(_ value: JSONValue, _ rule: JSONValue, _ place: String) {
        guard case .object(let members) = value else { return }
        var seen: Set<String> = []
        for (name, member) in members {
            if !seen.insert(name).inserted { self.fault("\(place).\(name)", "is there twice") }
            guard let schema = rule[name] else {
                if self.isStrict { self.fault("\(place).\(name)", "is not in the schema") }
                continue
            }
            self.check(member, schema, at: "\(place).\(name)")
        }
    }

    private mutating func checkReference(_ value: JSONValue, _ rule: JSONValue, _ place: String) {
        let name = rule.string?.split(separator: "/").last.map(String.init) ?? ""
        guard let schema = self.root["$defs"]?[name] else {
            return self.fault(place, "no definition \(name)")
        }
        self.check(value, schema, at: place)
    }

    private mutating func checkType(_ value: JSONValue, _ rule: JSONValue, _ place: String) {
        let wanted = rule.array?.compactMap(\.string) ?? [rule.string ?? ""]
        let types: [String] =
            switch value {
            case .null: ["null"]
            case .bool: ["boolean"]
            case .integer: ["integer", "number"]
            case .number(let number):
                number == number.rounded() ? ["number", "integer"] : ["number"]
            case .string: ["string"]
            case .array: ["array"]
            case .object: ["object"]
            }
        if Set(types).isDisjoint(with: wanted) {
            self.fault(place, "is \(types[0]), not \(wanted)")
        }
    }

    private mutating func checkPattern(_ value: JSONValue, _ rule: JSONValue, _ place: String) {
        guard let text = value.string, let pattern = rule.string else { return }
        guard let regex = try? Regex(pattern) else { return self.fault(place, "bad pattern") }
        if (try? regex.wholeMatch(in: text)) == nil { self.fault(place, "does not fit \(pattern)") }
    }

    private mutating func fault(_ place: String, _ text: String) {
        self.faults.append("\(place) \(text)")
    }
}
