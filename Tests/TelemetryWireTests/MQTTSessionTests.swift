// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import TelemetryWire
import Testing

/// What the connection machine makes of a session that outlives its connection.
@Suite struct MQTTSessionTests {
    /// A grant that knows the message `a=1` under identifier 7, recorded as number 50.
    static func grant(_ flows: [MQTTSessionGrant.Flow] = [flow]) -> MQTTSessionGrant {
        var grant = MQTTSessionGrant()
        grant.isPresent = true
        grant.isRecorded = true
        grant.expirySeconds = 60
        grant.flows = flows
        grant.lastNumber = 60
        return grant
    }

    static let flow = MQTTSessionGrant.Flow(
        identifier: 7,
        identity: ByteHash.hash("1".utf8.span, seed: ByteHash.hash("a".utf8.span)), number: 50)

    /// A peer that came back to its session; records up to 60 are durable.
    static func resumed(_ version: MQTTVersion, _ options: MQTTConnectionOptions = .init())
        -> MQTTTestPeer
    {
        var peer = MQTTTestPeer(options)
        peer.grant = Self.grant()
        peer.connect(version) { request in
            request.cleanStart = false
            if version == .v5 { request.properties = [.number(.sessionExpiryInterval, 60)] }
        }
        _ = peer.machine.durable(through: 60, now: peer.now)
        return peer
    }

    @Test func `CONNACK says that the session is there, and how long it stays`() {
        var old = MQTTTestPeer()
        old.grant = Self.grant()
        var request = MQTTConnectRequest(version: .v311, clientIdentifier: "s1")
        request.cleanStart = false
        // [MQTT-3.2.2-2]
        #expect(old.send(connectBytes(request)) == "20020100")
        var peer = MQTTTestPeer()
        peer.grant = Self.grant()
        request = MQTTConnectRequest(version: .v5, clientIdentifier: "s1")
        request.cleanStart = false
        request.properties = [.number(.sessionExpiryInterval, 3_600)]
        let answer = peer.send(connectBytes(request))
        #expect(answer.hasPrefix("2013" + "0100" + "10" + "110000003c"))
    }

    @Test func `an expiry granted as asked is not repeated`() {
        var peer = MQTTTestPeer()
        peer.grant.expirySeconds = 60
        peer.grant.isRecorded = true
        let written = peer.send(MQTTVectors.connectV5)
        #expect(!written.contains("110000003c"))
        #expect(written.hasPrefix("20"))
    }

