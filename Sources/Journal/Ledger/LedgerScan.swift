// SPDX-License-Identifier: Apache-2.0

/// Reads the lines of one ledger file, one after the other.
///
/// `@unchecked Sendable`: belongs to one reader at a time.
final class LedgerScan: @unchecked Sendable {
    private static let fetchBytes = 256 * 1_024

    let number: UInt32
    /// Where the next line begins.
    private(set) var offset: UInt64 = 0
    private let file: any DiskFile
    private var bytes: [UInt8] = []
    /// Place of `bytes[0]` in the file.
    private var bytesStart: UInt64 = 0

    /// What stands at `offset`.
    enum Item: Equatable {
        case line(LedgerLine)
        /// A zero byte or the end of the file.
        case end
        case fault(LedgerBreak.Reason)
    }

    init(number: UInt32, file: any DiskFile, offset: UInt64 = 0) {
        self.number = number
        self.file = file
        self.offset = offset
        self.bytesStart = offset
    }

    /// Takes the next line and moves `offset` behind it.
    ///
    /// Anything but a whole line is fetched once more before it is reported: a writer may have
    /// been busy with it. Then `offset` stays.
    func next() throws(DiskError) -> Item {
        let item = self.look()
        if case .line = item { return item }
        self.bytes = try self.fetch(self.offset)
        self.bytesStart = self.offset
        return self.look()
    }

    /// What the fetched bytes show at `offset`.
    private func look() -> Item {
        let start = min(Int(self.offset - self.bytesStart), self.bytes.count)
        let rest = self.bytes[start...]
        guard let first = rest.first, first != 0 else { return .end }
        let reach = rest.prefix(LedgerText.lineBytesMax + 1)
        guard let end = reach.firstIndex(of: UInt8(ascii: "\n")) else { return .fault(.form) }
        do throws(LedgerText.Fault) {
            let line = try LedgerText.parse(rest[..<end])
            self.offset += UInt64(end - rest.startIndex) + 1
            return .line(line)
        } catch {
            switch error {
            case .form: return .fault(.form)
            case .hash: return .fault(.hash)
            }
        }
    }

    private func fetch(_ offset: UInt64) throws(DiskError) -> [UInt8] {
        let size = try self.file.size()
        guard size > offset else { return [] }
        return try self.file.bytes(
            at: offset, count: Int(min(UInt64(Self.fetchBytes), size - offset))) ?? []
    }

    /// The first whole line with a number of at least `n` that begins at or behind `offset`; nil if
    /// the file has none.
    ///
    /// Whatever lies before it, zeros included, is passed over: for going on behind damage. Where a
    /// line feed itself is damaged, the line behind it is lost as well.
    static func firstLine(
        from n: UInt64, in file: any DiskFile, after offset: UInt64
    ) throws(DiskError) -> (line: LedgerLine, offset: UInt64)? {
        let size = try file.size()
        var at = offset
        while at < size {
            let wanted = Int(min(UInt64(Self.fetchBytes), size - at))
            guard let bytes = try file.bytes(at: at, count: wanted) else { return nil }
            var start = 0
            while let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) {
                if let line = try? LedgerText.parse(bytes[start..<end]), line.n >= n {
                    return (line, at + UInt64(start))
                }
                start = end + 1
            }
            if at + UInt64(wanted) == size { return nil }
            // A line is shorter than what is fetched: without any line feed nothing whole began.
            at += UInt64(start > 0 ? start : wanted - LedgerText.lineBytesMax)
        }
        return nil
    }

    /// Where a whole line begins that has a number of at most `n` and stands close before line `n`.
    ///
    /// Numbers ascend within a file, so halving finds it in a few reads. 0 where that does not work
    /// out: then the file is read from its start.
    static func start(near n: UInt64, in file: any DiskFile) throws(DiskError) -> UInt64 {
        var low: UInt64 = 0
        var high = try file.size()
        while high - low > UInt64(Self.fetchBytes) {
            let middle = low + (high - low) / 2
            let wanted = Int(min(UInt64(2 * LedgerText.lineBytesMax + 2), high - middle))
            guard let bytes = try file.bytes(at: middle, count: wanted) else { return low }
            guard let first = bytes.firstIndex(of: UInt8(ascii: "\n")) else {
                // Zeros: the lines end before.
                guard bytes.allSatisfy({ $0 == 0 }) else { return low }
                high = middle
                continue
            }
            let rest = bytes[(first + 1)...]
            guard let next = rest.first, next != 0,
                let end = rest.firstIndex(of: UInt8(ascii: "\n"))
            else {
                high = middle
                continue
            }
            guard let line = try? LedgerText.parse(rest[..<end]) else { return low }
            let start = middle + UInt64(first) + 1
            if line.n <= n, start < high { low = start } else { high = middle }
        }
        return low
    }

    /// Offset behind the last byte of the file that is not zero; `offset` if all behind it are.
    func usedEnd() throws(DiskError) -> UInt64 {
        var used = self.offset
        var at = self.offset
        let size = try self.file.size()
        while at < size {
            let bytes = try self.fetch(at)
            guard !bytes.isEmpty else { break }
            if let last = unsafe bytes.withUnsafeBytes({ unsafe ZeroTail.lastUsed(in: $0) }) {
                used = at + UInt64(last) + 1
            }
            at += UInt64(bytes.count)
        }
        return used
    }
}
