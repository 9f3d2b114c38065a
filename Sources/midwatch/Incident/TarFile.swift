// SPDX-License-Identifier: Apache-2.0

internal import Crypto
internal import Glibc
internal import MidwatchModel
internal import StateFolder

/// Writes a tar archive (POSIX ustar) piece by piece, with the SHA-256 of every member.
///
/// The same members give the same bytes: no user, no group, one time for all. A member's size is
/// written into its header when the member ends, so that nothing is held in memory; the file must
/// be one that can be sought in. It has another name until `finish`.
final class TarWriter {
    struct Member {
        var name: String
        var bytes: UInt64
        /// SHA-256, lower-case hex.
        var sum: String
    }

    private static let blockBytes = 512
    private static let bufferBytes = 1 << 16

    private let path: String
    private let partial: String
    private let modified: Int64
    private let descriptor: Int32
    private var offset: UInt64 = 0
    private var buffer: [UInt8] = []
    private var open: (name: String, header: UInt64, bytes: UInt64, hash: SHA256)?
    private(set) var members: [Member] = []

    /// Begins a new file beside `path`; `modified` is the time of all members, seconds since 1970.
    init(path: String, modified: Int64) throws(FileError) {
        self.path = path
        self.partial = path + ".partial"
        self.modified = modified
        self.descriptor = unsafe Glibc.open(
            self.partial, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard self.descriptor >= 0 else {
            throw FileError(call: "open", path: self.partial, code: errno)
        }
    }

    deinit { close(self.descriptor) }

    /// Begins a member; the one before has ended.
    func begin(_ name: String) throws(FileError) {
        precondition(self.open == nil, "a member is open")
        precondition((1...100).contains(name.utf8.count), "name of a member")
        self.open = (name, self.offset, 0, SHA256())
        try self.append([UInt8](repeating: 0, count: Self.blockBytes))
    }

    /// Adds to the open member.
    func write(_ bytes: [UInt8]) throws(FileError) {
        self.open?.hash.update(data: bytes)
        self.open?.bytes += UInt64(bytes.count)
        try self.append(bytes)
    }

    func write(_ text: String) throws(FileError) { try self.write(Array(text.utf8)) }

    /// Ends the open member.
    func end() throws(FileError) {
        guard let member = self.open else { return }
        self.open = nil
        let padding =
            (Self.blockBytes - Int(member.bytes % UInt64(Self.blockBytes))) % Self.blockBytes
        try self.append([UInt8](repeating: 0, count: padding))
        try self.flush()
        try self.put(
            Self.header(member.name, bytes: member.bytes, modified: self.modified),
            at: member.header)
        let sum = HexDigits.text(member.hash.finalize())
        self.members.append(Member(name: member.name, bytes: member.bytes, sum: sum))
    }

    /// Ends the archive, makes it durable and gives it its name.
    func finish() throws(FileError) {
        try self.append([UInt8](repeating: 0, count: 2 * Self.blockBytes))
        try self.flush()
        guard fsync(self.descriptor) == 0 else {
            throw FileError(call: "fsync", path: self.partial, code: errno)
        }
        guard unsafe rename(self.partial, self.path) == 0 else {
            throw FileError(call: "rename", path: self.path, code: errno)
        }
    }

    /// Takes an unfinished file away.
    func discard() { _ = unsafe unlink(self.partial) }

    // MARK: Bytes

    private func append(_ bytes: [UInt8]) throws(FileError) {
        self.buffer += bytes
        self.offset += UInt64(bytes.count)
        if self.buffer.count >= Self.bufferBytes { try self.flush() }
    }

    private func flush() throws(FileError) {
        try self.put(self.buffer, at: self.offset - UInt64(self.buffer.count))
        self.buffer.removeAll(keepingCapacity: true)
    }

    private func put(_ bytes: [UInt8], at offset: UInt64) throws(FileError) {
        var done = 0
        while done < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { raw in
                unsafe pwrite(
                    self.descriptor, raw.baseAddress.map { unsafe $0 + done }, raw.count - done,
                    off_t(offset) + off_t(done))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                throw FileError(call: "write", path: self.partial, code: errno)
            }
            done += count
        }
    }

