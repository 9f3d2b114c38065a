// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

@testable import AlarmEngine

/// The short way of a reading, and checkpoints that are copied while the engine works.
@Suite struct ShortcutTests {
    @Test(arguments: 0..<12)
    func `the short way of a reading leads where the long one does`(seed: UInt64) {
        var short = RandomWorld(seed: 40_000 + seed, hasRules: true)
        var long = RandomWorld(seed: 40_000 + seed, hasRules: true)
        long.world.touch { $0.takesShortcut = false }
        for _ in 0..<20 {
            short.run(8)
            long.run(8)
            #expect(short.world.picture == long.world.picture)
        }
        #expect(short.world.bodies == long.world.bodies)
        let tables = [short, long].map { run in
            run.world.touch { engine in
                (0..<engine.sensorCount).map { index in
                    var sensor = engine.sensors[index]
                    sensor.quiet = .none
                    return "\(sensor)"
                }
            }
        }
        #expect(tables[0] == tables[1])
    }

    @Test(arguments: 0..<8)
    func `a revision that is in force already leads where binding it anew does`(seed: UInt64) {
        var short = RandomWorld(seed: 60_000 + seed, hasRules: true)
        var long = RandomWorld(seed: 60_000 + seed, hasRules: true)
        for step in 0..<30 {
            short.run(6)
            long.run(6)
            let revision = short.world.engine.ruleBook.revision
            short.world.configure(revision)
            long.world.touch { $0.takesShortcut = false }
            long.world.configure(revision)
            long.world.touch { $0.takesShortcut = step % 2 == 0 }
            #expect(short.world.picture == long.world.picture)
        }
        #expect(short.world.bodies == long.world.bodies)
    }

    @Test func `a reading next to a setpoint is looked at`() {
        let world = World([.make("a", high: .at(50.000_000_001), low: .at(-50.000_000_001))])
        for value in [0.0, 50, 50.000_000_000_9] { world.read("a", value) }
        #expect(world.annunciations().isEmpty)
        world.read("a", 50.000_000_001)
        #expect(world.annunciations(.high).count == 1)
        world.read("a", 0)
        world.read("a", -50.000_000_001)
        #expect(world.annunciations(.low).count == 1)
    }

    @Test func `nothing but a quiet value takes the short way`() {
        var band = QuietBand(above: 1, below: 2)
        #expect(band.holds(1.5) && !band.holds(1) && !band.holds(2))
        #expect(![Double.nan, .infinity, -.infinity].contains { band.holds($0) })
        band = QuietBand(above: 0.1, below: 0.3)
        #expect(!band.holds(0.1) && !band.holds(0.3) && band.holds(0.2))
        band = QuietBand(above: -.infinity, below: .infinity)
        #expect(band.holds(0) && band.holds(-1e300) && !band.holds(.infinity))
        #expect(!QuietBand.none.holds(0))
    }

    @Test func `conditions are evaluated by rank, then by number`() {
        var queue = EvaluationQueue()
        var random = Random(seed: 3)
        var waiting: [UInt64] = []
        for _ in 0..<5_000 {
            if random.chance(60) {
                let rank = UInt32(random.next(below: 20))
                let bound = UInt32(random.next(below: 1_000))
                queue.push(rank: rank, bound: bound)
                waiting.append(UInt64(rank) << 32 | UInt64(bound))
            } else {
                waiting.sort(by: >)
                let expected = waiting.popLast().map { UInt32(truncatingIfNeeded: $0) }
                #expect(queue.pop() == expected)
            }
        }
    }

    // MARK: - Checkpoints in pieces

    @Test(arguments: [1, 700, 5_000, Int.max])
    func `a checkpoint that is copied in pieces is of the moment it began at`(pieceBytes: Int) {
        for seed in 0..<4 {
            var run = RandomWorld(seed: 50_000 + UInt64(seed), sensors: 40, hasRules: true)
            run.run(40)
            run.world.configure(World.revision(2))
            run.run(20)
            let position = Position(epoch: run.world.epoch, n: 17)
            let expected = run.world.touch { engine in
                engine.beginCheckpoint(after: position)
                return engine.checkpoint(after: position)
            }
            var image: CheckpointImage?
            var turns = 0
            while image == nil, turns < 100_000 {
                if turns < 40 { run.run(1) }
                image = run.world.touch { $0.continueCheckpoint(bytes: pieceBytes) }
                turns += 1
            }
            #expect(image?.position == position)
            #expect(image?.bytes == expected, "\(pieceBytes) \(seed)")
            #expect(run.world.engine.isCopyingCheckpoint == false)
        }
    }

    @Test func `new rules and new sensors change nothing of a checkpoint that is being copied`() {
        var run = RandomWorld(seed: 7, sensors: 40, hasRules: true)
        run.run(20)
        run.world.configure(World.revision(3))
        run.run(20)
        let position = Position(epoch: run.world.epoch, n: 17)
        let expected = run.world.touch { engine in
            engine.beginCheckpoint(after: position)
            _ = engine.continueCheckpoint(bytes: 600)
            return engine.checkpoint(after: position)
        }
        for number in 0..<200 { run.world.register("late/\(number)") }
        run.world.configure(World.revision(4))
        run.run(10)
        let image = run.world.touch { $0.continueCheckpoint(bytes: .max) }
        #expect(image?.bytes == expected)
    }
}
