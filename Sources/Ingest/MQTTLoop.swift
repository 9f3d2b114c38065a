// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel
internal import NIOCore
internal import ReadingRing
internal import Synchronization
internal import TelemetryWire

/// What one event loop of an endpoint owns: its connections, and all that waits.
///
/// Three things wait here: acknowledgements for the journal, connections for room in the ring, and
/// evidence records for the same. The committer wakes the loop once per commit, and only while
/// acknowledgements wait.
///
/// `@unchecked Sendable`: every member but the constants and the atomic is touched on `eventLoop`
/// alone.
final class MQTTLoop: @unchecked Sendable {
    /// Between two looks at every connection's timers; also the beat of the stage.
    static let tickMilliseconds: Int64 = 250
    /// Between two tries to find room in the ring.
    static let retryMilliseconds: Int64 = 10
    /// For how long held connections are worked off before the loop sees to everybody else.
    static let turnNanoseconds: UInt64 = 5_000_000
    /// Evidence records that wait for room at most.
    static let evidenceCountMax = 4_096

    let eventLoop: any EventLoop
    let endpoint: MQTTEndpoint
    var intake: PublishIntake

    private let progress: StageProgress
    private var waiter: DurableWatermark.Waiter?
    private var connections: [UInt64: MQTTConnection] = [:]
    /// Connections with acknowledgements that wait for the journal.
    private var awaiting: [MQTTConnection] = []
    private var isWaiting = false
    /// Connections that wait for room in the ring.
    private var stopped: [MQTTConnection] = []
    private var evidence: [Slot] = []
    private var isRetryScheduled = false
    private var ticker: RepeatedTask?
    private var isStopping = false
    /// Set when the loop is about to end: nothing may be handed over to it any more.
    private let isStopped = Atomic<Bool>(false)

    init(
        eventLoop: any EventLoop, endpoint: MQTTEndpoint, router: TopicRouter,
        progress: StageProgress
    ) {
        self.eventLoop = eventLoop
        self.endpoint = endpoint
        self.progress = progress
        self.intake = PublishIntake(
            router: router, services: endpoint.services, statistics: endpoint.statistics,
            topicCountMax: endpoint.configuration.topicCountMax,
            newSensors: (
                countMax: endpoint.gate.limits.newSensorCountMax, exempt: endpoint.source
            ), isDualHomed: endpoint.configuration.isDualHomed, retained: endpoint.retained,
            logger: endpoint.logger)
    }

    // MARK: - Life

    /// Begins to tick.
    func start() {
        self.waiter = self.endpoint.watermark.addWaiter { [weak self] in
            // On the committer's thread: nothing but the hand-over.
            guard let self, !self.isStopped.load(ordering: .acquiring) else { return }
            self.eventLoop.execute { self.releaseAcknowledgements() }
        }
        self.ticker = self.eventLoop.scheduleRepeatedTask(
            initialDelay: .zero, delay: .milliseconds(Self.tickMilliseconds)
        ) { [weak self] _ in self?.tick() }
    }

    /// Ends the ticking.
    func stop() {
        self.isStopped.store(true, ordering: .releasing)
        self.waiter?.end()
        self.ticker?.cancel()
        self.ticker = nil
    }

    /// Takes a connection that was accepted, or throws and it is closed.
    func accept(_ channel: any Channel) throws {
        guard !self.isStopping else { throw ChannelError.ioOnClosedChannel }
        let counters = self.endpoint.statistics.counters
        let address = channel.remoteAddress?.ipAddress ?? ""
        let identifier: UInt64
        do throws(ConnectionRegistry.Refusal) {
            identifier = try self.endpoint.connections.open(address: address)
        } catch {
            switch error {
            case .beyondLimit: counters.add(.connectionsBeyondLimit)
            case .beyondAddressLimit: counters.add(.connectionsBeyondAddressLimit)
            }
            self.endpoint.services.onAccess(
                AccessEvent(
                    .turnedAway, listener: self.endpoint.configuration.name, address: address,
                    detail: String(describing: error)))
            throw error
        }
        let connection = MQTTConnection(identifier: identifier, address: address, loop: self)
        do {
            try channel.pipeline.syncOperations.addHandler(connection)
        } catch {
            self.endpoint.connections.close(address: address)
            throw error
        }
        counters.add(.connectionsOpened)
        self.connections[identifier] = connection
    }

    /// Forgets a connection that has ended.
    func remove(_ connection: MQTTConnection) {
        guard self.connections.removeValue(forKey: connection.identifier) != nil else { return }
        self.endpoint.connections.close(address: connection.address)
        self.endpoint.statistics.counters.add(.connectionsClosed)
    }

    /// Another connection came with the same client identifier.
    func evict(_ identifier: UInt64) { self.connections[identifier]?.evict() }

