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
            case .pubrel: try self.processPubrel(header, session)
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
                MQTTEncoder.connack(error.fault.reasonCode, version: version, into: &self.outbound)
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
            if self.heldIdentifiers.contains(publish.packetIdentifier) {
                try self.answerHeld(publish, session)
                self.framer.consume()
                return nil
            }
            if version == .v5, self.inFlightCount >= Int(self.options.receiveMaximum) {
                throw .receiveMaximumExceeded
            }
        }
        self.state = .publishing(session, publish)
        return .publish(publish)
    }

    /// A PUBLISH whose identifier a QoS 2 flow holds: a resend of that message, or an error.
    private mutating func answerHeld(
        _ publish: MQTTPublish, _ session: Session
    ) throws(MQTTFault) {
        guard publish.qos == .exactlyOnce, publish.isDuplicate else {
            throw .packetIdentifierConflict
        }
        // [MQTT-4.3.3-10]: PUBREC again, not delivered again. One not yet durable waits its turn.
        if self.receivedIdentifiers.contains(publish.packetIdentifier) {
            MQTTEncoder.acknowledgement(
                .pubrec, publish.packetIdentifier, version: session.version, into: &self.outbound)
        }
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
    ) throws(MQTTFault) {
        let release = try self.framer.withBytes { bytes throws(MQTTFault) in
            try MQTTAcknowledgement(header, bytes, version: session.version)
        }
        let identifier = release.packetIdentifier
        var code = MQTTReasonCode.success
        if self.receivedIdentifiers.contains(identifier) {
            self.receivedIdentifiers.remove(identifier)
            self.heldIdentifiers.remove(identifier)
            self.inFlightCount -= 1
        } else if self.heldIdentifiers.contains(identifier) {
            // Released before we said that we have it.
            throw .packetIdentifierConflict
        } else {
            code = .packetIdentifierNotFound
        }
        MQTTEncoder.acknowledgement(
            .pubcomp, identifier, code, version: session.version, into: &self.outbound)
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
