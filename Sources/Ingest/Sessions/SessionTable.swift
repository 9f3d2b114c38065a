// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel
package import ReadingRing
internal import Synchronization
internal import TelemetryWire

/// The sessions of all MQTT listeners, shared by their event loops.
///
/// Every change is a record of the journal: offered to the ring and applied in one step under one
/// lock, so that the records of sessions stand in the journal in the order in which they were
/// applied, and a picture taken under the lock holds exactly the records below the ring's head.
/// A received QoS 2 message offers its receipt together with its readings, all or none; a receipt
/// counts only with all of them behind it, so a commit that a crash tore apart keeps none.
///
/// QoS 0 and QoS 1 do not come here.
package final class SessionTable: Sendable {
    fileprivate struct State: Sendable {
        var store: SessionStore
        /// The connection that has a session now.
        var holders: [UInt64: UInt64] = [:]
        /// Sessions whose detachment found no room in the ring.
        var owed: Set<UInt64> = []
        var beyondLimitCount: UInt64 = 0
        var flowsBeyondLimitCount: UInt64 = 0
        var heldCount: UInt64 = 0
    }

    /// What a CONNECT finds.
    enum Attachment: Equatable {
        /// `number` is that of the session; 0: it ends with the connection and is not recorded.
        case granted(MQTTSessionGrant, number: UInt64)
        /// An old session with unreleased messages was ended: ask again when this is durable.
        ///
        /// After a crash that forgot the end, the client would come back to identifiers that it
        /// uses for other messages.
        case afterDurable(UInt64)
        case ringFull
    }

    /// What became of a change that an answer waits for.
    enum Recorded: Equatable {
        /// Wait until this number is durable.
        case at(UInt64)
        case ringFull
        /// Another connection has the session.
        case taken
    }

    private let state: Mutex<State>
    private let ring: ReadingRing
    private let sessionCountMax: Int
    private let flowCountInAllMax: Int

    /// Goes on with what a start rebuilt.
    package init(
        _ store: SessionStore = SessionStore(), ring: ReadingRing,
        sessionCountMax: Int = SessionLimits.sessionCountMax,
        flowCountInAllMax: Int = SessionLimits.flowCountInAllMax
    ) {
        self.state = Mutex(State(store: store))
        self.ring = ring
        self.sessionCountMax = sessionCountMax
        self.flowCountInAllMax = flowCountInAllMax
    }

    // MARK: - Connections

    /// Gives `connection` the session of `key` [MQTT-3.1.2-4, MQTT-3.1.2-5].
    ///
    /// `expirySeconds` is what the listener grants; the connection that had it before loses it.
    func attach(
        _ key: SessionKey, connection: UInt64, isCleanStart: Bool, expirySeconds: UInt32,
        now: MonotonicInstant
    ) -> Attachment {
        self.state.withLock { state in
            let found = state.store.find(key, now: now)
            if let found, !isCleanStart {
                let change = SessionChange.attached(found, expirySeconds: expirySeconds)
                guard self.record(change, key.listener, now, &state) != nil else {
                    return .ringFull
                }
                state.holders[found] = connection
                state.owed.remove(found)
                return .granted(
                    Self.grant(of: found, isPresent: true, expirySeconds, state.store),
                    number: found)
            }
            if let found, state.store[found]?.flows.isEmpty == false {
                guard
                    let n = self.record(
                        .ended(found), key.listener, now, isAwaited: true, &state)
                else { return .ringFull }
                state.forget(found)
                return .afterDurable(n)
            }
            guard expirySeconds > 0, self.hasRoom(found, now, &state) else {
                return self.attachUnrecorded(found, key.listener, now, &state)
            }
            // The beginning of a session is the end of the one before it.
            let begin = SessionChange.begin(key, expirySeconds: expirySeconds)
            guard let number = self.record(begin, key.listener, now, &state) else {
                guard self.ring.isHoldingAcknowledged else { return .ringFull }
                // The disk stalls. A client kept out would be silent for as long; what it sends
                // without acknowledgement can be evaluated.
                state.heldCount += 1
                return self.attachUnrecorded(found, key.listener, now, &state)
            }
            if let found { state.forget(found) }
            state.holders[number] = connection
            return .granted(
                Self.grant(of: number, isPresent: false, expirySeconds, state.store),
                number: number)
        }
    }

    /// Gives a session that ends with the connection and is not recorded; `found` ends.
    private func attachUnrecorded(
        _ found: UInt64?, _ listener: SourceIndex, _ now: MonotonicInstant, _ state: inout State
    ) -> Attachment {
        if let found {
            guard self.record(.ended(found), listener, now, &state) != nil else {
                return .ringFull
            }
            state.forget(found)
        }
        return .granted(MQTTSessionGrant(), number: 0)
    }

    private func hasRoom(_ found: UInt64?, _ now: MonotonicInstant, _ state: inout State) -> Bool {
        if found != nil || state.store.count < self.sessionCountMax { return true }
        state.beyondLimitCount += 1
        return false
    }

    private static func grant(
        of session: UInt64, isPresent: Bool, _ expirySeconds: UInt32, _ store: SessionStore
    ) -> MQTTSessionGrant {
        var grant = MQTTSessionGrant()
        grant.isPresent = isPresent
        grant.expirySeconds = expirySeconds
        grant.isRecorded = true
        grant.flows = store.flows(of: session)
        grant.lastNumber = isPresent ? store[session]?.lastNumber ?? 0 : 0
        return grant
    }

    /// The connection that has the session ends; 0 seconds end the session with it.
    ///
    /// Nobody waits: without room in the ring the record follows later (`sweep`), and a crash in
    /// between only lets the session live a little longer. Whether the session was this connection's.
    @discardableResult
    func detach(
        _ session: UInt64, connection: UInt64, expirySeconds: UInt32, now: MonotonicInstant
    ) -> Bool {
        self.state.withLock { state in
            guard state.holders[session] == connection, let listener = state.listener(of: session)
            else { return false }
            state.holders[session] = nil
            let change = SessionChange.detached(session, expirySeconds: expirySeconds)
            if self.record(change, listener, now, &state) == nil {
                state.store.apply(change, n: state.store[session]?.lastNumber ?? 0, at: now)
                state.owed.insert(session)
            }
            return true
        }
    }

    /// Whether the session has not ended.
    func contains(_ session: UInt64) -> Bool {
        self.state.withLock { $0.store[session] != nil }
    }

    // MARK: - Messages

    /// Takes a QoS 2 message into the ring with the record that its identifier is held.
    ///
    /// The session knows what it has: a resend that it does not hold is the first delivery,
    /// whatever DUP says, unless a crash tore its message apart.
    ///
    /// `take` offers the readings behind the receipt it is given and marks a resend as one if told
    /// so. nil: another connection has the session.
    func receive(
        _ identifier: UInt16, identity: UInt64, of session: UInt64, connection: UInt64,
        now: MonotonicInstant,
        take: (_ receipt: Slot?, _ mayBeRepeated: Bool) -> PublishIntake.Outcome
    ) -> PublishIntake.Outcome? {
        self.state.withLock { state in
            guard state.holders[session] == connection, let listener = state.listener(of: session)
            else { return nil }
            let known = state.store[session]?.flows[identifier]
            let held = state.store[session]?.flows.count ?? 0
            guard
                known != nil
                    || held < SessionLimits.flowCountMax
                        && state.store.flowCount < self.flowCountInAllMax
            else {
                state.flowsBeyondLimitCount += 1
                return take(nil, true)
            }
            let change = SessionChange.received(
                session, identifier: identifier, identity: identity)
            let outcome = take(
                change.slot(listener: listener, at: now, isAwaited: true),
                known.map { $0.isTorn && $0.identity == identity } ?? false)
            if case .taken(let last) = outcome { state.store.apply(change, n: last, at: now) }
            return outcome
        }
    }

    /// Records that a QoS 2 message is released.
    func release(
        _ identifier: UInt16, of session: UInt64, connection: UInt64, now: MonotonicInstant
    ) -> Recorded {
        self.state.withLock { state in
            guard state.holders[session] == connection, let listener = state.listener(of: session)
            else { return .taken }
            guard state.store[session]?.flows[identifier] != nil else { return .at(0) }
            let change = SessionChange.released(session, identifier: identifier)
            guard let n = self.record(change, listener, now, isAwaited: true, &state) else {
                return .ringFull
            }
            return .at(n)
        }
    }

    /// Offers a record and applies it; its number, nil if the ring is full.
    private func record(
        _ change: SessionChange, _ listener: SourceIndex, _ now: MonotonicInstant,
        isAwaited: Bool = false, _ state: inout State
    ) -> UInt64? {
        let slots = change.slots(listener: listener, at: now, isAwaited: isAwaited)
        guard case .accepted(let first) = self.ring.offer(slots.span, criticality: .own) else {
            return nil
        }
        state.store.apply(change, n: first, at: now)
        return first
    }

    // MARK: - Housekeeping

    /// Drops what is over and says what is owed to the journal; how many sessions ended.
    @discardableResult
    package func sweep(now: MonotonicInstant) -> Int {
        self.state.withLock { state in
            for session in state.owed {
                guard state.holders[session] == nil, let old = state.store[session],
                    let endsAt = old.endsAt
                else {
                    state.owed.remove(session)
                    continue
                }
                let left = endsAt.nanosecondsSince(now) / 1_000_000_000
                let change = SessionChange.detached(
                    session, expirySeconds: UInt32(clamping: left))
                guard self.record(change, old.key.listener, now, &state) != nil else { break }
                state.owed.remove(session)
            }
            return state.store.expire(now: now)
        }
    }

    /// A picture of all sessions, and the number of the first record that is not in it.
    ///
    /// It holds when every record below that number is durable.
    package func picture(
        engine: MonotonicInstant, wall: WallInstant
    ) -> (bytes: [UInt8], before: UInt64) {
        let (store, head) = self.state.withLock { state in
            state.store.anchored(engine: engine, wall: wall.nanoseconds)
            return (state.store, self.ring.head)
        }
        // Outside the lock: the copy shares its memory.
        return (store.picture(before: head), head)
    }

    /// Gauges and counters.
    package func metrics() -> [MetricSample] {
        let (count, flows, beyond, flowsBeyond, held) = self.state.withLock {
            (
                $0.store.count, $0.store.flowCount, $0.beyondLimitCount, $0.flowsBeyondLimitCount,
                $0.heldCount
            )
        }
        return [
            MetricSample(
                "midwatch_mqtt_sessions", help: "MQTT sessions kept.", kind: .gauge,
                value: Double(count)),
            MetricSample(
                "midwatch_mqtt_session_messages",
                help: "QoS 2 messages received and not released.", kind: .gauge,
                value: Double(flows)),
            MetricSample(
                "midwatch_mqtt_sessions_beyond_limit_total",
                help: "Clients whose session ended with the connection: too many.",
                kind: .counter, value: Double(beyond)),
            MetricSample(
                "midwatch_mqtt_sessions_held_total",
                help: "Clients whose session ended with the connection: the disk stalled.",
                kind: .counter, value: Double(held)),
            MetricSample(
                "midwatch_mqtt_session_messages_beyond_limit_total",
                help: "QoS 2 messages taken and not remembered: too many.", kind: .counter,
                value: Double(flowsBeyond)),
        ]
    }
}

extension SessionTable.State {
    func listener(of session: UInt64) -> SourceIndex? { self.store[session]?.key.listener }

    mutating func forget(_ session: UInt64) {
        self.holders[session] = nil
        self.owed.remove(session)
    }
}
