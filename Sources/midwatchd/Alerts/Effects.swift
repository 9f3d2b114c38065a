// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import AlertDelivery
import JSONText
import Journal
import Logging
import MidwatchModel
import Synchronization

/// Who takes alerts: delivery, or a stand-in in tests.
protocol AlertTaker: Sendable {
    /// Begins; the number of the last ledger record taken in, nil if that is not known.
    func start() async -> UInt64?
    func offer(_ alert: Alert) -> OfferAnswer
    func ledgerRead(through n: UInt64) -> OfferAnswer
    /// Whether it wants to know which alarms stand.
    var hasBoards: Bool { get }
    /// Takes the ordering keys of all alarms that stand.
    func compare(standing: Set<UInt64>)
    /// Whether it lost what it had and the ledger has; asked once.
    func takeWantsLedger() -> Bool
    /// Keys of the alarms of which it lost alerts; asked once, after that.
    func takeLostAlarms() -> Set<UInt64>
    /// That was offered again, for the ledger up to `n`.
    func rebuilt(through n: UInt64) -> OfferAnswer
}

extension AlertTaker {
    var hasBoards: Bool { false }
    func compare(standing: Set<UInt64>) {}
    func takeWantsLedger() -> Bool { false }
    func takeLostAlarms() -> Set<UInt64> { [] }
    func rebuilt(through n: UInt64) -> OfferAnswer { .accepted }
}

extension AlertDelivery: AlertTaker {}

/// What follows from a decision once it leaves the gate: an alert, an answer to an operator.
///
/// An alert goes to delivery at once. When delivery has no room it waits here, in order; when there
/// is no room here either, it and all that follow are left to the ledger, and `catchUp` takes them
/// from there. The cursor of delivery passes a record only when its alert was taken.
/// What the ledger will never have, because it hung for too long, waits here as the newest alert of
/// each alarm: as many as there are alarms.
final class Effects: Sendable {
    /// Alerts that may wait here for room in delivery.
    static let waitingMax = 16_384
    /// Twice the room for what time brings, so that it does not depend on what happens.
    static let waitingNowMax = 2 * waitingMax
    /// Room without which time brings nothing: the half of it holds more than the digests of one
    /// endpoint and the steps of one alarm, which are not divided.
    private static let tickRoomMin = 4 * RoutingLimits.groupCountMax
    /// Alerts that time brings in one second: making one takes some tenths of a millisecond of a
    /// thread that has more to do.
    private static let tickCountMax = 1_024
    /// Delivery is told this often which alarms stand: longer than any message is on its way.
    private static let compareSeconds = 60
    /// Ledger records that are looked through for alerts when delivery has no cursor.
    static let repeatMax: UInt64 = 1_024
    /// Ledger records that are looked through for alerts of alarms of which delivery lost some.
    static let rebuildMax: UInt64 = 65_536

    /// The ledger, for what was left to it.
    struct Ledger: Sendable {
        var folder: String
        /// Number of the newest durable record.
        var newest: @Sendable () -> UInt64
        /// Every effect with a sequence below it is recorded, or its record was given up.
        var settled: @Sendable () -> UInt64
    }

    struct Attached {
        var desk: OperatorDesk?
        var reporter: StatusReporter?
        var ledger: Ledger?
        /// Alerts that delivery had no room for, in order.
        var waiting: [Alert] = []
        var isStarted = false
        /// The alerts of all records up to it were taken.
        var takenThrough: UInt64 = 0
        /// Alerts were left to the ledger, the last by the effect in front of this sequence.
        var leftThrough: UInt64?
        var leftCount: UInt64 = 0
        /// Alerts that found no room and that the ledger will never have: the newest of each alarm,
        /// by alarm key.
        var orphans: [UInt64: Alert] = [:]
        var supersededCount: UInt64 = 0
        /// Until delivery is told which alarms stand.
        var secondsToCompare = Effects.compareSeconds
        /// Records could not be read at the start: the cursor stays, the next start tries again.
        var isCursorHeld = false
        /// What delivery lost with its outbox, in order, and up to where the ledger was read for it.
        ///
        /// As many as there are alarms and steps; nil: nothing was lost.
        var again: (alerts: ArraySlice<Alert>, through: UInt64)?
        /// Effects that left before routing had read the ledger, in order.
        var early: [Early] = []
    }

    struct Early {
        var effect: PendingEffect
        var isRecorded: Bool
        var ledgerN: UInt64
    }

    private struct CatchUp {
        var reader: LedgerReader?
        /// Alerts that were read and found no room.
        var pending: [Alert] = []
    }

    private let builder: AlertBuilder
    let live: LiveState
    let activity = AlarmActivity()
    private let surroundings: AlertSurroundings
    let delivery: any AlertTaker
    private let logger: Logger
    /// Who is told; nil: everybody of everything.
    let routing: RoutingDesk?
    let attached = Mutex(Attached())
    private let catchingUp = Mutex(CatchUp())

