// SPDX-License-Identifier: Apache-2.0

/// Properties of MQTT 5.0 (2.2.2.2): identifier, type of value, packets that may carry it.
package enum MQTTPropertyIdentifier: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    case payloadFormatIndicator = 0x01
    case messageExpiryInterval = 0x02
    case contentType = 0x03
    case responseTopic = 0x08
    case correlationData = 0x09
    case subscriptionIdentifier = 0x0B
    case sessionExpiryInterval = 0x11
    case assignedClientIdentifier = 0x12
    case serverKeepAlive = 0x13
    case authenticationMethod = 0x15
    case authenticationData = 0x16
    case requestProblemInformation = 0x17
    case willDelayInterval = 0x18
    case requestResponseInformation = 0x19
    case responseInformation = 0x1A
    case serverReference = 0x1C
    case reasonString = 0x1F
    case receiveMaximum = 0x21
    case topicAliasMaximum = 0x22
    case topicAlias = 0x23
    case maximumQoS = 0x24
    case retainAvailable = 0x25
    case userProperty = 0x26
    case maximumPacketSize = 0x27
    case wildcardSubscriptionAvailable = 0x28
    case subscriptionIdentifierAvailable = 0x29
    case sharedSubscriptionAvailable = 0x2A

    enum ValueType { case byte, number16, number32, variable, text, binary, pair }

    var valueType: ValueType {
        switch self {
        case .payloadFormatIndicator, .requestProblemInformation, .requestResponseInformation,
            .maximumQoS, .retainAvailable, .wildcardSubscriptionAvailable,
            .subscriptionIdentifierAvailable, .sharedSubscriptionAvailable:
            .byte
        case .serverKeepAlive, .receiveMaximum, .topicAliasMaximum, .topicAlias: .number16
        case .messageExpiryInterval, .sessionExpiryInterval, .willDelayInterval,
            .maximumPacketSize:
            .number32
        case .subscriptionIdentifier: .variable
        case .contentType, .responseTopic, .assignedClientIdentifier, .authenticationMethod,
            .responseInformation, .serverReference, .reasonString:
            .text
        case .correlationData, .authenticationData: .binary
        case .userProperty: .pair
        }
    }
}

/// Where a property block stands; `will` is the block of the will message in CONNECT.
package enum MQTTPropertyPlace: Sendable, BitwiseCopyable {
    case connect, connack, publish, will, acknowledgement, subscribe, unsubscribe
    /// SUBACK and UNSUBACK.
    case subscriptionAnswer
    case disconnectFromClient, disconnectFromServer, auth

    /// Bit i stands for identifier i.
    var allowed: UInt64 {
        switch self {
        case .connect:
            Self.bits([
                .sessionExpiryInterval, .authenticationMethod, .authenticationData,
                .requestProblemInformation, .requestResponseInformation, .receiveMaximum,
                .topicAliasMaximum, .userProperty, .maximumPacketSize,
            ])
        case .connack:
            Self.bits([
                .sessionExpiryInterval, .assignedClientIdentifier, .serverKeepAlive,
                .authenticationMethod, .authenticationData, .responseInformation,
                .serverReference, .reasonString, .receiveMaximum, .topicAliasMaximum, .maximumQoS,
                .retainAvailable, .userProperty, .maximumPacketSize,
                .wildcardSubscriptionAvailable, .subscriptionIdentifierAvailable,
                .sharedSubscriptionAvailable,
            ])
        case .publish:
            Self.bits([
                .payloadFormatIndicator, .messageExpiryInterval, .contentType, .responseTopic,
                .correlationData, .subscriptionIdentifier, .topicAlias, .userProperty,
            ])
        case .will:
            Self.bits([
                .payloadFormatIndicator, .messageExpiryInterval, .contentType, .responseTopic,
                .correlationData, .willDelayInterval, .userProperty,
            ])
        case .acknowledgement, .subscriptionAnswer: Self.bits([.reasonString, .userProperty])
        case .subscribe: Self.bits([.subscriptionIdentifier, .userProperty])
        case .unsubscribe: Self.bits([.userProperty])
        case .disconnectFromClient:
            Self.bits([.sessionExpiryInterval, .reasonString, .userProperty])
        case .disconnectFromServer: Self.bits([.serverReference, .reasonString, .userProperty])
        case .auth:
            Self.bits([.authenticationMethod, .authenticationData, .reasonString, .userProperty])
        }
    }

    private static func bits(_ identifiers: [MQTTPropertyIdentifier]) -> UInt64 {
        identifiers.reduce(0) { $0 | 1 << UInt64($1.rawValue) }
    }
}

