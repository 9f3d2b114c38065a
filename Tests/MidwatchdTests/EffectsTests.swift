// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import Journal
import Logging
import MidwatchModel
import Synchronization
import Testing

@testable import midwatchd

/// Alerts beyond every queue: delivery gets each of them, and its cursor passes none.
@Suite struct EffectsTests {
    /// A ledger on a disk, effects that leave, and a delivery with little room.
    private final class World {
        let folder = TemporaryFolder()
        let delivery: StandInDelivery
        let effects: Effects
        let writer: LedgerWriter
        let numbers = Numbers()
        private(set) var sequence: UInt64 = 0

        init(room: Int, cursor: UInt64? = 0) throws {
            self.delivery = StandInDelivery(room: room, cursor: cursor)
            self.effects = Effects(
                builder: AlertBuilder(node: "n", site: "s", version: "v"),
                live: LiveState(rules: RuleBook(revision: "", declarations: [])),
                delivery: self.delivery, logger: Quiet.logger)
            self.writer = try LedgerWriter.open(directory: self.folder.file("ledger")).writer
            let numbers = self.numbers
            self.effects.attach(
                Effects.Ledger(
                    folder: self.folder.file("ledger"),
                    newest: { numbers.newest.load(ordering: .acquiring) },
                    settled: { numbers.settled.load(ordering: .acquiring) }))
        }

        /// How far the ledger is.
        final class Numbers: Sendable {
            let newest = Atomic<UInt64>(0)
            let settled = Atomic<UInt64>(0)
        }

        static func id(_ sequence: UInt64) -> String { "alert_1_\(sequence + 1)_0" }