    init(
        builder: AlertBuilder, live: LiveState, delivery: any AlertTaker,
        routing: RoutingDesk? = nil, logger: Logger
    ) {
        self.builder = builder
        self.live = live
        self.surroundings = AlertSurroundings(live: live)
        self.delivery = delivery
        self.routing = routing
        self.logger = logger
    }

    func attach(_ desk: OperatorDesk) { self.attached.withLock { $0.desk = desk } }

    func attach(_ reporter: StatusReporter) { self.attached.withLock { $0.reporter = reporter } }

    func attach(_ ledger: Ledger) { self.attached.withLock { $0.ledger = ledger } }

    /// The alerts of all ledger records up to it were taken.
    var takenThrough: UInt64 { self.attached.withLock { $0.takenThrough } }

    /// Alerts that were left to the ledger since the start.
    var leftCount: UInt64 { self.attached.withLock { $0.leftCount } }

    /// Alerts never sent, because the ledger hung and a newer one of the same alarm came.
    var supersededCount: UInt64 { self.attached.withLock { $0.supersededCount } }

    /// One decision leaves; in order, never blocks.
    ///
    /// Ledger and gate threads.
    func release(_ effect: PendingEffect, isRecorded: Bool, ledgerN: UInt64) {
        self.attached.withLock { $0.desk }?.answer(effect.decision, isRecorded: isRecorded)
        let isKept =
            self.routing != nil
            && self.attached.withLock { attached in
                guard !attached.isStarted else { return false }
                // What the ledger will never have waits for its route in any case.
                let isFull = attached.early.count >= Self.waitingMax
                if effect.isGivenUp || attached.leftThrough == nil && !isFull {
                    attached.early.append(
                        Early(effect: effect, isRecorded: isRecorded, ledgerN: ledgerN))
                } else {
                    attached.leftThrough = effect.sequence + 1
                    attached.leftCount += 1
                }
                return true
            }
        if !isKept { self.leave(effect, isRecorded: isRecorded, ledgerN: ledgerN) }
    }

    private func leave(_ effect: PendingEffect, isRecorded: Bool, ledgerN: UInt64) {
        let (reporter, isHeld) = self.attached.withLock { ($0.reporter, $0.isCursorHeld) }
        if effect.decision.kind == .configurationApplied { self.forgetRetired() }
        var context = AlertContext.none
        let alert = AlertRecord(effect.body).flatMap { record -> Alert? in
            let rules = self.live.ruleBook
            // Also what nobody is told: it was raised, and it is active or not.
            // But not a test: no other alert is to name it.
            let picture =
                record.isDrill
                ? AlarmActivity.Picture()
                : self.activity.follow(record, groups: self.builder.groups(record, rules))
            guard record.messageType != nil, self.routing != nil || !record.isToldOnly else {
                return nil
            }
            context = AlertContext(
                isOfTheMoment: true, picture: picture, history: effect.history,
                redundant: self.surroundings.redundant(
                    to: record.path, rules: rules, now: effect.queuedAt),
                modes: reporter?.modes() ?? [],
                detectionNanoseconds: effect.queuedAt.nanosecondsSince(effect.decision.time))
            return self.builder.alert(
                of: record, ledgerN: isHeld ? 0 : ledgerN, isRecorded: isRecorded, rules: rules,
                context: context)
        }
        guard let routing = self.routing else {
            if let alert {
                self.offer(alert, sequence: effect.sequence, isGivenUp: effect.isGivenUp)
            }
            return
        }
        routing.take(effect.body, made: alert, context: context) {
            self.offer($0, sequence: effect.sequence, isGivenUp: effect.isGivenUp)
        }
    }

    /// Lets time pass for whoever waits for an answer, and offers again what found no room.
    ///
    /// Housekeeping, every second.
    func everySecond() {
        self.retry()
        let (isStarted, room) = self.attached.withLock { attached in
            (attached.isStarted, Self.waitingNowMax - attached.waiting.count)
        }
        // Without room nothing is made: what is due stays due, and is made once there is some.
        if isStarted, room >= Self.tickRoomMin {
            self.routing?.tick(actionMax: min(room / 2, Self.tickCountMax)) { alert in
                self.offerNow(alert)
            }
        }
        if self.delivery.hasBoards, self.isCompareDue() { self.compareStanding() }
    }

    private func isCompareDue() -> Bool {
        self.attached.withLock { attached in
            guard attached.isStarted else { return false }
            attached.secondsToCompare -= 1
            guard attached.secondsToCompare <= 0 else { return false }
            attached.secondsToCompare = Self.compareSeconds
            return true
        }
    }

