// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// Whether the journal can make records durable.
package enum JournalMode: String, Sendable {
    case normal
    /// No room for another segment. Nothing is lost while staging lasts; tried again regularly.
    case diskFull
    /// Two segments failed one after the other. No acknowledgements; evaluation and alerts go on;
    /// a fresh segment is tried regularly.
    case storageFailed
}

/// What one commit did.
package struct CommitOutcome: Equatable, Sendable {
    /// Every number below is durable or was skipped by staging.
    ///
    /// Never smaller than before.
    package var durableThrough: UInt64
    package var recordCount = 0
    /// Readings among them, the canary's excepted.
    package var readingCount = 0
    package var byteCount = 0
    package var mode: JournalMode
    /// The first error of this call; the records may have become durable all the same, in a fresh
    /// segment.
    package var error: DiskError?
    /// Segments that an error ended in this call.
    package var endedSegmentCount = 0

    package init(durableThrough: UInt64, mode: JournalMode) {
        self.durableThrough = durableThrough
        self.mode = mode
    }
}

/// Writes staged slots as blocks and makes them durable.
///
/// One thread owns it. One call of `commit` is one transaction: blocks of at most
/// `transactionBytesMax` bytes, written and synced once. It holds no lock while the disk works.
///
/// Errors: a write or a sync that fails ends the segment for ever, because a repeated
/// `fdatasync` reports success without having written. The same records, still in staging, go to a
/// fresh segment at once; if that fails too the mode is `storageFailed` and every
/// `retryNanoseconds` another segment is tried.
///
/// Invariants
/// 1. `durableThrough` moves only after a sync returned without error.
/// 2. Between calls the link table, the registry and the chain hold durable records only.
///
/// `@unchecked Sendable`: it may be handed from the thread that opened it to the one that owns it;
/// it is not for two threads at a time.
package final class JournalCommitter: @unchecked Sendable {
    /// Bytes that are written before a sync at most.
    package static let transactionBytesMax = 4 << 20
    /// Pause between attempts while the mode is not normal.
    package static let retryNanoseconds: UInt64 = 2_000_000_000

    struct OpenSegment {
        var file: any DiskFile
        var number: UInt32
        var uuid: SegmentUUID
        /// Where the next block goes.
        var offset: UInt64
        var blockIndex: UInt32 = 0
        var previousChecksum: UInt32
        var holdsRecords = false
    }

    let folder: JournalFolder
    let disk: any JournalDisk
    private let lock: any DiskFile
    let journal: JournalID
    let epoch: UInt32
    let segmentBytes: UInt64
    let staging: JournalStaging
    let supply: SegmentSupply
    /// Told when the owning thread is in a call to the disk; nil: nobody watches it.
    package var progress: StageProgress?
    let buffer = AlignedBuffer(byteCount: JournalCommitter.transactionBytesMax)
    let links: LinkTable

    var segment: OpenSegment?
    var nextSegmentNumber: UInt32
    var registry: JournalRegistry
    var writtenEntryCount: Int?
    var hasRegistryFile: Bool
    var digests: (entryCount: Int, sensors: RegistryDigest, sources: RegistryDigest)?
    var assembler = ControlAssembler()
    var pendingHeadN: UInt64?
    var lastChecksum: UInt32
    var highestArrival: MonotonicInstant

    /// Every number below is durable or was skipped by staging.
    package private(set) var durableThrough: UInt64
    package private(set) var mode = JournalMode.normal
    private var retryAt = MonotonicInstant.zero

    init(_ start: CommitterStart, staging: JournalStaging, supply: SegmentSupply) {
        self.folder = start.folder
        self.disk = start.disk
        self.lock = start.lock
        self.journal = start.journal
        self.epoch = start.epoch
        self.segmentBytes = start.segmentBytes
        self.links = start.links
        self.registry = start.registry
        self.writtenEntryCount = start.writtenEntryCount
        self.hasRegistryFile = start.hasRegistryFile
        self.nextSegmentNumber = start.nextSegmentNumber
        self.lastChecksum = start.lastChecksum
        self.highestArrival = start.highestArrival
        self.durableThrough = start.nextN
        self.staging = staging
        self.supply = supply
    }

    /// Number of the segment that is being written; nil before the first commit.
    package var segmentNumber: UInt32? { self.segment?.number }

    /// Makes staged records durable: all of them, or the oldest `transactionBytesMax` bytes.
    ///
    /// `now` is engine time, for the pause between attempts.
    package func commit(now: MonotonicInstant) -> CommitOutcome {
        var outcome = CommitOutcome(durableThrough: self.durableThrough, mode: self.mode)
        if self.mode != .normal, now < self.retryAt { return outcome }
        let staged = self.staging.peek()
        guard staged.count > 0 else { return outcome }
        // Outside normal mode one attempt is made, inside it a second one in a fresh segment.
        let attemptMax = self.mode == .normal ? 2 : 1
        for _ in 0..<attemptMax {
            do throws(DiskError) {
                try self.attempt(staged.head, staged.count, &outcome)
                self.mode = .normal
                break
            } catch {
                if outcome.error == nil { outcome.error = error }
                let couldNotBegin = self.segment == nil
                if !couldNotBegin { outcome.endedSegmentCount += 1 }
                self.endSegment()
                self.mode = couldNotBegin && error.isDiskFull ? .diskFull : .storageFailed
                self.retryAt = now.advanced(byNanoseconds: Self.retryNanoseconds)
                if self.mode == .diskFull { break }
            }
        }
        outcome.durableThrough = self.durableThrough
        outcome.mode = self.mode
        return outcome
    }

    private func attempt(
        _ head: Int, _ count: Int, _ outcome: inout CommitOutcome
    ) throws(DiskError) {
        if let open = self.segment,
            open.offset + UInt64(JournalFormat.blockAlignment) > self.segmentBytes
        {
            self.segment = nil
        }
        if self.segment == nil {
            let firstN = self.staging.slot(head: head, offset: 0).link
            try self.callingDisk { () throws(DiskError) in try self.beginSegment(firstN: firstN) }
        }
        guard var open = self.segment else { preconditionFailure("no segment after it began") }
        let (file, offset) = (open.file, open.offset)
        let formed = self.form(head, count, &open)
        precondition(formed.recordCount > 0, "a transaction without records")
        do throws(DiskError) {
            try self.callingDisk { () throws(DiskError) in
                unsafe try file.write(
                    UnsafeRawBufferPointer(rebasing: self.buffer.bytes[..<formed.byteCount]),
                    at: offset)
                try file.sync()
            }
        } catch {
            self.undo(formed)
            throw error
        }
        open.offset += UInt64(formed.byteCount)
        open.holdsRecords = true
        self.segment = open
        self.lastChecksum = open.previousChecksum
        self.highestArrival = formed.highestArrival
        if formed.hasRegistrations { self.register(head, formed.recordCount) }
        self.durableThrough = formed.endN
        self.staging.release(formed.recordCount)
        outcome.recordCount = formed.recordCount
        outcome.readingCount = formed.readingCount
        outcome.byteCount = formed.byteCount
    }

    /// Gives up the segment.
    ///
    /// One that holds no durable record has no use and is removed.
    private func endSegment() {
        guard let open = self.segment else { return }
        self.segment = nil
        guard !open.holdsRecords else { return }
        try? self.callingDisk { () throws(DiskError) in
            try self.disk.remove(self.folder.segment(open.number))
        }
    }

    private func callingDisk(_ body: () throws(DiskError) -> Void) throws(DiskError) {
        if let progress = self.progress { try progress.callingDisk(body) } else { try body() }
    }

    /// Takes the registrations among the first `count` staged slots, which are durable now.
    private func register(_ head: Int, _ count: Int) {
        for offset in 0..<count {
            let slot = self.staging.slot(head: head, offset: offset)
            switch slot.kind {
            case .registerSensor, .registerSource:
                self.pendingHeadN = slot.link
            case .continuation:
                if self.pendingHeadN == nil { continue }
            default: continue
            }
            if let record = self.assembler.push(slot, n: slot.link) {
                self.registry.register(record)
                self.pendingHeadN = nil
            }
        }
    }
}

/// What recovery hands to the committer.
struct CommitterStart {
    var folder: JournalFolder
    var disk: any JournalDisk
    /// Held for the life of the committer.
    var lock: any DiskFile
    var journal: JournalID
    var epoch: UInt32
    var segmentBytes: UInt64
    var links: LinkTable
    var registry: JournalRegistry
    /// Registry entries that stand in the file; nil if it has to be written.
    var writtenEntryCount: Int?
    var hasRegistryFile: Bool
    var nextSegmentNumber: UInt32
    var lastChecksum: UInt32
    var highestArrival: MonotonicInstant
    var nextN: UInt64
}
