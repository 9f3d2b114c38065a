// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import Journal
import MidwatchModel
import Testing

/// Speed on this machine's disk; runs only when `MIDWATCH_MEASURE` is set, in release mode.
@Suite(.serialized, .enabled(if: unsafe getenv("MIDWATCH_MEASURE") != nil))
struct Measurements {
    static func seconds(_ body: () throws -> Void) rethrows -> Double {
        let start = clinux_boottime_ns()
        try body()
        return Double(clinux_boottime_ns() - start) / 1e9
    }

    static func fill(_ open: OpenJournal, total: UInt64, sensors: UInt64, batch: UInt64) -> Double {
        var slots = (0..<batch).map {
            Slot(
                reading: 1, of: SensorIndex(rawValue: UInt32($0 % sensors)), from: .own,
                arrival: .zero)
        }
        var n = open.report.nextN
        let end = n + total
        return self.seconds {
            while n < end {
                for index in 0..<Int(batch) where index % 64 == 0 {
                    slots[index].sensor = SensorIndex(rawValue: UInt32(n % sensors))
                }
                _ = unsafe slots.withUnsafeBufferPointer {
                    unsafe open.staging.append($0, firstN: n, now: .zero)
                }
                n += batch
                if open.staging.status.stagedBytes >= 1 << 20 {
                    _ = open.committer.commit(now: .zero)
                }
                if n % (batch * 64) == 1 { _ = try? open.supply.prepareIfNeeded() }
            }
            while open.staging.status.stagedCount > 0 { _ = open.committer.commit(now: .zero) }
        }
    }

    @Test func `append, commit, read and open`() throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let directory = folder.path + "/journal"
        try self.register(directory)
        try self.measure(directory)
    }

    private func register(_ directory: String) throws {
        let journal = try Journal.open(directory: directory)
        // 100,000 sensors with names.
        var n = journal.report.nextN
        for index in 0..<UInt32(100_000) {
            var head = Slot(kind: .registerSensor, arrival: .zero)
            head.sensor = SensorIndex(rawValue: index)
            let slots = ControlRecord.slots(
                head: head, payload: Array("plant/area-\(index % 100)/line/sensor-\(index)".utf8))
            _ = unsafe slots.withUnsafeBufferPointer {
                unsafe journal.staging.append($0, firstN: n, now: .zero)
            }
            n += UInt64(slots.count)
            if index % 10_000 == 0 { _ = journal.committer.commit(now: .zero) }
        }
        while journal.staging.status.stagedCount > 0 { _ = journal.committer.commit(now: .zero) }
    }

    private func measure(_ directory: String) throws {
        var opened: OpenJournal?
        var time = try Self.seconds { opened = try Journal.open(directory: directory) }
        print("open, registrations in blocks:", time, "s", opened?.report.sensorPaths.count ?? 0)
        let total: UInt64 = 8_000_000
        if let opened {
            let before = clock()
            time = Self.fill(opened, total: total, sensors: 100_000, batch: 4_096)
            print("append + commit, records/s:", Double(total) / time)
            let busy = Double(clock() - before) / Double(CLOCKS_PER_SEC)
            print("append + commit, CPU ns a record:", busy / Double(total) * 1e9)
        }
        if let opened {
            var n = opened.staging.status.nextN
            var slot = Slot(
                reading: 1, of: SensorIndex(rawValue: 1), from: .own, arrival: .zero)
            slot.flags = .acknowledgedDelivery
            var times: [UInt64] = []
            for _ in 0..<5_000 {
                let start = clinux_boottime_ns()
                _ = unsafe withUnsafePointer(to: &slot) { pointer in
                    unsafe opened.staging.append(
                        UnsafeBufferPointer(start: pointer, count: 1), firstN: n, now: .zero)
                }
                _ = opened.committer.commit(now: .zero)
                times.append(clinux_boottime_ns() - start)
                n += 1
            }
            times.sort()
            print("commit of one record, ns p50 p99 max:", times[2_500], times[4_950], times[4_999])
        }
        opened = nil
        time = try Self.seconds { opened = try Journal.open(directory: directory) }
        print("open, registry file:", time, "s", opened?.report.sensorPaths.count ?? 0)
        let reader = try JournalReader(directory: directory, from: .zero)
        let buffer = UnsafeMutableBufferPointer<Slot>.allocate(capacity: 16_384)
        defer { unsafe buffer.deallocate() }
        var count = 0
        time = try Self.seconds {
            while true {
                let batch = unsafe try reader.read(into: buffer, through: UInt64.max)
                if batch.count == 0 { break }
                count += batch.count
            }
        }
        print("read, records/s:", Double(count) / time, count)
        let last = opened?.report.nextN ?? 0
        #expect(count > 8_000_000 && last == UInt64(count + 1))
    }

    @Test func `ledger append, commit and verify`() throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let directory = folder.path + "/ledger"
        let (writer, _) = try LedgerWriter.open(directory: directory)
        let body = Array((#"{"text":""# + String(repeating: "x", count: 400) + #""}"#).utf8)
        let written = WallInstant(nanoseconds: 0)
        _ = try writer.append(body: body, written: written)
        _ = writer.commit(now: .zero)
        var time = try Self.seconds {
            for _ in 0..<2_000 {
                _ = try writer.append(body: body, written: written)
                _ = writer.commit(now: .zero)
            }
        }
        print("ledger line + commit, µs:", time / 2_000 * 1e6)
        time = try Self.seconds {
            for _ in 0..<100 {
                for _ in 0..<500 { _ = try writer.append(body: body, written: written) }
                _ = writer.commit(now: .zero)
            }
        }
        print("ledger lines/s in groups of 500:", 50_000 / time)
        var report = LedgerAudit.Report()
        time = try Self.seconds { report = try LedgerAudit.verify(directory: directory) }
        #expect(report.isWhole)
        print("ledger verify, lines/s:", 52_001 / time)
    }
}
