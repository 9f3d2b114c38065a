// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import TelemetryWire
import Testing

@Suite struct MQTTConnectionMachineTests {
    // MARK: CONNECT

    @Test func `the vectors are accepted, and 5 learns what is granted`() {
        var old = MQTTTestPeer()
        #expect(old.send(MQTTVectors.connectV311) == "20020000")
        var options = MQTTConnectionOptions()
        options.receiveMaximum = 20
        options.packetBytesMax = 65_536
        options.topicAliasMaximum = 10
        options.keepAliveMax = 20
        options.maximumQoS = .atLeastOnce
        var peer = MQTTTestPeer(options)
        // Session expiry 0, receive maximum, maximum QoS, packet size, alias maximum, keep alive.
        #expect(
            peer.send(MQTTVectors.connectV5)
                == "2018000015" + "1100000000" + "210014" + "2401" + "2700010000" + "22000a"
                + "130014")
    }

    @Test func `a client without an identifier is given one in 5`() {
        var peer = MQTTTestPeer()
        var request = MQTTConnectRequest(version: .v5, clientIdentifier: "")
        request.cleanStart = false
        // [MQTT-3.1.3-6], [MQTT-3.1.3-7]
        #expect(peer.send(connectBytes(request)).contains("120007" + hex(bytes("given-1"))))
        var old = MQTTTestPeer()
        let clean = MQTTConnectRequest(version: .v311, clientIdentifier: "")
        #expect(old.send(connectBytes(clean)) == "20020000")
    }

    @Test(arguments: [
        (MQTTReasonCode.badUserNameOrPassword, "20020004", "2003008600"),
        (.notAuthorized, "20020005", "2003008700"), (.serverBusy, "20020003", "2003008900"),
    ])
    func `a refused client is told and closed`(
        code: MQTTReasonCode, old: String, new: String
    ) {
        for (vector, expected) in [(MQTTVectors.connectV311, old), (MQTTVectors.connectV5, new)] {
            var peer = MQTTTestPeer()
            peer.verdict = code
            // [MQTT-3.1.4-6]: what comes with the CONNECT is not processed.
            #expect(peer.send(vector + "c000") == expected)
            #expect(peer.close?.cause == .connectRefused)
            #expect(peer.publishes.isEmpty)
        }
    }

    @Test func `packets behind the CONNECT wait for the verdict`() {
        var machine = MQTTConnectionMachine(options: MQTTConnectionOptions(), now: .zero)
        let stream = hex(MQTTVectors.connectV311 + "c000")
        let taken = machine.received(stream.span)
        #expect(taken == stream.count)
        guard case .connect(let connect) = machine.next(now: .zero) else {
            Issue.record("CONNECT is there")
            return
        }
        let identifier = machine.withBytes { bytes in
            connect.clientIdentifier.range.map { bytes[$0] }
        }
        #expect(identifier == bytes("s1"))
        #expect(machine.next(now: .zero) == .needsBytes)
        #expect(machine.outbound.isEmpty == true)
        #expect(machine.connectAccepted(now: .zero) == nil)
        #expect(machine.next(now: .zero) == .needsBytes)
        #expect(machine.outbound.hexText() == "20020000" + "d000")
    }

    @Test func `a will above the maximum QoS is refused`() {
        var options = MQTTConnectionOptions()
        options.maximumQoS = .atLeastOnce
        var request = MQTTConnectRequest(version: .v5, clientIdentifier: "s1")
        request.will = MQTTConnectRequest.Will(topic: "w", payload: [1], qos: .exactlyOnce)
        var peer = MQTTTestPeer(options)
        // [MQTT-3.2.2-12]
        #expect(peer.send(connectBytes(request)) == "2003009b00")
        #expect(peer.close?.fault == .qosNotSupported)
    }

    @Test func `a client that takes no packet as long as CONNACK is closed`() {
        var request = MQTTConnectRequest(version: .v5, clientIdentifier: "s1")
        request.properties = [.number(.maximumPacketSize, 8)]
        var peer = MQTTTestPeer()
        // [MQTT-3.1.2-24]
        #expect(peer.send(connectBytes(request)) == "")
        #expect(peer.close?.fault == .answerTooLarge)
    }

    @Test func `an answer longer than the client takes is not sent`() {
        var request = MQTTConnectRequest(version: .v5, clientIdentifier: "s1")
        request.properties = [.number(.maximumPacketSize, 40)]
        var peer = MQTTTestPeer()
        _ = peer.send(connectBytes(request))
        var subscribe = WireBuffer()
        MQTTEncoder.subscribe(
            1, filters: Array(repeating: (filter: "a", options: UInt8(0)), count: 40), version: .v5,
            into: &subscribe)
        #expect(peer.send(subscribe.array()) == "e00183")
        #expect(peer.close?.fault == .answerTooLarge)
    }

    @Test func `a client identifier beyond the limit is refused`() {
        let long = String(repeating: "x", count: 256)
        var peer = MQTTTestPeer()
        let new = MQTTConnectRequest(version: .v5, clientIdentifier: long)
        #expect(peer.send(connectBytes(new)) == "2003008500")
        var old = MQTTTestPeer()
        let request = MQTTConnectRequest(version: .v311, clientIdentifier: long)
        #expect(old.send(connectBytes(request)) == "20020002")
    }

    // MARK: PUBLISH and acknowledgements

    @Test(arguments: MQTTVersion.allCases)
    func `QoS 0 is handed out and never acknowledged`(version: MQTTVersion) {
        var peer = MQTTTestPeer()
        peer.connect(version)
        #expect(peer.send(publishBytes(.atMostOnce, version: version)) == "")
        #expect(peer.publishes == ["a=1"])
        #expect(peer.machine.durable(through: 1_000, now: peer.now) == .nothing)
    }

    @Test(arguments: MQTTVersion.allCases)
    func `QoS 1 is acknowledged when durable, in order of arrival`(version: MQTTVersion) {
        var peer = MQTTTestPeer()
        peer.connect(version)
        let stream = (1...4).flatMap {
            publishBytes(.atLeastOnce, UInt16($0) * 3, version: version)
        }
        #expect(peer.send(stream) == "")
        #expect(peer.publishes == ["a=1 q1 #3", "a=1 q1 #6", "a=1 q1 #9", "a=1 q1 #12"])
        #expect(peer.machine.waitingAcknowledgementCount == 4)
        #expect(peer.machine.durable(through: 100, now: peer.now) == .nothing)
        #expect(peer.machine.durable(through: 102, now: peer.now) == .write)
        // [MQTT-4.6.0-2]
        #expect(peer.written() == "40020003" + "40020006")
        #expect(peer.machine.durable(through: 101, now: peer.now) == .nothing)
        #expect(peer.machine.durable(through: 104, now: peer.now) == .write)
        #expect(peer.written() == "40020009" + "4002000c")
    }

    @Test func `a message that is durable before it is accepted is acknowledged at once`() {
        var peer = MQTTTestPeer()
        peer.connect(.v5)
        _ = peer.machine.durable(through: 101, now: peer.now)
        #expect(peer.send(publishBytes(.atLeastOnce, 5, version: .v5)) == "40020005")
    }

    @Test func `a refused message is answered in its turn`() {
        var peer = MQTTTestPeer()
        peer.connect(.v5)
        #expect(peer.send(publishBytes(.atLeastOnce, 1, version: .v5)) == "")
        peer.answer = .topicNameInvalid
        #expect(peer.send(publishBytes(.atLeastOnce, 2, version: .v5)) == "")
        peer.answer = .payloadFormatInvalid
        #expect(peer.send(publishBytes(.atLeastOnce, 3, version: .v5)) == "")
        #expect(peer.machine.durable(through: 101, now: peer.now) == .write)
        #expect(peer.written() == "40020001" + "4003000290" + "4003000399")
        // Nothing waits: the refusal need not either.
        #expect(peer.send(publishBytes(.atLeastOnce, 4, version: .v5)) == "4003000499")
    }

    @Test func `a PUBLISH that is not answered comes again`() {
        var machine = MQTTConnectionMachine(options: MQTTConnectionOptions(), now: .zero)
        _ = machine.received(hex(MQTTVectors.connectV311).span)
        _ = machine.next(now: .zero)
        _ = machine.connectAccepted(now: .zero)
        _ = machine.received(publishBytes(.atLeastOnce, 9, version: .v311).span)
        let first = machine.next(now: .zero)
        guard case .publish(let publish) = first else {
            Issue.record("PUBLISH is there")
            return
        }
        // The ring is full: more bytes come meanwhile, the same message is offered again.
        _ = machine.received(publishBytes(.atMostOnce, payload: "2", version: .v311).span)
        #expect(machine.next(now: .zero) == first)
        var payload: [UInt8] = []
        machine.withPublish(publish) { _, bytes in payload = [bytes[0]] }
        #expect(payload == [UInt8(ascii: "1")])
        machine.publishAccepted(through: 1, now: .zero)
        guard case .publish(let next) = machine.next(now: .zero) else {
            Issue.record("the one after it is there")
            return
        }
        #expect(next.qos == .atMostOnce)
    }

    @Test func `more in flight than the receive maximum ends the connection in 5`() {
        var options = MQTTConnectionOptions()
        options.receiveMaximum = 3
        var peer = MQTTTestPeer(options)
        peer.connect(.v5)
        let first =
            publishBytes(.atLeastOnce, 1, version: .v5)
            + publishBytes(.exactlyOnce, 2, version: .v5)
        _ = peer.send(first + publishBytes(.atLeastOnce, 3, version: .v5))
        _ = peer.machine.durable(through: 101, now: peer.now)
        #expect(peer.written() == "40020001")
        // One PUBACK makes room for one; QoS 0 needs none.
        _ = peer.send(publishBytes(.atLeastOnce, 4, version: .v5))
        _ = peer.send(publishBytes(.atMostOnce, version: .v5))
        #expect(peer.close == nil)
        // [MQTT-3.3.4-9]
        #expect(peer.send(publishBytes(.atLeastOnce, 5, version: .v5)) == "e00193")
        #expect(peer.close?.fault == .receiveMaximumExceeded)
        #expect(peer.publishes.count == 5)
    }

    @Test func `in 3_1_1 the machine stops taking instead`() {
        var options = MQTTConnectionOptions()
        options.unannouncedInflightMax = 2
        var peer = MQTTTestPeer(options)
        peer.connect(.v311)
        let stream = (1...4).flatMap { publishBytes(.atLeastOnce, UInt16($0), version: .v311) }
        #expect(peer.send(stream) == "")
        #expect(peer.isStalled && peer.publishes.count == 2)
        // Our doing: the keep alive does not run.
        #expect(peer.machine.wakeAt == .distantFuture)
        peer.pass(1_000)
        #expect(peer.machine.woke(now: peer.now) == .wake(at: .distantFuture))
        #expect(peer.machine.durable(through: 101, now: peer.now) == .writeAndContinue)
        peer.run()
        #expect(peer.publishes.count == 3 && peer.isStalled)
        #expect(peer.machine.durable(through: 103, now: peer.now) == .writeAndContinue)
        peer.run()
        #expect(peer.written() == "40020001" + "40020002" + "40020003")
        #expect(peer.publishes.count == 4 && !peer.isStalled)
        // The silence counts from the moment we read again.
        #expect(peer.machine.wakeAt == peer.now.advanced(byNanoseconds: 45_000_000_000))
    }

    @Test func `a QoS above the maximum ends the connection`() {
        var options = MQTTConnectionOptions()
        options.maximumQoS = .atLeastOnce
        var peer = MQTTTestPeer(options)
        peer.connect(.v5)
        // [MQTT-3.2.2-11]
        #expect(peer.send(publishBytes(.exactlyOnce, 1, version: .v5)) == "e0019b")
        var old = MQTTTestPeer(options)
        old.connect(.v311)
        #expect(old.send(publishBytes(.exactlyOnce, 1, version: .v311)) == "")
        #expect(old.close?.fault == .qosNotSupported)
    }

    // MARK: QoS 2

    @Test(arguments: MQTTVersion.allCases)
    func `QoS 2 is received, released and delivered once`(version: MQTTVersion) {
        var peer = MQTTTestPeer()
        peer.connect(version)
        #expect(peer.send(publishBytes(.exactlyOnce, 7, version: version)) == "")
        // [MQTT-4.3.3-8]; not durable yet, so a resend is neither delivered nor answered.
        #expect(peer.send(publishBytes(.exactlyOnce, 7, isDuplicate: true, version: version)) == "")
        #expect(peer.machine.durable(through: 101, now: peer.now) == .write)
        #expect(peer.written() == "50020007")
        // [MQTT-4.3.3-10]: PUBREC again, delivered once.
        #expect(
            peer.send(publishBytes(.exactlyOnce, 7, isDuplicate: true, version: version))
                == "50020007")
        #expect(peer.publishes == ["a=1 q2 #7"])
        // [MQTT-4.3.3-11]
        #expect(peer.send("62020007") == "70020007")
        #expect(peer.send("62020007") == (version == .v5 ? "7003000792" : "70020007"))
        // The identifier is free for a new message [MQTT-4.3.3-12].
        _ = peer.send(publishBytes(.exactlyOnce, 7, version: version))
        #expect(peer.publishes.count == 2)
    }

    @Test func `an identifier that a QoS 2 flow holds is not used for anything else`() {
        for stream in [
            publishBytes(.atLeastOnce, 7, version: .v5),
            publishBytes(.exactlyOnce, 7, payload: "2", version: .v5),
            publishBytes(.atLeastOnce, 7, isDuplicate: true, version: .v5), hex("62020007"),
        ] {
            var peer = MQTTTestPeer()
            peer.connect(.v5)
            _ = peer.send(publishBytes(.exactlyOnce, 7, version: .v5))
            #expect(peer.send(stream) == "e00182")
            #expect(peer.close?.fault == .packetIdentifierConflict)
        }
    }

    @Test func `a refused QoS 2 message ends its flow in 5`() {
        var peer = MQTTTestPeer()
        peer.connect(.v5)
        peer.answer = .quotaExceeded
        #expect(peer.send(publishBytes(.exactlyOnce, 7, version: .v5)) == "5003000797")
        #expect(peer.send("62020007") == "7003000792")
        peer.answer = .noMatchingSubscribers
        #expect(peer.send(publishBytes(.exactlyOnce, 8, version: .v5)) == "5003000810")
        #expect(peer.send("62020008") == "70020008")
        var old = MQTTTestPeer()
        old.connect(.v311)
        old.answer = .quotaExceeded
        #expect(old.send(publishBytes(.exactlyOnce, 7, version: .v311)) == "50020007")
        #expect(old.send("62020007") == "70020007")
    }

    @Test func `released QoS 2 messages free the receive maximum`() {
        var options = MQTTConnectionOptions()
        options.receiveMaximum = 1
        var peer = MQTTTestPeer(options)
        peer.connect(.v5)
        for identifier: UInt16 in [1, 2, 3] {
            let low = identifier
            _ = peer.send(publishBytes(.exactlyOnce, identifier, version: .v5))
            _ = peer.machine.durable(through: peer.number, now: peer.now)
            #expect(peer.send("6202000\(low)") == "5002000\(low)" + "7002000\(low)")
        }
        peer.answer = .quotaExceeded
        _ = peer.send(publishBytes(.exactlyOnce, 4, version: .v5))
        _ = peer.send(publishBytes(.exactlyOnce, 5, version: .v5))
        #expect(peer.close == nil)
    }

    @Test func `acknowledgements nobody waits for are answered or ignored`() {
        var peer = MQTTTestPeer()
        peer.connect(.v5)
        #expect(peer.send("40020001 70020001") == "")
        #expect(peer.send("50020001") == "6203000192")
        #expect(peer.close == nil)
    }

    // MARK: Topic aliases

    @Test func `an alias stands for its topic until it is set anew`() {
        var peer = MQTTTestPeer()
        peer.connect(.v5)
        _ = peer.send("3009 0002 6162 03 23 0001 31")  // ab := 1
        _ = peer.send("3007 0000 03 23 0001 32")
        _ = peer.send("3009 0002 6364 03 23 0020 33")  // cd := 32
        _ = peer.send("3009 0002 6566 03 23 0001 34")  // ef := 1
        _ = peer.send("3007 0000 03 23 0001 35 3007 0000 03 23 0020 36")
        #expect(peer.publishes == ["ab=1", "ab=2", "cd=3", "ef=4", "ef=5", "cd=6"])
        #expect(peer.send("3006 0000 03 23 0002") == "e00182")
    }

    @Test func `topics kept for aliases are bounded`() {
        var options = MQTTConnectionOptions()
        options.topicAliasBytesMax = 5
        var peer = MQTTTestPeer(options)
        peer.connect(.v5)
        _ = peer.send("300a 0004 61626364 03 23 0001")
        _ = peer.send("3007 0001 61 03 23 0001")
        _ = peer.send("300a 0004 61626364 03 23 0002")
        #expect(peer.close == nil)
        #expect(peer.send("3007 0001 61 03 23 0003") == "e00197")
        #expect(peer.close?.fault == .topicAliasQuota)
    }

    // MARK: Splits

    @Test func `any split of the stream gives the same conversation`() {
        let stream =
            hex(MQTTVectors.connectV5) + publishBytes(.atMostOnce, version: .v5)
            + publishBytes(
                .atLeastOnce, 1, payload: String(repeating: "x", count: 200), version: .v5)
            + hex("c000") + publishBytes(.exactlyOnce, 2, version: .v5)
            + hex("3009 0002 6162 03 23 0001 31 3007 0000 03 23 0001 32")
            + hex("820c 0001 00 0001 61 00 0002 612f 02 62020009 e001 04")
        var whole = MQTTTestPeer()
        let written = whole.send(stream)
        #expect(whole.publishes.count == 5)
        #expect(whole.close?.cause == .disconnectedWithWill)
        for piece in 1...stream.count {
            var peer = MQTTTestPeer()
            #expect(peer.send(stream, piece: piece) == written)
            #expect(peer.publishes == whole.publishes)
            #expect(peer.close == whole.close)
        }
        for cut in 1..<stream.count {
            var peer = MQTTTestPeer()
            let first = peer.send(Array(stream[..<cut]))
            #expect(first + peer.send(Array(stream[cut...])) == written)
            #expect(peer.publishes == whole.publishes)
        }
    }

    @Test func `random bytes never trap, in any state`() {
        var generator = SeededGenerator(seed: 404)
        let connects = [[], hex(MQTTVectors.connectV311), hex(MQTTVectors.connectV5)]
        for _ in 0..<20_000 {
            var peer = MQTTTestPeer()
            _ = peer.send(generator.pick(connects))
            var junk = (0..<generator.below(40)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
            if junk.count > 2 { junk[1] = UInt8(junk.count - 2) }
            _ = peer.send(junk, piece: 1 + generator.below(9))
            #expect(peer.close == nil || peer.machine.isClosed == true)
        }
    }
}