/// The values of one property block, checked; absent ones have their defaults.
///
/// Text and binary values are ranges into the packet's bytes, empty if absent.
package struct MQTTProperties: Equatable, Sendable, BitwiseCopyable {
    /// Bit i: identifier i is present.
    package private(set) var present: UInt64 = 0
    /// The block itself, without its length.
    package private(set) var block = ByteRange.empty
    package private(set) var payloadFormatIndicator: UInt8 = 0
    package private(set) var maximumQoS: UInt8 = 2
    package private(set) var requestsProblemInformation = true
    package private(set) var serverKeepAlive: UInt16 = 0
    package private(set) var receiveMaximum: UInt16 = 65_535
    package private(set) var topicAliasMaximum: UInt16 = 0
    package private(set) var topicAlias: UInt16 = 0
    package private(set) var messageExpiryInterval: UInt32 = 0
    package private(set) var sessionExpiryInterval: UInt32 = 0
    package private(set) var willDelayInterval: UInt32 = 0
    package private(set) var maximumPacketSize: UInt32 = 268_435_460
    package private(set) var subscriptionIdentifier: UInt32 = 0
    package private(set) var assignedClientIdentifier = ByteRange.empty
    package private(set) var authenticationMethod = ByteRange.empty
    package private(set) var authenticationData = ByteRange.empty
    package private(set) var reasonString = ByteRange.empty
    package private(set) var userPropertyCount = 0

    package init() {}

    package func has(_ identifier: MQTTPropertyIdentifier) -> Bool {
        self.present & 1 << UInt64(identifier.rawValue) != 0
    }

    /// Reads length and block at `reader`.
    init(
        _ reader: inout MQTTReader, _ bytes: borrowing Span<UInt8>, at place: MQTTPropertyPlace
    ) throws(MQTTFault) {
        let count = try reader.variable(bytes)
        if count == 0 { return }
        guard reader.left >= Int(count) else { throw .malformedProperties }
        let block = try reader.take(Int(count))
        self.block = block
        var inner = MQTTReader(block)
        inner.shortFault = .malformedProperties
        let allowed = place.allowed
        while !inner.isAtEnd {
            // Identifiers are variable byte integers, all of them below 128.
            guard let identifier = MQTTPropertyIdentifier(rawValue: try inner.byte(bytes)) else {
                throw .unknownProperty
            }
            let bit: UInt64 = 1 << UInt64(identifier.rawValue)
            let value = try MQTTPropertyValue(identifier.valueType, &inner, bytes)
            guard allowed & bit != 0 else { throw .propertyNotAllowed }
            if self.present & bit != 0, identifier != .userProperty { throw .duplicateProperty }
            self.present |= bit
            try self.set(identifier, value, bytes)
        }
    }

    private mutating func set(
        _ identifier: MQTTPropertyIdentifier, _ value: MQTTPropertyValue,
        _ bytes: borrowing Span<UInt8>
    ) throws(MQTTFault) {
        let number = value.number
        let number16 = UInt16(truncatingIfNeeded: number)
        switch identifier {
        case .payloadFormatIndicator:
            self.payloadFormatIndicator = try Self.flag(number)
        case .requestProblemInformation:
            self.requestsProblemInformation = try Self.flag(number) == 1
        case .maximumQoS: self.maximumQoS = try Self.flag(number)
        case .requestResponseInformation, .retainAvailable, .wildcardSubscriptionAvailable,
            .subscriptionIdentifierAvailable, .sharedSubscriptionAvailable:
            _ = try Self.flag(number)
        case .receiveMaximum:
            guard number > 0 else { throw .propertyOutOfRange }
            self.receiveMaximum = number16
        case .maximumPacketSize:
            guard number > 0 else { throw .propertyOutOfRange }
            self.maximumPacketSize = number
        case .subscriptionIdentifier:
            guard number > 0 else { throw .propertyOutOfRange }
            self.subscriptionIdentifier = number
        case .topicAlias:
            guard number > 0 else { throw .topicAliasInvalid }  // [MQTT-3.3.2-8]
            self.topicAlias = number16
        case .responseTopic:
            guard !MQTTText.hasWildcard(bytes, value.range) else { throw .propertyOutOfRange }
        case .topicAliasMaximum: self.topicAliasMaximum = number16
        case .serverKeepAlive: self.serverKeepAlive = number16
        case .messageExpiryInterval: self.messageExpiryInterval = number
        case .sessionExpiryInterval: self.sessionExpiryInterval = number
        case .willDelayInterval: self.willDelayInterval = number
        case .assignedClientIdentifier: self.assignedClientIdentifier = value.range
        case .authenticationMethod: self.authenticationMethod = value.range
        case .authenticationData: self.authenticationData = value.range
        case .reasonString: self.reasonString = value.range
        case .userProperty: self.userPropertyCount += 1
        case .contentType, .correlationData, .responseInformation, .serverReference: break
        }
    }

    private static func flag(_ number: UInt32) throws(MQTTFault) -> UInt8 {
        guard number <= 1 else { throw .propertyOutOfRange }
        return UInt8(number)
    }
}

