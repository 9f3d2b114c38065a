// SPDX-License-Identifier: Apache-2.0

/// Checks a ledger from its first line to its anchored head.
package enum LedgerAudit {
    /// What was found.
    package struct Report: Equatable, Sendable {
        /// Lines that follow each other without a fault.
        package var recordCount: UInt64 = 0
        package var fileCount: UInt32 = 0
        /// Number of the first line kept; 1 unless the log is bounded.
        package var firstN: UInt64 = 0
        /// Number and hash of the last line that is right.
        package var lastN: UInt64 = 0
        package var lastHash: [UInt8] = LedgerText.noHash
        /// The anchored head, if it can be read.
        package var head: LedgerHead?
        /// The first thing that is wrong.
        package var firstBroken: LedgerBreak?
        /// Bytes that an error left behind the last line of a file and that were written again in
        /// the next one.
        ///
        /// 0 in a ledger whose disk never failed.
        package var supersededBytes: UInt64 = 0

        package init() {}

        /// Whether every line is there and as it was written.
        package var isWhole: Bool { self.firstBroken == nil }
        /// Lines missing at the end, by the anchored head.
        package var cutOffCount: UInt64 {
            guard let head = self.head, head.n > self.lastN else { return 0 }
            return head.n - self.lastN
        }
    }

    /// Reads the whole ledger in `directory`.
    ///
    /// It may run beside the writer: the head is read first, so the lines are never behind it.
    package static func verify(
        directory: String, disk: any JournalDisk = LinuxDisk()
    ) throws(LedgerError) -> Report {
        do throws(DiskError) {
            return try self.verify(LedgerFolder(path: directory), disk)
        } catch {
            throw .disk(error)
        }
    }

    /// Number of the last line by the anchored head; nil if that cannot be read.
    package static func anchoredEnd(
        directory: String, disk: any JournalDisk = LinuxDisk()
    ) throws(LedgerError) -> UInt64? {
        do throws(DiskError) {
            guard case .head(let head, _)? = try self.anchor(LedgerFolder(path: directory), disk)
            else { return nil }
            return head.n
        } catch {
            throw .disk(error)
        }
    }

    private static func verify(
        _ folder: LedgerFolder, _ disk: any JournalDisk
    ) throws(DiskError) -> Report {
        var report = Report()
        let anchor = try self.anchor(folder, disk)
        if case .head(let head, _)? = anchor { report.head = head }
        let oldest = report.head?.oldestFile ?? 1
        let walk = try LedgerWalk(
            folder: folder, disk: disk, file: oldest, expectedN: oldest == 1 ? 1 : nil,
            previousHash: oldest == 1 ? LedgerText.noHash : nil)
        let hasFiles = try !folder.numbers(disk).isEmpty
        if walk.scan == nil, hasFiles || report.head?.n ?? 0 > 0 {
            report.firstBroken = LedgerBreak(
                reason: .fileMissing, file: LedgerFolder.name(oldest), n: 1, byteOffset: 0)
        }
        try self.readLines(walk, &report)
        report.fileCount = walk.fileCount
        report.supersededBytes = walk.supersededBytes
        if report.firstBroken == nil { try self.judgeEnd(walk, anchor, &report) }
        return report
    }

    private static func anchor(
        _ folder: LedgerFolder, _ disk: any JournalDisk
    ) throws(DiskError) -> LedgerHeadFile.Reading? {
        do throws(DiskError) {
            return try LedgerHeadFile.read(try disk.open(folder.head, .read))
        } catch {
            if error.isMissing { return nil }
            throw error
        }
    }

    private static func readLines(
        _ walk: LedgerWalk, _ report: inout Report
    ) throws(DiskError) {
        while true {
            let offset = walk.scan?.offset ?? 0
            switch try walk.next() {
            case .line(let line):
                if report.recordCount == 0 { report.firstN = line.n }
                report.recordCount += 1
                report.lastN = line.n
                report.lastHash = line.hash
                if let head = report.head, head.n == line.n, head.hash != line.hash {
                    report.firstBroken = LedgerBreak(
                        reason: .otherHead, file: LedgerFolder.name(walk.scan?.number ?? 0),
                        n: line.n, byteOffset: offset)
                    return
                }
            case .end: return
            case .broken(let fault):
                report.firstBroken = report.firstBroken ?? fault
                return
            }
        }
    }

    /// Judges what is behind the last line, and the anchor itself.
    private static func judgeEnd(
        _ walk: LedgerWalk, _ anchor: LedgerHeadFile.Reading?, _ report: inout Report
    ) throws(DiskError) {
        guard let anchor else {
            report.firstBroken = LedgerBreak(
                reason: .anchorMissing, file: LedgerFolder.headName, n: 0, byteOffset: 0)
            return
        }
        guard case .head(let head, _) = anchor else {
            report.firstBroken = LedgerBreak(
                reason: .anchorDamaged, file: LedgerFolder.headName, n: 0, byteOffset: 0)
            return
        }
        let offset = walk.scan?.offset ?? 0
        let file = LedgerFolder.name(walk.scan?.number ?? head.file)
        if head.n > report.lastN {
            report.firstBroken = LedgerBreak(
                reason: .cutOff, file: file, n: report.lastN + 1, byteOffset: offset)
        } else if let scan = walk.scan, try scan.usedEnd() > offset {
            report.firstBroken = LedgerBreak(
                reason: .trailingBytes, file: file, n: report.lastN + 1, byteOffset: offset)
        }
    }
}
