// SPDX-License-Identifier: Apache-2.0

/// PUBACK, PUBREC, PUBREL or PUBCOMP (MQTT 5.0, 3.4 to 3.7).
package struct MQTTAcknowledgement: Equatable, Sendable, BitwiseCopyable {
    package private(set) var packetIdentifier: UInt16
    package private(set) var reasonCode = MQTTReasonCode.success

    package init(
        _ header: MQTTFixedHeader, _ bytes: borrowing Span<UInt8>, version: MQTTVersion
    ) throws(MQTTFault) {
        guard header.flags == header.type.requiredFlags else { throw .wrongAcknowledgementFlags }
        var reader = MQTTReader(header.body)
        self.packetIdentifier = try reader.number16(bytes)
        guard self.packetIdentifier != 0 else { throw .packetIdentifierZero }
        if version == .v5, !reader.isAtEnd {
            guard let code = Self.code(try reader.byte(bytes), in: header.type) else {
                throw .unknownReasonCode
            }
            self.reasonCode = code
            if !reader.isAtEnd {
                _ = try MQTTProperties(&reader, bytes, at: .acknowledgement)
            }
        }
        guard reader.isAtEnd else { throw .trailingBytes }
    }

    private static func code(_ raw: UInt8, in type: MQTTPacketType) -> MQTTReasonCode? {
        guard let code = MQTTReasonCode(rawValue: raw) else { return nil }
        switch code {
        case .success: return code
        case .packetIdentifierNotFound:
            return type == .pubrel || type == .pubcomp ? code : nil
        case .noMatchingSubscribers, .unspecifiedError, .implementationSpecific, .notAuthorized,
            .topicNameInvalid, .packetIdentifierInUse, .quotaExceeded, .payloadFormatInvalid:
            return type == .puback || type == .pubrec ? code : nil
        default: return nil
        }
    }
}

/// SUBSCRIBE or UNSUBSCRIBE (MQTT 5.0, 3.8 and 3.10), every filter checked.
package struct MQTTSubscribe: Equatable, Sendable, BitwiseCopyable {
    package private(set) var packetIdentifier: UInt16
    /// 1 or more.
    package private(set) var filterCount = 0
    /// Filters and options as they stand in the packet.
    package private(set) var filters = ByteRange.empty

    package init(
        _ header: MQTTFixedHeader, _ bytes: borrowing Span<UInt8>, version: MQTTVersion
    ) throws(MQTTFault) {
        let isSubscribe = header.type == .subscribe
        precondition(isSubscribe || header.type == .unsubscribe, "not a SUBSCRIBE or UNSUBSCRIBE")
        guard header.flags == header.type.requiredFlags else { throw .wrongFlags }
        var reader = MQTTReader(header.body)
        self.packetIdentifier = try reader.number16(bytes)
        guard self.packetIdentifier != 0 else { throw .subscribeIdentifierZero }
        if version == .v5 {
            _ = try MQTTProperties(
                &reader, bytes, at: isSubscribe ? .subscribe : .unsubscribe)
        }
        self.filters = ByteRange(reader.position, reader.end)
        if reader.isAtEnd { throw .noFilter }  // [MQTT-3.8.3-2, MQTT-3.10.3-2]
        while !reader.isAtEnd {
            let filter = try reader.text(bytes)
            guard MQTTText.isTopicFilter(bytes, filter) else { throw .malformedFilter }
            if isSubscribe {
                let isShared = MQTTText.isShared(bytes, filter)
                try Self.checkOptions(
                    try reader.byte(bytes), version: version, isShared: isShared)
            }
            self.filterCount += 1
        }
    }

    private static func checkOptions(
        _ options: UInt8, version: MQTTVersion, isShared: Bool
    ) throws(MQTTFault) {
        guard options & 0x03 != 3 else { throw .subscriptionOptions }
        switch version {
        case .v311: guard options & 0xFC == 0 else { throw .subscriptionOptions }
        case .v5:
            guard options & 0xC0 == 0, options & 0x30 != 0x30 else { throw .subscriptionOptions }
            if isShared, options & 0x04 != 0 { throw .sharedNoLocal }
        }
    }
}

