// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// The loop of one MQTT fleet: connects, publishes, reads acknowledgements.
///
/// One thread owns it.
@safe
final class MQTTFleetLoop {
    /// The epoll instance, made before the thread so that failing to make it is thrown.
    struct Resources: Sendable {
        let epoll: Int32

        init() throws(FleetError) {
            self.epoll = clinux_fleet_epoll()
            guard self.epoll >= 0 else { throw .system(call: "epoll_create1", code: -self.epoll) }
        }

        func close() { Glibc.close(self.epoll) }
    }

    /// Messages that one connection is given before the next one's turn.
    private static let turnMax = 64
    private static let eventsMax = 256
    private static let scratchBytes = 64 * 1_024
    /// How often a paced fleet publishes, and closed connections are looked at.
    private static let tickNanoseconds: UInt64 = 500_000

    private let settings: MQTTFleetSender.Settings
    private let epoll: Int32
    private let isStopping: () -> Bool
    private let connections: [MQTTFleetConnection]
    private let isFlatOut: Bool
    private var plant: VirtualPlant?
    private var plantPayload = MQTTFleetSender.PlantPayload.number
    private var report = MQTTFleetReport()
    private var started: UInt64 = 0
    private var nextTurn = 0
    private var events = [clinux_fleet_event](
        repeating: clinux_fleet_event(), count: MQTTFleetLoop.eventsMax)
    private let scratch = UnsafeMutableRawBufferPointer.allocate(
        byteCount: MQTTFleetLoop.scratchBytes, alignment: 16)

    init(
        _ settings: MQTTFleetSender.Settings, _ resources: Resources,
        isStopping: @escaping () -> Bool
    ) {
        self.settings = settings
        self.epoll = resources.epoll
        self.isStopping = isStopping
        var sensors = 1
        switch settings.load {
        case .pattern(let count): sensors = count
        case .plant(let plant, let payload):
            self.plant = plant
            self.plantPayload = payload
        }
        self.isFlatOut = settings.rate <= 0 && self.plant == nil
        self.connections = (0..<settings.connections).map { client in
            let topics = (0..<sensors).map { LoadPattern.path(client: client, sensor: $0) }
            return MQTTFleetConnection(
                index: client,
                session: MQTTClientSession(settings, client: client, topics: topics))
        }
        if settings.recordsAcknowledged {
            self.report.record = AcknowledgedRecord(clients: settings.connections)
        }
    }

    deinit {
        unsafe self.scratch.deallocate()
        close(self.epoll)
    }

    /// Runs until the bound, the end of the time or the stop, and the drain after it.
    func run(_ live: MQTTFleetLive) -> MQTTFleetReport {
        self.started = clinux_boottime_ns()
        let pacer = Pacer(rate: self.settings.rate, start: self.started)
        var lastTick: UInt64 = 0
        var drainEnd: UInt64?
        while true {
            let now = clinux_boottime_ns()
            if drainEnd == nil, self.isStopping() || self.isOver(now) {
                drainEnd = now &+ self.settings.drainNanoseconds
                if !self.settings.isAcknowledged { self.askWhetherTaken(now) }
            }
            if let drainEnd, now >= drainEnd || self.isDrained { break }
            let isPublishing = drainEnd == nil
            if now &- lastTick >= Self.tickNanoseconds {
                lastTick = now
                self.openClosed(now)
                if isPublishing { self.publishDue(pacer, now) }
                self.pingIdle(now)
                live.publish(self.report)
            }
            self.handleEvents(isPublishing: isPublishing)
        }
        live.publish(self.report)
        self.finish()
        return self.report
    }

    // MARK: - Publishing

    private func isOver(_ now: UInt64) -> Bool {
        let limit = self.settings.messagesMax
        if limit > 0, self.report.sent >= limit { return true }
        let duration = self.settings.durationNanoseconds
        return duration > 0 && now &- self.started >= duration
    }

    private var isDrained: Bool {
        self.connections.allSatisfy {
            $0.session.inFlightCount == 0 && !$0.hasOutput && $0.unansweredPings == 0
        }
    }

