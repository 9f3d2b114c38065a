// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel
internal import NIOCore
internal import TelemetryWire

extension MQTTConnection {
    /// Decides whether a client may come in; false: it has been told no, or must wait for a verdict.
    func authenticate(_ connect: MQTTConnect) -> Bool {
        let (name, userName, password) = self.machine.withBytes { bytes in
            (
                Self.text(bytes, connect.clientIdentifier) ?? "",
                connect.userName.flatMap { Self.text(bytes, $0) },
                connect.password.map { Self.array(bytes, $0) }
            )
        }
        switch self.judged(name, userName, password) {
        case .accepted: return true
        case .refused(let code):
            self.pendingConnect = nil
            self.statistics.counters.add(.authenticationFailures)
            self.report(.loginFailed, user: userName)
            if let close = self.machine.connectRefused(code) { self.end(close) }
        case nil:
            self.pendingConnect = connect
            self.pause(for: .verdict)
        }
        return false
    }

    /// Gives a client that may come in its source and its session; false if it must wait.
    func admit(_ connect: MQTTConnect) -> Bool {
        guard self.connectAwaits == nil else { return false }
        let name = self.machine.withBytes { Self.text($0, connect.clientIdentifier) ?? "" }
        let endpoint = self.loop.endpoint
        // A client without a name cannot be told from another one: it is no source.
        var source = (index: endpoint.source, isOwn: false)
        if !name.isEmpty {
            switch endpoint.clients.resolve(name) {
            case .own(let index): source = (index, true)
            case .shared: self.statistics.counters.add(.clientsBeyondLimit)
            case .ringFull: return self.awaitRoom(for: connect)
            }
        }
        let identifier = name.isEmpty ? endpoint.assignedIdentifier(self.identifier) : name
        var grant = MQTTSessionGrant()
        switch self.attach(connect, identifier) {
        case .granted(let granted, let number):
            grant = granted
            self.session = number
        case .afterDurable(let number):
            self.pendingConnect = connect
            self.connectAwaits = number
            return false
        case .ringFull: return self.awaitRoom(for: connect)
        }
        self.pendingConnect = nil
        self.report(.connected, user: self.access.login?.userName)
        self.claim(identifier)
        self.client = (identifier, source.index, source.isOwn)
        self.settleWill(of: identifier, isPresent: grant.isPresent)
        if name.isEmpty { grant.assignedIdentifier = identifier }
        if let close = self.machine.connectAccepted(grant, now: self.now) {
            self.end(close)
            return false
        }
        // What is durable already is answered without a commit.
        let through = endpoint.watermark.through
        if through > 0 { _ = self.machine.durable(through: through - 1, now: self.now) }
        if source.isOwn { self.loop.record(.connected, of: source.index) }
        return true
    }

    private func awaitRoom(for connect: MQTTConnect) -> Bool {
        self.pendingConnect = connect
        self.pause(for: .ringFull)
        self.loop.awaitRoom(self)
        return false
    }

    /// The session that CONNECT asks for, as far as the listener grants it.
    private func attach(
        _ connect: MQTTConnect, _ identifier: String
    ) -> SessionTable.Attachment {
        let endpoint = self.loop.endpoint
        let longest = endpoint.configuration.sessionExpirySecondsMax
        let asked =
            switch connect.version {
            // 3.1.1 has no expiry: for ever is as long as the listener grants.
            case .v311: connect.cleanStart ? 0 : UInt32.max
            case .v5: connect.properties.sessionExpiryInterval
            }
        return endpoint.sessions.attach(
            SessionKey(listener: endpoint.source, client: identifier),
            connection: self.identifier, isCleanStart: connect.cleanStart,
            expirySeconds: min(asked, longest), now: self.now)
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

    /// Tells the access log.
    private func report(_ kind: AccessEvent.Kind, user: String?) {
        let endpoint = self.loop.endpoint
        endpoint.services.onAccess(
            AccessEvent(
                kind, listener: endpoint.configuration.name, address: self.address,
                user: user ?? ""))
    }

    /// Gives client identifier and session up and says what the ending tells about the source.
    func leave(_ close: MQTTClose) {
        guard let client = self.client else { return }
        if self.session > 0 {
            self.loop.endpoint.sessions.detach(
                self.session, connection: self.identifier,
                expirySeconds: self.machine.sessionExpirySeconds, now: self.now)
        }
        // The evidence first: a will is what the source said about this ending.
        defer { self.leaveWill(close, client) }
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
