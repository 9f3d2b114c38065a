// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import Testing
import Vitals

@Suite struct SystemdTests {
    /// A datagram socket bound to `address`, as systemd has one.
    final class Listener {
        let descriptor: Int32

        init(_ address: String) {
            self.descriptor = clinux_unix_datagram_socket()
            var name = sockaddr_un()
            name.sun_family = sa_family_t(AF_UNIX)
            var bytes = Array(address.utf8)
            if address.hasPrefix("@") { bytes[0] = 0 }
            unsafe withUnsafeMutableBytes(of: &name.sun_path) { unsafe $0.copyBytes(from: bytes) }
            let size = socklen_t(2 + bytes.count + (address.hasPrefix("@") ? 0 : 1))
            _ = unsafe withUnsafePointer(to: &name) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe bind(self.descriptor, $0, size)
                }
            }
        }

        deinit { close(self.descriptor) }

        func receive() -> String? {
            var bytes = [UInt8](repeating: 0, count: 512)
            let count = unsafe bytes.withUnsafeMutableBytes {
                unsafe recv(self.descriptor, $0.baseAddress, $0.count, 0)
            }
            return count < 0 ? nil : String(decoding: bytes[..<count], as: UTF8.self)
        }
    }

    @Test(arguments: [true, false])
    func `messages reach a socket by path and by abstract name`(isAbstract: Bool) throws {
        let folder = TemporaryFolder()
        let address = isAbstract ? "@midwatch-test-\(getpid())" : folder.file("notify")
        let listener = Listener(address)
        let notifier = try #require(
            SystemdNotifier(environment: { $0 == "NOTIFY_SOCKET" ? address : nil }))
        #expect(notifier.ready())
        #expect(notifier.ready(status: "up"))
        #expect(notifier.watchdog())
        #expect(notifier.status("two\nlines"))
        #expect(notifier.mainProcess(12))
        #expect(notifier.extendTimeout(microseconds: 9))
        #expect(notifier.stopping())
        let expected = [
            "READY=1", "READY=1\nSTATUS=up", "WATCHDOG=1", "STATUS=two lines", "MAINPID=12",
            "EXTEND_TIMEOUT_USEC=9", "STOPPING=1",
        ]
        for message in expected { #expect(listener.receive() == message) }
        #expect(listener.receive() == nil)
    }

    @Test(arguments: ["", "relative", "vsock:2:1", "@", "/" + String(repeating: "x", count: 107)])
    func `an address of another kind is no way to systemd`(address: String) {
        #expect(SystemdNotifier(address: address) == nil)
    }

    @Test func `a socket that is gone is no trap`() throws {
        let notifier = try #require(SystemdNotifier(address: "/nonexistent/notify"))
        #expect(!notifier.watchdog())
    }

    @Test func `the interval systemd asks for`() {
        func interval(_ variables: [String: String]) -> UInt64? {
            SystemdWatchdog.interval(processID: 42) { variables[$0] }
        }
        #expect(interval(["WATCHDOG_USEC": "5000000", "WATCHDOG_PID": "42"]) == 5_000_000)
        #expect(interval(["WATCHDOG_USEC": "5000000"]) == 5_000_000)
        #expect(interval(["WATCHDOG_USEC": "5000000", "WATCHDOG_PID": "41"]) == nil)
        #expect(interval(["WATCHDOG_USEC": "0"]) == nil)
        #expect(interval(["WATCHDOG_USEC": "soon"]) == nil)
        #expect(interval([:]) == nil)
    }

    @Test func `sockets that systemd opened`() {
        func sockets(_ variables: [String: String]) -> [SocketActivation.Socket] {
            SocketActivation.sockets(processID: 42) { variables[$0] }
        }
        let named = sockets([
            "LISTEN_PID": "42", "LISTEN_FDS": "3", "LISTEN_FDNAMES": "udp::api",
        ])
        #expect(
            named == [
                .init(descriptor: 3, name: "udp"), .init(descriptor: 4, name: "unknown"),
                .init(descriptor: 5, name: "api"),
            ])
        #expect(sockets(["LISTEN_PID": "41", "LISTEN_FDS": "3"]).isEmpty)
        #expect(sockets(["LISTEN_PID": "42", "LISTEN_FDS": "-1"]).isEmpty)
        #expect(sockets(["LISTEN_PID": "42", "LISTEN_FDS": "65"]).isEmpty)
        #expect(sockets(["LISTEN_FDS": "1"]).isEmpty)
    }
}
