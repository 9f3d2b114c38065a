// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

@testable import AlertDelivery

/// A router in virtual time, with a ledger beside it.
struct RoutingWorld {
    static let start = MonotonicInstant(nanoseconds: 1_000_000_000_000)
    /// Saturday, 2026-11-21, 00:00 UTC.
    static let startWall = WallInstant(rfc3339: "2026-11-21T00:00:00Z") ?? testWall

    let policy: AlertPolicy
    let endpoints: [String]
    var router: AlertRouter
    private(set) var elapsed: Double = 0
    /// Ledger bodies in order.
    private(set) var ledger: [[UInt8]] = []
    private var number: UInt64 = 0
    /// What was wanted sent, in order: `id > endpoint,endpoint`.
    private(set) var sent: [String] = []
    private(set) var digests: [AlertDigest] = []
    private(set) var withheld: [String] = []
    private var activations: [String: String] = [:]

    init(_ policy: AlertPolicy, endpoints: [String]) {
        self.policy = policy
        self.endpoints = endpoints
        self.router = AlertRouter(policy, endpoints: endpoints)
    }

    var now: MonotonicInstant {
        Self.start.advanced(byNanoseconds: UInt64(self.elapsed * 1e9))
    }
    var wall: WallInstant {
        WallInstant(nanoseconds: Self.startWall.nanoseconds + Int64(self.elapsed * 1e9))
    }

    static func subject(_ alarmID: String, _ priority: AlarmPriority) -> AlertSubject {
        var subject = AlertSubject(alarmID: alarmID, priority: priority)
        subject.assets = [subject.sensor.split(separator: "/").dropLast().joined(separator: "/")]
        return subject
    }

