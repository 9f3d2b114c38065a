// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel
internal import NIOCore
internal import TelemetryWire

extension MQTTConnection {
    /// Decides about a CONNECT; false if its source must wait for room in the ring.
    func admit(_ connect: MQTTConnect) -> Bool {
        let (name, userName, password) = self.machine.withBytes { bytes in
            (
                Self.text(bytes, connect.clientIdentifier) ?? "",
                connect.userName.flatMap { Self.text(bytes, $0) },
                connect.password.map { Self.array(bytes, $0) }
            )
        }
        let endpoint = self.loop.endpoint
        guard endpoint.authenticate(name, userName, password) else {
            self.pendingConnect = nil
            self.statistics.counters.add(.authenticationFailures)
            if let close = self.machine.connectRefused(.badUserNameOrPassword) { self.end(close) }
            return false
        }
        // A client without a name cannot be told from another one: it is no source.
        var source = (index: endpoint.source, isOwn: false)
        if !name.isEmpty {
            switch endpoint.clients.resolve(name) {
            case .own(let index): source = (index, true)
            case .shared: self.statistics.counters.add(.clientsBeyondLimit)
            case .ringFull:
                self.pendingConnect = connect
                self.pause(for: .ringFull)
                self.loop.awaitRoom(self)
                return false
            }
        }
        self.pendingConnect = nil
        let identifier = name.isEmpty ? "midwatch-\(self.identifier)" : name
        self.claim(identifier)
        self.client = (identifier, source.index, source.isOwn)
        var grant = MQTTSessionGrant()
        if name.isEmpty { grant.assignedIdentifier = identifier }
        if let close = self.machine.connectAccepted(grant, now: self.now) {
            self.end(close)
            return false
        }
        if source.isOwn { self.loop.record(.connected, of: source.index) }
        return true
    }

    private func claim(_ clientIdentifier: String) {
        let loop = self.loop
        let identifier = self.identifier
        loop.endpoint.connections.claim(clientIdentifier, by: identifier) {
            loop.eventLoop.execute { loop.evict(identifier) }
        }
    }

    /// Counts an ending by its cause.
    func count(_ close: MQTTClose) {
        switch close.cause {
        case .connectTimeout: self.statistics.counters.add(.connectTimeouts)
        case .keepAliveTimeout: self.statistics.counters.add(.keepAliveTimeouts)
        case .disconnected, .disconnectedWithWill, .transportClosed, .fault, .connectRefused,
            .takenOver, .serverStopping:
            break
        }
        if let fault = close.fault { self.statistics.faults.add(fault) }
    }

    /// Gives the client identifier up and says what the ending tells about the source.
    func leave(_ close: MQTTClose) {
        guard let client = self.client else { return }
        self.publishWill(close, client.source)
        // Who took the place over is the one who speaks for the source now.
        let isHolder = self.loop.endpoint.connections.release(
            client.identifier, by: self.identifier)
        guard client.isOwnSource, isHolder else { return }
        switch close.cause {
        case .disconnected: self.loop.record(.disconnected, of: client.source)
        case .disconnectedWithWill, .transportClosed, .fault:
            self.loop.record(.closedAbnormally, of: client.source)
        case .keepAliveTimeout: self.loop.record(.keepAliveTimeout, of: client.source)
        // Neither our stop nor a newer connection says anything about the source.
        case .serverStopping, .takenOver, .connectTimeout, .connectRefused: break
        }
    }

    /// Takes the will message as a message of its client, made now.
    private func publishWill(_ close: MQTTClose, _ source: SourceIndex) {
        guard close.willIsDue, close.cause != .serverStopping, let will = self.machine.will else {
            return
        }
        let incoming = IncomingPublish(
            packetIdentifier: 0, isDuplicate: false, isHistorical: false, source: source,
            arrival: self.now)
        let outcome = self.loop.intake.take(
            incoming, topic: will.topic.span, payload: will.payload.span)
        if outcome == .ringFull { self.statistics.counters.add(.willsLost) }
    }

    private static func text(_ bytes: borrowing Span<UInt8>, _ range: ByteRange) -> String? {
        String(validating: Self.array(bytes, range), as: UTF8.self)
    }

    private static func array(_ bytes: borrowing Span<UInt8>, _ range: ByteRange) -> [UInt8] {
        var array: [UInt8] = []
        array.reserveCapacity(range.count)
        for index in range.range { array.append(bytes[index]) }
        return array
    }
}
