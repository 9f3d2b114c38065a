// SPDX-License-Identifier: Apache-2.0

extension LedgerWriter {
    /// Opens the ledger in `directory` for writing, or makes one.
    ///
    /// A torn last line is cut only where nothing was anchored. Whatever else is wrong stays as it
    /// is and is reported; the ledger goes on behind its anchored head in a fresh file, so that an
    /// audit finds the same fault for ever. Only the newest file is read; `progress` is told the
    /// number of the line that was read last, every 1,024 lines.
    package static func open(
        directory: String, options: LedgerOptions = LedgerOptions(),
        disk: any JournalDisk = LinuxDisk(), progress: (_ done: UInt64) -> Void = { _ in }
    ) throws(LedgerError) -> (writer: LedgerWriter, report: LedgerOpenReport) {
        let folder = LedgerFolder(path: directory)
        let lock: any DiskFile
        let isOurs: Bool
        do throws(DiskError) {
            try disk.makeFolder(directory)
            lock = try disk.open(directory + "/lock", .create)
            isOurs = try lock.lock()
        } catch {
            throw .disk(error)
        }
        guard isOurs else { throw .lockedByAnother }
        do throws(DiskError) {
            let recovery = LedgerRecovery(folder: folder, options: options, disk: disk)
            return try recovery.run(lock, progress)
        } catch {
            throw .disk(error)
        }
    }
}

/// Finds the end of a ledger.
struct LedgerRecovery {
    let folder: LedgerFolder
    let options: LedgerOptions
    let disk: any JournalDisk

    /// The last line that follows from the first line of the newest file with lines.
    private struct End {
        var head: LedgerHead
        /// Where the next line goes; the file of the last line or the empty one behind it.
        var file: (any DiskFile)?
        var fileNumber: UInt32 = 0
        var offset: UInt64 = 0
        var tornBytes: UInt64 = 0
        var broken: LedgerBreak?
        /// Where the lines begin that the anchor does not cover.
        var unprovenFrom: UInt64 = 0
        /// Hash of the line at the anchored head, if it was read.
        var hashAtAnchor: [UInt8]?
    }

    func run(
        _ lock: any DiskFile, _ progress: (_ done: UInt64) -> Void
    ) throws(DiskError) -> (writer: LedgerWriter, report: LedgerOpenReport) {
        let supply = try SegmentSupply.recover(
            directory: self.folder.path, disk: self.disk, fileBytes: self.options.fileBytes)
        let numbers = try self.folder.numbers(self.disk)
        var (headFile, anchored, anchorFault) = try self.readHead()
        if headFile == nil, numbers.isEmpty, anchorFault?.reason == .anchorMissing {
            headFile = try LedgerHeadFile.make(self.folder, self.disk, .empty, sequence: 0)
            anchored = .empty
            anchorFault = nil
        }
        var end = try self.findEnd(numbers, anchored, progress)
        var report = LedgerOpenReport(head: end.head)
        let isPastAnchor = anchored.map { end.head.n >= $0.n } ?? false
        if let anchored, !isPastAnchor {
            let expected = end.head.n + 1
            report.broken =
                end.broken
                ?? LedgerBreak(
                    reason: numbers.isEmpty ? .fileMissing : .cutOff,
                    file: LedgerFolder.name(numbers.last ?? anchored.file), n: expected,
                    byteOffset: end.offset)
            report.head = anchored
            end.file = nil
        } else if let anchored, let hash = end.hashAtAnchor, hash != anchored.hash {
            report.broken = LedgerBreak(
                reason: .otherHead, file: LedgerFolder.name(anchored.file), n: anchored.n,
                byteOffset: 0)
            end.file = nil
        } else if let anchorFault, end.head.n > 0 || end.tornBytes > 0 {
            report.broken = anchorFault
            if end.tornBytes > 0 { end.file = nil }
        }
        if end.file != nil {
            if end.tornBytes > 0 { try self.cut(end) }
            report.tornBytes = end.tornBytes
            for number in numbers where number > end.fileNumber {
                try self.disk.remove(self.folder.file(number))
            }
        }
        report.head.oldestFile = anchored?.oldestFile ?? numbers.first ?? 1
        let usedNumber = end.file == nil ? numbers.last ?? 0 : end.fileNumber
        let open = end.file.map { file in
            LedgerWriter.OpenFile(
                file: file, number: end.fileNumber, offset: end.offset,
                holdsLines: end.head.file == end.fileNumber)
        }
        let writer = LedgerWriter(
            LedgerStart(
                folder: self.folder, disk: self.disk, options: self.options, lock: lock,
                supply: supply, open: open,
                nextFileNumber: max(usedNumber, anchored?.file ?? 0) + 1,
                headFile: headFile, headSequence: 0, head: report.head))
        return (writer, report)
    }

