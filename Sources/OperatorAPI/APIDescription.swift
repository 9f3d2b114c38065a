// SPDX-License-Identifier: Apache-2.0

internal import JSONText
internal import OperatorViews

/// The operator API in the words of OpenAPI 3.1, as `/v1/openapi.json` gives it.
///
/// It is made of two tables, the operations and the shapes of what they answer; a test holds both
/// to what the server does.
package enum APIDescription {
    /// Something that can be asked for.
    struct Operation {
        var method = "get"
        var path: String
        var summary: String
        /// Items of the query, `name: type: meaning`.
        var query: [(name: String, type: String, meaning: String)] = []
        var answer: Answer
        /// Kinds of problems beside those that every operation has.
        var problems: [Problem.Kind] = []
    }

    /// What is answered when all goes well.
    enum Answer {
        /// One object of a shape.
        case object(String)
        /// A page of objects.
        case page(String)
        /// Text of a media type.
        case text(String)
    }

    private static let pathItems = [
        ("alarmID", "Id of the alarm."), ("alert", "Id of the alert."),
        ("endpoint", "Name of the endpoint."),
    ]

    private static let after = (
        name: "after", type: "string", meaning: "The last item of the page before: its `next`."
    )
    private static let limit = (
        name: "limit", type: "integer",
        meaning: "Items of the page, 1 to \(OperatorAPILimits.pageItemsMax)."
    )
    private static let filter = (
        name: "filter", type: "string",
        meaning: "Part of a path, or a pattern with the wildcards + and #."
    )

    static let operations: [Operation] = [
        Operation(
            path: "/healthz", summary: "Whether Midwatch does its work; 503 if it cannot.",
            answer: .object("Health")),
        Operation(
            path: "/readyz", summary: "Whether readings are taken; 503 if not.",
            answer: .object("Health")),
        Operation(
            path: "/metrics", summary: "Figures in the Prometheus text format 0.0.4.",
            answer: .text("text/plain")),
        Operation(
            path: "/v1/openapi.json", summary: "This description.", answer: .object("Description")),
        Operation(
            path: "/v1/status", summary: "The state of the monitor itself.",
            answer: .object("Status")),
        Operation(
            path: "/v1/sensors", summary: "Sensors with value, age, freshness and quality.",
            query: [
                APIDescription.filter, ("freshness", "string", "Only sensors of this freshness."),
                ("order", "string", "`path`, or `worst` first; only `path` has further pages."),
                APIDescription.after, APIDescription.limit,
            ], answer: .page("Sensor")),
        Operation(
            path: "/v1/alarms", summary: "Alarms with their state, activation and guidance.",
            query: [
                APIDescription.filter, ("normal", "boolean", "Those that are normal as well."),
                ("order", "string", "`urgency` first, or `id`; only `id` has further pages."),
                APIDescription.after, APIDescription.limit,
            ], answer: .page("Alarm")),
        Operation(
            path: "/v1/events",
            summary: "Ledger records; one of the kind ledgerGap stands for lines that are damaged.",
            query: [
                ("after", "integer", "Number of the last record known."), APIDescription.limit,
            ],
            answer: .page("Event"), problems: [.filesNotAnswering]),
        Operation(
            path: "/v1/stream",
            summary: "Ledger records as server-sent events, from Last-Event-ID or `after` on.",
            query: [("after", "integer", "Number of the last record known.")],
            answer: .text("text/event-stream"), problems: [.tooManySubscribers]),
        Operation(
            path: "/v1/alerts/dead-letters",
            summary: "Alerts that were given up, newest first; the bodies with `alert`.",
            query: [
                ("alert", "string", "Only those of this alert."),
                ("endpoint", "string", "Only those of this endpoint."), APIDescription.limit,
            ],
            answer: .page("DeadLetter"), problems: [.filesNotAnswering]),
        Operation(
            method: "post", path: "/v1/alerts/dead-letters/{alert}/{endpoint}/resend",
            summary: "Sends an alert again that was given up.",
            answer: .object("DeliveryOrder"), problems: [.unauthorized, .forbidden, .refused]),
        Operation(
            method: "post", path: "/v1/alerts/dead-letters/{alert}/{endpoint}/drop",
            summary: "Puts an alert away that was given up.",
            answer: .object("DeliveryOrder"), problems: [.unauthorized, .forbidden]),
        Operation(
            method: "post", path: "/v1/alerts/endpoints/{endpoint}/enable",
            summary: "Uses an endpoint again that was disabled or paused.",
            answer: .object("DeliveryOrder"), problems: [.unauthorized, .forbidden]),
        Operation(
            method: "post", path: "/v1/alarms/{alarmID}/acknowledge",
            summary: "Acknowledges one activation of an alarm.",
            answer: .object("Acknowledgement"),
            problems: [
                .unauthorized, .forbidden, .unknownActivation, .alreadyAcknowledged, .notActive,
                .bodyTooLarge, .unsupportedMediaType, .refused, .timedOut,
            ]),
    ]

    /// Problems that every operation may answer with.
    static let commonProblems: [Problem.Kind] = [
        .badRequest, .notFound, .methodNotAllowed, .internalError,
    ]

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
                for operation in Self.operations {
                    json.objectField(operation.path) { json in
                        json.objectField(operation.method) { Self.write(operation, to: &$0) }
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

    private static func write(_ operation: Operation, to json: inout JSONWriter) {
        json.field("summary", operation.summary)
        json.arrayField("parameters") { json in
            for (name, meaning) in Self.pathItems where operation.path.contains("{\(name)}") {
                Self.parameter(name, "string", meaning, place: "path", &json)
            }
            for item in operation.query {
                Self.parameter(item.name, item.type, item.meaning, place: "query", &json)
            }
            if operation.path == "/v1/stream" {
                Self.parameter(
                    "Last-Event-ID", "integer", "Goes before `after`.", place: "header", &json)
            }
        }
        if operation.path.hasSuffix("/acknowledge") {
            json.objectField("requestBody") { json in
                json.field("required", true)
                Self.content("application/json", schema: "AcknowledgementRequest", &json)
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
            let problems = operation.problems + Self.commonProblems
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
