// SPDX-License-Identifier: Apache-2.0

import JSONText
import OperatorViews
import Testing

@testable import OperatorAPI

/// The description says what the server does: each operation is asked, each answer held to its
/// shape.
@Suite(.serialized, .timeLimit(.minutes(1))) struct APIDescriptionTests {
    @Test func `every operation answers in the shape and the type described`() async throws {
        try await withServer(FakeBackend(sensors: 3)) { server in
            server.backend.append(events: 2)
            for operation in APIOperation.all where operation.method == "get" {
                let text = await server.curlUnix(
                    "-m 1 -w '\\n%{http_code} %{content_type}'",
                    Self.address(of: operation) + operation.example)
                let lines = text.split(separator: "\n")
                let ending = try #require(lines.last { $0.contains("/") && $0.hasPrefix("200 ") })
                switch operation.answer {
                case .text(let type): #expect(ending.hasPrefix("200 \(type)"), "\(operation.path)")
                case .object(let name):
                    #expect(ending == "200 application/json", "\(operation.path)")
                    try Self.hold(JSONValue(parsing: String(lines[0])), to: name)
                case .page(let name):
                    let page = try JSONValue(parsing: String(lines[0]))
                    try Self.hold(page, to: name + "Page")
                    guard case .array(let items)? = page["items"], !items.isEmpty else {
                        Issue.record("no items at \(operation.path)")
                        continue
                    }
                    for item in items { try Self.hold(item, to: name) }
                }
            }
        }
    }

    @Test func `items of a query that are described are taken, and no others`() async throws {
        try await withServer { server in
            for operation in APIOperation.all where operation.method == "get" {
                guard operation.path.hasPrefix("/v1/"), !operation.query.isEmpty else { continue }
                let code = "-m 1 -o /dev/null -w '%{http_code}'"
                for item in operation.query {
                    let value =
                        switch item.name {
                        case "freshness": "stale"
                        case "order": operation.path == "/v1/alarms" ? "id" : "worst"
                        case "normal": "true"
                        case "state": "unacknowledged,shelved"
                        case "priority": "high,critical"
                        case "alarm": "a:high"
                        default: "1"
                        }
                    // The past of no sensor is no question.
                    let before =
                        operation.name == .history && item.name != "sensor" ? "sensor=a&" : ""
                    let status = await server.curlUnix(
                        code, "\(operation.path)?\(before)\(item.name)=\(value)")
                    #expect(status.hasSuffix("200"), "\(operation.path) \(item.name)")
                }
                let status = await server.curlUnix(code, "\(operation.path)?nonsense=1")
                #expect(status == "400", "\(operation.path)")
            }
        }
    }

    @Test func `the description is sound: references lead somewhere, problems have a shape`()
        throws
    {
        let description = try JSONValue(parsing: APIDescription.text)
        #expect(description["openapi"]?.string == "3.1.0")
        let names = Set(APIShapes.all.map(\.name))
        for part in APIDescription.text.split(separator: "\"#/components/schemas/").dropFirst() {
            let name = String(part.prefix { $0 != "\"" })
            #expect(names.contains(name), "\(name)")
        }
        let plain: Set = ["string", "integer", "number", "boolean", "object", "time"]
        for shape in APIShapes.all {
            #expect(!shape.members.isEmpty, "\(shape.name)")
            for member in shape.members {
                #expect(plain.contains(member.type) || names.contains(member.type))
            }
        }
        for kind in Problem.Kind.allCases {
            let problem = Problem(kind, detail: "d", instance: "i", currentActivation: "1:2.0")
            try Self.hold(JSONValue(parsing: problem.jsonText), to: "Problem")
        }
    }

    @Test func `an object that leaves its shape is found`() throws {
        let json = try JSONValue(parsing: #"{"level":"healthy","reasons":["a"],"more":1}"#)
        #expect(Self.faults(of: json, as: "Health") == ["Health.more: not described"])
        let bare = try JSONValue(parsing: #"{"level":7}"#)
        #expect(
            Self.faults(of: bare, as: "Health")
                == ["Health.level: not a string", "Health.reasons: missing"])
    }

    /// An address of the operation at the fake backend.
    private static func address(of operation: APIOperation) -> String {
        operation.path.replacing("{alarmID}", with: "plant%2Farea%2F0001:stale")
            .replacing("{area}", with: "west").replacing("{testID}", with: "drill_1_1")
    }

    private static func hold(_ json: JSONValue, to shape: String) throws {
        #expect(Self.faults(of: json, as: shape) == [])
    }

    private static func faults(of json: JSONValue, as name: String) -> [String] {
        guard let shape = APIShapes.all.first(where: { $0.name == name }) else {
            return ["\(name): no such shape"]
        }
        guard case .object(let members) = json else { return ["\(name): not an object"] }
        var faults: [String] = []
        for member in members where !shape.members.contains(where: { $0.name == member.name }) {
            faults.append("\(name).\(member.name): not described")
        }
        for member in shape.members {
            let place = "\(name).\(member.name)"
            guard let value = json[member.name] else {
                if !member.isOptional { faults.append("\(place): missing") }
                continue
            }
            if member.isOptional, value == .null { continue }
            if member.isList {
                guard case .array(let elements) = value else {
                    faults.append("\(place): not a list")
                    continue
                }
                for element in elements { faults += Self.faults(element, member.type, place) }
            } else {
                faults += Self.faults(value, member.type, place)
            }
        }
        return faults
    }

    private static func faults(_ value: JSONValue, _ type: String, _ place: String) -> [String] {
        let isRight: Bool
        switch (type, value) {
        case ("string", .string), ("time", .string), ("integer", .integer), ("boolean", .bool),
            ("number", .number), ("number", .integer), ("object", .object):
            isRight = true
        case ("string", _), ("time", _), ("integer", _), ("boolean", _), ("number", _),
            ("object", _):
            isRight = false
        default: return Self.faults(of: value, as: type)
        }
        return isRight ? [] : ["\(place): not a \(type)"]
    }
}