    /// A decision about an alarm; returns the id of its alert.
    @discardableResult
    mutating func decide(
        _ kind: String, _ alarmID: String, _ priority: AlarmPriority = .critical,
        to state: AlarmState, suppression: String = "", freshness: String = "fresh"
    ) -> String {
        self.number += 1
        let colon = alarmID.lastIndex(of: ":") ?? alarmID.endIndex
        let decision = "1:\(self.number).0"
        if kind == "alarmRaised" || kind == "alarmRaisedSuppressed" {
            self.activations[alarmID] = decision
        }
        let body = Array(
            #"""
            {"decision":"\#(decision)","kind":"\#(kind)","at":"\#(self.wall.rfc3339)",\#
            "engineTime":\#(self.now.nanoseconds),"sensor":"\#(alarmID[..<colon])",\#
            "alarm":"\#(alarmID[colon...].dropFirst())","priority":"\#(priority.word)",\#
            "activation":"\#(self.activations[alarmID] ?? "")","to":"\#(state.word)",\#
            "suppression":[\#(suppression.isEmpty ? "" : "\"\(suppression)\"")],\#
            "freshness":"\#(freshness)","quality":"good"}
            """#.utf8)
        self.ledger.append(body)
        if case .alarm(let transition)? = RoutingRecord(body: body) {
            let subject = Self.subject(alarmID, priority)
            let (now, wall) = (self.now, self.wall)
            self.note(
                self.router.handle(transition, subject: subject, now: now, wall: wall))
        } else {
            Issue.record("not a record of an alarm")
        }
        return "alert_1_\(self.number)_0"
    }

    @discardableResult
    mutating func raise(_ alarmID: String, _ priority: AlarmPriority = .critical) -> String {
        self.decide("alarmRaised", alarmID, priority, to: .unacknowledged)
    }

    @discardableResult
    mutating func acknowledge(_ alarmID: String, _ priority: AlarmPriority = .critical) -> String {
        self.decide("alarmAcknowledged", alarmID, priority, to: .acknowledged)
    }

    @discardableResult
    mutating func clear(
        _ alarmID: String, _ priority: AlarmPriority = .critical,
        to state: AlarmState = .returnedUnacknowledged
    ) -> String {
        self.decide("alarmReturned", alarmID, priority, to: state)
    }

    /// Lets so many seconds pass, second by second.
    mutating func pass(_ seconds: Double, step: Double = 1) {
        let end = self.elapsed + seconds
        while self.elapsed < end {
            self.elapsed = min(end, self.elapsed + step)
            self.tick()
        }
    }

    mutating func tick(actionMax: Int = .max) {
        let (now, wall) = (self.now, self.wall)
        self.note(self.router.tick(now: now, wall: wall, actionMax: actionMax))
    }

    /// An outcome, in the ledger as well.
    mutating func outcome(_ alert: String, at endpoint: String, isDelivered: Bool = true) {
        let kind = isDelivered ? "alertDelivered" : "alertDeadLettered"
        self.ledger.append(
            Array(#"{"kind":"\#(kind)","alert":"\#(alert)","endpoint":"\#(endpoint)"}"#.utf8))
        if isDelivered {
            self.router.delivered(alert: alert, endpoint: endpoint, now: self.now)
        } else {
            self.router.deadLettered(alert: alert, endpoint: endpoint, now: self.now)
        }
    }

    mutating func add(_ silence: AlertSilence) -> AlertRouter.SilenceAnswer {
        self.ledger.append(AlertRouter.added(silence))
        return self.router.add(silence)
    }

    /// What was wanted since the last call.
    mutating func takeSent() -> [String] {
        defer { self.sent = [] }
        return self.sent
    }

    mutating func note(_ actions: [RoutingAction]) {
        for action in actions {
            switch action {
            case .send(let alert):
                self.sent.append("\(alert.id) > \(alert.endpoints.joined(separator: ","))")
            case .digest(let digest): self.digests.append(digest)
            case .withhold(_, let alert, let reason):
                self.withheld.append("\(alert): \(reason.text)")
            case .silenceEnded: break
            }
        }
    }

    /// A start: the router is made anew from `records` and the ledger behind them.
    mutating func restart(
        picture: [[UInt8]] = [], from: Int = 0, owedFrom: Int = .max, downSeconds: Double = 0
    ) {
        self.router = AlertRouter(self.policy, endpoints: self.endpoints)
        self.router.beginRecovery()
        for body in picture { self.restore(body, isOwed: false, isPicture: true) }
        for (index, body) in self.ledger.enumerated() where index >= from {
            self.restore(body, isOwed: index >= owedFrom)
        }
        self.elapsed += downSeconds
        let (now, wall) = (self.now, self.wall)
        self.note(self.router.resume(now: now, wall: wall))
    }

    private mutating func restore(_ body: [UInt8], isOwed: Bool, isPicture: Bool = false) {
        guard let record = RoutingRecord(body: body) else { return }
        var subject: AlertSubject?
        if case .alarm(let transition) = record {
            subject = Self.subject(transition.alarmID, transition.priority)
        }
        if isPicture {
            self.router.restore(picture: record, subject: subject)
        } else {
            self.router.restore(record, subject: subject, isOwed: isOwed)
        }
    }

    // MARK: Policies

    /// One route for everything.
    static func policy(
        _ endpoints: [String], inTurn seconds: UInt64 = 0,
        levels: [(endpoints: [String], seconds: UInt64)] = [],
        change: (inout RouteDeclaration) -> Void = { _ in }
    ) -> AlertPolicy {
        var policy = AlertPolicy()
        var escalation = EscalationDeclaration(name: "usual")
        escalation.levels = levels.map {
            EscalationLevel(
                endpoints: $0.endpoints,
                after: PriorityTimes(
                    high: $0.seconds * 4_000_000_000,
                    critical: $0.seconds * 1_000_000_000))
        }
        policy.escalations = [escalation]
        var route = RouteDeclaration(name: "all")
        route.endpoints = endpoints
        route.nextNanoseconds = seconds * 1_000_000_000
        route.escalation = "usual"
        change(&route)
        policy.routes = [route]
        return policy
    }
}
