// SPDX-License-Identifier: Apache-2.0

package import Glibc

/// A file call that failed.
package struct FileError: Error, CustomStringConvertible {
    package var call: String
    package var path: String
    package var code: Int32

    package init(call: String, path: String, code: Int32) {
        self.call = call
        self.path = path
        self.code = code
    }

    package var description: String {
        unsafe "\(self.call) \(self.path): \(String(cString: strerror(self.code)))"
    }
}

/// Whole small files: read, replaced atomically, listed.
package enum FileBytes {
    /// Memory is taken at once for files up to this size.
    private static let reserveMax = 1 << 30

    /// The bytes of a file; nil if it cannot be read.
    package static func read(_ path: String) -> [UInt8]? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var status = stat()
        // A hint: what has no size or grows is read to its end all the same.
        if unsafe fstat(descriptor, &status) == 0, status.st_size < Self.reserveMax {
            bytes.reserveCapacity(max(0, Int(status.st_size)))
        }
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = unsafe Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { return nil }
            if count == 0 { return bytes }
            bytes.append(contentsOf: chunk[0..<count])
        }
    }

    /// Writes a new file beside `path`, syncs it, renames it over `path` and syncs the folder.
    package static func replace(_ path: String, with bytes: [UInt8], mode: mode_t = 0o600)
        throws(FileError)
    {
        let temporary = path + ".new"
        let descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        guard descriptor >= 0 else {
            throw FileError(call: "open", path: temporary, code: errno)
        }
        var offset = 0
        while offset < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { raw in
                unsafe Glibc.write(
                    descriptor, raw.baseAddress.map { unsafe $0 + offset }, raw.count - offset)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                let code = errno
                close(descriptor)
                throw FileError(call: "write", path: temporary, code: code)
            }
            offset += count
        }
        guard fsync(descriptor) == 0 else {
            let code = errno
            close(descriptor)
            throw FileError(call: "fsync", path: temporary, code: code)
        }
        close(descriptor)
        guard unsafe rename(temporary, path) == 0 else {
            throw FileError(call: "rename", path: path, code: errno)
        }
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        let handle = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if handle >= 0 {
            fsync(handle)
            close(handle)
        }
    }

    /// Names in a folder, without `.` and `..`; empty if it cannot be read.
    package static func list(_ folder: String) -> [String] {
        guard let stream = unsafe opendir(folder) else { return [] }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) {
                    unsafe String(cString: $0)
                }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    /// Makes a folder and those above it; existing ones are fine.
    package static func makeFolder(_ path: String, mode: mode_t = 0o750) throws(FileError) {
        var partial = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/") {
            partial += "/" + part
            if unsafe mkdir(partial, mode) != 0, errno != EEXIST {
                throw FileError(call: "mkdir", path: partial, code: errno)
            }
        }
    }
}
