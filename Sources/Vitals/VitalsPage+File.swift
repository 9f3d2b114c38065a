// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
package import MidwatchModel

/// Device and inode of a file.
package struct FileIdentity: Hashable, Sendable {
    package let device: UInt64
    package let inode: UInt64

    /// Identity of the file with this name; nil if there is none.
    package init?(path: String) {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return nil }
        self.init(status)
    }

    init(_ status: stat) {
        self.device = UInt64(status.st_dev)
        self.inode = UInt64(status.st_ino)
    }
}

extension VitalsPage {
    /// Makes a fresh page named `path` for the calling process and maps it.
    ///
    /// The file is made with mode 0600 under another name, filled, and renamed, so a reader sees a
    /// whole page or the last run's. What the last run left is kept in `previousRun`.
    ///
    /// - Parameters:
    ///   - path: The page's name; its folder exists.
    ///   - wall: Start of the run by the calendar.
    /// - Returns: The mapped page in phase `starting`, with every stage in use.
    /// - Throws: `alreadyRunning` if a living process holds the page with this name; `system` if
    ///   the file cannot be made (a full disk included: its block is reserved here, so that no
    ///   later store can fail).
    package static func create(path: String, wall: WallInstant) throws(VitalsError) -> VitalsPage {
        let bootID = try BootID.current()
        let previous = try Self.previousRun(path: path, bootID: bootID)
        let processID = getpid()
        let owner = Owner(
            process: ProcessIdentity(
                processID: processID,
                startTicks: ProcessIdentity.startTicks(of: processID) ?? 0),
            bootID: bootID, startedAt: BootClock.now(), startedWall: wall)

        let temporary = "\(path).\(processID)"
        unsafe unlink(temporary)
        let fd = unsafe Glibc.open(
            temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard fd >= 0 else { throw .system(call: "open", errno: errno) }
        do throws(VitalsError) {
            guard flock(fd, LOCK_EX | LOCK_NB) == 0 else {
                throw .system(call: "flock", errno: errno)
            }
            let reserved = posix_fallocate(fd, 0, off_t(VitalsLayout.pageBytes))
            guard reserved == 0 else { throw .system(call: "posix_fallocate", errno: reserved) }
            var bytes = Self.header(owner)
            // A fresh page uses every stage until the daemon says which it has.
            for stage in Stage.allCases {
                bytes[VitalsLayout.stagesInUse] |= 1 << UInt8(stage.rawValue)
            }
            Self.put(owner.startedAt.nanoseconds, at: VitalsLayout.phaseSince, in: &bytes)
            let written = unsafe bytes.withUnsafeBytes {
                unsafe pwrite(fd, $0.baseAddress, $0.count, 0)
            }
            guard written == bytes.count else { throw .system(call: "pwrite", errno: errno) }
            let base = try unsafe Self.map(fd)
            guard unsafe rename(temporary, path) == 0 else {
                let failure = errno
                unsafe munmap(base, VitalsLayout.pageBytes)
                throw .system(call: "rename", errno: failure)
            }
            return unsafe VitalsPage(
                base: base, descriptor: fd, owner: owner, previousRun: previous,
                fileIdentity: try Self.identity(fd))
        } catch {
            close(fd)
            unsafe unlink(temporary)
            throw error
        }
    }

    /// Maps the page named `path` for reading and writing after checking all of its header.
    package static func open(path: String) throws(VitalsError) -> VitalsPage {
        let fd = unsafe Glibc.open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW)
        guard fd >= 0 else {
            throw errno == ENOENT ? .missing : .system(call: "open", errno: errno)
        }
        do throws(VitalsError) {
            let owner = try Self.readOwner(fd)
            return unsafe VitalsPage(
                base: try Self.map(fd), descriptor: fd, owner: owner, previousRun: nil,
                fileIdentity: try Self.identity(fd))
        } catch {
            close(fd)
            throw error
        }
    }

    /// Whether a living process holds the page as its maker.
    ///
    /// A second way to see death beside the pidfd: the kernel drops the lock with the process.
    package static func isHeld(path: String) -> Bool {
        let fd = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { return false }
        defer { close(fd) }
        return flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK
    }

    // MARK: Private

    /// What the page of an earlier run says; nil if there is none that can be read.
    private static func previousRun(
        path: String, bootID: BootID
    ) throws(VitalsError) -> PreviousRun? {
        let page: VitalsPage
        do throws(VitalsError) {
            page = try Self.open(path: path)
        } catch {
            // No page, or none that is ours to understand: this run starts a fresh one.
            return nil
        }
        // Held only while its maker lives; released with `page` otherwise.
        guard flock(page.lockDescriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw .alreadyRunning(processID: page.owner.process.processID)
        }
        var counters: [RunCounter: UInt64] = [:]
        for counter in RunCounter.allCases { counters[counter] = page[counter] }
        return PreviousRun(
            owner: page.owner, epoch: page.epoch, phase: page.phase, counters: counters,
            durableThrough: page.durableThrough, isSameBoot: page.owner.bootID == bootID)
    }

