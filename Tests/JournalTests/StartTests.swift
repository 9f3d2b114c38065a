// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

@testable import Journal

/// What a start tells while it reads, and where a new journal begins.
@Suite struct StartTests {
    @Test func `a new journal begins with epoch 1, the next run has 2`() throws {
        var world = try JournalWorld()
        #expect(world.open.report.epoch == 1)
        try world.reopen(losingPower: true)
        #expect(world.open.report.epoch == 2)
    }

    @Test func `a lost epoch file passes over the epoch that may have begun`() throws {
        var world = try JournalWorld()
        world.append(readings: 5)
        world.commitAll()
        world.disk.replace("\(JournalWorld.directory)/epoch", with: nil)
        try world.reopen(losingPower: false)
        #expect(world.open.report.epoch == 3)
    }

    @Test func `opening a journal tells how far it is, all the way`() throws {
        let options = JournalOptions(segmentBytes: 1 << 20, stagingBytes: 1 << 22)
        var world = try JournalWorld(options: options)
        for _ in 0..<10 {
            world.append(readings: 10_000)
            world.commitAll()
        }
        let end = world.nextN
        world.disk.kill()
        var told: [(done: UInt64, total: UInt64)] = []
        _ = try Journal.open(
            directory: JournalWorld.directory,
            options: JournalOptions(
                segmentBytes: 1 << 20, verifyFrom: Position(epoch: 1, n: 1)),
            disk: world.disk, progress: { told.append(($0, $1)) })
        #expect(told.count >= Int(end) / 16_384)
        #expect(told.last?.done == end)
        var before: UInt64 = 1
        for step in told {
            #expect(step.done > before && step.done - before <= 16_384)
            #expect(step.total >= step.done)
            before = step.done
        }
    }

    @Test func `opening a ledger tells how far it is`() throws {
        let disk = SimulatedDisk(seed: 1)
        let options = LedgerOptions(fileBytes: 4 << 20)
        let (writer, _) = try LedgerWriter.open(
            directory: LedgerTests.directory, options: options, disk: disk)
        for value in 1...5_000 {
            _ = try writer.append(body: LedgerTests.body(value), written: LedgerTests.written)
        }
        #expect(writer.commit(now: .zero).durableThrough == 5_000)
        disk.kill()
        var told: [UInt64] = []
        _ = try LedgerWriter.open(
            directory: LedgerTests.directory, options: options, disk: disk,
            progress: { told.append($0) })
        #expect(told == [1_024, 2_048, 3_072, 4_096])
    }
}
