// SPDX-License-Identifier: Apache-2.0

import Glibc
import MidwatchModel
import TelemetryWire
import Testing

@testable import Ingest

/// What the standard asks of a server, over a real socket, in raw bytes.
///
/// The expectations are written from the text of MQTT 3.1.1 and 5.0, not from the encoder.
@Suite(.serialized) struct MQTTConformanceTests {
    /// Bytes sent, bytes that come back, and whether the server closes behind them.
    struct Row: Sendable, CustomTestStringConvertible {
        var name: String
        var sent: String
        var reply: String
        var isClosed: Bool

        init(_ name: String, _ sent: String, _ reply: String, closes: Bool = true) {
            self.name = name
            self.sent = sent
            self.reply = reply
            self.isClosed = closes
        }

        var testDescription: String { self.name }
    }

    static func bytes(_ text: String) -> [UInt8] {
        let digits = text.filter { $0 != " " }.utf8.map { UInt8($0) }
        func value(_ digit: UInt8) -> UInt8 { digit > 0x39 ? digit - 0x57 : digit - 0x30 }
        return stride(from: 0, to: digits.count - 1, by: 2).map {
            value(digits[$0]) << 4 | value(digits[$0 + 1])
        }
    }

    static let old = "100e 0004 4d515454 04 02 001e 0002 7331"
    static let oldAnswer = "20020000"
    static let new = "100f 0004 4d515454 05 02 001e 00 0002 7331"
    /// Receive maximum 20, maximum packet size 256 KiB, topic alias maximum 10.
    static let newAnswer = "200e 0000 0b 21 0014 27 00040000 22 000a"

    /// Section 1 and 4: what opens a connection.
    static let opening: [Row] = [
        Row("3.1.1", old, oldAnswer, closes: false),
        Row("5.0", new, newAnswer, closes: false),
        Row("[MQTT-3.1.0-1] PINGREQ first", "c000", ""),
        Row("[MQTT-3.1.0-1] PUBLISH first", "3004 0001 61 31", ""),
        Row("[MQTT-3.1.2-1] name", "100e 0004 4d515458 04 02 001e 0002 7331", ""),
        Row("[MQTT-3.1.2-2] level 3", "100e 0004 4d515454 03 02 001e 0002 7331", "20020001"),
        Row("level 6", "100f 0004 4d515454 06 02 001e 00 0002 7331", "2003008400"),
        Row("[MQTT-2.1.3-1] flags", "110e 0004 4d515454 04 02 001e 0002 7331", ""),
        Row("five bytes of length", "10 ffffffff 01", ""),
        Row("[MQTT-3.1.2-3] reserved, 3.1.1", "100e 0004 4d515454 04 03 001e 0002 7331", ""),
        Row(
            "[MQTT-3.1.2-3] reserved, 5.0", "100f 0004 4d515454 05 03 001e 00 0002 7331",
            "2003008100"),
        Row(
            "[MQTT-3.1.2-11] will bits", "100f 0004 4d515454 05 0a 001e 00 0002 7331", "2003008100"),
        Row("truncated", "1009 0004 4d515454 05 02 00", ""),
        Row("no will", "100f 0004 4d515454 05 06 001e 00 0002 7331", "2003008100"),
        Row(
            "[MQTT-1.5.4-1] identifier", "100f 0004 4d515454 05 02 001e 00 0002 c331", "2003008500"),
        Row("[MQTT-3.1.3-8] empty, kept", "100c 0004 4d515454 04 00 001e 0000", "20020002"),
        Row("empty, clean", "100c 0004 4d515454 04 02 001e 0000", oldAnswer, closes: false),
        Row(
            "receive maximum 0", "1012 0004 4d515454 05 02 001e 03 21 0000 0002 7331",
            "2003008200"),
        Row(
            "maximum packet 0", "1014 0004 4d515454 05 02 001e 05 27 00000000 0002 7331",
            "2003008200"),
        Row(
            "twice", "1015 0004 4d515454 05 02 001e 06 21 0001 21 0001 0002 7331", "2003008200"),
        Row("unknown property", "1011 0004 4d515454 05 02 001e 02 7e 00 0002 7331", "2003008100"),
        Row(
            "[MQTT-4.12.0-1] method", "1013 0004 4d515454 05 02 001e 04 15 0001 78 0002 7331",
            "2003008c00"),
        Row(
            "data without method", "1013 0004 4d515454 05 02 001e 04 16 0001 78 0002 7331",
            "2003008200"),
        Row(
            "user property, response and problem information accepted",
            "101a 0004 4d515454 05 02 001e 0b 19 01 17 01 26 0001 61 0001 62 0002 7331", newAnswer,
            closes: false),
    ]

