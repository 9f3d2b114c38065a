// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import AlertDelivery
import JSONText
import MidwatchModel
import OperatorAPI
import OperatorViews
import StateFolder
import Synchronization

/// Tests of routes: an alarm that goes the whole way, and says everywhere that it is a test.
///
/// The sensor of the test's priority shows 1 until the engine has raised its alarm and a moment
/// longer, so that screens show it. The decision goes through ledger and gate like any other; here
/// it is told to every endpoint of the route, those of its escalation as well. It takes no part in
/// routing: it keeps no other alarm back, counts for no flood and is kept back by none.
extension RoutingDesk {
    /// Tests that are followed at once.
    static let drillCountMax = 16
    /// Tests whose attempts can be asked for.
    static let drillKeptMax = 64
    /// The engine raises the alarm of a test within this time, or the test has failed.
    static let drillRaiseNanoseconds: UInt64 = 10_000_000_000
    /// The alarm of a test stands this long, for those who look at screens.
    static let drillStandNanoseconds: UInt64 = 3_000_000_000

    // MARK: What operators ask

    /// `{"route": "…"}` or `{"endpoint": "…"}`, and `"priority"`.
    ///
    /// The ledger has it before the engine raises the alarm: after a crash who was told is told
    /// that it is over.
    func beginTest(
        _ wanted: JSONValue, author: String, origin: String
    ) async throws(Problem) -> [UInt8] {
        let priority = wanted["priority"]?.string ?? AlarmPriority.high.word
        guard let priority = AlarmPriority(word: priority) else {
            throw Problem(.badRequest, detail: "\"priority\" must be low, medium, high or critical")
        }
        let (name, endpoints) = try self.testTargets(wanted)
        guard self.drillCount < Self.drillCountMax else {
            throw Problem(.refused, detail: "\(Self.drillCountMax) tests are under way")
        }
        let id = "\(Alert.drillPrefix)\(self.parts.epoch)_\(self.takeNumber())"
        let alarmID = self.drillAlarm(priority)
        let order = DrillOrder(
            id: id, endpoints: endpoints, about: name, author: author, priority: priority,
            askedAt: self.parts.clock.now(), isAskedFor: false)
        guard self.begin(order, alarmID: alarmID) else {
            throw Problem(
                .refused, detail: "a test of \(priority.word) priority is under way",
                instance: alarmID)
        }
        _ = await self.record("alertDrill") { json in
            json.field("alert", id)
            json.field("alarmID", alarmID)
            json.field("route", name)
            json.arrayField("endpoints") { json in for name in endpoints { json.value(name) } }
            json.field("user", author)
            json.field("origin", origin)
        }
        let now = self.parts.clock.now()
        let parts = self.state.withLock { state in
            state.orders[alarmID]?.ask(at: now)
            state.drills[id]?.askedAt = now
            return state.drillParts
        }
        parts.look()
        return self.object { json in
            json.field("id", id)
            json.arrayField("endpoints") { json in for name in endpoints { json.value(name) } }
        }
    }

    private func drillAlarm(_ priority: AlarmPriority) -> String {
        let path = OwnPath.path(
            node: self.parts.builder.node, OwnFigure.drill(priority).rawValue)
        return "\(path):\(AlarmKind.high.word)"
    }

    private func testTargets(
        _ wanted: JSONValue
    ) throws(Problem) -> (name: String, endpoints: [String]) {
        let table = self.withRouter { $0.table }
        if let endpoint = wanted["endpoint"]?.string {
            guard table.endpoint(endpoint) != nil else {
                throw Problem(
                    .notFound,
                    detail: "the endpoints are " + table.endpoints.joined(separator: ", "),
                    instance: endpoint)
            }
            return ("endpoint \(endpoint)", [endpoint])
        }
        let name = wanted["route"]?.string ?? ""
        guard let route = table.routes.first(where: { $0.name == name }) else {
            throw Problem(
                .notFound,
                detail: "the routes are " + table.routes.map(\.name).joined(separator: ", "),
                instance: name)
        }
        var endpoints: [String] = []
        for number in route.stages.flatMap(\.endpoints)
        where !endpoints.contains(table.endpoints[number]) {
            endpoints.append(table.endpoints[number])
        }
        guard !endpoints.isEmpty else {
            throw Problem(.refused, detail: "the route tells nobody", instance: name)
        }
        return ("route \(name)", endpoints)
    }

