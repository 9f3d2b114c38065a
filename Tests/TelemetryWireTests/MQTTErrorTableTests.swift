// SPDX-License-Identifier: Apache-2.0

import TelemetryWire
import Testing

/// One row: bytes that are wrong, the fault, and what is written before the close.
struct MQTTErrorRow: Sendable, CustomTestStringConvertible {
    var name: String
    var bytes: String
    var fault: MQTTFault
    var reply: String

    init(_ name: String, _ bytes: String, _ fault: MQTTFault, _ reply: String = "") {
        self.name = name
        self.bytes = bytes
        self.fault = fault
        self.reply = reply
    }

    var testDescription: String { self.name }
}

/// The error table of the standard page (section 7), row by row.
@Suite struct MQTTErrorTableTests {
    /// CONNACK 0x81, 0x82, 0x84, 0x85, 0x8C of 5.0.
    static let ack81 = "2003008100"
    static let ack82 = "2003008200"

    static let connectRows: [MQTTErrorRow] = [
        // Close, no reply.
        MQTTErrorRow("[MQTT-3.1.0-1] PUBLISH first", "30030001 61", .notConnect),
        MQTTErrorRow("[MQTT-3.1.0-1] PINGREQ first", "c000", .notConnect),
        MQTTErrorRow("type 0 first", "0000", .reservedPacketType),
        MQTTErrorRow(
            "[MQTT-3.1.2-1] name", "100e 0004 4d515455 05 02 001e 00 0001 61", .protocolName),
        MQTTErrorRow(
            "[MQTT-3.1.2-1] MQIsdp", "100f 0006 4d5149736470 03 02 001e 0001 61", .protocolName),
        MQTTErrorRow("no body", "1000", .truncatedConnect),
        MQTTErrorRow("name cut", "1005 0004 4d5154", .truncatedConnect),
        MQTTErrorRow("no level", "1006 0004 4d515454", .truncatedConnect),
        MQTTErrorRow("no flags", "1007 0004 4d515454 05", .truncatedConnect),
        MQTTErrorRow("keep alive cut", "1009 0004 4d515454 05 02 00", .truncatedConnect),
        MQTTErrorRow(
            "[MQTT-2.1.3-1] flags nibble", "110e 0004 4d515454 04 02 001e 0002 7331", .wrongFlags),
        MQTTErrorRow("five-byte remaining length", "10ffffffff01", .malformedLength),
        MQTTErrorRow("larger than a CONNECT may be", "10808004", .packetTooLarge),
        // Unknown level [MQTT-3.1.2-2].
        MQTTErrorRow(
            "level 3", "100d 0004 4d515454 03 02 001e 0001 61", .unsupportedVersion, "20020001"),
        MQTTErrorRow(
            "level 6", "100e 0004 4d515454 06 02 001e 00 0001 61", .unsupportedVersion, "2003008400"
        ),
        MQTTErrorRow(
            "bridge level 0x84", "100d 0004 4d515454 84 02 001e 0001 61", .unsupportedVersion,
            "20020001"),
        // Flags.
        MQTTErrorRow(
            "[MQTT-3.1.2-3] reserved bit, 5", "100e 0004 4d515454 05 03 001e 00 0001 61",
            .connectFlags, ack81),
        MQTTErrorRow(
            "[MQTT-3.1.2-3] reserved bit, 3.1.1", "100d 0004 4d515454 04 03 001e 0001 61",
            .connectFlags),
        MQTTErrorRow(
            "[MQTT-3.1.2-11] will QoS without will", "100e 0004 4d515454 05 0a 001e 00 0001 61",
            .connectFlags, ack81),
        MQTTErrorRow(
            "[MQTT-3.1.2-13] will retain without will", "100e 0004 4d515454 05 22 001e 00 0001 61",
            .connectFlags, ack81),
        MQTTErrorRow(
            "[MQTT-3.1.2-12] will QoS 3",
            "1015 0004 4d515454 05 1e 001e 00 0001 61 00 0001 77 0001 78", .connectFlags, ack81),
        MQTTErrorRow(
            "[MQTT-3.1.2-22] 3.1.1 password without user",
            "1010 0004 4d515454 04 42 001e 0001 61 0001 70", .connectFlags),
        // Payload.
        MQTTErrorRow("no client id, 5", "100b 0004 4d515454 05 02 001e 00", .connectPayload, ack81),
        MQTTErrorRow("no client id, 3.1.1", "100a 0004 4d515454 04 02 001e", .connectPayload),
        MQTTErrorRow(
            "will topic missing", "100f 0004 4d515454 05 06 001e 00 0001 61 00", .connectPayload,
            ack81),
        MQTTErrorRow(
            "will payload missing", "1012 0004 4d515454 05 06 001e 00 0001 61 00 0001 77",
            .connectPayload, ack81),
        MQTTErrorRow(
            "user name missing", "100e 0004 4d515454 05 82 001e 00 0001 61", .connectPayload, ack81),
        MQTTErrorRow(
            "password missing", "1011 0004 4d515454 05 c2 001e 00 0001 61 0001 75", .connectPayload,
            ack81),
        MQTTErrorRow(
            "user name not announced", "1011 0004 4d515454 05 02 001e 00 0001 61 0001 75",
            .connectPayload, ack81),
        MQTTErrorRow(
            "will topic empty", "1013 0004 4d515454 05 06 001e 00 0001 61 00 0000 0001 78",
            .willTopicInvalid, ack81),
        MQTTErrorRow(
            "will topic wildcard", "1014 0004 4d515454 05 06 001e 00 0001 61 00 0001 23 0001 78",
            .willTopicInvalid, ack81),
        MQTTErrorRow(
            "[MQTT-1.5.4-1] client id, 5", "100e 0004 4d515454 05 02 001e 00 0001 ff",
            .clientIdentifierText, "2003008500"),
        MQTTErrorRow(
            "[MQTT-1.5.3-1] client id, 3.1.1", "100d 0004 4d515454 04 02 001e 0001 ff",
            .clientIdentifierText),
        MQTTErrorRow(
            "[MQTT-1.5.4-2] NUL in client id", "100e 0004 4d515454 05 02 001e 00 0001 00",
            .clientIdentifierText, "2003008500"),
        MQTTErrorRow(
            "[MQTT-1.5.4-1] will topic",
            "1014 0004 4d515454 05 06 001e 00 0001 61 00 0001 ff 0001 78", .willTopicInvalid, ack81),
        MQTTErrorRow(
            "[MQTT-1.5.4-1] user name", "1011 0004 4d515454 05 82 001e 00 0001 61 0001 ff",
            .userNameText),
        MQTTErrorRow(
            "[MQTT-3.1.3-8] empty id kept, 3.1.1", "100c 0004 4d515454 04 00 001e 0000",
            .clientIdentifierRejected, "20020002"),
        // Properties.
        MQTTErrorRow(
            "no property length", "100a 0004 4d515454 05 02 001e", .malformedProperties, ack81),
        MQTTErrorRow(
            "no client id behind properties", "1010 0004 4d515454 05 02 001e 05 11 00000000",
            .connectPayload, ack81),
        MQTTErrorRow(
            "property cut", "100f 0004 4d515454 05 02 001e 04 11 000000", .malformedProperties,
            ack81),
        MQTTErrorRow(
            "property value cut", "1010 0004 4d515454 05 02 001e 02 21 00 0001 61",
            .malformedProperties, ack81),
        MQTTErrorRow(
            "property block longer than packet", "100b 0004 4d515454 05 02 001e 7f",
            .malformedProperties, ack81),
        MQTTErrorRow(
            "unknown property", "1010 0004 4d515454 05 02 001e 02 7e 00 0001 61", .unknownProperty,
            ack81),
        MQTTErrorRow(
            "property of PUBLISH", "1010 0004 4d515454 05 02 001e 02 01 00 0001 61",
            .propertyNotAllowed, ack82),
        MQTTErrorRow(
            "property twice", "1014 0004 4d515454 05 02 001e 06 21 0001 21 0001 0001 61",
            .duplicateProperty, ack82),
        MQTTErrorRow(
            "receive maximum 0", "1011 0004 4d515454 05 02 001e 03 21 0000 0001 61",
            .propertyOutOfRange, ack82),
        MQTTErrorRow(
            "maximum packet size 0", "1013 0004 4d515454 05 02 001e 05 27 00000000 0001 61",
            .propertyOutOfRange, ack82),
        MQTTErrorRow(
            "flag property 2", "1010 0004 4d515454 05 02 001e 02 17 02 0001 61",
            .propertyOutOfRange, ack82),
        MQTTErrorRow(
            "auth data alone", "1012 0004 4d515454 05 02 001e 04 16 0001 61 0001 61",
            .authenticationDataWithoutMethod, ack82),
        MQTTErrorRow(
            "auth method", "1012 0004 4d515454 05 02 001e 04 15 0001 61 0001 61",
            .unsupportedAuthenticationMethod, "2003008c00"),
    ]

