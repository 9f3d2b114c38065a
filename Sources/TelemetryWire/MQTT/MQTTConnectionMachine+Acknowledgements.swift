// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

extension MQTTConnectionMachine {
    /// What follows from newly durable journal numbers.
    package enum DurableAction: Equatable, Sendable {
        case nothing
        /// Acknowledgements are outbound.
        case write
        /// The same, and a `stalled` connection has room again: call `next`, read on.
        case writeAndContinue
    }

    /// The readings of the PUBLISH that is out are in the ring.
    ///
    /// - Parameters:
    ///   - number: The last journal number of the message; its acknowledgement waits for it. 0 if
    ///     the message put nothing into the journal.
    ///   - now: The client's silence counts from here on: until now we held its packet.
    package mutating func publishAccepted(through number: UInt64, now: MonotonicInstant) {
        guard let (session, publish) = self.takePublish(now: now) else { return }
        guard publish.qos != .atMostOnce else { return }
        let number = max(number, self.acknowledgements.numberMax)
        self.inFlightCount += 1
        if publish.qos == .exactlyOnce {
            self.heldIdentifiers.insert(publish.packetIdentifier)
        }
        self.acknowledgements.append(
            MQTTAckQueue.Entry(
                number: number, packetIdentifier: publish.packetIdentifier,
                type: publish.qos == .exactlyOnce ? .pubrec : .puback, code: .success))
        _ = self.releaseAcknowledgements(session.version)
    }

    /// The PUBLISH that is out is not taken.
    ///
    /// The code travels in its acknowledgement, in order of arrival. 3.1.1 has no way to say no:
    /// there the message is acknowledged like any other, and the caller counts it.
    ///
    /// - Parameters:
    ///   - code: 0x10, 0x80, 0x83, 0x87, 0x90, 0x97 or 0x99 (MQTT 5.0, 3.4.2.1).
    ///   - now: As in `publishAccepted`.
    package mutating func publishRefused(_ code: MQTTReasonCode, now: MonotonicInstant) {
        precondition(Self.refusals.contains(code), "not a reason code of PUBACK")
        guard let (session, publish) = self.takePublish(now: now) else { return }
        guard publish.qos != .atMostOnce else { return }
        let endsFlow = session.version == .v5 && code.isError
        self.inFlightCount += 1
        if publish.qos == .exactlyOnce, !endsFlow {
            self.heldIdentifiers.insert(publish.packetIdentifier)
        }
        self.acknowledgements.append(
            MQTTAckQueue.Entry(
                number: self.acknowledgements.numberMax,
                packetIdentifier: publish.packetIdentifier,
                type: publish.qos == .exactlyOnce ? .pubrec : .puback,
                code: session.version == .v5 ? code : .success))
        _ = self.releaseAcknowledgements(session.version)
    }

    /// Every journal number up to `number` is on stable storage.
    ///
    /// - Parameters:
    ///   - number: The durable watermark; going back is ignored.
    ///   - now: If the connection was stalled, its client's silence counts from here on.
    /// - Returns: Whether there is something to write, and room to go on.
    package mutating func durable(
        through number: UInt64, now: MonotonicInstant
    ) -> DurableAction {
        self.durableThrough = max(self.durableThrough, number)
        let session: Session
        switch self.state {
        case .connected(let current), .publishing(let current, _): session = current
        case .awaitingConnect, .awaitingVerdict, .closed: return .nothing
        }
        let wasStalled = self.isStalled(session)
        guard self.releaseAcknowledgements(session.version) else { return .nothing }
        guard wasStalled, !self.isStalled(session) else { return .write }
        self.heard(now: now)
        return .writeAndContinue
    }

    /// Messages whose acknowledgement waits for the journal.
    package var waitingAcknowledgementCount: Int { self.acknowledgements.count }

    private static let refusals: Set<MQTTReasonCode> = [
        .noMatchingSubscribers, .unspecifiedError, .implementationSpecific, .notAuthorized,
        .topicNameInvalid, .quotaExceeded, .payloadFormatInvalid,
    ]

    /// Nil after the end: the answer comes too late.
    private mutating func takePublish(now: MonotonicInstant) -> (Session, MQTTPublish)? {
        guard case .publishing(let session, let publish) = self.state else {
            if case .closed = self.state { return nil }
            preconditionFailure("an answer to a PUBLISH, and none is out")
        }
        self.framer.consume()
        self.heard(now: now)
        self.state = .connected(session)
        return (session, publish)
    }

    /// Writes the acknowledgements whose turn has come; whether there was one.
    private mutating func releaseAcknowledgements(_ version: MQTTVersion) -> Bool {
        var wrote = false
        while let entry = self.acknowledgements.popFirst(through: self.durableThrough) {
            MQTTEncoder.acknowledgement(
                entry.type, entry.packetIdentifier, entry.code, version: version,
                into: &self.outbound)
            wrote = true
            if entry.type == .pubrec, !entry.code.isError {
                self.receivedIdentifiers.insert(entry.packetIdentifier)
            } else {
                self.inFlightCount -= 1
            }
        }
        assert(self.inFlightCount >= 0, "more acknowledged than was in flight")
        return wrote
    }
}
