// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// Records that one read returned.
package struct ReadBatch: Equatable, Sendable {
    /// The run that wrote them.
    package var epoch: UInt32
    /// Number of the first one; the others follow without a hole.
    package var firstN: UInt64
    /// 0: nothing new below the limit.
    package var count: Int
}

/// Reads the journal in order, beside the writer or without one.
///
/// It has its own descriptors and never holds the writer back. Give it the durable watermark as
/// the limit while a writer is alive: what lies at or beyond it may be written but not durable.
/// Without a writer (replay of a stopped journal) the limit is `UInt64.max`, and the reader ends
/// at the last valid block.
///
/// A jump in the numbers between two batches without an error is a gap: staging skipped those
/// readings (`JournalStaging`), and the chain of checksums proves that nothing is missing.
///
/// `@unchecked Sendable`: it may move between threads; one at a time uses it.
package final class JournalReader: @unchecked Sendable {
    let folder: JournalFolder
    let disk: any JournalDisk
    let window = AlignedBuffer(byteCount: SegmentFile.windowBytes)

    /// The next record to return has this number or a later one.
    var nextN: UInt64
    /// The latest epoch seen; the position that was asked for at the start.
    private(set) var epoch: UInt32
    var segment: SegmentFile?
    var offset: UInt64 = 0
    /// Checksum the next block must name as its predecessor's; nil behind damage.
    var expectedChecksum: UInt32?
    /// Header of the segment behind the open one, once there is one.
    var following: SegmentHeader?
    /// Records of the current block that are not returned yet.
    private var block: (header: BlockHeader, offset: UInt64)?
    /// Damage that was found and not skipped yet, and where to go on.
    var pending: (damage: JournalDamage, resume: Resume)?
    /// Latest arrival named by a block that was read.
    var highestArrival = MonotonicInstant.zero
    private(set) var lastChecksum: UInt32 = 0
    private(set) var watermark: UInt64 = 0
    /// Keeps the places of blocks while recovery reads: what is not below a watermark is rewritten.
    var onBlock: ((_ segment: UInt32, _ offset: UInt64, BlockHeader) -> Void)?

    enum Resume { case block(UInt64, n: UInt64), segment(after: UInt32, n: UInt64), number(UInt64) }

    /// Begins at `position`, which is included.
    ///
    /// The first record returned is the first one whose number is `position.n` or later. A cursor
    /// therefore holds the position behind the last record done.
    ///
    /// - Throws: `positionTooOld` if records from `position` on are deleted already;
    ///   `positionAhead` if the journal never reached it or only in another run.
    package convenience init(
        directory: String, from position: Position, disk: any JournalDisk = LinuxDisk()
    ) throws(JournalError) {
        self.init(folder: JournalFolder(path: directory), position: position, disk: disk)
        guard let oldest = try self.oldestHeader() else { return }
        let reachesFurther = try self.beginsWithoutHeader()
        guard self.nextN >= oldest.firstN || reachesFurther else {
            throw .positionTooOld(oldest: Position(epoch: oldest.epoch, n: oldest.firstN))
        }
        if let newest = try self.newestHeader(), position.epoch > newest.epoch {
            throw .positionAhead(end: Position(epoch: newest.epoch, n: newest.firstN))
        }
    }

    /// A reader that trusts its caller's position.
    init(folder: JournalFolder, position: Position, disk: any JournalDisk) {
        self.folder = folder
        self.disk = disk
        self.nextN = max(position.n, JournalFormat.firstNumber)
        self.epoch = position.epoch
    }

    /// Where the next read begins: what a cursor stores after the records before it are done.
    package var position: Position { Position(epoch: self.epoch, n: self.nextN) }

    /// The oldest position that can be read; nil for a journal without segments.
    package static func oldest(
        directory: String, disk: any JournalDisk = LinuxDisk()
    ) throws(JournalError) -> Position? {
        let reader = JournalReader(
            folder: JournalFolder(path: directory), position: .zero, disk: disk)
        // Only its blocks say how far back such a segment reaches.
        if try reader.beginsWithoutHeader() {
            return Position(epoch: 0, n: JournalFormat.firstNumber)
        }
        return try reader.oldestHeader().map { Position(epoch: $0.epoch, n: $0.firstN) }
    }

    /// Whether the header of the oldest segment is bad; its blocks can be read all the same.
    private func beginsWithoutHeader() throws(JournalError) -> Bool {
        guard let oldest = try self.segmentNumbers().first else { return false }
        return try self.header(oldest) == nil
    }

    /// Copies the next records into `buffer`.
    ///
    /// A batch never crosses an epoch or a gap. `link` of a record is the number of its sensor's
    /// previous reading.
    ///
    /// - Parameters:
    ///   - buffer: Receives up to `buffer.count` records.
    ///   - limit: Only records with smaller numbers are returned.
    /// - Returns: How many, from where on; a count of 0 is no error.
    /// - Throws: `damaged`; the call repeats it until `skipDamage()`. `disk` may pass.
    package func read(
        into buffer: UnsafeMutableBufferPointer<Slot>, through limit: UInt64
    ) throws(JournalError) -> ReadBatch {
        var batch = ReadBatch(epoch: self.epoch, firstN: self.nextN, count: 0)
        while batch.count < buffer.count {
            if batch.count == 0 {
                guard try self.advance(limit) else { break }
            } else {
                // An error behind records that were found already comes up in the next call.
                guard (try? self.advance(limit)) == true else { break }
            }
            guard let block = self.block, let segment = self.segment else { break }
            let header = block.header
            if batch.count == 0 {
                batch.epoch = header.epoch
                batch.firstN = self.nextN
            } else if header.epoch != batch.epoch
                || self.nextN != batch.firstN &+ UInt64(batch.count)
            {
                break
            }
            let end = min(header.endN, limit)
            let count = min(Int(end - self.nextN), buffer.count - batch.count)
            unsafe segment.copyRecords(
                ofBlockAt: block.offset, from: Int(self.nextN - header.firstN), count: count,
                to: UnsafeMutableRawBufferPointer(
                    rebasing: UnsafeMutableRawBufferPointer(buffer)[
                        (batch.count * Slot.byteCount)...]))
            batch.count += count
            self.nextN += UInt64(count)
            self.epoch = header.epoch
        }
        return batch
    }

    /// The next records as an array; for tests, commands and small reads.
    package func read(max: Int, through limit: UInt64) throws(JournalError) -> (
        batch: ReadBatch, slots: [Slot]
    ) {
        var batch = ReadBatch(epoch: self.epoch, firstN: self.nextN, count: 0)
        var failure: JournalError?
        let slots = unsafe [Slot](unsafeUninitializedCapacity: max) { buffer, count in
            do throws(JournalError) {
                batch = unsafe try self.read(into: buffer, through: limit)
                count = batch.count
            } catch {
                failure = error
                count = 0
            }
        }
        if let failure { throw failure }
        return (batch, slots)
    }

    /// Goes on behind the damage that the last read threw.
    package func skipDamage() throws(JournalError) {
        guard let resume = self.pending?.resume else { return }
        self.pending = nil
        self.expectedChecksum = nil
        switch resume {
        case .block(let offset, let n):
            self.offset = offset
            self.nextN = max(self.nextN, n)
        case .segment(let number, let n):
            self.nextN = max(self.nextN, n)
            try self.open(after: number)
        case .number(let n):
            self.nextN = max(self.nextN, n)
        }
    }

    // MARK: Blocks

    /// Whether `block` holds `nextN`, after it was made to if there is such a record below `limit`.
    private func advance(_ limit: UInt64) throws(JournalError) -> Bool {
        if let pending = self.pending { throw .damaged(pending.damage) }
        while self.nextN < limit {
            if let block = self.block, self.nextN < block.header.endN { return true }
            self.block = nil
            guard let segment = self.segment else {
                guard try self.openFirst() else { return false }
                continue
            }
            if let following = self.following, self.nextN >= following.previousThrough {
                try self.open(after: segment.number)
                continue
            }
            guard try self.step(segment, limit) else { return false }
        }
        return false
    }

    /// Judges the place at `offset`.
    ///
    /// False: nothing more can be read below `limit` now.
    private func step(_ segment: SegmentFile, _ limit: UInt64) throws(JournalError) -> Bool {
        let (wanted, _) = (limit - self.nextN).multipliedReportingOverflow(
            by: UInt64(Slot.byteCount))
        let place = try segment.place(
            at: self.offset,
            expectedBytes: limit - self.nextN > UInt64(UInt32.max)
                ? SegmentFile.windowBytes
                : Int(clamping: wanted) + JournalFormat.blockAlignment)
        guard case .block(let header) = place else {
            return try self.nothingHere(segment, place, limit)
        }
        if header.endN > self.nextN {
            if let expected = self.expectedChecksum, header.previousChecksum != expected,
                header.firstN > self.nextN
            {
                try self.throwDamage(
                    .chainBroken, segment, bytes: 0, lost: self.nextN..<header.firstN,
                    resume: .block(self.offset, n: header.firstN))
            }
            if let following = self.following, header.firstN >= following.firstN {
                // Written, never durable, and written again behind.
                self.nextN = max(self.nextN, following.previousThrough)
                return true
            }
            if header.firstN >= limit { return false }
            self.nextN = max(self.nextN, header.firstN)
            self.block = (header, self.offset)
        }
        self.onBlock?(segment.number, self.offset, header)
        self.offset += UInt64(header.byteCount)
        self.expectedChecksum = header.checksum
        self.lastChecksum = header.checksum
        self.watermark = max(self.watermark, header.committedThrough)
        self.highestArrival = max(self.highestArrival, header.highestArrival)
        return true
    }

    /// No valid block at `offset`: the end, the next segment, or damage.
    private func nothingHere(
        _ segment: SegmentFile, _ place: SegmentFile.Place, _ limit: UInt64
    ) throws(JournalError) -> Bool {
        if self.following == nil { try self.lookForFollowing(segment.number) }
        if let following = self.following, self.nextN >= following.previousThrough {
            return true
        }
        var reason = JournalDamage.Reason.blockChecksum
        switch place {
        case .zeros: reason = .blockMissing
        case .end: reason = .endMissing
        case .invalid, .block: break
        }
        if reason != .endMissing, let (later, at) = try segment.nextBlock(from: self.offset),
            later.firstN < self.following?.firstN ?? UInt64.max
        {
            let lost = self.nextN..<max(self.nextN, later.firstN)
            try self.throwDamage(
                reason, segment, bytes: at - self.offset, lost: lost,
                resume: .block(at, n: later.firstN))
        }
        if let following = self.following {
            try self.throwDamage(
                reason, segment, bytes: 0, lost: self.nextN..<following.previousThrough,
                resume: .segment(after: segment.number, n: following.previousThrough))
        }
        if try self.segmentNumbers().contains(where: { $0 > segment.number }) {
            // The next segment's header is bad: its blocks still say who they are.
            try self.open(after: segment.number)
            return true
        }
        guard limit != UInt64.max else { return false }
        try self.throwDamage(
            .endMissing, segment, bytes: 0, lost: self.nextN..<limit, resume: .number(limit))
    }
}
