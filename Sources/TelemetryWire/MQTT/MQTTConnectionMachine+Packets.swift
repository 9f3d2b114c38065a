// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

extension MQTTConnectionMachine {
    /// Processes received packets up to one that needs the shell.
    ///
    /// - Parameter now: When the bytes were received.
    /// - Returns: What to do; after `.publish` and `.connect` answer, then call again.
    package mutating func next(now: MonotonicInstant) -> MQTTStep {
        while true {
            switch self.state {
            case .closed, .awaitingVerdict: return .needsBytes
            case .publishing(_, let publish): return .publish(publish)
            case .releasing(_, let identifier): return .release(identifier)
            case .awaitingConnect, .connected: break
            }
            if case .connected(let session) = self.state, self.isStalled(session) {
                return .stalled
            }
            switch self.framer.next() {
            case .needsBytes: return .needsBytes
            case .fault(let fault): return .close(self.end(.fault, fault: fault))
            case .packet(let header):
                self.heard(now: now)
                if let step = self.process(header) { return step }
            }
        }
    }

    /// Nil: go on with the next packet.
    private mutating func process(_ header: MQTTFixedHeader) -> MQTTStep? {
        guard case .connected(let session) = self.state else { return self.processFirst(header) }
        do throws(MQTTFault) {
            switch header.type {
            case .publish: return try self.processPublish(header, session)
            case .disconnect: return .close(try self.processDisconnect(header, session))
            case .pubrel:
                if let step = try self.processPubrel(header, session) { return step }
            case .puback, .pubrec, .pubcomp:
                try self.processStrayAcknowledgement(header, session)
            case .subscribe, .unsubscribe: try self.refuseFilters(header, session)
            case .pingreq: try self.processPing(header)
            case .connect: throw .secondConnect
            case .auth:
                // Nobody authenticates by AUTH here, so it is not expected [MQTT-4.12.0-6].
                if session.version == .v311 { throw .reservedPacketType }
                _ = try self.framer.withBytes { bytes throws(MQTTFault) in
                    try MQTTAuth(header, bytes)
                }
                throw .unexpectedPacket
            case .connack, .suback, .unsuback, .pingresp: throw .unexpectedPacket
            }
            self.framer.consume()
            return nil
        } catch {
            return .close(self.end(.fault, fault: error))
        }
    }

    // MARK: CONNECT

    private mutating func processFirst(_ header: MQTTFixedHeader) -> MQTTStep {
        guard header.type == .connect else {  // [MQTT-3.1.0-1]
            return .close(self.end(.fault, fault: .notConnect))
        }
        do throws(MQTTConnect.Refusal) {
            let connect = try self.framer.withBytes { bytes throws(MQTTConnect.Refusal) in
                try MQTTConnect(header, bytes)
            }
            if let fault = self.fault(in: connect) {
                throw MQTTConnect.Refusal(fault: fault, answerVersion: connect.version)
            }
            self.state = .awaitingVerdict(header, connect.version)
            return .connect(connect)
        } catch {
            if let version = error.answerVersion {
                // What the client takes is not known: the longest reason is a name.
                self.refuse(
                    error.fault.reasonCode, "\(error.fault)", version: version,
                    peerPacketBytesMax: Int.max)
            }
            return .close(self.end(.fault, fault: error.fault))
        }
    }

    /// What is wrong with a well-formed CONNECT.
    private func fault(in connect: MQTTConnect) -> MQTTFault? {
        if connect.clientIdentifier.count > SystemLimits.sourceNameBytesMax {
            return .clientIdentifierRejected
        }
        // [MQTT-3.1.3-8] of 3.1.1; 5.0 takes every empty identifier.
        if connect.clientIdentifier.isEmpty, connect.version == .v311, !connect.cleanStart {
            return .clientIdentifierRejected
        }
        // [MQTT-3.2.2-12]
        if let will = connect.will, will.qos > self.options.maximumQoS { return .qosNotSupported }
        return nil
    }

    // MARK: PUBLISH

    private mutating func processPublish(
        _ header: MQTTFixedHeader, _ session: Session
    ) throws(MQTTFault) -> MQTTStep? {
        let version = session.version
        let publish = try self.framer.withBytes { bytes throws(MQTTFault) in
            try MQTTPublish(header, bytes, version: version)
        }
        if publish.qos > self.options.maximumQoS { throw .qosNotSupported }
        if publish.topicAlias != 0 { try self.resolveAlias(of: publish) }
        if publish.qos != .atMostOnce {
            let flow = self.flows[publish.packetIdentifier]
            // A resend is not held to it: clients that come back send all they have at once, and
            // would be thrown out for ever. What it may cost is bounded otherwise.
            if flow?.isOfThisConnection != true, version == .v5, !publish.isDuplicate,
                self.inFlightCount >= Int(self.options.receiveMaximum)
            {
                throw .receiveMaximumExceeded
            }
            if let flow, try self.isRepeated(publish, flow) {
                self.answerRepeated(publish, flow, session)
                self.framer.consume()
                return nil
            }
        }
        self.state = .publishing(session, publish)
        return .publish(publish)
    }

    /// Whether a PUBLISH repeats the QoS 2 message whose identifier it has [MQTT-4.3.3-10].
    ///
    /// Another message under an identifier that an earlier connection left is the message of a
    /// client that lost its state: it is new, for a reading must not be lost to that. On the same
    /// connection it is an error.
    private func isRepeated(
        _ publish: MQTTPublish, _ flow: MQTTFlowTable.Flow
    ) throws(MQTTFault) -> Bool {
        guard publish.qos == .exactlyOnce else { throw .packetIdentifierConflict }
        if flow.identity == self.identity(of: publish) { return true }
        if flow.isOfThisConnection { throw .packetIdentifierConflict }
        return false
    }

