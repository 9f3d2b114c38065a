// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// What was found when a ledger was opened.
package struct LedgerOpenReport: Equatable, Sendable {
    /// The last line; the next one follows it.
    package var head: LedgerHead
    /// Bytes of a torn last line that were cut.
    ///
    /// It had not been reported durable.
    package var tornBytes: UInt64 = 0
    /// Something was wrong that no crash explains.
    ///
    /// The ledger goes on in a fresh file; what is
    /// there stays as it is for the audit.
    package var broken: LedgerBreak?
}

/// What one commit of a ledger did.
package struct LedgerCommitOutcome: Equatable, Sendable {
    /// Number of the last line on stable storage.
    package var durableThrough: UInt64
    package var lineCount = 0
    package var mode: JournalMode
    /// The first error of this call; the lines may have become durable all the same.
    package var error: DiskError?
    /// The lines are durable and the head could not be anchored; tried again at the next commit.
    package var headError: DiskError?
}

/// Appends lines to a ledger and makes them durable in groups.
///
/// One thread owns it. Lines that were appended stay in memory until they are durable; an error
/// ends a file for ever and they are written again in a fresh one. After each commit
/// the head is anchored in `ledger.head`.
///
/// `@unchecked Sendable`: it may be handed from the thread that opened it to the one that owns it;
/// it is not for two threads at a time.
package final class LedgerWriter: @unchecked Sendable {
    /// Pause between attempts while the mode is not normal.
    package static let retryNanoseconds: UInt64 = 2_000_000_000

    struct Pending {
        var n: UInt64
        var byteCount: Int
        var hash: [UInt8]
    }

    struct OpenFile {
        var file: any DiskFile
        var number: UInt32
        var offset: UInt64
        var holdsLines: Bool
    }

    private let folder: LedgerFolder
    private let disk: any JournalDisk
    private let options: LedgerOptions
    private let lock: any DiskFile
    /// For a housekeeping thread: keeps the next file ready.
    package let supply: SegmentSupply

    /// Told when the owning thread is in a call to the disk; nil: nobody watches it.
    package var progress: StageProgress?
    private var open: OpenFile?
    private var nextFileNumber: UInt32
    private var headFile: LedgerHeadFile?
    private var headSequence: UInt64
    private var pending: [Pending] = []
    private var pendingBytes: [UInt8] = []
    private var retryAt = MonotonicInstant.zero
    /// Number and hash of the last line appended, durable or not.
    private var lastN: UInt64
    private var lastHash: [UInt8]

    /// The last durable line.
    package private(set) var head: LedgerHead
    package private(set) var mode = JournalMode.normal

    init(_ start: LedgerStart) {
        self.folder = start.folder
        self.disk = start.disk
        self.options = start.options
        self.lock = start.lock
        self.supply = start.supply
        self.open = start.open
        self.nextFileNumber = start.nextFileNumber
        self.headFile = start.headFile
        self.headSequence = start.headFile?.sequence ?? start.headSequence
        self.head = start.head
        self.lastN = start.head.n
        self.lastHash = start.head.hash
    }

    /// Lines that wait for a commit.
    package var pendingCount: Int { self.pending.count }

    /// Adds a line; it is durable when a commit returned a number that is not smaller.
    ///
    /// A refused body is a bug of the caller: one JSON object in one line, at most 64 KiB.
    /// `queueFull` means that the disk does not keep up.
    package func append(body: [UInt8], written: WallInstant) throws(LedgerError) -> UInt64 {
        guard LedgerText.accepts(body) else { throw .bodyRefused }
        guard self.pendingBytes.count + body.count <= self.options.pendingBytesMax else {
            throw .queueFull
        }
        let start = self.pendingBytes.count
        let n = self.lastN + 1
        self.lastHash = LedgerText.append(
            n: n, written: written.rfc3339, body: body, previous: self.lastHash,
            to: &self.pendingBytes)
        self.lastN = n
        self.pending.append(
            Pending(n: n, byteCount: self.pendingBytes.count - start, hash: self.lastHash))
        return n
    }

    /// Makes every appended line durable, as far as the disk lets it.
    ///
    /// `now` is engine time, for the pause between attempts.
    package func commit(now: MonotonicInstant) -> LedgerCommitOutcome {
        var outcome = LedgerCommitOutcome(durableThrough: self.head.n, mode: self.mode)
        if self.mode != .normal, now < self.retryAt { return outcome }
        var failuresLeft = self.mode == .normal ? 1 : 0
        while !self.pending.isEmpty {
            do throws(DiskError) {
                outcome.lineCount += try self.callingDisk { () throws(DiskError) in
                    try self.writeOnce()
                }
                self.mode = .normal
            } catch {
                if outcome.error == nil { outcome.error = error }
                let couldNotBegin = self.open == nil
                self.callingDisk { self.endFile() }
                self.mode = couldNotBegin && error.isDiskFull ? .diskFull : .storageFailed
                self.retryAt = now.advanced(byNanoseconds: Self.retryNanoseconds)
                if failuresLeft == 0 || self.mode == .diskFull { break }
                failuresLeft -= 1
            }
        }
        if outcome.lineCount > 0 || self.headFile == nil {
            self.callingDisk { self.anchor(&outcome) }
        }
        outcome.durableThrough = self.head.n
        outcome.mode = self.mode
        return outcome
    }

    private func callingDisk<Result, Failure: Error>(
        _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        guard let progress = self.progress else { return try body() }
        return try progress.callingDisk(body)
    }

    /// Writes and syncs as many lines as fit in the file; returns their count.
    private func writeOnce() throws(DiskError) -> Int {
        var byteCount = 0
        var count = 0
        if let open = self.open {
            for line in self.pending {
                if open.offset + UInt64(byteCount + line.byteCount) > self.options.fileBytes {
                    break
                }
                byteCount += line.byteCount
                count += 1
            }
        }
        if count == 0 {
            self.open = nil
            try self.beginFile()
            return 0
        }
        guard var open = self.open else { preconditionFailure("no file after it began") }
        try open.file.write(Array(self.pendingBytes[..<byteCount]), at: open.offset)
        try open.file.sync()
        open.offset += UInt64(byteCount)
        open.holdsLines = true
        self.open = open
        let last = self.pending[count - 1]
        self.head.n = last.n
        self.head.hash = last.hash
        self.head.file = open.number
        self.pending.removeFirst(count)
        self.pendingBytes.removeFirst(byteCount)
        return count
    }

    private func endFile() {
        guard let open = self.open else { return }
        self.open = nil
        guard !open.holdsLines else { return }
        do throws(DiskError) {
            try self.disk.remove(self.folder.file(open.number))
            // File numbers have no holes: one that is missing is a sign of tampering.
            self.nextFileNumber = open.number
        } catch {
            // It stays, without a line; a walk passes over it.
        }
    }

    private func beginFile() throws(DiskError) {
        let number = self.nextFileNumber
        let target = self.folder.file(number)
        let preparing = target + SegmentSupply.preparingSuffix
        let file = try self.supply.take(as: preparing)
        try self.disk.rename(preparing, to: target)
        try self.disk.syncFolder(self.folder.path)
        self.nextFileNumber += 1
        self.open = OpenFile(file: file, number: number, offset: 0, holdsLines: false)
        if let keep = self.options.fileCountMax { self.removeOldFiles(keep) }
    }

    /// Removes the oldest files of a bounded log.
    ///
    /// The anchor says first where it begins, so a
    /// crash between the two leaves a file too many, never one too few.
    private func removeOldFiles(_ keep: Int) {
        do throws(DiskError) {
            let numbers = try self.folder.numbers(self.disk)
            guard numbers.count > keep, let headFile = self.headFile else { return }
            let oldest = numbers[numbers.count - keep]
            // The file that the head is in stays.
            guard oldest <= self.head.file else { return }
            self.head.oldestFile = oldest
            var anchored = headFile
            try anchored.write(self.head)
            self.headFile = anchored
            for number in numbers where number < oldest {
                try self.disk.remove(self.folder.file(number))
            }
        } catch {
            // Tried again with the next file; only room is at stake.
        }
    }

    private func anchor(_ outcome: inout LedgerCommitOutcome) {
        do throws(DiskError) {
            if var headFile = self.headFile {
                // A head file that failed once is replaced: its next sync may lie.
                self.headFile = nil
                self.headSequence = headFile.sequence + 1
                try headFile.write(self.head)
                self.headFile = headFile
            } else {
                self.headFile = try LedgerHeadFile.make(
                    self.folder, self.disk, self.head, sequence: self.headSequence)
            }
        } catch {
            outcome.headError = error
        }
    }
}

/// What opening a ledger hands to its writer.
struct LedgerStart {
    var folder: LedgerFolder
    var disk: any JournalDisk
    var options: LedgerOptions
    var lock: any DiskFile
    var supply: SegmentSupply
    var open: LedgerWriter.OpenFile?
    var nextFileNumber: UInt32
    var headFile: LedgerHeadFile?
    var headSequence: UInt64
    var head: LedgerHead
}
