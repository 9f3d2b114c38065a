// SPDX-License-Identifier: Apache-2.0

/// Versions of MQTT that are spoken; the raw value is the protocol level of CONNECT.
package enum MQTTVersion: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    case v311 = 4
    case v5 = 5
}

/// Delivery promise of one PUBLISH (MQTT 5.0, 4.3).
package enum QoS: UInt8, Sendable, BitwiseCopyable, Comparable, CaseIterable {
    case atMostOnce = 0
    case atLeastOnce = 1
    case exactlyOnce = 2

    package static func < (lhs: Self, rhs: Self) -> Bool { lhs.rawValue < rhs.rawValue }
}

/// Control packet types (MQTT 5.0, 2.1.2).
package enum MQTTPacketType: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    case connect = 1
    case connack = 2
    case publish = 3
    case puback = 4
    case pubrec = 5
    case pubrel = 6
    case pubcomp = 7
    case subscribe = 8
    case suback = 9
    case unsubscribe = 10
    case unsuback = 11
    case pingreq = 12
    case pingresp = 13
    case disconnect = 14
    case auth = 15

    /// The low four bits of the first byte; PUBLISH uses them for its own flags.
    var requiredFlags: UInt8 {
        switch self {
        case .pubrel, .subscribe, .unsubscribe: 0b0010
        default: 0
        }
    }
}

/// Reason codes of MQTT 5.0 (2.4), the ones a server gives or takes.
package enum MQTTReasonCode: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    /// Success, normal disconnection, granted QoS 0.
    case success = 0x00
    case grantedQoS1 = 0x01
    case grantedQoS2 = 0x02
    case disconnectWithWill = 0x04
    case noMatchingSubscribers = 0x10
    case noSubscriptionExisted = 0x11
    case continueAuthentication = 0x18
    case reauthenticate = 0x19
    case unspecifiedError = 0x80
    case malformedPacket = 0x81
    case protocolError = 0x82
    case implementationSpecific = 0x83
    case unsupportedProtocolVersion = 0x84
    case clientIdentifierNotValid = 0x85
    case badUserNameOrPassword = 0x86
    case notAuthorized = 0x87
    case serverUnavailable = 0x88
    case serverBusy = 0x89
    case banned = 0x8A
    case serverShuttingDown = 0x8B
    case badAuthenticationMethod = 0x8C
    case keepAliveTimeout = 0x8D
    case sessionTakenOver = 0x8E
    case topicFilterInvalid = 0x8F
    case topicNameInvalid = 0x90
    case packetIdentifierInUse = 0x91
    case packetIdentifierNotFound = 0x92
    case receiveMaximumExceeded = 0x93
    case topicAliasInvalid = 0x94
    case packetTooLarge = 0x95
    case messageRateTooHigh = 0x96
    case quotaExceeded = 0x97
    case administrativeAction = 0x98
    case payloadFormatInvalid = 0x99
    case retainNotSupported = 0x9A
    case qosNotSupported = 0x9B
    case useAnotherServer = 0x9C
    case serverMoved = 0x9D
    case sharedSubscriptionsNotSupported = 0x9E
    case connectionRateExceeded = 0x9F
    case maximumConnectTime = 0xA0
    case subscriptionIdentifiersNotSupported = 0xA1
    case wildcardSubscriptionsNotSupported = 0xA2

    package var isError: Bool { self.rawValue >= 0x80 }

    /// The code in words, for reason strings; nil where there is nothing to say.
    package var explanation: String? {
        switch self {
        case .notAuthorized: "not authorised"
        case .topicNameInvalid: "no topic rule takes this topic"
        case .payloadFormatInvalid: "no reading in the payload"
        case .quotaExceeded: "a limit of this server is reached"
        case .badUserNameOrPassword: "bad user name or password"
        case .clientIdentifierNotValid: "client identifier not valid"
        case .serverUnavailable: "not available"
        case .serverBusy: "busy"
        case .banned: "banned"
        case .serverShuttingDown: "shutting down"
        case .connectionRateExceeded: "too many connects"
        case .messageRateTooHigh: "too many messages"
        case .keepAliveTimeout: "no packet within 1.5 times the keep alive"
        case .sessionTakenOver: "another connection has this client identifier"
        case .administrativeAction: "closed by an operator"
        default: nil
        }
    }

    /// The return code of a 3.1.1 CONNACK (3.1.1, table 3.1) that comes nearest.
    package var connectReturnCode: UInt8 {
        switch self {
        case .success: 0
        case .unsupportedProtocolVersion: 1
        case .clientIdentifierNotValid: 2
        case .badUserNameOrPassword, .badAuthenticationMethod: 4
        case .notAuthorized, .banned: 5
        default: 3
        }
    }
}

