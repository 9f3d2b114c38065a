// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// Why the journal cannot be opened or read on.
package enum JournalError: Error, Equatable, Sendable {
    case disk(DiskError)
    /// Another process has the folder open for writing.
    case lockedByAnother
    /// Neither copy of the identity can be read and no segment tells it. Restore it from a backup;
    /// a new journal under the old name would give out positions twice.
    case identityDamaged
    /// The file was written by a version of Midwatch that this one does not know.
    case unknownVersion(file: String, version: UInt32)
    /// The position is older than the oldest record kept.
    case positionTooOld(oldest: Position)
    /// The position was never reached by this journal, or by another run of it.
    case positionAhead(end: Position)
    /// Bytes that should hold records do not. `JournalReader.skipDamage()` goes on behind them.
    case damaged(JournalDamage)

    /// What the caller does about it.
    package enum Disposition: Sendable { case retry, skip, fatal }

    package var disposition: Disposition {
        switch self {
        case .disk(let error): error.isDiskFull ? .retry : .fatal
        case .lockedByAnother: .retry
        case .damaged: .skip
        case .identityDamaged, .unknownVersion, .positionTooOld, .positionAhead: .fatal
        }
    }
}

/// Runs calls to the disk and gives their error the journal's type.
func onDisk<Result>(
    _ body: () throws(DiskError) -> Result
) throws(JournalError) -> Result {
    do throws(DiskError) { return try body() } catch { throw .disk(error) }
}

/// Records that were written and cannot be read.
package struct JournalDamage: Equatable, Sendable {
    /// What is wrong with the bytes.
    package enum Reason: String, Sendable {
        /// A block fails its checksum.
        case blockChecksum = "a block fails its checksum"
        /// Zeros where a block was written.
        case blockMissing = "a block was never written"
        /// A valid block that does not follow the block before it.
        case chainBroken = "a block does not follow the one before it"
        /// The header of a segment fails its checksum.
        case segmentHeader = "the header of a segment fails its checksum"
        /// A segment ends before the next one begins, or is gone.
        case endMissing = "the end of a segment is missing"
        /// The registry file fails its checksum or does not match the newest segment.
        case registry = "the sensor registry is damaged"
    }

    /// Sensors that one report names at most.
    package static let sensorsMax = 64

    package var reason: Reason
    /// Number of the segment; its file is `%010u.segment`.
    package var segment: UInt32
    package var byteOffset: UInt64
    package var byteCount: UInt64
    /// Numbers of the records that cannot be read; empty if only bytes around them are bad.
    package var lost: Range<UInt64>
    /// Whether any of it had been reported durable. If not, a crash tore it and nobody was told
    /// that it was kept.
    package var wasDurable: Bool
    /// Sensors found in the damaged bytes: a hint, the bytes may lie.
    package var sensors: [SensorIndex]
}
