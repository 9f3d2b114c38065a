// SPDX-License-Identifier: Apache-2.0

/// Writes control packets; the server's are here, the client's in the extension.
package enum MQTTEncoder {
    // MARK: Server

    /// CONNACK; in 3.1.1 the code becomes the nearest return code and properties are left out.
    package static func connack(
        _ code: MQTTReasonCode, isSessionPresent: Bool = false, properties: [MQTTProperty] = [],
        version: MQTTVersion, into buffer: inout WireBuffer
    ) {
        precondition(!isSessionPresent || code == .success, "no session in a refusal")
        let flags: UInt8 = isSessionPresent ? 1 : 0
        switch version {
        case .v311:
            buffer.append(0x20)
            buffer.append(2)
            buffer.append(flags)
            buffer.append(code.connectReturnCode)
        case .v5:
            var body = WireBuffer(capacity: 64)
            body.append(flags)
            body.append(code.rawValue)
            Self.properties(properties, into: &body)
            Self.packet(.connack, flags: 0, body: body, into: &buffer)
        }
    }

    /// PUBACK, PUBREC, PUBREL or PUBCOMP; code and reason are written in 5.0 only, and if they say
    /// something.
    package static func acknowledgement(
        _ type: MQTTPacketType, _ packetIdentifier: UInt16, _ code: MQTTReasonCode = .success,
        reason: String? = nil, version: MQTTVersion, into buffer: inout WireBuffer
    ) {
        precondition(packetIdentifier != 0, "packet identifiers are not 0 [MQTT-2.2.1-3]")
        let hasCode = version == .v5 && code != .success
        buffer.append(type.rawValue << 4 | type.requiredFlags)
        if hasCode, let reason {
            precondition(reason.utf8.count < 100, "a reason is a few words")
            buffer.append(UInt8(7 + reason.utf8.count))
            buffer.append16(packetIdentifier)
            buffer.append(code.rawValue)
            buffer.append(UInt8(3 + reason.utf8.count))
            buffer.append(MQTTPropertyIdentifier.reasonString.rawValue)
            Self.text(reason, into: &buffer)
            return
        }
        buffer.append(hasCode ? 3 : 2)
        buffer.append16(packetIdentifier)
        if hasCode { buffer.append(code.rawValue) }
    }

    /// SUBACK with the same code for every filter.
    package static func suback(
        _ packetIdentifier: UInt16, code: UInt8, count: Int, version: MQTTVersion,
        into buffer: inout WireBuffer
    ) {
        Self.subscriptionAnswer(
            .suback, packetIdentifier, code: code, count: count, version: version, into: &buffer)
    }

    /// UNSUBACK with the same code for every filter; 3.1.1 has none in it.
    package static func unsuback(
        _ packetIdentifier: UInt16, code: UInt8, count: Int, version: MQTTVersion,
        into buffer: inout WireBuffer
    ) {
        Self.subscriptionAnswer(
            .unsuback, packetIdentifier, code: code, count: version == .v5 ? count : 0,
            version: version, into: &buffer)
    }

    private static func subscriptionAnswer(
        _ type: MQTTPacketType, _ packetIdentifier: UInt16, code: UInt8, count: Int,
        version: MQTTVersion, into buffer: inout WireBuffer
    ) {
        precondition(packetIdentifier != 0, "packet identifiers are not 0 [MQTT-2.2.1-3]")
        buffer.append(type.rawValue << 4)
        Self.variable(UInt32(2 + (version == .v5 ? 1 : 0) + count), into: &buffer)
        buffer.append16(packetIdentifier)
        if version == .v5 { buffer.append(0) }
        for _ in 0..<count { buffer.append(code) }
    }

    package static func pingresp(into buffer: inout WireBuffer) {
        buffer.append(0xD0)
        buffer.append(0)
    }

    /// DISCONNECT; 3.1.1 has no reason code, and only clients send it there.
    package static func disconnect(
        _ code: MQTTReasonCode = .success, properties: [MQTTProperty] = [], version: MQTTVersion,
        into buffer: inout WireBuffer
    ) {
        if version == .v311 || (code == .success && properties.isEmpty) {
            buffer.append(0xE0)
            buffer.append(0)
        } else if properties.isEmpty {
            buffer.append(0xE0)
            buffer.append(1)
            buffer.append(code.rawValue)
        } else {
            var body = WireBuffer(capacity: 64)
            body.append(code.rawValue)
            Self.properties(properties, into: &body)
            Self.packet(.disconnect, flags: 0, body: body, into: &buffer)
        }
    }

    // MARK: Fields

    /// A variable byte integer in its shortest form (MQTT 5.0, 1.5.5).
    package static func variable(_ value: UInt32, into buffer: inout WireBuffer) {
        precondition(value <= 268_435_455, "beyond a variable byte integer")
        var rest = value
        while rest >= 0x80 {
            buffer.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        buffer.append(UInt8(truncatingIfNeeded: rest))
    }

    static func text(_ value: String, into buffer: inout WireBuffer) {
        Self.binary(value.utf8.span, into: &buffer)
    }

    static func binary(_ value: borrowing Span<UInt8>, into buffer: inout WireBuffer) {
        precondition(value.count <= 65_535, "a field of MQTT has at most 65535 bytes")
        buffer.append16(UInt16(value.count))
        buffer.append(value)
    }

    static func properties(_ properties: [MQTTProperty], into buffer: inout WireBuffer) {
        if properties.isEmpty {
            buffer.append(0)
            return
        }
        var block = WireBuffer(capacity: 64)
        for property in properties { property.write(into: &block) }
        Self.variable(UInt32(block.count), into: &buffer)
        block.withBytes { buffer.append($0) }
    }

    static func packet(
        _ type: MQTTPacketType, flags: UInt8, body: borrowing WireBuffer,
        into buffer: inout WireBuffer
    ) {
        buffer.append(type.rawValue << 4 | flags)
        Self.variable(UInt32(body.count), into: &buffer)
        body.withBytes { buffer.append($0) }
    }
}
