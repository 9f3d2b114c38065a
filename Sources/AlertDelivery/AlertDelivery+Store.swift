// SPDX-License-Identifier: Apache-2.0

internal import EmbeddedStore
internal import Logging
internal import MidwatchModel

/// What became of a dead letter that was to be sent again.
package enum ResendAnswer: Sendable, Equatable {
    case queued
    /// No dead letter with this id for this endpoint.
    case unknown
    /// Not configured, or disabled by a 410: enable it first.
    case endpointUnusable
    /// The store does not answer now.
    case unavailable
}

extension AlertDelivery {
    // MARK: Marks

    /// Hands a mark to the store; one that must not be lost and finds no room is owed.
    func write(_ write: OutboxWrite) {
        if self.owed.isEmpty, self.store.offer(write) { return }
        guard !write.isExpendable, self.owed.count < DeliveryLimits.recentIDCountMax else { return }
        self.owed.append(write)
    }

    func payOwed() {
        guard !self.owed.isEmpty else { return }
        var paidCount = 0
        while paidCount < self.owed.count, self.store.offer(self.owed[paidCount]) { paidCount += 1 }
        self.owed.removeFirst(paidCount)
    }

    // MARK: What the store knows

    /// Asks what the last run left and waits for it, but not for ever; returns the cursor.
    func learn() async -> UInt64? {
        let question = self.beginLearning()
        await Self.bounded(DeliveryLimits.storeLoadNanosecondsMax) { await question.value }
        return self.learnedCursor
    }

    /// Asks again if the store has not answered yet.
    func learnIfUnknown() {
        if !self.knowsStore, !self.isLearning, !self.isStopped { self.beginLearning() }
    }

    @discardableResult
    private func beginLearning() -> Task<Void, Never> {
        self.isLearning = true
        let names = self.configuration.endpoints.map(\.name)
        let now = self.clock.wall()
        return Task { [weak self, store] in
            let knowledge = try? await store.ask { file throws(SQLiteError) in
                try file.learn(endpoints: names, now: now)
            }
            await self?.learned(knowledge)
        }
    }

    private func learned(_ knowledge: OutboxKnowledge?) {
        self.isLearning = false
        guard let knowledge else { return }
        let now = self.clock.monotonic()
        let wall = self.clock.wall()
        // Orders already given out in this run came from the wall clock and stay.
        self.nextOrder =
            self.pump == nil ? knowledge.nextOrder : max(self.nextOrder, knowledge.nextOrder)
        self.learnedCursor = knowledge.cursor
        for id in knowledge.recentIDs { _ = self.recent.insert(id) }
        for (index, endpoint) in self.configuration.endpoints.enumerated() {
            guard let pending = knowledge.pending[endpoint.name] else { continue }
            for alarm in pending.alarms {
                self.machines[index].park(alarmKey: alarm, order: pending.from)
            }
        }
        for (order, takenAt) in knowledge.untold {
            self.note(untold: order, takenAt: Self.instant(of: takenAt, now: now, wall: wall))
        }
        self.deadLetterCount += knowledge.deadLetterCount
        for letter in knowledge.deadLetters { self.deadLetters.add(letter) }
        for (index, endpoint) in self.configuration.endpoints.enumerated() {
            for (alert, labelled) in knowledge.standing[endpoint.name] ?? [] {
                self.boards[index]?.recall(alert, labelled: labelled)
            }
        }
        self.knowsStore = true
        for letter in knowledge.buried { self.report(.deadLettered(letter)) }
        if self.pump != nil { self.timerFired() }
    }

    func outboxChanged(_ condition: OutboxCondition) {
        switch condition {
        case .writing:
            self.logger.info("outbox writes again")
            self.outboxCondition = .writing
        case .failing(let cause):
            self.logger.error("outbox fails", metadata: ["outbox.cause": "\(cause)"])
            self.outboxCondition = condition
        case .setAside(let path):
            self.logger.error("outbox was unreadable", metadata: ["outbox.aside": "\(path)"])
            let until = self.clock.monotonic().advanced(
                byNanoseconds: DeliveryLimits.asideShownNanoseconds)
            self.aside = (path, until)
            // Without a file before it the start reads the ledger anyway.
            if self.store.hasLostFile { self.beginRebuilding() }
        }
        self.report(.outbox(condition))
        self.afterwards()
    }

    // MARK: Reading back

    /// Reads on from the store once half of an endpoint's memory is free.
    func refill(_ index: Int, now: MonotonicInstant) {
        let machine = self.machines[index]
        guard let from = machine.parkedFrom, self.knowsStore, self.owed.isEmpty, !self.isStopped,
            machine.count <= machine.queueCountMax / 2, !machine.isReading
        else { return }
        self.machines[index].beginReading()
        let name = self.configuration.endpoints[index].name
        let limit = max(1, min(DeliveryLimits.refillCountMax, machine.queueCountMax / 4))
        let generation = self.generation
        Task { [weak self, store] in
            let rows = try? await store.ask { file throws(SQLiteError) in
                try file.pending(endpoint: name, from: from, limit: limit)
            }
            await self?.refilled(index, rows: rows, limit: limit, generation)
        }
    }

    private func refilled(
        _ index: Int, rows: [StoredDelivery]?, limit: Int, _ generation: UInt64
    ) {
        guard generation == self.generation else { return }
        // The store failed: the timer asks again.
        guard let rows else { return self.machines[index].readingFailed() }
        let now = self.clock.monotonic()
        var next = rows.count == limit ? rows.last.map { $0.item.order + 1 } : nil
        for row in rows where !self.earlyIDs.contains(row.item.alert.id) {
            guard self.takeBack(row, at: index, now: now) else {
                next = row.item.order
                break
            }
        }
        self.machines[index].tookBack(before: next)
        self.advance(index)
        self.afterwards()
    }