/// SUBACK or UNSUBACK (MQTT 5.0, 3.9 and 3.11), as a client reads it.
package struct MQTTSubscriptionAnswer: Equatable, Sendable, BitwiseCopyable {
    package private(set) var packetIdentifier: UInt16
    /// One byte for each filter; none in an UNSUBACK of 3.1.1.
    package private(set) var codes = ByteRange.empty

    package init(
        _ header: MQTTFixedHeader, _ bytes: borrowing Span<UInt8>, version: MQTTVersion
    ) throws(MQTTFault) {
        precondition(header.type == .suback || header.type == .unsuback, "not such an answer")
        guard header.flags == 0 else { throw .wrongFlags }
        var reader = MQTTReader(header.body)
        self.packetIdentifier = try reader.number16(bytes)
        if version == .v5 {
            _ = try MQTTProperties(&reader, bytes, at: .subscriptionAnswer)
        }
        self.codes = reader.rest()
    }
}

/// DISCONNECT (MQTT 5.0, 3.14).
package struct MQTTDisconnect: Equatable, Sendable, BitwiseCopyable {
    package private(set) var reasonCode = MQTTReasonCode.success
    package private(set) var properties = MQTTProperties()

    package init(
        _ header: MQTTFixedHeader, _ bytes: borrowing Span<UInt8>, version: MQTTVersion,
        place: MQTTPropertyPlace = .disconnectFromClient
    ) throws(MQTTFault) {
        precondition(header.type == .disconnect, "not a DISCONNECT")
        guard header.flags == 0 else { throw .wrongAcknowledgementFlags }  // [MQTT-3.14.1-1]
        var reader = MQTTReader(header.body)
        if version == .v5, !reader.isAtEnd {
            guard let code = MQTTReasonCode(rawValue: try reader.byte(bytes)),
                Self.isCode(code, at: place)
            else { throw .unknownReasonCode }
            self.reasonCode = code
            if !reader.isAtEnd {
                self.properties = try MQTTProperties(&reader, bytes, at: place)
            }
        }
        guard reader.isAtEnd else { throw .trailingBytes }
    }

    /// Whether this side may give the code (MQTT 5.0, table 3-10).
    private static func isCode(_ code: MQTTReasonCode, at place: MQTTPropertyPlace) -> Bool {
        switch code {
        case .success, .unspecifiedError, .malformedPacket, .protocolError,
            .implementationSpecific, .topicNameInvalid, .receiveMaximumExceeded,
            .topicAliasInvalid, .packetTooLarge, .messageRateTooHigh, .quotaExceeded,
            .administrativeAction, .payloadFormatInvalid:
            true
        case .disconnectWithWill: place == .disconnectFromClient
        default: place == .disconnectFromServer && code.isError
        }
    }
}

/// AUTH (MQTT 5.0, 3.15).
package struct MQTTAuth: Equatable, Sendable, BitwiseCopyable {
    package private(set) var reasonCode = MQTTReasonCode.success
    package private(set) var properties = MQTTProperties()

    package init(
        _ header: MQTTFixedHeader, _ bytes: borrowing Span<UInt8>
    ) throws(MQTTFault) {
        precondition(header.type == .auth, "not an AUTH")
        guard header.flags == 0 else { throw .wrongFlags }  // [MQTT-3.15.1-1]
        var reader = MQTTReader(header.body)
        if !reader.isAtEnd {
            guard let code = MQTTReasonCode(rawValue: try reader.byte(bytes)),
                code == .success || code == .continueAuthentication || code == .reauthenticate
            else { throw .unknownReasonCode }
            self.reasonCode = code
            self.properties = try MQTTProperties(&reader, bytes, at: .auth)
        }
        guard reader.isAtEnd else { throw .trailingBytes }
    }
}
