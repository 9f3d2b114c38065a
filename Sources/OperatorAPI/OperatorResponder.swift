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
    /// Anyone on this machine may read; commands need the token.
    case loopback(token: String?)

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
    let metrics: RequestMetrics
    let stopping: EventSignal
    let onAccess: @Sendable (AccessEvent) -> Void

    @Sendable
    func respond(to request: Request, context: OperatorContext) async throws -> Response {
        let response: Response
        do {
            response = try await self.route(request, context)
        } catch let problem as Problem {
            response = Self.response(problem)
        } catch let error as ViewError {
            response = Self.response(Problem(.badRequest, detail: error.description))
        }
        self.metrics.countStatus(response.status.code)
        await self.report(request, response.status, context)
        return response
    }

    /// Tells the access log who asked what, and whether it was answered.
    private func report(
        _ request: Request, _ status: HTTPResponse.Status, _ context: OperatorContext
    ) async {
        let kind: AccessEvent.Kind
        switch status.code {
        case 401, 403:
            kind = .loginFailed
            self.metrics.add(.loginsFailed)
        case 400..<500: kind = .refused
        default: kind = request.method == .get ? .read : .command
        }
        // Without the query: it may hold anything.
        let path = (request.head.path ?? "").prefix { $0 != "?" }
        self.onAccess(
            AccessEvent(
                kind, listener: self.kind.name, address: await self.address(of: context),
                detail: "\(request.method.rawValue) \(path)"))
    }

    /// Who is there as the kernel says: the account on a unix socket, the address otherwise.
    private func address(of context: OperatorContext) async -> String {
        switch self.kind {
        case .unixSocket:
            return await PeerCredentials.read(from: context.channel).map { "uid=\($0.uid)" }
                ?? "unknown"
        case .loopback: return context.channel.remoteAddress?.ipAddress ?? "unknown"
        }
    }

    private func route(_ request: Request, _ context: OperatorContext) async throws -> Response {
        let path = request.head.path ?? ""
        guard let target = RequestTarget(path) else {
            throw Problem(.badRequest, detail: "the address is malformed or too long")
        }
        let segments = target.segments
        if segments.count == 4, segments[0] == "v1", segments[1] == "alarms",
            segments[3] == "acknowledge"
        {
            try Self.require(.post, of: request)
            return try await self.acknowledge(segments[2], request, context)
        }
        if let response = try await self.delivery(segments, target.query, request, context) {
            return response
        }
        guard segments.count <= 3, let route = Route(rawValue: segments.joined(separator: "/"))
        else { throw Problem(.notFound, detail: "see the operator API page for the addresses") }
        try Self.require(.get, of: request)
        if segments.count >= 2 { try self.authorizeReading(request) }
        switch route {
        case .health: return Self.health(await self.backend.health())
        case .ready: return Self.health(await self.backend.readiness())
        case .metrics: return await self.metricsPage()
        case .description: return Self.description()
        case .status: return Self.json(await self.backend.status())
        case .sensors: return Self.json(try await self.sensors(QueryReader(target.query)))
        case .alarms: return Self.json(try await self.alarms(QueryReader(target.query)))
        case .events: return Self.json(try await self.events(QueryReader(target.query)))
        case .rejects: return Self.json(try await self.rejects(QueryReader(target.query)))
        case .stream: return try await self.stream(request, QueryReader(target.query), context)
        }
    }

    private enum Route: String {
        case health = "healthz"
        case ready = "readyz"
        case metrics
        case description = "v1/openapi.json"
        case status = "v1/status"
        case sensors = "v1/sensors"
        case alarms = "v1/alarms"
        case events = "v1/events"
        case stream = "v1/stream"
        case rejects = "v1/ingest/rejects"
    }

    /// What can be asked for; the same for everybody.
    private static func description() -> Response {
        Response(
            status: .ok,
            headers: [.contentType: "application/json", .xContentTypeOptions: "nosniff"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: APIDescription.text + "\n")))
    }

    private static func require(_ method: HTTPRequest.Method, of request: Request) throws {
        guard request.method == method else {
            throw Problem(.methodNotAllowed, detail: "use \(method.rawValue)")
        }
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
        try reader.allow(["filter", "freshness", "order", "after", "limit"])
        let limit = try reader.limit()
        var query = SensorQuery(limit: limit + 1)
        query.filter = try reader.filter()
        query.freshness = try reader.word("freshness", Freshness.allCases, \.word)
        query.order =
            try reader.word("order", SensorQuery.Order.allCases, \.rawValue) ?? .path
        query.after = reader["after"]
        let found = await self.backend.sensors(matching: query)
        let page = Array(found.prefix(limit))
        let hasMore = found.count > limit && query.order == .path
        return PageView(items: page, next: hasMore ? page.last?.path : nil)
    }

    private func alarms(_ reader: QueryReader) async throws -> PageView<AlarmView> {
        try reader.allow(["filter", "normal", "order", "after", "limit"])
        let limit = try reader.limit()
        var query = AlarmQuery(limit: limit + 1)
        query.filter = try reader.filter()
        query.includesNormal = try reader.flag("normal")
        query.order = try reader.word("order", AlarmQuery.Order.allCases, \.rawValue) ?? .urgency
        query.after = reader["after"]
        let found = await self.backend.alarms(matching: query)
        let page = Array(found.prefix(limit))
        let hasMore = found.count > limit && query.order == .id
        return PageView(items: page, next: hasMore ? page.last?.alarmID : nil)
    }

    private func events(_ reader: QueryReader) async throws -> PageView<EventView> {
        try reader.allow(["after", "limit"])
        let limit = try reader.limit()
        let after = try reader.number("after") ?? 0
        let found = try await self.backend.events(after: after, limit: limit + 1)
        let page = Array(found.prefix(limit))
        return PageView(items: page, next: found.count > limit ? page.last.map { "\($0.n)" } : nil)
    }

    private func rejects(_ reader: QueryReader) async throws -> PageView<RejectView> {
        try reader.allow(["limit"])
        return PageView(items: await self.backend.rejects(limit: try reader.limit()))
    }

    private func stream(
        _ request: Request, _ reader: QueryReader, _ context: OperatorContext
    ) async throws -> Response {
        try reader.allow(["after"])
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
        let address = await self.address(of: context)
        guard self.metrics.openStream(address: address) else {
            throw Problem(
                .tooManySubscribers,
                detail: "\(OperatorAPILimits.streamSubscribersMax) streams are open, or "
                    + "\(OperatorAPILimits.streamsPerAddressMax) by \(address)")
        }
        let seat = StreamSeat(self.metrics, address: address)
        let stream = EventStream(
            backend: self.backend, metrics: self.metrics, stopping: self.stopping,
            hangUp: try await HangUpHandler.watch(context.channel), after: after, seat: seat)
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
        case .filesNotAnswering, .tooManySubscribers:
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
