// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import AlertDelivery
import JSONText
import Journal
import Logging
import MidwatchModel
import Synchronization

/// Runs the router: decisions, outcomes and time go in, alerts for delivery come out.
///
/// One lock around the machine and around handing over what it wants, so that alerts of one alarm
/// keep their order whichever thread they come from. Nothing under the lock waits.
final class RoutingDesk: Sendable {
    /// Digest members named in one ledger record: well below what a record holds.
    private static let membersPerRecordMax = 1_500
    /// Alerts that are made under one hold of the lock: what happens meanwhile waits for it.
    static let heldCountMax = 16

    struct Parts: Sendable {
        var policy: AlertPolicy
        /// Names of the endpoints, in the order of the configuration.
        var endpoints: [String]
        var builder: AlertBuilder
        var live: LiveState
        var clock: EngineClock
        /// Of this run: ids of silences and tests begin with it.
        var epoch: UInt32
        /// Where the picture of the router is kept.
        var picturePath: String
        /// Signs links to acknowledge; nil: none are made.
        var links: AcknowledgeLinks?
    }

    /// What it is joined to once it is there.
    struct Attached: Sendable {
        /// Puts a record beside the decisions into the ledger.
        var note: @Sendable ([UInt8]) -> Void
        /// Does the same for an operator who waits: whether it is durable, in a bounded time.
        var record: @Sendable ([UInt8]) async -> Bool
        /// What the monitor cannot do at the moment, in words.
        var modes: @Sendable () -> [String]
        var offer: @Sendable (Alert) -> Void
    }

    /// What tests need beside it.
    struct DrillParts: Sendable {
        /// Why nothing gets through to an endpoint at the moment.
        var hindrance: @Sendable (_ endpoint: String) -> EndpointHindrance?
        /// Has the sensors of the tests looked at now.
        var look: @Sendable () -> Void

        init(
            hindrance: @escaping @Sendable (String) -> EndpointHindrance? = { _ in nil },
            look: @escaping @Sendable () -> Void = {}
        ) {
            self.hindrance = hindrance
            self.look = look
        }
    }

    struct State {
        var router: AlertRouter
        var attached: Attached?
        var drillParts = DrillParts()
        /// Readings of the runs before this one.
        var earlier: EarlierReadings?
        var nextNumber: UInt64 = 0
        var contexts = KeptContexts()
        var drills: [String: Drill] = [:]
        var drillOrder: [String] = []
        /// Tests that the engine has not ended, by alarm.
        var orders: [String: DrillOrder] = [:]
        var isChanged = false
        var keptAt = MonotonicInstant.zero
    }

    let parts: Parts
    let logger: Logger
    let state: Mutex<State>

    init(_ parts: Parts, logger: Logger) {
        self.parts = parts
        self.logger = logger
        self.state = Mutex(
            State(router: AlertRouter(parts.policy, endpoints: parts.endpoints)))
    }

    func attach(_ attached: Attached) { self.state.withLock { $0.attached = attached } }

    func attach(_ parts: DrillParts) { self.state.withLock { $0.drillParts = parts } }

    func attach(_ earlier: EarlierReadings) { self.state.withLock { $0.earlier = earlier } }

    func offer(_ alert: Alert) {
        let offer = self.state.withLock { $0.attached?.offer }
        offer?(alert)
    }

    /// What is known of an alarm for its routes: its class, and where it stands in the plant.
    ///
    /// An asset of the tree is named by itself, its area and its site; what the path of the sensor
    /// names fits as well, so that routes work without a tree.
    func subject(
        alarmID: String, priority: AlarmPriority, condition: AlarmKind?
    ) -> AlertSubject {
        var subject = AlertSubject(alarmID: alarmID, priority: priority)
        let rules = self.parts.live.ruleBook
        let declaration = rules.declaration(for: subject.sensor)
        let isSource = subject.sensor.hasPrefix(RuleBook.sourcePathPrefix)
        let isOwn = OwnPath.isOwn(subject.sensor) && !isSource
        subject.topic = AlertFacts.alarmClass(isOwn: isOwn, condition)
        let named = rules.handlingClass(of: subject.alarm, declaration)
        subject.alarmClass = named.isEmpty ? subject.topic : named
        let place = AlertFacts.place(
            of: subject.sensor, isOwn: isOwn, isSource: isSource, rules: rules,
            node: self.parts.builder.node, site: self.parts.builder.site)
        let levels = subject.sensor.split(separator: "/").dropLast().joined(separator: "/")
        for name in [place.asset, place.equipment, place.area, levels, place.site]
        where !name.isEmpty && !subject.assets.contains(name) {
            subject.assets.append(name)
        }
        subject.labels["node"] = self.parts.builder.node
        for (label, value) in [
            ("site", place.site), ("area", place.area), ("equipment", place.equipment),
            ("owner", rules.rationalization(of: subject.alarm, declaration).owner),
        ] where !value.isEmpty {
            subject.labels[label] = value
        }
        return subject
    }