    /// QoS 0 has no acknowledgements: the answer to a PINGREQ after the last message says that the
    /// server has taken them all.
    private func askWhetherTaken(_ now: UInt64) {
        for connection in self.connections where connection.session.state == .publishing {
            connection.ping()
            self.write(connection, now)
        }
    }

    private func publishDue(_ pacer: Pacer, _ now: UInt64) {
        if self.plant != nil {
            self.queuePlant(now)
            for connection in self.connections { self.feed(connection, UInt64.max, now) }
            return
        }
        guard !self.isFlatOut else { return }
        let due = pacer.due(at: now)
        // In turns of a few messages: one connection must not take what all should share.
        var idle = 0
        while self.report.sent < due, idle < self.connections.count {
            let connection = self.connections[self.nextTurn]
            self.nextTurn = (self.nextTurn + 1) % self.connections.count
            let share = max(1, (due - self.report.sent) / UInt64(self.connections.count))
            idle = self.feed(connection, share, now) > 0 ? 0 : idle + 1
        }
    }

    /// Publishes up to `most` messages on `connection`, as its window allows, and writes them.
    @discardableResult
    private func feed(_ connection: MQTTFleetConnection, _ most: UInt64, _ now: UInt64) -> Int {
        guard connection.hasRoom else { return 0 }
        let limit = self.settings.messagesMax
        let rest = limit == 0 ? UInt64.max : limit - min(limit, self.report.sent)
        let free = min(connection.session.freeWindow, Self.turnMax)
        let count = Int(min(UInt64(free), most, rest))
        guard count > 0 else { return 0 }
        var published = 0
        if self.plant == nil {
            for _ in 0..<count {
                connection.session.publishNext(now: now, into: &connection.output)
            }
            published = count
        } else {
            while published < count, let message = connection.dequeue() {
                connection.session.publish(
                    topic: message.topic, payload: message.payload, now: now,
                    into: &connection.output)
                published += 1
            }
        }
        guard published > 0 else { return 0 }
        self.report.sent += UInt64(published)
        self.write(connection, now)
        return published
    }

    private func queuePlant(_ now: UInt64) {
        guard let readings = self.plant?.due(until: now &- self.started) else { return }
        for reading in readings {
            guard let path = self.plant?.sensors[reading.sensor].path else { continue }
            let text =
                switch self.plantPayload {
                case .number: ReadingText.value(reading)
                case .json: ReadingText.json(reading)
                }
            let connection = self.connections[reading.sensor % self.connections.count]
            if !connection.enqueue(topic: path, payload: Array(text.utf8)) {
                self.report.dropped += 1
            }
        }
    }

    // MARK: - Connections

    private func openClosed(_ now: UInt64) {
        for connection in self.connections {
            guard case .closed(let retryAt) = connection.phase, now >= retryAt else { continue }
            do throws(FleetError) {
                try connection.open(self.settings.destination)
                self.watch(connection, isNew: true, writable: true)
            } catch {
                self.report.connectFailures += 1
                connection.close(retryAt: now &+ self.settings.reconnectNanoseconds)
            }
        }
    }

    private func lose(_ connection: MQTTFleetConnection, _ now: UInt64) {
        if connection.phase == .opening || connection.session.state == .connecting {
            self.report.connectFailures += 1
        } else {
            self.report.connectionsLost += 1
        }
        connection.close(retryAt: now &+ self.settings.reconnectNanoseconds)
    }

    private func pingIdle(_ now: UInt64) {
        for connection in self.connections
        where connection.session.state == .publishing && connection.session.keepAliveSeconds > 0 {
            let interval = UInt64(connection.session.keepAliveSeconds) * 500_000_000
            guard now &- connection.lastSentAt > interval, !connection.hasOutput else { continue }
            connection.ping()
            self.write(connection, now)
        }
    }

