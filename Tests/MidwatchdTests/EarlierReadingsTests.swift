// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import Glibc
import Journal
import MidwatchModel
import StateFolder
import Synchronization
import Testing

@testable import midwatchd

/// What an alert after a restart knows of the time before it.
@Suite struct EarlierReadingsTests {
    private static let second: UInt64 = 1_000_000_000
    /// The calendar when engine time begins.
    private static let dawn: Int64 = 1_800_000_000_000_000_000

    private static func reading(_ value: Double, of sensor: UInt32, at second: UInt64) -> Slot {
        Slot(
            reading: value, of: SensorIndex(rawValue: sensor), from: SourceIndex(rawValue: 1),
            arrival: MonotonicInstant(nanoseconds: second * self.second))
    }

    /// The wall clock is `ahead` seconds ahead of engine time from here on.
    private static func anchor(at second: UInt64, ahead: Int64) -> Slot {
        var slot = Slot(
            kind: .clockAnchor, arrival: MonotonicInstant(nanoseconds: second * self.second))
        slot.sourceTime = self.dawn + (Int64(second) + ahead) * Int64(self.second)
        return slot
    }

    /// Writes one run; the number behind its last record.
    @discardableResult
    private static func journal(_ folder: String, _ slots: [Slot]) throws -> UInt64 {
        let open = try Journal.open(
            directory: folder,
            options: JournalOptions(
                segmentBytes: 1 << 20, stagingBytes: JournalStaging.slotCountMin * 64))
        var n = open.report.nextN
        for start in stride(from: 0, to: slots.count, by: 1_000) {
            let batch = Array(slots[start..<min(start + 1_000, slots.count)])
            let outcome = unsafe batch.withUnsafeBufferPointer {
                unsafe open.staging.append($0, firstN: n, now: .zero)
            }
            try #require(outcome.consumedCount == batch.count)
            n += UInt64(batch.count)
            while open.staging.status.stagedCount > 0 { _ = open.committer.commit(now: .zero) }
        }
        return n
    }

    private static func read(
        _ folder: String, below end: UInt64, wanted: [EarlierReadings.Wanted] = [],
        recordCountMax: UInt64 = EarlierReadings.recordCountMax,
        now: @escaping @Sendable () -> MonotonicInstant = { .zero }
    ) throws -> EarlierReadings {
        let earlier = EarlierReadings()
        earlier.read(
            folder: folder, below: end, wanted: wanted, recordCountMax: recordCountMax, now: now)
        try #require(eventually { earlier.isRead })
        return earlier
    }

    private static func id(_ n: UInt64) -> DecisionID {
        DecisionID(position: Position(epoch: 1, n: n), ordinal: 0)
    }

    @Test func `the newest readings before a restart come first, with the calendar of then`() throws
    {
        let folder = TemporaryFolder()
        // Midwatch stood still for an hour at engine time 31 s.
        var slots = [Self.anchor(at: 0, ahead: 0)]
        for second in 1...30 as ClosedRange<UInt64> {
            slots.append(Self.reading(Double(second), of: 3, at: second))
        }
        slots.append(Self.anchor(at: 31, ahead: 3_600))
        slots.append(Self.reading(31, of: 3, at: 31))
        let end = try Self.journal(folder.path, slots)
        let earlier = try Self.read(folder.path, below: end)
        let history = try #require(earlier.complete(nil, of: SensorIndex(rawValue: 3)))
        #expect(history.readings.map(\.value) == (12...31).map(Double.init))
        #expect(history.readings[18].at.nanoseconds == Self.dawn + 30 * Int64(Self.second))
        #expect(history.readings[19].at.nanoseconds == Self.dawn + 3_631 * Int64(Self.second))
        #expect(history.spanNanoseconds == 3_619 * Self.second)
        #expect(history.notReached == nil)
        #expect(earlier.complete(nil, of: SensorIndex(rawValue: 4)) == nil)
    }

    @Test func `what is heard after the start stands behind what was heard before`() throws {
        let folder = TemporaryFolder()
        let slots =
            [Self.anchor(at: 0, ahead: 0)]
            + (1...30).map { Self.reading(Double($0), of: 3, at: UInt64($0)) }
        let earlier = try Self.read(folder.path, below: try Self.journal(folder.path, slots))
        var recent = RecentReadings()
        for second in 41...45 as ClosedRange<UInt64> {
            var bad = Self.reading(Double(second), of: 3, at: second)
            bad.qualityRaw = Quality.bad.rawValue
            recent.note(bad)
        }
        let sensor = SensorIndex(rawValue: 3)
        let later = recent.extract(of: sensor) { WallInstant(nanoseconds: Int64($0.nanoseconds)) }
        let history = try #require(earlier.complete(later, of: sensor))
        #expect(history.readings.map(\.value) == (Array(16...30) + Array(41...45)).map(Double.init))
        #expect(history.lastGood?.value == 30)
        for second in 46...80 as ClosedRange<UInt64> {
            recent.note(Self.reading(Double(second), of: 3, at: second))
        }
        let full = recent.extract(of: sensor) { WallInstant(nanoseconds: Int64($0.nanoseconds)) }
        #expect(earlier.complete(full, of: sensor) == full)
    }

