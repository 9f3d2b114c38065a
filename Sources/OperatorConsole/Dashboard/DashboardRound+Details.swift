// SPDX-License-Identifier: Apache-2.0

internal import JSONText
internal import MidwatchModel
internal import OperatorViews

/// What the rounds keep of the details between them: the dear questions are not asked each second.
struct DetailRounds: Sendable {
    /// Questions that the engine answers, or that walk through many rows.
    static let intervalNanoseconds: UInt64 = 2_000_000_000
    /// The archive; what comes between is drawn from what the dashboard saw itself.
    static let historyNanoseconds: UInt64 = 30_000_000_000
    /// Records behind the newest in which the timeline of an alarm begins to look.
    static let recordsBack: UInt64 = 20_000
    static let eventsMax = 500

    var alarm: AlarmDetail?
    var alarmAt: UInt64 = 0
    /// The timeline of the alarm or sensor that is looked at.
    var tail = LedgerTail(text: "")
    var sensor: SensorDetail?
    var sensorAt: UInt64 = 0
    var historyAt: UInt64 = 0
    var historySeconds: UInt64 = 0
    var delivery: DeliveryDetail?
    var deliveryAt: UInt64 = 0
    var deadLetterLimit = 0
}

/// The records of the ledger that are about one alarm or sensor, followed from round to round.
struct LedgerTail: Sendable {
    /// What the records have: an alarm's id, or the path of a sensor.
    let text: String
    private(set) var events: [EventView] = []
    private var after: UInt64 = 0
    private var from: UInt64 = 0
    private var isBegun = false

    init(text: String) { self.text = text }

    /// Records of the ledger that were looked at.
    var recordCount: UInt64 { self.after - self.from }

    /// Reads one page more; `newest` is a record that the list of all events has seen.
    mutating func advance(
        _ client: OperatorClient, newest: UInt64?, isWanted: (EventView) -> Bool
    ) throws(ClientError) {
        if !self.isBegun {
            let end: UInt64
            if let newest { end = newest } else { end = try client.newestEvent() }
            self.from = end - min(end, DetailRounds.recordsBack)
            self.after = self.from
            self.isBegun = true
        }
        var query = EventQuery()
        query.filter = self.text
        let page = try client.events(
            after: self.after, limit: DetailRounds.eventsMax, matching: query)
        self.events += page.items.filter(isWanted)
        if self.events.count > DetailRounds.eventsMax {
            self.events.removeFirst(self.events.count - DetailRounds.eventsMax)
        }
        // Without a next page everything was looked at, what the list of events has included.
        self.after =
            page.next.flatMap { UInt64($0) }
            ?? max(self.after, newest ?? 0, page.items.last?.n ?? 0)
    }
}

extension DashboardRound {
    /// Asks for what one open sheet shows beyond the lists.
    mutating func askDetails(
        _ need: DashboardNeed, _ answer: inout DashboardAnswer
    ) throws(ClientError) {
        if let id = need.alarmID {
            answer.alarmDetail = try self.alarmDetail(id, now: answer.askedAt)
        }
        if let path = need.sensorPath {
            answer.sensorDetail = try self.sensorDetail(
                path, seconds: need.historySeconds, now: answer.askedAt)
        }
        if need.wantsDelivery {
            answer.deliveryDetail = try self.deliveryDetail(need, now: answer.askedAt)
        }
    }

    /// nil where the daemon says that there is no such thing, or does not know the question.
    private static func optional<Value>(
        _ ask: () throws(ClientError) -> Value
    ) throws(ClientError) -> Value? {
        do throws(ClientError) {
            return try ask()
        } catch {
            guard case .problem(let problem) = error else { throw error }
            switch problem.kind {
            case .notFound, .timedOut, .notReady: return nil
            default: throw error
            }
        }
    }

    private func json(_ path: String) throws(ClientError) -> JSONValue {
        let bytes = try self.client.get(path)
        return (try? JSONValue(parsing: bytes.span)) ?? .null
    }

    // MARK: Alarm

