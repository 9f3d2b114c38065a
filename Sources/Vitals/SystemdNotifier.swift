// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// Tells systemd how the service fares: the sd_notify(3) protocol over an AF_UNIX datagram.
///
/// Written by hand so that neither program links libsystemd. A message that cannot be sent is
/// counted and not retried: systemd's own time limits cover its loss.
package final class SystemdNotifier: Sendable {
    private let address: [UInt8]
    private let descriptor: Int32

    /// Opens the way that `NOTIFY_SOCKET` names; nil outside systemd or for an address of another
    /// kind (`vsock:`).
    package convenience init?(environment: (String) -> String? = Environment.value) {
        guard let address = environment("NOTIFY_SOCKET") else { return nil }
        self.init(address: address)
    }

    /// Opens the way to `address`: a path, or `@name` in the abstract namespace.
    package init?(address: String) {
        let bytes = Array(address.utf8)
        guard bytes.first == UInt8(ascii: "/") || bytes.first == UInt8(ascii: "@"),
            bytes.count > 1, bytes.count < Self.addressBytesMax
        else { return nil }
        let fd = clinux_unix_datagram_socket()
        guard fd >= 0 else { return nil }
        self.address = bytes
        self.descriptor = fd
    }

    deinit { close(self.descriptor) }

    /// Bytes of sockaddr_un.sun_path.
    private static let addressBytesMax = 108

    /// The service is up.
    @discardableResult
    package func ready(status: String? = nil) -> Bool {
        self.send(status.map { "READY=1\nSTATUS=\(Self.oneLine($0))" } ?? "READY=1")
    }

    /// The service begins an ordered stop.
    @discardableResult
    package func stopping() -> Bool { self.send("STOPPING=1") }

    /// The service is alive; due every `SystemdWatchdog.interval`.
    @discardableResult
    package func watchdog() -> Bool { self.send("WATCHDOG=1") }

    /// One line for `systemctl status`.
    @discardableResult
    package func status(_ text: String) -> Bool { self.send("STATUS=\(Self.oneLine(text))") }

    /// Another process is the main one now.
    @discardableResult
    package func mainProcess(_ processID: Int32) -> Bool { self.send("MAINPID=\(processID)") }

    /// Asks for more time to start or stop: a recovery that moves.
    @discardableResult
    package func extendTimeout(microseconds: UInt64) -> Bool {
        self.send("EXTEND_TIMEOUT_USEC=\(microseconds)")
    }

    private func send(_ message: String) -> Bool {
        let bytes = Array(message.utf8)
        let rc = unsafe self.address.withUnsafeBytes { address in
            unsafe bytes.withUnsafeBytes { bytes in
                unsafe clinux_unix_send(
                    self.descriptor,
                    address.baseAddress?.assumingMemoryBound(to: CChar.self), address.count,
                    bytes.baseAddress, bytes.count)
            }
        }
        return rc == 0
    }

    /// A line break would begin another assignment.
    private static func oneLine(_ text: String) -> String {
        String(text.map { $0.isNewline ? " " : $0 })
    }
}

/// Variables of the process's environment.
package enum Environment {
    /// The value of a variable; nil if it is not set.
    package static func value(_ name: String) -> String? {
        guard let value = unsafe getenv(name) else { return nil }
        return unsafe String(cString: value)
    }
}

/// How often systemd wants to hear from the service (`WatchdogSec=`).
package enum SystemdWatchdog {
    /// Microseconds within which systemd wants `WATCHDOG=1`; nil if it does not, or if the
    /// variables are meant for another process.
    ///
    /// Send at half of it or sooner.
    package static func interval(
        processID: Int32, environment: (String) -> String? = Environment.value
    ) -> UInt64? {
        guard let text = environment("WATCHDOG_USEC"), let microseconds = UInt64(text),
            microseconds > 0
        else { return nil }
        if let meant = environment("WATCHDOG_PID"), Int32(meant) != processID { return nil }
        return microseconds
    }
}

/// Sockets that systemd opened for the service (`LISTEN_FDS`).
package enum SocketActivation {
    package struct Socket: Equatable, Sendable {
        package var descriptor: Int32
        /// `FileDescriptorName=` of the socket unit; `unknown` if it gave none.
        package var name: String

        package init(descriptor: Int32, name: String) {
            self.descriptor = descriptor
            self.name = name
        }
    }

    /// Descriptors handed over begin here (SD_LISTEN_FDS_START).
    package static let firstDescriptor: Int32 = 3
    /// More than any unit of ours names.
    package static let socketCountMax = 64

    /// The sockets meant for process `processID`, in order; empty if there are none.
    package static func sockets(
        processID: Int32, environment: (String) -> String? = Environment.value
    ) -> [Socket] {
        guard let meant = environment("LISTEN_PID"), Int32(meant) == processID,
            let text = environment("LISTEN_FDS"), let count = Int(text), count > 0,
            count <= Self.socketCountMax
        else { return [] }
        let names = (environment("LISTEN_FDNAMES") ?? "").split(
            separator: ":", omittingEmptySubsequences: false)
        return (0..<count).map { index in
            let name = index < names.count ? String(names[index]) : ""
            return Socket(
                descriptor: Self.firstDescriptor + Int32(index),
                name: name.isEmpty ? "unknown" : name)
        }
    }

    /// Takes the sockets over: children do not inherit them, and they do not inherit the variables.
    ///
    /// Call once, before other threads run: it changes the environment.
    package static func take() -> [Socket] {
        let sockets = Self.sockets(processID: getpid())
        for socket in sockets { _ = fcntl(socket.descriptor, F_SETFD, FD_CLOEXEC) }
        for name in ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"] { unsafe unsetenv(name) }
        return sockets
    }

    /// Whether `descriptor` is a socket that accepts connections.
    package static func isListening(_ descriptor: Int32) -> Bool {
        clinux_socket_accepts(descriptor) == 1
    }
}
