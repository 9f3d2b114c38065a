// SPDX-License-Identifier: Apache-2.0

import Glibc
import MidwatchModel
import TelemetryWire
import Testing

/// A blocking MQTT client over a real TCP socket.
final class MQTTTestClient {
    let version: MQTTVersion
    let descriptor: Int32
    private var framer = MQTTFramer(packetBytesMax: 1 << 20)

    /// Connects the socket; sends nothing.
    init(port: UInt16, version: MQTTVersion = .v311) throws {
        self.version = version
        self.descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let descriptor = self.descriptor
        let status = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(status == 0)
        var on: Int32 = 1
        unsafe _ = setsockopt(
            self.descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(4))
    }

    deinit { close(self.descriptor) }

    /// Closes the socket without a word.
    func hangUp() { shutdown(self.descriptor, Int32(SHUT_RDWR)) }

    func send(_ bytes: [UInt8]) {
        var offset = 0
        while offset < bytes.count {
            let sent = unsafe bytes.withUnsafeBytes { buffer in
                unsafe Glibc.send(
                    self.descriptor, buffer.baseAddress.map { unsafe $0 + offset },
                    bytes.count - offset, Int32(MSG_NOSIGNAL))
            }
            guard sent > 0 else { return }
            offset += sent
        }
    }

    /// The next packet as type and body; nil at the end of the stream or after `milliseconds`.
    func receive(milliseconds: Int32 = 5_000) -> (type: MQTTPacketType, body: [UInt8])? {
        while true {
            switch self.framer.next() {
            case .packet(let header):
                let body = self.framer.withBytes { bytes in
                    header.body.range.map { bytes[$0] }
                }
                self.framer.consume()
                return (header.type, body)
            case .fault: return nil
            case .needsBytes: break
            }
            var poller = pollfd(fd: self.descriptor, events: Int16(POLLIN), revents: 0)
            guard unsafe poll(&poller, 1, milliseconds) > 0 else { return nil }
            var chunk = [UInt8](repeating: 0, count: 65_536)
            let count = unsafe recv(self.descriptor, &chunk, chunk.count, 0)
            guard count > 0 else { return nil }
            let taken = self.framer.append(chunk.span.extracting(first: count))
            precondition(taken == count, "test client buffer")
        }
    }

    /// Whether the server closes within the bound, whatever it says before.
    func isClosedByServer(withinMilliseconds bound: Int32 = 5_000) -> Bool {
        while true {
            var poller = pollfd(fd: self.descriptor, events: Int16(POLLIN), revents: 0)
            guard unsafe poll(&poller, 1, bound) > 0 else { return false }
            var chunk = [UInt8](repeating: 0, count: 4_096)
            if unsafe recv(self.descriptor, &chunk, chunk.count, 0) <= 0 { return true }
        }
    }

    // MARK: - Packets

    static func connectBytes(
        _ version: MQTTVersion, _ clientIdentifier: String,
        _ configure: (inout MQTTConnectRequest) -> Void = { _ in }
    ) -> [UInt8] {
        var request = MQTTConnectRequest(version: version, clientIdentifier: clientIdentifier)
        configure(&request)
        var buffer = WireBuffer()
        MQTTEncoder.connect(request, into: &buffer)
        return buffer.array()
    }

    /// Connects as `clientIdentifier`; returns the code of CONNACK.
    func connect(
        as clientIdentifier: String, _ configure: (inout MQTTConnectRequest) -> Void = { _ in }
    ) -> UInt8? {
        self.send(Self.connectBytes(self.version, clientIdentifier, configure))
        guard let answer = self.receive(), answer.type == .connack else { return nil }
        return answer.body[1]
    }

    func publishBytes(
        _ topic: String, _ payload: String, qos: QoS = .atMostOnce, identifier: UInt16 = 0,
        isDuplicate: Bool = false, isRetained: Bool = false
    ) -> [UInt8] {
        var buffer = WireBuffer()
        MQTTEncoder.publish(
            topic: topic.utf8.span, payload: payload.utf8.span, qos: qos,
            packetIdentifier: identifier, isDuplicate: isDuplicate, isRetained: isRetained,
            version: self.version, into: &buffer)
        return buffer.array()
    }

    func publish(
        _ topic: String, _ payload: String, qos: QoS = .atMostOnce, identifier: UInt16 = 0,
        isDuplicate: Bool = false, isRetained: Bool = false
    ) {
        self.send(
            self.publishBytes(
                topic, payload, qos: qos, identifier: identifier, isDuplicate: isDuplicate,
                isRetained: isRetained))
    }

    func ping() { self.send([0xC0, 0]) }

    func disconnect() { self.send([0xE0, 0]) }

    /// Packet identifier of the next packet, which must be a PUBACK.
    func acknowledgement() -> UInt16? {
        guard let packet = self.receive(), packet.type == .puback else { return nil }
        return UInt16(packet.body[0]) << 8 | UInt16(packet.body[1])
    }
}
