// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

@testable import Journal

/// Seeded lives of a journal: appends, commits, faults, crashes, and what must hold after each.
@Suite struct JournalCrashTests {
    /// What a test remembers over the runs.
    struct Memory {
        /// The run that wrote each number below the durable watermark.
        var durableRun: [UInt64: UInt64] = [:]
        var durableThrough: UInt64 = JournalFormat.firstNumber
        var epochs: Set<UInt32> = []
        /// Sensors registered by a durable record, in order.
        var sensors: [String] = []
        var appendedRun: [UInt64: UInt64] = [:]
    }

    @Test(arguments: 0..<8)
    func `no crash loses, doubles or invents an acknowledged record`(lane: Int) throws {
        for seed in 0..<128 { try self.live(UInt64(lane * 1_000 + seed)) }
    }

    private func live(_ seed: UInt64) throws {
        var numbers = SeededNumbers(seed: seed)
        var memory = Memory()
        let disk = SimulatedDisk(seed: seed)
        for run in 1...UInt64(Int.random(in: 2...4, using: &numbers)) {
            var world = try JournalWorld(disk: disk)
            try self.check(world, &memory, seed)
            for _ in 0..<Int.random(in: 1...12, using: &numbers) {
                self.step(&world, run, &memory, &numbers)
            }
            disk.healthy()
            if numbers.chance(60) { disk.losePower() } else { disk.kill() }
        }
        try self.check(try JournalWorld(disk: disk), &memory, seed)
    }

    private func step(
        _ world: inout JournalWorld, _ run: UInt64, _ memory: inout Memory,
        _ numbers: inout SeededNumbers
    ) {
        let first = world.nextN
        if numbers.chance(10) {
            var head = Slot(
                kind: .registerSensor, arrival: MonotonicInstant(nanoseconds: first * 10))
            let known = world.open.committer.registry.sensors.count
            head.sensor = SensorIndex(rawValue: UInt32(known))
            let path = "plant/\(run)/sensor-with-a-rather-long-name-so-that-it-needs-more/\(known)"
            world.append(ControlRecord.slots(head: head, payload: Array(path.utf8)))
            world.commit()
        } else {
            let count = Int.random(in: 1...200, using: &numbers)
            world.append(
                readings: count, sensors: 20, run: run, acknowledged: numbers.chance(30))
        }
        for n in first..<world.nextN { memory.appendedRun[n] = run }
        if numbers.chance(6) {
            world.disk.failSync(
                after: Int.random(in: 1...3, using: &numbers),
                failures: Int.random(in: 1...3, using: &numbers))
        } else if numbers.chance(6) {
            world.disk.failWrite(
                after: Int.random(in: 1...3, using: &numbers),
                failures: Int.random(in: 1...3, using: &numbers))
        }
        world.clock += JournalCommitter.retryNanoseconds
        if numbers.chance(60) { world.commit() }
        for n in memory.durableThrough..<max(memory.durableThrough, world.durableThrough) {
            memory.durableRun[n] = run
        }
        memory.durableThrough = max(memory.durableThrough, world.durableThrough)
    }

    private func check(_ world: JournalWorld, _ memory: inout Memory, _ seed: UInt64) throws {
        let report = world.open.report
        #expect(memory.epochs.insert(report.epoch).inserted, "epoch given twice, seed \(seed)")
        #expect(report.nextN >= memory.durableThrough, "durable end too early, seed \(seed)")
        #expect(!report.damage.contains { $0.wasDurable }, "false damage, seed \(seed)")
        let (records, damage) = try world.readAll(limit: report.nextN)
        #expect(!damage.contains { $0.wasDurable }, "false damage, seed \(seed)")
        var last: [UInt32: UInt64] = [:]
        var previousN: UInt64 = 0
        var seen: Set<UInt64> = []
        var faults = 0
        for (n, _, slot) in records {
            if n <= previousN { faults += 1 }
            previousN = n
            seen.insert(n)
            guard slot.kind == .reading else { continue }
            if slot.number != Double(n) || slot.aux != memory.appendedRun[n] { faults += 1 }
            if let run = memory.durableRun[n], slot.aux != run { faults += 1 }
            let expected = last[slot.sensor.rawValue] ?? Slot.noPrevious
            // A link may name a record that an unacknowledged loss took; never a wrong sensor's.
            if damage.isEmpty, slot.link != expected { faults += 1 }
            last[slot.sensor.rawValue] = n
        }
        for n in memory.durableRun.keys where !seen.contains(n) { faults += 1 }
        #expect(faults == 0, "\(faults) records wrong, seed \(seed)")
        #expect(
            Set(report.sensorPaths).count == report.sensorPaths.count, "names, seed \(seed)")
        // What was read at a start counts as durable from then on.
        memory.durableThrough = report.nextN
        for (n, _, _) in records { memory.durableRun[n] = memory.appendedRun[n] }
        memory.sensors = report.sensorPaths
    }
}
