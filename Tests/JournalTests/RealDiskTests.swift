// SPDX-License-Identifier: Apache-2.0

import Glibc
import MidwatchModel
import Synchronization
import Testing

@testable import Journal

/// A folder for one test, which removes it.
struct TemporaryFolder {
    let path: String

    init() throws {
        let random = try LinuxDisk().randomBytes()
        let name = HexDigits.text((0..<8).map { random[$0] })
        self.path = "/tmp/midwatch-journal-\(name)"
        try LinuxDisk().makeFolder(self.path)
    }

    func remove() {
        let disk = LinuxDisk()
        for folder in ["/journal/damaged", "/journal", "/ledger", ""] {
            for name in (try? disk.list(self.path + folder)) ?? [] {
                try? disk.remove(self.path + folder + "/" + name)
            }
            if !folder.isEmpty { unsafe rmdir(self.path + folder) }
        }
        unsafe rmdir(self.path)
    }
}

@Suite struct RealDiskTests {
    @Test func `a second process is kept out, and a restart goes on`() throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let directory = folder.path + "/journal"
        let options = JournalOptions(segmentBytes: 1 << 20, stagingBytes: 1 << 20)
        var first: OpenJournal? = try Journal.open(directory: directory, options: options)
        let journal = first?.report.journal
        #expect(throws: JournalError.lockedByAnother) {
            try Journal.open(directory: directory, options: options)
        }
        let slots = (1...UInt64(1_000)).map { JournalWorld.reading($0, sensor: UInt32($0 % 9)) }
        let outcome = unsafe slots.withUnsafeBufferPointer {
            unsafe first?.staging.append($0, firstN: 1, now: .zero)
        }
        #expect(outcome?.consumedCount == 1_000)
        #expect(first?.committer.commit(now: .zero).durableThrough == 1_001)
        first = nil
        let second = try Journal.open(directory: directory, options: options)
        #expect(second.report.journal == journal && second.report.nextN == 1_001)
        #expect(second.report.epoch > 1 && second.report.damage.isEmpty)
        let reader = try JournalReader(directory: directory, from: .zero)
        #expect(try reader.read(max: 2_000, through: UInt64.max).slots.count == 1_000)
        let space = try LinuxDisk().space(folder.path)
        #expect(space.capacity > space.available && space.available > 0)
    }

    @Test func `a reader follows the writer over rotations and sees only what is durable`()
        async throws
    {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let directory = folder.path + "/journal"
        let total: UInt64 = 60_000
        let open = try Journal.open(
            directory: directory,
            options: JournalOptions(segmentBytes: 1 << 20, stagingBytes: 1 << 22))
        let watermark = DurableWatermark(through: open.report.nextN)
        let writer = Task.detached {
            var n = open.report.nextN
            while n <= total {
                let end = min(n + 1 + n % 700, total + 1)
                let slots = (n..<end).map {
                    JournalWorld.reading($0, sensor: UInt32($0 % 50), acknowledged: $0 % 3 == 0)
                }
                _ = unsafe slots.withUnsafeBufferPointer {
                    unsafe open.staging.append($0, firstN: n, now: .zero)
                }
                n = end
                watermark.advance(to: open.committer.commit(now: .zero).durableThrough)
            }
        }
        let reader = try JournalReader(directory: directory, from: .zero)
        var expected: UInt64 = 1
        var wrong = 0
        while expected <= total {
            let limit = watermark.through
            let (batch, slots) = try reader.read(max: 997, through: limit)
            if batch.count == 0 { await Task.yield() }
            if batch.count > 0, batch.firstN != expected { wrong += 1 }
            if batch.firstN + UInt64(batch.count) > limit, batch.count > 0 { wrong += 1 }
            for (offset, slot) in slots.enumerated() {
                let n = batch.firstN + UInt64(offset)
                if slot.number != Double(n) { wrong += 1 }
                if slot.link != (n > 50 ? n - 50 : Slot.noPrevious) { wrong += 1 }
            }
            expected += UInt64(batch.count)
        }
        await writer.value
        #expect(wrong == 0)
        #expect((open.committer.segmentNumber ?? 0) > 3)
    }

    @Test func `a ledger on a real disk verifies`() throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let directory = folder.path + "/ledger"
        let (writer, _) = try LedgerWriter.open(
            directory: directory, options: LedgerTests.options)
        for value in 1...100 {
            _ = try writer.append(
                body: LedgerTests.body(value), written: LedgerTests.written)
        }
        #expect(writer.commit(now: .zero).durableThrough == 100)
        let report = try LedgerAudit.verify(directory: directory)
        #expect(report.isWhole && report.recordCount == 100 && report.head?.n == 100)
    }
}
