// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import Testing

@Suite struct CheckpointTests {
    /// The bytes of a checkpoint taken behind the first `cut` records of a journal.
    private func checkpoint(_ world: World, cut: Int) -> (bytes: [UInt8], bodies: [String]) {
        var engine = world.emptyEngine()
        let bodies = ReplayTests.replay(world.journal.prefix(cut), into: &engine)
        let last = world.journal[cut - 1]
        return (engine.checkpoint(after: Position(epoch: 1, n: last.n)), bodies)
    }

    /// Goes on behind a checkpoint as recovery does.
    private func goOn(
        _ world: World, from bytes: [UInt8], cut: Int
    ) throws -> (bodies: [String], picture: [String]) {
        var engine = world.emptyEngine()
        let position = try engine.restore(bytes)
        #expect(position == Position(epoch: 1, n: world.journal[cut - 1].n))
        for entry in world.journal.prefix(cut) { engine.rebuildWindow(entry.slot, n: entry.n) }
        let bodies = ReplayTests.replay(world.journal.dropFirst(cut), into: &engine)
        return (bodies, engineFingerprint(engine))
    }

    @Test(arguments: 1...10)
    func `going on behind a checkpoint equals going on without one`(seed: Int) throws {
        var run = RandomWorld(seed: UInt64(seed), sensors: 8)
        run.run(200)
        let world = run.world
        var random = Random(seed: UInt64(seed) &+ 1_000)
        for _ in 0..<16 {
            let cut = 1 + random.next(below: world.journal.count)
            let (bytes, before) = self.checkpoint(world, cut: cut)
            let (after, picture) = try self.goOn(world, from: bytes, cut: cut)
            let isEqual = before + after == world.bodies && picture == world.picture
            #expect(isEqual, "cut \(cut)")
        }
    }

    @Test func `a checkpoint in the middle of a control record loses nothing`() throws {
        var run = RandomWorld(seed: 99, sensors: 4)
        run.run(600)
        let world = run.world
        let cuts = world.journal.indices.filter { world.journal[$0].slot.kind == .continuation }
        #expect(cuts.count > 20)
        for cut in cuts.suffix(40) {
            let (bytes, before) = self.checkpoint(world, cut: cut)
            let (after, picture) = try self.goOn(world, from: bytes, cut: cut)
            let isEqual = before + after == world.bodies && picture == world.picture
            #expect(isEqual, "cut \(cut)")
        }
    }

    @Test func `a checkpoint of a checkpoint is the same state`() throws {
        var run = RandomWorld(seed: 5)
        run.run(200)
        let world = run.world
        let bytes = world.engine.checkpoint(after: Position(epoch: 3, n: 7))
        var engine = world.emptyEngine()
        #expect(try engine.restore(bytes) == Position(epoch: 3, n: 7))
        #expect(engineFingerprint(engine) == world.picture)
        var second = world.emptyEngine()
        _ = try second.restore(engine.checkpoint(after: Position(epoch: 3, n: 7)))
        #expect(engineFingerprint(second) == world.picture)
    }

    @Test func `an empty engine has a checkpoint, too`() throws {
        let world = World([], isStarted: false)
        let bytes = world.engine.checkpoint(after: .zero)
        var engine = world.emptyEngine()
        #expect(try engine.restore(bytes) == .zero)
        #expect(engine.sensorCount == 0)
    }

    @Test func `restoring replaces all that was there`() throws {
        let world = World([.make("a", high: .at(1))])
        let bytes = world.engine.checkpoint(after: .zero)
        let other = World([.make("b"), .make("c")])
        other.read("b", 1)
        var engine = world.emptyEngine()
        _ = ReplayTests.replay(other.journal, into: &engine)
        _ = try engine.restore(bytes)
        #expect(engine.paths == ["a"])
        #expect(engine.index(ofPath: "b") == nil)
        #expect(engine.index(ofPath: "a") == 0)
        #expect(engineFingerprint(engine) == world.picture)
    }

