// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import MidwatchModel
import ReadingRing
import TelemetryWire
import Testing

@testable import Ingest

@Suite struct MQTTEndpointTests {
    @Test(arguments: MQTTVersion.allCases)
    func `messages of both versions become readings`(version: MQTTVersion) async throws {
        try await MQTTWorld().run { world in
            let before = clinux_boottime_ns()
            let client = try world.connected("device-1", version)
            client.publish("plain/a/b", "21.5")
            client.publish("plain/a/b", " -3 ")
            client.publish("json/x", #"{"data":{"value":7.5},"ts":1700000000}"#)
            client.publish("lines/west", "pump,id=3 pressure=4,flow=5i 17\nfan value=1")
            client.publish("plain/a/b", "nan")
            #expect(eventually { world[.readingsAccepted] == 7 })
            let readings = world.readings
            #expect(
                world.sensors.paths == [
                    "a/b", "json/x", "site/west/pump/3/pressure", "site/west/pump/3/flow",
                    "site/west/fan",
                ])
            #expect(readings.map(\.sensor.rawValue) == [0, 0, 1, 2, 3, 4, 0])
            #expect(readings.dropLast().map(\.number) == [21.5, -3, 7.5, 4, 5, 1])
            #expect(readings[6].quality == .bad)
            #expect(readings[2].sourceTime == 1_700_000_000_000_000_000)
            #expect(readings[3].sourceTime == 17)
            #expect(readings.map(\.aux) == [0, 0, 0, 0, 1, 2, 0])
            for reading in readings {
                #expect(world.sources.name(of: reading.source) == "mqtt/test/device-1")
                #expect(reading.flags == [])
                #expect(reading.arrival.nanoseconds >= before)
            }
            client.disconnect()
            #expect(client.isClosedByServer())
            #expect(world.evidence(of: "device-1") == [.connected, .disconnected])
        }
    }

    @Test(arguments: MQTTVersion.allCases)
    func `no PUBACK leaves before its reading is durable`(version: MQTTVersion) async throws {
        try await MQTTWorld().run { world in
            let client = try world.connected("device-1", version)
            client.publish("plain/a", "1", qos: .atLeastOnce, identifier: 7)
            client.publish("plain/a", "2", qos: .atLeastOnce, identifier: 8)
            #expect(eventually { world[.readingsAccepted] == 2 })
            client.ping()
            // The answer to the ping shows that the server had its chance.
            #expect(client.receive()?.type == .pingresp)
            #expect(client.receive(milliseconds: 50) == nil)
            let readings = TestRing.peek(world.ring).enumerated().filter {
                $0.element.kind == .reading
            }
            // Up to and including the first reading.
            world.watermark.advance(to: UInt64(readings[0].offset + 1))
            #expect(client.acknowledgement() == 7)
            #expect(client.receive(milliseconds: 50) == nil)
            world.commit()
            #expect(client.acknowledgement() == 8)
            let slots = readings.map(\.element)
            #expect(slots.allSatisfy { $0.flags == .acknowledgedDelivery })
            #expect(slots.map(\.packetIdentifier) == [7, 8])
            #expect(slots[0].payloadHash != slots[1].payloadHash)
        }
    }

