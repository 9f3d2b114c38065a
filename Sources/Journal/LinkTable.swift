// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

/// The number of every sensor's last reading, by sensor index; 0 for none.
///
/// Owned by the committer, which writes the number into each record as its `link`, so that a
/// sensor's history can be walked back without an index.
///
/// `@unchecked Sendable`: one owner at a time (recovery, then the committer's thread).
final class LinkTable: @unchecked Sendable {
    private let last: ZeroedTable<UInt64>
    /// Entries that may be other than 0.
    private(set) var usedCount = 0

    init() { self.last = ZeroedTable(count: SystemLimits.sensorCountMax) }

    deinit { self.last.deallocate() }

    /// Number of the last reading of `sensor` before `n`, which becomes its last.
    @inline(__always)
    func advance(_ sensor: SensorIndex, to n: UInt64) -> UInt64 {
        let index = Int(sensor.rawValue)
        guard index < self.last.count else { return Slot.noPrevious }
        let previous = self.last[index]
        self.last[index] = n
        if index >= self.usedCount { self.usedCount = index + 1 }
        return previous == 0 ? Slot.noPrevious : previous
    }

    /// Takes `advance` back.
    func restore(_ sensor: SensorIndex, to link: UInt64) {
        let index = Int(sensor.rawValue)
        guard index < self.last.count else { return }
        self.last[index] = link == Slot.noPrevious ? 0 : link
    }

    // MARK: The links file

    static let headerBytes = JournalFormat.blockAlignment

    /// Writes the table. Not synced: a file that a crash tears is recognised by its checksum, and
    /// then more of the journal is read at the next start.
    func write(to file: any DiskFile, through: UInt64) throws(DiskError) {
        var header = FixedRecord(byteCount: Self.headerBytes, magic: JournalFormat.linksMagic)
        header.put(JournalFormat.version, at: 8)
        header.put(through, at: 16)
        header.put(UInt64(self.usedCount), at: 24)
        var failure: DiskError?
        let sum = unsafe self.last.withBytes(count: self.usedCount) { bytes in
            do throws(DiskError) {
                unsafe try file.write(
                    UnsafeRawBufferPointer(bytes), at: UInt64(Self.headerBytes))
            } catch {
                failure = error
            }
            return unsafe Checksum.crc32c(UnsafeRawBufferPointer(bytes))
        }
        if let failure { throw failure }
        header.put(sum, at: 32)
        try file.write(header.sealed, at: 0)
    }

    /// The number below which every reading is in the file's table; nil if the file is not whole.
    static func through(of file: any DiskFile) throws(DiskError) -> UInt64? {
        try self.header(of: file)?.u64(16)
    }

    /// Fills the empty table from a file; false, and the table stays empty, if it is not whole.
    func load(from file: any DiskFile) throws(DiskError) -> Bool {
        guard let header = try Self.header(of: file) else { return false }
        let count = header.u64(24)
        guard count <= UInt64(self.last.count) else { return false }
        var failure: DiskError?
        let isWhole = unsafe self.last.withBytes(count: Int(count)) { bytes -> Bool in
            do throws(DiskError) {
                let read = unsafe try file.read(into: bytes, at: UInt64(Self.headerBytes))
                let sum = unsafe Checksum.crc32c(UnsafeRawBufferPointer(bytes))
                if read == bytes.count, sum == header.u32(32) { return true }
            } catch {
                failure = error
            }
            unsafe bytes.initializeMemory(as: UInt8.self, repeating: 0)
            return false
        }
        if let failure { throw failure }
        if isWhole { self.usedCount = Int(count) }
        return isWhole
    }

    private static func header(of file: any DiskFile) throws(DiskError) -> FixedRecord? {
        let header = FixedRecord(
            checking: try file.bytes(at: 0, count: self.headerBytes),
            byteCount: self.headerBytes, magic: JournalFormat.linksMagic)
        return header?.u32(8) == JournalFormat.version ? header : nil
    }
}