    private func sample() -> World {
        let world = World([.make("a", high: .at(1, on: 5)), .make("b/ö", low: .at(0))])
        world.registerSource("gateway")
        world.read("a", 5, sourceTime: 0)
        world.read("b/ö", -1)
        return world
    }

    @Test func `a checkpoint cut short is refused at every length`() {
        let world = self.sample()
        let bytes = world.engine.checkpoint(after: .zero)
        for count in 0..<bytes.count {
            var engine = world.emptyEngine()
            #expect(throws: CheckpointError.self) {
                _ = try engine.restore(Array(bytes.prefix(count)))
            }
        }
    }

    @Test func `a checkpoint with something behind it is refused`() {
        let world = self.sample()
        var engine = world.emptyEngine()
        let bytes = world.engine.checkpoint(after: .zero) + [0]
        #expect(throws: CheckpointError.self) { _ = try engine.restore(bytes) }
    }

    @Test func `a revision that is not to be had is named`() {
        let world = self.sample()
        let bytes = world.engine.checkpoint(after: .zero)
        var engine = AlarmEngine(rules: RuleBook(revision: "", declarations: [])) { _ in nil }
        #expect(throws: CheckpointError.unknownRevision(World.revision(1))) {
            _ = try engine.restore(bytes)
        }
    }

    /// What recovery does with an engine: it must hold through whatever the bytes said.
    private func use(_ engine: inout AlarmEngine, _ world: World) {
        _ = engineFingerprint(engine)
        _ = engine.nextWake()
        var journal: [JournalEntry] = []
        for index in 0..<UInt32(3) {
            journal.append(
                JournalEntry(
                    slot: Slot(
                        reading: 7, of: SensorIndex(rawValue: index), from: .own,
                        arrival: engine.now, sourceTime: World.wall(9)), n: UInt64(index)))
        }
        var start = Slot(kind: .start, arrival: engine.now)
        start.aux = 9
        journal.append(JournalEntry(slot: start, n: 3))
        let head = Slot(kind: .configuration, arrival: engine.now)
        let payload = HexDigits.bytes(World.revision(1)) ?? []
        for (offset, slot) in ControlRecord.slots(head: head, payload: payload).enumerated() {
            journal.append(JournalEntry(slot: slot, n: UInt64(4 + offset)))
        }
        journal.append(
            JournalEntry(
                slot: Slot(
                    kind: .tick, arrival: engine.now.advanced(byNanoseconds: seconds(100))), n: 20))
        _ = ReplayTests.replay(journal, into: &engine)
        _ = engineFingerprint(engine)
    }

    @Test func `a garbled checkpoint throws or is used, and never traps`() {
        let world = self.sample()
        let bytes = world.engine.checkpoint(after: .zero)
        var inconsistent = 0
        // Every byte of the file, with values that make bad counts, indexes, cases and flags.
        for index in bytes.indices {
            for value in [UInt8(0xFF), 0x07] where bytes[index] != value {
                var garbled = bytes
                garbled[index] = value
                var engine = world.emptyEngine()
                do {
                    _ = try engine.restore(garbled)
                } catch {
                    if error == .inconsistent { inconsistent += 1 }
                    continue
                }
                self.use(&engine, world)
            }
        }
        // Cases and flags: 14 of each sensor, 3 of each alarm; indexes: 8 bytes of each sensor and of
        // each alarm. 255 is none of these, 7 no case and no flag.
        #expect(inconsistent >= 2 * (2 * 14 + 6 * 3) + 2 * 8 + 6 * 8)
    }

    @Test func `noise is refused`() {
        let world = self.sample()
        let bytes = world.engine.checkpoint(after: .zero)
        var random = Random(seed: 17)
        for _ in 0..<100 {
            var garbled = bytes
            for _ in 0..<(1 + random.next(below: 60)) {
                garbled[random.next(below: garbled.count)] = UInt8(
                    truncatingIfNeeded: random.next())
            }
            var engine = world.emptyEngine()
            guard (try? engine.restore(garbled)) != nil else { continue }
            self.use(&engine, world)
        }
    }
}
