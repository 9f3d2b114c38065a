// SPDX-License-Identifier: Apache-2.0

internal import HTTPTypes
internal import Hummingbird
internal import JSONText
internal import MidwatchModel
internal import NIOCore
internal import OperatorViews

/// The channel a request came by, for the routes that ask who is at its other end.
struct OperatorContext: InitializableFromSource {
    typealias Source = ApplicationRequestContextSource
    let channel: any Channel

    init(source: ApplicationRequestContextSource) { self.channel = source.channel }
}

/// Kind of listener a request came in by.
enum ListenerKind: Sendable, Equatable {
    /// The kernel says who is there.
    case unixSocket
    /// A token says who is there; without tokens anyone on this machine may read.
    case loopback

    /// Name in the access log.
    var name: String {
        switch self {
        case .unixSocket: "api/unix"
        case .loopback: "api/tcp"
        }
    }
}

/// Answers the requests of one listener.
///
/// Errors are `Problem`s; whatever is thrown otherwise becomes `internalError` without its text.
struct OperatorResponder: HTTPResponder {
    let backend: any OperatorBackend
    let kind: ListenerKind
    let access: any OperatorAccess
    let limits: RequestLimits
    let metrics: RequestMetrics
    let stopping: EventSignal
    let onAccess: @Sendable (AccessEvent) -> Void

    /// A request on its way: what it asks for, and who asks.
    struct Asked: Sendable {
        var target: RequestTarget
        var operation: APIOperation
        var caller: Caller

        /// The segment of the path that stands for `{…}`.
        var subject: String {
            let place = self.operation.segments.firstIndex { $0.hasPrefix("{") }
            return place.map { self.target.segments[$0] } ?? ""
        }
    }

    @Sendable
    func respond(to request: Request, context: OperatorContext) async throws -> Response {
        if let page = await self.acknowledgePage(request, context) { return page }
        let caller = await self.caller(of: request, context.channel)
        // Without the query: it may hold anything. The log cuts what is long.
        var place = String((request.head.path ?? "").prefix { $0 != "?" })
        let response: Response
        do {
            try self.checkHost(request)
            let (target, operation) = try Self.find(request)
            place = operation.path
            try self.authorize(caller, operation)
            try self.admit(caller, operation)
            let asked = Asked(target: target, operation: operation, caller: caller)
            response = try await self.answer(asked, request, context)
        } catch let problem as Problem {
            response = Self.response(await self.slowed(problem, caller))
        } catch let error as ViewError {
            response = Self.response(Problem(.badRequest, detail: error.description))
        }
        self.metrics.countStatus(response.status.code)
        self.report(request, place, response.status, caller)
        return response
    }

    /// Tells the access log who asked what, and whether it was answered.
    private func report(
        _ request: Request, _ place: String, _ status: HTTPResponse.Status, _ caller: Caller
    ) {
        let kind: AccessEvent.Kind
        switch status.code {
        case 401, 403:
            kind = .loginFailed
            self.metrics.add(.loginsFailed)
        case 400..<500: kind = .refused
        default: kind = request.method == .get ? .read : .command
        }
        self.onAccess(
            AccessEvent(
                kind, listener: self.kind.name, address: caller.address, user: caller.user,
                detail: "\(request.method.rawValue) \(place)"))
    }

    /// Refuses those who ask too often; collectors of health and metrics as well.
    private func admit(_ caller: Caller, _ operation: APIOperation) throws {
        // Programs of one machine share its address: a token tells them apart.
        let name = caller.holder.map { "token \($0.name)" } ?? caller.address
        guard
            self.limits.admits(
                name, isCommand: operation.method != "get", now: RequestClock.now())
        else {
            self.metrics.add(.requestsRefused)
            throw Problem(
                .tooManyRequests,
                detail: "at most \(OperatorAPILimits.requestsPerSecond) a second")
        }
    }

    /// Makes who shows a wrong token wait for the answer, longer each time.
    private func slowed(_ problem: Problem, _ caller: Caller) async -> Problem {
        guard caller.hasBadToken, problem.kind == .unauthorized else { return problem }
        guard let wait = self.limits.failed(caller.address, now: RequestClock.now()) else {
            return Problem(.tooManyRequests, detail: "too many wrong tokens")
        }
        try? await Task.sleep(nanoseconds: wait)
        self.limits.waited()
        return problem
    }

