// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

extension AlertRouter {
    /// One step of an alarm's way.
    struct Step: Sendable {
        var route: Int
        var stage: Int
        var reason: RoutedAlert.Reason
        var repetition: UInt64 = 0

        /// What makes its id differ from that of the annunciation.
        var suffix: String {
            let place = self.stage == 0 ? "" : "_r\(self.route)s\(self.stage)"
            return switch self.reason {
            case .repeated: "\(place)_n\(self.repetition)"
            case .standing: "\(place)_a\(self.repetition)"
            case .raised, .released, .returned, .acknowledged, .undelivered, .unacknowledged: place
            }
        }
    }

    /// Sends one step of an alarm.
    mutating func send(
        _ step: Step, of alarmID: String, to endpoints: [Int], now: MonotonicInstant,
        into actions: inout [RoutingAction]
    ) {
        guard let item = self.cases[alarmID] else { return }
        var told = item.told
        for endpoint in endpoints {
            var entry =
                told[endpoint] ?? AlertCase.Told(sendsReturned: false, sendsAcknowledged: false)
            for progress in item.progress {
                let route = self.table.routes[progress.route]
                guard route.stages.contains(where: { $0.endpoints.contains(endpoint) }) else {
                    continue
                }
                entry.sendsReturned = entry.sendsReturned || route.sendsReturned
                entry.sendsAcknowledged = entry.sendsAcknowledged || route.sendsAcknowledged
            }
            told[endpoint] = entry
        }
        self.cases[alarmID]?.told = told
        let route = self.table.routes[step.route]
        let level = step.stage < route.stages.count ? route.stages[step.stage].level : 0
        var group: AlertGroup?
        if let grouping = route.grouping, step.reason == .raised || step.reason == .released {
            group = AlertGroup(
                route: step.route, values: grouping.labels.map { item.subject.label($0) },
                waitNanoseconds: grouping.waitNanoseconds)
        }
        self.emit(
            RoutedAlert(
                id: item.base + step.suffix, alarmID: alarmID, priority: item.subject.priority,
                reason: step.reason, endpoints: endpoints.map { self.table.endpoints[$0] },
                route: route.name, level: level, repetition: step.repetition,
                record: item.record, group: group),
            to: endpoints, told: told, now: now, into: &actions)
    }

    /// Does what is due for one alarm.
    mutating func advance(
        _ alarmID: String, now: MonotonicInstant, into actions: inout [RoutingAction]
    ) {
        for _ in 0..<RoutingLimits.stepsPerCallMax {
            guard let item = self.cases[alarmID], item.withheld == nil, !item.isSuppressed else {
                return
            }
            if item.state == .acknowledged {
                return self.remind(alarmID, item, now: now, into: &actions)
            }
            guard item.isOpen else { return }
            self.repeatIfDue(alarmID, item, now: now, into: &actions)
            let barred = self.barred
            var isDone = true
            for (place, progress) in item.progress.enumerated() {
                guard
                    let next = item.stageDue(progress, self.table, { barred.contains($0) }),
                    next.at <= now
                else { continue }
                isDone = false
                self.enter(next.stage, next.reason, alarmID, place, now: now, into: &actions)
            }
            if isDone { return }
        }
    }

    private mutating func enter(
        _ stage: Int, _ reason: RoutedAlert.Reason, _ alarmID: String, _ place: Int,
        now: MonotonicInstant, into actions: inout [RoutingAction]
    ) {
        guard let route = self.cases[alarmID]?.progress[place].route else { return }
        self.cases[alarmID]?.progress[place] = AlertCase.Progress(
            route: route, stage: stage, sentAt: now)
        self.counters.escalated += 1
        self.send(
            Step(route: route, stage: stage, reason: reason), of: alarmID,
            to: self.table.routes[route].stages[stage].endpoints, now: now, into: &actions)
    }

    /// An unacknowledged alarm is told again; after a pause only once, however long it was.
    private mutating func repeatIfDue(
        _ alarmID: String, _ item: AlertCase, now: MonotonicInstant,
        into actions: inout [RoutingAction]
    ) {
        for progress in item.progress {
            let route = self.table.routes[progress.route]
            let every = route.repeatNanoseconds
            guard every > 0, progress.stage < route.stages.count else { continue }
            let count = now.nanosecondsSince(item.annunciatedAt) / every
            guard count > item.repeatCount else { continue }
            self.cases[alarmID]?.repeatCount = count
            self.counters.repeated += 1
            self.send(
                Step(
                    route: progress.route, stage: progress.stage, reason: .repeated,
                    repetition: count),
                of: alarmID, to: route.stages[progress.stage].endpoints, now: now, into: &actions)
        }
    }