    private func finish() {
        for connection in self.connections {
            self.report.unacknowledged += UInt64(connection.session.inFlightCount)
            if connection.unansweredPings > 0 { self.report.connectionsUnconfirmed += 1 }
            if connection.session.state == .publishing, !connection.hasOutput {
                connection.output += MQTTClientPackets.disconnect
                _ = connection.flush(now: 0)
            }
            connection.close(retryAt: UInt64.max)
        }
        self.report.elapsedNanoseconds = clinux_boottime_ns() &- self.started
    }

    // MARK: - Events

    private func handleEvents(isPublishing: Bool) {
        let count = unsafe clinux_fleet_wait(
            self.epoll, Self.tickNanoseconds, &self.events, Int32(Self.eventsMax))
        guard count > 0 else { return }
        let now = clinux_boottime_ns()
        for index in 0..<Int(count) {
            let connection = self.connections[Int(self.events[index].tag)]
            guard connection.socket >= 0 else { continue }
            if connection.phase == .opening {
                guard connection.finishOpening() else {
                    self.lose(connection, now)
                    continue
                }
            }
            if self.events[index].readable != 0 {
                guard unsafe connection.read(self.scratch), self.take(connection, now) else {
                    self.lose(connection, now)
                    continue
                }
            }
            if connection.hasOutput { self.write(connection, now) }
            if isPublishing, self.isFlatOut || self.plant != nil {
                while self.feed(connection, UInt64.max, now) == Self.turnMax {}
            }
        }
    }

    /// Handles every packet that has arrived; false if the connection must go.
    private func take(_ connection: MQTTFleetConnection, _ now: UInt64) -> Bool {
        while let packet = connection.packets.next() {
            switch packet {
            case .publishAcknowledged(let identifier, let reason):
                self.complete(connection, identifier, reason, now)
            case .publishReceived(let identifier, let reason):
                if reason >= 0x80 {
                    self.complete(connection, identifier, reason, now)
                } else if !connection.session.received(
                    identifier: identifier, into: &connection.output)
                {
                    self.report.strayAcknowledgements += 1
                }
            case .publishCompleted(let identifier):
                self.complete(connection, identifier, 0, now)
            case .connectAccepted(let receiveMaximum, let keepAlive):
                self.report.connects += 1
                let resent = connection.session.accepted(
                    receiveMaximum: receiveMaximum, keepAliveSeconds: keepAlive, now: now,
                    into: &connection.output)
                self.report.resent += UInt64(resent)
            case .pingAnswered:
                connection.unansweredPings = max(0, connection.unansweredPings - 1)
            case .connectRefused, .disconnected, .malformed: return false
            case .other: continue
            }
        }
        return true
    }

    /// The last word on a message.
    private func complete(
        _ connection: MQTTFleetConnection, _ identifier: UInt16, _ reason: UInt8, _ now: UInt64
    ) {
        guard
            let done = connection.session.acknowledged(
                identifier: identifier, reason: reason, now: now)
        else {
            self.report.strayAcknowledgements += 1
            return
        }
        guard done.reason < 0x80 else {
            self.report.refused += 1
            return
        }
        self.report.acknowledged += 1
        self.report.latency.record(done.latencyNanoseconds)
        if self.settings.recordsAcknowledged {
            self.report.record.add(client: connection.index, sequence: done.sequence)
        }
    }

    private func write(_ connection: MQTTFleetConnection, _ now: UInt64) {
        switch connection.flush(now: now) {
        case .lost: self.lose(connection, now)
        case .blocked: self.watch(connection, isNew: false, writable: true)
        case .done:
            // QoS 0 has no acknowledgements to wake it: room to write does.
            let isDriven = self.isFlatOut && !self.settings.isAcknowledged
            self.watch(connection, isNew: false, writable: isDriven)
        }
    }

    private func watch(_ connection: MQTTFleetConnection, isNew: Bool, writable: Bool) {
        guard isNew || connection.watchesWritable != writable else { return }
        connection.watchesWritable = writable
        clinux_fleet_watch(
            self.epoll, connection.socket, UInt64(connection.index), isNew ? 1 : 0,
            writable ? 1 : 0)
    }
}
