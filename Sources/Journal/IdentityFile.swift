// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

/// `identity`: who this journal is, twice, 4 KiB apart. Written once, before anything else.
enum IdentityFile {
    static let copyBytes = JournalFormat.blockAlignment

    static func read(_ file: any DiskFile) throws(DiskError) -> JournalID? {
        for copy in 0..<2 {
            let bytes = try file.bytes(at: UInt64(copy * self.copyBytes), count: self.copyBytes)
            let record = FixedRecord(
                checking: bytes, byteCount: self.copyBytes, magic: JournalFormat.identityMagic)
            if let record { return JournalID(high: record.u64(16), low: record.u64(24)) }
        }
        return nil
    }

    static func write(_ id: JournalID, to file: any DiskFile) throws(DiskError) {
        var record = FixedRecord(byteCount: self.copyBytes, magic: JournalFormat.identityMagic)
        record.put(JournalFormat.version, at: 8)
        record.put(id.high, at: 16)
        record.put(id.low, at: 24)
        try file.write(record.sealed + record.sealed, at: 0)
        try file.sync()
    }
}

/// `epoch`: the number of the latest run, in two places that are written in turn.
///
/// A torn write destroys the place that was being written; the other still holds the run before.
enum EpochFile {
    static let slotBytes = JournalFormat.blockAlignment

    /// The latest epoch, and whether both places are whole.
    static func read(_ file: any DiskFile) throws(DiskError) -> (epoch: UInt32, isWhole: Bool) {
        var epoch: UInt32 = 0
        var isWhole = true
        for slot in 0..<2 {
            let bytes = try file.bytes(at: UInt64(slot * self.slotBytes), count: self.slotBytes)
            let record = FixedRecord(
                checking: bytes, byteCount: self.slotBytes, magic: JournalFormat.epochMagic)
            if let record {
                epoch = max(epoch, record.u32(12))
            } else {
                isWhole = false
            }
        }
        return (epoch, isWhole)
    }

    /// Makes `epoch` durable.
    static func write(_ epoch: UInt32, to file: any DiskFile) throws(DiskError) {
        var record = FixedRecord(byteCount: self.slotBytes, magic: JournalFormat.epochMagic)
        record.put(JournalFormat.version, at: 8)
        record.put(epoch, at: 12)
        try file.write(record.sealed, at: UInt64(epoch % 2) * UInt64(self.slotBytes))
        try file.sync()
    }
}
