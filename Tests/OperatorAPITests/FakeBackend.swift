// SPDX-License-Identifier: Apache-2.0

import JSONText
import MidwatchModel
import OperatorAPI
import OperatorViews
import Synchronization

/// A daemon in memory: two sensors, one alarm, a ledger that the test writes.
final class FakeBackend: OperatorBackend {
    struct State {
        var sensors: [SensorView] = []
        var alarms: [AlarmView] = []
        var events: [EventView] = []
        var orders: [DeliveryOrder] = []
        var commands: [AlarmCommand] = []
        var modeCommands: [AreaCommand] = []
        var refusal: Problem?
        var level = HealthLevel.healthy
        var pagesFetched = 0
        var isDiskHanging = false
        var revision = ""
        var refusedReads = 0
        var reloads: [ReloadRequest] = []
    }

    let state = Mutex(State())
    let signal = EventSignal()

    init(sensors: Int = 2) {
        self.state.withLock { state in
            for index in 0..<sensors {
                let digits = "0000\(index)".suffix(4)
                var sensor = SensorView(
                    path: "plant/area/\(digits)", index: UInt32(index),
                    freshness: index % 2 == 0 ? .fresh : .stale, deadlineNanoseconds: 1_000)
                sensor.value = Double(index)
                state.sensors.append(sensor)
            }
            var alarm = AlarmView(
                alarmID: "plant/area/0001:stale", activation: "1:5.0", path: "plant/area/0001",
                kind: "stale", state: .unacknowledged, priority: .high)
            alarm.message = "silent"
            state.alarms = [alarm]
        }
    }

    func append(events count: Int) {
        let newest = self.state.withLock { state -> UInt64 in
            for _ in 0..<count {
                let n = UInt64(state.events.count + 1)
                state.events.append(
                    EventView(
                        n: n, written: WallInstant(nanoseconds: Int64(n) * 1_000),
                        body: .object([("type", .string("test")), ("n", .integer(Int64(n)))])))
            }
            return UInt64(state.events.count)
        }
        self.signal.advance(to: newest)
    }

    func reload(_ request: ReloadRequest) async throws(Problem) -> ReloadView {
        self.state.withLock { $0.reloads.append(request) }
        var view = ReloadView(
            outcome: request.isDryRun ? .accepted : .applied, file: "/etc/midwatch.yaml",
            revisionBefore: "aa")
        view.revisionAfter = "bb"
        view.issues = [
            ConfigurationIssueView(
                kind: "advice", refused: false, line: 3, column: 5, key: "sensors[0]",
                message: "m")
        ]
        view.changes = [
            ConfigurationChangeView(kind: "added", key: "rules[x]", before: "", after: "{}")
        ]
        view.needRestart = ["api"]
        return view
    }

    func configuration(after: Int, limit: Int) async throws(Problem) -> ConfigurationView {
        let sensors = (0..<5).dropFirst(after).prefix(limit).map { JSONValue.string("s\($0)") }
        var settings: [(name: String, value: JSONValue)] = [("sensors", .array(sensors))]
        if after == 0 { settings.append(("node", .object([("name", .string("n1"))]))) }
        return ConfigurationView(
            revision: "aa", file: "/etc/midwatch.yaml", settings: .object(settings),
            next: after + limit < 5 ? "\(after + limit)" : nil)
    }

    func status() async -> StatusView {
        var view = StatusView(
            node: "edge-1", version: "0.1.0", health: .degraded,
            startedAt: WallInstant(nanoseconds: 0), time: WallInstant(nanoseconds: 1_000_000))
        self.state.withLock { state in
            view.sensors.fresh = UInt64(state.sensors.count)
            view.configurationRevision = state.revision
        }
        return view
    }

    func sensors(matching query: SensorQuery) async -> [SensorView] {
        self.state.withLock { state in
            state.pagesFetched += 1
            return query.select(from: state.sensors)
        }
    }

    func alarms(matching query: AlarmQuery) async -> [AlarmView] {
        query.select(from: self.state.withLock { $0.alarms })
    }

    func explain(path: String, alarm: String?) async throws(Problem) -> Explanation {
        guard path != "nobody" else { throw Problem(.notFound, detail: "nobody there") }
        let now = WallInstant(nanoseconds: 5_000_000_000)
        var input = ExplainedInput(name: path)
        input.value = 7
        input.arrivalTime = now
        input.result = .met
        input.isRaised = true
        let timer = ExplainedTimer(
            kind: .onDelay, owner: "\(path):high", remainingNanoseconds: 3, endsAt: now,
            effect: "raised")
        var explained = ExplainedAlarm(
            alarmID: "\(path):\(alarm ?? "high")", kind: "high", priority: .high)
        explained.inputs = [input]
        explained.timers = [timer]
        explained.suppressions = [
            ExplainedSuppression(kind: .shelved, isInForce: false, reason: "not shelved")
        ]
        var explanation = Explanation(path: path, time: now, sensor: input)
        explanation.alarms = [explained]
        explanation.timers = [timer]
        return explanation
    }