    /// POSIX.1-1988 ustar: fields at fixed places, numbers in octal.
    private static func header(_ name: String, bytes: UInt64, modified: Int64) -> [UInt8] {
        var block = [UInt8](repeating: 0, count: Self.blockBytes)
        func put(_ text: String, at offset: Int) {
            for (index, byte) in text.utf8.enumerated() { block[offset + index] = byte }
        }
        func octal(_ value: UInt64, _ digits: Int) -> String {
            let text = String(value, radix: 8)
            return String(repeating: "0", count: max(0, digits - text.count)) + text
        }
        put(name, at: 0)
        put(octal(0o644, 7), at: 100)
        put(octal(0, 7), at: 108)
        put(octal(0, 7), at: 116)
        put(octal(bytes, 11), at: 124)
        put(octal(UInt64(clamping: modified), 11), at: 136)
        put("        ", at: 148)
        put("0", at: 156)
        put("ustar", at: 257)
        put("00", at: 263)
        let sum = block.reduce(UInt64(0)) { $0 + UInt64($1) }
        put(octal(sum, 6), at: 148)
        block[154] = 0
        return block
    }
}

/// Reads a tar archive member by member.
final class TarReader {
    enum Problem: Error, CustomStringConvertible {
        case file(FileError)
        case notAnArchive(offset: UInt64)
        case cutOff(member: String)

        var description: String {
            switch self {
            case .file(let error): "\(error)"
            case .notAnArchive(let offset): "no tar header at byte \(offset)"
            case .cutOff(let member): "the archive ends within \(member)"
            }
        }
    }

    private let path: String
    private let descriptor: Int32
    private var offset: UInt64 = 0

    init(path: String) throws(FileError) {
        self.path = path
        self.descriptor = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard self.descriptor >= 0 else {
            throw FileError(call: "open", path: path, code: errno)
        }
    }

    deinit { close(self.descriptor) }

    /// Gives the next member's bytes to `body` in pieces and returns its name and size; nil at the
    /// end of the archive.
    func next(
        _ body: (_ name: String, _ bytes: ArraySlice<UInt8>) -> Void
    ) throws(Problem) -> (name: String, bytes: UInt64)? {
        let header = try self.read(512)
        guard header.count == 512 else { throw .notAnArchive(offset: self.offset) }
        // Two empty blocks end an archive.
        if header.allSatisfy({ $0 == 0 }) { return nil }
        guard header[257..<262].elementsEqual("ustar".utf8),
            let bytes = Self.octal(header[124..<135]),
            let sum = Self.octal(header[148..<154])
        else { throw .notAnArchive(offset: self.offset - 512) }
        var check = UInt64(8 * 32)
        for (index, byte) in header.enumerated() where !(148..<156).contains(index) {
            check += UInt64(byte)
        }
        guard check == sum else { throw .notAnArchive(offset: self.offset - 512) }
        let name = String(decoding: header[0..<100].prefix { $0 != 0 }, as: UTF8.self)
        var left = bytes
        while left > 0 {
            let piece = try self.read(Int(min(left, 1 << 16)))
            guard !piece.isEmpty else { throw .cutOff(member: name) }
            body(name, piece[...])
            left -= UInt64(piece.count)
        }
        let padding = (512 - bytes % 512) % 512
        guard try self.read(Int(padding)).count == Int(padding) else { throw .cutOff(member: name) }
        return (name, bytes)
    }

    /// Up to `count` bytes; fewer only at the end of the file.
    private func read(_ count: Int) throws(Problem) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let got = unsafe bytes.withUnsafeMutableBytes { raw in
                unsafe Glibc.read(
                    self.descriptor, raw.baseAddress.map { unsafe $0 + done }, raw.count - done)
            }
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else {
                throw .file(FileError(call: "read", path: self.path, code: errno))
            }
            if got == 0 { break }
            done += got
        }
        self.offset += UInt64(done)
        return Array(bytes[..<done])
    }

    private static func octal(_ digits: ArraySlice<UInt8>) -> UInt64? {
        var value: UInt64 = 0
        for digit in digits {
            guard (0x30...0x37).contains(digit) else { return nil }
            value = value << 3 | UInt64(digit - 0x30)
        }
        return value
    }
}