    func testText(_ id: String) throws(Problem) -> [UInt8] {
        guard let drill = self.state.withLock({ $0.drills[id] }) else {
            throw Problem(.notFound, detail: "no test has this id", instance: id)
        }
        let parts = self.state.withLock { $0.drillParts }
        return self.object { json in
            json.field("id", id)
            json.field("raised", drill.decision != nil)
            if let decision = drill.decision { json.field("decision", decision) }
            if let problem = drill.problem(at: self.parts.clock.now()) {
                json.field("problem", problem)
            }
            json.arrayField("open") { json in
                for endpoint in drill.open.sorted() { json.value(endpoint) }
            }
            json.arrayField("attempts") { json in
                for attempt in drill.attempts { json.object { attempt.write(to: &$0) } }
            }
            json.arrayField("hindrances") { json in
                for endpoint in drill.unheard.sorted() {
                    guard let found = parts.hindrance(endpoint) else { continue }
                    json.object { found.write(to: &$0, endpoint: endpoint) }
                }
            }
        }
    }

    // MARK: What the sensors of the tests show

    /// 1 for each priority of which a test is asked for, else 0.
    func drillLevels() -> [OwnFigure: Double] {
        let now = self.parts.clock.now()
        return self.state.withLock { state in
            var levels: [OwnFigure: Double] = [:]
            for priority in AlarmPriority.allCases { levels[.drill(priority)] = 0 }
            for order in state.orders.values where order.isAsked(at: now) {
                levels[.drill(order.priority)] = 1
            }
            return levels
        }
    }

    // MARK: What happens

    /// Enters a test; false while one of the same alarm is under way.
    private func begin(_ order: DrillOrder, alarmID: String) -> Bool {
        self.state.withLock { state in
            if let before = state.orders[alarmID], before.isUnderWay(at: order.askedAt) {
                return false
            }
            state.orders[alarmID] = order
            state.drills[order.id] = Drill(
                open: Set(order.endpoints), askedAt: order.askedAt)
            state.drillOrder.append(order.id)
            while state.drillOrder.count > Self.drillKeptMax {
                state.drills[state.drillOrder.removeFirst()] = nil
            }
            return true
        }
    }

    /// Tests without an outcome at some endpoint.
    private var drillCount: Int {
        let now = self.parts.clock.now()
        return self.state.withLock { state in
            state.drills.values.count { !$0.open.isEmpty && $0.problem(at: now) == nil }
        }
    }

    /// Takes a decision about the alarm of a test; one that nobody asked for is told to nobody.
    func take(
        drill transition: AlarmTransition, made: Alert?, context: AlertContext,
        offer: (Alert) -> Void
    ) {
        let now = self.parts.clock.now()
        self.state.withLock { state in
            guard let order = state.orders[transition.alarmID] else { return }
            state.isChanged = true
            switch transition.kind {
            case .raised:
                if order.raisedAt == nil { state.orders[transition.alarmID]?.raisedAt = now }
                state.drills[order.id]?.decision = transition.order.text
                self.alert(order, transition, made, context, id: order.id).map(offer)
            case .returned:
                state.orders[transition.alarmID] = nil
                self.alert(order, transition, made, context, id: order.id + "_end").map(offer)
            case .raisedSuppressed:
                state.orders[transition.alarmID] = nil
                state.drills[order.id]?.fail("the engine kept the alarm back")
            case .returnedSuppressed: state.orders[transition.alarmID] = nil
            case .acknowledged, .changed: break
            }
        }
    }

    /// The message about a test: of the decision, and whoever reads it sees first that it is a test.
    private func alert(
        _ order: DrillOrder, _ transition: AlarmTransition, _ made: Alert?,
        _ context: AlertContext, id: String
    ) -> Alert? {
        let about = order.about.isEmpty ? "a route" : order.about
        let what =
            transition.kind == .returned ? "the test of \(about) is over" : "test of \(about)"
        let words = order.author.isEmpty ? what : "\(what), begun by \(order.author)"
        guard let record = AlertRecord(transition.record),
            var alert = self.parts.builder.alert(
                of: record, ledgerN: made?.ledgerN ?? 0, isRecorded: made?.isRecorded ?? false,
                rules: self.parts.live.ruleBook, context: context, step: id, drill: words)
        else { return nil }
        // No test waits behind another.
        alert.alarmKey = AlertMembers.key("drill/\(order.id)")
        alert.targets = order.endpoints
        return alert
    }

    // MARK: The start

    /// A test of a run before this one: who was told is told that it is over.
    func restore(_ record: DrillRecord) {
        let order = DrillOrder(
            id: record.alert, endpoints: record.endpoints, about: record.about,
            author: record.author, priority: .low, askedAt: .zero, isAskedFor: false)
        self.state.withLock { state in
            guard
                state.orders[record.alarmID] != nil
                    || state.orders.count < AlarmPriority.allCases.count
            else { return }
            state.orders[record.alarmID] = order
        }
    }

    func restore(drill transition: AlarmTransition) {
        self.state.withLock { state in
            switch transition.kind {
            case .returned, .returnedSuppressed: state.orders[transition.alarmID] = nil
            case .raised: state.orders[transition.alarmID]?.raisedAt = .zero
            case .raisedSuppressed, .acknowledged, .changed: break
            }
        }
    }
}
