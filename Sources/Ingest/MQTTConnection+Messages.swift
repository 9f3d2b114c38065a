// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel
internal import NIOCore
internal import TelemetryWire

extension MQTTConnection {
    /// Puts a message into the ring; false if there is no room or the connection ended.
    func take(_ publish: MQTTPublish) -> Bool {
        guard let client = self.client else { preconditionFailure("PUBLISH before CONNECT") }
        let incoming = IncomingPublish(
            packetIdentifier: publish.packetIdentifier, isDuplicate: publish.isDuplicate,
            isHistorical: publish.isRetained
                && self.loop.endpoint.configuration.takesRetainedAsHistorical,
            source: client.source, arrival: self.arrival)
        guard
            let outcome = self.session > 0 && publish.qos == .exactlyOnce
                ? self.receive(publish, incoming) : self.offer(publish, incoming)
        else {
            self.end(self.machine.takenOver())
            return false
        }
        if outcome != .ringFull { self.notePublished() }
        switch outcome {
        case .taken(let last):
            self.noteTaken(publish, through: last)
            self.machine.publishAccepted(through: last, now: self.readAt)
        case .refused(let code): self.machine.publishRefused(code, now: self.readAt)
        case .ringFull:
            self.waitForRoom()
            return false
        }
        return true
    }

    private func offer(
        _ publish: MQTTPublish, _ incoming: IncomingPublish
    ) -> PublishIntake.Outcome {
        var outcome = PublishIntake.Outcome.ringFull
        let loop = self.loop
        self.machine.withPublish(publish) { topic, payload in
            outcome =
                self.mayPublish(topic)
                ? loop.intake.take(incoming, topic: topic, payload: payload)
                : loop.intake.deny(incoming, topic: topic, payload: payload)
        }
        return outcome
    }

    /// Takes a QoS 2 message of a recorded session; nil if the session is another connection's.
    private func receive(
        _ publish: MQTTPublish, _ incoming: IncomingPublish
    ) -> PublishIntake.Outcome? {
        self.loop.endpoint.sessions.receive(
            publish.packetIdentifier, identity: self.machine.identity(of: publish),
            of: self.session, connection: self.identifier, now: incoming.arrival
        ) { receipt, mayBeRepeated in
            var incoming = incoming
            incoming.receipt = receipt
            incoming.isDuplicate = incoming.isDuplicate && mayBeRepeated
            return self.offer(publish, incoming)
        }
    }

    /// Records that a QoS 2 message is released; false if there is no room or the connection ended.
    func release(_ identifier: UInt16) -> Bool {
        switch self.loop.endpoint.sessions.release(
            identifier, of: self.session, connection: self.identifier, now: self.readAt)
        {
        case .at(let number): self.machine.releaseAccepted(through: number, now: self.readAt)
        case .ringFull:
            self.waitForRoom()
            return false
        case .taken:
            self.end(self.machine.takenOver())
            return false
        }
        return true
    }

    private func waitForRoom() {
        self.statistics.counters.add(.ringPauses)
        self.pause(for: .ringFull)
        self.loop.awaitRoom(self)
    }

    // MARK: - Will

    /// What becomes of the will of a connection that ends (MQTT 5.0, 3.1.3.2.2).
    func leaveWill(
        _ close: MQTTClose, _ client: (identifier: String, source: SourceIndex, isOwnSource: Bool)
    ) {
        guard close.willIsDue, close.cause != .serverStopping, let will = self.machine.will else {
            return
        }
        // Judged here, also for a will that waits: later nobody knows its client's rights.
        guard self.mayPublish(will.topic.span) else {
            let denied = IncomingPublish(
                packetIdentifier: 0, isDuplicate: false, isHistorical: false,
                source: client.source, arrival: self.now)
            _ = self.loop.intake.deny(
                denied, topic: will.topic.span, payload: will.payload.span)
            return
        }
        let endpoint = self.loop.endpoint
        var delay = self.session > 0 ? will.delaySeconds : 0
        delay = min(delay, self.machine.sessionExpirySeconds)
        if close.cause == .takenOver, delay > 0 {
            // [MQTT-3.1.3-9]: who took the session over went on with it, or ended it.
            if endpoint.sessions.contains(self.session) { return }
            delay = 0
        }
        let message = DelayedWill(
            client: client.identifier, will: will, source: client.source,
            // After a takeover the source is connected, whatever its old connection left.
            isOwnSource: client.isOwnSource && close.cause != .takenOver,
            dueAt: self.now.advanced(byNanoseconds: UInt64(delay) * 1_000_000_000))
        guard delay > 0, endpoint.wills.keep(message) else { return self.loop.publish(message) }
    }

    /// A client is back: its delayed will is void with its session, and due without it.
    func settleWill(of client: String, isPresent: Bool) {
        guard let will = self.loop.endpoint.wills.take(client), !isPresent else { return }
        self.loop.publish(will)
    }
}

extension MQTTLoop {
    /// Takes a will as a message of its client, made now, and as evidence about its source.
    ///
    /// Without room in the ring it waits for the next tick.
    func publish(_ message: DelayedWill) {
        let now = self.endpoint.services.clock.now()
        let incoming = IncomingPublish(
            packetIdentifier: 0, isDuplicate: false, isHistorical: false, source: message.source,
            arrival: now)
        let outcome = self.intake.take(
            incoming, topic: message.will.topic.span, payload: message.will.payload.span)
        if outcome == .ringFull {
            var later = message
            later.dueAt = now
            if !self.endpoint.wills.keep(later) {
                self.endpoint.statistics.counters.add(.willsLost)
            }
            return
        }
        self.endpoint.statistics.counters.add(.willsPublished)
        if message.isOwnSource { self.record(.willPublished, of: message.source) }
    }
}