    @Test func `acknowledgements come in the order of arrival, refusals too`() async throws {
        try await MQTTWorld().run { world in
            let client = try world.connected("device-1", .v5)
            client.publish("plain/a", "1", qos: .atLeastOnce, identifier: 1)
            client.publish("nowhere", "1", qos: .atLeastOnce, identifier: 2)
            client.publish("plain/a", "word", qos: .atLeastOnce, identifier: 3)
            client.publish("plain/a", "2", qos: .atLeastOnce, identifier: 4)
            client.publish("plain/x//y", "2", qos: .atLeastOnce, identifier: 5)
            client.publish("plain/midwatch/x", "2", qos: .atLeastOnce, identifier: 6)
            #expect(eventually { world[.messagesReceived] == 6 })
            world.commit()
            let answers = (0..<6).compactMap { _ in client.receive()?.body }
            #expect(answers.map { $0[1] } == [1, 2, 3, 4, 5, 6])
            #expect(answers.map { $0.count > 2 ? $0[2] : 0 } == [0, 0x90, 0x99, 0, 0x90, 0x87])
            #expect(world[.messagesRefused] == 4)
            #expect(
                world.endpoint.statistics.rejects.entries.map(\.cause) == [
                    "noTopicRule", "malformedValue", "malformedPath", "reservedSensor",
                ])
        }
    }

    @Test func `a resend and a retained message say so`() async throws {
        try await MQTTWorld().run { world in
            let client = try world.connected("device-1")
            client.publish("plain/a", "1", qos: .atLeastOnce, identifier: 9)
            client.publish("plain/a", "1", qos: .atLeastOnce, identifier: 9, isDuplicate: true)
            client.publish("plain/a", "1", isRetained: true)
            #expect(eventually { world[.readingsAccepted] == 3 })
            let readings = world.readings
            #expect(readings[1].flags == [.acknowledgedDelivery, .duplicateDelivery])
            #expect(readings[0].payloadHash == readings[1].payloadHash)
            #expect(readings[2].flags == .historical)
            #expect(world[.duplicatesReceived] == 1)
            world.commit()
        }
    }

    @Test func `readings of a listener of dual-homed clients say so`() async throws {
        try await MQTTWorld { $0.isDualHomed = true }.run { world in
            let client = try world.connected("device-1")
            client.publish("json/a", #"{"data":{"value":1},"ts":5}"#)
            client.publish("plain/a", "1", qos: .atLeastOnce, identifier: 9)
            #expect(eventually { world.readings.count == 2 })
            #expect(
                world.readings.map(\.flags) == [.dualHomed, [.dualHomed, .acknowledgedDelivery]])
            world.commit()
        }
    }

    @Test func `a message cut at every byte is one message`() async throws {
        try await MQTTWorld().run { world in
            let client = try world.client()
            let bytes =
                MQTTTestClient.connectBytes(.v311, "slow")
                + client.publishBytes("plain/a", "21.5", qos: .atLeastOnce, identifier: 1)
                + client.publishBytes("lines/w", "p v=1,w=2\nq v=3")
            for byte in bytes { client.send([byte]) }
            #expect(client.receive()?.type == .connack)
            #expect(eventually { world[.readingsAccepted] == 4 })
            #expect(world.readings.map(\.number) == [21.5, 1, 2, 3])
            world.commit()
            #expect(client.acknowledgement() == 1)
        }
    }

    @Test func `a full ring stops the reading and nothing is lost or doubled`() async throws {
        try await MQTTWorld(capacity: 64).run { world in
            let client = try world.connected("device-1")
            // Far more than the ring holds; nobody reads it yet.
            var bytes: [UInt8] = []
            for number in 1...500 {
                bytes += client.publishBytes(
                    "plain/a", "\(number)", qos: .atLeastOnce, identifier: UInt16(number))
            }
            client.send(bytes)
            #expect(eventually { world[.ringPauses] > 0 })
            let pausedBy = clinux_boottime_ns()
            var readings: [Slot] = []
            #expect(
                eventually {
                    readings += TestRing.drain(world.ring).filter { $0.kind == .reading }
                    world.commit()
                    return readings.count >= 500
                })
            #expect(readings.map(\.number) == (1...500).map(Double.init))
            #expect(world[.readingsAccepted] == 500)
            #expect(world[.readingsReceived] == 500)
            // What waited arrived when the pause began, not when there was room.
            #expect(readings.allSatisfy { $0.arrival.nanoseconds <= pausedBy })
            for number in 1...500 { #expect(client.acknowledgement() == UInt16(number)) }
        }
    }

    @Test func `what piled up in the kernel during a pause arrived when the pause began`()
        async throws
    {
        try await MQTTWorld(capacity: 64).run { world in
            let client = try world.connected("device-1")
            TestRing.fill(world.ring)
            client.publish("plain/a", "1")
            #expect(eventually { world[.ringPauses] > 0 })
            let pausedBy = clinux_boottime_ns()
            client.publish("plain/a", "2")
            client.publish("plain/a", "3")
            #expect(eventually { clinux_boottime_ns() > pausedBy + 50_000_000 })
            var readings: [Slot] = []
            func drainUntil(_ count: Int) -> Bool {
                eventually {
                    readings += TestRing.drain(world.ring).filter { $0.kind == .reading }
                    return readings.count >= count
                }
            }
            #expect(drainUntil(3))
            let resumedAt = clinux_boottime_ns()
            client.publish("plain/a", "4")
            #expect(drainUntil(4))
            #expect(readings.map(\.number) == [1, 2, 3, 4])
            #expect(readings[0..<3].allSatisfy { $0.arrival.nanoseconds <= pausedBy })
            #expect(readings[3].arrival.nanoseconds >= resumedAt)
        }
    }

    @Test func `what was sent before a hang-up is taken also when the ring was full`()
        async throws
    {
        try await MQTTWorld(capacity: 64).run { world in
            let client = try world.connected("device-1")
            TestRing.fill(world.ring)
            for number in 1...20 { client.publish("plain/a", "\(number)") }
            #expect(eventually { world[.ringPauses] > 0 })
            client.disconnect()
            client.hangUp()
            var slots: [Slot] = []
            #expect(
                eventually {
                    slots += TestRing.drain(world.ring)
                    return slots.contains {
                        $0.kind == .sourceEvidence
                            && $0.valueBits == UInt64(SourceEvidence.disconnected.rawValue)
                    }
                })
            #expect(
                slots.filter { $0.kind == .reading }.map(\.number) == (1...20).map(Double.init))
            // The evidence stands behind the readings.
            #expect(slots.last?.kind == .sourceEvidence)
        }
    }

    @Test(arguments: [(1, MQTTVersion.v311), (2, .v5)])
    func `a second connection takes the identifier over`(
        loopCount: Int, version: MQTTVersion
    ) async throws {
        try await MQTTWorld { $0.loopCount = loopCount }.run { world in
            let first = try world.connected("device-1", version)
            let second = try world.connected("device-1", version)
            if version == .v5 {
                let farewell = first.receive()
                #expect(farewell?.type == .disconnect)
                #expect(farewell?.body.first == 0x8E)
            }
            #expect(first.isClosedByServer())
            second.publish("plain/a", "1")
            #expect(eventually { world[.readingsAccepted] == 1 })
            #expect(eventually { world[.takeovers] == 1 })
            // The source never was away.
            #expect(world.evidence(of: "device-1") == [.connected, .connected])
        }
    }

    @Test func `a hang-up without DISCONNECT is evidence, and the will is a message`()
        async throws
    {
        try await MQTTWorld().run { world in
            let client = try world.client()
            #expect(
                client.connect(as: "device-1") {
                    $0.will = MQTTConnectRequest.Will(
                        topic: "plain/status", payload: Array("off".utf8), isRetained: true)
                } == 0)
            client.hangUp()
            #expect(eventually { world.evidence(of: "device-1").count == 3 })
            #expect(
                world.evidence(of: "device-1") == [.connected, .closedAbnormally, .willPublished])
            #expect(world.readings.map(\.valueKind) == [.bool])
            #expect(world.readings.first?.flags == [])
        }
    }

    @Test func `silence beyond one and a half keep alives ends the connection`() async throws {
        try await MQTTWorld().run { world in
            let client = try world.client(.v5)
            #expect(client.connect(as: "device-1") { $0.keepAlive = 1 } == 0)
            let farewell = client.receive()
            #expect(farewell?.type == .disconnect)
            #expect(farewell?.body.first == 0x8D)
            #expect(client.isClosedByServer())
            #expect(
                eventually { world.evidence(of: "device-1") == [.connected, .keepAliveTimeout] })
            #expect(world[.keepAliveTimeouts] == 1)
        }
    }

    @Test func `keep alive stands still while the ring is full`() async throws {
        try await MQTTWorld(capacity: 64).run { world in
            let client = try world.client()
            #expect(client.connect(as: "device-1") { $0.keepAlive = 1 } == 0)
            TestRing.fill(world.ring)
            client.publish("plain/a", "1")
            #expect(eventually { world[.ringPauses] > 0 })
            let pausedBy = clinux_boottime_ns()
            #expect(eventually { clinux_boottime_ns() > pausedBy + 2_000_000_000 })
            #expect(world[.keepAliveTimeouts] == 0)
            TestRing.drain(world.ring)
            #expect(eventually { world[.readingsAccepted] == 1 })
            client.ping()
            #expect(client.receive()?.type == .pingresp)
        }
    }

    @Test func `a connection without CONNECT is closed in time`() async throws {
        try await MQTTWorld { $0.connectTimeoutNanoseconds = 100_000_000 }.run { world in
            let client = try world.client()
            client.send([0x10])
            #expect(client.isClosedByServer())
            #expect(world[.connectTimeouts] == 1)
        }
    }

    @Test func `connections beyond the limits are closed and counted`() async throws {
        try await MQTTWorld {
            $0.connectionCountMax = 3
            $0.addressConnectionCountMax = 2
        }.run { world in
            let first = try world.connected("a")
            let second = try world.connected("b")
            #expect(try world.client().isClosedByServer())
            #expect(world[.connectionsBeyondAddressLimit] == 1)
            first.disconnect()
            #expect(first.isClosedByServer())
            // The place is free again.
            #expect(eventually { world.endpoint.connections.count == 1 })
            let third = try world.connected("c")
            third.publish("plain/a", "1")
            second.publish("plain/a", "1")
            #expect(eventually { world[.readingsAccepted] == 2 })
        }
        try await MQTTWorld { $0.connectionCountMax = 1 }.run { world in
            let only = try world.connected("a")
            #expect(try world.client().isClosedByServer())
            #expect(world[.connectionsBeyondLimit] == 1)
            only.ping()
            #expect(only.receive()?.type == .pingresp)
        }
    }

    @Test func `what breaks the protocol ends its connection alone`() async throws {
        try await MQTTWorld { $0.packetBytesMax = 1_024 }.run { world in
            let good = try world.connected("good")
            let bad = try world.connected("bad", .v5)
            bad.send([0x36, 0x02, 0, 0])
            #expect(bad.receive()?.type == .disconnect)
            #expect(bad.isClosedByServer())
            let large = try world.connected("large", .v5)
            large.send([0x30, 0xFF, 0x7F])
            #expect(large.receive()?.body.first == 0x95)
            #expect(eventually { world.evidence(of: "bad").last == .closedAbnormally })
            good.publish("plain/a", "1")
            #expect(eventually { world[.readingsAccepted] == 1 })
            #expect(world.endpoint.statistics.faults[.qosThree] == 1)
            #expect(world.endpoint.statistics.faults[.packetTooLarge] == 1)
        }
    }

    @Test func `a 3.1.1 client with too much in flight waits and goes on`() async throws {
        try await MQTTWorld { $0.unannouncedInflightCountMax = 4 }.run { world in
            let client = try world.connected("device-1")
            for number in 1...20 {
                client.publish("plain/a", "1", qos: .atLeastOnce, identifier: UInt16(number))
            }
            #expect(eventually { world[.inflightPauses] > 0 })
            #expect(world[.readingsAccepted] == 4)
            for number in 1...20 {
                #expect(eventually { world[.readingsAccepted] >= UInt64(min(number + 3, 20)) })
                world.commit()
                #expect(client.acknowledgement() == UInt16(number))
            }
            #expect(world[.readingsAccepted] == 20)
        }
    }

    @Test func `clients beyond the limit share the source of the listener`() async throws {
        try await MQTTWorld { $0.clientSourceCountMax = 1 }.run { world in
            let first = try world.connected("a")
            let second = try world.connected("b")
            let nameless = try world.client(.v5)
            #expect(nameless.connect(as: "") == 0)
            for client in [first, second, nameless] {
                client.publish("plain/a", "1", qos: .atLeastOnce, identifier: 1)
            }
            #expect(eventually { world[.readingsAccepted] == 3 })
            let names = Set(world.readings.map { world.sources.name(of: $0.source) })
            #expect(names == ["mqtt/test/a", "mqtt/test"])
            #expect(world[.clientsBeyondLimit] == 1)
            world.commit()
        }
    }

    @Test func `stopping lets due acknowledgements leave and says goodbye`() async throws {
        let world = try MQTTWorld()
        var client: MQTTTestClient?
        try await world.run { world in
            let connected = try world.connected("device-1", .v5)
            connected.publish("plain/a", "1", qos: .atLeastOnce, identifier: 3)
            #expect(eventually { world[.readingsAccepted] == 1 })
            world.commit()
            client = connected
        }
        let stopped = try #require(client)
        #expect(stopped.acknowledgement() == 3)
        let farewell = stopped.receive()
        #expect(farewell?.type == .disconnect)
        #expect(farewell?.body.first == 0x8B)
        #expect(stopped.isClosedByServer())
        // Our stop says nothing about the source.
        #expect(world.evidence(of: "device-1") == [.connected])
    }

    @Test func `many clients at once lose nothing`() async throws {
        try await MQTTWorld(capacity: 1 << 16) { $0.loopCount = 2 }.run { world in
            let clients = try (0..<50).map { try world.connected("device-\($0)") }
            for round in 1...40 {
                for (number, client) in clients.enumerated() {
                    client.publish(
                        "plain/s\(number)", "\(round)", qos: .atLeastOnce,
                        identifier: UInt16(round))
                }
            }
            #expect(eventually { world[.readingsAccepted] == 2_000 })
            world.commit()
            for client in clients {
                for round in 1...40 { #expect(client.acknowledgement() == UInt16(round)) }
            }
            for number in 0..<50 {
                let index = try #require(world.sensors.paths.firstIndex(of: "s\(number)"))
                let values = world.readings.filter { $0.sensor.rawValue == UInt32(index) }
                #expect(values.map(\.number) == (1...40).map(Double.init))
            }
        }
    }

    @Test func `a port that is taken is an error and leaves nothing behind`() async throws {
        try await MQTTWorld().run { _ in }
        let first = try MQTTWorld()
        let port = try await first.endpoint.start()
        let second = try MQTTWorld { $0.port = port }
        await #expect(throws: MQTTEndpoint.StartError.self) { try await second.endpoint.start() }
        await first.endpoint.stop()
        // A commit after the end finds nobody to wake.
        first.watermark.advance(to: 1)
    }

    @Test func `rules that cannot work are refused at the start`() {
        func start(_ rule: TopicRule) throws {
            _ = try MQTTWorld { $0.rules = [rule] }
        }
        #expect(throws: MQTTEndpoint.StartError.self) {
            try start(TopicRule(filter: "a/#/b", path: "x", payload: .plain))
        }
        #expect(throws: MQTTEndpoint.StartError.self) {
            try start(
                TopicRule(filter: "a", path: "x", payload: .lineProtocol(unit: .nanoseconds)))
        }
        #expect(throws: MQTTEndpoint.StartError.self) {
            try start(TopicRule(filter: "a", path: "{series}", payload: .plain))
        }
    }
}
