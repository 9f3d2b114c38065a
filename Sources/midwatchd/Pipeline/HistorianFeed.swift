// SPDX-License-Identifier: Apache-2.0

import Historian
import Journal
import MidwatchModel

/// The journal as the historian reads it.
///
/// Historian thread only.
struct HistorianFeed: ReadingSource {
    /// Reads of one place that must agree before its records are given up.
    private static let damageReadsMax = 3

    let journalID: JournalID
    private let folder: String
    private let watermark: DurableWatermark
    private let epoch: UInt32
    /// Position behind the last durable record before this run.
    private let durableEnd: Position
    private let damages: DamageBoard
    private var reader: JournalReader?
    private var expected = Position.zero

    init(
        folder: String, report: JournalReport, watermark: DurableWatermark, damages: DamageBoard
    ) {
        self.folder = folder
        self.journalID = report.journal
        self.watermark = watermark
        self.epoch = report.epoch
        self.durableEnd = report.durableEnd
        self.damages = damages
    }

    var oldestPosition: Position? { try? JournalReader.oldest(directory: self.folder) }

    var newestPosition: Position? {
        let through = self.watermark.through
        if through > self.durableEnd.n { return Position(epoch: self.epoch, n: through - 1) }
        guard self.durableEnd.n > 1 else { return nil }
        return Position(epoch: self.durableEnd.epoch, n: self.durableEnd.n - 1)
    }

    mutating func next(
        after: Position, max: Int, into input: inout HistorianInput
    ) throws -> ReadingSourceYield {
        input.slots.removeAll(keepingCapacity: true)
        if self.reader == nil || self.expected != after {
            let start = after == .zero ? (self.oldestPosition?.n ?? 1) : after.n + 1
            self.reader = try JournalReader(
                directory: self.folder, from: Position(epoch: after.epoch, n: start))
            self.expected = after
        }
        guard var reader = self.reader else { return .caughtUp }
        var failures = 0
        while true {
            do {
                let read = try reader.read(max: max, through: self.watermark.through)
                guard read.batch.count > 0 else { return .caughtUp }
                input.epoch = read.batch.epoch
                input.firstN = read.batch.firstN
                input.slots.append(contentsOf: read.slots)
                self.expected = Position(
                    epoch: read.batch.epoch, n: read.batch.firstN + UInt64(read.batch.count) - 1)
                return .slots
            } catch .damaged(let damage) {
                failures += 1
                if failures < Self.damageReadsMax {
                    reader = try JournalReader(directory: self.folder, from: reader.position)
                    self.reader = reader
                    continue
                }
                failures = 0
                self.damages.note(damage)
                try reader.skipDamage()
            } catch {
                self.reader = nil
                throw error
            }
        }
    }

    func rewound(from position: Position, records: UInt64) -> Position {
        guard position.n > records else { return .zero }
        return Position(epoch: 0, n: position.n - records)
    }
}
