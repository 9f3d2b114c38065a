// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Remembers, beside the journal, which database was archived into.
///
/// Without it an empty database put in the place of the real one would look like a fresh archive.
/// To accept another database on purpose, a person deletes the file.
package struct ArchiveIdentityFile: Sendable {
    package let path: String
    private static let bytesMax = 4_096

    package init(path: String) { self.path = path }

    /// The identity, or nil if there is no file.
    package func read() throws(ArchiveError) -> String? {
        let descriptor = unsafe Glibc.open(self.path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw self.error("open")
        }
        defer { Glibc.close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: Self.bytesMax)
        let count = unsafe Glibc.read(descriptor, &bytes, bytes.count)
        guard count >= 0 else { throw self.error("read") }
        let text = String(decoding: bytes.prefix(count), as: UTF8.self)
        guard let line = text.split(separator: "\n").first else { throw self.error("parse") }
        return String(line)
    }

    /// Writes the identity durably: a new file, synced, renamed over the old one, folder synced.
    package func write(_ identity: String) throws(ArchiveError) {
        let temporary = self.path + ".new"
        let descriptor = unsafe Glibc.open(
            temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { throw self.error("create") }
        let bytes = Array((identity + "\n").utf8)
        let isWritten =
            unsafe Glibc.write(descriptor, bytes, bytes.count) == bytes.count
            && fsync(descriptor) == 0
        Glibc.close(descriptor)
        guard isWritten else { throw self.error("write") }
        guard unsafe rename(temporary, self.path) == 0 else { throw self.error("rename") }
        let folder = self.path.split(separator: "/", omittingEmptySubsequences: false).dropLast()
            .joined(separator: "/")
        let opened = unsafe Glibc.open(
            folder.isEmpty ? (self.path.hasPrefix("/") ? "/" : ".") : folder,
            O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard opened >= 0 else { throw self.error("open folder") }
        defer { Glibc.close(opened) }
        guard fsync(opened) == 0 else { throw self.error("sync folder") }
    }

    private func error(_ action: String) -> ArchiveError {
        let number = errno
        let detail = "\(action) \(self.path): error \(number)"
        return ArchiveError(
            .stop(.identityFileUnusable(detail: detail)), code: "identity", message: detail,
            action: action)
    }
}