    func subject(_ transition: AlarmTransition) -> AlertSubject {
        self.subject(
            alarmID: transition.alarmID, priority: transition.priority,
            condition: transition.condition)
    }

    // MARK: What happens

    /// Takes a decision that leaves; `made` is its alert, nil if it makes none.
    func take(
        _ body: [UInt8], made alert: Alert?, context: AlertContext = .none,
        offer: (Alert) -> Void
    ) {
        guard case .alarm(let transition)? = RoutingRecord(body: body) else {
            // Nothing that routes understand: better to everybody than to nobody.
            if let alert { offer(alert) }
            return
        }
        if transition.isDrill {
            return self.take(drill: transition, made: alert, context: context, offer: offer)
        }
        let subject = self.subject(transition)
        let (now, wall) = (self.parts.clock.now(), EngineClock.wall())
        self.state.withLock { state in
            let actions = state.router.handle(transition, subject: subject, now: now, wall: wall)
            state.isChanged = true
            if transition.kind == .raised {
                state.contexts.keep(context, of: transition.alertID, transition.priority)
            }
            self.perform(actions, in: &state, made: alert, wall: wall, offer)
        }
    }

    /// Takes what became of an alert at an endpoint.
    func take(_ outcome: DeliveryOutcome) {
        let now = self.parts.clock.now()
        self.state.withLock { state in
            state.isChanged = true
            switch outcome {
            case .delivered(let report, _):
                state.router.delivered(
                    alert: report.alertID, endpoint: report.endpoint, now: now)
            case .deadLettered(let letter):
                state.router.deadLettered(
                    alert: letter.alert.id, endpoint: letter.endpoint, now: now)
            case .breaker(let endpoint, let breaker):
                state.router.breaker(endpoint: endpoint, isOpen: breaker != .closed)
            case .endpoint(let endpoint, let condition):
                state.router.endpoint(endpoint, isUsable: condition == .usable)
            case .attemptFailed, .superseded, .outbox, .refused, .unrouted: break
            }
            for id in state.drills.keys { state.drills[id]?.take(outcome, alert: id) }
        }
    }

    /// Lets time pass; what is due beyond about `actionMax` alerts stays due.
    func tick(actionMax: Int = .max, offer: (Alert) -> Void) {
        let (now, wall) = (self.parts.clock.now(), EngineClock.wall())
        let sources = self.state.withLock { $0.router.sources }
        let verified = self.verified(sources)
        self.state.withLock { state in
            for (alarmID, isVerified) in verified { state.router.verified(alarmID, isVerified) }
        }
        var left = actionMax
        while left > 0 {
            let wanted = min(left, Self.heldCountMax)
            let count = self.state.withLock { state in
                let actions = state.router.tick(now: now, wall: wall, actionMax: wanted)
                if !actions.isEmpty { state.isChanged = true }
                self.perform(actions, in: &state, made: nil, wall: wall, offer)
                return actions.count
            }
            guard count >= wanted else { return }
            left -= count
        }
    }

