// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel
internal import OperatorViews

/// Something that can be asked for.
///
/// The table of operations is what the server routes by and what the description is made of: an
/// address that is not in it does not exist.
struct APIOperation: Sendable {
    /// Which operation; the responder has one line for each.
    enum Name: Hashable, Sendable {
        case health, ready, metrics, description, status, sensors, alarms, alarm, areas, events
        case stream, rejects, why, history
        case act(AlarmAction)
        case acknowledgeSeveral, setMode, configuration, reload, deadLetters
        case alerts(AlertQuestion)
        case orderDelivery(DeliveryOrder.Verb)
    }

    /// What is answered when all goes well.
    enum Answer: Sendable {
        /// One object of a shape.
        case object(String)
        /// A page of objects.
        case page(String)
        /// Text of a media type.
        case text(String)
    }

    typealias Item = (name: String, type: String, meaning: String)

    var name: Name
    var method = "get"
    var path: String
    var summary: String
    /// Who may ask; nil: anybody who reaches the listener, a collector for example.
    var role: OperatorRole? = .viewer
    /// Items of the query.
    var query: [Item] = []
    /// Shape of the request's body.
    var body: String?
    var answer: Answer
    /// Kinds of problems beside those that every operation has.
    var problems: [Problem.Kind] = []
    /// A query without which the operation answers nothing; empty for most.
    var example = ""

    /// Segments of the path; one in braces stands for any.
    var segments: [Substring] { self.path.dropFirst().split(separator: "/") }

    /// Whether a request's path is this one.
    func matches(_ segments: [String]) -> Bool {
        let own = self.segments
        return own.count == segments.count
            && zip(own, segments).allSatisfy { $0.hasPrefix("{") ? !$1.isEmpty : $0 == $1 }
    }
}

extension APIOperation {
    private static let after: Item = (
        "after", "string", "The last item of the page before: its `next`."
    )
    static let limit: Item = (
        "limit", "integer", "Items of the page, 1 to \(OperatorAPILimits.pageItemsMax)."
    )
    /// What every list takes.
    private static let filters: [Item] = [
        ("q", "string", "Part of a name, or a pattern of paths with the wildcards + and #."),
        ("area", "string", "An area of the configuration, or the beginning of paths."),
        (
            "state", "string",
            "States of alarms, with commas between: \(StateFilter.words.joined(separator: ", "))."
        ), ("priority", "string", "Priorities of alarms, with commas between."),
    ]

    static let all: [APIOperation] =
        Self.reads + Self.commands + Self.alerts + Self.deliveries

    private static let reads: [APIOperation] = [
        APIOperation(
            name: .health, path: "/healthz",
            summary: "Whether Midwatch does its work; 503 if it cannot.", role: nil,
            answer: .object("Health")),
        APIOperation(
            name: .ready, path: "/readyz", summary: "Whether readings are taken; 503 if not.",
            role: nil, answer: .object("Health")),
        APIOperation(
            name: .metrics, path: "/metrics",
            summary: "Figures in the Prometheus text format 0.0.4.", role: nil,
            answer: .text("text/plain")),
        APIOperation(
            name: .description, path: "/v1/openapi.json", summary: "This description.",
            answer: .object("Description")),
        APIOperation(
            name: .status, path: "/v1/status", summary: "The state of the monitor itself.",
            answer: .object("Status")),
        APIOperation(
            name: .sensors, path: "/v1/sensors",
            summary: "Sensors with value, age, freshness and quality.",
            query: Self.filters + [
                ("freshness", "string", "Only sensors of this freshness."),
                ("paths", "string", "Only these sensors: their paths, with line feeds between."),
                ("order", "string", "`path`, or `worst` first; only `path` has further pages."),
                Self.after, Self.limit,
            ], answer: .page("Sensor")),
        APIOperation(
            name: .alarms, path: "/v1/alarms",
            summary: "Alarms with their state, activation and guidance.",
            query: Self.filters + [
                ("normal", "boolean", "Those that are normal and in view as well."),
                ("order", "string", "`urgency` first, or `id`; only `id` has further pages."),
                Self.after, Self.limit,
            ], answer: .page("Alarm")),
        APIOperation(
            name: .alarm, path: "/v1/alarms/{alarmID}", summary: "One alarm, normal or not.",
            answer: .object("Alarm")),
        APIOperation(
            name: .areas, path: "/v1/areas",
            summary: "Areas with the mode that chooses the limits of their sensors.",
            answer: .page("Area")),
        APIOperation(
            name: .events, path: "/v1/events",
            summary: "Ledger records; one of the kind ledgerGap stands for lines that are damaged.",
            query: Self.filters + [
                ("kind", "string", "Kinds of records, with commas between."),
                ("after", "integer", "Number of the last record known."), Self.limit,
            ],
            answer: .page("Event"), problems: [.filesNotAnswering]),
        APIOperation(
            name: .why, path: "/v1/why",
            summary: "Why a sensor and its alarms are as they are, and what can change that.",
            query: [
                ("sensor", "string", "Path of a sensor; explains all of its alarms."),
                ("alarm", "string", "One alarm or rule of a sensor, `path:name`, instead."),
            ], answer: .object("Explanation"), problems: [.timedOut, .notReady],
            example: "?sensor=a/b"),
        APIOperation(
            name: .history, path: "/v1/history",
            summary: "What the archive has of a sensor, minute by minute.",
            query: [
                ("sensor", "string", "Path of the sensor."),
                (
                    "seconds", "integer",
                    "How far back, 1 to \(OperatorAPILimits.historySecondsMax), else "
                        + "\(OperatorAPILimits.historySecondsDefault)."
                ),
            ], answer: .object("History"), problems: [.filesNotAnswering],
            example: "?sensor=a/b&seconds=3600"),
        APIOperation(
            name: .stream, path: "/v1/stream",
            summary: "Ledger records as server-sent events, from Last-Event-ID or `after` on.",
            query: Self.filters + [
                ("kind", "string", "Kinds of records, with commas between."),
                ("after", "integer", "Number of the last record known."),
            ],
            answer: .text("text/event-stream"), problems: [.tooManySubscribers]),
        APIOperation(
            name: .rejects, path: "/v1/ingest/rejects",
            summary: "The last input that listeners refused, newest first.",
            query: [Self.limit], answer: .page("Reject")),
        APIOperation(
            name: .configuration, path: "/v1/configuration",
            summary: "The configuration in force with its defaults in, without its secrets; its "
                + "sensors in pages, the other keys with the first of them.",
            query: [
                ("after", "integer", "Sensors passed over: the `next` of the page before."),
                Self.limit,
            ],
            answer: .object("Configuration")),
    ]

