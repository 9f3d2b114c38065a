// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// A connected unix socket with a deadline on everything it does.
///
/// Owns its descriptor; one thread uses it.
struct UnixSocketConnection: ~Copyable {
    /// What went wrong at the socket.
    enum Failure: Error, Equatable {
        case unreachable(errno: Int32)
        case timedOut
        case closed
        case system(errno: Int32)
    }

    private let descriptor: Int32

    /// Connects within `timeoutNanoseconds`.
    init(path: String, timeoutNanoseconds: UInt64) throws(Failure) {
        self.descriptor = try Self.open(path, timeoutNanoseconds)
    }

    private static func open(
        _ path: String, _ timeoutNanoseconds: UInt64
    ) throws(Failure) -> Int32 {
        guard path.utf8.count <= 107 else { throw .unreachable(errno: ENAMETOOLONG) }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC | O_NONBLOCK, 0)
        guard descriptor >= 0 else { throw .system(errno: errno) }
        let deadline = clinux_boottime_ns() + timeoutNanoseconds
        while self.connectOnce(descriptor, path) != 0 {
            let reason = errno
            // EAGAIN: the listener's backlog is full (unix(7)).
            guard reason == EAGAIN || reason == EINTR else {
                close(descriptor)
                throw .unreachable(errno: reason)
            }
            guard clinux_boottime_ns() < deadline else {
                close(descriptor)
                throw .timedOut
            }
            _ = poll(nil, 0, 20)
        }
        return descriptor
    }

    deinit { close(self.descriptor) }

    private static func connectOnce(_ descriptor: Int32, _ path: String) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { buffer in
            for (index, byte) in path.utf8.enumerated() { unsafe buffer[index] = byte }
        }
        return unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                unsafe connect(descriptor, generic, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    /// Sends all bytes before `deadline` (BOOTTIME nanoseconds).
    func send(_ bytes: [UInt8], deadline: UInt64) throws(Failure) {
        var sent = 0
        while sent < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe Glibc.send(
                    self.descriptor, buffer.baseAddress?.advanced(by: sent), buffer.count - sent,
                    Int32(MSG_NOSIGNAL))
            }
            if count > 0 {
                sent += count
            } else {
                try self.waitAfterFailure(errno, for: Int16(POLLOUT), deadline: deadline)
            }
        }
    }

    /// Receives 1 to 65,536 bytes before `deadline`; nil when the other end closed.
    func receive(deadline: UInt64) throws(Failure) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe recv(self.descriptor, buffer.baseAddress, buffer.count, 0)
            }
            if count == 0 { return nil }
            if count > 0 {
                bytes.removeLast(bytes.count - count)
                return bytes
            }
            try self.waitAfterFailure(errno, for: Int16(POLLIN), deadline: deadline)
        }
    }

    private func waitAfterFailure(
        _ reason: Int32, for events: Int16, deadline: UInt64
    ) throws(Failure) {
        switch reason {
        case EINTR: return
        case EAGAIN: break
        case EPIPE, ECONNRESET: throw .closed
        default: throw .system(errno: reason)
        }
        let now = clinux_boottime_ns()
        guard now < deadline else { throw .timedOut }
        var entry = pollfd(fd: self.descriptor, events: events, revents: 0)
        let milliseconds = min((deadline - now) / 1_000_000 + 1, 60_000)
        _ = unsafe poll(&entry, 1, Int32(milliseconds))
    }
}