    @Test(arguments: MQTTVersion.allCases)
    func `a message received before is answered and not handed out`(version: MQTTVersion) {
        var peer = Self.resumed(version)
        // [MQTT-4.3.3-10], with DUP and without.
        #expect(
            peer.send(publishBytes(.exactlyOnce, 7, isDuplicate: true, version: version))
                == "50020007")
        #expect(peer.send(publishBytes(.exactlyOnce, 7, version: version)) == "50020007")
        #expect(peer.publishes.isEmpty)
        #expect(peer.send("62020007") == "")
        #expect(peer.releases == [7])
        #expect(peer.machine.durable(through: peer.number, now: peer.now) == .write)
        #expect(peer.written() == "70020007")
        // Free for a new one [MQTT-4.3.3-12].
        _ = peer.send(publishBytes(.exactlyOnce, 7, version: version))
        #expect(peer.publishes == ["a=1 q2 #7"])
    }

    @Test func `PUBREL first, without PUBLISH, completes what an earlier connection began`() {
        var peer = Self.resumed(.v311)
        _ = peer.send("62020007")
        #expect(peer.releases == [7])
        _ = peer.machine.durable(through: peer.number, now: peer.now)
        #expect(peer.written() == "70020007")
        #expect(peer.close == nil)
    }

    @Test func `another message under an identifier left over is new`() {
        var peer = Self.resumed(.v5)
        _ = peer.send(publishBytes(.exactlyOnce, 7, payload: "2", version: .v5))
        #expect(peer.publishes == ["a=2 q2 #7"])
        // From now on it is this connection's, and a third one is an error.
        #expect(
            peer.send(publishBytes(.exactlyOnce, 7, payload: "3", version: .v5)) == "e00182")
    }

    @Test func `no answer leaves before the last record of the session is durable`() {
        var peer = MQTTTestPeer()
        peer.grant = Self.grant()
        peer.connect(.v5) { $0.cleanStart = false }
        _ = peer.machine.durable(through: 59, now: peer.now)
        // Its message is durable, but a record behind it may be the release.
        #expect(
            peer.send(publishBytes(.exactlyOnce, 7, isDuplicate: true, version: .v5)) == "")
        #expect(peer.send("62020009") == "")
        #expect(peer.machine.durable(through: 60, now: peer.now) == .write)
        #expect(peer.written() == "50020007" + "7003000992")
    }

    @Test func `the receive maximum counts a message when its connection sends it`() {
        var options = MQTTConnectionOptions()
        options.receiveMaximum = 1
        var peer = Self.resumed(.v5, options)
        // The one left over does not count [MQTT-4.9.0-1]: the quota begins anew.
        _ = peer.send(publishBytes(.atLeastOnce, 8, version: .v5))
        #expect(peer.close == nil)
        #expect(peer.send(publishBytes(.exactlyOnce, 7, version: .v5)) == "e00193")
        var other = Self.resumed(.v5, options)
        _ = other.send(publishBytes(.exactlyOnce, 7, isDuplicate: true, version: .v5))
        #expect(other.send(publishBytes(.atLeastOnce, 8, version: .v5)) == "e00193")
        // A resend is taken: a client that comes back may send all it has.
        var third = Self.resumed(.v5, options)
        for identifier: UInt16 in 8...20 {
            _ = third.send(
                publishBytes(.exactlyOnce, identifier, isDuplicate: true, version: .v5))
        }
        #expect(third.close == nil)
        #expect(third.publishes.count == 13)
    }

    @Test func `a release that is not answered comes again`() {
        var machine = MQTTConnectionMachine(options: MQTTConnectionOptions(), now: .zero)
        _ = machine.received(hex(MQTTVectors.connectV5).span)
        _ = machine.next(now: .zero)
        var grant = MQTTSessionGrant()
        grant.isRecorded = true
        grant.flows = [Self.flow]
        _ = machine.connectAccepted(grant, now: .zero)
        _ = machine.durable(through: 50, now: .zero)
        machine.outboundWritten()
        _ = machine.received(hex("62020007 c000").span)
        #expect(machine.next(now: .zero) == .release(7))
        #expect(machine.next(now: .zero) == .release(7))
        machine.releaseAccepted(through: 51, now: .zero)
        #expect(machine.next(now: .zero) == .needsBytes)
        #expect(machine.outbound.hexText() == "d000")
        _ = machine.durable(through: 51, now: .zero)
        #expect(machine.outbound.hexText() == "d000" + "70020007")
    }

    @Test func `a session that is not recorded hands no release out`() {
        var peer = MQTTTestPeer()
        peer.connect(.v5)
        _ = peer.send(publishBytes(.exactlyOnce, 7, version: .v5))
        _ = peer.machine.durable(through: peer.number, now: peer.now)
        #expect(peer.send("62020007") == "50020007" + "70020007")
        #expect(peer.releases.isEmpty)
    }

    @Test(arguments: MQTTVersion.allCases)
    func `beyond the limit messages are taken and not remembered`(version: MQTTVersion) {
        var options = MQTTConnectionOptions()
        options.flowCountMax = 2
        options.receiveMaximum = 2
        var peer = Self.resumed(version, options)
        for identifier: UInt16 in [8, 9, 9] {
            _ = peer.send(
                publishBytes(.exactlyOnce, identifier, isDuplicate: true, version: version))
            _ = peer.machine.durable(through: peer.number, now: peer.now)
            #expect(peer.written() == "5002000\(identifier)")
        }
        #expect(peer.publishes.count == 3)
        // One is in flight and two were never: there is room for one more.
        #expect(peer.send("62020009") == (version == .v5 ? "7003000992" : "70020009"))
        _ = peer.send(publishBytes(.atLeastOnce, 3, version: version))
        #expect(peer.close == nil)
    }

    // MARK: DISCONNECT

    @Test func `DISCONNECT may shorten the session and not lengthen it`() {
        for (expiry, left) in [(0, 0), (5, 5), (90, 60)] as [(UInt8, UInt32)] {
            var peer = Self.resumed(.v5)
            _ = peer.send("e007 00 05 11 000000\(hex([expiry]))")
            #expect(peer.close?.cause == .disconnected)
            #expect(peer.machine.sessionExpirySeconds == left)
        }
        var silent = Self.resumed(.v5)
        _ = silent.send("e000")
        #expect(silent.machine.sessionExpirySeconds == 60)
    }

    /// Codes of table 3-10 that a client may give; every other one is a protocol error.
    @Test func `DISCONNECT takes the codes of a client only`() {
        let allowed: Set<UInt8> = [
            0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99,
        ]
        for code in UInt8.min...UInt8.max {
            var peer = MQTTTestPeer()
            peer.connect(.v5)
            let answer = peer.send([0xE0, 1, code])
            #expect(answer == (allowed.contains(code) ? "" : "e00182"), "\(code)")
            #expect(peer.close?.fault == (allowed.contains(code) ? nil : .unknownReasonCode))
        }
    }

    // MARK: Reasons in words

    static let speaking: MQTTConnectionOptions = {
        var options = MQTTConnectionOptions()
        options.sendsReasonStrings = true
        return options
    }()

    @Test func `refusals say why in words where the client takes them`() {
        let words = hex(bytes("no topic rule takes this topic"))
        var peer = MQTTTestPeer(Self.speaking)
        peer.connect(.v5)
        peer.answer = .topicNameInvalid
        #expect(
            peer.send(publishBytes(.atLeastOnce, 7, version: .v5))
                == "4025" + "0007" + "90" + "21" + "1f001e" + words)
        // [MQTT-3.1.2-29]: not if the client does not want it, but in DISCONNECT.
        var quiet = MQTTTestPeer(Self.speaking)
        quiet.connect(.v5) { $0.properties = [.number(.requestProblemInformation, 0)] }
        quiet.answer = .topicNameInvalid
        #expect(quiet.send(publishBytes(.atLeastOnce, 7, version: .v5)) == "4003000790")
        #expect(quiet.send("0000").contains(hex(bytes("reservedPacketType"))))
        // [MQTT-3.4.2-2], [MQTT-3.14.2-3]: not if it has no room for it.
        var small = MQTTTestPeer(Self.speaking)
        small.connect(.v5) { $0.properties = [.number(.maximumPacketSize, 20)] }
        small.answer = .topicNameInvalid
        #expect(small.send(publishBytes(.atLeastOnce, 7, version: .v5)) == "4003000790")
        #expect(small.send("0000") == "e00181")
        var old = MQTTTestPeer(Self.speaking)
        old.connect(.v311)
        old.answer = .topicNameInvalid
        #expect(old.send(publishBytes(.atLeastOnce, 7, version: .v311)) == "40020007")
    }

    @Test func `a refused client learns why in words`() {
        var peer = MQTTTestPeer(Self.speaking)
        peer.verdict = .badUserNameOrPassword
        #expect(
            peer.send(MQTTVectors.connectV5)
                == "201f" + "0086" + "1c" + "1f0019" + hex(bytes("bad user name or password")))
        var small = MQTTTestPeer(Self.speaking)
        small.verdict = .badUserNameOrPassword
        var request = MQTTConnectRequest(version: .v5, clientIdentifier: "s1")
        request.properties = [.number(.maximumPacketSize, 20)]
        // [MQTT-3.2.2-19]
        #expect(small.send(connectBytes(request)) == "2003008600")
        var old = MQTTTestPeer(Self.speaking)
        old.verdict = .badUserNameOrPassword
        #expect(old.send(MQTTVectors.connectV311) == "20020004")
    }

    @Test func `a will keeps its delay`() {
        var peer = MQTTTestPeer()
        peer.connect(.v5) { request in
            request.will = MQTTConnectRequest.Will(
                topic: "w", payload: [1], properties: [.number(.willDelayInterval, 9)])
        }
        #expect(peer.machine.will?.delaySeconds == 9)
    }
}
