// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// Decides who is told of an alarm, when, and what is kept back.
///
/// A projection of the ledger: its state is a pure function of the decisions about alarms, the
/// outcomes of deliveries and the silences in it, and of time. What it wants sent has an id that
/// follows from the decision and the step alone. So nothing of its own need be durable: after a
/// restart it reads the ledger (or its own picture and the ledger behind that), wants sent again
/// what has no outcome, and the outbox drops what it knows.
///
/// Time is engine time, which goes on over restarts; only silences and maintenance look at the
/// calendar.
///
/// Invariants
/// 1. What is kept back is told as soon as nothing keeps it back, if it still stands unanswered.
/// 2. A return or an acknowledgement goes to those who were told of the activation, and to no
///    others.
/// 3. An alarm that is not verified, not told or suppressed keeps no other back.
/// 4. Every table is bounded by `RoutingLimits`; what finds no room is told without it.
package struct AlertRouter: Sendable {
    struct Due: Comparable, Sendable {
        var at: MonotonicInstant
        var alarmID: String

        static func < (lhs: Self, rhs: Self) -> Bool {
            (lhs.at, lhs.alarmID) < (rhs.at, rhs.alarmID)
        }
    }

    package let table: RouteTable
    package let policy: AlertPolicy
    package internal(set) var counters = RoutingCounters()
    /// The newest decision that was taken: older ones are read once more.
    var newest = DecisionOrder.none
    var cases: [String: AlertCase] = [:]
    /// Alarm of each annunciation that is followed.
    var bases: [String: String] = [:]
    var dues = BinaryHeap<Due>()
    package internal(set) var silences: [AlertSilence] = []
    /// Ids of the silences that held when the cases were last looked through.
    var holding: [String] = []
    var inhibition: InhibitionIndex
    /// Active alarms that would inhibit others, were they verified, told and not suppressed.
    var inhibitorCandidates: Set<String> = []
    /// All cases must be looked at again: a silence came or went.
    var isRescanDue = false
    /// Cases that must be looked at again.
    var looks = LookQueue()
    var openBreakers: Set<Int> = []
    /// Endpoints that refuse our credentials or are gone for good.
    var unusable: Set<Int> = []
    var gates: [FloodGate]
    /// Digests on their way: endpoint and members, oldest first.
    var digests: [(id: String, endpoint: Int, members: [String])] = []
    /// While a start reads the ledger; nil afterwards.
    var recovery: Recovery?

    package init(_ policy: AlertPolicy, endpoints: [String]) {
        self.policy = policy
        self.table = RouteTable(policy, endpoints: endpoints)
        self.inhibition = InhibitionIndex(policy.inhibitions)
        self.gates = endpoints.map { FloodGate(endpoint: $0, settings: policy.flood) }
    }

    /// Whether a start reads the ledger.
    package var isRecovering: Bool { self.recovery != nil }

    /// Alarms that are followed.
    package var caseCount: Int { self.cases.count }

    // MARK: Decisions

    /// Takes a decision about an alarm.
    package mutating func handle(
        _ transition: AlarmTransition, subject: AlertSubject, now: MonotonicInstant,
        wall: WallInstant
    ) -> [RoutingAction] {
        var actions: [RoutingAction] = []
        guard transition.order > self.newest else {
            self.again(transition, subject, now: now, into: &actions)
            return actions
        }
        self.newest = transition.order
        switch transition.kind {
        case .raised:
            self.raised(transition, subject, now: now, wall: wall, into: &actions)
        case .raisedSuppressed:
            self.forget(transition.alarmID)
            self.open(transition, subject)
        case .returned:
            self.tell(transition, subject, .returned, now: now, into: &actions)
        case .acknowledged:
            self.tell(transition, subject, .acknowledged, now: now, into: &actions)
        case .returnedSuppressed where self.cases[transition.alarmID]?.told.isEmpty == false:
            // It was suppressed after people were called: they are told that it is over.
            self.tell(transition, subject, .returned, now: now, into: &actions)
        case .returnedSuppressed, .changed: self.follow(transition)
        }
        self.noteInhibitor(transition.alarmID)
        self.reschedule(transition.alarmID)
        return actions
    }

    /// Makes the case of an activation; false if there is no room for it.
    @discardableResult
    private mutating func open(_ transition: AlarmTransition, _ subject: AlertSubject) -> Bool {
        guard
            self.cases[transition.alarmID] != nil
                || self.cases.count < RoutingLimits.caseCountMax
        else {
            self.counters.casesFull += 1
            return false
        }
        let before = self.cases[transition.alarmID]
        if let before { self.bases[before.base] = nil }
        if before?.subject != subject {
            if let before {
                self.inhibition.remove(target: before.subject)
                self.inhibition.remove(inhibitor: transition.alarmID)
            }
            self.inhibition.insert(target: subject)
        }
        self.cases[transition.alarmID] = AlertCase(
            subject: subject, activation: transition.activation, base: transition.alertID,
            annunciatedAt: transition.at, state: transition.state,
            isSuppressed: transition.isSuppressed, isVerified: transition.isVerified,
            record: transition.record)
        self.bases[transition.alertID] = transition.alarmID
        return true
    }

    private mutating func raised(
        _ transition: AlarmTransition, _ subject: AlertSubject, now: MonotonicInstant,
        wall: WallInstant, into actions: inout [RoutingAction]
    ) {
        let before = self.cases[transition.alarmID]
        guard self.open(transition, subject) else {
            return self.tellUnfollowed(transition, subject, now: now, into: &actions)
        }
        if let before, before.activation == transition.activation {
            self.cases[transition.alarmID]?.told = before.told
        }
        if let reason = self.reasonToWithhold(subject, at: wall) {
            self.withhold(transition.alarmID, reason, into: &actions)
        } else {
            self.start(transition.alarmID, .raised, now: now, into: &actions)
        }
    }

    /// Tells the endpoints of every route that the alarm takes.
    mutating func start(
        _ alarmID: String, _ reason: RoutedAlert.Reason, now: MonotonicInstant,
        into actions: inout [RoutingAction]
    ) {
        guard let subject = self.cases[alarmID]?.subject else { return }
        let (routes, isUnrouted) = self.table.resolve(subject)
        if isUnrouted { self.counters.unrouted += 1 }
        let loud = routes.filter { !self.table.routes[$0].tellsNobody }
        if loud.isEmpty, !routes.isEmpty {
            return self.withhold(alarmID, .nobody, into: &actions)
        }
        self.cases[alarmID]?.withheld = nil
        self.cases[alarmID]?.progress = loud.map { AlertCase.Progress(route: $0, sentAt: now) }
        self.sendFirst(alarmID, reason, now: now, into: &actions)
    }

    /// A decision that was left to the ledger for want of room, or that a start reads again: the same
    /// ids once more, and no change of state.
    private mutating func again(
        _ transition: AlarmTransition, _ subject: AlertSubject, now: MonotonicInstant,
        into actions: inout [RoutingAction]
    ) {
        let item = self.cases[transition.alarmID]
        switch transition.kind {
        case .raised:
            guard let item, item.base == transition.alertID else {
                return self.tellUnfollowed(transition, subject, now: now, into: &actions)
            }
            guard item.withheld == nil else { return }
            self.sendFirst(transition.alarmID, .raised, now: now, into: &actions)
        case .returnedSuppressed where item?.activation != transition.activation: return
        case .returned, .returnedSuppressed, .acknowledged:
            guard let item, item.activation == transition.activation else {
                return self.tellUnfollowed(transition, subject, now: now, into: &actions)
            }
            self.tellAll(
                item, transition, transition.kind == .acknowledged ? .acknowledged : .returned,
                now: now, into: &actions)
        case .raisedSuppressed, .changed: return
        }
    }

    /// The first stage of each route, in one alert per way of grouping.
    mutating func sendFirst(
        _ alarmID: String, _ reason: RoutedAlert.Reason, now: MonotonicInstant,
        into actions: inout [RoutingAction]
    ) {
        guard let item = self.cases[alarmID] else { return }
        var endpoints: [Int] = []
        for progress in item.progress {
            let route = self.table.routes[progress.route]
            guard let stage = route.stages.first else { continue }
            for endpoint in stage.endpoints where !endpoints.contains(endpoint) {
                endpoints.append(endpoint)
            }
        }
        guard !endpoints.isEmpty, let first = item.progress.first else { return }
        self.send(
            Step(route: first.route, stage: 0, reason: reason), of: alarmID, to: endpoints,
            now: now, into: &actions)
    }

    /// A return or an acknowledgement: to those who were told.
    private mutating func tell(
        _ transition: AlarmTransition, _ subject: AlertSubject, _ reason: RoutedAlert.Reason,
        now: MonotonicInstant, into actions: inout [RoutingAction]
    ) {
        guard let item = self.cases[transition.alarmID] else {
            return self.tellUnfollowed(transition, subject, now: now, into: &actions)
        }
        self.follow(transition)
        self.tellAll(item, transition, reason, now: now, into: &actions)
    }

    private mutating func tellAll(
        _ item: AlertCase, _ transition: AlarmTransition, _ reason: RoutedAlert.Reason,
        now: MonotonicInstant, into actions: inout [RoutingAction]
    ) {
        let endpoints = item.told.filter {
            reason == .returned ? $0.value.sendsReturned : $0.value.sendsAcknowledged
        }.keys.sorted()
        guard !endpoints.isEmpty else { return }
        let route = item.progress.first.map { self.table.routes[$0.route].name } ?? ""
        self.emit(
            RoutedAlert(
                id: transition.alertID, alarmID: transition.alarmID,
                priority: transition.priority, reason: reason,
                endpoints: endpoints.map { self.table.endpoints[$0] }, route: route, level: 0,
                repetition: 0, record: transition.record, group: nil),
            to: endpoints, told: item.told, now: now, into: &actions)
    }

    /// An alarm that is not followed: its routes' first endpoints are told, and that is all.
    private mutating func tellUnfollowed(
        _ transition: AlarmTransition, _ subject: AlertSubject, now: MonotonicInstant,
        into actions: inout [RoutingAction]
    ) {
        var endpoints: [Int] = []
        let routes = self.table.resolve(subject).routes
        for route in routes where !self.table.routes[route].tellsNobody {
            for endpoint in self.table.routes[route].stages.first?.endpoints ?? []
            where !endpoints.contains(endpoint) {
                endpoints.append(endpoint)
            }
        }
        guard !endpoints.isEmpty, let route = routes.first else { return }
        let reason: RoutedAlert.Reason =
            switch transition.kind {
            case .raised: .raised
            case .returned: .returned
            case .acknowledged, .raisedSuppressed, .returnedSuppressed, .changed: .acknowledged
            }
        self.emit(
            RoutedAlert(
                id: transition.alertID, alarmID: transition.alarmID,
                priority: transition.priority, reason: reason,
                endpoints: endpoints.map { self.table.endpoints[$0] },
                route: self.table.routes[route].name, level: 0, repetition: 0,
                record: transition.record, group: nil),
            to: endpoints, told: [:], now: now, into: &actions)
    }

    /// Takes over the new state, and forgets the alarm once it is normal.
    private mutating func follow(_ transition: AlarmTransition) {
        guard var item = self.cases[transition.alarmID] else { return }
        item.state = transition.state
        item.isSuppressed = transition.isSuppressed
        item.newestRecord = transition.record
        if transition.state == .acknowledged, item.acknowledgedAt == nil {
            item.acknowledgedAt = transition.at
        }
        self.cases[transition.alarmID] = item
        if transition.state == .normal { self.forget(transition.alarmID) }
    }

    private mutating func forget(_ alarmID: String) {
        guard let item = self.cases.removeValue(forKey: alarmID) else { return }
        self.bases[item.base] = nil
        self.inhibition.remove(target: item.subject)
        self.inhibition.remove(inhibitor: alarmID)
        self.inhibitorCandidates.remove(alarmID)
    }

    // MARK: Timers

    mutating func reschedule(_ alarmID: String) {
        guard var item = self.cases[alarmID] else { return }
        let barred = self.barred
        let due = item.nextDue(self.table) { barred.contains($0) }
        guard due != item.due else { return }
        item.due = due
        self.cases[alarmID] = item
        if let due { self.dues.push(Due(at: due, alarmID: alarmID)) }
        let cases = self.cases
        self.dues.compact(liveCount: cases.count) { cases[$0.alarmID]?.due == $0.at }
    }

    /// The entry of the heap that comes first; a function of its own, so that the copy of the table
    /// is gone before the table is written.
    private mutating func nextDue() -> Due? {
        let cases = self.cases
        return self.dues.smallest { cases[$0.alarmID]?.due == $0.at }
    }

    /// When something is due next without any further event; nil: nothing is.
    package mutating func wakeAt() -> MonotonicInstant? {
        var wake = self.nextDue()?.at
        for gate in self.gates {
            if let due = gate.dueAt { wake = wake.map { min($0, due) } ?? due }
        }
        return wake
    }

    /// Lets time pass: escalations, repeats, digests, the ends of silences.
    ///
    /// What is due beyond about `actionMax` stays due for the next call: whoever has no room for more
    /// loses no step. One alarm's steps and one endpoint's digests are not divided.
    package mutating func tick(
        now: MonotonicInstant, wall: WallInstant, actionMax: Int = .max
    ) -> [RoutingAction] {
        var actions: [RoutingAction] = []
        self.endSilences(at: wall, into: &actions)
        self.rescan(
            now: now, wall: wall,
            lookMax: RoutingLimits.lookMax(self.silences.count + self.policy.maintenance.count),
            actionMax: actionMax, into: &actions)
        while actions.count < actionMax, let due = self.nextDue(), due.at <= now {
            self.dues.pop()
            self.cases[due.alarmID]?.due = nil
            self.advance(due.alarmID, now: now, into: &actions)
            self.reschedule(due.alarmID)
        }
        for index in self.gates.indices where actions.count < actionMax {
            self.takeDigests(of: index, now: now, into: &actions)
        }
        return actions
    }
}