    /// PUBREC again, not delivered again; while the first one waits it will do for both.
    private mutating func answerRepeated(
        _ publish: MQTTPublish, _ flow: MQTTFlowTable.Flow, _ session: Session
    ) {
        if flow.isOfThisConnection {
            if flow.number > self.durableThrough { return }
        } else {
            self.inFlightCount += 1
            self.flows[publish.packetIdentifier]?.isOfThisConnection = true
        }
        self.acknowledgements.append(
            MQTTAckQueue.Entry(
                number: max(flow.number, self.acknowledgements.numberMax),
                packetIdentifier: publish.packetIdentifier, type: .pubrec, code: .success,
                endsFlight: false))
        _ = self.releaseAcknowledgements(session)
    }

    /// Sets or looks up the alias (MQTT 5.0, 3.3.2.3.4).
    private mutating func resolveAlias(of publish: MQTTPublish) throws(MQTTFault) {
        guard publish.topicAlias <= self.options.topicAliasMaximum else {
            throw .topicAliasInvalid  // [MQTT-3.3.2-9]
        }
        let index = Int(publish.topicAlias) - 1
        if publish.topic.isEmpty {
            guard index < self.topicAliases.count, !self.topicAliases[index].isEmpty else {
                throw .topicAliasUnknown
            }
            return
        }
        while self.topicAliases.count <= index { self.topicAliases.append([]) }
        let bytes =
            self.topicAliasBytes - self.topicAliases[index].count + publish.topic.count
        guard bytes <= self.options.topicAliasBytesMax else { throw .topicAliasQuota }
        self.topicAliases[index] = self.framer.withBytes { Self.copy($0, publish.topic) }
        self.topicAliasBytes = bytes
    }

    // MARK: The rest

    private mutating func processDisconnect(
        _ header: MQTTFixedHeader, _ session: Session
    ) throws(MQTTFault) -> MQTTClose {
        let disconnect = try self.framer.withBytes { bytes throws(MQTTFault) in
            try MQTTDisconnect(header, bytes, version: session.version)
        }
        if disconnect.properties.sessionExpiryInterval != 0, !session.askedForExpiry {
            throw .sessionExpiryRaised
        }
        if disconnect.properties.has(.sessionExpiryInterval) {
            // Not longer than CONNACK granted.
            self.sessionExpirySeconds = min(
                self.sessionExpirySeconds, disconnect.properties.sessionExpiryInterval)
        }
        if disconnect.reasonCode == .success {
            self.will = nil  // [MQTT-3.14.4-3]
            return self.end(.disconnected, sendsDisconnect: false)
        }
        return self.end(
            .disconnectedWithWill, code: disconnect.reasonCode, sendsDisconnect: false)
    }

    private mutating func processPing(_ header: MQTTFixedHeader) throws(MQTTFault) {
        guard header.flags == 0 else { throw .wrongFlags }
        guard header.body.isEmpty else { throw .trailingBytes }
        MQTTEncoder.pingresp(into: &self.outbound)  // [MQTT-3.12.4-1]
    }

    private mutating func refuseFilters(
        _ header: MQTTFixedHeader, _ session: Session
    ) throws(MQTTFault) {
        let version = session.version
        let subscribe = try self.framer.withBytes { bytes throws(MQTTFault) in
            try MQTTSubscribe(header, bytes, version: version)
        }
        let before = self.outbound.count
        if header.type == .subscribe {
            let code = version == .v5 ? MQTTReasonCode.notAuthorized.rawValue : 0x80
            MQTTEncoder.suback(
                subscribe.packetIdentifier, code: code, count: subscribe.filterCount,
                version: version, into: &self.outbound)
        } else {
            MQTTEncoder.unsuback(
                subscribe.packetIdentifier, code: MQTTReasonCode.noSubscriptionExisted.rawValue,
                count: subscribe.filterCount, version: version, into: &self.outbound)
        }
        if self.outbound.count - before > session.peerPacketBytesMax {  // [MQTT-3.1.2-24]
            self.outbound.truncate(to: before)
            throw .answerTooLarge
        }
    }

    /// PUBREL: the flow of a QoS 2 message ends (MQTT 5.0, 4.3.3).
    private mutating func processPubrel(
        _ header: MQTTFixedHeader, _ session: Session
    ) throws(MQTTFault) -> MQTTStep? {
        let release = try self.framer.withBytes { bytes throws(MQTTFault) in
            try MQTTAcknowledgement(header, bytes, version: session.version)
        }
        let identifier = release.packetIdentifier
        guard let flow = self.flows[identifier] else {
            // In its turn: the release of an earlier connection may still be on its way to the disk.
            self.complete(identifier, .packetIdentifierNotFound, through: 0, session)
            return nil
        }
        // Released before we said that we have it.
        guard flow.number <= self.durableThrough else { throw .packetIdentifierConflict }
        if flow.isRecorded {
            self.state = .releasing(session, identifier)
            return .release(identifier)
        }
        self.complete(identifier, .success, through: 0, session)
        return nil
    }

    /// We never publish, so no acknowledgement is expected: PUBREC is answered, the rest ignored.
    private mutating func processStrayAcknowledgement(
        _ header: MQTTFixedHeader, _ session: Session
    ) throws(MQTTFault) {
        let stray = try self.framer.withBytes { bytes throws(MQTTFault) in
            try MQTTAcknowledgement(header, bytes, version: session.version)
        }
        if header.type == .pubrec, !stray.reasonCode.isError {
            MQTTEncoder.acknowledgement(
                .pubrel, stray.packetIdentifier, .packetIdentifierNotFound,
                version: session.version, into: &self.outbound)
        }
    }
}
