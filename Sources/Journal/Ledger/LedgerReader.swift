// SPDX-License-Identifier: Apache-2.0

/// Reads a ledger line by line, beside its writer or without one, and checks every link.
///
/// `@unchecked Sendable`: it may move between threads; one at a time uses it.
package final class LedgerReader: @unchecked Sendable {
    private let folder: LedgerFolder
    private let disk: any JournalDisk
    private var walk: LedgerWalk?
    /// A line that was read and lies behind the last limit.
    private var ahead: LedgerLine?
    /// Number of the line that `next` returns next.
    package private(set) var nextN: UInt64

    /// Begins at line `n`; 1 is the first.
    package init(directory: String, fromLine n: UInt64 = 1, disk: any JournalDisk = LinuxDisk()) {
        self.folder = LedgerFolder(path: directory)
        self.disk = disk
        self.nextN = max(n, 1)
    }

    /// The next line with a number up to `limit`; nil if there is none now.
    ///
    /// While a writer is alive give the number of its last durable line as the limit. A line that
    /// is damaged, or does not follow the one before, throws `broken`, again at every call;
    /// `step` goes on behind it. Links of lines in front of the first one are not checked.
    package func next(through limit: UInt64 = UInt64.max) throws(LedgerError) -> LedgerLine? {
        guard self.nextN <= limit else { return nil }
        if let line = self.ahead {
            guard line.n <= limit else { return nil }
            self.ahead = nil
            self.nextN = line.n + 1
            return line
        }
        guard let walk = try self.openWalk() else { return nil }
        while true {
            switch try Self.step(walk) {
            case .line(let line):
                if line.n < self.nextN { continue }
                if line.n > limit {
                    self.ahead = line
                    return nil
                }
                self.nextN = line.n + 1
                return line
            case .end: return nil
            case .broken(let fault): throw .broken(fault)
            }
        }
    }

    private static func step(_ walk: LedgerWalk) throws(LedgerError) -> LedgerWalk.Step {
        do throws(DiskError) { return try walk.next() } catch { throw .disk(error) }
    }

    /// The next line up to `limit`, or the lines that are missing where it should be, or the end.
    ///
    /// For readers that must come through: damage is named and passed, never waited at. `limit` is
    /// the number of the last durable line, so a line up to it that is not there is missing.
    package func step(through limit: UInt64) throws(LedgerError) -> LedgerStep {
        precondition(limit < UInt64.max, "a limit is the number of a line")
        guard self.nextN <= limit else { return .end }
        var fault: LedgerBreak?
        do throws(LedgerError) {
            if let line = try self.next(through: limit) { return .line(line) }
            // What was read ahead lies behind the limit, so nothing is missing in front of it.
            guard self.nextN <= limit else { return .end }
        } catch {
            switch error {
            case .broken(let found): fault = found
            case .lineTooOld: break
            default: throw error
            }
        }
        let missing = try self.skipDamage(through: limit)
        // Damage in front of the place where the reader began is not on its way: who resumes
        // behind a gap has been told of it.
        if missing.isEmpty, let fault, fault.n < missing.lowerBound {
            return try self.step(through: limit)
        }
        return .gap(LedgerGap(missing: missing, fault: fault))
    }

    /// Goes on behind damage at the next whole line with a number up to `limit`; without such a line
    /// everything up to `limit` is missing.
    private func skipDamage(through limit: UInt64) throws(LedgerError) -> Range<UInt64> {
        let first = self.nextN
        self.ahead = nil
        do throws(DiskError) {
            let broken = self.walk?.scan
            let offset = self.walk?.brokenOffset ?? broken?.offset ?? 0
            for number in try self.folder.numbers(self.disk) where number >= broken?.number ?? 0 {
                let file = try self.disk.open(self.folder.file(number), .read)
                let from = number == broken?.number ? offset : 0
                guard let found = try LedgerScan.firstLine(from: first, in: file, after: from),
                    found.line.n <= limit
                else { continue }
                self.walk = try LedgerWalk(
                    folder: self.folder, disk: self.disk, file: number, offset: found.offset)
                self.nextN = found.line.n
                return first..<found.line.n
            }
        } catch {
            throw .disk(error)
        }
        // The place is looked up again when there is more.
        self.walk = nil
        self.nextN = limit + 1
        return first..<self.nextN
    }

    /// A walk that begins close before line `nextN`, in the newest file whose first line is not
    /// behind it.
    private func openWalk() throws(LedgerError) -> LedgerWalk? {
        if let walk = self.walk { return walk }
        var oldest: UInt64?
        var fault: LedgerBreak?
        do throws(DiskError) {
            for number in try self.folder.numbers(self.disk).reversed() {
                let file = try self.disk.open(self.folder.file(number), .read)
                switch try LedgerScan(number: number, file: file).next() {
                case .line(let line):
                    if line.n <= self.nextN {
                        let offset = try LedgerScan.start(near: self.nextN, in: file)
                        self.walk = try LedgerWalk(
                            folder: self.folder, disk: self.disk, file: number, offset: offset)
                        return self.walk
                    }
                    oldest = line.n
                    fault = nil
                case .fault(let reason):
                    fault = LedgerBreak(
                        reason: reason, file: LedgerFolder.name(number), n: self.nextN,
                        byteOffset: 0)
                case .end: continue
                }
            }
        } catch {
            if error.isMissing { return nil }
            throw .disk(error)
        }
        if let fault { throw .broken(fault) }
        if let oldest { throw .lineTooOld(oldest: oldest) }
        return nil
    }
}

/// Lines that a reader could not read and went past.
package struct LedgerGap: Equatable, Sendable {
    /// Numbers of the lines that are missing; empty if only a link between two lines is broken.
    package var missing: Range<UInt64>
    /// What is wrong; nil if the lines are not there at all.
    package var fault: LedgerBreak?
}

/// What a reader found at its place.
package enum LedgerStep: Equatable, Sendable {
    case line(LedgerLine)
    case gap(LedgerGap)
    /// No line up to the limit is left.
    case end
}
