// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
internal import JSONText
package import MidwatchModel
package import OperatorViews

/// Why the daemon gave no answer, in words that say what to do.
package enum ClientError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Nobody answers at the socket.
    case unreachable(path: String, errno: Int32)
    case timedOut(path: String)
    /// The daemon closed the connection in the middle of its answer.
    case cutOff(path: String)
    /// The answer is not what this version understands.
    case malformed(reason: String)
    /// The daemon understood and said no.
    case problem(Problem)

    /// Whether the daemon could not be reached at all, as opposed to having answered.
    package var isUnreachable: Bool {
        switch self {
        case .unreachable, .timedOut, .cutOff: true
        case .malformed, .problem: false
        }
    }

    package var description: String {
        switch self {
        case .unreachable(let path, let errno):
            switch errno {
            case EACCES, EPERM:
                "\(path): you may not connect; be a member of the group that owns the socket"
            case ENAMETOOLONG: "\(path): longer than a socket path may be (107 bytes)"
            default:
                "midwatchd is not running or its socket is elsewhere than \(path): --socket PATH"
            }
        case .timedOut(let path):
            "midwatchd at \(path) does not answer; look at its log and at midwatch-watchdog"
        case .cutOff(let path):
            "midwatchd at \(path) closed the connection before its answer was complete"
        case .malformed(let reason):
            "midwatchd answered what this midwatch does not understand (\(reason)); "
                + "are both of one version?"
        case .problem(let problem):
            problem.detail.isEmpty ? problem.title : "\(problem.title): \(problem.detail)"
        }
    }
}

