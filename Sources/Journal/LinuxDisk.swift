// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
internal import Synchronization

/// The disk of the machine.
///
/// A place that it cannot read (a medium error) is given back as zeros: every format here proves
/// itself by a checksum, so it is found damaged, reported and passed over, instead of keeping all
/// that is whole from being read.
package struct LinuxDisk: JournalDisk {
    private static let unreadable = Atomic<UInt64>(0)

    package init() {}

    /// Places of 4 KiB that this process could not read, counted at each try.
    package static var unreadableCount: UInt64 { self.unreadable.load(ordering: .relaxed) }

    fileprivate static func noteUnreadable() { self.unreadable.wrappingAdd(1, ordering: .relaxed) }

    package func makeFolder(_ path: String) throws(DiskError) {
        let code = unsafe clinux_folder_make(path)
        if code != 0 { throw DiskError(.makeFolder, code: code, path: path) }
    }

    package func list(_ folder: String) throws(DiskError) -> [String] {
        guard let stream = unsafe opendir(folder) else {
            throw DiskError(.list, code: errno, path: folder)
        }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    package func open(_ path: String, _ mode: DiskOpenMode) throws(DiskError) -> any DiskFile {
        let flags: Int
        switch mode {
        case .read: flags = 0
        case .update: flags = CLINUX_OPEN_WRITE
        case .create: flags = CLINUX_OPEN_WRITE | CLINUX_OPEN_CREATE
        case .createNew: flags = CLINUX_OPEN_WRITE | CLINUX_OPEN_CREATE | CLINUX_OPEN_EXCLUSIVE
        }
        let descriptor = unsafe clinux_file_open(path, Int32(flags))
        guard descriptor >= 0 else { throw DiskError(.open, code: -descriptor, path: path) }
        return LinuxFile(descriptor: descriptor, path: path)
    }

    package func rename(_ source: String, to target: String) throws(DiskError) {
        guard unsafe Glibc.rename(source, target) == 0 else {
            throw DiskError(.rename, code: errno, path: source)
        }
    }

    package func remove(_ path: String) throws(DiskError) {
        guard unsafe unlink(path) == 0 else {
            throw DiskError(.remove, code: errno, path: path)
        }
    }

    package func syncFolder(_ path: String) throws(DiskError) {
        let code = unsafe clinux_folder_sync(path)
        if code != 0 { throw DiskError(.syncFolder, code: code, path: path) }
    }

    package func space(_ folder: String) throws(DiskError) -> DiskSpace {
        var facts = statvfs()
        guard unsafe statvfs(folder, &facts) == 0 else {
            throw DiskError(.space, code: errno, path: folder)
        }
        let unit = UInt64(facts.f_frsize)
        return DiskSpace(
            capacity: UInt64(facts.f_blocks) * unit, available: UInt64(facts.f_bavail) * unit)
    }

    package func randomBytes() throws(DiskError) -> [16 of UInt8] {
        var bytes: [16 of UInt8] = .init(repeating: 0)
        let code = unsafe withUnsafeMutableBytes(of: &bytes) { buffer in
            unsafe clinux_random_bytes(buffer.baseAddress, buffer.count)
        }
        if code != 0 { throw DiskError(.random, code: code, path: "") }
        return bytes
    }
}

/// A descriptor and the calls on it.
///
/// Every call names its offset, so calls of several threads do not disturb each other.
private final class LinuxFile: DiskFile {
    private let descriptor: Int32
    private let path: String

    /// Bytes of one write while a file is filled with zeros.
    private static let zeroChunkBytes = 1 << 20
    /// Bytes between two syncs of a fill: a sync of the journal waits behind one piece, not behind
    /// a whole segment.
    private static let zeroSyncBytes: UInt64 = 8 << 20

    init(descriptor: Int32, path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    deinit { close(self.descriptor) }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(DiskError)
        -> Int
    {
        var total = 0
        var isPiecewise = false
        while total < buffer.count {
            let at = Int(offset) + total
            let left = buffer.count - total
            let piece = Self.pieceBytes - at % Self.pieceBytes
            let wanted = isPiecewise ? min(left, piece) : left
            let rest = unsafe UnsafeMutableRawBufferPointer(
                rebasing: buffer[total..<(total + wanted)])
            let count = unsafe pread(self.descriptor, rest.baseAddress, rest.count, off_t(at))
            if count == 0 { break }
            if count < 0 {
                let code = errno
                if code == EINTR { continue }
                guard Self.mediumErrors.contains(code) else {
                    throw DiskError(.read, code: code, path: self.path)
                }
                if wanted > piece {
                    // Only the bad place is given up, not what surrounds it.
                    isPiecewise = true
                    continue
                }
                unsafe rest.initializeMemory(as: UInt8.self, repeating: 0)
                LinuxDisk.noteUnreadable()
                total += wanted
                continue
            }
            total += count
        }
        return total
    }

    /// What one read gives up at least: a page.
    private static let pieceBytes = 4_096
    /// The medium does not give the bytes back, or gives back others than were written.
    private static let mediumErrors: Set<Int32> = [EIO, ENODATA, EBADMSG, EILSEQ, EUCLEAN]

    func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(DiskError) {
        var total = 0
        while total < bytes.count {
            let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[total...])
            let count = unsafe pwrite(
                self.descriptor, rest.baseAddress, rest.count, off_t(offset) + off_t(total))
            if count < 0 {
                if errno == EINTR { continue }
                throw DiskError(.write, code: errno, path: self.path)
            }
            total += count
        }
    }

    func sync() throws(DiskError) {
        guard fdatasync(self.descriptor) == 0 else {
            throw DiskError(.sync, code: errno, path: self.path)
        }
    }

    func size() throws(DiskError) -> UInt64 {
        var facts = stat()
        guard unsafe fstat(self.descriptor, &facts) == 0 else {
            throw DiskError(.read, code: errno, path: self.path)
        }
        return UInt64(facts.st_size)
    }

    func fillWithZeros(bytes: UInt64) throws(DiskError) {
        // A file system without the call (EOPNOTSUPP) is filled by the writes alone.
        let code = clinux_file_allocate(self.descriptor, 0, bytes)
        if code != 0, code != EOPNOTSUPP {
            throw DiskError(.allocate, code: code, path: self.path)
        }
        let zeros = [UInt8](repeating: 0, count: Self.zeroChunkBytes)
        var offset: UInt64 = 0
        while offset < bytes {
            let count = Int(min(UInt64(zeros.count), bytes - offset))
            try self.write(count == zeros.count ? zeros : Array(zeros[..<count]), at: offset)
            offset += UInt64(count)
            if offset % Self.zeroSyncBytes == 0 { try self.sync() }
        }
        guard fsync(self.descriptor) == 0 else {
            throw DiskError(.sync, code: errno, path: self.path)
        }
    }

    func lock() throws(DiskError) -> Bool {
        let code = clinux_file_lock(self.descriptor)
        if code == EWOULDBLOCK { return false }
        if code != 0 { throw DiskError(.lock, code: code, path: self.path) }
        return true
    }
}