    /// Whether the alarms are known to be so: those that are held because nothing is known are not.
    private func verified(_ wanted: Set<String>) -> [(String, Bool)] {
        guard !wanted.isEmpty else { return [] }
        // Names are made only of alarms of these sensors.
        let sensors = Set(
            wanted.map { alarmID in
                alarmID.lastIndex(of: ":").map { String(alarmID[..<$0]) } ?? alarmID
            })
        let (paths, rules) = (self.parts.live.paths, self.parts.live.ruleBook)
        var found: [(String, Bool)] = []
        for index in 0..<self.parts.live.alarms.count {
            guard let alarm = self.parts.live.alarms.read(index), alarm.state.isRaised,
                !alarm.isRetired, Int(alarm.sensor.rawValue) < paths.count,
                sensors.contains(paths[Int(alarm.sensor.rawValue)])
            else { continue }
            let name = rules.alarmName(alarm.kind, rule: alarm.rule)
            let alarmID = "\(paths[Int(alarm.sensor.rawValue)]):\(name)"
            guard wanted.contains(alarmID) else { continue }
            found.append((alarmID, alarm.heldSince.nanoseconds == 0))
        }
        return found
    }

    // MARK: Silences, links

    /// What `body` does to the router under the lock.
    func withRouter<Answer: Sendable>(
        _ body: @Sendable (inout AlertRouter) -> Answer
    ) -> Answer {
        self.state.withLock { body(&$0.router) }
    }

    /// A number that is given once in this run.
    func takeNumber() -> UInt64 {
        self.state.withLock { state in
            state.nextNumber += 1
            return state.nextNumber
        }
    }

    /// Puts a record beside the decisions into the ledger: something about the router has changed.
    func note(_ kind: String, _ write: (inout JSONWriter) -> Void) {
        let note = self.state.withLock { state in
            state.isChanged = true
            return state.attached?.note
        }
        note?(Self.fields(kind, write))
    }

    /// The same for an operator who waits for the answer: whether the record is durable.
    func record(_ kind: String, _ write: (inout JSONWriter) -> Void) async -> Bool {
        let record = self.state.withLock { state in
            state.isChanged = true
            return state.attached?.record
        }
        return await record?(Self.fields(kind, write)) ?? false
    }

    // MARK: What comes out

    func perform(
        _ actions: [RoutingAction], in state: inout State, made: Alert?, wall: WallInstant,
        _ offer: (Alert) -> Void
    ) {
        for action in actions {
            switch action {
            case .send(let routed):
                guard let alert = self.alert(of: routed, made: made, state, wall: wall) else {
                    continue
                }
                self.noteLater(routed, state)
                offer(alert)
            case .digest(let digest):
                self.noteMembers(of: digest, state)
                offer(self.alert(of: digest, state, wall: wall))
            case .withhold(let alarmID, let alertID, let reason):
                state.attached?.note(
                    Self.fields("alertWithheld") { json in
                        json.field("alert", alertID)
                        json.field("alarmID", alarmID)
                        json.field("reason", reason.text)
                    })
            case .silenceEnded(let silence):
                state.attached?.note(
                    Self.fields("silenceEnded") { json in json.field("id", silence.id) })
            }
        }
    }

    /// The alert of one step: that of its record, with the id and the targets of the step.
    private func alert(
        of routed: RoutedAlert, made: Alert?, _ state: State, wall: WallInstant
    ) -> Alert? {
        var alert: Alert
        if let made, made.id == routed.id {
            alert = made
        } else {
            guard let record = AlertRecord(routed.record) else { return nil }
            var context = state.contexts.context(of: AlertBuilder.alertID(record.id))
            if context.history == nil, record.id.position.epoch < self.parts.epoch {
                context.history = state.earlier?.history(before: record.id)
            }
            // What the monitor cannot do is asked now: the message leaves now.
            context.modes = state.attached?.modes() ?? []
            guard
                let later = self.parts.builder.alert(
                    of: record, ledgerN: 0, isRecorded: true, rules: self.parts.live.ruleBook,
                    context: context, step: routed.id)
            else { return nil }
            alert = later
        }
        alert.targets = routed.endpoints
        let link = self.link(for: routed, wall: wall)
        alert.body = AlertMembers.adding(to: alert.body) { json in
            json.objectField("routing") { json in
                json.field("route", routed.route)
                json.field("level", routed.level)
                json.field("reason", routed.reason.rawValue)
                if routed.repetition > 0 { json.field("repetition", routed.repetition) }
            }
        }
        if let link {
            alert.body = AlertMembers.linking(
                alert.body, AlertLink(rel: "acknowledge", href: link, text: "Acknowledge"))
        }
        return alert
    }

