// SPDX-License-Identifier: Apache-2.0

/// What a client asks for in CONNECT.
package struct MQTTConnectRequest: Equatable, Sendable {
    package struct Will: Equatable, Sendable {
        package var topic: String
        package var payload: [UInt8]
        package var qos: QoS
        package var isRetained: Bool
        package var properties: [MQTTProperty]

        package init(
            topic: String, payload: [UInt8], qos: QoS = .atMostOnce, isRetained: Bool = false,
            properties: [MQTTProperty] = []
        ) {
            self.topic = topic
            self.payload = payload
            self.qos = qos
            self.isRetained = isRetained
            self.properties = properties
        }
    }

    package var version: MQTTVersion
    package var clientIdentifier: String
    package var cleanStart = true
    package var keepAlive: UInt16 = 60
    package var properties: [MQTTProperty] = []
    package var will: Will?
    package var userName: String?
    package var password: [UInt8]?

    package init(version: MQTTVersion, clientIdentifier: String) {
        self.version = version
        self.clientIdentifier = clientIdentifier
    }
}

extension MQTTEncoder {
    // MARK: Client

    /// CONNECT.
    package static func connect(_ request: MQTTConnectRequest, into buffer: inout WireBuffer) {
        var body = WireBuffer(capacity: 128)
        Self.text("MQTT", into: &body)
        body.append(request.version.rawValue)
        var flags: UInt8 = request.cleanStart ? 0x02 : 0
        if let will = request.will {
            flags |= 0x04 | will.qos.rawValue << 3 | (will.isRetained ? 0x20 : 0)
        }
        if request.userName != nil { flags |= 0x80 }
        if request.password != nil { flags |= 0x40 }
        body.append(flags)
        body.append16(request.keepAlive)
        if request.version == .v5 { Self.properties(request.properties, into: &body) }
        Self.text(request.clientIdentifier, into: &body)
        if let will = request.will {
            if request.version == .v5 { Self.properties(will.properties, into: &body) }
            Self.text(will.topic, into: &body)
            Self.binary(will.payload.span, into: &body)
        }
        if let userName = request.userName { Self.text(userName, into: &body) }
        if let password = request.password { Self.binary(password.span, into: &body) }
        Self.packet(.connect, flags: 0, body: body, into: &buffer)
    }

    /// PUBLISH.
    ///
    /// The packet identifier is not 0 with QoS above 0 and ignored with QoS 0; properties are for
    /// 5.0 only.
    package static func publish(
        topic: borrowing Span<UInt8>, payload: borrowing Span<UInt8>, qos: QoS = .atMostOnce,
        packetIdentifier: UInt16 = 0, isDuplicate: Bool = false, isRetained: Bool = false,
        properties: [MQTTProperty] = [], version: MQTTVersion, into buffer: inout WireBuffer
    ) {
        precondition(qos == .atMostOnce || packetIdentifier != 0, "QoS above 0 needs an identifier")
        let identifierBytes = qos == .atMostOnce ? 0 : 2
        var block = WireBuffer(capacity: 1)
        if version == .v5 { Self.properties(properties, into: &block) }
        buffer.append(
            MQTTPacketType.publish.rawValue << 4 | (isDuplicate ? 0x08 : 0) | qos.rawValue << 1
                | (isRetained ? 0x01 : 0))
        Self.variable(
            UInt32(2 + topic.count + identifierBytes + block.count + payload.count), into: &buffer)
        Self.binary(topic, into: &buffer)
        if qos != .atMostOnce { buffer.append16(packetIdentifier) }
        block.withBytes { buffer.append($0) }
        buffer.append(payload)
    }

    /// SUBSCRIBE for filters with their options byte.
    package static func subscribe(
        _ packetIdentifier: UInt16, filters: [(filter: String, options: UInt8)],
        properties: [MQTTProperty] = [], version: MQTTVersion, into buffer: inout WireBuffer
    ) {
        var body = WireBuffer(capacity: 128)
        body.append16(packetIdentifier)
        if version == .v5 { Self.properties(properties, into: &body) }
        for entry in filters {
            Self.text(entry.filter, into: &body)
            body.append(entry.options)
        }
        Self.packet(.subscribe, flags: 0b0010, body: body, into: &buffer)
    }

    /// UNSUBSCRIBE.
    package static func unsubscribe(
        _ packetIdentifier: UInt16, filters: [String], version: MQTTVersion,
        into buffer: inout WireBuffer
    ) {
        var body = WireBuffer(capacity: 128)
        body.append16(packetIdentifier)
        if version == .v5 { body.append(0) }
        for filter in filters { Self.text(filter, into: &body) }
        Self.packet(.unsubscribe, flags: 0b0010, body: body, into: &buffer)
    }

    package static func pingreq(into buffer: inout WireBuffer) {
        buffer.append(0xC0)
        buffer.append(0)
    }
}
