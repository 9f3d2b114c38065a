// SPDX-License-Identifier: Apache-2.0

package import Logging
package import MidwatchModel
internal import Synchronization

/// Counters of the dispatcher; raw values index the block.
package enum DeliveryCounter: Int, CaseIterable, Sendable {
    case offered, inboxFull, malformed, duplicate, unrouted, outcomesOfUnknown
}

/// Sends alerts to endpoints: at least once, with a stable id, in order per alarm.
///
/// The outbox is a projection of the ledger with a cursor. An alert that is offered
/// goes to its endpoints' queues in memory and leaves at once; that it was taken in, and what
/// became of it, is written beside that by the store's own thread. A crash in between loses
/// nothing: the program offers the ledger's records after the cursor again, and what the store
/// knows is dropped. So no disk stands on the way of an alert, and a crash between sending and
/// marking sends the same id once more and nothing else.
///
/// When memory is full alerts wait in the store and come back as the queue drains, in order; when
/// the store is full as well the newest state of each alarm is kept and names what it stands for
/// in `superseded`, counted.
///
/// Not promised: exactly once. Receivers drop repetitions by `webhook-id`.
package actor AlertDelivery {
    enum Inbound: Sendable {
        case alert(Alert, offeredAt: MonotonicInstant)
        case ledger(through: UInt64)
        case rebuilt(through: UInt64)
    }

    struct CallKey: Hashable, Sendable {
        var endpoint: Int
        var order: UInt64
    }

    let configuration: DeliveryConfiguration
    let transport: any WebhookTransport
    nonisolated let clock: DeliveryClock
    nonisolated let progress: StageProgress
    let logger: Logger
    let report: @Sendable (DeliveryOutcome) -> Void
    nonisolated let counters = CounterBlock<DeliveryCounter>()
    nonisolated let store: OutboxStore
    nonisolated let published: Mutex<DeliveryStatus>
    nonisolated let inboxCount = Atomic<Int>(0)
    private nonisolated let inbox: AsyncStream<Inbound>.Continuation
    private let inboxStream: AsyncStream<Inbound>

    var machines: [EndpointQueueMachine]
    var figures: [EndpointStatus]
    /// What Alertmanagers are reminded of, endpoint by endpoint; nil for other formats.
    var boards: [StandingBoard?]
    /// Whether some endpoint is reminded of what stands.
    package nonisolated let hasBoards: Bool
    var recent = RecentIDs<String>(countMax: DeliveryLimits.recentIDCountMax)
    /// What endpoints have taken or refused for good in this run, or will not get.
    var settled = RecentIDs<UInt64>(countMax: DeliveryLimits.recentIDCountMax)
    /// Set while the ledger offers again what a damaged outbox held.
    var rebuilding: Rebuilding?
    nonisolated let wantsLedger = Atomic<Bool>(false)
    /// Keys of the alarms of which the damaged file held alerts that memory did not.
    nonisolated let lostAlarms = Mutex<Set<UInt64>>([])
    /// Counts the files of the outbox: what was read of an older one is void.
    var generation: UInt64 = 0
    /// That the file was set aside is shown until then.
    var aside: (path: String, at: WallInstant, until: MonotonicInstant)?
    var nextOrder: UInt64 = 1
    var calls: [CallKey: Task<Void, Never>] = [:]
    /// Marks that found no room in the store, in order.
    var owed: [OutboxWrite] = []
    /// Ids taken before the store told what it holds.
    var earlyIDs: Set<String> = []
    /// When each machine wants to be looked at again.
    var wakes: [MonotonicInstant?]
    /// Set once an alert found no room in the store: the cursor must not pass it in this run.
    var isCursorHeld = false
    /// False while the store has not told what it holds: floors keep the order meanwhile.
    var knowsStore = false
    var isLearning = false
    var learnedCursor: UInt64?
    var untold: [UInt64: MonotonicInstant] = [:]
    var untoldByAge = BinaryHeap<EndpointQueueMachine.Due>()
    var deadLetterCount: UInt64 = 0
    var deadLetters = DeadLetterBook()
    /// Alerts given up or refused in this run, but those about delivery itself.
    var lostCount: UInt64 = 0
    var outboxCondition = OutboxCondition.writing
    var pump: Task<Void, Never>?
    private var timer: Task<Void, Never>?
    private var timerAt = MonotonicInstant.distantFuture
    private var lastBeat = MonotonicInstant.zero
    /// Set while `stop` waits for what can still be sent.
    var flush: (deadline: MonotonicInstant, waiter: CheckedContinuation<Void, Never>?)?
    var isStopped = false

    /// Makes a dispatcher that does nothing before `start`.
    ///
    /// `outcomes` is called in order on the dispatcher and must return at once.
    package init(
        configuration: DeliveryConfiguration, transport: any WebhookTransport,
        clock: DeliveryClock, progress: StageProgress, logger: Logger,
        outcomes: @escaping @Sendable (DeliveryOutcome) -> Void
    ) {
        self.configuration = configuration
        self.transport = transport
        self.clock = clock
        self.progress = progress
        self.logger = logger
        self.report = outcomes
        var seeds = SplitMix64(seed: configuration.seed)
        self.machines = configuration.endpoints.map { endpoint in
            EndpointQueueMachine(
                concurrency: endpoint.concurrency, queueCountMax: configuration.queueCountMax,
                queueBytesMax: configuration.queueBytesMax,
                callsPerSecondMax: endpoint.callsPerSecondMax,
                timeoutNanoseconds: endpoint.timeoutNanoseconds, seed: seeds.next())
        }
        self.boards = configuration.endpoints.map { endpoint in
            guard case .alertmanagerAPI(let options) = endpoint.format else { return nil }
            return StandingBoard(options)
        }
        self.hasBoards = self.boards.contains { $0 != nil }
        self.figures = configuration.endpoints.map { EndpointStatus(endpoint: $0.name) }
        self.wakes = configuration.endpoints.map { _ in nil }
        self.published = Mutex(DeliveryStatus(endpoints: self.figures))
        (self.inboxStream, self.inbox) = AsyncStream.makeStream(
            bufferingPolicy: .bufferingOldest(DeliveryLimits.inboxCountMax))
        let (conditions, conditionInput) = AsyncStream.makeStream(
            of: OutboxCondition.self, bufferingPolicy: .bufferingNewest(16))
        self.conditions = conditions
        self.store = OutboxStore(
            path: configuration.outboxPath, queueCountMax: configuration.storeQueueCountMax,
            wall: clock.wall, onCondition: { conditionInput.yield($0) })
    }

    private let conditions: AsyncStream<OutboxCondition>
    private var conditionPump: Task<Void, Never>?

    // MARK: Life

    /// Begins to send.
    ///
    /// - Returns: The cursor: number of the last ledger record taken in, 0 for a new outbox. The
    ///   program then offers the records after it. nil if the store did not answer in
    ///   `DeliveryLimits.storeLoadNanosecondsMax`: then the program offers what stands, and what
    ///   the store held comes as soon as it answers.
    package func start() async -> UInt64? {
        precondition(self.pump == nil, "delivery started twice")
        // Without the store's word on the last order, the wall clock is above all it gave out.
        self.nextOrder = UInt64(max(1, self.clock.wall().nanoseconds))
        self.store.start()
        self.conditionPump = Task { [weak self, conditions] in
            for await condition in conditions { await self?.outboxChanged(condition) }
        }
        let cursor = await self.learn()
        self.pump = Task { [weak self, inboxStream] in
            for await inbound in inboxStream { await self?.take(inbound) }
        }
        self.timerFired()
        return cursor
    }

    /// Stops within `nanoseconds`.
    ///
    /// Sends what can be sent, writes what is known, leaves the rest pending in the store. No alert
    /// is taken afterwards.
    package func stop(withinNanoseconds nanoseconds: UInt64) async {
        guard self.flush == nil else { return }
        let deadline = self.clock.monotonic().advanced(byNanoseconds: nanoseconds)
        self.inbox.finish()
        await Self.bounded(self.nanosecondsLeft(deadline)) { [pump] in await pump?.value }
        await self.flushQueues(before: deadline)
        self.isStopped = true
        self.timer?.cancel()
        for call in self.calls.values { call.cancel() }
        await Self.bounded(max(self.nanosecondsLeft(deadline), 100_000_000)) { [store] in
            await store.stop()
        }
        self.conditionPump?.cancel()
        await self.transport.shutdown()
    }

    private func nanosecondsLeft(_ deadline: MonotonicInstant) -> UInt64 {
        deadline.nanosecondsSince(self.clock.monotonic())
    }

    // MARK: Offers

    /// Takes an alert; callable from any thread, never waits.
    ///
    /// Alerts of one alarm must be offered in their order.
    package nonisolated func offer(_ alert: Alert) -> OfferAnswer {
        guard alert.isWellFormed else {
            self.counters.add(.malformed)
            return .malformed
        }
        // Age counts from here: what waits for a dispatcher that stands still grows old as well.
        return self.hand(over: .alert(alert, offeredAt: self.clock.monotonic()))
    }

    /// Every ledger record up to `n` was offered or is none for delivery: the cursor may move.
    package nonisolated func ledgerRead(through n: UInt64) -> OfferAnswer {
        self.hand(over: .ledger(through: n))
    }

    nonisolated func hand(over inbound: Inbound) -> OfferAnswer {
        let waiting = self.inboxCount.wrappingAdd(1, ordering: .relaxed).newValue
        // Written here too: a dispatcher that stands still must show a backlog. Before it can take
        // the alert, or this figure would stand after its own.
        self.progress.setBacklog(UInt64(clamping: waiting))
        switch self.inbox.yield(inbound) {
        case .enqueued:
            self.counters.add(.offered)
            return .accepted
        case .dropped:
            self.inboxCount.wrappingSubtract(1, ordering: .relaxed)
            self.counters.add(.inboxFull)
            return .inboxFull
        case .terminated:
            self.inboxCount.wrappingSubtract(1, ordering: .relaxed)
            return .stopped
        @unknown default:
            self.inboxCount.wrappingSubtract(1, ordering: .relaxed)
            return .stopped
        }
    }

    private func take(_ inbound: Inbound) {
        let left = self.inboxCount.wrappingSubtract(1, ordering: .relaxed).newValue
        self.progress.attempt()
        self.progress.setBacklog(UInt64(clamping: left))
        switch inbound {
        case .ledger(let n): self.moveCursor(to: n)
        case .rebuilt(let n): self.endRebuilding(through: n)
        case .alert(let alert, let offeredAt): self.take(alert, offeredAt: offeredAt)
        }
    }

    func moveCursor(to n: UInt64) {
        guard n > 0, !self.isCursorHeld else { return }
        if !self.store.offer(.cursor(n)) { self.isCursorHeld = true }
    }

    private func take(_ alert: Alert, offeredAt: MonotonicInstant) {
        guard self.recent.insert(alert.id) else {
            self.counters.add(.duplicate)
            return self.moveCursor(to: alert.ledgerN)
        }
        let now = self.clock.monotonic()
        let wall = self.clock.wall()
        let wanted = self.configuration.endpoints.indices.filter {
            alert.priority >= self.configuration.endpoints[$0].priorityMin
                && (alert.targets?.contains(self.configuration.endpoints[$0].name)
                    ?? self.configuration.endpoints[$0].accepts(alert))
        }
        let targets = wanted.filter { !self.isSettled(alert, at: $0) }
        if targets.isEmpty, !wanted.isEmpty {
            self.counters.add(.duplicate)
            return self.moveCursor(to: alert.ledgerN)
        }
        guard !targets.isEmpty else {
            self.counters.add(.unrouted)
            self.report(.unrouted(alertID: alert.id, alarmID: alert.alarmID))
            return self.moveCursor(to: alert.ledgerN)
        }
        let item = QueuedAlert(
            order: self.takeOrder(of: alert), alert: alert, takenAt: offeredAt)
        if alert.priority == .critical, !alert.isDrill {
            self.note(untold: item.order, takenAt: offeredAt)
        }
        let names = targets.map { self.configuration.endpoints[$0].name }
        let movesCursor = alert.ledgerN > 0 && !self.isCursorHeld
        let isStored = self.store.offer(
            .accept(item, endpoints: names, at: wall, movesCursor: movesCursor))
        if !isStored { self.isCursorHeld = true }
        if !self.knowsStore, self.earlyIDs.count < DeliveryLimits.recentIDCountMax {
            self.earlyIDs.insert(alert.id)
        }
        for target in targets {
            self.admit(item, to: target, isStored: isStored, now: now)
            self.advance(target)
        }
        self.afterwards()
    }

    private func admit(
        _ item: QueuedAlert, to index: Int, isStored: Bool, now: MonotonicInstant
    ) {
        if self.machines[index].condition == .disabled {
            return self.bury([item], at: index, reason: .endpointDisabled)
        }
        if self.machines[index].admits(item.alert) {
            if !self.knowsStore || self.rebuilding != nil {
                self.machines[index].setFloor(item.alert.alarmKey, item.alert.sequence)
            }
            return self.machines[index].enqueue(item, now: now)
        }
        if isStored {
            return self.machines[index].park(alarmKey: item.alert.alarmKey, order: item.order)
        }
        switch self.machines[index].coalesce(item, now: now) {
        case .queued(let superseded):
            guard let superseded else { return }
            if let since = self.untold[superseded.order] {
                self.note(untold: item.order, takenAt: since)
            }
            self.supersede(superseded, at: index)
        case .refused:
            self.figures[index].refusedCount += 1
            if DeadLetterBook.follows(item.alert) { self.lostCount += 1 }
            self.report(
                .refused(
                    alertID: item.alert.id, alarmID: item.alert.alarmID,
                    endpoint: self.figures[index].endpoint))
        }
    }

    // MARK: Timer

    /// Starts what may start, at every endpoint, and arms the timer again.
    func timerFired() {
        self.timerAt = .distantFuture
        self.payOwed()
        self.learnIfUnknown()
        for index in self.machines.indices {
            self.advance(index)
            self.remind(index)
        }
        self.afterwards()
    }

    /// What follows every event: beat, figures, timer.
    func afterwards() {
        let now = self.clock.monotonic()
        if let aside = self.aside, now >= aside.until { self.aside = nil }
        if now.nanosecondsSince(self.lastBeat) >= DeliveryLimits.beatNanoseconds / 2 {
            self.progress.beat()
            // Two threads that offer at once may leave an old figure behind.
            self.progress.setBacklog(
                UInt64(clamping: self.inboxCount.load(ordering: .relaxed)))
            self.lastBeat = now
        }
        self.publish()
        self.endFlushIfDone(now: now)
        self.arm(now: now)
    }

    private func arm(now: MonotonicInstant) {
        guard !self.isStopped else { return }
        var wake = now.advanced(byNanoseconds: DeliveryLimits.beatNanoseconds)
        for case let at? in self.wakes { wake = min(wake, at) }
        // An earlier timer does no harm: it looks, finds nothing, and arms again.
        guard wake < self.timerAt else { return }
        self.timer?.cancel()
        self.timerAt = wake
        let pause = wake.nanosecondsSince(now)
        self.timer = Task { [weak self, clock] in
            await clock.pause(pause)
            if !Task.isCancelled { await self?.timerFired() }
        }
    }
}