    @Test(arguments: connectRows)
    func `a wrong CONNECT closes the connection`(row: MQTTErrorRow) {
        var peer = MQTTTestPeer()
        #expect(peer.send(row.bytes) == row.reply)
        #expect(peer.close?.cause == .fault)
        #expect(peer.close?.fault == row.fault)
        #expect(peer.machine.isClosed == true)
        // [MQTT-3.2.2-7]: nothing is processed after it.
        #expect(peer.send("c000") == "")
    }

    /// Packets after CONNECT; the reply is the reason code of the 5.0 DISCONNECT.
    static let packetRows: [MQTTErrorRow] = [
        MQTTErrorRow("[MQTT-3.1.0-2] second CONNECT", connect5, .secondConnect, "82"),
        MQTTErrorRow("[MQTT-3.3.1-4] QoS 3", "3606 0001 61 0001 00", .qosThree, "81"),
        MQTTErrorRow(
            "[MQTT-3.3.1-2] DUP with QoS 0", "3804 0001 61 00", .duplicateAtMostOnce, "81"),
        MQTTErrorRow("[MQTT-3.3.2-1] topic not UTF-8", "3004 0001 ff 00", .malformedText, "81"),
        MQTTErrorRow("[MQTT-3.3.2-2] + in topic", "3004 0001 2b 00", .wildcardInTopicName, "81"),
        MQTTErrorRow("[MQTT-3.3.2-2] # in topic", "3004 0001 23 00", .wildcardInTopicName, "81"),
        MQTTErrorRow("[MQTT-4.7.3-1] empty topic", "3003 0000 00", .emptyTopicName, "81"),
        MQTTErrorRow("topic cut", "3002 0005", .truncated, "81"),
        MQTTErrorRow("identifier cut", "3204 0001 61 00", .truncated, "81"),
        MQTTErrorRow("properties cut", "3003 0001 61", .malformedProperties, "81"),
        MQTTErrorRow(
            "[MQTT-2.2.1-3] identifier 0, QoS 1", "3206 0001 61 0000 00", .packetIdentifierZero,
            "82"),
        MQTTErrorRow(
            "[MQTT-2.2.1-3] identifier 0, QoS 2", "3406 0001 61 0000 00", .packetIdentifierZero,
            "82"),
        MQTTErrorRow(
            "[MQTT-3.3.4-6] subscription identifier", "3006 0001 61 02 0b 01",
            .subscriptionIdentifierFromClient, "82"),
        MQTTErrorRow("payload format 2", "3006 0001 61 02 01 02", .propertyOutOfRange, "82"),
        MQTTErrorRow(
            "response topic wildcard", "3008 0001 61 04 08 0001 23", .propertyOutOfRange, "82"),
        MQTTErrorRow("[MQTT-3.3.2-8] alias 0", "3007 0001 61 03 23 0000", .topicAliasInvalid, "94"),
        MQTTErrorRow(
            "[MQTT-3.3.2-9] alias beyond maximum", "3007 0001 61 03 23 0021", .topicAliasInvalid,
            "94"),
        MQTTErrorRow("alias never set", "3006 0000 03 23 0001", .topicAliasUnknown, "82"),
        MQTTErrorRow(
            "[MQTT-3.8.1-1] SUBSCRIBE flags", "8007 0001 00 0001 61 00", .wrongFlags, "81"),
        MQTTErrorRow("[MQTT-3.8.3-2] no filter", "8203 0001 00", .noFilter, "81"),
        MQTTErrorRow("[MQTT-4.7.3-1] empty filter", "8206 0001 00 0000 00", .malformedFilter, "81"),
        MQTTErrorRow("[MQTT-4.7.1-1] filter", "8208 0001 00 0002 6123 00", .malformedFilter, "81"),
        MQTTErrorRow("filter cut", "8205 0001 00 0005", .truncated, "81"),
        MQTTErrorRow("options missing", "8206 0001 00 0001 61", .truncated, "81"),
        MQTTErrorRow(
            "[MQTT-3.8.3-5] reserved options", "8207 0001 00 0001 61 40", .subscriptionOptions, "81"
        ),
        MQTTErrorRow("retain handling 3", "8207 0001 00 0001 61 30", .subscriptionOptions, "81"),
        MQTTErrorRow("QoS 3 asked", "8207 0001 00 0001 61 03", .subscriptionOptions, "81"),
        MQTTErrorRow(
            "SUBSCRIBE identifier 0", "8207 0000 00 0001 61 00", .subscribeIdentifierZero, "81"),
        MQTTErrorRow(
            "[MQTT-3.8.3-4] shared no local", "8210 0001 00 000a 2473686172652f672f61 04",
            .sharedNoLocal, "82"),
        MQTTErrorRow(
            "[MQTT-3.10.1-1] UNSUBSCRIBE flags", "a006 0001 00 0001 61", .wrongFlags, "81"),
        MQTTErrorRow("[MQTT-3.10.3-2] no filter", "a203 0001 00", .noFilter, "81"),
        MQTTErrorRow(
            "UNSUBSCRIBE identifier 0", "a206 0000 00 0001 61", .subscribeIdentifierZero, "81"),
        MQTTErrorRow("PUBREC flags", "5202 0001", .wrongAcknowledgementFlags, "82"),
        MQTTErrorRow("[MQTT-3.6.1-1] PUBREL flags", "6002 0001", .wrongAcknowledgementFlags, "82"),
        MQTTErrorRow("PUBACK reason unknown", "4003 0001 01", .unknownReasonCode, "82"),
        MQTTErrorRow("PUBREL reason of PUBACK", "6203 0001 10", .unknownReasonCode, "82"),
        MQTTErrorRow("PUBREC identifier 0", "5002 0000", .packetIdentifierZero, "82"),
        MQTTErrorRow("PUBACK cut", "4001 00", .truncated, "81"),
        MQTTErrorRow("PUBACK trailing", "4005 0001 00 00 00", .trailingBytes, "81"),
        MQTTErrorRow(
            "PUBACK property of CONNECT", "4007 0001 00 03 21 0001", .propertyNotAllowed, "82"),
        MQTTErrorRow("[MQTT-3.14.1-1] DISCONNECT flags", "e100", .wrongAcknowledgementFlags, "82"),
        MQTTErrorRow("DISCONNECT reason unknown", "e001 05", .unknownReasonCode, "82"),
        MQTTErrorRow(
            "[MQTT-3.14.2-2] expiry raised", "e007 00 05 11 00000001", .sessionExpiryRaised, "82"),
        MQTTErrorRow("PINGREQ flags", "c100", .wrongFlags, "81"),
        MQTTErrorRow("PINGREQ with body", "c001 00", .trailingBytes, "81"),
        MQTTErrorRow("[MQTT-4.12.0-6] AUTH without method", "f000", .unexpectedPacket, "82"),
        MQTTErrorRow("CONNACK from a client", "2003 00 00 00", .unexpectedPacket, "82"),
        MQTTErrorRow("SUBACK from a client", "9003 0001 00", .unexpectedPacket, "82"),
        MQTTErrorRow("UNSUBACK from a client", "b003 0001 00", .unexpectedPacket, "82"),
        MQTTErrorRow("PINGRESP from a client", "d000", .unexpectedPacket, "82"),
        MQTTErrorRow("type 0", "0000", .reservedPacketType, "81"),
        MQTTErrorRow("[MQTT-1.5.5-1] padded length", "c08000", .malformedLength, "81"),
        MQTTErrorRow("five-byte length", "30ffffffff01", .malformedLength, "81"),
        MQTTErrorRow("larger than the maximum", "30818010", .packetTooLarge, "95"),
    ]

