// SPDX-License-Identifier: Apache-2.0

package import Journal
package import MidwatchModel

/// Reads a journal's records in order, for a start and for replay.
package struct JournalFeed: Sendable {
    private static let batchMax = 4_096
    /// Reads of one place that must agree before it counts as damage: beside a writer a block may
    /// be seen while it is being written.
    private static let damageReadsMax = 3

    /// What may lie between two records.
    package enum Event: Sendable {
        case damage(JournalDamage)
        /// Records up to this number were fed.
        case progress(UInt64)
    }

    package let folder: String

    package init(folder: String) { self.folder = folder }

    /// Feeds every record with a number in `first ..< limit` to `body` while that returns true.
    ///
    /// Damage is told and passed over.
    package func each(
        from first: UInt64, below limit: UInt64, onEvent: (Event) -> Void,
        _ body: (Slot, _ n: UInt64, _ epoch: UInt32) -> Bool
    ) throws(JournalError) {
        guard first < limit else { return }
        var reader = try JournalReader(
            directory: self.folder, from: Position(epoch: 0, n: first))
        var failures = 0
        while true {
            let read: (batch: ReadBatch, slots: [Slot])
            do throws(JournalError) {
                read = try reader.read(max: Self.batchMax, through: limit)
            } catch {
                guard case .damaged(let damage) = error else { throw error }
                failures += 1
                if failures < Self.damageReadsMax {
                    reader = try JournalReader(directory: self.folder, from: reader.position)
                    continue
                }
                failures = 0
                onEvent(.damage(damage))
                try reader.skipDamage()
                continue
            }
            failures = 0
            guard read.batch.count > 0 else { return }
            for (offset, slot) in read.slots.enumerated() {
                let n = read.batch.firstN + UInt64(offset)
                guard body(slot, n, read.batch.epoch) else { return }
            }
            onEvent(.progress(read.batch.firstN + UInt64(read.batch.count)))
        }
    }
}