    /// What a request asks for, by the table of operations.
    private static func find(_ request: Request) throws -> (RequestTarget, APIOperation) {
        guard let target = RequestTarget(request.head.path ?? "") else {
            throw Problem(.badRequest, detail: "the address is malformed or too long")
        }
        let there = APIOperation.all.filter { $0.matches(target.segments) }
        let method = request.method.rawValue.lowercased()
        if let operation = there.first(where: { $0.method == method }) {
            return (target, operation)
        }
        guard !there.isEmpty else {
            throw Problem(.notFound, detail: "/v1/openapi.json lists the addresses")
        }
        let methods = Set(there.map { $0.method.uppercased() }).sorted()
        throw Problem(.methodNotAllowed, detail: "use " + methods.joined(separator: ", "))
    }

    private func answer(
        _ asked: Asked, _ request: Request, _ context: OperatorContext
    ) async throws -> Response {
        let reader = QueryReader(asked.target.query)
        switch asked.operation.name {
        case .health: return Self.health(await self.backend.health())
        case .ready: return Self.health(await self.backend.readiness())
        case .metrics: return await self.metricsPage()
        case .description: return Self.description()
        case .status: return Self.json(await self.backend.status())
        case .sensors: return Self.json(try await self.sensors(reader))
        case .alarms: return Self.json(try await self.alarms(reader))
        case .alarm: return Self.json(try await self.alarm(asked.subject))
        case .areas: return Self.json(PageView(items: await self.backend.areas()))
        case .events: return Self.json(try await self.events(reader))
        case .rejects: return Self.json(try await self.rejects(reader))
        case .why: return Self.json(try await self.why(reader))
        case .history: return Self.json(try await self.history(reader))
        case .stream: return try await self.stream(request, reader, asked.caller, context)
        case .act(let action): return try await self.act(action, asked, request, context)
        case .acknowledgeSeveral:
            return try await self.acknowledgeSeveral(asked, request, context)
        case .configuration: return try await self.configuration(reader)
        case .reload: return try await self.reload(asked, request, context)
        case .setMode: return try await self.setMode(asked, request, context)
        case .alerts(let question):
            return try await self.answer(question, asked, request, context)
        case .deadLetters: return Self.json(try await self.deadLetters(reader))
        case .orderDelivery(let verb): return try await self.order(verb, asked, request)
        }
    }

