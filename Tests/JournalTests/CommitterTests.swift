// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Synchronization
import Testing

@testable import Journal

@Suite struct CommitterTests {
    @Test func `segments rotate and everything reads back with its links`() throws {
        var world = try JournalWorld()
        for _ in 0..<60 {
            world.append(readings: 150, sensors: 40)
            world.commit()
        }
        #expect((world.open.committer.segmentNumber ?? 0) > 3)
        let (records, damage) = try world.readAll()
        #expect(damage.isEmpty && records.count == 9_000)
        var last: [UInt32: UInt64] = [:]
        for (index, record) in records.enumerated() {
            #expect(record.n == UInt64(index + 1))
            #expect(record.slot.number == Double(record.n))
            #expect(record.slot.link == last[record.slot.sensor.rawValue] ?? Slot.noPrevious)
            last[record.slot.sensor.rawValue] = record.n
        }
        // Links go on over a restart, also of sensors silent since before the last rotation.
        try world.reopen(losingPower: true)
        #expect(world.open.report.linksFrom == 0)
        #expect(world.open.report.lastArrival == MonotonicInstant(nanoseconds: 90_000))
        world.append(readings: 1, sensors: 40)
        world.commit()
        #expect(try world.readAll(from: 9_001).records.first?.slot.link == 8_961)
    }

    @Test(arguments: [true, false])
    func `a failed write or sync sends the same records to a fresh segment`(sync: Bool) throws {
        var world = try JournalWorld()
        world.append(readings: 100)
        world.commit()
        world.append(readings: 50, acknowledged: true)
        if sync { world.disk.failSync(after: 1) } else { world.disk.failWrite(after: 1) }
        let before = world.open.committer.segmentNumber
        let outcome = world.commit()
        #expect(outcome.error?.operation == (sync ? .sync : .write))
        #expect(outcome.mode == .normal && outcome.endedSegmentCount == 1)
        #expect(outcome.durableThrough == 151)
        #expect(world.open.committer.segmentNumber != before)
        try world.reopen(losingPower: true)
        #expect(world.open.report.damage.isEmpty && world.open.report.nextN == 151)
        let (records, damage) = try world.readAll()
        #expect(damage.isEmpty && records.map(\.n) == Array(1...150))
        #expect(records[149].slot.link == 140, "links were taken back before the second try")
    }

    @Test func `a second failure is storage failed, nothing is acknowledged, later it recovers`()
        throws
    {
        var world = try JournalWorld()
        world.append(readings: 100)
        world.commit()
        world.append(readings: 100)
        world.disk.failSync(after: 1, failures: 1_000)
        var outcome = world.commit()
        #expect(outcome.mode == .storageFailed && outcome.durableThrough == 101)
        #expect(world.append(readings: 100).consumedCount == 100, "evaluation goes on")
        world.disk.healthy()
        #expect(world.commit().durableThrough == 101, "not before the pause is over")
        world.clock += JournalCommitter.retryNanoseconds
        outcome = world.commit()
        #expect(outcome.mode == .normal && outcome.durableThrough == 301)
        try world.reopen(losingPower: true)
        #expect(try world.readAll().records.map(\.n) == Array(1...300))
    }

    @Test func `a full disk is a mode of its own and ends when there is room`() throws {
        var world = try JournalWorld()
        world.append(readings: 100)
        world.commit()
        world.disk.limit(toFurtherBytes: 10_000)
        var outcome = CommitOutcome(durableThrough: 0, mode: .normal)
        while outcome.mode == .normal, world.nextN < 100_000 {
            world.append(readings: 500)
            outcome = world.commit()
        }
        #expect(outcome.mode == .diskFull && outcome.error?.isDiskFull == true)
        let stuckAt = outcome.durableThrough
        world.disk.healthy()
        world.clock += JournalCommitter.retryNanoseconds
        #expect(world.commit().durableThrough > stuckAt)
        world.commitAll()
        #expect(world.durableThrough == world.nextN)
        #expect(try world.readAll().records.count == Int(world.nextN - 1))
    }

    @Test func `a start on a full disk works, and the spare is a reserve`() throws {
        var world = try JournalWorld()
        world.append(readings: 10)
        world.commit()
        #expect(try world.open.supply.prepareIfNeeded())
        #expect(try !world.open.supply.prepareIfNeeded())
        world.disk.limit(toFurtherBytes: 0)
        try world.reopen(losingPower: true)
        world.append(readings: 10)
        #expect(world.commit().mode == .normal, "the spare was there")
        try world.reopen(losingPower: false)
        world.append(readings: 10)
        #expect(world.commit().mode == .diskFull)
        #expect(world.open.report.nextN == 21)
    }

    @Test func `registrations come back in order over rotation, restart and lost files`() throws {
        var world = try JournalWorld()
        var paths: [String] = []
        for round in 0..<40 {
            for _ in 0..<5 {
                let path = "plant/line-\(round)/a-path-longer-than-one-continuation/\(paths.count)"
                var head = Slot(kind: .registerSensor, arrival: .zero)
                head.sensor = SensorIndex(rawValue: UInt32(paths.count))
                world.append(ControlRecord.slots(head: head, payload: Array(path.utf8)))
                paths.append(path)
            }
            var source = Slot(
                kind: .registerSource, arrival: .zero, source: SourceIndex(rawValue: UInt32(round)))
            source.valueBits = UInt64(max(0, round - 1))
            world.append(ControlRecord.slots(head: source, payload: Array("source-\(round)".utf8)))
            world.append(readings: 200)
            world.commit()
        }
        #expect((world.open.committer.segmentNumber ?? 0) > 3)
        try world.reopen(losingPower: true)
        #expect(world.open.report.sensorPaths == paths)
        #expect(world.open.report.sources.map(\.name) == (0..<40).map { "source-\($0)" })
        #expect(world.open.report.sources[7].behind == SourceIndex(rawValue: 6))
        // Either registry file alone is enough while the segments are there; so are segments alone.
        world.disk.kill()
        world.disk.replace("/journal/registry", with: nil)
        world = try JournalWorld(disk: world.disk)
        #expect(world.open.report.sensorPaths == paths)
        world.disk.kill()
        world.disk.replace("/journal/registry.before", with: nil)
        world = try JournalWorld(disk: world.disk)
        #expect(world.open.report.sensorPaths == paths && world.open.report.damage.isEmpty)
    }