    /// The gate has judged a CONNECT.
    func judged(_ verdict: MQTTVerdict, _ identifier: UInt64, revision: UInt64) {
        self.connections[identifier]?.verdictArrived(verdict, revision: revision)
    }

    /// A client that sent too fast may go on.
    func rateMayBe(_ identifier: UInt64) { self.connections[identifier]?.unpause(.rate) }

    // MARK: - Acknowledgements

    /// `connection` has acknowledgements that wait for the journal.
    func awaitDurable(_ connection: MQTTConnection) {
        self.awaiting.append(connection)
        if !self.isWaiting { self.releaseAcknowledgements() }
    }

    private func releaseAcknowledgements() {
        self.isWaiting = false
        var through = self.endpoint.watermark.through
        while true {
            var still: [MQTTConnection] = []
            for connection in self.awaiting where connection.durable(below: through) {
                still.append(connection)
            }
            self.awaiting = still
            guard !still.isEmpty, let waiter = self.waiter else { return }
            self.isWaiting = true
            let latest = waiter.request()
            if latest == through { return }
            through = latest
        }
    }

    // MARK: - Waiting for room

    /// `connection` holds a packet for which the ring has no room.
    func awaitRoom(_ connection: MQTTConnection) {
        self.stopped.append(connection)
        self.progress.setBacklog(UInt64(self.stopped.count))
        self.scheduleRetry()
    }

    /// Puts evidence about a source into the ring, now or as soon as there is room.
    func record(_ kind: SourceEvidence, of source: SourceIndex) {
        var slot = Slot(
            kind: .sourceEvidence, arrival: self.endpoint.services.clock.now(), source: source)
        slot.valueKindRaw = ValueKind.int64.rawValue
        slot.valueBits = UInt64(kind.rawValue)
        if self.evidence.isEmpty,
            self.endpoint.services.ring.offer(slot, criticality: .own) != .ringFull
        {
            return
        }
        guard self.evidence.count < Self.evidenceCountMax else {
            self.endpoint.statistics.counters.add(.evidenceLost)
            return
        }
        self.evidence.append(slot)
        self.scheduleRetry()
    }

    private func scheduleRetry() {
        guard !self.isRetryScheduled else { return }
        self.isRetryScheduled = true
        self.eventLoop.scheduleTask(in: .milliseconds(Self.retryMilliseconds)) { self.retry() }
    }

    private func retry() {
        self.isRetryScheduled = false
        self.progress.attempt()
        while let slot = self.evidence.first {
            if self.endpoint.services.ring.offer(slot, criticality: .own) == .ringFull { break }
            self.evidence.removeFirst()
        }
        let stopped = self.stopped
        self.stopped = []
        // In the order in which they stopped, so that none starves.
        let end = self.endpoint.services.clock.now().advanced(byNanoseconds: Self.turnNanoseconds)
        var done = 0
        while done < stopped.count {
            stopped[done].roomMayBe()
            done += 1
            if self.endpoint.services.clock.now() >= end { break }
        }
        let isCutShort = done < stopped.count
        if isCutShort { self.stopped.insert(contentsOf: stopped[done...], at: 0) }
        self.progress.setBacklog(UInt64(self.stopped.count))
        if isCutShort {
            // There may be room for the next one; others' sockets first.
            self.isRetryScheduled = true
            self.eventLoop.execute { self.retry() }
        } else if !self.stopped.isEmpty || !self.evidence.isEmpty {
            self.scheduleRetry()
        }
    }

    // MARK: - Time

    private func tick() {
        self.progress.beat()
        let now = self.endpoint.services.clock.now()
        for connection in self.connections.values { connection.woke(now: now) }
        for will in self.endpoint.wills.takeDue(now: now) { self.publish(will) }
    }

    /// Something was read: the stage tries.
    func noteAttempt() { self.progress.attempt() }

    // MARK: - The end

    /// Lets due acknowledgements leave, then says goodbye to everybody.
    func drain(_ promise: EventLoopPromise<Void>) {
        self.isStopping = true
        for connection in self.connections.values { connection.readNoMore() }
        let end = self.endpoint.services.clock.now()
            .advanced(byNanoseconds: MQTTEndpoint.stopGraceNanoseconds)
        self.finishDraining(promise, end: end)
    }

    private func finishDraining(_ promise: EventLoopPromise<Void>, end: MonotonicInstant) {
        let now = self.endpoint.services.clock.now()
        if !self.awaiting.isEmpty, now < end {
            self.eventLoop.scheduleTask(in: .milliseconds(Self.retryMilliseconds)) {
                self.finishDraining(promise, end: end)
            }
            return
        }
        for connection in self.connections.values { connection.sayGoodbye() }
        // Whoever sent them ended before us and did not come back.
        for will in self.endpoint.wills.takeDue(now: .distantFuture) { self.publish(will) }
        self.awaiting = []
        self.stopped = []
        self.stop()
        promise.succeed()
    }
}
