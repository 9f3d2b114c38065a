// SPDX-License-Identifier: Apache-2.0

import JSONText

/// Checks JSON against the schemas of Deploy/schema that the commands promise to keep.
///
/// Stricter than a validator: a member that no schema names is a fault, so that what is printed and
/// what is documented cannot drift apart. A keyword that is not known here is a fault too.
struct SchemaFile {
    private let files: [String: JSONValue]
    private static let main = "midwatch-json.schema.json"

    init() throws {
        let root = "\(#filePath)".split(separator: "/").dropLast(3).joined(separator: "/")
        var files: [String: JSONValue] = [:]
        for name in [Self.main, "openapi.json"] {
            files[name] = try JSONValue(parsing: File.text("/\(root)/Deploy/schema/\(name)"))
        }
        self.files = files
    }

    /// The definitions, by their names.
    var names: Set<String> {
        guard case .object(let members)? = self.files[Self.main]?["$defs"] else { return [] }
        return Set(members.map(\.name))
    }

    /// What is wrong with `text` as an output of `command`.
    func faults(_ text: some StringProtocol, of command: String) -> [String] {
        guard let value = try? JSONValue(parsing: String(text)) else {
            return ["not JSON: \(text)"]
        }
        guard let schema = self.files[Self.main]?["$defs"]?[command] else {
            return ["no definition of \(command)"]
        }
        return self.check(value, schema, Self.main, "$")
    }

    private func check(
        _ value: JSONValue, _ schema: JSONValue, _ file: String, _ place: String
    ) -> [String] {
        guard case .object(let keywords) = schema else { return ["\(place): no schema"] }
        var faults: [String] = []
        for (keyword, rule) in keywords {
            switch keyword {
            case "$ref": faults += self.checkReference(value, rule.string ?? "", file, place)
            case "type":
                let wanted = rule.array?.compactMap(\.string) ?? [rule.string ?? ""]
                if Set(Self.types(of: value)).isDisjoint(with: wanted) {
                    faults.append("\(place): \(Self.types(of: value)[0]), not \(wanted)")
                }
            case "enum":
                if rule.array?.contains(value) != true { faults.append("\(place): no such word") }
            case "format":
                if value.string.map({ $0.hasSuffix("Z") && $0.utf8.count >= 20 }) != true {
                    faults.append("\(place): no time in UTC")
                }
            case "anyOf":
                let tries = (rule.array ?? []).map { self.check(value, $0, file, place) }
                if !tries.contains([]) { faults += tries.min { $0.count < $1.count } ?? [] }
            case "allOf":
                for part in rule.array ?? [] { faults += self.check(value, part, file, place) }
            case "items":
                for (index, item) in (value.array ?? []).enumerated() {
                    faults += self.check(item, rule, file, "\(place)[\(index)]")
                }
            case "required":
                faults += (rule.array ?? []).compactMap(\.string).filter { value[$0] == nil }
                    .map { "\(place).\($0): missing" }
            case "properties":
                guard case .object(let members) = value else { break }
                for (name, member) in members {
                    guard let part = rule[name] else {
                        faults.append("\(place).\(name): not in the schema")
                        continue
                    }
                    faults += self.check(member, part, file, "\(place).\(name)")
                }
            case "description", "title": break
            default: faults.append("\(place): keyword \(keyword)")
            }
        }
        return faults
    }

    private func checkReference(
        _ value: JSONValue, _ reference: String, _ file: String, _ place: String
    ) -> [String] {
        let parts = reference.split(separator: "#", omittingEmptySubsequences: false)
        let target = parts[0].isEmpty ? file : String(parts[0])
        var schema = self.files[target]
        for word in parts[1].split(separator: "/") { schema = schema?[String(word)] }
        guard let schema else { return ["\(place): nothing at \(reference)"] }
        return self.check(value, schema, target, place)
    }

    private static func types(of value: JSONValue) -> [String] {
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
    }
}