    /// What can be asked for; the same for everybody.
    private static func description() -> Response {
        Response(
            status: .ok,
            headers: [.contentType: "application/json", .xContentTypeOptions: "nosniff"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: APIDescription.text + "\n")))
    }

    // MARK: Reading

    private static func health(_ view: HealthView) -> Response {
        self.json(view, status: view.level == .failed ? .serviceUnavailable : .ok)
    }

    private func metricsPage() async -> Response {
        let page = PrometheusText(await self.backend.metrics() + self.metrics.metrics())
        self.metrics.add(.samplesRefused, UInt64(page.refusedCount))
        return Response(
            status: .ok,
            headers: [.contentType: PrometheusText.contentType, .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: page.text)))
    }

    private func sensors(_ reader: QueryReader) async throws -> PageView<SensorView> {
        try reader.allow([
            "q", "area", "state", "priority", "freshness", "order", "after", "limit", "paths",
        ])
        let limit = try reader.limit()
        var query = SensorQuery(limit: limit + 1)
        query.filter = try reader.filter()
        query.area = try reader.area()
        query.states = try reader.states()
        query.priorities = try reader.priorities()
        query.freshness = try reader.word("freshness", Freshness.allCases, \.word)
        query.order =
            try reader.word("order", SensorQuery.Order.allCases, \.rawValue) ?? .path
        query.after = reader["after"]
        // No path has a line feed; a request target bounds how many there can be.
        query.paths = Set((reader["paths"] ?? "").split(separator: "\n").map(String.init))
        let found = await self.backend.sensors(matching: query)
        let page = Array(found.prefix(limit))
        let hasMore = found.count > limit && query.order == .path
        return PageView(items: page, next: hasMore ? page.last?.path : nil)
    }

    private func alarms(_ reader: QueryReader) async throws -> PageView<AlarmView> {
        try reader.allow([
            "q", "area", "state", "priority", "normal", "order", "after", "limit",
        ])
        let limit = try reader.limit()
        var query = AlarmQuery(limit: limit + 1)
        query.filter = try reader.filter()
        query.area = try reader.area()
        query.states = try reader.states()
        query.priorities = try reader.priorities()
        query.includesNormal = try reader.flag("normal")
        query.order = try reader.word("order", AlarmQuery.Order.allCases, \.rawValue) ?? .urgency
        query.after = reader["after"]
        let found = await self.backend.alarms(matching: query)
        let page = Array(found.prefix(limit))
        let hasMore = found.count > limit && query.order == .id
        return PageView(items: page, next: hasMore ? page.last?.alarmID : nil)
    }

    private func alarm(_ id: String) async throws -> AlarmView {
        guard let alarm = await self.backend.alarm(id: id) else {
            throw Problem(.notFound, detail: "no alarm has this id", instance: id)
        }
        return alarm
    }

    private func events(_ reader: QueryReader) async throws -> PageView<EventView> {
        try reader.allow(Self.eventItems.union(["after", "limit"]))
        let limit = try reader.limit()
        let query = try await self.eventQuery(reader)
        var after = try reader.number("after") ?? 0
        var page: [EventView] = []
        var scanned = 0
        while true {
            let batch = try await self.backend.events(after: after, limit: limit + 1)
            for event in batch {
                // One more than fits says that there is more.
                if page.count == limit { return PageView(items: page, next: "\(after)") }
                after = event.n
                if query.matches(event) { page.append(event) }
            }
            scanned += batch.count
            guard batch.count > limit else { return PageView(items: page) }
            guard scanned < OperatorAPILimits.eventsScannedMax else {
                return PageView(items: page, next: "\(after)")
            }
        }
    }

    private static let eventItems: Set<String> = ["q", "area", "state", "priority", "kind"]

    private func eventQuery(_ reader: QueryReader) async throws -> EventQuery {
        var query = EventQuery()
        query.filter = try reader.filter()
        query.states = try reader.states()
        query.priorities = try reader.priorities()
        query.kinds = Set(reader.list("kind"))
        if let area = try reader.area() { query.area = await self.backend.area(named: area.name) }
        return query
    }

    private func rejects(_ reader: QueryReader) async throws -> PageView<RejectView> {
        try reader.allow(["limit"])
        return PageView(items: await self.backend.rejects(limit: try reader.limit()))
    }

    private func stream(
        _ request: Request, _ reader: QueryReader, _ caller: Caller, _ context: OperatorContext
    ) async throws -> Response {
        try reader.allow(Self.eventItems.union(["after"]))
        let query = try await self.eventQuery(reader)
        let after: UInt64
        if let name = HTTPField.Name("Last-Event-ID"), let last = request.headers[name] {
            guard let number = UInt64(last) else {
                throw Problem(.badRequest, detail: "Last-Event-ID is not a ledger number")
            }
            after = number
        } else if let number = try reader.number("after") {
            after = number
        } else {
            after = await self.backend.newestEvent()
        }
        guard self.metrics.openStream(address: caller.address) else {
            throw Problem(
                .tooManySubscribers,
                detail: "\(OperatorAPILimits.streamSubscribersMax) streams are open, or "
                    + "\(OperatorAPILimits.streamsPerAddressMax) by \(caller.address)")
        }
        let seat = StreamSeat(self.metrics, address: caller.address)
        let stream = EventStream(
            backend: self.backend, metrics: self.metrics, stopping: self.stopping,
            hangUp: try await HangUpHandler.watch(context.channel), after: after,
            query: query, seat: seat)
        return Response(
            status: .ok,
            headers: [.contentType: "text/event-stream", .cacheControl: "no-store"],
            body: ResponseBody { writer in try await stream.run(into: &writer) })
    }

    // MARK: Answers

    static func json(_ view: some OperatorView, status: HTTPResponse.Status = .ok) -> Response {
        self.text(view, type: "application/json", status: status)
    }

    static func response(_ problem: Problem) -> Response {
        let status = HTTPResponse.Status(code: problem.status)
        var response = self.text(problem, type: "application/problem+json", status: status)
        switch problem.kind {
        case .unauthorized: response.headers[.wwwAuthenticate] = "Bearer"
        case .methodNotAllowed:
            response.headers[.allow] = String(problem.detail.dropFirst("use ".count))
        case .tooManyRequests: response.headers[.retryAfter] = "1"
        case .filesNotAnswering, .tooManySubscribers, .busy:
            response.headers[.retryAfter] = "\(OperatorAPILimits.retryAfterSeconds)"
        default: break
        }
        return response
    }

    private static func text(
        _ view: some OperatorView, type: String, status: HTTPResponse.Status
    ) -> Response {
        var json = JSONWriter(reservingBytes: 4_096)
        view.encode(to: &json)
        return Response(
            status: status,
            headers: [
                .contentType: type, .cacheControl: "no-store", .xContentTypeOptions: "nosniff",
            ],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: json.bytes + [UInt8(ascii: "\n")])))
    }
}
