// SPDX-License-Identifier: Apache-2.0

import Journal

/// Reads ledger lines and goes on behind those that are damaged, saying which they were.
///
/// Every line in front of a damaged one was checked, and every line behind it is checked from the
/// first one that stands at the beginning of a file.
///
/// `@unchecked Sendable`: it may move between threads; one at a time uses it.
final class LedgerWithGaps: @unchecked Sendable {
    /// What a reader comes to.
    enum Item {
        case line(LedgerLine)
        /// Lines that cannot be read, and why.
        case gap(Gap)
    }

    struct Gap: Sendable {
        var lines: ClosedRange<UInt64>
        var reason: String
    }

    private let folder: String
    private var reader: LedgerReader
    /// Where known gaps end, by where they begin: to find an end takes a search.
    private var ends: [UInt64: UInt64]
    private static let endsMax = 64

    /// Begins behind line `after`.
    init(folder: String, after: UInt64) {
        self.folder = folder
        self.ends = [:]
        self.reader = LedgerReader(directory: folder, fromLine: after + 1)
    }

    /// Number of the line that `next` looks for.
    var nextN: UInt64 { self.reader.nextN }

    /// The next item up to line `limit`; nil if there is none now.
    func next(through limit: UInt64) -> Item? {
        do throws(LedgerError) {
            return try self.reader.next(through: limit).map { .line($0) }
        } catch {
            let first = self.reader.nextN
            guard first <= limit else { return nil }
            switch error {
            case .broken(let fault):
                return self.pass(max(first, 1), through: limit, fault.reason.rawValue)
            case .lineTooOld(let oldest):
                self.reader = LedgerReader(directory: self.folder, fromLine: oldest)
                return .gap(Gap(lines: first...max(first, oldest - 1), reason: "no longer kept"))
            case .disk, .lockedByAnother, .bodyRefused, .queueFull:
                // Another look may succeed.
                return nil
            }
        }
    }

    /// Goes on behind the damage that begins at line `first`.
    private func pass(_ first: UInt64, through limit: UInt64, _ reason: String) -> Item {
        let last = self.ends[first] ?? self.end(first, limit)
        if self.ends.count >= Self.endsMax { self.ends.removeAll() }
        if last < limit { self.ends[first] = last }
        self.reader = LedgerReader(directory: self.folder, fromLine: last + 1)
        return .gap(Gap(lines: first...last, reason: reason))
    }

    /// Number of the last line from `first` on that cannot be read.
    ///
    /// A reader begins with the file that holds the line it looks for: lines can be read from the
    /// first line of the next file on, so a search finds it.
    private func end(_ first: UInt64, _ limit: UInt64) -> UInt64 {
        var (unreadable, readable) = (first, limit + 1)
        while unreadable + 1 < readable {
            let middle = unreadable + (readable - unreadable) / 2
            let probe = LedgerReader(directory: self.folder, fromLine: middle)
            if (try? probe.next(through: limit)) != nil {
                readable = middle
            } else {
                unreadable = middle
            }
        }
        return readable - 1
    }
}
