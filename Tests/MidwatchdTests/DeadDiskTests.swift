// SPDX-License-Identifier: Apache-2.0

import Journal
import MidwatchModel
import ReadingRing
import Synchronization
import Testing

@testable import midwatchd

/// A journal whose disk stops answering while readings go on.
@Suite struct DeadDiskTests {
    /// A disk that hangs in every sync while it is told to.
    private final class HangingDisk: JournalDisk {
        let below = LinuxDisk()
        let isHanging = Atomic<Bool>(false)
        let hung = Atomic<Int>(0)

        func wait() {
            guard self.isHanging.load(ordering: .acquiring) else { return }
            self.hung.wrappingAdd(1, ordering: .releasing)
            let pause = WakeWord()
            while self.isHanging.load(ordering: .acquiring) { pause.sleep(nanoseconds: 2_000_000) }
        }

        func makeFolder(_ path: String) throws(DiskError) { try self.below.makeFolder(path) }
        func list(_ folder: String) throws(DiskError) -> [String] { try self.below.list(folder) }
        func open(_ path: String, _ mode: DiskOpenMode) throws(DiskError) -> any DiskFile {
            File(disk: self, below: try self.below.open(path, mode))
        }
        func rename(_ source: String, to target: String) throws(DiskError) {
            try self.below.rename(source, to: target)
        }
        func remove(_ path: String) throws(DiskError) { try self.below.remove(path) }
        func syncFolder(_ path: String) throws(DiskError) { try self.below.syncFolder(path) }
        func space(_ folder: String) throws(DiskError) -> DiskSpace {
            try self.below.space(folder)
        }
        func randomBytes() throws(DiskError) -> [16 of UInt8] { try self.below.randomBytes() }

        private final class File: DiskFile {
            let disk: HangingDisk
            let below: any DiskFile
            init(disk: HangingDisk, below: any DiskFile) {
                self.disk = disk
                self.below = below
            }
            func read(
                into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64
            ) throws(DiskError) -> Int { unsafe try self.below.read(into: buffer, at: offset) }
            func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(DiskError) {
                unsafe try self.below.write(bytes, at: offset)
            }
            func sync() throws(DiskError) {
                self.disk.wait()
                try self.below.sync()
            }
            func size() throws(DiskError) -> UInt64 { try self.below.size() }
            func fillWithZeros(bytes: UInt64) throws(DiskError) {
                try self.below.fillWithZeros(bytes: bytes)
            }
            func lock() throws(DiskError) -> Bool { try self.below.lock() }
        }
    }

    /// Readings that the loop says are on the disk.
    private final class Durable: Sendable {
        let count = Atomic<UInt64>(0)
    }

    /// The ring's other reader, which is never behind.
    private final class EngineEnd {
        private var reader: RingReader

        init(_ ring: ReadingRing) { self.reader = ring.reader(.engine) }

        func read() {
            while true {
                let count = self.reader.available(max: 1_024)
                if count == 0 { return }
                self.reader.release(count)
            }
        }
    }

    @Test func `with a disk that never answers the ring is drained, and nothing is acknowledged`()
        throws
    {
        let folder = TemporaryFolder()
        let disk = HangingDisk()
        let open = try Journal.open(
            directory: folder.file("journal"),
            options: JournalOptions(
                segmentBytes: 1 << 20, stagingBytes: JournalStaging.slotCountMin * 64,
                ringCapacity: 1_024), disk: disk)
        let ring = ReadingRing(capacity: 1_024, firstSequence: open.report.nextN)
        let watermark = DurableWatermark(through: open.report.nextN)
        let durable = Durable()
        let loop = JournalLoop(
            ring: ring, staging: open.staging, committer: open.committer, watermark: watermark,
            clock: EngineClock(continuingAt: .zero), progress: .standalone(),
            syncIntervalNanoseconds: 1_000_000, latency: LatencyHistogram(),
            archiving: ArchiveLatency(
                clock: EngineClock(continuingAt: .zero), latency: LatencyHistogram()),
            logger: Quiet.logger, path: { "#\($0.rawValue)" },
            durable: { count, _ in durable.count.store(count, ordering: .releasing) })
        let threads = loop.start()
        disk.isHanging.store(true, ordering: .releasing)
        // It reads at once.
        let engine = EngineEnd(ring)
        var sent: UInt64 = 0
        var acknowledged: UInt64 = 0
        var held: UInt64 = 0
        // A client that comes with a session, again and again: two slots a CONNECT.
        let begin = ControlRecord.slots(
            head: Slot(kind: .sessionBegin, arrival: .zero), payload: Array("pump 1".utf8))
        for index in UInt64(0)..<100_000 {
            var slot = Slot(
                reading: 1, of: SensorIndex(rawValue: UInt32(index % 50)), from: .own,
                arrival: MonotonicInstant(nanoseconds: index + 1))
            if index % 10 == 5 {
                _ = ring.offer(begin.span, criticality: .own)
                engine.read()
            }
            if index % 10 == 0 {
                // Somebody waits for the acknowledgement; it stays with the sender when refused.
                slot.flags.insert(.acknowledgedDelivery)
                slot.sensor = SensorIndex(rawValue: 60)
                if ring.offer(slot, criticality: .normal) == .ringFull {
                    held += 1
                } else {
                    acknowledged += 1
                }
            } else {
                var isTaken = false
                let hasRoom = eventually {
                    isTaken = ring.offer(slot, criticality: .normal) != .ringFull
                    engine.read()
                    return isTaken
                }
                try #require(hasRoom, "the ring is not drained at \(index)")
                sent += 1
            }
            engine.read()
        }
        #expect(disk.hung.load(ordering: .acquiring) > 0)
        #expect(held > 5_000, "MQTT is told to wait: \(held)")
        #expect(eventually { ring.position(of: .journal) == ring.head })
        let status = open.staging.status
        #expect(status.stagedCount <= open.staging.capacity)
        #expect(status.unrecordedTotal + UInt64(status.stagedCount) >= sent)
        #expect(watermark.through == open.report.nextN, "nothing is acknowledged")
        #expect(ring.offer(Slot(kind: .tick, arrival: .zero), criticality: .own) != .ringFull)
        engine.read()
        let lost = open.staging.status.unrecordedTotal

        // The disk answers: what was held is taken again, and all of it becomes durable.
        disk.isHanging.store(false, ordering: .releasing)
        #expect(eventually { open.staging.status.stagedCount == 0 })
        var slot = Slot(reading: 1, of: SensorIndex(rawValue: 60), from: .own, arrival: .zero)
        slot.flags.insert(.acknowledgedDelivery)
        #expect(
            eventually {
                engine.read()
                return ring.offer(slot, criticality: .normal) != .ringFull
            })
        acknowledged += 1
        #expect(
            eventually { durable.count.load(ordering: .acquiring) == sent + acknowledged - lost })
        engine.read()
        loop.requestStop()
        for thread in threads { thread.join() }
        #expect(watermark.through > open.report.nextN)
    }
}
