// SPDX-License-Identifier: Apache-2.0

/// The anchored head: where the ledger ended at its last commit.
///
/// It stands outside the ledger's files, in `ledger.head`, so that a ledger whose last lines were
/// cut off does not pass for a whole one.
package struct LedgerHead: Equatable, Sendable {
    /// Number of the last line; 0 for none.
    package var n: UInt64
    /// Hash of the last line.
    package var hash: [UInt8]
    /// Number of the file that holds it.
    package var file: UInt32
    /// Number of the oldest file kept; 1 unless the log is bounded.
    package var oldestFile: UInt32

    static let empty = LedgerHead(n: 0, hash: LedgerText.noHash, file: 0, oldestFile: 1)
}

/// `ledger.head`: the head in two places, 4 KiB apart, written in turn, each synced.
struct LedgerHeadFile {
    private static let magic: UInt32 = 0x484C_574D  // "MWLH"
    private static let version: UInt32 = 1
    private static let recordBytes = 512
    private static let slotBytes: UInt64 = 4_096

    let file: any DiskFile
    private(set) var sequence: UInt64 = 0

    /// What the file says.
    enum Reading: Equatable {
        case head(LedgerHead, sequence: UInt64)
        /// Neither place can be read.
        case damaged
    }

    init(file: any DiskFile, sequence: UInt64) {
        self.file = file
        self.sequence = sequence
    }

    static func read(_ file: any DiskFile) throws(DiskError) -> Reading {
        var newest: (head: LedgerHead, sequence: UInt64)?
        for slot in 0..<2 {
            let bytes = try file.bytes(
                at: UInt64(slot) * self.slotBytes, count: self.recordBytes)
            guard
                let record = FixedRecord(
                    checking: bytes, byteCount: self.recordBytes, magic: self.magic),
                record.u32(8) == self.version
            else { continue }
            let sequence = record.u64(16)
            if let newest, newest.sequence > sequence { continue }
            newest = (
                LedgerHead(
                    n: record.u64(24), hash: record.slice(32, ContentHash.byteCount),
                    file: record.u32(64), oldestFile: record.u32(68)), sequence
            )
        }
        guard let newest else { return .damaged }
        return .head(newest.head, sequence: newest.sequence)
    }

    /// Makes `head` durable in the place that does not hold the newest one.
    mutating func write(_ head: LedgerHead) throws(DiskError) {
        self.sequence += 1
        var record = FixedRecord(byteCount: Self.recordBytes, magic: Self.magic)
        record.put(Self.version, at: 8)
        record.put(self.sequence, at: 16)
        record.put(head.n, at: 24)
        record.put(head.hash, at: 32)
        record.put(head.file, at: 64)
        record.put(head.oldestFile, at: 68)
        try self.file.write(record.sealed, at: self.sequence % 2 * Self.slotBytes)
        try self.file.sync()
    }
}