    private mutating func alarmDetail(
        _ id: String, now: UInt64
    ) throws(ClientError) -> AlarmDetail {
        let client = self.client
        var detail = self.details.alarm ?? AlarmDetail(alarmID: id)
        let isNew = detail.alarmID != id || self.details.alarm == nil
        if isNew {
            detail = AlarmDetail(alarmID: id)
        }
        if self.details.tail.text != id { self.details.tail = LedgerTail(text: id) }
        detail.alarm = try Self.optional { () throws(ClientError) in try client.alarm(id) }
        if isNew || now >= self.details.alarmAt &+ DetailRounds.intervalNanoseconds {
            self.details.alarmAt = now
            detail.explanation = try Self.optional { () throws(ClientError) in
                try client.explain(alarm: id)
            }
            let query = "?explain=" + OperatorClient.encode(id)
            let way = try Self.optional { () throws(ClientError) in
                try self.json("/v1/alerts/routes" + query)
            }
            detail.way = way?["items"]?.array?.first.map { AlertWay(json: $0) }
        }
        try self.details.tail.advance(client, newest: self.newestEvent) {
            EventLine($0).alarmID == id
        }
        detail.events = self.details.tail.events
        detail.recordCount = self.details.tail.recordCount
        self.details.alarm = detail
        return detail
    }

    // MARK: Sensor

    private mutating func sensorDetail(
        _ path: String, seconds: UInt64, now: UInt64
    ) throws(ClientError) -> SensorDetail {
        let client = self.client
        var detail = self.details.sensor ?? SensorDetail(path: path)
        let isNew = detail.path != path || self.details.sensor == nil
        if isNew { detail = SensorDetail(path: path) }
        if isNew || now >= self.details.sensorAt &+ DetailRounds.intervalNanoseconds {
            self.details.sensorAt = now
            detail.explanation = try Self.optional { () throws(ClientError) in
                try client.explain(path)
            }
        }
        let isOld = now >= self.details.historyAt &+ DetailRounds.historyNanoseconds
        if isNew || isOld || seconds != self.details.historySeconds {
            self.details.historyAt = now
            self.details.historySeconds = seconds
            // A chart without its past is no reason to show nothing else.
            do throws(ClientError) {
                detail.history = try client.history(path, seconds: seconds)
                detail.historyTrouble = ""
            } catch {
                guard case .problem(let problem) = error else { throw error }
                detail.history = nil
                detail.historyTrouble =
                    problem.kind == .notFound ? "" : problem.detail
            }
        }
        if self.details.tail.text != path { self.details.tail = LedgerTail(text: path) }
        try self.details.tail.advance(client, newest: self.newestEvent) { event in
            let alarmID = EventLine(event).alarmID
            return event.body["sensor"]?.string == path || AlarmName(alarmID).path == path
        }
        detail.events = self.details.tail.events
        self.details.sensor = detail
        return detail
    }

    // MARK: Delivery

    private mutating func deliveryDetail(
        _ need: DashboardNeed, now: UInt64
    ) throws(ClientError) -> DeliveryDetail {
        let client = self.client
        var detail = self.details.delivery ?? DeliveryDetail()
        let isOld = now >= self.details.deliveryAt &+ DetailRounds.intervalNanoseconds
        let isMore = need.deadLetterLimit != self.details.deadLetterLimit
        if self.details.delivery == nil || isOld || isMore {
            self.details.deliveryAt = now
            self.details.deadLetterLimit = need.deadLetterLimit
            let page = try client.allDeadLetters(DeadLetterQuery(limit: need.deadLetterLimit))
            detail.deadLetters = page.items
            detail.hasMoreDeadLetters = page.next != nil
            let routes = try Self.optional { () throws(ClientError) in
                try self.json("/v1/alerts/routes")
            }
            detail.routes = (routes?["items"]?.array ?? []).map { RouteLine(json: $0) }
            let silences = try Self.optional { () throws(ClientError) in
                try self.json("/v1/alerts/silences")
            }
            detail.silences = (silences?["items"]?.array ?? []).map { SilenceLine(json: $0) }
        }
        detail.test = nil
        if let test = need.testID {
            let json = try Self.optional { () throws(ClientError) in
                try self.json("/v1/alerts/test/" + OperatorClient.encode(test))
            }
            detail.test = json.map { AlertTestLine(json: $0) }
        }
        self.details.delivery = detail
        return detail
    }
}
