// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

/// One segment, open for reading, and a window of its bytes.
///
/// `@unchecked Sendable`: belongs to one reader, which belongs to one thread at a time.
final class SegmentFile: @unchecked Sendable {
    /// Bytes that one read fetches at most: enough that the call costs nothing beside the copy.
    static let windowBytes = 1 << 20
    /// Bytes that one read fetches at least.
    static let fetchBytesMin = 16_384

    let number: UInt32
    /// nil if the header fails its checksum; blocks can be read all the same.
    let header: SegmentHeader?
    let byteCount: UInt64
    private let file: any DiskFile
    private let window: AlignedBuffer
    private var windowStart: UInt64 = 0
    private var windowCount = 0
    /// Name of this segment. From the header, or from the first block if the header is bad.
    private var uuid: SegmentUUID?

    /// A place where a block may stand.
    enum Place {
        /// A valid block of this segment.
        case block(BlockHeader)
        case zeros
        case invalid
        /// No block fits between here and the end of the file.
        case end
    }

    init(
        number: UInt32, folder: JournalFolder, disk: any JournalDisk, window: AlignedBuffer
    ) throws(JournalError) {
        let path = folder.segment(number)
        self.number = number
        self.file = try disk.opened(path, .read)
        self.window = window
        do throws(DiskError) { self.byteCount = try self.file.size() } catch { throw .disk(error) }
        self.header = try SegmentHeader.read(self.file, path: path)
        self.uuid = self.header?.uuid
    }

    /// Judges the place at `offset`, a multiple of 4 KiB.
    ///
    /// A place that shows no block is read from the disk again before it is judged: the writer may
    /// have written since the window was filled.
    ///
    /// - Parameter expectedBytes: How much the caller is going to read from here on.
    func place(at offset: UInt64, expectedBytes: Int) throws(JournalError) -> Place {
        guard offset + UInt64(JournalFormat.blockAlignment) <= self.byteCount else { return .end }
        if offset >= self.windowStart, offset < self.windowStart + UInt64(self.windowCount) {
            let place = self.judge(offset)
            if case .block = place { return place }
        }
        let fetch = min(max(expectedBytes, Self.fetchBytesMin), Self.windowBytes)
        try self.fill(from: offset, fetch)
        let place = self.judge(offset)
        if case .invalid = place, fetch < JournalFormat.blockBytesMax {
            try self.fill(from: offset, JournalFormat.blockBytesMax)
            return self.judge(offset)
        }
        return place
    }

    /// The first valid block of this segment at `offset` or behind it.
    func nextBlock(from offset: UInt64) throws(JournalError) -> (BlockHeader, UInt64)? {
        var at = offset
        var isFilled = false
        while at + UInt64(JournalFormat.blockAlignment) <= self.byteCount {
            let windowEnd = self.windowStart + UInt64(self.windowCount)
            let holdsLargest = at + UInt64(JournalFormat.blockBytesMax) <= windowEnd
            if !isFilled || !holdsLargest && windowEnd < self.byteCount {
                try self.fill(from: at, Self.windowBytes)
                guard self.windowCount > 0 else { return nil }
                isFilled = true
            }
            if case .block(let header) = self.judge(at) { return (header, at) }
            at += UInt64(JournalFormat.blockAlignment)
        }
        return nil
    }

    /// The highest committed-through watermark of the blocks from `offset` on; 0 if there is none.
    func watermark(from offset: UInt64) throws(JournalError) -> UInt64 {
        var highest: UInt64 = 0
        var offset = offset
        while let (header, at) = try self.nextBlock(from: offset) {
            highest = max(highest, header.committedThrough)
            offset = at + UInt64(header.byteCount)
        }
        return highest
    }

    /// Bytes from `offset` to the last one that is not zero.
    func usedBytes(from offset: UInt64) throws(JournalError) -> UInt64 {
        var used: UInt64 = 0
        var at = offset
        while at < self.byteCount {
            try self.fill(from: at, Self.windowBytes)
            guard self.windowCount > 0 else { break }
            let bytes = unsafe self.window.bytes[..<self.windowCount]
            if let last = unsafe bytes.lastIndex(where: { $0 != 0 }) {
                used = at + UInt64(last) + 1 - offset
            }
            at += UInt64(self.windowCount)
        }
        return used
    }

    /// Copies records of the block that `place` found at `offset` last.
    func copyRecords(
        ofBlockAt offset: UInt64, from first: Int, count: Int,
        to target: UnsafeMutableRawBufferPointer
    ) {
        let start =
            Int(offset - self.windowStart) + JournalFormat.blockHeaderBytes + first * Slot.byteCount
        let end = start + count * Slot.byteCount
        precondition(offset >= self.windowStart && end <= self.windowCount, "block left the window")
        unsafe target.copyMemory(
            from: UnsafeRawBufferPointer(rebasing: self.window.bytes[start..<end]))
    }

    /// Raw bytes for a report, fewer if the file ends.
    func bytes(at offset: UInt64, count: Int) throws(JournalError) -> [UInt8] {
        let available = self.byteCount > offset ? self.byteCount - offset : 0
        do throws(DiskError) {
            return try self.file.bytes(
                at: offset, count: Int(min(UInt64(count), available))) ?? []
        } catch {
            throw .disk(error)
        }
    }

    /// What the window shows at `offset`, which lies in it.
    private func judge(_ offset: UInt64) -> Place {
        let skip = Int(offset - self.windowStart)
        let bytes = unsafe UnsafeRawBufferPointer(
            rebasing: self.window.bytes[skip..<self.windowCount])
        switch unsafe BlockHeader.decode(bytes) {
        case .zeros: return .zeros
        case .invalid: return .invalid
        case .block(let header):
            if let uuid = self.uuid, header.uuid != uuid { return .invalid }
            self.uuid = header.uuid
            return .block(header)
        }
    }

    private func fill(from offset: UInt64, _ count: Int) throws(JournalError) {
        self.windowStart = offset
        self.windowCount = 0
        do throws(DiskError) {
            self.windowCount = unsafe try self.file.read(
                into: UnsafeMutableRawBufferPointer(rebasing: self.window.bytes[..<count]),
                at: offset)
        } catch {
            throw .disk(error)
        }
    }
}

extension JournalDisk {
    /// `open` with the journal's error.
    func opened(_ path: String, _ mode: DiskOpenMode) throws(JournalError) -> any DiskFile {
        do throws(DiskError) { return try self.open(path, mode) } catch { throw .disk(error) }
    }
}

extension SegmentHeader {
    /// The header of an open segment; nil if it fails its checksum.
    static func read(_ file: any DiskFile, path: String) throws(JournalError) -> SegmentHeader? {
        let bytes: [UInt8]?
        do throws(DiskError) {
            bytes = try file.bytes(at: 0, count: self.byteCount)
        } catch {
            throw .disk(error)
        }
        switch self.decode(bytes) {
        case .header(let header): return header
        case .damaged: return nil
        case .unknownVersion(let version): throw .unknownVersion(file: path, version: version)
        }
    }
}
