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

    struct Parts: Sendable {
        var policy: AlertPolicy
        /// Names of the endpoints, in the order of the configuration.
        var endpoints: [String]
        var builder: AlertBuilder
        var live: LiveState
        var clock: EngineClock
        /// Where the picture of the router is kept.
        var picturePath: String
        /// Signs links to acknowledge; nil: none are made.
        var links: AcknowledgeLinks?
    }

    private struct State {
        var router: AlertRouter
        /// Ledger records up to it are in the router.
        var readThrough: UInt64 = 0
        /// Puts a record beside the decisions into the ledger.
        var note: (@Sendable ([UInt8]) -> Void)?
        var modes: (@Sendable () -> [String])?
        var nextNumber: UInt64 = 0
        var drills: [String: Drill] = [:]
        var isChanged = false
    }

    let parts: Parts
    private let logger: Logger
    private let state: Mutex<State>

    init(_ parts: Parts, logger: Logger) {
        self.parts = parts
        self.logger = logger
        self.state = Mutex(
            State(router: AlertRouter(parts.policy, endpoints: parts.endpoints)))
    }

    func attach(
        note: @escaping @Sendable ([UInt8]) -> Void, modes: @escaping @Sendable () -> [String]
    ) {
        self.state.withLock {
            $0.note = note
            $0.modes = modes
        }
    }

    var counters: RoutingCounters { self.state.withLock { $0.router.counters } }

    /// What is known of an alarm for its routes.
    func subject(alarmID: String, priority: AlarmPriority) -> AlertSubject {
        var subject = AlertSubject(alarmID: alarmID, priority: priority)
        let declaration = self.parts.live.ruleBook.declaration(for: subject.sensor)
        let texts = self.parts.live.ruleBook.rationalization(of: subject.alarm, declaration)
        if OwnPath.isOwn(subject.sensor) { subject.alarmClass = "system" }
        let levels = subject.sensor.split(separator: "/").dropLast()
        if !levels.isEmpty { subject.assets = [levels.joined(separator: "/")] }
        subject.labels["node"] = self.parts.builder.node
        subject.labels["site"] = self.parts.builder.site
        if !texts.owner.isEmpty { subject.labels["owner"] = texts.owner }
        return subject
    }

    // MARK: What happens

    /// Takes a decision that leaves; `made` is its alert, nil if it makes none.
    func take(_ body: [UInt8], made alert: Alert?, offer: (Alert) -> Void) {
        guard case .alarm(let transition)? = RoutingRecord(body: body) else {
            // Nothing that routes understand: better to everybody than to nobody.
            if let alert { offer(alert) }
            return
        }
        let subject = self.subject(alarmID: transition.alarmID, priority: transition.priority)
        let (now, wall) = (self.parts.clock.now(), EngineClock.wall())
        self.state.withLock { state in
            let actions = state.router.handle(transition, subject: subject, now: now, wall: wall)
            state.isChanged = true
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
            case .attemptFailed, .superseded, .endpoint, .outbox, .refused, .unrouted: break
            }
            for id in state.drills.keys { state.drills[id]?.take(outcome, alert: id) }
        }
    }

    /// Lets time pass.
    func tick(offer: (Alert) -> Void) {
        let (now, wall) = (self.parts.clock.now(), EngineClock.wall())
        let sources = self.state.withLock { $0.router.sources }
        let verified = self.verified(sources)
        self.state.withLock { state in
            for (alarmID, isVerified) in verified { state.router.verified(alarmID, isVerified) }
            let actions = state.router.tick(now: now, wall: wall)
            if !actions.isEmpty { state.isChanged = true }
            self.perform(actions, in: &state, made: nil, wall: wall, offer)
        }
    }

    /// Whether the alarms are known to be so: those that are held because nothing is known are not.
    private func verified(_ alarmIDs: [String]) -> [(String, Bool)] {
        guard !alarmIDs.isEmpty else { return [] }
        let wanted = Set(alarmIDs)
        let (paths, rules) = (self.parts.live.paths, self.parts.live.ruleBook)
        var found: [(String, Bool)] = []
        for index in 0..<self.parts.live.alarms.count {
            guard let alarm = self.parts.live.alarms.read(index), alarm.state.isRaised,
                !alarm.isRetired, Int(alarm.sensor.rawValue) < paths.count
            else { continue }
            let name = rules.alarmName(alarm.kind, rule: alarm.rule)
            let alarmID = "\(paths[Int(alarm.sensor.rawValue)]):\(name)"
            guard wanted.contains(alarmID) else { continue }
            found.append((alarmID, alarm.heldSince.nanoseconds == 0))
        }
        return found
    }

    // MARK: The start

    /// Reads the picture and the ledger behind it; false if the disk did not give all.
    ///
    /// Records behind `owedFrom` are not in the outbox yet.
    func restore(
        _ folder: String, owedFrom: UInt64, through newest: UInt64, gap: (LedgerGap) -> Void
    ) -> Bool {
        let picture = RoutingPicture.read(self.parts.picturePath, newest: newest)
        self.state.withLock { $0.router.beginRecovery() }
        for body in picture?.records ?? [] { self.restore(body, isOwed: false) }
        let recent =
            newest > RoutingPicture.recordCountMax ? newest - RoutingPicture.recordCountMax : 0
        let from = min(picture?.n ?? recent, owedFrom)
        let reader = LedgerReader(directory: folder, fromLine: from + 1)
        while true {
            do {
                switch try reader.step(through: newest) {
                case .line(let line):
                    self.restore(line.body, isOwed: line.n > owedFrom)
                case .gap(let found): gap(found)
                case .end:
                    self.state.withLock { $0.readThrough = newest }
                    return true
                }
            } catch {
                self.logger.critical(
                    "ledger not read, alerts in it may be late",
                    metadata: ["ledger.n": "\(reader.nextN)", "error": "\(error)"])
                return false
            }
        }
    }

    /// Takes one record of the ledger, in order.
    func restore(_ body: [UInt8], isOwed: Bool) {
        guard let record = RoutingRecord(body: body) else { return }
        var subject: AlertSubject?
        if case .alarm(let transition) = record {
            subject = self.subject(
                alarmID: transition.alarmID, priority: transition.priority)
        }
        self.state.withLock { $0.router.restore(record, subject: subject, isOwed: isOwed) }
    }

    /// The ledger is read: what must be offered again.
    func resume() -> [Alert] {
        let (now, wall) = (self.parts.clock.now(), EngineClock.wall())
        return self.state.withLock { state in
            var alerts: [Alert] = []
            let actions = state.router.resume(now: now, wall: wall)
            self.perform(actions, in: &state, made: nil, wall: wall) { alerts.append($0) }
            return alerts
        }
    }

    /// Keeps the picture, if something changed; `n` is the newest durable ledger record.
    ///
    /// Thread of the disk.
    func keepPicture(through n: UInt64) {
        let records = self.state.withLock { state -> [[UInt8]]? in
            guard state.isChanged, !state.router.isRecovering else { return nil }
            state.isChanged = false
            return state.router.picture()
        }
        guard let records else { return }
        do {
            try RoutingPicture(n: n, records: records).write(self.parts.picturePath)
        } catch {
            self.logger.error("picture of the routes not kept", metadata: ["error": "\(error)"])
        }
    }

    // MARK: Silences, links, drills

    /// What `body` does to the router under the lock.
    func withRouter<Answer: Sendable>(
        _ body: @Sendable (inout AlertRouter) -> Answer
    ) -> Answer {
        self.state.withLock { state in
            state.isChanged = true
            return body(&state.router)
        }
    }

    /// A number that is given once in this run.
    func takeNumber() -> UInt64 {
        self.state.withLock { state in
            state.nextNumber += 1
            return state.nextNumber
        }
    }

    func note(_ kind: String, _ write: (inout JSONWriter) -> Void) {
        let note = self.state.withLock { $0.note }
        note?(Self.fields(kind, write))
    }

    /// Follows a drill until `end(drill:)`.
    func begin(drill id: String, endpoints: [String]) {
        self.state.withLock { $0.drills[id] = Drill(open: Set(endpoints)) }
    }

    func drill(_ id: String) -> Drill? { self.state.withLock { $0.drills[id] } }

    func end(drill id: String) { self.state.withLock { $0.drills[id] = nil } }

    // MARK: What comes out

    private func perform(
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
                state.note?(
                    Self.fields("alertWithheld") { json in
                        json.field("alert", alertID)
                        json.field("alarmID", alarmID)
                        json.field("reason", reason.text)
                    })
            case .silenceEnded(let silence):
                state.note?(
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
            var context = AlertContext.none
            context.modes = state.modes?() ?? []
            guard
                let record = AlertRecord(routed.record),
                let later = self.parts.builder.alert(
                    of: record, ledgerN: 0, isRecorded: true, rules: self.parts.live.ruleBook,
                    context: context)
            else { return nil }
            alert = later
            alert.id = routed.id
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
        state.note?(
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
            state.note?(
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
