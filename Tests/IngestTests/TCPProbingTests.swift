// SPDX-License-Identifier: Apache-2.0

import Glibc
import TelemetryWire
import Testing

@testable import Ingest

@Suite(.serialized) struct TCPProbingTests {
    /// The descriptor of the accepted end of a client's connection, which is in this process too.
    private static func accepted(_ client: MQTTTestClient) -> Int32? {
        func port(_ descriptor: Int32, _ isPeer: Bool) -> UInt16? {
            var address = sockaddr_in()
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let code = unsafe withUnsafeMutablePointer(to: &address) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe isPeer
                        ? getpeername(descriptor, $0, &length)
                        : getsockname(descriptor, $0, &length)
                }
            }
            return code == 0 && address.sin_family == AF_INET ? address.sin_port : nil
        }
        guard let wanted = port(client.descriptor, false) else { return nil }
        return (3..<1_024).first { $0 != client.descriptor && port($0, true) == wanted }
    }

    private static func option(_ level: Int32, _ name: Int32, of descriptor: Int32) -> Int32? {
        var value: Int32 = -1
        var length = socklen_t(4)
        return unsafe getsockopt(descriptor, level, name, &value, &length) == 0 ? value : nil
    }

    @Test func `a peer that is gone is found out within the longest keep alive`() {
        for seconds in [1, 2, 7, 60, 300, 32_767, 65_535] as [UInt16] {
            let probing = TCPProbing(keepAliveSecondsMax: seconds)
            #expect((1...TCPProbing.secondsMax).contains(probing.idleSeconds))
            #expect(probing.intervalSeconds >= 1)
            // The shortest are five seconds: the kernel counts whole ones.
            #expect(probing.secondsMax <= max(Int(seconds), 7))
        }
        #expect(TCPProbing(keepAliveSecondsMax: 300).secondsMax == 298)
        #expect(
            TCPProbing(keepAliveSecondsMax: 0)
                == TCPProbing(keepAliveSecondsMax: UInt16(TCPProbing.secondsDefault)))
    }

    @Test func `the kernel probes every connection, whatever its client asked for`() async throws {
        try await MQTTWorld { $0.keepAliveSecondsMax = 60 }.run { world in
            let client = try world.client(.v311)
            client.send(MQTTTestClient.connectBytes(.v311, "silent") { $0.keepAlive = 0 })
            #expect(client.receive()?.type == .connack)
            let descriptor = try #require(Self.accepted(client))
            #expect(Self.option(SOL_SOCKET, SO_KEEPALIVE, of: descriptor) == 1)
            let tcp = Int32(IPPROTO_TCP)
            #expect(Self.option(tcp, TCP_KEEPIDLE, of: descriptor) == 30)
            #expect(Self.option(tcp, TCP_KEEPINTVL, of: descriptor) == 7)
            #expect(Self.option(tcp, TCP_KEEPCNT, of: descriptor) == 4)
            #expect(Self.option(tcp, TCP_USER_TIMEOUT, of: descriptor) == 58_000)
        }
    }
}