    /// False if there is no room for it.
    private func takeBack(_ row: StoredDelivery, at index: Int, now: MonotonicInstant) -> Bool {
        let item = self.item(of: row, now: now)
        if self.machines[index].condition == .disabled {
            if !self.machines[index].holds(order: item.order) {
                self.bury([item], at: index, reason: .endpointDisabled)
            }
            return true
        }
        switch self.machines[index].takeBack(item, now: now) {
        case .queued, .known: return true
        case .superseded:
            self.supersede(item, at: index)
            return true
        case .full: return false
        }
    }

    /// Puts stored calendar instants on this run's time line, within bounds: a wall clock that was
    /// set meanwhile neither delays an alert for long nor makes it too old at once.
    private func item(of row: StoredDelivery, now: MonotonicInstant) -> QueuedAlert {
        let wall = self.clock.wall()
        var item = row.item
        let ageMax = RetryLadder.ageMax(of: item.alert.priority)
        item.takenAt = Self.instant(of: row.takenAt, now: now, wall: wall)
        let age = now.nanosecondsSince(item.takenAt)
        let rest = ageMax > age ? ageMax - age : 0
        item.expiresAt = now.advanced(
            byNanoseconds: max(rest, DeliveryLimits.restartGraceNanoseconds))
        let (wait, overflow) = row.nextAt.nanoseconds.subtractingReportingOverflow(
            wall.nanoseconds)
        if !overflow, wait > 0 {
            item.notBefore = now.advanced(
                byNanoseconds: min(UInt64(wait), RetryLadder.capNanoseconds))
        }
        return item
    }

    private static func instant(
        of then: WallInstant, now: MonotonicInstant, wall: WallInstant
    ) -> MonotonicInstant {
        let (age, overflow) = wall.nanoseconds.subtractingReportingOverflow(then.nanoseconds)
        let bounded = overflow ? 0 : UInt64(max(0, age))
        return MonotonicInstant(
            nanoseconds: now.nanoseconds - min(bounded, now.nanoseconds))
    }

    // MARK: Dead letters

    /// Dead letters, the newest first.
    ///
    /// - Parameters:
    ///   - limit: 1 ... `DeliveryLimits.deadLetterCountMax`.
    ///   - alertID: Only those of this alert.
    ///   - endpoint: Only those at this endpoint.
    ///   - after: Only those behind this place; nil: from the newest on.
    /// - Returns: nil if the store does not answer now.
    package func deadLetters(
        limit: Int, alertID: String? = nil, endpoint: String? = nil, after: DeadLetterPlace? = nil
    ) async -> [DeadLetter]? {
        let limit = min(max(limit, 1), DeliveryLimits.deadLetterCountMax)
        return try? await self.store.ask { file throws(SQLiteError) in
            try file.deadLetters(
                limit: limit, alert: alertID, endpoint: endpoint, after: after ?? .beginning)
        }
    }

    /// Sends a dead letter again, with its id and a new life.
    package func resend(alertID: String, endpoint: String) async -> ResendAnswer {
        guard let index = self.figures.firstIndex(where: { $0.endpoint == endpoint }),
            self.machines[index].condition != .disabled, !self.isStopped
        else { return .endpointUnusable }
        let now = self.clock.wall()
        let answer: StoredDelivery??
        answer = try? await self.store.ask { file throws(SQLiteError) in
            try file.revive(id: alertID, endpoint: endpoint, now: now)
        }
        guard let found = answer else { return .unavailable }
        guard let row = found else { return .unknown }
        let instant = self.clock.monotonic()
        var item = QueuedAlert(order: row.item.order, alert: row.item.alert, takenAt: instant)
        item.attemptCount = row.item.attemptCount
        item.firstAttemptAt = row.item.firstAttemptAt
        item.isRevived = true
        self.deadLetterCount -= min(1, self.deadLetterCount)
        self.deadLetters.settle(alert: alertID, endpoint: endpoint)
        if !self.machines[index].hasRoom(for: item.alert) {
            self.machines[index].park(alarmKey: item.alert.alarmKey, order: item.order)
        } else if !self.machines[index].holds(order: item.order) {
            self.machines[index].enqueue(item, now: instant)
        }
        self.advance(index)
        self.afterwards()
        return .queued
    }

    /// Settles a dead letter without sending it: someone was told by other means.
    ///
    /// - Returns: Whether there was one.
    package func dismiss(alertID: String, endpoint: String) async -> Bool {
        let now = self.clock.wall()
        let order: UInt64?? = try? await self.store.ask { file throws(SQLiteError) in
            try file.dismiss(id: alertID, endpoint: endpoint, now: now)
        }
        guard let found = order, let order = found else { return false }
        self.deadLetterCount -= min(1, self.deadLetterCount)
        self.deadLetters.settle(alert: alertID, endpoint: endpoint)
        self.note(told: order)
        self.afterwards()
        return true
    }

    /// Takes an endpoint back into use that was paused or disabled; false if there is none.
    package func enable(endpoint: String) -> Bool {
        guard let index = self.figures.firstIndex(where: { $0.endpoint == endpoint }) else {
            return false
        }
        if self.machines[index].condition != .usable {
            self.machines[index].enable()
            self.announce(.usable, of: index, status: 0)
        }
        self.advance(index)
        self.afterwards()
        return true
    }
}
