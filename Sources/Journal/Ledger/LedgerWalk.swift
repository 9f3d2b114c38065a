// SPDX-License-Identifier: Apache-2.0

/// Walks the lines of a ledger across its files and checks that each follows the one before.
///
/// The rule for a file that an error ended: its lines count up to the first line of the next file.
/// What stands behind them was not durable and was written again there.
///
/// `@unchecked Sendable`: belongs to one reader at a time.
final class LedgerWalk: @unchecked Sendable {
    let folder: LedgerFolder
    let disk: any JournalDisk
    private(set) var scan: LedgerScan?
    /// Where in the present file the line begins that was found broken last.
    private(set) var brokenOffset: UInt64?
    /// Number that the next line must have; nil takes the first line as it is.
    private(set) var expectedN: UInt64?
    private(set) var previousHash: [UInt8]?
    /// The next file that has a line, and the number of its first one.
    private var following: (file: UInt32, n: UInt64)?
    private(set) var fileCount: UInt32 = 0
    /// Bytes behind the lines that count, in files that have a next one.
    private(set) var supersededBytes: UInt64 = 0

    /// One step of the walk.
    enum Step: Equatable {
        case line(LedgerLine)
        /// No further line now.
        case end
        case broken(LedgerBreak)
    }

    /// A walk that begins with file `number`.
    ///
    /// - Parameters:
    ///   - folder: Where the files are.
    ///   - disk: How they are read.
    ///   - number: The first file; nothing happens until it exists.
    ///   - offset: Where a line begins in it; 0 for the first one.
    ///   - expectedN: Number of its first line, or nil to take what is there.
    ///   - previousHash: Hash that its first line names, or nil to take what is there.
    /// - Throws: What the disk throws.
    init(
        folder: LedgerFolder, disk: any JournalDisk, file number: UInt32, offset: UInt64 = 0,
        expectedN: UInt64? = nil, previousHash: [UInt8]? = nil
    ) throws(DiskError) {
        self.folder = folder
        self.disk = disk
        self.expectedN = expectedN
        self.previousHash = previousHash
        _ = try self.open(number, offset)
    }

    func next() throws(DiskError) -> Step {
        while let scan = self.scan {
            if let following = self.following, following.n == self.expectedN {
                self.supersededBytes += try scan.usedEnd() - scan.offset
                _ = try self.open(following.file)
                continue
            }
            let offset = scan.offset
            switch try scan.next() {
            case .line(let line):
                if let reason = self.judge(line) {
                    return .broken(self.break(reason, scan, offset))
                }
                self.expectedN = line.n + 1
                self.previousHash = line.hash
                return .line(line)
            case .end:
                if try self.goOn(scan) { continue }
                return try self.end(scan, offset, .cutOff)
            case .fault(let reason):
                if try self.goOn(scan) { continue }
                return .broken(self.break(reason, scan, offset))
            }
        }
        return .end
    }

    /// Whether the next file goes on where this one stops; it may be new since the last look.
    private func goOn(_ scan: LedgerScan) throws(DiskError) -> Bool {
        if self.following == nil { self.following = try self.findFollowing(scan.number) }
        guard let following = self.following else { return false }
        if self.expectedN == nil { self.expectedN = following.n }
        return following.n == self.expectedN
    }

    /// The end of the lines in a file that no other continues.
    private func end(
        _ scan: LedgerScan, _ offset: UInt64, _ reason: LedgerBreak.Reason
    ) throws(DiskError) -> Step {
        if self.following != nil { return .broken(self.break(reason, scan, offset)) }
        var number = scan.number
        for later in try self.folder.numbers(self.disk) where later > number {
            if later != number + 1 {
                return .broken(
                    LedgerBreak(
                        reason: .fileMissing, file: LedgerFolder.name(number + 1),
                        n: self.expectedN ?? 0, byteOffset: 0))
            }
            number = later
        }
        return .end
    }

    private func judge(_ line: LedgerLine) -> LedgerBreak.Reason? {
        if let expectedN = self.expectedN, line.n != expectedN { return .number }
        if let previousHash = self.previousHash, line.previous != previousHash { return .chain }
        return nil
    }

    private func `break`(
        _ reason: LedgerBreak.Reason, _ scan: LedgerScan, _ offset: UInt64
    ) -> LedgerBreak {
        self.brokenOffset = offset
        return LedgerBreak(
            reason: reason, file: LedgerFolder.name(scan.number), n: self.expectedN ?? 0,
            byteOffset: offset)
    }

    /// Goes on with file `number`; false if it does not exist.
    private func open(_ number: UInt32, _ offset: UInt64 = 0) throws(DiskError) -> Bool {
        guard let file = try self.openIfPresent(number) else { return false }
        self.scan = LedgerScan(number: number, file: file, offset: offset)
        self.brokenOffset = nil
        self.fileCount += 1
        self.following = try self.findFollowing(number)
        return true
    }

    /// The next file behind `number` that has a line.
    ///
    /// A file without one is what an error left before its first commit; it is passed over.
    private func findFollowing(_ number: UInt32) throws(DiskError) -> (file: UInt32, n: UInt64)? {
        var number = number + 1
        while try self.openIfPresent(number) != nil {
            if let n = try self.firstN(of: number) { return (number, n) }
            number += 1
        }
        return nil
    }

    /// Number of the first line of a file; nil if the file is missing or has no whole line.
    private func firstN(of number: UInt32) throws(DiskError) -> UInt64? {
        guard let file = try self.openIfPresent(number) else { return nil }
        guard case .line(let line) = try LedgerScan(number: number, file: file).next() else {
            return nil
        }
        return line.n
    }

    private func openIfPresent(_ number: UInt32) throws(DiskError) -> (any DiskFile)? {
        do throws(DiskError) {
            return try self.disk.open(self.folder.file(number), .read)
        } catch {
            if error.isMissing { return nil }
            throw error
        }
    }
}
