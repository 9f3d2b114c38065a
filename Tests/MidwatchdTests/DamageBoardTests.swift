// SPDX-License-Identifier: Apache-2.0

import Historian
import JSONText
import MidwatchModel
import StateFolder
import Synchronization
import Testing

@testable import Journal
@testable import midwatchd

/// Damage that is met while the journal is archived.
@Suite struct DamageBoardTests {
    private final class Records: Sendable {
        let bodies = Mutex<[[UInt8]]>([])
    }

    /// What is found where the journal rots.
    private static let marker: UInt64 = 0x5EED_0F_0A_B10C
    private static let perBlock = 40

    /// A journal of three blocks.
    private static func journal(in folder: String) throws -> JournalReport {
        let open = try Journal.open(
            directory: folder,
            options: JournalOptions(
                segmentBytes: 1 << 20, stagingBytes: JournalStaging.slotCountMin * 64))
        var n = open.report.nextN
        for block in 0..<3 {
            let slots = (0..<Self.perBlock).map { index in
                var slot = Slot(
                    reading: 1, of: SensorIndex(rawValue: 3), from: .own,
                    arrival: MonotonicInstant(nanoseconds: n + UInt64(index)))
                slot.valueBits = Self.marker &+ UInt64(block)
                return slot
            }
            let now = MonotonicInstant(nanoseconds: n * 1_000_000_000)
            _ = unsafe slots.withUnsafeBufferPointer {
                unsafe open.staging.append($0, firstN: n, now: now)
            }
            n += UInt64(slots.count)
            #expect(open.committer.commit(now: now).recordCount == slots.count)
        }
        return open.report
    }

    /// Changes one bit of the first reading of the second block.
    private static func rot(_ path: String) throws {
        var bytes = try #require(FileBytes.read(path))
        let wanted = unsafe withUnsafeBytes(of: (Self.marker + 1).littleEndian) { unsafe Array($0) }
        let at = try #require(
            (0..<bytes.count - 8).first {
                bytes[$0] == wanted[0] && Array(bytes[$0..<$0 + 8]) == wanted
            })
        bytes[at] ^= 1
        try FileBytes.replace(path, with: bytes, mode: 0o600)
    }

    private static func archive(_ feed: inout HistorianFeed) throws -> [UInt64] {
        var after = Position.zero
        var numbers: [UInt64] = []
        var input = HistorianInput()
        while case .slots = try feed.next(after: after, max: 16, into: &input) {
            for offset in 0..<input.slots.count { numbers.append(input.firstN + UInt64(offset)) }
            after = Position(
                epoch: input.epoch, n: input.firstN + UInt64(input.slots.count) - 1)
        }
        return numbers
    }

    @Test func `damage met while archiving is counted once and recorded with its place`() throws {
        let folder = TemporaryFolder()
        let report = try Self.journal(in: folder.file("journal"))
        try Self.rot(folder.file("journal/0000000001.segment"))
        let records = Records()
        let damages = DamageBoard(
            found: [], furtherCount: 0, logger: Quiet.logger, path: { "pump/\($0.rawValue)" },
            record: { body in records.bodies.withLock { $0.append(body) } })
        let first = report.nextN
        let end = first + UInt64(3 * Self.perBlock)
        let watermark = DurableWatermark(through: end)
        var feed = HistorianFeed(
            folder: folder.file("journal"), report: report, watermark: watermark, damages: damages)
        let lost = first + UInt64(Self.perBlock)..<first + UInt64(2 * Self.perBlock)
        let archived = try Self.archive(&feed)
        #expect(archived == (first..<end).filter { !lost.contains($0) })
        #expect(damages.count == 1)
        let body = try #require(records.bodies.withLock { $0 }.first)
        let json = try JSONValue(parsing: body.span)
        #expect(json["kind"]?.string == "journalDamaged")
        #expect(json["segment"]?.integer == 1)
        #expect(json["lostFrom"]?.integer == Int64(lost.lowerBound))
        #expect(json["lostCount"]?.integer == Int64(lost.count))
        #expect(json["wasDurable"]?.bool == true)
        #expect(json["sensors"]?.array?.compactMap(\.string) == ["pump/3"])
        // The archive begins again, as it does when its database was away.
        var again = HistorianFeed(
            folder: folder.file("journal"), report: report, watermark: watermark, damages: damages)
        _ = try Self.archive(&again)
        #expect(damages.count == 1)
        #expect(records.bodies.withLock { $0.count } == 1)
    }

    @Test func `what the start found counts, and not again`() {
        var damage = JournalDamage(
            reason: .blockChecksum, segment: 4, byteOffset: 8_192, byteCount: 4_096, lost: 5..<9,
            wasDurable: true, sensors: [])
        let records = Records()
        let damages = DamageBoard(
            found: [damage], furtherCount: 2, logger: Quiet.logger, path: { _ in "" },
            record: { body in records.bodies.withLock { $0.append(body) } })
        damages.note(damage)
        #expect(damages.count == 3)
        damage.byteOffset = 12_288
        damages.note(damage)
        #expect(damages.count == 4)
        #expect(records.bodies.withLock { $0.count } == 1)
    }
}