/// Why a packet is refused, one case for each cause; every one ends the connection.
///
/// Raw values are 0 ..< number of cases, so that a `CounterBlock` counts each. The reason codes
/// are those of standards table "errors": where the standard leaves a choice, what a mainstream
/// broker answers.
package enum MQTTFault: Int, Error, CaseIterable, Sendable, BitwiseCopyable {
    /// The packet ends before its fields do.
    case truncated
    /// Bytes after the last field.
    case trailingBytes
    /// A variable byte integer of five bytes, or longer than it must be [MQTT-1.5.5-1].
    case malformedLength
    /// Remaining length beyond the maximum packet size.
    case packetTooLarge
    /// Packet type 0.
    case reservedPacketType
    /// The flags of the first byte are not those of the type [MQTT-2.1.3-1].
    case wrongFlags
    /// The same in an acknowledgement or DISCONNECT.
    case wrongAcknowledgementFlags
    /// Not UTF-8, or with a character that must not be [MQTT-1.5.4-1, MQTT-1.5.4-2].
    case malformedText
    case malformedProperties
    case unknownProperty
    case propertyNotAllowed
    case duplicateProperty
    case propertyOutOfRange
    /// The first packet is not CONNECT [MQTT-3.1.0-1].
    case notConnect
    /// A second CONNECT [MQTT-3.1.0-2].
    case secondConnect
    /// A packet that only a server sends, or AUTH without an authentication method.
    case unexpectedPacket
    case protocolName
    case unsupportedVersion
    /// CONNECT ends before its payload.
    case truncatedConnect
    /// Reserved bit, will bits without will, will QoS 3, password without user name in 3.1.1.
    case connectFlags
    /// The payload of CONNECT does not have what its flags promise.
    case connectPayload
    case clientIdentifierText
    case clientIdentifierRejected
    case userNameText
    case authenticationDataWithoutMethod
    case unsupportedAuthenticationMethod
    case willTopicInvalid
    case qosThree
    /// DUP with QoS 0 [MQTT-3.3.1-2].
    case duplicateAtMostOnce
    /// `+` or `#` in a topic name [MQTT-3.3.2-2].
    case wildcardInTopicName
    /// An empty topic name, and no alias that could stand for it.
    case emptyTopicName
    case topicAliasInvalid
    /// An empty topic name with an alias that was never set.
    case topicAliasUnknown
    /// The topics kept for aliases take more memory than one connection gets.
    case topicAliasQuota
    /// Packet identifier 0 [MQTT-2.2.1-3].
    case packetIdentifierZero
    /// The same in SUBSCRIBE or UNSUBSCRIBE.
    case subscribeIdentifierZero
    case subscriptionIdentifierFromClient
    /// A packet identifier that a QoS 2 flow holds is used for something else.
    case packetIdentifierConflict
    /// SUBSCRIBE or UNSUBSCRIBE without a filter [MQTT-3.8.3-2, MQTT-3.10.3-2].
    case noFilter
    case malformedFilter
    case subscriptionOptions
    /// No Local on a shared subscription [MQTT-3.8.3-4].
    case sharedNoLocal
    case unknownReasonCode
    /// More QoS 1 and 2 messages in flight than the receive maximum [MQTT-3.3.4-9].
    case receiveMaximumExceeded
    /// A QoS above the maximum that CONNACK named [MQTT-3.2.2-11].
    case qosNotSupported
    /// DISCONNECT sets a session expiry after CONNECT had none [MQTT-3.14.2-2].
    case sessionExpiryRaised
    /// Our answer would be longer than the client takes [MQTT-3.1.2-24].
    case answerTooLarge

    /// The reason code that DISCONNECT or CONNACK gives for it.
    package var reasonCode: MQTTReasonCode {
        switch self {
        case .truncated, .trailingBytes, .malformedLength, .reservedPacketType, .wrongFlags,
            .malformedText, .malformedProperties, .unknownProperty, .protocolName,
            .truncatedConnect, .connectFlags, .connectPayload, .userNameText, .willTopicInvalid,
            .qosThree, .duplicateAtMostOnce, .wildcardInTopicName, .emptyTopicName,
            .subscribeIdentifierZero, .noFilter, .malformedFilter, .subscriptionOptions:
            .malformedPacket
        case .wrongAcknowledgementFlags, .propertyNotAllowed, .duplicateProperty,
            .propertyOutOfRange, .notConnect, .secondConnect, .unexpectedPacket,
            .authenticationDataWithoutMethod, .topicAliasUnknown, .packetIdentifierZero,
            .subscriptionIdentifierFromClient, .packetIdentifierConflict, .sharedNoLocal,
            .unknownReasonCode, .sessionExpiryRaised:
            .protocolError
        case .packetTooLarge: .packetTooLarge
        case .answerTooLarge: .implementationSpecific
        case .unsupportedVersion: .unsupportedProtocolVersion
        case .clientIdentifierText, .clientIdentifierRejected: .clientIdentifierNotValid
        case .unsupportedAuthenticationMethod: .badAuthenticationMethod
        case .topicAliasInvalid: .topicAliasInvalid
        case .topicAliasQuota: .quotaExceeded
        case .receiveMaximumExceeded: .receiveMaximumExceeded
        case .qosNotSupported: .qosNotSupported
        }
    }
}
