// SPDX-License-Identifier: Apache-2.0

import Glibc
package import Vitals

/// Keeps the restart ladder over restarts of the watchdog and reboots.
package struct LadderFile: Sendable {
    package let path: String

    package init(path: String) { self.path = path }

    /// Reads the ladder; an empty one if there is no file or it is damaged, which is said.
    package func load(restartCountMax: Int, windowNanoseconds: UInt64) -> (RestartLadder, String?) {
        let empty = RestartLadder(
            restartCountMax: restartCountMax, windowNanoseconds: windowNanoseconds)
        guard let text = SmallFile.read(self.path, bytesMax: 16_384) else {
            return (empty, nil)
        }
        do throws(LadderError) {
            let ladder = try RestartLadder(
                text: text, restartCountMax: restartCountMax, windowNanoseconds: windowNanoseconds)
            return (ladder, nil)
        } catch {
            return (empty, "\(error)")
        }
    }

    /// Makes the ladder durable: another file, fsync, rename, fsync of the folder.
    ///
    /// - Returns: nil, or why it failed.
    package func store(_ ladder: RestartLadder) -> String? {
        let temporary = self.path + ".new"
        let bytes = Array(ladder.text.utf8)
        let fd = unsafe open(
            temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard fd >= 0 else { return "open: \(SystemError.text(errno))" }
        let count = unsafe bytes.withUnsafeBytes { unsafe write(fd, $0.baseAddress, $0.count) }
        let isWritten = count == bytes.count && fsync(fd) == 0
        let error = errno
        close(fd)
        guard isWritten else { return "write: \(SystemError.text(error))" }
        guard unsafe rename(temporary, self.path) == 0 else {
            return "rename: \(SystemError.text(errno))"
        }
        let folder = self.path.lastIndex(of: "/").map { String(self.path[..<$0]) } ?? "."
        let folderFD = unsafe open(
            folder.isEmpty ? "/" : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folderFD >= 0 else { return "open folder: \(SystemError.text(errno))" }
        defer { close(folderFD) }
        return fsync(folderFD) == 0 ? nil : "fsync folder: \(SystemError.text(errno))"
    }

    /// Makes this the only watchdog that uses the file; nil if another one does.
    ///
    /// The lock is held as long as the descriptor, which the caller keeps.
    package func lock() -> Int32? {
        let fd = unsafe open(self.path + ".lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard fd >= 0 else { return nil }
        guard flock(fd, LOCK_EX | LOCK_NB) == 0 else {
            close(fd)
            return nil
        }
        return fd
    }
}