        func effect(of sensor: String = "a/b") -> PendingEffect {
            let n = self.sequence + 1
            var decision = Decision(.alarmAcknowledged, time: MonotonicInstant(nanoseconds: n))
            decision.id = DecisionID(position: Position(epoch: 1, n: n), ordinal: 0)
            let body = #"""
                {"decision":"1:\#(n).0","kind":"alarmRaised","sensor":"\#(sensor)","alarm":"high",\#
                "priority":"high","at":"2026-01-01T00:00:00Z"}
                """#
            defer { self.sequence += 1 }
            return PendingEffect(
                sequence: self.sequence, decision: decision, body: Array(body.utf8),
                queuedAt: .zero)
        }

        /// Records effects and lets them leave, as the ledger's thread does.
        func record(_ count: Int) throws {
            let effects = (0..<count).map { _ in self.effect() }
            let numbers = try effects.map {
                try self.writer.append(body: $0.body, written: WallInstant(nanoseconds: 0))
            }
            let through = self.writer.commit(now: .zero).durableThrough
            self.numbers.newest.store(through, ordering: .releasing)
            self.numbers.settled.store(self.sequence, ordering: .releasing)
            for (effect, n) in zip(effects, numbers) {
                self.effects.release(effect, isRecorded: true, ledgerN: n)
            }
            self.effects.ledgerWritten(through: through)
        }
    }

    @Test func `alerts beyond every queue come from the ledger, in order, each`() async throws {
        let world = try World(room: 0)
        await world.effects.start(
            ledgerFolder: world.folder.file("ledger"), newest: 0, waiting: [])
        let count = Effects.waitingMax + 500
        try world.record(count)
        #expect(world.effects.leftCount == 500)
        #expect(world.delivery.passed == 0)
        // Room for a part only, again and again.
        var before = 0
        for _ in 0..<100 where world.delivery.passed < UInt64(count) {
            world.delivery.setRoom(1_000)
            world.effects.catchUp()
            let ids = world.delivery.ids
            #expect(ids.count > before, "it goes on")
            before = ids.count
            // No record was passed whose alert was not taken.
            let taken = Set(ids)
            let passed = world.delivery.passed
            #expect((0..<passed).allSatisfy { taken.contains(World.id($0)) })
        }
        var firstPlaces: [String] = []
        var seen: Set<String> = []
        for id in world.delivery.ids where seen.insert(id).inserted { firstPlaces.append(id) }
        #expect(firstPlaces == (0..<UInt64(count)).map(World.id), "in order")
        // It is caught up: what comes now goes straight through.
        world.delivery.setRoom(10)
        try world.record(1)
        #expect(world.delivery.ids.last == World.id(UInt64(count)))
        #expect(world.delivery.passed == UInt64(count) + 1)
    }

    @Test func `what was left unrecorded is waited for until the ledger has it`() async throws {
        let world = try World(room: 0)
        await world.effects.start(
            ledgerFolder: world.folder.file("ledger"), newest: 0, waiting: [])
        try world.record(Effects.waitingMax)
        // The ledger's disk hangs: this one leaves unrecorded, and there is no room for it.
        let late = world.effect()
        world.effects.release(late, isRecorded: false, ledgerN: 0)
        world.delivery.setRoom(100_000)
        world.effects.catchUp()
        #expect(!world.delivery.ids.contains(World.id(late.sequence)))
        // Another one must not overtake it.
        let next = world.effect()
        world.effects.release(next, isRecorded: false, ledgerN: 0)
        #expect(!world.delivery.ids.contains(World.id(next.sequence)))
        // The disk answers; the gate has let both out already.
        for effect in [late, next] {
            _ = try world.writer.append(body: effect.body, written: WallInstant(nanoseconds: 0))
        }
        let through = world.writer.commit(now: .zero).durableThrough
        world.numbers.newest.store(through, ordering: .releasing)
        world.effects.ledgerWritten(through: through)
        #expect(world.delivery.passed < through, "the cursor waits for them")
        world.numbers.settled.store(next.sequence + 1, ordering: .releasing)
        world.effects.catchUp()
        #expect(
            world.delivery.ids.suffix(2) == [World.id(late.sequence), World.id(next.sequence)])
        #expect(world.delivery.passed == through)
    }

    @Test func `of what the ledger will never have the newest of each alarm is sent`() async throws
    {
        let world = try World(room: 0)
        await world.effects.start(
            ledgerFolder: world.folder.file("ledger"), newest: 0, waiting: [])
        try world.record(Effects.waitingMax)
        // The ledger hangs, and its queue is full.
        var lost: [PendingEffect] = []
        for sensor in ["a/x", "a/y", "a/x"] {
            var effect = world.effect(of: sensor)
            effect.isGivenUp = true
            world.effects.release(effect, isRecorded: false, ledgerN: 0)
            lost.append(effect)
        }
        #expect(world.effects.supersededCount == 1)
        // It answers again, and takes the next one, of an alarm whose last was given up.
        let next = world.effect(of: "a/y")
        let n = try world.writer.append(body: next.body, written: WallInstant(nanoseconds: 0))
        let through = world.writer.commit(now: .zero).durableThrough
        world.numbers.newest.store(through, ordering: .releasing)
        world.numbers.settled.store(next.sequence + 1, ordering: .releasing)
        world.effects.release(next, isRecorded: true, ledgerN: n)
        // Room for the first of them alone: what is left is not forgotten.
        world.delivery.setRoom(Effects.waitingMax)
        for room in [0, 2, 1, 1] {
            world.effects.catchUp()
            world.delivery.setRoom(room)
        }
        world.delivery.setRoom(100_000)
        world.effects.catchUp()
        #expect(
            world.delivery.ids.filter {
                [
                    World.id(lost[0].sequence), World.id(lost[1].sequence),
                    World.id(lost[2].sequence), World.id(next.sequence),
                ].contains($0)
            } == [lost[1].sequence, next.sequence, lost[2].sequence].map(World.id))
        // All that was left is out: what comes now goes straight through.
        try world.record(1)
        #expect(world.delivery.ids.last == World.id(next.sequence + 1))
    }

    @Test func `an alert that left unrecorded has the same id when the ledger has it`() async throws
    {
        let world = try World(room: 10)
        await world.effects.start(
            ledgerFolder: world.folder.file("ledger"), newest: 0, waiting: [])
        let effect = world.effect()
        world.effects.release(effect, isRecorded: false, ledgerN: 0)
        // Later it is recorded, marked, and a start reads it from there.
        let marked = Array("{\"unrecordedInput\":true,".utf8) + effect.body.dropFirst()
        _ = try world.writer.append(body: marked, written: WallInstant(nanoseconds: 0))
        _ = world.writer.commit(now: .zero)
        let next = try World(room: 10)
        await next.effects.start(
            ledgerFolder: world.folder.file("ledger"), newest: 1, waiting: [])
        #expect(world.delivery.ids == [World.id(0)])
        #expect(next.delivery.ids == world.delivery.ids)
    }

    @Test func `a start offers what is behind a damaged line, and says what is missing`()
        async throws
    {
        let world = try World(room: 0)
        try world.record(20)
        let path = world.folder.file("ledger/00000001.ledger")
        let disk = LinuxDisk()
        let file = try disk.open(path, .update)
        let size = try file.size()
        var bytes = [UInt8](repeating: 0, count: Int(min(size, 65_536)))
        _ = try unsafe bytes.withUnsafeMutableBytes { unsafe try file.read(into: $0, at: 0) }
        let starts = [0] + bytes.indices.filter { bytes[$0] == 10 }.map { $0 + 1 }
        try unsafe [UInt8(ascii: "#")].withUnsafeBytes {
            unsafe try file.write($0, at: UInt64(starts[9] + 50))
        }
        let next = try World(room: 100, cursor: 5)
        await next.effects.start(
            ledgerFolder: world.folder.file("ledger"), newest: 20, waiting: [])
        let whole = (UInt64(5)..<20).filter { $0 != 9 }
        #expect(next.delivery.ids == whole.map(World.id))
    }
}