    static let connect5 = "100e 0004 4d515454 05 02 001e 00 0001 61"

    @Test(arguments: packetRows)
    func `a wrong packet is answered by DISCONNECT in 5`(row: MQTTErrorRow) {
        var peer = MQTTTestPeer()
        peer.connect(.v5)
        #expect(peer.send(row.bytes) == "e001" + row.reply)
        #expect(peer.close?.cause == .fault)
        #expect(peer.close?.fault == row.fault)
        #expect(peer.close.map { hex([$0.reasonCode.rawValue]) } == row.reply)
        #expect(peer.publishes.isEmpty)
    }

    /// The same where the packet has the same shape in 3.1.1: closed in silence.
    @Test(arguments: [
        MQTTErrorRow("second CONNECT", "100d 0004 4d515454 04 02 001e 0001 61", .secondConnect),
        MQTTErrorRow("QoS 3", "3605 0001 61 0001", .qosThree),
        MQTTErrorRow("DUP with QoS 0", "3803 0001 61", .duplicateAtMostOnce),
        MQTTErrorRow("topic not UTF-8", "3003 0001 ff", .malformedText),
        MQTTErrorRow("wildcard", "3003 0001 2b", .wildcardInTopicName),
        MQTTErrorRow("empty topic", "3002 0000", .emptyTopicName),
        MQTTErrorRow("identifier 0", "3205 0001 61 0000", .packetIdentifierZero),
        MQTTErrorRow("SUBSCRIBE flags", "8006 0001 0001 61 00", .wrongFlags),
        MQTTErrorRow("no filter", "8202 0001", .noFilter),
        MQTTErrorRow("options of 5", "8206 0001 0001 61 04", .subscriptionOptions),
        MQTTErrorRow("QoS 3 asked", "8206 0001 0001 61 03", .subscriptionOptions),
        MQTTErrorRow("UNSUBSCRIBE without filter", "a202 0001", .noFilter),
        MQTTErrorRow("PUBREL flags", "6002 0001", .wrongAcknowledgementFlags),
        MQTTErrorRow("PUBACK with reason", "4003 0001 00", .trailingBytes),
        MQTTErrorRow("DISCONNECT with reason", "e001 00", .trailingBytes),
        MQTTErrorRow("AUTH", "f000", .reservedPacketType),
        MQTTErrorRow("type 0", "0000", .reservedPacketType),
        MQTTErrorRow("larger than the maximum", "30818010", .packetTooLarge),
    ])
    func `a wrong packet closes in silence in 3_1_1`(row: MQTTErrorRow) {
        var peer = MQTTTestPeer()
        peer.connect(.v311)
        #expect(peer.send(row.bytes) == "")
        #expect(peer.close?.fault == row.fault)
        #expect(peer.publishes.isEmpty)
    }

    @Test func `a client that is not authorised is told so per filter and per message`() {
        var peer = MQTTTestPeer()
        peer.connect(.v5)
        #expect(peer.send("820c 0001 00 0001 61 00 0002 612f 02") == "90050001008787")
        #expect(peer.send("a206 0002 00 0001 61") == "b004000200" + "11")
        peer.answer = .notAuthorized
        #expect(peer.send(publishBytes(.atLeastOnce, 7, version: .v5)) == "4003000787")
        #expect(peer.send(publishBytes(.exactlyOnce, 8, version: .v5)) == "5003000887")
        #expect(peer.send(publishBytes(.atMostOnce, version: .v5)) == "")
        #expect(peer.close == nil)

        var old = MQTTTestPeer()
        old.connect(.v311)
        #expect(old.send("820b 0001 0001 61 00 0002 612f 02") == "900400018080")
        #expect(old.send("a205 0002 0001 61") == "b0020002")
        old.answer = .notAuthorized
        #expect(old.send(publishBytes(.atLeastOnce, 7, version: .v311)) == "40020007")
        #expect(old.send(publishBytes(.atMostOnce, version: .v311)) == "")
    }
}