    /// Section 5, 6 and 7 in 5.0: packets behind CONNECT; `e001` is DISCONNECT.
    static let packets: [Row] = [
        Row("PINGREQ", "c000", "d000", closes: false),
        Row("[MQTT-3.1.0-2] second CONNECT", new, "e00182"),
        Row("[MQTT-3.3.1-4] QoS 3", "3607 0001 61 0001 00 31", "e00181"),
        Row("[MQTT-3.3.1-2] DUP with QoS 0", "3805 0001 61 00 31", "e00181"),
        Row("[MQTT-3.3.2-2] wildcard", "3005 0001 23 00 31", "e00181"),
        Row("[MQTT-1.5.4-1] topic", "3005 0001 ff 00 31", "e00181"),
        Row("[MQTT-4.7.3-1] empty topic", "3004 0000 00 31", "e00181"),
        Row("[MQTT-2.2.1-3] identifier 0", "3207 0001 61 0000 00 31", "e00182"),
        Row("[MQTT-3.3.4-6] subscription identifier", "3007 0001 61 02 0b 01 31", "e00182"),
        Row("[MQTT-3.3.2-8] alias 0", "3008 0001 61 03 23 0000 31", "e00194"),
        Row("[MQTT-3.3.2-9] alias 11", "3008 0001 61 03 23 000b 31", "e00194"),
        Row("alias unknown", "3007 0000 03 23 0001 31", "e00182"),
        Row("too large", "30 818010", "e00195"),
        Row("no topic rule", "3207 0001 61 0007 00 31", "4003 0007 90", closes: false),
        Row("no topic rule, QoS 2", "3407 0001 61 0007 00 31", "5003 0007 90", closes: false),
        Row("SUBSCRIBE refused", "8207 0001 00 0001 61 00", "9004 0001 00 87", closes: false),
        Row("UNSUBSCRIBE", "a206 0001 00 0001 61", "b004 0001 00 11", closes: false),
        Row("[MQTT-3.8.3-2] no filter", "8203 0001 00", "e00181"),
        Row("[MQTT-3.8.3-4] shared no local", "820d 0001 00 0007 2473686172652f 04", "e00181"),
        Row("[MQTT-3.8.3-5] reserved", "8207 0001 00 0001 61 c0", "e00181"),
        Row("[MQTT-3.6.1-1] PUBREL flags", "6002 0001", "e00182"),
        Row("PUBREL unknown", "6202 0009", "7003 0009 92", closes: false),
        Row("PUBREL identifier 0", "6202 0000", "e00182"),
        Row("PUBACK reason", "4003 0001 7f", "e00182"),
        Row("PUBACK trailing", "4005 0001 00 00 00", "e00181"),
        Row("[MQTT-3.14.1-1] DISCONNECT flags", "e100", "e00182"),
        Row("[MQTT-3.14.2-2] expiry raised", "e007 00 05 11 00000001", "e00182"),
        Row("DISCONNECT", "e000", ""),
        Row("AUTH", "f000", "e00182"),
        Row("CONNACK from a client", "2003 00 00 00", "e00182"),
        Row("type 0", "0000", "e00181"),
        Row("[MQTT-1.5.5-1] padded length", "c0 8000", "e00181"),
        Row(
            "every property of PUBLISH",
            "3027 0009 6a736f6e2f6173692f"
                + "1a 01 01 02 0000000a 03 0001 74 08 0001 72 09 0001 63 26 0001 61 0001 62 31",
            "", closes: false),
    ]