    /// The anchor, and what is wrong with it.
    private func readHead() throws(DiskError) -> (LedgerHeadFile?, LedgerHead?, LedgerBreak?) {
        do throws(DiskError) {
            let file = try self.disk.open(self.folder.head, .update)
            switch try LedgerHeadFile.read(file) {
            case .head(let head, let sequence):
                return (LedgerHeadFile(file: file, sequence: sequence), head, nil)
            case .damaged:
                return (nil, nil, self.fault(.anchorDamaged))
            }
        } catch {
            if error.isMissing { return (nil, nil, self.fault(.anchorMissing)) }
            throw error
        }
    }

    private func fault(_ reason: LedgerBreak.Reason) -> LedgerBreak {
        LedgerBreak(reason: reason, file: LedgerFolder.headName, n: 0, byteOffset: 0)
    }

    /// Reads the newest file that has a line to its end.
    ///
    /// Files behind it hold no whole line: an error or a crash came before their first commit. The
    /// first of them is where the ledger goes on.
    private func findEnd(
        _ numbers: [UInt32], _ anchored: LedgerHead?, _ progress: (_ done: UInt64) -> Void
    ) throws(DiskError) -> End {
        var end = End(head: .empty)
        for number in numbers.reversed() {
            let file = try self.disk.open(self.folder.file(number), .update)
            let walk = try LedgerWalk(folder: self.folder, disk: self.disk, file: number)
            try self.readLines(walk, anchored, &end, progress)
            let used = try walk.scan?.usedEnd() ?? 0
            if end.head.n > 0 {
                end.head.file = number
                try self.makeDurable(file, end.unprovenFrom, walk.scan?.offset ?? 0)
                if end.file == nil {
                    end.file = file
                    end.fileNumber = number
                    end.offset = walk.scan?.offset ?? 0
                    end.tornBytes = used - end.offset
                }
                return end
            }
            end.file = file
            end.fileNumber = number
            end.tornBytes = used
        }
        return end
    }

    private func readLines(
        _ walk: LedgerWalk, _ anchored: LedgerHead?, _ end: inout End,
        _ progress: (_ done: UInt64) -> Void
    ) throws(DiskError) {
        while true {
            switch try walk.next() {
            case .line(let line):
                end.head.n = line.n
                end.head.hash = line.hash
                if line.n % 1_024 == 0 { progress(line.n) }
                if line.n == anchored?.n {
                    end.hashAtAnchor = line.hash
                    end.unprovenFrom = walk.scan?.offset ?? 0
                }
            case .end: return
            case .broken(let fault):
                end.broken = fault
                return
            }
        }
    }

    /// Writes lines that the anchor does not cover once more, with the same bytes, and syncs.
    ///
    /// A killed process may have left them in the page cache only, even after a sync that failed;
    /// then another sync alone would report success without having written them.
    private func makeDurable(
        _ file: any DiskFile, _ start: UInt64, _ end: UInt64
    ) throws(DiskError) {
        var offset = start
        while offset < end {
            let count = min(end - offset, 1 << 20)
            guard let bytes = try file.bytes(at: offset, count: Int(count)) else { break }
            try file.write(bytes, at: offset)
            offset += count
        }
        try file.sync()
    }

    /// Fills what is behind the last line with zeros.
    private func cut(_ end: End) throws(DiskError) {
        guard let file = end.file else { return }
        var offset = end.offset
        var left = end.tornBytes
        while left > 0 {
            let count = min(left, 1 << 20)
            try file.write([UInt8](repeating: 0, count: Int(count)), at: offset)
            offset += count
            left -= count
        }
        try file.sync()
    }
}

extension LedgerHeadFile {
    /// Makes a head file with both places whole, in the place of one that may be there.
    static func make(
        _ folder: LedgerFolder, _ disk: any JournalDisk, _ head: LedgerHead, sequence: UInt64
    ) throws(DiskError) -> LedgerHeadFile {
        let preparing = folder.head + SegmentSupply.preparingSuffix
        var made = LedgerHeadFile(file: try disk.open(preparing, .create), sequence: sequence)
        try made.write(head)
        try made.write(head)
        try disk.rename(preparing, to: folder.head)
        try disk.syncFolder(folder.path)
        return made
    }
}
