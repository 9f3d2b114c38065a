// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

@testable import Journal

/// A journal on a simulated disk and what a test knows about it.
struct JournalWorld {
    static let directory = "/journal"
    static let segmentBytes = JournalOptions.segmentBytesMin

    let disk: SimulatedDisk
    var open: OpenJournal
    var nextN: UInt64
    var durableThrough: UInt64
    var clock: UInt64 = 1_000

    init(seed: UInt64 = 1, disk: SimulatedDisk? = nil, options: JournalOptions? = nil) throws {
        let disk = disk ?? SimulatedDisk(seed: seed)
        self.disk = disk
        self.open = try Journal.open(
            directory: Self.directory,
            options: options
                ?? JournalOptions(segmentBytes: Self.segmentBytes, stagingBytes: 1 << 19),
            disk: disk)
        self.nextN = self.open.report.nextN
        self.durableThrough = self.open.report.nextN
    }

    var now: MonotonicInstant { MonotonicInstant(nanoseconds: self.clock) }
    var staging: JournalStaging { self.open.staging }

    /// A reading whose value is its number, so that a test can tell a copy from a stranger.
    static func reading(
        _ n: UInt64, sensor: UInt32, run: UInt64 = 0, acknowledged: Bool = false
    ) -> Slot {
        var slot = Slot(
            reading: Double(n), of: SensorIndex(rawValue: sensor), from: .own,
            arrival: MonotonicInstant(nanoseconds: n * 10))
        slot.aux = run
        if acknowledged { slot.flags.insert(.acknowledgedDelivery) }
        return slot
    }

    @discardableResult
    mutating func append(_ slots: [Slot]) -> StagingOutcome {
        let outcome = unsafe slots.withUnsafeBufferPointer {
            unsafe self.staging.append($0, firstN: self.nextN, now: self.now)
        }
        self.nextN += UInt64(outcome.consumedCount)
        return outcome
    }

    @discardableResult
    mutating func append(
        readings count: Int, sensors: UInt32 = 10, run: UInt64 = 0, acknowledged: Bool = false
    ) -> StagingOutcome {
        let first = self.nextN
        return self.append(
            (0..<UInt64(count)).map { offset in
                Self.reading(
                    first + offset, sensor: UInt32((first + offset) % UInt64(sensors)), run: run,
                    acknowledged: acknowledged)
            })
    }

    @discardableResult
    mutating func commit() -> CommitOutcome {
        let outcome = self.open.committer.commit(now: self.now)
        self.durableThrough = outcome.durableThrough
        return outcome
    }

    /// Commits until nothing is staged.
    mutating func commitAll() {
        while self.staging.status.stagedCount > 0 {
            let before = self.durableThrough
            self.commit()
            if self.durableThrough == before { return }
        }
    }

    /// The process dies, or the machine; then the journal is opened again.
    mutating func reopen(losingPower: Bool) throws {
        if losingPower { self.disk.losePower() } else { self.disk.kill() }
        let clock = self.clock
        self = try JournalWorld(disk: self.disk)
        self.clock = clock
    }

    /// Every record below `limit`, and the damage on the way.
    func readAll(
        from n: UInt64 = 0, limit: UInt64 = UInt64.max, max: Int = 777
    ) throws -> (records: [(n: UInt64, epoch: UInt32, slot: Slot)], damage: [JournalDamage]) {
        let reader = JournalReader(
            folder: JournalFolder(path: Self.directory), position: Position(epoch: 0, n: n),
            disk: self.disk)
        var records: [(n: UInt64, epoch: UInt32, slot: Slot)] = []
        var damage: [JournalDamage] = []
        while true {
            do {
                let (batch, slots) = try reader.read(max: max, through: limit)
                if batch.count == 0 { return (records, damage) }
                for (offset, slot) in slots.enumerated() {
                    records.append((batch.firstN + UInt64(offset), batch.epoch, slot))
                }
            } catch {
                guard case .damaged(let found) = error else {
                    throw error
                }
                damage.append(found)
                try reader.skipDamage()
            }
        }
    }
}