/// Talks to the daemon over its unix socket: one connection per request, everything bounded.
///
/// Calls block their thread, each for the timeout at most.
package struct OperatorClient: Sendable {
    /// Where the daemon listens unless told otherwise.
    package static let defaultSocketPath = "/run/midwatch/midwatch.sock"
    /// Bytes of an answer: a page of 1,000 sensors has about 700,000.
    package static let bodyBytesMax = 16 << 20
    /// A stream without a byte for this long is dead: the daemon sends a comment every 10 s.
    package static let streamSilenceMaxNanoseconds: UInt64 = 25_000_000_000
    /// Alarms that are acknowledged with one request.
    package static let alarmsAtOnceMax = 200
    /// Items that the daemon gives in one page at most.
    package static let pageItemsMax = 1_000
    /// Items a client takes over all pages.
    package static let itemsMax = SystemLimits.sensorCountMax
    /// Alarms a client takes over all pages: a sensor has several.
    package static let alarmsMax = 8 * itemsMax

    package let socketPath: String
    package let timeoutNanoseconds: UInt64

    package init(socketPath: String, timeoutNanoseconds: UInt64 = 5_000_000_000) {
        self.socketPath = socketPath
        self.timeoutNanoseconds = timeoutNanoseconds
    }

    // MARK: Requests

    package func status() throws(ClientError) -> StatusView {
        try self.view(try self.get("/v1/status"))
    }

    /// One page, as the query says.
    package func sensors(_ query: SensorQuery) throws(ClientError) -> PageView<SensorView> {
        var items = [("limit", "\(query.limit)"), ("order", query.order.rawValue)]
        items += Self.items(query.filter, query.area, query.states, query.priorities)
        if let freshness = query.freshness { items.append(("freshness", freshness.word)) }
        if let after = query.after { items.append(("after", after)) }
        return try self.view(try self.get("/v1/sensors" + Self.query(items)))
    }

    /// Bytes of paths in one request, as they are encoded: the target stays below what is taken.
    private static let pathBytesMax = 1_600

    /// These sensors, as far as there are such.
    package func sensors(at paths: [String]) throws(ClientError) -> [SensorView] {
        var found: [SensorView] = []
        var rest = paths[...]
        while !rest.isEmpty {
            var text = ""
            var count = 0
            while let path = rest.first {
                let more = (text.isEmpty ? "" : "%0A") + Self.encode(path)
                guard text.isEmpty || text.utf8.count + more.utf8.count <= Self.pathBytesMax else {
                    break
                }
                text += more
                count += 1
                rest.removeFirst()
            }
            let page: PageView<SensorView> = try self.view(
                try self.get("/v1/sensors?limit=\(count)&paths=\(text)"))
            found += page.items
        }
        return found
    }

    /// Every page of a query ordered by path.
    package func allSensors(_ query: SensorQuery) throws(ClientError) -> [SensorView] {
        var query = query
        query.order = .path
        var found: [SensorView] = []
        while found.count < Self.itemsMax {
            let page = try self.sensors(query)
            found += page.items
            guard let next = page.next else { break }
            query.after = next
        }
        return found
    }

    package func alarms(_ query: AlarmQuery) throws(ClientError) -> PageView<AlarmView> {
        var items = [("limit", "\(query.limit)"), ("order", query.order.rawValue)]
        items += Self.items(query.filter, query.area, query.states, query.priorities)
        if query.includesNormal { items.append(("normal", "true")) }
        if let after = query.after { items.append(("after", after)) }
        return try self.view(try self.get("/v1/alarms" + Self.query(items)))
    }

    /// Every alarm that a query asks for, most urgent first, whatever its `limit` and `order`.
    package func allAlarms(_ query: AlarmQuery) throws(ClientError) -> [AlarmView] {
        var query = query
        query.order = .urgency
        query.limit = Self.pageItemsMax
        let first = try self.alarms(query)
        guard first.items.count == Self.pageItemsMax else { return first.items }
        query.order = .id
        var found: [AlarmView] = []
        while found.count < Self.alarmsMax {
            let page = try self.alarms(query)
            found += page.items
            guard let next = page.next else { break }
            query.after = next
        }
        query = AlarmQuery(limit: found.count)
        query.includesNormal = true
        return query.select(from: found)
    }

    /// Acknowledges one activation of an alarm.
    package func acknowledge(
        alarmID: String, activation: String, comment: String
    ) throws(ClientError) -> AcknowledgementView {
        var json = JSONWriter()
        json.object { json in
            json.field("activation", activation)
            json.field("comment", comment)
        }
        let path = "/v1/alarms/\(Self.encode(alarmID))/acknowledge"
        return try self.view(try self.exchange("POST", path, body: json.bytes))
    }

    /// Does something with an alarm.
    ///
    /// `activation` is the one that was seen; actions that are about none ignore it. Shelving takes
    /// `seconds`, and with `isOneShot` ends with the return of the alarm if that comes first.
    package func act(
        _ action: AlarmAction, on alarmID: String, activation: String = "", comment: String = "",
        seconds: UInt64 = 0, isOneShot: Bool = false
    ) throws(ClientError) -> AlarmCommandView {
        var json = JSONWriter()
        json.object { json in
            if !activation.isEmpty { json.field("activation", activation) }
            json.field("comment", comment)
            if action == .shelve {
                json.field("seconds", seconds)
                json.field("oneShot", isOneShot)
            }
        }
        let path = "/v1/alarms/\(Self.encode(alarmID))/\(action.rawValue)"
        return try self.view(try self.exchange("POST", path, body: json.bytes))
    }

    /// Acknowledges several alarms at once, each with the activation that was seen.
    ///
    /// The answer has one result for each, in their order. At most `alarmsAtOnceMax`.
    package func acknowledge(
        _ alarms: [(alarmID: String, activation: String)], comment: String
    ) throws(ClientError) -> PageView<AlarmCommandResult> {
        var json = JSONWriter()
        json.object { json in
            json.field("comment", comment)
            json.arrayField("alarms") { json in
                for alarm in alarms {
                    json.object { json in
                        json.field("alarmID", alarm.alarmID)
                        json.field("activation", alarm.activation)
                    }
                }
            }
        }
        return try self.view(try self.exchange("POST", "/v1/alarms/ack", body: json.bytes))
    }

    /// One alarm; it may be normal.
    package func alarm(_ alarmID: String) throws(ClientError) -> AlarmView {
        try self.view(try self.get("/v1/alarms/\(Self.encode(alarmID))"))
    }

    /// The areas whose mode chooses the limits of their sensors.
    package func areas() throws(ClientError) -> PageView<AreaView> {
        try self.view(try self.get("/v1/areas"))
    }

    /// Puts an area into a mode.
    package func setMode(
        area: String, mode: String, comment: String
    ) throws(ClientError) -> AreaCommandView {
        var json = JSONWriter()
        json.object { json in
            json.field("mode", mode)
            json.field("comment", comment)
        }
        let path = "/v1/areas/\(Self.encode(area))/mode"
        return try self.view(try self.exchange("POST", path, body: json.bytes))
    }

    package func events(
        after: UInt64, limit: Int, matching query: EventQuery = EventQuery()
    ) throws(ClientError) -> PageView<EventView> {
        let items = [("after", "\(after)"), ("limit", "\(limit)")] + Self.items(query)
        return try self.view(try self.get("/v1/events" + Self.query(items)))
    }

    /// The last input that listeners refused, newest first.
    package func rejects(limit: Int) throws(ClientError) -> PageView<RejectView> {
        try self.view(try self.get("/v1/ingest/rejects" + Self.query([("limit", "\(limit)")])))
    }

    /// Has the configuration file read again; with `isDryRun` nothing takes effect.
    package func reload(isDryRun: Bool) throws(ClientError) -> ReloadView {
        var json = JSONWriter()
        json.object { $0.field("dryRun", isDryRun) }
        return try self.view(try self.exchange("POST", "/v1/reload", body: json.bytes))
    }

    /// Orders something about a dead letter: `resend` or `drop`.
    package func order(
        _ verb: String, alert: String, endpoint: String
    ) throws(ClientError) -> DeliveryOrderView {
        let place = "\(Self.encode(alert))/\(Self.encode(endpoint))"
        return try self.view(
            try self.exchange("POST", "/v1/alerts/dead-letters/\(place)/\(verb)", body: []))
    }

    /// Uses an endpoint again that was disabled or paused.
    package func enable(endpoint: String) throws(ClientError) -> DeliveryOrderView {
        try self.view(
            try self.exchange(
                "POST", "/v1/alerts/endpoints/\(Self.encode(endpoint))/enable", body: []))
    }

    /// Why a sensor and its alarms are as they are.
    ///
    /// `name` is a sensor's path or `path:name` of one of its alarms; a path wins.
    package func explain(_ name: String) throws(ClientError) -> Explanation {
        do throws(ClientError) {
            return try self.view(try self.get("/v1/why" + Self.query([("sensor", name)])))
        } catch {
            guard case .problem(let problem) = error, problem.kind == .notFound, name.contains(":")
            else { throw error }
        }
        return try self.view(try self.get("/v1/why" + Self.query([("alarm", name)])))
    }

    /// Follows the ledger until `onEvent` returns false, the daemon stops, or the link breaks.
    ///
    /// `last` is the number of the last event seen; nil begins with the next one. It is kept up to
    /// date, also before the first event, so that following again misses nothing.
    package func follow(
        from last: inout UInt64?, matching query: EventQuery = EventQuery(),
        onEvent: (EventView) -> Bool
    ) throws(ClientError) {
        let items = (last.map { [("after", "\($0)")] } ?? []) + Self.items(query)
        let path = "/v1/stream" + Self.query(items)
        let connection = try self.connect()
        try self.send("GET", path, body: nil, on: connection)
        var parser = ResponseParser(bodyBytesMax: Int.max)
        var stream = EventStreamParser()
        while !parser.isComplete {
            let deadline = clinux_boottime_ns() + Self.streamSilenceMaxNanoseconds
            let isOver = try self.receive(on: connection, deadline: deadline, into: &parser)
            if parser.hasHead, parser.status != 200 {
                if isOver { throw self.failure(parser.status, parser.takeBody()) }
                continue
            }
            for event in stream.feed(parser.takeBody()) where event.type == "ledger" {
                let view: EventView = try self.view(Array(event.data.utf8))
                last = view.n
                guard onEvent(view) else { return }
            }
            last = UInt64(stream.lastID) ?? last
            if isOver { return }
        }
    }

    /// The body of a GET, whatever it is.
    package func get(_ path: String) throws(ClientError) -> [UInt8] {
        try self.exchange("GET", path, body: nil)
    }

    /// The body of the answer to a POST of a JSON object.
    package func post(_ path: String, _ body: [UInt8]) throws(ClientError) -> [UInt8] {
        try self.exchange("POST", path, body: body)
    }

    // MARK: Private

    func view<View: OperatorView>(_ bytes: [UInt8]) throws(ClientError) -> View {
        do {
            return try View(json: try JSONValue(parsing: bytes.span))
        } catch {
            throw .malformed(reason: "\(error)")
        }
    }

    func connect() throws(ClientError) -> UnixSocketConnection {
        do {
            return try UnixSocketConnection(
                path: self.socketPath, timeoutNanoseconds: self.timeoutNanoseconds)
        } catch {
            throw self.clientError(error)
        }
    }

    private func exchange(
        _ method: String, _ path: String, body: [UInt8]?
    ) throws(ClientError) -> [UInt8] {
        let connection = try self.connect()
        try self.send(method, path, body: body, on: connection)
        var parser = ResponseParser(bodyBytesMax: Self.bodyBytesMax)
        let deadline = clinux_boottime_ns() + self.timeoutNanoseconds
        while !parser.isComplete {
            if try self.receive(on: connection, deadline: deadline, into: &parser) { break }
        }
        let answer = parser.takeBody()
        guard (200..<300).contains(parser.status) else {
            throw self.failure(parser.status, answer)
        }
        return answer
    }

    func send(
        _ method: String, _ path: String, body: [UInt8]?,
        on connection: borrowing UnixSocketConnection
    ) throws(ClientError) {
        var head = "\(method) \(path) HTTP/1.1\r\nHost: midwatch\r\nConnection: close\r\n"
        if let terminal = Self.terminal { head += "Midwatch-Terminal: \(terminal)\r\n" }
        if let body {
            head += "Content-Type: application/json\r\nContent-Length: \(body.count)\r\n"
        }
        let bytes = Array((head + "\r\n").utf8) + (body ?? [])
        do {
            try connection.send(bytes, deadline: clinux_boottime_ns() + self.timeoutNanoseconds)
        } catch {
            throw self.clientError(error)
        }
    }

    /// Reads once; true when the response is over.
    func receive(
        on connection: borrowing UnixSocketConnection, deadline: UInt64,
        into parser: inout ResponseParser
    ) throws(ClientError) -> Bool {
        let bytes: [UInt8]?
        do {
            bytes = try connection.receive(deadline: deadline)
        } catch {
            throw self.clientError(error)
        }
        do throws(ResponseError) {
            guard let bytes else {
                try parser.finish()
                return true
            }
            try parser.feed(bytes[...])
            return parser.isComplete
        } catch {
            if error == .cutOff { throw .cutOff(path: self.socketPath) }
            throw .malformed(reason: "\(error)")
        }
    }

    func failure(_ status: Int, _ body: [UInt8]) -> ClientError {
        if let json = try? JSONValue(parsing: body.span), let problem = try? Problem(json: json) {
            return .problem(problem)
        }
        return .malformed(reason: "HTTP status \(status)")
    }

    private func clientError(_ failure: UnixSocketConnection.Failure) -> ClientError {
        switch failure {
        case .unreachable(let errno): .unreachable(path: self.socketPath, errno: errno)
        case .timedOut: .timedOut(path: self.socketPath)
        case .closed: .cutOff(path: self.socketPath)
        case .system(let errno): .unreachable(path: self.socketPath, errno: errno)
        }
    }

    /// Where the person sits, for the ledger: the terminal, and the address of a remote login.
    private static let terminal: String? = {
        var name = [CChar](repeating: 0, count: 128)
        let isKnown = [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO].contains { descriptor in
            unsafe ttyname_r(descriptor, &name, name.count) == 0
        }
        guard isKnown else { return nil }
        var text = String(
            decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        if text.hasPrefix("/dev/") { text.removeFirst(5) }
        if let variable = unsafe getenv("SSH_CONNECTION") {
            let address = unsafe String(cString: variable).prefix { $0 != " " }
            text += "@\(address)"
        }
        return text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F } ? text : nil
    }()

    /// The filters that every list takes.
    private static func items(
        _ text: String, _ area: AreaFilter?, _ states: StateFilter,
        _ priorities: Set<AlarmPriority>
    ) -> [(String, String)] {
        let words = AlarmPriority.allCases.filter { priorities.contains($0) }.map(\.word)
        let items = [
            ("q", text), ("area", area?.name ?? ""),
            ("state", states.words.joined(separator: ",")),
            ("priority", words.joined(separator: ",")),
        ]
        return items.filter { !$0.1.isEmpty }
    }

    private static func items(_ query: EventQuery) -> [(String, String)] {
        self.items(query.filter, query.area, query.states, query.priorities)
            + (query.kinds.isEmpty ? [] : [("kind", query.kinds.sorted().joined(separator: ","))])
    }

    static func query(_ items: [(name: String, value: String)]) -> String {
        guard !items.isEmpty else { return "" }
        return "?" + items.map { "\($0.name)=\(self.encode($0.value))" }.joined(separator: "&")
    }

    /// Percent-encodes all but the unreserved characters (RFC 3986, 2.3).
    package static func encode(_ text: String) -> String {
        PercentText.encode(text)
    }
}
