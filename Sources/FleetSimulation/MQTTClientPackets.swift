// SPDX-License-Identifier: Apache-2.0

/// The MQTT version a client speaks.
package enum MQTTClientVersion: UInt8, Sendable, CaseIterable {
    case v311 = 4
    case v5 = 5
}

/// Packets that a publishing client sends, OASIS MQTT 3.1.1 and 5.0.
///
/// Written apart from `TelemetryWire` on purpose: the fleet tests the server, so the two must not
/// share a mistake; and publishes are patched in place here.
enum MQTTClientPackets {
    /// Seconds for which the server keeps the session after the connection ended.
    static let sessionExpirySeconds: UInt32 = 3_600

    /// CONNECT without will, user name and password (MQTT 5.0, 3.1).
    static func connect(
        version: MQTTClientVersion, clientIdentifier: String, isClean: Bool,
        keepAliveSeconds: UInt16
    ) -> [UInt8] {
        var body = self.string("MQTT")
        body.append(version.rawValue)
        body.append(isClean ? 0x02 : 0x00)
        body += self.word(keepAliveSeconds)
        if version == .v5 {
            if isClean {
                body.append(0)
            } else {
                body += [5, 0x11]
                body += self.word(UInt16(truncatingIfNeeded: self.sessionExpirySeconds >> 16))
                body += self.word(UInt16(truncatingIfNeeded: self.sessionExpirySeconds))
            }
        }
        body += self.string(clientIdentifier)
        return self.packet(0x10, body)
    }

    /// A PUBLISH with room for packet identifier and payload (MQTT 5.0, 3.3).
    struct Publish {
        var bytes: [UInt8]
        /// Where the packet identifier stands; nil for QoS 0.
        var identifierOffset: Int?
        var payloadOffset: Int

        /// Flag of byte 0: this is a redelivery [MQTT-3.3.1-1].
        static let duplicateFlag: UInt8 = 0x08
    }

    static func publish(
        version: MQTTClientVersion, topic: String, payload: [UInt8], isAcknowledged: Bool,
        isExactlyOnce: Bool = false
    ) -> Publish {
        var body = self.string(topic)
        let identifier = isAcknowledged ? body.count : nil
        if isAcknowledged { body += [0, 0] }
        if version == .v5 { body.append(0) }
        let payloadStart = body.count
        body += payload
        let bytes = self.packet(isExactlyOnce ? 0x34 : isAcknowledged ? 0x32 : 0x30, body)
        let header = bytes.count - body.count
        return Publish(
            bytes: bytes, identifierOffset: identifier.map { $0 + header },
            payloadOffset: payloadStart + header)
    }

    /// PUBREL (MQTT 5.0, 3.6).
    static func release(_ identifier: UInt16) -> [UInt8] { [0x62, 2] + self.word(identifier) }

    /// PINGREQ (MQTT 5.0, 3.12).
    static let pingRequest: [UInt8] = [0xC0, 0]
    /// DISCONNECT, normal (MQTT 5.0, 3.14: without reason code it is 0x00).
    static let disconnect: [UInt8] = [0xE0, 0]

    /// Remaining lengths above this need more than four bytes (MQTT 5.0, 1.5.5).
    static let remainingLengthMax = 268_435_455

    // MARK: - Helpers

    private static func packet(_ first: UInt8, _ body: [UInt8]) -> [UInt8] {
        precondition(body.count <= self.remainingLengthMax, "MQTT packet length")
        var bytes = [first]
        var rest = body.count
        repeat {
            let byte = UInt8(truncatingIfNeeded: rest & 0x7F)
            rest >>= 7
            bytes.append(rest > 0 ? byte | 0x80 : byte)
        } while rest > 0
        return bytes + body
    }

    private static func word(_ value: UInt16) -> [UInt8] {
        [UInt8(truncatingIfNeeded: value >> 8), UInt8(truncatingIfNeeded: value)]
    }

    private static func string(_ text: String) -> [UInt8] {
        let bytes = Array(text.utf8)
        precondition(bytes.count <= 65_535, "MQTT string length")
        return self.word(UInt16(bytes.count)) + bytes
    }
}