    /// An alert that no decision waits for; it stands in the ledger with its alarm.
    ///
    /// Any thread.
    func offerNow(_ alert: Alert) {
        self.attached.withLock { attached in
            if attached.waiting.isEmpty, self.delivery.offer(alert) != .inboxFull { return }
            guard attached.waiting.count < Self.waitingNowMax else {
                attached.leftCount += 1
                return
            }
            attached.waiting.append(alert)
        }
    }

    /// Takes what the ledger says of alarms before this run.
    ///
    /// Any thread.
    func remember(_ body: [UInt8]) {
        guard let record = AlertRecord(body), !record.isDrill else { return }
        self.activity.remember(record, groups: self.builder.groups(record, self.live.ruleBook))
    }

    /// Every ledger record up to `n` is durable.
    ///
    /// Ledger thread.
    func ledgerWritten(through n: UInt64) {
        self.attached.withLock { $0.desk }?.eventsWritten(through: n)
        self.attached.withLock { attached in
            // The cursor must not pass an alert that delivery has not taken.
            guard attached.isStarted, attached.waiting.isEmpty, attached.leftThrough == nil else {
                return
            }
            attached.takenThrough = n
            if !attached.isCursorHeld { _ = self.delivery.ledgerRead(through: n) }
        }
    }

    // MARK: - The start

    /// Delivery is ready: it learns what the ledger holds behind its cursor, then what waited.
    ///
    /// Without a cursor (a store that is new or does not answer) the newest records are offered
    /// again and not the whole history: a repeated alert is recognised by its id, a flood of old
    /// ones hides the new. `waiting` are records that the disk had not taken at the start.
    func start(
        ledgerFolder: String, newest: UInt64, waiting: [LedgerCatchUp.Entry]
    ) async {
        let cursor = await self.delivery.start()
        let recent = newest > Self.repeatMax ? newest - Self.repeatMax : 0
        let from = cursor.flatMap { $0 == 0 ? nil : $0 } ?? recent
        // On a thread of its own: a disk that hangs must not hold the tasks of the pool.
        let isRead = await LoopThread.value("alerts-read") {
            guard let routing = self.routing else {
                let isRead = self.offerLedger(ledgerFolder, from: from, through: newest)
                for entry in waiting { self.offer(entry.body, ledgerN: 0, isRecorded: false) }
                return isRead
            }
            let isRead = routing.restore(ledgerFolder, owedFrom: from, through: newest) {
                self.tell($0)
            }
            for entry in waiting { routing.restore(entry.body, isOwed: true) }
            for alert in routing.resume() { self.offerWaiting(alert) }
            return isRead
        }
        self.attached.withLock { attached in
            attached.takenThrough = newest
            attached.isCursorHeld = !isRead
        }
        self.takeEarly()
        self.retry()
    }

    /// What left meanwhile goes its way, in order, before anything new does.
    private func takeEarly() {
        while true {
            let early = self.attached.withLock { attached -> [Early] in
                if attached.early.isEmpty { attached.isStarted = true }
                let early = attached.early
                attached.early = []
                return early
            }
            guard !early.isEmpty else { return }
            for one in early {
                self.leave(one.effect, isRecorded: one.isRecorded, ledgerN: one.ledgerN)
            }
        }
    }

    private func offerWaiting(_ alert: Alert) {
        let pause = WakeWord()
        while self.delivery.offer(alert) == .inboxFull { pause.sleep(nanoseconds: 10_000_000) }
    }

    /// Offers the alerts of the ledger behind `from`; false if the disk did not give them all.
    private func offerLedger(_ folder: String, from: UInt64, through newest: UInt64) -> Bool {
        let reader = LedgerReader(directory: folder, fromLine: from + 1)
        while true {
            do {
                switch try reader.step(through: newest) {
                case .line(let line):
                    self.offer(line.body, ledgerN: line.n, isRecorded: true)
                case .gap(let gap): self.tell(gap)
                case .end: return true
                }
            } catch {
                self.logger.critical(
                    "ledger not read, alerts in it may be late",
                    metadata: ["ledger.n": "\(reader.nextN)", "error": "\(error)"])
                return false
            }
        }
    }

    /// Before anything new: alerts of one alarm keep their order.
    private func offer(_ body: [UInt8], ledgerN: UInt64, isRecorded: Bool) {
        if let alert = self.alert(of: body, ledgerN: ledgerN, isRecorded: isRecorded) {
            self.offerWaiting(alert)
        }
    }

    private func alert(of body: [UInt8], ledgerN: UInt64, isRecorded: Bool) -> Alert? {
        AlertRecord(body).flatMap { record in
            guard self.routing != nil || !record.isToldOnly else { return nil }
            return self.builder.alert(
                of: record, ledgerN: ledgerN, isRecorded: isRecorded, rules: self.live.ruleBook,
                context: .none)
        }
    }