    func alarm(id: String) async -> AlarmView? {
        self.state.withLock { $0.alarms.first { $0.alarmID == id } }
    }

    func areas() async -> [AreaView] {
        [AreaView(name: "west", mode: "day", modes: ["day", "night"], sensors: ["plant/#"])]
    }

    func perform(_ command: AlarmCommand) async throws(Problem) -> AlarmCommandView {
        let refusal = self.state.withLock { state in
            state.commands.append(command)
            return state.refusal
        }
        if let refusal { throw refusal }
        return AlarmCommandView(
            action: command.action.rawValue, alarmID: command.alarmID,
            activation: command.activation, position: "1:9", recorded: true,
            state: .acknowledged)
    }

    func setMode(_ command: AreaCommand) async throws(Problem) -> AreaCommandView {
        let refusal = self.state.withLock { state in
            state.modeCommands.append(command)
            return state.refusal
        }
        if let refusal { throw refusal }
        return AreaCommandView(
            area: command.area, mode: command.mode, position: "1:9", recorded: true)
    }

    func history(path: String, seconds: UInt64) async throws(Problem) -> HistoryView {
        if path == "nobody" { throw Problem(.notFound, detail: "nothing yet") }
        return HistoryView(
            path: path, unit: "ppm", from: WallInstant(nanoseconds: 0),
            to: WallInstant(nanoseconds: Int64(seconds) * 1_000_000_000),
            minutes: [
                .init(at: WallInstant(nanoseconds: 0), lowest: 1, mean: 2, highest: 3, readings: 60)
            ])
    }

    func rejects(limit: Int) async -> [RejectView] {
        [
            RejectView(
                listener: "udp/plant", number: 1, time: WallInstant(nanoseconds: 0), source: "",
                cause: "malformed", inputBytes: 3, excerpt: "x y")
        ]
    }

    func events(after: UInt64, limit: Int) async throws(Problem) -> [EventView] {
        let isRefused = self.state.withLock { state in
            state.refusedReads += state.isDiskHanging ? 1 : 0
            return state.isDiskHanging
        }
        if isRefused {
            throw Problem(.filesNotAnswering, detail: "the disk did not answer")
        }
        return self.state.withLock { state in
            Array(state.events.drop { $0.n <= after }.prefix(limit))
        }
    }

    func newestEvent() async -> UInt64 { self.signal.value }
    func waitForEvents(after: UInt64) async { await self.signal.wait(after: after) }

    func health() async -> HealthView { HealthView(level: self.state.withLock { $0.level }) }
    func readiness() async -> HealthView {
        HealthView(level: self.state.withLock { $0.level }, reasons: ["recovering"])
    }

    func deadLetters(
        matching query: DeadLetterQuery
    ) async throws(Problem) -> PageView<DeadLetterView> {
        if query.endpoint == "many" { return try Self.page(of: query) }
        let (alert, endpoint) = (query.alert, query.endpoint)
        let letter = DeadLetterView(
            alert: "alert_1_5_0", alarmID: "plant/area/0001:stale", endpoint: "room one",
            priority: "high", type: "alarm.raised", occurredAt: WallInstant(nanoseconds: 0),
            deadAt: WallInstant(nanoseconds: 1_000), reason: "refused", attemptCount: 3,
            lastStatus: 422, lastAnswer: "no", message: "silent",
            body: alert == nil ? .null : .object([("message", .string("silent"))]))
        return PageView(
            items: [letter].filter { alert == nil || $0.alert == alert }
                .filter { endpoint == nil || $0.endpoint == endpoint })
    }

    /// Letters 0 to 2,499, of which a page gives at most 1,000; the place is the letter's number.
    private static func page(
        of query: DeadLetterQuery
    ) throws(Problem) -> PageView<DeadLetterView> {
        guard let after = Int(query.after ?? "-1") else {
            throw Problem(.badRequest, detail: "no place")
        }
        let last = min(after + query.limit, 2_499)
        let letters = (after + 1...last).map { number in
            DeadLetterView(
                alert: "alert_1_\(number)_0", alarmID: "a:stale", endpoint: "many",
                priority: "high", type: "alarm.raised", occurredAt: WallInstant(nanoseconds: 0),
                deadAt: WallInstant(nanoseconds: 0), reason: "refused", attemptCount: 3,
                lastStatus: 422, lastAnswer: "", message: "")
        }
        return PageView(items: letters, next: last < 2_499 ? "\(last)" : nil)
    }

    func order(_ order: DeliveryOrder) async -> DeliveryOrderOutcome {
        self.state.withLock { $0.orders.append(order) }
        if order.verb == .resend, order.endpoint == "closed" {
            return .refused(reason: "enable it first")
        }
        return order.endpoint == "room one" ? .done : .unknown
    }

    func accountName(uid: UInt32) async -> String { LocalAccounts.name(uid: uid) }

    func metrics() async -> [MetricSample] {
        [
            MetricSample(
                "midwatch_readings_total", help: "Readings.", kind: .counter,
                labels: [("source", "a\"b")], value: 2)
        ]
    }
}
