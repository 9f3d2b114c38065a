// SPDX-License-Identifier: Apache-2.0

internal import JSONText
package import MidwatchModel

extension AlertRouter {
    /// What a start gathers while it reads the ledger.
    struct Recovery: Sendable {
        /// Alerts that left, or would have, behind the cursor of the outbox.
        var owed: [RoutedAlert] = []
        /// Outcomes that the ledger has, `alert@endpoint`.
        var evidence: Set<String> = []
        var isOwing = false
        var leftOutCount: UInt64 = 0

        mutating func note(_ alert: String, _ endpoint: String) {
            guard self.evidence.count < RoutingLimits.evidenceCountMax else { return }
            self.evidence.insert("\(alert)@\(endpoint)")
        }

        mutating func owe(_ alert: RoutedAlert) {
            guard self.isOwing else { return }
            guard self.owed.count < RoutingLimits.owedCountMax else {
                self.leftOutCount += 1
                return
            }
            self.owed.append(alert)
        }
    }

    /// A start begins to read the ledger: nothing leaves until `resume`.
    package mutating func beginRecovery() { self.recovery = Recovery() }

    /// Takes one record of a picture.
    ///
    /// Of each alarm it has the annunciation and the newest change, alarm by alarm.
    package mutating func restore(picture record: RoutingRecord, subject: AlertSubject?) {
        let newest = self.newest
        self.newest = .none
        self.restore(record, subject: subject, isOwed: false)
        self.newest = max(newest, self.newest)
    }

    /// Takes one record of the ledger, in order.
    ///
    /// `isOwed`: it stands behind the cursor of the outbox, so its alert must be offered again.
    package mutating func restore(_ record: RoutingRecord, subject: AlertSubject?, isOwed: Bool) {
        self.recovery?.isOwing = isOwed
        switch record {
        case .alarm(let transition):
            guard let subject else { return }
            _ = self.handle(transition, subject: subject, now: transition.at, wall: transition.wall)
        case .delivered(let alert, let endpoint):
            self.delivered(alert: alert, endpoint: endpoint, now: .zero)
        case .deadLettered(let alert, let endpoint):
            self.deadLettered(alert: alert, endpoint: endpoint, now: .zero)
        case .digest(let id, let endpoint, let members):
            guard let number = self.table.endpoint(endpoint) else { return }
            if let index = self.digests.lastIndex(where: { $0.id == id }) {
                self.digests[index].members += members
            } else {
                if self.digests.count >= RoutingLimits.digestOpenMax { self.digests.removeFirst() }
                self.digests.append((id, number, members))
            }
        case .silenceAdded(let silence): _ = self.add(silence)
        case .silenceRemoved(let id): _ = self.removeSilence(id: id)
        case .drill: break
        }
    }

    /// The ledger is read: timers go on, and what has no outcome is wanted again.
    package mutating func resume(now: MonotonicInstant, wall: WallInstant) -> [RoutingAction] {
        guard let recovery = self.recovery else { return [] }
        self.recovery = nil
        var actions: [RoutingAction] = []
        // Digests without an outcome: their members are told again, singly or in new digests.
        self.digests.removeAll()
        self.endSilences(at: wall, into: &actions)
        self.isRescanDue = true
        self.rescan(now: now, wall: wall, lookMax: .max, actionMax: .max, into: &actions)
        let owed = Set(recovery.owed.map(\.id))
        let order = self.cases.values.sorted {
            ($0.annunciatedAt, $0.base) < ($1.annunciatedAt, $1.base)
        }.map(\.subject.alarmID)
        for alarmID in order {
            self.resume(alarmID, except: owed, now: now, into: &actions)
        }
        for alert in recovery.owed {
            var alert = alert
            alert.endpoints.removeAll { recovery.evidence.contains("\(alert.id)@\($0)") }
            let numbers = alert.endpoints.compactMap { self.table.endpoint($0) }
            guard !numbers.isEmpty else { continue }
            self.emit(
                alert, to: numbers, told: self.cases[alert.alarmID]?.told ?? [:], now: now,
                into: &actions)
        }
        for alarmID in order { self.reschedule(alarmID) }
        return actions
    }

    /// Lets out again what another router, made from the same ledger, found without an outcome.
    package mutating func emitAgain(
        _ wanted: ArraySlice<RoutingAction>, now: MonotonicInstant
    ) -> [RoutingAction] {
        var actions: [RoutingAction] = []
        for case .send(let alert) in wanted {
            let numbers = alert.endpoints.compactMap { self.table.endpoint($0) }
            self.emit(
                alert, to: numbers, told: self.cases[alert.alarmID]?.told ?? [:], now: now,
                into: &actions)
        }
        return actions
    }