    private static func map(_ fd: Int32) throws(VitalsError) -> UnsafeMutableRawPointer {
        let base = unsafe mmap(
            nil, VitalsLayout.pageBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
        guard let base = unsafe base, unsafe base != MAP_FAILED else {
            throw .system(call: "mmap", errno: errno)
        }
        return unsafe base
    }

    private static func identity(_ fd: Int32) throws(VitalsError) -> FileIdentity {
        var status = stat()
        guard unsafe fstat(fd, &status) == 0 else { throw .system(call: "fstat", errno: errno) }
        return FileIdentity(status)
    }

    private static func readOwner(_ fd: Int32) throws(VitalsError) -> Owner {
        var status = stat()
        guard unsafe fstat(fd, &status) == 0 else { throw .system(call: "fstat", errno: errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .foreign }
        guard status.st_size == off_t(VitalsLayout.pageBytes) else {
            throw .truncated(needBytes: VitalsLayout.pageBytes, haveBytes: Int(status.st_size))
        }
        var bytes = [UInt8](repeating: 0, count: VitalsLayout.Header.end)
        let count = unsafe bytes.withUnsafeMutableBytes {
            unsafe pread(fd, $0.baseAddress, $0.count, 0)
        }
        guard count == bytes.count else { throw .system(call: "pread", errno: errno) }
        return try Self.owner(header: bytes)
    }

    // MARK: Header bytes

    /// The whole page of a run that has not begun: header in front, zeros behind.
    package static func header(_ owner: Owner) -> [UInt8] {
        typealias Header = VitalsLayout.Header
        var bytes = [UInt8](repeating: 0, count: VitalsLayout.pageBytes)
        bytes.replaceSubrange(0..<8, with: VitalsLayout.magic)
        Self.put(VitalsLayout.version, at: Header.version, in: &bytes)
        Self.put(UInt32(VitalsLayout.pageBytes), at: Header.pageBytes, in: &bytes)
        Self.put(UInt32(Stage.allCases.count), at: Header.stageCount, in: &bytes)
        Self.put(UInt32(VitalsLayout.stageStrideBytes), at: Header.stageStrideBytes, in: &bytes)
        Self.put(owner.bootID.high.bigEndian, at: Header.bootID, in: &bytes)
        Self.put(owner.bootID.low.bigEndian, at: Header.bootID + 8, in: &bytes)
        Self.put(
            UInt64(UInt32(bitPattern: owner.process.processID)), at: Header.processID, in: &bytes)
        Self.put(owner.process.startTicks, at: Header.processStartTicks, in: &bytes)
        Self.put(owner.startedAt.nanoseconds, at: Header.startedBoottime, in: &bytes)
        Self.put(owner.startedWall.nanoseconds, at: Header.startedWall, in: &bytes)
        Self.put(Self.headerChecksum(bytes), at: Header.checksum, in: &bytes)
        return bytes
    }

    /// Checks the first 128 bytes of a page and reads who made it.
    package static func owner(header bytes: [UInt8]) throws(VitalsError) -> Owner {
        typealias Header = VitalsLayout.Header
        precondition(bytes.count >= Header.end, "a whole header")
        guard Array(bytes[0..<8]) == VitalsLayout.magic else { throw .foreign }
        let version: UInt32 = Self.get(Header.version, in: bytes)
        guard version == VitalsLayout.version else { throw .unsupportedVersion(version) }
        guard Self.get(Header.checksum, in: bytes) == Self.headerChecksum(bytes),
            Self.get(Header.pageBytes, in: bytes) == UInt32(VitalsLayout.pageBytes),
            Self.get(Header.stageCount, in: bytes) == UInt32(Stage.allCases.count),
            Self.get(Header.stageStrideBytes, in: bytes) == UInt32(VitalsLayout.stageStrideBytes)
        else { throw .damagedHeader }
        let high: UInt64 = Self.get(Header.bootID, in: bytes)
        let low: UInt64 = Self.get(Header.bootID + 8, in: bytes)
        let processID: UInt64 = Self.get(Header.processID, in: bytes)
        return Owner(
            process: ProcessIdentity(
                processID: Int32(bitPattern: UInt32(truncatingIfNeeded: processID)),
                startTicks: Self.get(Header.processStartTicks, in: bytes)),
            bootID: BootID(high: UInt64(bigEndian: high), low: UInt64(bigEndian: low)),
            startedAt: MonotonicInstant(nanoseconds: Self.get(Header.startedBoottime, in: bytes)),
            startedWall: WallInstant(nanoseconds: Self.get(Header.startedWall, in: bytes)))
    }

    /// CRC-32C over the header with the checksum field taken as zero.
    private static func headerChecksum(_ bytes: [UInt8]) -> UInt32 {
        var header = Array(bytes[0..<VitalsLayout.Header.end])
        Self.put(UInt32(0), at: VitalsLayout.Header.checksum, in: &header)
        return unsafe header.withUnsafeBytes { unsafe clinux_crc32c(0, $0.baseAddress, $0.count) }
    }

    private static func put<Value: FixedWidthInteger>(
        _ value: Value, at offset: Int, in bytes: inout [UInt8]
    ) {
        for index in 0..<(Value.bitWidth / 8) {
            bytes[offset + index] = UInt8(
                truncatingIfNeeded: value.littleEndian >> Value(8 * index))
        }
    }

    private static func get<Value: FixedWidthInteger>(_ offset: Int, in bytes: [UInt8]) -> Value {
        var value: Value = 0
        for index in 0..<(Value.bitWidth / 8) {
            value |= Value(truncatingIfNeeded: bytes[offset + index]) << Value(8 * index)
        }
        return value
    }
}