    @Test func `a registration that lies across two segments survives retention of the first`()
        throws
    {
        var world = try JournalWorld()
        let path = "a/" + String(repeating: "x", count: 200)
        var head = Slot(kind: .registerSensor, arrival: .zero)
        head.sensor = SensorIndex(rawValue: 0)
        let slots = ControlRecord.slots(head: head, payload: Array(path.utf8))
        world.append(Array(slots[..<2]))
        world.commit()
        world.append(Array(slots[2...]))
        world.disk.failSync(after: 1)
        world.commit()
        #expect(world.open.committer.segmentNumber == 2, "the record lies in two segments")
        try world.reopen(losingPower: true)
        #expect(world.open.report.sensorPaths == [path])
        while world.open.committer.segmentNumber ?? 0 < 5 {
            world.append(readings: 500)
            world.commit()
        }
        try world.reopen(losingPower: true)
        for number in 1...2 {
            world.disk.replace("/journal/000000000\(number).segment", with: nil)
        }
        try world.reopen(losingPower: true)
        #expect(world.open.report.sensorPaths == [path] && world.open.report.damage.isEmpty)
    }

    @Test func `append goes on while a sync is stuck`() async throws {
        let disk = GatedDisk(SimulatedDisk(seed: 1))
        let open = try Journal.open(
            directory: "/journal",
            options: JournalOptions(segmentBytes: 1 << 20, stagingBytes: 1 << 20), disk: disk)
        let slots = (1...UInt64(100)).map { JournalWorld.reading($0, sensor: 1) }
        func append(_ firstN: UInt64) -> StagingOutcome {
            unsafe slots.withUnsafeBufferPointer {
                unsafe open.staging.append($0, firstN: firstN, now: .zero)
            }
        }
        _ = append(1)
        #expect(open.committer.commit(now: .zero).durableThrough == 101)
        _ = append(101)
        disk.close()
        let committer = open.committer
        let commit = Task.detached { committer.commit(now: .zero) }
        await disk.waitUntilStuck()
        for round in 0..<50 {
            #expect(append(201 + UInt64(round) * 100).consumedCount == 100)
        }
        #expect(open.staging.status.stagedCount == 5_100)
        disk.open()
        #expect(await commit.value.durableThrough == 201)
        #expect(open.committer.commit(now: .zero).durableThrough == 5_201)
    }
}

/// A disk whose syncs wait while its gate is closed.
final class GatedDisk: JournalDisk {
    private let base: SimulatedDisk
    private let isClosed = Atomic<Bool>(false)
    private let stuckCount = Atomic<Int>(0)

    init(_ base: SimulatedDisk) { self.base = base }

    func close() { self.isClosed.store(true, ordering: .sequentiallyConsistent) }
    func open() { self.isClosed.store(false, ordering: .sequentiallyConsistent) }

    func waitUntilStuck() async {
        while self.stuckCount.load(ordering: .sequentiallyConsistent) == 0 { await Task.yield() }
    }

    fileprivate func pass() {
        guard self.isClosed.load(ordering: .sequentiallyConsistent) else { return }
        self.stuckCount.add(1, ordering: .sequentiallyConsistent)
        while self.isClosed.load(ordering: .sequentiallyConsistent) {}
    }

    func makeFolder(_ path: String) throws(DiskError) { try self.base.makeFolder(path) }
    func list(_ folder: String) throws(DiskError) -> [String] { try self.base.list(folder) }
    func open(_ path: String, _ mode: DiskOpenMode) throws(DiskError) -> any DiskFile {
        File(disk: self, base: try self.base.open(path, mode))
    }
    func rename(_ source: String, to target: String) throws(DiskError) {
        try self.base.rename(source, to: target)
    }
    func remove(_ path: String) throws(DiskError) { try self.base.remove(path) }
    func syncFolder(_ path: String) throws(DiskError) { try self.base.syncFolder(path) }
    func space(_ folder: String) throws(DiskError) -> DiskSpace { try self.base.space(folder) }
    func randomBytes() throws(DiskError) -> [16 of UInt8] { try self.base.randomBytes() }

    final class File: DiskFile {
        private let disk: GatedDisk
        private let base: any DiskFile

        init(disk: GatedDisk, base: any DiskFile) {
            self.disk = disk
            self.base = base
        }

        func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(DiskError)
            -> Int
        {
            unsafe try self.base.read(into: buffer, at: offset)
        }
        func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(DiskError) {
            unsafe try self.base.write(bytes, at: offset)
        }
        func sync() throws(DiskError) {
            self.disk.pass()
            try self.base.sync()
        }
        func size() throws(DiskError) -> UInt64 { try self.base.size() }
        func fillWithZeros(bytes: UInt64) throws(DiskError) {
            try self.base.fillWithZeros(bytes: bytes)
        }
        func lock() throws(DiskError) -> Bool { try self.base.lock() }
    }
}
