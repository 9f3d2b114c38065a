// SPDX-License-Identifier: Apache-2.0

internal import Logging
internal import MidwatchModel
internal import Synchronization

/// What follows when the outbox file was damaged and a new one begun.
///
/// What memory holds goes into the new file at once. What only the old one held comes from the ledger:
/// the program offers it again (`wantsLedger`), and says when that is done (`rebuilt`). Meanwhile the
/// cursor stands at the beginning, so that a crash has the ledger read again as well. What was settled
/// in this run is known here and dropped; what was settled before stands in the ledger.
extension AlertDelivery {
    /// Whether the program is to offer again what the ledger has without an outcome; asked once.
    package nonisolated func takeWantsLedger() -> Bool {
        self.wantsLedger.exchange(false, ordering: .acquiringAndReleasing)
    }

    /// Ordering keys of the alarms of which only the lost file held alerts; asked once, after
    /// `takeWantsLedger`.
    package nonisolated func takeLostAlarms() -> Set<UInt64> {
        self.lostAlarms.withLock { lost in
            defer { lost = [] }
            return lost
        }
    }

    /// Everything of the ledger up to `n` that has no outcome was offered again.
    package nonisolated func rebuilt(through n: UInt64) -> OfferAnswer {
        self.hand(over: .rebuilt(through: n))
    }

    /// The store began a new file while this run went on.
    func beginRebuilding() {
        self.logger.error(
            "outbox is made again from the ledger",
            metadata: ["outbox.deadLetters": "\(self.deadLetterCount)"])
        var rebuilding = Rebuilding(
            wasCursorHeld: self.rebuilding?.wasCursorHeld ?? self.isCursorHeld)
        self.isCursorHeld = true
        self.generation += 1
        let parked = self.machines.map(\.parkedAlarms)
        self.lostAlarms.withLock { for keys in parked { $0.formUnion(keys) } }
        self.keepMemory(&rebuilding)
        self.rebuilding = rebuilding
        self.recent = RecentIDs(countMax: DeliveryLimits.recentIDCountMax)
        let live = Set(rebuilding.orders.values)
        // What waited in the old file comes back with an order of its own.
        for order in self.untold.keys where !live.contains(order) { self.note(told: order) }
        // Those in the old file can neither be sent again nor put away: the log names them.
        self.deadLetters = DeadLetterBook()
        self.deadLetterCount = self.store.counters[.deadLettersDeleted]
        self.wantsLedger.store(true, ordering: .releasing)
    }

    /// Writes into the new file what is on its way and what others are reminded of.
    private func keepMemory(_ rebuilding: inout Rebuilding) {
        let wall = self.clock.wall()
        var kept: [UInt64: (item: QueuedAlert, endpoints: [String])] = [:]
        for index in self.machines.indices {
            self.machines[index].forgetStore()
            for item in self.machines[index].items {
                kept[item.order, default: (item, [])].endpoints.append(self.figures[index].endpoint)
                rebuilding.orders[item.alert.id] = item.order
                rebuilding.held.insert(Self.pair(item.alert.id, self.figures[index].endpoint))
            }
            self.wakes[index] = self.machines[index].wakeAt(now: self.clock.monotonic())
        }
        for order in kept.keys.sorted() {
            guard let (item, endpoints) = kept[order] else { continue }
            self.write(.accept(item, endpoints: endpoints, at: wall, movesCursor: false))
        }
        for index in self.boards.indices {
            for alarm in self.boards[index]?.all ?? [] {
                let mark = DeliveryMark(
                    item: QueuedAlert(order: 0, alert: alarm.alert, takenAt: .zero),
                    endpoint: self.figures[index].endpoint, at: wall)
                self.write(.stands(mark, alarm.labelled))
            }
        }
    }

    /// The ledger was read: what comes now is new.
    func endRebuilding(through n: UInt64) {
        guard let rebuilding = self.rebuilding else { return }
        self.rebuilding = nil
        self.isCursorHeld = rebuilding.wasCursorHeld
        for id in rebuilding.orders.keys { _ = self.recent.insert(id) }
        for index in self.machines.indices { self.machines[index].forgetFloors() }
        self.moveCursor(to: n)
        self.logger.notice("outbox is made again", metadata: ["ledger.n": "\(n)"])
    }

    /// Whether an alert that the ledger offers again must not go to an endpoint: it did or is on its
    /// way, or a newer one of its alarm went ahead.
    func isSettled(_ alert: Alert, at index: Int) -> Bool {
        let pair = Self.pair(alert.id, self.figures[index].endpoint)
        if self.settled.contains(pair) { return true }
        guard let rebuilding = self.rebuilding else { return false }
        return rebuilding.held.contains(pair) || self.machines[index].isOvertaken(alert)
    }

    /// The place of an alert in the order of arrival: the one it has where it is on its way already.
    func takeOrder(of alert: Alert) -> UInt64 {
        if let order = self.rebuilding?.orders[alert.id] { return order }
        defer { self.nextOrder += 1 }
        return self.nextOrder
    }

    func note(settled alertID: String, at index: Int) {
        _ = self.settled.insert(Self.pair(alertID, self.figures[index].endpoint))
    }

    /// A name for an alert at an endpoint that is small enough to keep many of them.
    private static func pair(_ alertID: String, _ endpoint: String) -> UInt64 {
        NameHash.of(
            endpoint.utf8,
            from: NameHash.of(CollectionOfOne(0), from: NameHash.of(alertID.utf8)))
    }
}

/// While what only the old outbox held is offered again.
struct Rebuilding: Sendable {
    /// Whether the cursor was held before.
    var wasCursorHeld: Bool
    /// Orders of the alerts that were in memory, by id.
    var orders: [String: UInt64] = [:]
    /// Those alerts, each with its endpoints.
    var held: Set<UInt64> = []
}
