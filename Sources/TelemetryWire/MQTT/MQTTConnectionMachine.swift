// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// The server's side of one MQTT connection whose client publishes.
///
/// Bytes go in, steps come out; replies collect in `outbound`. The shell owns socket, timer,
/// authentication and the ring, and tells the machine what happened:
///
///     taken += machine.received(chunk, from: taken, now: now)
///     loop: while true {
///         switch machine.next(now: now) {
///         case .connect(let connect): …            // connectAccepted | connectRefused
///         case .publish(let publish): …            // publishAccepted | publishRefused
///         case .release(let identifier): …         // releaseAccepted
///         case .needsBytes: break loop
///         case .stalled: pauseReading(); break loop
///         case .close(let close): flushAndClose(close); break loop
///         }
///     }
///     write(machine.outbound); machine.outboundWritten()
///
/// Transitions
///
///     awaitingConnect ──CONNECT──▶ awaitingVerdict ──accepted──▶ connected ◀──answered── publishing
///           │                            │ refused                  │  └──PUBLISH, PUBREL──▶ │ releasing
///           └──────────── any fault, timeout, end ──────────────────┴───────────▶ closed ◀───┘
///
/// Invariants
/// 1. An acknowledgement is written only when the journal number of its message is durable, and in
///    the order in which the messages arrived.
/// 2. Unacknowledged messages never exceed `receiveMaximum`.
/// 3. After `closed` every event is ignored.
///
/// QoS 2 is complete on the receiving side: PUBREC after the reading is durable, each message
/// delivered once until its PUBREL, PUBCOMP after the release is durable. What of that outlives the
/// connection belongs to the shell: `MQTTSessionGrant` brings it in, and with a recorded session
/// every change of it is a step. Without one, what a client resends after a reconnect is recognised
/// further on by its DUP flag. There are no subscriptions: each filter is refused in its SUBACK.
package struct MQTTConnectionMachine: ~Copyable, Sendable {
    /// What holds for one accepted connection.
    struct Session: Sendable, BitwiseCopyable {
        var version: MQTTVersion
        /// One and a half times the keep alive; 0: not supervised.
        var silenceMaxNanoseconds: UInt64
        /// CONNECT asked for a session that outlives the connection.
        var askedForExpiry: Bool
        /// QoS 2 flows of this session are recorded.
        var isRecorded: Bool
        /// Acknowledgements that refuse may say why in words.
        var takesReasons: Bool
        /// Bytes of the largest packet the client takes.
        var peerPacketBytesMax: Int
    }

    enum State: Sendable, BitwiseCopyable {
        case awaitingConnect
        /// The CONNECT is still in the framer.
        case awaitingVerdict(MQTTFixedHeader, MQTTVersion)
        case connected(Session)
        /// A PUBLISH is with the shell and still in the framer.
        case publishing(Session, MQTTPublish)
        /// A PUBREL is with the shell and still in the framer.
        case releasing(Session, UInt16)
        case closed
    }

    let options: MQTTConnectionOptions
    var state = State.awaitingConnect
    var framer: MQTTFramer
    /// Replies to be written, in order.
    package internal(set) var outbound = WireBuffer(capacity: 256)
    /// The will of an accepted connection.
    package internal(set) var will: MQTTWill?
    var acknowledgements = MQTTAckQueue()
    /// Messages not yet acknowledged: what the receive maximum bounds.
    var inFlightCount = 0
    var durableThrough: UInt64 = 0
    /// QoS 2: received and not released.
    var flows = MQTTFlowTable()
    /// Seconds the session lives on when this connection ends; DISCONNECT of 5.0 may change it.
    package internal(set) var sessionExpirySeconds: UInt32 = 0
    /// Topic of alias i + 1; empty: not set.
    var topicAliases: [[UInt8]] = []
    var topicAliasBytes = 0
    /// When the last packet came, or the connection itself.
    var silentSince: MonotonicInstant
    var pausedSince: MonotonicInstant?

    /// A connection that was accepted at `now`.
    package init(options: MQTTConnectionOptions, now: MonotonicInstant) {
        precondition(options.receiveMaximum > 0, "a receive maximum of 0 is a protocol error")
        self.options = options
        self.framer = MQTTFramer(packetBytesMax: options.connectBytesMax)
        self.silentSince = now
    }

    // MARK: Bytes

    /// Takes received bytes from `offset` on, as many as there is room for.
    ///
    /// - Returns: How many were taken. If fewer than offered, run `next` until it has no packet,
    ///   then offer the rest.
    package mutating func received(
        _ bytes: borrowing Span<UInt8>, from offset: Int = 0
    ) -> Int {
        if case .closed = self.state { return bytes.count - offset }
        return self.framer.append(bytes, from: offset)
    }

    /// The bytes of `outbound` are on their way.
    package mutating func outboundWritten() { self.outbound.removeAll() }

    /// Lends the bytes that the ranges of a CONNECT point into, until it is answered.
    @inline(__always)
    package borrowing func withBytes<Result: ~Copyable, Failure: Error>(
        _ body: (borrowing Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try self.framer.withBytes(body)
    }

    /// Lends topic name (aliases resolved) and payload of the PUBLISH that is out.
    ///
    /// Not generic on purpose: an unspecialised generic costs more than the rest of a PUBLISH when
    /// called from another module. Carry results out in a local variable.
    package borrowing func withPublish(
        _ publish: MQTTPublish,
        _ body: (_ topic: borrowing Span<UInt8>, _ payload: borrowing Span<UInt8>) -> Void
    ) {
        self.framer.withBytes { bytes in
            let payload = bytes.extracting(publish.payload.range)
            if publish.topic.isEmpty {
                let topic = self.topicAliases[Int(publish.topicAlias) - 1]
                body(topic.span, payload)
            } else {
                body(bytes.extracting(publish.topic.range), payload)
            }
        }
    }

    /// A number that tells this message from another one under the same packet identifier.
    package borrowing func identity(of publish: MQTTPublish) -> UInt64 {
        var identity: UInt64 = 0
        self.withPublish(publish) { topic, payload in
            identity = ByteHash.hash(payload, seed: ByteHash.hash(topic))
        }
        return identity
    }

    // MARK: Verdict on CONNECT

    /// The client may come in: writes CONNACK.
    ///
    /// - Parameters:
    ///   - grant: What it finds and is promised.
    ///   - now: The keep alive counts from here.
    /// - Returns: nil, or the end of the connection if the client takes no packet as long as this
    ///   CONNACK.
    package mutating func connectAccepted(
        _ grant: MQTTSessionGrant = MQTTSessionGrant(), now: MonotonicInstant
    ) -> MQTTClose? {
        guard case .awaitingVerdict(let header, let version) = self.state else {
            if case .closed = self.state { return nil }
            preconditionFailure("connectAccepted without a CONNECT out")
        }
        let connect = self.decodeAgain(header)
        precondition(!grant.isPresent || !connect.cleanStart, "a clean start finds no session")
        let session = self.makeSession(for: connect, grant)
        self.will = self.copyWill(of: connect)
        self.framer.consume()
        self.framer.setPacketBytesMax(self.options.packetBytesMax)
        self.framer.requiresShortestLength = version == .v5
        self.silentSince = now
        self.flows.restore(grant)
        self.acknowledgements.raise(to: grant.lastNumber)
        self.sessionExpirySeconds = grant.expirySeconds
        let before = self.outbound.count
        MQTTEncoder.connack(
            .success, isSessionPresent: grant.isPresent,
            properties: self.connackProperties(connect, grant), version: version,
            into: &self.outbound)
        if self.outbound.count - before > session.peerPacketBytesMax {  // [MQTT-3.1.2-24]
            self.outbound.truncate(to: before)
            self.will = nil
            return self.end(.fault, fault: .answerTooLarge)
        }
        self.state = .connected(session)
        return nil
    }

    /// The client may not come in: writes CONNACK with `code`, which must be an error.
    package mutating func connectRefused(_ code: MQTTReasonCode) -> MQTTClose? {
        precondition(code.isError, "a refusal needs an error code")
        guard case .awaitingVerdict(let header, let version) = self.state else {
            if case .closed = self.state { return nil }
            preconditionFailure("connectRefused without a CONNECT out")
        }
        let connect = self.decodeAgain(header)
        self.refuse(
            code, code.explanation, version: version,
            peerPacketBytesMax: Int(connect.properties.maximumPacketSize))
        return self.end(.connectRefused, code: code)
    }

    /// Writes a CONNACK that refuses; its reason is left out where the client has no room for it.
    mutating func refuse(
        _ code: MQTTReasonCode, _ reason: String?, version: MQTTVersion, peerPacketBytesMax: Int
    ) {
        let before = self.outbound.count
        if let reason, self.options.sendsReasonStrings, version == .v5 {
            MQTTEncoder.connack(
                code, properties: [.text(.reasonString, reason)], version: version,
                into: &self.outbound)
            // [MQTT-3.2.2-19]
            if self.outbound.count - before <= peerPacketBytesMax { return }
            self.outbound.truncate(to: before)
        }
        MQTTEncoder.connack(code, version: version, into: &self.outbound)
    }

    private func decodeAgain(_ header: MQTTFixedHeader) -> MQTTConnect {
        self.framer.withBytes { bytes in
            guard let connect = try? MQTTConnect(header, bytes) else {
                preconditionFailure("a CONNECT that was decoded before does not decode")
            }
            return connect
        }
    }

    private func makeSession(
        for connect: MQTTConnect, _ grant: MQTTSessionGrant
    ) -> Session {
        let maximum = self.options.keepAliveMax
        let isReplaced = connect.version == .v5 && self.replacesKeepAlive(of: connect)
        let keepAlive = isReplaced ? maximum : connect.keepAlive
        return Session(
            version: connect.version,
            silenceMaxNanoseconds: UInt64(keepAlive) * 1_500_000_000,  // [MQTT-3.1.2-22]
            askedForExpiry: connect.properties.sessionExpiryInterval != 0,
            isRecorded: grant.isRecorded,
            // [MQTT-3.1.2-29]
            takesReasons: connect.version == .v5 && self.options.sendsReasonStrings
                && connect.properties.requestsProblemInformation,
            peerPacketBytesMax: Int(connect.properties.maximumPacketSize))
    }

    private func replacesKeepAlive(of connect: MQTTConnect) -> Bool {
        let maximum = self.options.keepAliveMax
        return maximum > 0 && (connect.keepAlive == 0 || connect.keepAlive > maximum)
    }

    private func copyWill(of connect: MQTTConnect) -> MQTTWill? {
        guard let will = connect.will else { return nil }
        return self.framer.withBytes { bytes in
            MQTTWill(
                topic: Self.copy(bytes, will.topic), payload: Self.copy(bytes, will.payload),
                qos: will.qos, isRetained: will.isRetained,
                delaySeconds: will.properties.willDelayInterval)
        }
    }

    static func copy(_ bytes: borrowing Span<UInt8>, _ range: ByteRange) -> [UInt8] {
        var copy: [UInt8] = []
        copy.reserveCapacity(range.count)
        for index in range.range { copy.append(bytes[index]) }
        return copy
    }

    private func connackProperties(
        _ connect: MQTTConnect, _ grant: MQTTSessionGrant
    ) -> [MQTTProperty] {
        guard connect.version == .v5 else { return [] }
        var properties: [MQTTProperty] = []
        if connect.properties.sessionExpiryInterval != grant.expirySeconds {
            properties.append(.number(.sessionExpiryInterval, grant.expirySeconds))  // 3.2.2.3.2
        }
        properties.append(.number(.receiveMaximum, UInt32(self.options.receiveMaximum)))
        if self.options.maximumQoS != .exactlyOnce {
            properties.append(.number(.maximumQoS, UInt32(self.options.maximumQoS.rawValue)))
        }
        properties.append(.number(.maximumPacketSize, UInt32(self.options.packetBytesMax)))
        if let assignedIdentifier = grant.assignedIdentifier {
            properties.append(.text(.assignedClientIdentifier, assignedIdentifier))
        }
        if self.options.topicAliasMaximum > 0 {
            properties.append(.number(.topicAliasMaximum, UInt32(self.options.topicAliasMaximum)))
        }
        if self.replacesKeepAlive(of: connect) {
            properties.append(.number(.serverKeepAlive, UInt32(self.options.keepAliveMax)))
        }
        return properties
    }

    // MARK: Time

    /// What a wake-up comes to.
    package enum WakeAction: Equatable, Sendable {
        /// Nothing is due before this instant; `distantFuture`: no timer is needed.
        case wake(at: MonotonicInstant)
        case close(MQTTClose)
    }

    /// When `woke` must be called at the latest; `distantFuture` if never.
    ///
    /// It moves closer only with `connectAccepted`, `readingResumed` and `durable`; a shell that
    /// reads it again after these, and after each `woke`, needs no other timer.
    package var wakeAt: MonotonicInstant {
        guard self.pausedSince == nil else { return .distantFuture }
        switch self.state {
        case .awaitingConnect:
            return self.silentSince.advanced(byNanoseconds: self.options.connectTimeoutNanoseconds)
        case .connected(let session):
            if session.silenceMaxNanoseconds == 0 || self.isStalled(session) {
                return .distantFuture
            }
            return self.silentSince.advanced(byNanoseconds: session.silenceMaxNanoseconds)
        case .awaitingVerdict, .publishing, .releasing, .closed: return .distantFuture
        }
    }

    /// The timer fired; an early or late one is harmless.
    package mutating func woke(now: MonotonicInstant) -> WakeAction {
        let wakeAt = self.wakeAt
        guard wakeAt != .distantFuture, now >= wakeAt else { return .wake(at: wakeAt) }
        if case .awaitingConnect = self.state { return .close(self.end(.connectTimeout)) }
        return .close(self.end(.keepAliveTimeout, code: .keepAliveTimeout))
    }

    /// We stop reading: the client's silence is our doing and does not count.
    package mutating func readingPaused(now: MonotonicInstant) {
        if self.pausedSince == nil { self.pausedSince = now }
    }

    /// We read again: the silence goes on where it stood.
    package mutating func readingResumed(now: MonotonicInstant) {
        guard let pausedSince = self.pausedSince else { return }
        self.pausedSince = nil
        let paused = now.nanosecondsSince(max(pausedSince, self.silentSince))
        self.silentSince = self.silentSince.advanced(byNanoseconds: paused)
    }

    /// A packet came, or we let go of one that we held.
    mutating func heard(now: MonotonicInstant) {
        self.silentSince = max(self.silentSince, now)
    }

    /// Whether 3.1.1 has as much in flight as may be: there is no other way to say "stop".
    func isStalled(_ session: Session) -> Bool {
        session.version == .v311
            && self.acknowledgements.count >= Int(self.options.unannouncedInflightMax)
    }
}
