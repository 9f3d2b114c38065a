// SPDX-License-Identifier: Apache-2.0

internal import JSONText
internal import MidwatchModel
internal import OperatorViews

/// The operator API in the words of OpenAPI 3.1, as `/v1/openapi.json` gives it.
///
/// It is made of two tables, the operations and the shapes of what they answer; a test holds both
/// to what the server does.
package enum APIDescription {
    /// Problems that every operation may answer with.
    static let commonProblems: [Problem.Kind] = [
        .badRequest, .notFound, .methodNotAllowed, .misdirected, .tooManyRequests, .internalError,
    ]

    /// Paths in the order of the table, each with its operations: a path is one member.
    private static var paths: [(path: String, operations: [APIOperation])] {
        var paths: [(path: String, operations: [APIOperation])] = []
        for operation in APIOperation.all {
            if let place = paths.firstIndex(where: { $0.path == operation.path }) {
                paths[place].operations.append(operation)
            } else {
                paths.append((operation.path, [operation]))
            }
        }
        return paths
    }

    /// The description as JSON.
    package static let text = APIDescription.make()

    private static func make() -> String {
        var json = JSONWriter(reservingBytes: 32_768)
        json.object { json in
            json.field("openapi", "3.1.0")
            json.objectField("info") { json in
                json.field("title", "Midwatch operator API")
                json.field("version", "1")
                json.field(
                    "description",
                    "HTTP/1.1 on a unix socket, where the kernel says who asks, and on a loopback "
                        + "port if one is configured. Times are RFC 3339 in UTC; names that end "
                        + "in Nanoseconds count nanoseconds.")
            }
            json.objectField("paths") { json in
                for (path, operations) in Self.paths {
                    json.objectField(path) { json in
                        for operation in operations {
                            json.objectField(operation.method) { Self.write(operation, to: &$0) }
                        }
                    }
                }
            }
            json.objectField("components") { json in
                json.objectField("schemas") { json in
                    for shape in APIShapes.all { Self.write(shape, to: &json) }
                }
                json.objectField("securitySchemes") { json in
                    json.objectField("bearer") { json in
                        json.field("type", "http")
                        json.field("scheme", "bearer")
                    }
                }
            }
        }
        return json.text
    }

    private static func write(_ operation: APIOperation, to json: inout JSONWriter) {
        json.field("summary", operation.summary)
        if let role = operation.role {
            json.field("description", "Needs the role \(role.word).")
            json.arrayField("security") { json in
                json.object { json in json.arrayField("bearer") { _ in } }
            }
        }
        json.arrayField("parameters") { json in
            for segment in operation.segments where segment.hasPrefix("{") {
                let name = String(segment.dropFirst().dropLast())
                Self.parameter(
                    name, "string", "\(name), percent-encoded.", place: "path", &json)
            }
            for item in operation.query {
                Self.parameter(item.name, item.type, item.meaning, place: "query", &json)
            }
            if operation.name == .stream {
                Self.parameter(
                    "Last-Event-ID", "integer", "Goes before `after`.", place: "header", &json)
            }
            if operation.method == "post" {
                Self.parameter(
                    "Idempotency-Key", "string",
                    "A request sent again with the same key is not done twice.", place: "header",
                    &json)
            }
        }
        if let body = operation.body {
            json.objectField("requestBody") { json in
                json.field("required", true)
                Self.content("application/json", schema: body, &json)
            }
        }
        json.objectField("responses") { json in
            json.objectField("200") { json in
                json.field("description", "As asked.")
                switch operation.answer {
                case .object(let shape): Self.content("application/json", schema: shape, &json)
                case .page(let shape):
                    Self.content("application/json", schema: shape + "Page", &json)
                case .text(let type):
                    json.objectField("content") { json in
                        json.objectField(type) { json in
                            json.objectField("schema") { $0.field("type", "string") }
                        }
                    }
                }
            }
            var problems = operation.problems + Self.commonProblems
            if operation.role != nil { problems += [.unauthorized, .forbidden] }
            for status in Set(problems.map(\.status)).sorted() {
                json.objectField("\(status)") { json in
                    json.field(
                        "description",
                        problems.filter { $0.status == status }.map(\.title).joined(separator: "; ")
                    )
                    Self.content("application/problem+json", schema: "Problem", &json)
                }
            }
        }
    }

    private static func parameter(
        _ name: String, _ type: String, _ meaning: String, place: String, _ json: inout JSONWriter
    ) {
        json.object { json in
            json.field("name", name)
            json.field("in", place)
            json.field("required", place == "path")
            json.field("description", meaning)
            json.objectField("schema") { $0.field("type", type) }
        }
    }

    private static func content(_ type: String, schema: String, _ json: inout JSONWriter) {
        json.objectField("content") { json in
            json.objectField(type) { json in
                json.objectField("schema") { Self.reference(schema, to: &$0) }
            }
        }
    }

    private static func reference(_ shape: String, to json: inout JSONWriter) {
        json.field("$ref", "#/components/schemas/\(shape)")
    }

    private static func write(_ shape: APIShapes.Shape, to json: inout JSONWriter) {
        json.objectField(shape.name) { json in
            json.field("type", "object")
            json.arrayField("required") { json in
                for member in shape.members where !member.isOptional { json.value(member.name) }
            }
            json.objectField("properties") { json in
                for member in shape.members {
                    json.objectField(member.name) { json in
                        if member.isList {
                            json.field("type", "array")
                            json.objectField("items") { Self.type(member.type, to: &$0) }
                        } else if member.isOptional {
                            json.arrayField("anyOf") { json in
                                json.object { Self.type(member.type, to: &$0) }
                                json.object { $0.field("type", "null") }
                            }
                        } else {
                            Self.type(member.type, to: &json)
                        }
                    }
                }
            }
        }
    }

    private static func type(_ type: String, to json: inout JSONWriter) {
        switch type {
        case "string", "integer", "number", "boolean", "object": json.field("type", type)
        case "time":
            json.field("type", "string")
            json.field("format", "date-time")
        default: self.reference(type, to: &json)
        }
    }
}