    private mutating func resume(
        _ alarmID: String, except owed: Set<String>, now: MonotonicInstant,
        into actions: inout [RoutingAction]
    ) {
        guard var item = self.cases[alarmID], item.withheld == nil, !item.progress.isEmpty else {
            return
        }
        self.restoreCounts(&item, now: now)
        for place in item.progress.indices {
            let stages = self.table.routes[item.progress[place].route].stages
            item.progress[place].sentAt = now
            for stage in stages.indices.reversed() {
                let told = stages[stage].endpoints.filter {
                    self.isSettled(item, item.progress[place].route, stage, $0) != nil
                }
                guard stage == 0 || !told.isEmpty else { continue }
                item.progress[place].stage = stage
                item.progress[place].isDelivered = told.contains {
                    self.isSettled(item, item.progress[place].route, stage, $0) == true
                }
                item.progress[place].deadCount = told.count {
                    self.isSettled(item, item.progress[place].route, stage, $0) == false
                }
                break
            }
        }
        self.cases[alarmID] = item
        guard item.isOpen, !item.isSuppressed else { return }
        for progress in item.progress {
            for stage in 0...progress.stage {
                self.sendAgain(progress.route, stage, of: item, except: owed, now, into: &actions)
            }
        }
    }

    private mutating func sendAgain(
        _ route: Int, _ stage: Int, of item: AlertCase, except owed: Set<String>,
        _ now: MonotonicInstant, into actions: inout [RoutingAction]
    ) {
        let step = Step(route: route, stage: stage, reason: stage == 0 ? .raised : .undelivered)
        guard stage < self.table.routes[route].stages.count,
            !owed.contains(item.base + step.suffix)
        else { return }
        let untold = self.table.routes[route].stages[stage].endpoints.filter {
            self.isSettled(item, route, stage, $0) == nil
        }
        guard !untold.isEmpty else { return }
        self.send(step, of: item.subject.alarmID, to: untold, now: now, into: &actions)
    }

    private func isSettled(_ item: AlertCase, _ route: Int, _ stage: Int, _ endpoint: Int) -> Bool?
    {
        let suffix = Step(route: route, stage: stage, reason: .raised).suffix
        return item.settled["\(suffix)@\(self.table.endpoints[endpoint])"]
    }

    /// How often the alarm was told again so far; a repetition without an outcome comes again.
    private func restoreCounts(_ item: inout AlertCase, now: MonotonicInstant) {
        func count(_ since: MonotonicInstant, _ every: UInt64, _ letter: String) -> UInt64 {
            guard every > 0 else { return 0 }
            let due = now.nanosecondsSince(since) / every
            guard due > 0 else { return 0 }
            let isTold = item.settled.keys.contains { $0.contains("_\(letter)\(due)@") }
            return isTold ? due : due - 1
        }
        let every = item.progress.map { self.table.routes[$0.route].repeatNanoseconds }
            .filter { $0 > 0 }.min()
        item.repeatCount = count(item.annunciatedAt, every ?? 0, "n")
        if let since = item.acknowledgedAt {
            item.standingCount = count(since, item.standing(self.table), "a")
        }
    }

    // MARK: The picture

    /// Ledger bodies that, read by `restore`, give the state of now: a short ledger.
    package func picture() -> [[UInt8]] {
        var records: [[UInt8]] = []
        for silence in self.silences { records.append(Self.added(silence)) }
        let order = self.cases.values.sorted {
            ($0.annunciatedAt, $0.base) < ($1.annunciatedAt, $1.base)
        }
        for item in order {
            records.append(item.record)
            if let newest = item.newestRecord { records.append(newest) }
            for key in item.settled.keys.sorted() {
                guard let at = key.firstIndex(of: "@") else { continue }
                var json = JSONWriter()
                json.object { json in
                    let isDelivered = item.settled[key] == true
                    json.field("kind", isDelivered ? "alertDelivered" : "alertDeadLettered")
                    json.field("alert", item.base + key[..<at])
                    json.field("endpoint", String(key[key.index(after: at)...]))
                }
                records.append(json.bytes)
            }
        }
        return records
    }

    /// The ledger body that says that a silence began.
    package static func added(_ silence: AlertSilence) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.field("kind", "silenceAdded")
            json.name("silence")
            silence.encode(to: &json)
        }
        return json.bytes
    }
}