    /// Problems of every command.
    private static let commandProblems: [Problem.Kind] = [
        .bodyTooLarge, .unsupportedMediaType, .refused, .busy, .timedOut, .idempotencyKeyReused,
    ]

    private static var commands: [APIOperation] {
        AlarmAction.allCases.map { action in
            APIOperation(
                name: .act(action), method: "post",
                path: "/v1/alarms/{alarmID}/\(action.rawValue)", summary: action.summary,
                role: action.role,
                body: action == .shelve
                    ? "ShelveRequest"
                    : action.namesActivation ? "ActivationRequest" : "CommandRequest",
                answer: .object("AlarmCommand"),
                problems: action.problems + Self.commandProblems)
        } + [
            APIOperation(
                name: .act(.acknowledge), method: "post",
                path: "/v1/alarms/{alarmID}/acknowledge", summary: "The same as `ack`.",
                role: AlarmAction.acknowledge.role, body: "ActivationRequest",
                answer: .object("AlarmCommand"),
                problems: AlarmAction.acknowledge.problems + Self.commandProblems),
            APIOperation(
                name: .acknowledgeSeveral, method: "post", path: "/v1/alarms/ack",
                summary: "Acknowledges up to \(OperatorAPILimits.alarmsAtOnceMax) alarms, each by "
                    + "the activation that was seen; one result for each, in their order.",
                role: AlarmAction.acknowledge.role, body: "SeveralRequest",
                answer: .page("AlarmCommandResult"), problems: Self.commandProblems),
            APIOperation(
                name: .setMode, method: "post", path: "/v1/areas/{area}/mode",
                summary: "Puts an area into a mode, which chooses the limits of its sensors.",
                role: .operator, body: "ModeRequest", answer: .object("AreaCommand"),
                problems: [.unknownMode, .alreadyInMode, .modeFollowsSensor]
                    + Self.commandProblems),
            APIOperation(
                name: .reload, method: "post", path: "/v1/reload",
                summary: "Puts the configuration file in force, or says what that would change.",
                role: .admin, body: "ReloadRequest", answer: .object("Reload"),
                problems: [.bodyTooLarge, .unsupportedMediaType, .refused, .timedOut]),
        ]
    }
}

extension AlarmAction {
    fileprivate var summary: String {
        switch self {
        case .acknowledge: "Acknowledges one activation of an alarm."
        case .shelve: "Takes an alarm out of view for a time, with a reason."
        case .unshelve: "Ends a shelving."
        case .reset: "Ends a latched alarm that was acknowledged and whose condition is over."
        case .takeOutOfService: "Takes an alarm out of service until it is returned by hand."
        case .returnToService: "Returns an alarm to service."
        case .comment: "Writes a comment on an activation into the ledger."
        }
    }

    fileprivate var problems: [Problem.Kind] {
        switch self {
        case .acknowledge: [.unknownActivation, .alreadyAcknowledged, .notActive]
        case .shelve: [.shelvingNotAllowed, .shelvingTimeOutOfRange, .reasonMissing]
        case .unshelve: [.notShelved]
        case .reset:
            [.unknownActivation, .mustAcknowledgeFirst, .conditionNotOver, .notLatched]
        case .takeOutOfService: [.reasonMissing, .alreadyOutOfService]
        case .returnToService: [.notOutOfService]
        case .comment: [.unknownActivation, .reasonMissing]
        }
    }
}
