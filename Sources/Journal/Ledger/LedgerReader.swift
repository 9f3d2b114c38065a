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
    /// is damaged, or does not follow the one before, throws `broken`, again at every call.
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

    /// A walk from the newest file whose first line is not behind `nextN`.
    private func openWalk() throws(LedgerError) -> LedgerWalk? {
        if let walk = self.walk { return walk }
        var oldest: UInt64?
        do throws(DiskError) {
            for number in try self.folder.numbers(self.disk).reversed() {
                let file = try self.disk.open(self.folder.file(number), .read)
                let item = try LedgerScan(number: number, file: file).next()
                guard case .line(let line) = item else { continue }
                if line.n <= self.nextN {
                    self.walk = try LedgerWalk(folder: self.folder, disk: self.disk, file: number)
                    return self.walk
                }
                oldest = line.n
            }
        } catch {
            if error.isMissing { return nil }
            throw .disk(error)
        }
        if let oldest { throw .lineTooOld(oldest: oldest) }
        return nil
    }
}