    /// An acknowledged alarm that stands is told again.
    private mutating func remind(
        _ alarmID: String, _ item: AlertCase, now: MonotonicInstant,
        into actions: inout [RoutingAction]
    ) {
        let every = item.standing(self.table)
        guard every > 0, let since = item.acknowledgedAt else { return }
        let count = now.nanosecondsSince(since) / every
        guard count > item.standingCount else { return }
        self.cases[alarmID]?.standingCount = count
        self.counters.repeated += 1
        var endpoints: [Int] = []
        for progress in item.progress {
            let route = self.table.routes[progress.route]
            guard route.standing[item.subject.priority] > 0 else { continue }
            for endpoint in route.stages.first?.endpoints ?? []
            where !endpoints.contains(endpoint) {
                endpoints.append(endpoint)
            }
        }
        guard !endpoints.isEmpty, let first = item.progress.first else { return }
        self.send(
            Step(route: first.route, stage: 0, reason: .standing, repetition: count),
            of: alarmID, to: endpoints, now: now, into: &actions)
    }

    // MARK: Outcomes

    /// An alert or a digest reached an endpoint.
    package mutating func delivered(alert: String, endpoint: String, now: MonotonicInstant) {
        self.settle(alert: alert, endpoint: endpoint, isDelivered: true)
    }

    /// An endpoint has given an alert up: the next is told at once.
    package mutating func deadLettered(alert: String, endpoint: String, now: MonotonicInstant) {
        self.settle(alert: alert, endpoint: endpoint, isDelivered: false)
    }

    /// The breaker of an endpoint opened or closed.
    package mutating func breaker(endpoint: String, isOpen: Bool) {
        guard let number = self.table.endpoint(endpoint) else { return }
        let before = self.barred
        if isOpen { self.openBreakers.insert(number) } else { self.openBreakers.remove(number) }
        self.follow(number, barredBefore: before)
    }

    /// An endpoint refuses our credentials or is gone for good, or is usable again.
    package mutating func endpoint(_ endpoint: String, isUsable: Bool) {
        guard let number = self.table.endpoint(endpoint) else { return }
        let before = self.barred
        if isUsable { self.unusable.remove(number) } else { self.unusable.insert(number) }
        self.follow(number, barredBefore: before)
    }

    /// Endpoints that nothing reaches now.
    var barred: Set<Int> { self.openBreakers.union(self.unusable) }

    /// Only what is told in turn does not wait for an endpoint that nothing reaches.
    private mutating func follow(_ endpoint: Int, barredBefore before: Set<Int>) {
        guard before != self.barred, self.table.turnEndpoints.contains(endpoint) else { return }
        for alarmID in self.alarms(inTurnAt: endpoint) { self.reschedule(alarmID) }
    }

    private func alarms(inTurnAt endpoint: Int) -> [String] {
        self.cases.filter { _, item in
            item.progress.contains { progress in
                let stages = self.table.routes[progress.route].stages
                return progress.stage < stages.count && stages[progress.stage].isTurn
                    && stages[progress.stage].endpoints.contains(endpoint)
            }
        }.map(\.key)
    }

    private mutating func settle(alert: String, endpoint: String, isDelivered: Bool) {
        self.recovery?.note(alert, endpoint)
        if alert.hasPrefix("digest_"),
            let index = self.digests.firstIndex(where: { $0.id == alert })
        {
            let members = self.digests.remove(at: index).members
            for member in members {
                self.settle(alert: member, endpoint: endpoint, isDelivered: isDelivered)
                self.endDigest(alert, of: member, at: endpoint)
            }
            return
        }
        guard let (alarmID, suffix) = self.alarm(of: alert), var item = self.cases[alarmID] else {
            return
        }
        item.settled["\(suffix)@\(endpoint)"] = isDelivered
        for (place, progress) in item.progress.enumerated() {
            let step = Step(route: progress.route, stage: progress.stage, reason: .raised)
            guard step.suffix == suffix, let number = self.table.endpoint(endpoint),
                progress.stage < self.table.routes[progress.route].stages.count,
                self.table.routes[progress.route].stages[progress.stage].endpoints
                    .contains(number)
            else { continue }
            if isDelivered {
                item.progress[place].isDelivered = true
            } else {
                item.progress[place].deadCount += 1
            }
        }
        self.cases[alarmID] = item
        self.reschedule(alarmID)
    }

    private mutating func endDigest(_ digest: String, of member: String, at endpoint: String) {
        guard let (alarmID, _) = self.alarm(of: member),
            let number = self.table.endpoint(endpoint),
            self.cases[alarmID]?.told[number]?.digest == digest
        else { return }
        self.cases[alarmID]?.told[number]?.digest = nil
    }

    /// The alarm that an alert is about, and its step: `alert_1_2_0` and what follows.
    func alarm(of alert: String) -> (alarmID: String, suffix: String)? {
        var underscores = 0
        for index in alert.indices where alert[index] == "_" {
            underscores += 1
            guard underscores == 4 else { continue }
            return self.bases[String(alert[..<index])].map { ($0, String(alert[index...])) }
        }
        return self.bases[alert].map { ($0, "") }
    }
}
