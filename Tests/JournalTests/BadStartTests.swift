// SPDX-License-Identifier: Apache-2.0

import Glibc
import MidwatchModel
import Testing

@testable import Journal

/// Starts on disks that do not give or take what they should.
@Suite struct BadStartTests {
    @Test func `the only segment is used although its header is rotten`() throws {
        var world = try DamageTests.world()
        let before = world.open.report
        world.disk.kill()
        world.disk.rot(DamageTests.segment, byte: 60)
        world = try JournalWorld(disk: world.disk)
        let report = world.open.report
        #expect(report.journal == before.journal)
        #expect(report.epoch > before.epoch)
        #expect(report.nextN == 1_001, "the blocks behind it say who they are")
        #expect(report.damage.map(\.reason) == [.segmentHeader])
        world.append(readings: 100)
        world.commit()
        let (records, damage) = try world.readAll()
        #expect(records.map(\.n) == Array(1...1_100))
        #expect(damage.map(\.reason) == [.segmentHeader])
        // Who follows the journal and stands in that segment goes on, too.
        let oldest = try JournalReader.oldest(
            directory: JournalWorld.directory, disk: world.disk)
        #expect(oldest?.n == 1)
        let reader = try JournalReader(
            directory: JournalWorld.directory, from: Position(epoch: before.epoch, n: 500),
            disk: world.disk)
        #expect(throws: JournalError.self) { try reader.read(max: 10, through: 1_000) }
        try reader.skipDamage()
        #expect(try reader.read(max: 10, through: 1_000).batch.firstN == 500)
    }

    @Test func `a run that cannot write knows everything and makes nothing durable`() throws {
        var world = try DamageTests.world()
        let before = world.open.report
        world.disk.kill()
        let files = try world.disk.list(JournalWorld.directory).sorted()
        let contents = files.map { world.disk.contents("/journal/\($0)") }
        let disk = DetachedDisk(.readable, below: world.disk)
        var options = JournalOptions(
            segmentBytes: JournalWorld.segmentBytes, stagingBytes: 1 << 19)
        options.epochsPassed = 1_000
        let open = try Journal.open(
            directory: JournalWorld.directory, options: options, disk: disk)
        disk.detach()
        #expect(open.report.journal == before.journal)
        #expect(open.report.nextN == 1_001)
        #expect(open.report.epoch == before.epoch + 1_001)
        let slots = (1_001...UInt64(1_100)).map { JournalWorld.reading($0, sensor: 1) }
        let staged = unsafe slots.withUnsafeBufferPointer {
            unsafe open.staging.append($0, firstN: 1_001, now: .zero)
        }
        #expect(staged.consumedCount == 100)
        let outcome = open.committer.commit(now: .zero)
        #expect(outcome.mode == .storageFailed && outcome.recordCount == 0)
        #expect(outcome.durableThrough == 1_001)
        #expect(try world.disk.list(JournalWorld.directory).sorted() == files)
        #expect(files.map { world.disk.contents("/journal/\($0)") } == contents)
        // The next run that can write gives out another epoch.
        world.disk.kill()
        options.epochsPassed = 0
        options.epochAbove = open.report.epoch
        world = try JournalWorld(disk: world.disk, options: options)
        #expect(world.open.report.epoch == open.report.epoch + 1)
    }

    @Test func `a run on a disk that gives nothing back begins empty`() throws {
        let world = try DamageTests.world()
        world.disk.kill()
        let disk = DetachedDisk(.nothing, below: world.disk)
        let open = try Journal.open(
            directory: JournalWorld.directory,
            options: JournalOptions(
                segmentBytes: JournalWorld.segmentBytes, stagingBytes: 1 << 19), disk: disk)
        disk.detach()
        #expect(open.report.nextN == 1 && open.report.sensorPaths.isEmpty)
        let ledger = try LedgerWriter.open(
            directory: "/ledger", disk: DetachedDisk(.nothing, below: world.disk))
        #expect(ledger.writer.head.n == 0)
    }

    @Test func `a ledger that cannot be written goes on behind its last line`() throws {
        let disk = SimulatedDisk(seed: 3)
        let first = try LedgerWriter.open(directory: "/ledger", disk: disk).writer
        _ = try first.append(
            body: Array("{\"kind\":\"a\"}".utf8), written: WallInstant(nanoseconds: 0))
        #expect(first.commit(now: .zero).durableThrough == 1)
        disk.kill()
        let detached = DetachedDisk(.readable, below: disk)
        let (writer, report) = try LedgerWriter.open(directory: "/ledger", disk: detached)
        detached.detach()
        #expect(report.head.n == 1 && report.broken == nil)
        #expect(
            try writer.append(
                body: Array("{\"kind\":\"b\"}".utf8), written: WallInstant(nanoseconds: 0)) == 2)
        let outcome = writer.commit(now: .zero)
        #expect(outcome.mode == .storageFailed && outcome.durableThrough == 1)
        #expect(writer.pendingCount == 1)
    }

    @Test func `what cannot be understood is kept aside, whole, and its epoch is known`() throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let directory = folder.path + "/journal"
        let options = JournalOptions(segmentBytes: 1 << 20, stagingBytes: 1 << 20)
        var first: OpenJournal? = try Journal.open(directory: directory, options: options)
        let epoch = first?.report.epoch ?? 0
        first = nil
        let names = try LinuxDisk().list(directory).sorted()
        #expect(Journal.highestEpoch(directory: directory) == epoch)
        let aside = try Journal.setAside(directory: directory)
        #expect(aside == directory + ".aside-1")
        #expect(try LinuxDisk().list(aside).sorted() == names)
        #expect(throws: DiskError.self) { try LinuxDisk().list(directory) }
        try LinuxDisk().makeFolder(directory)
        #expect(try Journal.setAside(directory: directory) == directory + ".aside-2")
        for name in names { try LinuxDisk().remove("\(aside)/\(name)") }
        for number in 1...2 { unsafe rmdir("\(directory).aside-\(number)") }
    }

    @Test func `a place that the disk does not give back is zeros, and counted`() throws {
        // Reading this process's memory where there is none is an input/output error.
        let file = try LinuxDisk().open("/proc/self/mem", .read)
        let before = LinuxDisk.unreadableCount
        let bytes = try file.bytes(at: 4_096, count: 8_192)
        #expect(bytes == [UInt8](repeating: 0, count: 8_192))
        #expect(LinuxDisk.unreadableCount >= before + 2)
    }
}
