// SPDX-License-Identifier: Apache-2.0

/// CONNECT (MQTT 5.0, 3.1); text and binary fields are ranges into the packet's bytes.
package struct MQTTConnect: Equatable, Sendable, BitwiseCopyable {
    package struct Will: Equatable, Sendable, BitwiseCopyable {
        package var topic: ByteRange
        package var payload: ByteRange
        package var qos: QoS
        package var isRetained: Bool
        package var properties: MQTTProperties
    }

    package private(set) var version: MQTTVersion
    /// Clean Session in 3.1.1, Clean Start in 5.0.
    package private(set) var cleanStart: Bool
    /// Seconds; 0 switches the supervision off.
    package private(set) var keepAlive: UInt16
    package private(set) var properties = MQTTProperties()
    package private(set) var clientIdentifier = ByteRange.empty
    package private(set) var will: Will?
    package private(set) var userName: ByteRange?
    package private(set) var password: ByteRange?

    /// Why a CONNECT is refused, and in which version to say so: nil means by closing alone.
    package struct Refusal: Error, Equatable, Sendable {
        package var fault: MQTTFault
        package var answerVersion: MQTTVersion?
    }

    /// Decodes the body of a CONNECT.
    ///
    /// - Throws: `Refusal`; whether it has an answer follows the error table: close in silence up
    ///   to the keep alive, CONNACK after it in 5.0.
    package init(
        _ header: MQTTFixedHeader, _ bytes: borrowing Span<UInt8>
    ) throws(Refusal) {
        precondition(header.type == .connect, "not a CONNECT")
        guard header.flags == 0 else { throw Self.silent(.wrongFlags) }
        var reader = MQTTReader(header.body)
        let flags: UInt8
        do {
            reader.shortFault = .truncatedConnect
            let name = try reader.binary(bytes)
            guard Self.isProtocolName(bytes, name) else { throw MQTTFault.protocolName }
            let level = try reader.byte(bytes)
            guard let version = MQTTVersion(rawValue: level) else {
                // [MQTT-3.1.2-2]; bit 7 marks a bridge.
                throw Refusal(
                    fault: .unsupportedVersion, answerVersion: level & 0x7F < 5 ? .v311 : .v5)
            }
            self.version = version
            flags = try reader.byte(bytes)
            self.cleanStart = flags & 0x02 != 0
            self.keepAlive = try reader.number16(bytes)
        } catch let fault as MQTTFault {
            throw Self.silent(fault)
        } catch let refusal as Refusal {
            throw refusal
        } catch {
            preconditionFailure("decoding CONNECT throws two types only")
        }
        do throws(MQTTFault) {
            try self.decodePayload(flags: flags, &reader, bytes)
        } catch {
            throw self.refusal(error)
        }
    }

    private mutating func decodePayload(
        flags: UInt8, _ reader: inout MQTTReader, _ bytes: borrowing Span<UInt8>
    ) throws(MQTTFault) {
        let hasWill = flags & 0x04 != 0
        let hasUserName = flags & 0x80 != 0
        let hasPassword = flags & 0x40 != 0
        guard flags & 0x01 == 0 else { throw .connectFlags }  // [MQTT-3.1.2-3]
        guard let willQoS = QoS(rawValue: flags >> 3 & 0x03) else {
            throw .connectFlags  // [MQTT-3.1.2-12]
        }
        if !hasWill, flags & 0x38 != 0 { throw .connectFlags }  // [MQTT-3.1.2-11, -13]
        if self.version == .v311, hasPassword, !hasUserName {
            throw .connectFlags  // [MQTT-3.1.2-22] of 3.1.1
        }
        reader.shortFault = .malformedProperties
        if self.version == .v5 {
            self.properties = try MQTTProperties(&reader, bytes, at: .connect)
            // [MQTT-4.12.0-1] and 3.1.2.11.10: data without a method is a protocol error.
            if self.properties.has(.authenticationMethod) {
                throw .unsupportedAuthenticationMethod
            }
            if self.properties.has(.authenticationData) {
                throw .authenticationDataWithoutMethod
            }
        }
        reader.shortFault = .connectPayload
        self.clientIdentifier = try reader.text(bytes, else: .clientIdentifierText)
        if hasWill {
            var properties = MQTTProperties()
            if self.version == .v5 {
                properties = try MQTTProperties(&reader, bytes, at: .will)
            }
            let topic = try reader.text(bytes, else: .willTopicInvalid)
            guard MQTTText.isTopicName(bytes, topic) else { throw .willTopicInvalid }
            let payload = try reader.binary(bytes)
            self.will = Will(
                topic: topic, payload: payload, qos: willQoS, isRetained: flags & 0x20 != 0,
                properties: properties)
        }
        if hasUserName { self.userName = try reader.text(bytes, else: .userNameText) }
        if hasPassword { self.password = try reader.binary(bytes) }
        guard reader.isAtEnd else { throw .connectPayload }
    }

    private static func silent(_ fault: MQTTFault) -> Refusal {
        Refusal(fault: fault, answerVersion: nil)
    }

    /// In 3.1.1 malformed packets are answered by closing; in 5.0 by CONNACK, with one exception.
    private func refusal(_ fault: MQTTFault) -> Refusal {
        Refusal(
            fault: fault,
            answerVersion: self.version == .v5 && fault != .userNameText ? .v5 : nil)
    }

    private static func isProtocolName(_ bytes: borrowing Span<UInt8>, _ range: ByteRange) -> Bool {
        let name: [4 of UInt8] = [0x4D, 0x51, 0x54, 0x54]
        guard range.count == 4 else { return false }
        for index in 0..<4 where bytes[range.lowerBound + index] != name[index] { return false }
        return true
    }
}

/// CONNACK (MQTT 5.0, 3.2), as a client reads it.
package struct MQTTConnack: Equatable, Sendable, BitwiseCopyable {
    package private(set) var isSessionPresent: Bool
    /// Return code of 3.1.1 or reason code of 5.0; 0 is acceptance in both.
    package private(set) var code: UInt8
    package private(set) var properties = MQTTProperties()

    package init(
        _ header: MQTTFixedHeader, _ bytes: borrowing Span<UInt8>, version: MQTTVersion
    ) throws(MQTTFault) {
        precondition(header.type == .connack, "not a CONNACK")
        guard header.flags == 0 else { throw .wrongFlags }
        var reader = MQTTReader(header.body)
        let flags = try reader.byte(bytes)
        guard flags & 0xFE == 0 else { throw .wrongFlags }  // [MQTT-3.2.2-1]
        self.isSessionPresent = flags == 1
        self.code = try reader.byte(bytes)
        // A server that does not speak 5.0 answers in the shape of 3.1.1.
        if version == .v5, !reader.isAtEnd {
            self.properties = try MQTTProperties(&reader, bytes, at: .connack)
        }
        guard reader.isAtEnd else { throw .trailingBytes }
    }
}
