// SPDX-License-Identifier: Apache-2.0

/// PUBLISH (MQTT 5.0, 3.3); topic and payload are ranges into the packet's bytes.
package struct MQTTPublish: Equatable, Sendable, BitwiseCopyable {
    /// Empty where an alias stands for it.
    package private(set) var topic: ByteRange
    package private(set) var payload = ByteRange.empty
    /// 0 with QoS 0.
    package private(set) var packetIdentifier: UInt16 = 0
    /// 0: none.
    package private(set) var topicAlias: UInt16 = 0
    package private(set) var qos: QoS
    /// The sender says it may have sent this before.
    package private(set) var isDuplicate: Bool
    package private(set) var isRetained: Bool
    /// Seconds; nil: the message does not expire.
    package private(set) var messageExpiryInterval: UInt32?
    /// The sender says that the payload is UTF-8.
    package private(set) var isTextPayload = false

    /// Decodes the body of a PUBLISH that a client sent.
    package init(
        _ header: MQTTFixedHeader, _ bytes: borrowing Span<UInt8>, version: MQTTVersion
    ) throws(MQTTFault) {
        precondition(header.type == .publish, "not a PUBLISH")
        guard let qos = QoS(rawValue: header.flags >> 1 & 0x03) else {
            throw .qosThree  // [MQTT-3.3.1-4]
        }
        self.qos = qos
        self.isDuplicate = header.flags & 0x08 != 0
        self.isRetained = header.flags & 0x01 != 0
        if qos == .atMostOnce, self.isDuplicate { throw .duplicateAtMostOnce }  // [MQTT-3.3.1-2]
        var reader = MQTTReader(header.body)
        self.topic = try reader.text(bytes)
        if MQTTText.hasWildcard(bytes, self.topic) { throw .wildcardInTopicName }
        if qos != .atMostOnce {
            self.packetIdentifier = try reader.number16(bytes)
            guard self.packetIdentifier != 0 else { throw .packetIdentifierZero }
        }
        if version == .v5 {
            reader.shortFault = .malformedProperties
            // No properties is by far the most common case.
            if !reader.skipZero(bytes) {
                let properties = try MQTTProperties(&reader, bytes, at: .publish)
                try self.take(properties)
            }
        }
        if self.topic.isEmpty, self.topicAlias == 0 { throw .emptyTopicName }  // [MQTT-4.7.3-1]
        self.payload = reader.rest()
    }

    private mutating func take(_ properties: MQTTProperties) throws(MQTTFault) {
        guard properties.present != 0 else { return }
        // [MQTT-3.3.4-6]: only a server may put a subscription identifier into PUBLISH.
        guard !properties.has(.subscriptionIdentifier) else {
            throw .subscriptionIdentifierFromClient
        }
        self.topicAlias = properties.topicAlias
        self.isTextPayload = properties.payloadFormatIndicator == 1
        if properties.has(.messageExpiryInterval) {
            self.messageExpiryInterval = properties.messageExpiryInterval
        }
    }
}