    func tell(_ gap: LedgerGap) {
        self.logger.critical(
            "ledger damaged, alerts in it are lost",
            metadata: [
                "ledger.missing": "\(gap.missing)",
                "ledger.damage": "\(gap.fault.map { "\($0)" } ?? "lines are not there")",
            ])
    }

    // MARK: - No room

    /// Offers again what delivery had no room for.
    ///
    /// Housekeeping.
    func retry() {
        self.attached.withLock { attached in
            guard attached.isStarted else { return }
            var taken = 0
            while taken < attached.waiting.count,
                self.delivery.offer(attached.waiting[taken]) != .inboxFull
            { taken += 1 }
            attached.waiting.removeFirst(taken)
            if attached.waiting.isEmpty { self.offerAgain(&attached) }
        }
    }

    private func offer(_ alert: Alert, sequence: UInt64, isGivenUp: Bool) {
        self.attached.withLock { attached in
            let hasRoom = attached.waiting.count < Self.waitingMax
            if attached.leftThrough == nil {
                if attached.isStarted, attached.waiting.isEmpty,
                    self.delivery.offer(alert) != .inboxFull
                {
                    return
                }
                if hasRoom { return attached.waiting.append(alert) }
            }
            // What follows must not overtake it.
            attached.leftThrough = sequence + 1
            guard isGivenUp else {
                // The ledger has it, or will.
                attached.leftCount += 1
                return
            }
            if attached.orphans.updateValue(alert, forKey: alert.alarmKey) != nil {
                attached.supersededCount += 1
            }
        }
    }

    /// Takes from the ledger what was left to it, as far as delivery has room.
    ///
    /// Alerts that were taken before are offered again; delivery knows them by their ids. The
    /// housekeeper's disk thread: it reads files.
    func catchUp() {
        self.rebuild()
        self.retry()
        let state = self.attached.withLock { attached -> (from: UInt64, ledger: Ledger)? in
            guard attached.isStarted, attached.waiting.isEmpty, attached.leftThrough != nil,
                let ledger = attached.ledger
            else { return nil }
            return (attached.takenThrough, ledger)
        }
        guard let (from, ledger) = state else { return }
        // In this order: what is settled now stands in the ledger up to `newest`.
        let settled = ledger.settled()
        let newest = ledger.newest()
        let isAtEnd = self.catchingUp.withLock { catching in
            let isAtEnd = self.read(&catching, ledger.folder, from: from, through: newest)
            if isAtEnd { catching.reader = nil }
            return isAtEnd
        }
        guard isAtEnd else { return }
        self.attached.withLock { attached in
            attached.takenThrough = max(attached.takenThrough, newest)
            if !attached.isCursorHeld { _ = self.delivery.ledgerRead(through: newest) }
            guard let left = attached.leftThrough, left <= settled,
                self.offerOrphans(&attached)
            else { return }
            attached.leftThrough = nil
        }
    }

    /// Offers what the ledger will never have, oldest first; whether there was room for all.
    private func offerOrphans(_ attached: inout Attached) -> Bool {
        for alert in attached.orphans.values.sorted(by: { $0.sequence < $1.sequence }) {
            guard self.delivery.offer(alert) != .inboxFull else { return false }
            attached.orphans[alert.alarmKey] = nil
        }
        return true
    }

    /// Offers an older alert of the same alarm that the ledger does not have; false without room.
    private func offerOrphan(before alert: Alert) -> Bool {
        self.attached.withLock { attached in
            guard let orphan = attached.orphans[alert.alarmKey], orphan.sequence < alert.sequence
            else { return true }
            guard self.delivery.offer(orphan) != .inboxFull else { return false }
            attached.orphans[alert.alarmKey] = nil
            return true
        }
    }

    /// Offers records until the end, true, or until there is no room or no disk.
    private func read(
        _ catching: inout CatchUp, _ folder: String, from: UInt64, through newest: UInt64
    ) -> Bool {
        let reader = catching.reader ?? LedgerReader(directory: folder, fromLine: from + 1)
        catching.reader = reader
        while true {
            while let alert = catching.pending.first {
                guard self.offerOrphan(before: alert), self.delivery.offer(alert) != .inboxFull
                else { return false }
                catching.pending.removeFirst()
            }
            do {
                switch try reader.step(through: newest) {
                case .line(let line):
                    let alert = self.alert(of: line.body, ledgerN: line.n, isRecorded: true)
                    if let routing = self.routing {
                        routing.take(line.body, made: alert) { catching.pending.append($0) }
                    } else if let alert {
                        catching.pending.append(alert)
                    }
                case .gap(let gap): self.tell(gap)
                case .end: return true
                }
            } catch {
                // The disk's own fault: what is left stays left, and is tried again.
                return false
            }
        }
    }
}