    /// The same in 3.1.1, where there is nothing but closing.
    static let oldPackets: [Row] = [
        Row("PINGREQ", "c000", "d000", closes: false),
        Row("second CONNECT", old, ""), Row("QoS 3", "3606 0001 61 0001 31", ""),
        Row("wildcard", "3004 0001 2b 31", ""), Row("identifier 0", "3206 0001 61 0000 31", ""),
        Row("no topic rule is acknowledged", "3206 0001 61 0007 31", "4002 0007", closes: false),
        Row("SUBSCRIBE refused", "8206 0001 0001 61 00", "9003 0001 80", closes: false),
        Row("UNSUBSCRIBE", "a205 0001 0001 61", "b002 0001", closes: false),
        Row("PUBREL unknown", "6202 0009", "7002 0009", closes: false),
        Row("PUBREL flags", "6002 0009", ""), Row("DISCONNECT", "e000", ""),
        Row("DISCONNECT with reason", "e001 00", ""), Row("AUTH", "f000", ""),
        Row("too large", "30 818010", ""),
    ]

    private func check(_ rows: [Row], behind connect: String?, _ answer: String) async throws {
        try await MQTTWorld { $0.sendsReasonStrings = false }.run { world in
            for row in rows {
                for isSplit in [false, true] {
                    let client = try world.client()
                    let hello = connect.map { Self.bytes($0) } ?? []
                    let sent = hello + Self.bytes(row.sent)
                    if isSplit {
                        for byte in sent { client.send([byte]) }
                    } else {
                        client.send(sent)
                    }
                    let wanted = (connect == nil ? [] : Self.bytes(answer)) + Self.bytes(row.reply)
                    let got = client.receiveBytes(wanted.count, orEnd: row.isClosed)
                    #expect(got == wanted, "\(row.name)")
                    if row.isClosed {
                        #expect(client.isClosedByServer(), "\(row.name)")
                    } else {
                        client.ping()
                        #expect(client.receiveBytes(2, orEnd: false) == [0xD0, 0], "\(row.name)")
                    }
                }
            }
        }
    }

    @Test func `a connection opens as the standard says`() async throws {
        // A PINGREQ is asked behind those that stay open.
        try await self.check(Self.opening, behind: nil, "")
    }

    @Test func `packets of 5_0 are answered as the standard says`() async throws {
        try await self.check(Self.packets, behind: Self.new, Self.newAnswer)
    }

    @Test func `packets of 3_1_1 are answered as the standard says`() async throws {
        try await self.check(Self.oldPackets, behind: Self.old, Self.oldAnswer)
    }

    @Test func `more than the receive maximum is 93`() async throws {
        try await MQTTWorld { configuration in
            configuration.sendsReasonStrings = false
            configuration.inflightCountMax = 2
        }.run { world in
            let client = try world.connected("s1", .v5)
            for identifier: UInt16 in 1...3 {
                client.publish("plain/a", "1", qos: .exactlyOnce, identifier: identifier)
            }
            #expect(client.receiveBytes(3, orEnd: true) == [0xE0, 1, 0x93])
            #expect(world.readings.count == 2)
        }
    }

    @Test func `the server's keep alive replaces a longer one`() async throws {
        try await MQTTWorld { $0.keepAliveSecondsMax = 20 }.run { world in
            let client = try world.client(.v5)
            client.send(Self.bytes(Self.new))
            let body = try #require(client.receive()).body
            // [MQTT-3.2.2-21]
            #expect(Array(body.suffix(3)) == [0x13, 0, 20])
        }
    }
}

extension MQTTTestClient {
    /// `count` bytes, and with `orEnd` whatever more comes before the end of the stream.
    func receiveBytes(_ count: Int, orEnd: Bool) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            var poller = pollfd(fd: self.descriptor, events: Int16(POLLIN), revents: 0)
            guard unsafe poll(&poller, 1, 2_000) > 0 else { return bytes }
            var chunk = [UInt8](repeating: 0, count: 4_096)
            let room = orEnd ? chunk.count : count - bytes.count
            let got = unsafe recv(self.descriptor, &chunk, room, 0)
            guard got > 0 else { return bytes }
            bytes += chunk[..<got]
        }
        return bytes
    }
}
