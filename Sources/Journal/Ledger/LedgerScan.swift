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

    init(number: UInt32, file: any DiskFile) {
        self.number = number
        self.file = file
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
