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
        guard let (session, publish, identity) = self.takePublish(now: now) else { return }
        guard publish.qos != .atMostOnce else { return }
        let number = max(number, self.acknowledgements.numberMax)
        self.inFlightCount += 1
        // Beyond the limit it is taken and not remembered: twice rather than lost.
        let isHeld =
            publish.qos == .exactlyOnce
            && (self.flows.count < self.options.flowCountMax
                || self.flows[publish.packetIdentifier] != nil)
        if isHeld {
            self.flows[publish.packetIdentifier] = MQTTFlowTable.Flow(
                identity: identity, number: number, isRecorded: session.isRecorded,
                isOfThisConnection: true)
        }
        self.acknowledgements.append(
            MQTTAckQueue.Entry(
                number: number, packetIdentifier: publish.packetIdentifier,
                type: publish.qos == .exactlyOnce ? .pubrec : .puback, code: .success,
                endsFlight: !isHeld))
        _ = self.releaseAcknowledgements(session)
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
        guard let (session, publish, identity) = self.takePublish(now: now) else { return }
        guard publish.qos != .atMostOnce else { return }
        let endsFlow = publish.qos != .exactlyOnce || session.version == .v5 && code.isError
        self.inFlightCount += 1
        if !endsFlow {
            // Not recorded: nothing is lost if it is refused once more.
            self.flows[publish.packetIdentifier] = MQTTFlowTable.Flow(
                identity: identity, number: self.acknowledgements.numberMax, isRecorded: false,
                isOfThisConnection: true)
        }
        self.acknowledgements.append(
            MQTTAckQueue.Entry(
                number: self.acknowledgements.numberMax,
                packetIdentifier: publish.packetIdentifier,
                type: publish.qos == .exactlyOnce ? .pubrec : .puback,
                code: session.version == .v5 ? code : .success, endsFlight: endsFlow))
        _ = self.releaseAcknowledgements(session)
    }

    /// The release that is out is in the journal as number `number`: PUBCOMP follows when it is
    /// durable.
    ///
    /// Not earlier: after a crash that forgot it the identifier would still be held, and the
    /// client would use it for another message.
    package mutating func releaseAccepted(through number: UInt64, now: MonotonicInstant) {
        guard case .releasing(let session, let identifier) = self.state else {
            if case .closed = self.state { return }
            preconditionFailure("an answer to a PUBREL, and none is out")
        }
        self.framer.consume()
        self.heard(now: now)
        self.state = .connected(session)
        self.complete(identifier, .success, through: number, session)
    }

    /// Ends the flow of `identifier`, if there is one, with a PUBCOMP in its turn.
    mutating func complete(
        _ identifier: UInt16, _ code: MQTTReasonCode, through number: UInt64, _ session: Session
    ) {
        let flow = self.flows[identifier]
        self.flows[identifier] = nil
        self.acknowledgements.append(
            MQTTAckQueue.Entry(
                number: max(number, self.acknowledgements.numberMax),
                packetIdentifier: identifier, type: .pubcomp, code: code,
                endsFlight: flow?.isOfThisConnection ?? false))
        _ = self.releaseAcknowledgements(session)
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
        case .connected(let current), .publishing(let current, _), .releasing(let current, _):
            session = current
        case .awaitingConnect, .awaitingVerdict, .closed: return .nothing
        }
        let wasStalled = self.isStalled(session)
        guard self.releaseAcknowledgements(session) else { return .nothing }
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
    private mutating func takePublish(
        now: MonotonicInstant
    ) -> (Session, MQTTPublish, identity: UInt64)? {
        guard case .publishing(let session, let publish) = self.state else {
            if case .closed = self.state { return nil }
            preconditionFailure("an answer to a PUBLISH, and none is out")
        }
        let identity = publish.qos == .exactlyOnce ? self.identity(of: publish) : 0
        self.framer.consume()
        self.heard(now: now)
        self.state = .connected(session)
        return (session, publish, identity)
    }

    /// Writes the acknowledgements whose turn has come; whether there was one.
    mutating func releaseAcknowledgements(_ session: Session) -> Bool {
        var wrote = false
        while let entry = self.acknowledgements.popFirst(through: self.durableThrough) {
            var reason: String?
            if session.takesReasons, entry.code.isError, let text = entry.code.explanation,
                text.utf8.count + 9 <= session.peerPacketBytesMax  // [MQTT-3.4.2-2]
            {
                reason = text
            }
            MQTTEncoder.acknowledgement(
                entry.type, entry.packetIdentifier, entry.code, reason: reason,
                version: session.version, into: &self.outbound)
            wrote = true
            if entry.endsFlight { self.inFlightCount -= 1 }
        }
        assert(self.inFlightCount >= 0, "more acknowledged than was in flight")
        return wrote
    }
}