/// Cuts what a server sends into packets, whatever the splits, and reads those a publisher gets.
struct MQTTServerPackets {
    enum Packet: Equatable {
        /// `receiveMaximum` is 65,535 where the server says nothing (MQTT 5.0, 3.2.2.3.3).
        case connectAccepted(receiveMaximum: UInt16, keepAliveSeconds: UInt16?)
        case connectRefused(code: UInt8)
        /// `reason` is 0 where the server says nothing.
        case publishAcknowledged(identifier: UInt16, reason: UInt8)
        /// PUBREC of QoS 2.
        case publishReceived(identifier: UInt16, reason: UInt8)
        /// PUBCOMP of QoS 2.
        case publishCompleted(identifier: UInt16)
        case pingAnswered
        case disconnected(reason: UInt8)
        case other
        /// Not MQTT: the connection must be closed.
        case malformed
    }

    /// Bytes of one packet that a publisher expects at most.
    static let packetBytesMax = 64 * 1_024

    private let version: MQTTClientVersion
    private var buffer: [UInt8] = []
    private var offset = 0

    init(version: MQTTClientVersion) { self.version = version }

    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        if self.offset == self.buffer.count {
            self.buffer.removeAll(keepingCapacity: true)
            self.offset = 0
        } else if self.offset > 32 * 1_024 {
            self.buffer.removeFirst(self.offset)
            self.offset = 0
        }
        unsafe self.buffer.append(contentsOf: bytes)
    }

    /// The next whole packet; nil if more bytes are needed.
    mutating func next() -> Packet? {
        let available = self.buffer.count - self.offset
        guard available >= 2 else { return nil }
        var length = 0
        var headerBytes = 1
        while true {
            guard headerBytes <= 4 else { return .malformed }
            guard headerBytes < available else { return nil }
            let byte = self.buffer[self.offset + headerBytes]
            length |= Int(byte & 0x7F) << (7 * (headerBytes - 1))
            headerBytes += 1
            if byte & 0x80 == 0 { break }
        }
        guard length <= Self.packetBytesMax else { return .malformed }
        guard available >= headerBytes + length else { return nil }
        let first = self.buffer[self.offset]
        let start = self.offset + headerBytes
        self.offset = start + length
        return self.read(first, start, length)
    }

    private func read(_ first: UInt8, _ start: Int, _ length: Int) -> Packet {
        switch first >> 4 {
        case 2:
            guard length >= 2 else { return .malformed }
            let code = self.buffer[start + 1]
            return code == 0
                ? self.accepted(start + 2, start + length) : .connectRefused(code: code)
        case 4, 5, 7:
            guard length >= 2 else { return .malformed }
            let identifier = UInt16(self.buffer[start]) << 8 | UInt16(self.buffer[start + 1])
            let reason = length > 2 ? self.buffer[start + 2] : 0
            switch first >> 4 {
            case 5: return .publishReceived(identifier: identifier, reason: reason)
            case 7: return .publishCompleted(identifier: identifier)
            default: return .publishAcknowledged(identifier: identifier, reason: reason)
            }
        case 13: return .pingAnswered
        case 14: return .disconnected(reason: length > 0 ? self.buffer[start] : 0)
        case 0: return .malformed
        default: return .other
        }
    }

    /// Reads the properties of CONNACK that a publisher must obey.
    private func accepted(_ start: Int, _ end: Int) -> Packet {
        var receiveMaximum: UInt16 = 65_535
        var keepAlive: UInt16?
        // Properties of CONNACK by the bytes of their values; strings carry their length.
        let sizes: [UInt8: Int] = [
            0x11: 4, 0x13: 2, 0x21: 2, 0x22: 2, 0x24: 1, 0x25: 1, 0x27: 4, 0x28: 1, 0x29: 1,
            0x2A: 1,
        ]
        guard self.version == .v5, start < end else {
            return .connectAccepted(receiveMaximum: receiveMaximum, keepAliveSeconds: nil)
        }
        // CONNACK properties are short: one or two bytes of length.
        var index = start + (self.buffer[start] & 0x80 == 0 ? 1 : 2)
        while index < end {
            let identifier = self.buffer[index]
            index += 1
            if let size = sizes[identifier] {
                guard index + size <= end else { return .malformed }
                let word =
                    size == 2
                    ? UInt16(self.buffer[index]) << 8 | UInt16(self.buffer[index + 1]) : 0
                if identifier == 0x21 { receiveMaximum = max(1, word) }
                if identifier == 0x13 { keepAlive = word }
                index += size
                continue
            }
            // Strings, and pairs of them for user properties.
            for _ in 0..<(identifier == 0x26 ? 2 : 1) {
                guard index + 2 <= end else { return .malformed }
                index += 2 + Int(self.buffer[index]) << 8 + Int(self.buffer[index + 1])
            }
            guard index <= end else { return .malformed }
        }
        return .connectAccepted(receiveMaximum: receiveMaximum, keepAliveSeconds: keepAlive)
    }
}