/// One value of a property block: a number, or a range of bytes.
struct MQTTPropertyValue: BitwiseCopyable {
    var number: UInt32 = 0
    var range = ByteRange.empty

    init(
        _ type: MQTTPropertyIdentifier.ValueType, _ reader: inout MQTTReader,
        _ bytes: borrowing Span<UInt8>
    ) throws(MQTTFault) {
        switch type {
        case .byte: self.number = UInt32(try reader.byte(bytes))
        case .number16: self.number = UInt32(try reader.number16(bytes))
        case .number32: self.number = try reader.number32(bytes)
        case .variable: self.number = try reader.variable(bytes)
        case .text: self.range = try reader.text(bytes)
        case .binary: self.range = try reader.binary(bytes)
        case .pair:
            let name = try reader.text(bytes)
            let value = try reader.text(bytes)
            self.range = ByteRange(name.lowerBound, value.upperBound)
        }
    }
}

/// One property to be written.
package enum MQTTProperty: Equatable, Sendable {
    case number(MQTTPropertyIdentifier, UInt32)
    case text(MQTTPropertyIdentifier, String)
    case binary(MQTTPropertyIdentifier, [UInt8])
    case user(String, String)

    func write(into buffer: inout WireBuffer) {
        switch self {
        case .number(let identifier, let value):
            buffer.append(identifier.rawValue)
            switch identifier.valueType {
            case .byte: buffer.append(UInt8(truncatingIfNeeded: value))
            case .number16: buffer.append16(UInt16(truncatingIfNeeded: value))
            case .number32: buffer.append32(value)
            case .variable: MQTTEncoder.variable(value, into: &buffer)
            case .text, .binary, .pair: preconditionFailure("a property that is not a number")
            }
        case .text(let identifier, let value):
            buffer.append(identifier.rawValue)
            MQTTEncoder.text(value, into: &buffer)
        case .binary(let identifier, let value):
            buffer.append(identifier.rawValue)
            MQTTEncoder.binary(value.span, into: &buffer)
        case .user(let name, let value):
            buffer.append(MQTTPropertyIdentifier.userProperty.rawValue)
            MQTTEncoder.text(name, into: &buffer)
            MQTTEncoder.text(value, into: &buffer)
        }
    }
}