    private func link(for routed: RoutedAlert, wall: WallInstant) -> String? {
        switch routed.reason {
        case .returned, .acknowledged, .standing: return nil
        case .raised, .undelivered, .unacknowledged, .repeated, .released: break
        }
        guard case .alarm(let transition)? = RoutingRecord(body: routed.record) else { return nil }
        return self.parts.links?.link(
            alarmID: routed.alarmID, activation: transition.activation,
            annunciation: transition.alertID, now: wall)
    }

    /// What was told later than at once stands in the ledger: who, at which level, and why.
    private func noteLater(_ routed: RoutedAlert, _ state: State) {
        switch routed.reason {
        case .raised, .returned, .acknowledged: return
        case .undelivered, .unacknowledged, .repeated, .standing, .released: break
        }
        state.attached?.note(
            Self.fields("alertRouted") { json in
                json.field("alert", routed.id)
                json.field("alarmID", routed.alarmID)
                json.field("route", routed.route)
                json.field("level", routed.level)
                json.field("reason", routed.reason.rawValue)
                json.arrayField("endpoints") { json in
                    for endpoint in routed.endpoints { json.value(endpoint) }
                }
            })
    }

    private func noteMembers(of digest: AlertDigest, _ state: State) {
        for start in stride(from: 0, to: digest.members.count, by: Self.membersPerRecordMax) {
            let end = min(start + Self.membersPerRecordMax, digest.members.count)
            state.attached?.note(
                Self.fields("alertDigest") { json in
                    json.field("alert", digest.id)
                    json.field("endpoint", digest.endpoint)
                    json.field("cause", digest.cause.rawValue)
                    json.field("count", digest.count)
                    json.arrayField("members") { json in
                        for member in digest.members[start..<end] { json.value(member) }
                    }
                })
        }
    }

    private func alert(of digest: AlertDigest, _ state: State, wall: WallInstant) -> Alert {
        var json = JSONWriter(reservingBytes: 4_096)
        json.object { json in
            json.field("format", AlertBody.format)
            json.field("alert", digest.id)
            json.field("title", "\(digest.count) alarms")
            json.field("cause", digest.cause.rawValue)
            json.field("count", digest.count)
            json.objectField("priorities") { json in
                for priority in AlarmPriority.allCases.reversed() {
                    json.field(priority.word, digest.counts[Int(priority.rawValue)])
                }
            }
            json.name("first_out")
            self.write(digest.firstOut, state, to: &json)
            json.arrayField("top") { json in
                for routed in digest.top { self.write(routed, state, to: &json) }
            }
            json.field("node", self.parts.builder.node)
            json.field("site", self.parts.builder.site)
        }
        // Digests of an endpoint keep their order, as the alerts of one alarm do.
        let now = self.parts.clock.now()
        var alert = Alert(
            id: digest.id, alarmKey: AlertMembers.key("digest/\(digest.endpoint)"),
            alarmID: "digest", sequence: now.nanoseconds / 1_000_000, priority: digest.priority,
            type: "alarm.digest", occurredAt: wall, ledgerN: 0, isRecorded: true, body: json.bytes)
        alert.targets = [digest.endpoint]
        return alert
    }

    private func write(_ routed: RoutedAlert, _ state: State, to json: inout JSONWriter) {
        let made = AlertRecord(routed.record).flatMap { record in
            self.parts.builder.alert(
                of: record, ledgerN: 0, isRecorded: true, rules: self.parts.live.ruleBook,
                context: .none)
        }
        let message = made.flatMap { try? JSONValue(parsing: $0.body.span) }?["message"]?.string
        json.object { json in
            json.field("id", routed.id)
            json.field("alarmID", routed.alarmID)
            json.field("priority", routed.priority.word)
            json.field("type", made?.type ?? "")
            json.field("at", made?.occurredAt.rfc3339 ?? "")
            json.field("message", message ?? "")
        }
    }

    private static func fields(_ kind: String, _ write: (inout JSONWriter) -> Void) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.field("kind", kind)
            write(&json)
        }
        return json.bytes
    }
}
