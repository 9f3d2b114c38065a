// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// The file of a unix socket: whether it may be taken, and its mode.
enum UnixSocketFile {
    /// Owner and group may connect.
    static let mode: mode_t = 0o660

    /// Removes a socket that nobody listens at; a crash leaves one behind.
    ///
    /// - Throws: `socketInUse` if somebody answers, `notASocket` if the path is something else.
    static func prepare(_ path: String) throws(OperatorAPIError) {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else {
            if errno == ENOENT { return }
            throw .system(call: "lstat", path: path, errno: errno)
        }
        guard status.st_mode & S_IFMT == S_IFSOCK else { throw .notASocket(path: path) }
        guard try !self.isAnswered(path) else { throw .socketInUse(path: path) }
        guard unsafe unlink(path) == 0 || errno == ENOENT else {
            throw .system(call: "unlink", path: path, errno: errno)
        }
    }

    static func restrict(_ path: String) { _ = unsafe chmod(path, self.mode) }

    /// Whether a process listens at `path`.
    ///
    /// Only a refused connection says that none does.
    private static func isAnswered(_ path: String) throws(OperatorAPIError) -> Bool {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC | O_NONBLOCK, 0)
        guard descriptor >= 0 else { throw .system(call: "socket", path: path, errno: errno) }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { buffer in
            for (index, byte) in path.utf8.prefix(buffer.count - 1).enumerated() {
                unsafe buffer[index] = byte
            }
        }
        let result = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                unsafe connect(descriptor, generic, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        return result == 0 || errno != ECONNREFUSED
    }
}
