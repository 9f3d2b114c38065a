// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import ReadingRing
import TelemetryWire
import Testing

@testable import Ingest

@Suite struct SessionTableTests {
    static let key = SessionKey(listener: SourceIndex(rawValue: 3), client: "pump 1")

    let ring = ReadingRing(capacity: 256, firstSequence: 1)
    let table: SessionTable

    init() { self.table = SessionTable(ring: self.ring, sessionCountMax: 3, flowCountInAllMax: 4) }

    static func second(_ second: UInt64) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: second * 1_000_000_000)
    }

    func attach(
        _ client: String = "pump 1", by connection: UInt64 = 1, clean: Bool = false,
        expiry: UInt32 = 60, at second: UInt64 = 1
    ) -> SessionTable.Attachment {
        self.table.attach(
            SessionKey(listener: Self.key.listener, client: client), connection: connection,
            isCleanStart: clean, expirySeconds: expiry, now: Self.second(second))
    }

    func number(_ attachment: SessionTable.Attachment) throws -> UInt64 {
        guard case .granted(_, let number) = attachment else {
            throw SocketError.exhausted(what: "\(attachment)")
        }
        return number
    }

    func grant(_ attachment: SessionTable.Attachment) throws -> MQTTSessionGrant {
        guard case .granted(let grant, _) = attachment else {
            throw SocketError.exhausted(what: "\(attachment)")
        }
        return grant
    }

    /// Receives a message of one reading.
    @discardableResult
    func receive(
        _ identifier: UInt16, _ identity: UInt64 = 9, of session: UInt64, by connection: UInt64 = 1
    ) -> PublishIntake.Outcome? {
        self.table.receive(
            identifier, identity: identity, of: session, connection: connection,
            now: Self.second(2)
        ) { receipt, mayBeRepeated in
            var slots = [Slot(reading: 1, of: SensorIndex(rawValue: 0), from: .own, arrival: .zero)]
            if mayBeRepeated { slots[0].flags.insert(.duplicateDelivery) }
            if var receipt {
                receipt.sourceTime = 1
                slots.insert(receipt, at: 0)
            }
            guard case .accepted(let first) = self.ring.offer(slots.span, criticality: .low)
            else { return .ringFull }
            return .taken(last: first + UInt64(slots.count) - 1)
        }
    }

    /// What a start would rebuild of the records so far.
    func rebuilt() -> SessionStore {
        var replay = SessionReplay()
        for slot in TestRing.peek(self.ring) { replay.feed(slot, n: slot.link - 1) }
        return replay.store
    }

    @Test func `a session is new, then found, and names what it holds`() throws {
        let first = self.attach()
        let session = try self.number(first)
        #expect(try self.grant(first).isPresent == false)
        #expect(try self.grant(first).isRecorded)
        #expect(self.receive(7, of: session) == .taken(last: session + 3))
        #expect(self.table.detach(session, connection: 1, expirySeconds: 60, now: Self.second(3)))
        let again = try self.grant(self.attach(by: 2, at: 62))
        #expect(again.isPresent)
        #expect(
            again.flows == [
                MQTTSessionGrant.Flow(identifier: 7, identity: 9, number: session + 3)
            ])
        // The attachment itself is the youngest record.
        #expect(again.lastNumber == self.ring.head - 1)
        #expect(self.rebuilt().flows(of: session) == again.flows)
    }

    @Test func `while the disk stalls a new session ends with its connection`() throws {
        let known = try self.number(self.attach("known"))
        self.ring.holdAcknowledged(true)
        let head = self.ring.head
        // It comes in, and nothing that the journal may not skip enters the ring.
        #expect(self.attach() == .granted(MQTTSessionGrant(), number: 0))
        #expect(self.ring.head == head)
        // One that is there goes on; one that is wanted clean ends.
        #expect(try self.number(self.attach("known", by: 2)) == known)
        #expect(
            self.attach("known", by: 3, clean: true) == .granted(MQTTSessionGrant(), number: 0))
        #expect(self.rebuilt().count == 0)
        let held = self.table.metrics().first { $0.name == "midwatch_mqtt_sessions_held_total" }
        #expect(held?.value == 2)
        self.ring.holdAcknowledged(false)
        #expect(try self.number(self.attach(by: 4)) > known)
    }

    @Test func `a session ends when its time is over`() throws {
        let session = try self.number(self.attach())
        self.receive(7, of: session)
        self.table.detach(session, connection: 1, expirySeconds: 60, now: Self.second(3))
        // [MQTT-3.1.2-23]: not before.
        #expect(self.table.sweep(now: Self.second(62)) == 0)
        let grant = try self.grant(self.attach(by: 2, at: 63))
        #expect(!grant.isPresent && grant.flows.isEmpty)
    }

    @Test func `a session without expiry ends with its connection`() throws {
        let session = try self.number(self.attach())
        self.table.detach(session, connection: 1, expirySeconds: 0, now: Self.second(3))
        #expect(try self.grant(self.attach(by: 2, at: 3)).isPresent == false)
        // And is not recorded if it never had one.
        let head = self.ring.head
        #expect(self.attach("other", expiry: 0) == .granted(MQTTSessionGrant(), number: 0))
        #expect(self.ring.head == head)
    }

    @Test func `a clean start waits until the end of a session that held messages is durable`()
        throws
    {
        let session = try self.number(self.attach())
        self.receive(7, of: session)
        #expect(self.attach(by: 2, clean: true) == .afterDurable(self.ring.head - 1))
        let ended = TestRing.peek(self.ring).last
        #expect(ended?.flags.contains(.acknowledgedDelivery) == true)
        #expect(self.rebuilt().count == 0)
        #expect(try self.grant(self.attach(by: 2, clean: true)).flows.isEmpty)
        // One that held none is simply replaced.
        let second = try self.number(self.attach(by: 3, clean: true))
        #expect(self.rebuilt().count == 1)
        #expect(self.rebuilt()[second] != nil)
    }

    @Test func `who lost a session to another connection changes it no more`() throws {
        let session = try self.number(self.attach(by: 1))
        self.receive(7, of: session, by: 1)
        _ = self.attach(by: 2)
        #expect(self.receive(8, of: session, by: 1) == nil)
        #expect(
            self.table.release(7, of: session, connection: 1, now: Self.second(2)) == .taken)
        #expect(!self.table.detach(session, connection: 1, expirySeconds: 0, now: Self.second(2)))
        #expect(
            self.table.release(7, of: session, connection: 2, now: Self.second(2))
                == .at(self.ring.head - 1))
        // Unknown: nothing to wait for.
        #expect(self.table.release(7, of: session, connection: 2, now: Self.second(2)) == .at(0))
    }

    @Test func `a message without room in the ring is not held`() throws {
        let session = try self.number(self.attach())
        TestRing.fill(self.ring)
        #expect(self.receive(7, of: session) == .ringFull)
        #expect(self.table.release(7, of: session, connection: 1, now: .zero) == .at(0))
        #expect(self.attach("new") == .ringFull)
        TestRing.drain(self.ring)
        #expect(self.attach("new") != .ringFull)
        self.receive(7, of: session)
        TestRing.fill(self.ring)
        #expect(self.table.release(7, of: session, connection: 1, now: .zero) == .ringFull)
        TestRing.drain(self.ring)
        #expect(self.table.release(7, of: session, connection: 1, now: .zero) != .at(0))
    }

    @Test func `an end without room in the ring is recorded later`() throws {
        let session = try self.number(self.attach())
        TestRing.fill(self.ring)
        self.table.detach(session, connection: 1, expirySeconds: 60, now: Self.second(10))
        self.table.sweep(now: Self.second(11))
        TestRing.drain(self.ring)
        self.table.sweep(now: Self.second(20))
        let slot = try #require(TestRing.peek(self.ring).last)
        // What is left of it from then on.
        #expect(SessionChange(slot) == .detached(session, expirySeconds: 50))
        let count = TestRing.peek(self.ring).count
        self.table.sweep(now: Self.second(21))
        #expect(TestRing.peek(self.ring).count == count)
    }

    @Test func `sessions are bounded, clients are not refused`() throws {
        for client in ["a", "b", "c"] { _ = self.attach(client) }
        #expect(self.attach("d") == .granted(MQTTSessionGrant(), number: 0))
        // Those that are there go on.
        #expect(try self.grant(self.attach("a")).isPresent)
        #expect(try self.grant(self.attach("b", clean: true)).isRecorded)
        #expect(
            self.table.metrics().first { $0.name == "midwatch_mqtt_sessions_beyond_limit_total" }?
                .value == 1)
    }

    @Test func `messages held are bounded, readings are not refused`() throws {
        let session = try self.number(self.attach())
        for identifier: UInt16 in 1...4 { self.receive(identifier, of: session) }
        let before = self.ring.head
        #expect(self.receive(5, of: session) == .taken(last: before))
        #expect(self.table.release(5, of: session, connection: 1, now: .zero) == .at(0))
        // One that is held already is replaced.
        #expect(self.receive(4, 10, of: session) == .taken(last: before + 2))
        _ = self.table.release(1, of: session, connection: 1, now: .zero)
        self.receive(5, of: session)
        #expect(self.rebuilt().flows(of: session).map(\.identifier) == [2, 3, 4, 5])
    }

    // MARK: - Store

    @Test func `a torn message is not received, and its resend may be a copy`() throws {
        let session = try self.number(self.attach())
        _ = self.table.receive(7, identity: 70, of: session, connection: 1, now: .zero) {
            receipt, _ in
            guard var receipt else { return .ringFull }
            receipt.sourceTime = 2
            let reading = Slot(
                reading: 1, of: SensorIndex(rawValue: 0), from: .own, arrival: .zero)
            _ = self.ring.offer([receipt, reading, reading].span, criticality: .low)
            return .taken(last: self.ring.head - 1)
        }
        let slots = TestRing.peek(self.ring)
        var nothing = SessionReplay()
        for slot in slots.dropLast(2) { nothing.feed(slot, n: slot.link - 1) }
        nothing.restarted(engine: Self.second(3), wall: WallInstant(nanoseconds: 5))
        #expect(nothing.store[session]?.flows.isEmpty == true)
        var replay = SessionReplay()
        for slot in slots.dropLast() { replay.feed(slot, n: slot.link - 1) }
        replay.restarted(engine: Self.second(3), wall: WallInstant(nanoseconds: 5))
        #expect(replay.store.flows(of: session).isEmpty)
        let ring = ReadingRing(capacity: 256, firstSequence: 100)
        let table = SessionTable(replay.store, ring: ring)
        guard
            case .granted(let grant, session) = table.attach(
                Self.key, connection: 1, isCleanStart: false, expirySeconds: 60, now: Self.second(4)
            )
        else {
            Issue.record("the session is there")
            return
        }
        #expect(grant.isPresent && grant.flows.isEmpty)
        var marks: [Bool] = []
        for (identifier, identity): (UInt16, UInt64) in [(8, 70), (7, 71), (7, 71)] {
            _ = table.receive(
                identifier, identity: identity, of: session, connection: 1, now: .zero
            ) { _, mayBeRepeated in
                marks.append(mayBeRepeated)
                return .ringFull
            }
        }
        _ = table.receive(7, identity: 70, of: session, connection: 1, now: .zero) { _, mark in
            marks.append(mark)
            return .taken(last: 200)
        }
        // Only the message that was torn, and only until it is there.
        #expect(marks == [false, false, false, true])
        _ = table.receive(7, identity: 70, of: session, connection: 1, now: .zero) { _, mark in
            marks.append(mark)
            return .ringFull
        }
        #expect(marks.last == false)
    }

    @Test func `the time in which nothing ran counts`() {
        var store = SessionStore()
        for (n, client): (UInt64, String) in [(10, "short"), (11, "long"), (12, "cut")] {
            store.apply(
                .begin(SessionKey(listener: .own, client: client), expirySeconds: 100), n: n,
                at: Self.second(1))
        }
        store.apply(.detached(10, expirySeconds: 40), n: 13, at: Self.second(10))
        store.apply(.detached(11, expirySeconds: 1_000), n: 14, at: Self.second(10))
        let day: Int64 = 1_700_000_000_000_000_000
        store.anchored(engine: Self.second(20), wall: day)
        // 60 s by the wall clock, of which 5 by engine time.
        store.restarted(engine: Self.second(25), wall: day + 60_000_000_000)
        #expect(store[10] == nil)
        #expect(store[11]?.endsAt == Self.second(1_010 - 55))
        // Its connection ended with the run, at 20.
        #expect(store[12]?.endsAt == Self.second(120 - 55))
        // A wall clock that was set back says nothing.
        store.restarted(engine: Self.second(26), wall: day)
        #expect(store[11]?.endsAt == Self.second(1_010 - 55))
    }

    @Test func `a picture gives the same sessions back`() throws {
        let session = try self.number(self.attach())
        for identifier: UInt16 in [3, 1, 2] {
            self.receive(identifier, UInt64(identifier) << 40, of: session)
        }
        self.table.detach(
            try self.number(self.attach("ü")), connection: 1, expirySeconds: 5,
            now: Self.second(7))
        let (bytes, before) = self.table.picture(
            engine: Self.second(8), wall: WallInstant(nanoseconds: 77))
        #expect(before == self.ring.head)
        let (store, next) = try SessionStore.restore(bytes)
        #expect(next == before)
        #expect(store.sessions == self.rebuilt().sessions)
        #expect(store.numbers == self.rebuilt().numbers)
        #expect(store.flowCount == 3)
        #expect(store.anchor?.engine == Self.second(8) && store.anchor?.wall == 77)
        #expect(store.picture(before: before) == bytes)
    }

    @Test func `bytes that are no picture are refused and never trap`() throws {
        let session = try self.number(self.attach())
        self.receive(1, of: session)
        let bytes = self.table.picture(
            engine: Self.second(8), wall: WallInstant(nanoseconds: 77)
        ).bytes
        for count in 0..<bytes.count {
            #expect(throws: SessionStore.PictureError.self) {
                try SessionStore.restore(Array(bytes[..<count]))
            }
        }
        #expect(throws: SessionStore.PictureError.malformed) {
            try SessionStore.restore(bytes + [0])
        }
        var other = bytes
        other[4] = 9
        #expect(throws: SessionStore.PictureError.unknownVersion(9)) {
            try SessionStore.restore(other)
        }
        for index in 0..<bytes.count {
            for mask: UInt8 in [0xFF, 0x01, 0x80] {
                var wrong = bytes
                wrong[index] ^= mask
                _ = try? SessionStore.restore(wrong)
            }
        }
    }

    @Test func `records of sessions nobody knows change nothing`() {
        var replay = SessionReplay()
        for change: SessionChange in [
            .attached(5, expirySeconds: 1), .detached(5, expirySeconds: 1),
            .received(5, identifier: 1, identity: 2), .released(5, identifier: 1), .ended(5),
        ] {
            var slot = change.slot(listener: .own, at: .zero, isAwaited: false)
            if slot.sourceTime == Slot.noSourceTime { slot.sourceTime = 1 }
            replay.feed(slot, n: 9)
            replay.feed(Slot(kind: .tick, arrival: .zero), n: 10)
        }
        #expect(replay.store.count == 0)
        #expect(replay.store.flowCount == 0)
    }

    @Test func `every change is read as it was written`() {
        let changes: [SessionChange] = [
            .attached(1 << 40, expirySeconds: .max), .detached(2, expirySeconds: 0),
            .received(3, identifier: 65_535, identity: .max), .released(4, identifier: 1),
            .ended(5),
        ]
        for change in changes {
            #expect(
                SessionChange(change.slot(listener: .own, at: .zero, isAwaited: true)) == change)
        }
        var strange = changes[0].slot(listener: .own, at: .zero, isAwaited: true)
        strange.qualityRaw = 99
        #expect(SessionChange(strange) == nil)
    }
}