    @Test func `the look back is bounded and says how far it reached`() throws {
        let folder = TemporaryFolder()
        var slots = [Self.anchor(at: 0, ahead: 0), Self.reading(7, of: 9, at: 1)]
        slots += (2...500).map { Self.reading(Double($0), of: 3, at: UInt64($0)) }
        slots.insert(Self.anchor(at: 450, ahead: 0), at: 450)
        let end = try Self.journal(folder.path, slots)
        let earlier = try Self.read(folder.path, below: end, recordCountMax: 100)
        let busy = try #require(earlier.complete(nil, of: SensorIndex(rawValue: 3)))
        #expect(busy.readings.count == RecentReadings.depth && busy.notReached == nil)
        let rare = try #require(earlier.complete(nil, of: SensorIndex(rawValue: 9)))
        #expect(rare.readings.isEmpty)
        // The first of the last 100 records arrived at second 402.
        let from = WallInstant(nanoseconds: Self.dawn + 402 * Int64(Self.second)).rfc3339
        #expect(rare.notReached == "readings before \(from) were not looked for")
    }

    @Test func `a look back that takes too long shows nothing rather than a hole`() throws {
        let folder = TemporaryFolder()
        let end = try Self.journal(
            folder.path, (1...20_000).map { Self.reading(Double($0), of: 3, at: UInt64($0)) })
        let ticks = Ticks()
        let earlier = try Self.read(
            folder.path, below: end,
            wanted: [
                .init(
                    id: Self.id(100), sensor: SensorIndex(rawValue: 3))
            ]
        ) {
            MonotonicInstant(nanoseconds: ticks.next() * 6 * Self.second)
        }
        for history in [
            earlier.complete(nil, of: SensorIndex(rawValue: 3)),
            earlier.history(before: Self.id(100)),
        ] {
            #expect(history?.readings.isEmpty == true)
            #expect(
                history?.notReached == "the journal before the restart could not be read in time")
        }
    }

    @Test func `an alert that is told again has the readings that stood before its decision`()
        throws
    {
        let folder = TemporaryFolder()
        let sensor = SensorIndex(rawValue: 3)
        let end = try Self.journal(
            folder.path, (1...500).map { Self.reading(Double($0), of: 3, at: UInt64($0)) })
        let earlier = try Self.read(
            folder.path, below: end,
            wanted: [300, 100].map { .init(id: Self.id($0), sensor: sensor) })
        // Record n holds the reading n of a journal that begins with number 1.
        #expect(
            earlier.history(before: Self.id(100))?.readings.map(\.value)
                == (81...100).map(Double.init))
        #expect(earlier.history(before: Self.id(300))?.readings.last?.value == 300)
        let other = try #require(earlier.history(before: Self.id(200)))
        #expect(other.readings.isEmpty)
        #expect(other.notReached == "they were not looked for after the restart")
    }

    @Test func `damage between the readings is said`() throws {
        let folder = TemporaryFolder()
        let end = try Self.journal(
            folder.path,
            (1...20).map { Self.reading(Double($0), of: $0 < 15 ? 3 : 4, at: UInt64($0)) })
        let more = try Self.journal(
            folder.path, (21...30).map { Self.reading(Double($0), of: 3, at: UInt64($0)) })
        let segment = try #require(
            FileBytes.list(folder.path).filter { $0.hasSuffix(".segment") }.sorted().first)
        let file = unsafe open(folder.file(segment), O_WRONLY)
        // In the records of the first block behind the header of the segment.
        let rot = [UInt8](repeating: 0x55, count: 64)
        #expect(unsafe pwrite(file, rot, rot.count, 4_096 + 128) == rot.count)
        close(file)
        _ = end
        let earlier = try Self.read(folder.path, below: more)
        let history = try #require(earlier.complete(nil, of: SensorIndex(rawValue: 3)))
        #expect(history.readings.map(\.value) == (21...30).map(Double.init))
        #expect(history.notReached == "the journal is damaged between them")
    }

    @Test func `a start reads back what the run before heard, and what stands`() throws {
        let folder = TemporaryFolder()
        try Self.journal(
            folder.file("journal"),
            (1...40).map { Self.reading(Double($0), of: 0, at: UInt64($0)) })
        let ledger = try LedgerWriter.open(directory: folder.file("ledger")).writer
        let recovered = try Recovery(
            journalFolder: folder.file("journal"), checkpointFolder: folder.file("checkpoints"),
            options: JournalOptions(
                segmentBytes: 1 << 20, stagingBytes: JournalStaging.slotCountMin * 64),
            ledgerHolds: nil, catchUp: LedgerCatchUp(writer: ledger), book: { _ in nil },
            logger: Quiet.logger, vitals: nil
        ).run()
        let earlier = recovered.earlier
        try #require(eventually { earlier.isRead })
        let history = earlier.complete(nil, of: SensorIndex(rawValue: 0))
        #expect(history?.readings.map(\.value) == (21...40).map(Double.init))
    }
}

/// Counts up.
private final class Ticks: Sendable {
    private let count = Atomic<UInt64>(0)

    func next() -> UInt64 { self.count.wrappingAdd(1, ordering: .relaxed).newValue }
}
