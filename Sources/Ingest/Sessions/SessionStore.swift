// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel
internal import TelemetryWire

/// The state of every session that outlives its connection: pure, no clock, no ring, no file.
///
/// State changes by `apply` alone, with the records the journal holds and in their order, live and
/// at a start: what is rebuilt is what was.
///
/// A publisher's session is: how long it lives, and which QoS 2 messages were received and not
/// released. Subscriptions will be further changes of the same kind.
///
/// Time is engine time. It stands still while nothing runs, so a start says how long that was by
/// the wall clock (`restarted`), and the expiries go on.
package struct SessionStore: Sendable {
    struct Flow: Equatable, Sendable {
        var identity: UInt64
        /// Number of the last record of the message; 0: a crash tore it apart.
        ///
        /// Its sender was told nothing and sends it again; some of its readings are in the journal.
        var number: UInt64

        var isTorn: Bool { self.number == 0 }
    }

    struct Session: Equatable, Sendable {
        var key: SessionKey
        /// Number of its youngest record.
        var lastNumber: UInt64
        var expirySeconds: UInt32
        /// When it ends; nil while a connection holds it.
        var endsAt: MonotonicInstant?
        var flows: [UInt16: Flow] = [:]
    }

    /// By number.
    private(set) var sessions: [UInt64: Session] = [:]
    private(set) var numbers: [SessionKey: UInt64] = [:]
    /// Unreleased messages of all sessions.
    private(set) var flowCount = 0
    /// The two clocks when they were last seen together.
    private(set) var anchor: (engine: MonotonicInstant, wall: Int64)?

    package init() {}

    /// Sessions kept.
    package var count: Int { self.sessions.count }

    // MARK: - Changes

    /// Takes one record of the journal.
    ///
    /// Changes of a session that is not known (its beginning is lost) are ignored.
    mutating func apply(_ change: SessionChange, n: UInt64, at: MonotonicInstant) {
        switch change {
        case .begin(let key, let expirySeconds):
            if let old = self.numbers[key] { self.remove(old) }
            self.sessions[n] = Session(key: key, lastNumber: n, expirySeconds: expirySeconds)
            self.numbers[key] = n
        case .attached(let session, let expirySeconds):
            self.change(session, n) {
                $0.expirySeconds = expirySeconds
                $0.endsAt = nil
            }
        case .detached(let session, let expirySeconds):
            self.change(session, n) {
                $0.expirySeconds = expirySeconds
                $0.endsAt = Self.end(of: $0, from: at)
            }
        case .received(let session, let identifier, let identity):
            self.hold(Flow(identity: identity, number: n), as: identifier, of: session)
            self.sessions[session]?.lastNumber = n
        case .released(let session, let identifier):
            guard self.sessions[session] != nil else { return }
            if self.sessions[session]?.flows.removeValue(forKey: identifier) != nil {
                self.flowCount -= 1
            }
            self.sessions[session]?.lastNumber = n
        case .ended(let session): self.remove(session)
        }
    }

    /// A commit kept the receipt and not all readings.
    mutating func torn(_ change: SessionChange) {
        guard case .received(let session, let identifier, let identity) = change else { return }
        self.hold(Flow(identity: identity, number: 0), as: identifier, of: session)
    }

    private mutating func hold(_ flow: Flow, as identifier: UInt16, of session: UInt64) {
        guard self.sessions[session] != nil else { return }
        if self.sessions[session]?.flows.updateValue(flow, forKey: identifier) == nil {
            self.flowCount += 1
        }
    }

    private mutating func change(
        _ session: UInt64, _ n: UInt64, _ body: (inout Session) -> Void
    ) {
        guard var changed = self.sessions[session] else { return }
        body(&changed)
        changed.lastNumber = n
        self.sessions[session] = changed
    }

    private mutating func remove(_ session: UInt64) {
        guard let removed = self.sessions.removeValue(forKey: session) else { return }
        self.flowCount -= removed.flows.count
        if self.numbers[removed.key] == session { self.numbers[removed.key] = nil }
    }

    // MARK: - Time

    private static func end(of session: Session, from: MonotonicInstant) -> MonotonicInstant {
        from.advanced(byNanoseconds: UInt64(session.expirySeconds) * 1_000_000_000)
    }

    /// The two clocks, seen together.
    mutating func anchored(engine: MonotonicInstant, wall: Int64) {
        self.anchor = (engine, wall)
    }

    /// A run begins: no session has a connection, and the time in which nothing ran has passed.
    mutating func restarted(engine: MonotonicInstant, wall: Int64) {
        var down: UInt64 = 0
        var last = engine
        if let anchor = self.anchor {
            last = anchor.engine
            let ran = engine.nanosecondsSince(anchor.engine)
            // A wall clock that was set back says nothing.
            let passed = wall > anchor.wall ? wall.magnitude &- anchor.wall.magnitude : 0
            down = wall > 0 && anchor.wall > 0 && passed > ran ? passed - ran : 0
        }
        for (number, session) in self.sessions {
            // Whose connection the end of the run cut is without one since then.
            let endsAt = session.endsAt ?? Self.end(of: session, from: last)
            self.sessions[number]?.endsAt = MonotonicInstant(
                nanoseconds: endsAt.nanoseconds > down ? endsAt.nanoseconds - down : 0)
        }
        self.anchor = (engine, wall)
        self.expire(now: engine)
    }

    /// Drops the sessions whose time is over; how many.
    @discardableResult
    mutating func expire(now: MonotonicInstant) -> Int {
        let over = self.sessions.filter { $0.value.endsAt.map { $0 <= now } ?? false }
        for session in over.keys { self.remove(session) }
        return over.count
    }

    // MARK: - Questions

    /// The session of a client that connects now; one whose time is over is none.
    mutating func find(_ key: SessionKey, now: MonotonicInstant) -> UInt64? {
        guard let number = self.numbers[key] else { return nil }
        if let endsAt = self.sessions[number]?.endsAt, endsAt <= now {
            self.remove(number)
            return nil
        }
        return number
    }

    subscript(_ session: UInt64) -> Session? { self.sessions[session] }

    /// What the connection machine needs of a session, in the order of the records.
    func flows(of session: UInt64) -> [MQTTSessionGrant.Flow] {
        (self.sessions[session]?.flows ?? [:]).filter { !$0.value.isTorn }.map {
            MQTTSessionGrant.Flow(
                identifier: $0.key, identity: $0.value.identity, number: $0.value.number)
        }.sorted { $0.number < $1.number }
    }

    /// Puts a session in as a picture has it.
    mutating func insert(_ session: Session, number: UInt64) {
        self.remove(number)
        if let old = self.numbers[session.key] { self.remove(old) }
        self.sessions[number] = session
        self.numbers[session.key] = number
        self.flowCount += session.flows.count
    }
}
