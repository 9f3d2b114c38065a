// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import TelemetryWire
import Testing

@testable import Ingest

/// Sessions, QoS 2 and wills over a real socket.
@Suite(.serialized) struct MQTTSessionEndpointTests {
    /// Connects with a session that stays; CONNACK's session present flag.
    private func resume(
        _ client: MQTTTestClient, _ configure: (inout MQTTConnectRequest) -> Void = { _ in }
    ) -> Bool? {
        client.send(
            MQTTTestClient.connectBytes(client.version, "device-1") { request in
                request.cleanStart = false
                if client.version == .v5 {
                    request.properties = [.number(.sessionExpiryInterval, 60)]
                }
                configure(&request)
            })
        guard let answer = client.receive(), answer.type == .connack, answer.body[1] == 0 else {
            return nil
        }
        return answer.body[0] == 1
    }

    /// Type and identifier of the next packet.
    private func answer(_ client: MQTTTestClient) -> String? {
        client.receive().map { "\($0.type) \($0.body[1])" }
    }

    @Test(arguments: MQTTVersion.allCases)
    func `PUBREC and PUBCOMP wait for the journal`(version: MQTTVersion) async throws {
        try await MQTTWorld().run { world in
            let client = try world.client(version)
            #expect(self.resume(client) == false)
            client.publish("plain/a", "1", qos: .exactlyOnce, identifier: 7)
            client.ping()
            #expect(client.receive()?.type == .pingresp)
            #expect(eventually { world.readings.count == 1 })
            world.commit()
            #expect(self.answer(client) == "pubrec 7")
            client.send([0x62, 2, 0, 7])
            client.ping()
            #expect(client.receive()?.type == .pingresp)
            world.commit()
            #expect(self.answer(client) == "pubcomp 7")
        }
    }

    @Test(arguments: MQTTVersion.allCases)
    func `a message is taken once over connections`(version: MQTTVersion) async throws {
        try await MQTTWorld().run { world in
            let first = try world.client(version)
            #expect(self.resume(first) == false)
            first.publish("plain/a", "1", qos: .exactlyOnce, identifier: 7)
            #expect(eventually { world.readings.count == 1 })
            first.hangUp()
            #expect(eventually { world[.connectionsClosed] == 1 })
            let second = try world.client(version)
            #expect(self.resume(second) == true)
            second.publish("plain/a", "1", qos: .exactlyOnce, identifier: 7, isDuplicate: true)
            second.publish("plain/a", "2", qos: .exactlyOnce, identifier: 8)
            #expect(eventually { world.readings.count == 2 })
            world.commit()
            #expect(self.answer(second) == "pubrec 7")
            #expect(self.answer(second) == "pubrec 8")
            #expect(world.readings.map(\.number) == [1, 2])
            // Released: the identifier is another message's.
            second.send([0x62, 2, 0, 7])
            second.ping()
            #expect(second.receive()?.type == .pingresp)
            world.commit()
            #expect(self.answer(second) == "pubcomp 7")
            second.publish("plain/a", "1", qos: .exactlyOnce, identifier: 7)
            #expect(eventually { world.readings.count == 3 })
        }
    }

    @Test func `what a crash leaves is gone on with`() async throws {
        var bytes: [UInt8] = []
        var next: UInt64 = 0
        try await MQTTWorld().run { world in
            let client = try world.client(.v5)
            #expect(self.resume(client) == false)
            client.publish("plain/a", "1", qos: .exactlyOnce, identifier: 7)
            #expect(eventually { world.readings.count == 1 })
            let clock = IngestClock.system
            (bytes, next) = world.sessions.picture(engine: clock.now(), wall: clock.wall())
        }
        var replay = SessionReplay(try SessionStore.restore(bytes).store)
        let clock = IngestClock.system
        replay.restarted(engine: clock.now(), wall: clock.wall())
        try await MQTTWorld(sessions: replay.store, firstSequence: next).run { world in
            let client = try world.client(.v5)
            #expect(self.resume(client) == true)
            client.publish("plain/a", "1", qos: .exactlyOnce, identifier: 7, isDuplicate: true)
            client.ping()
            #expect(client.receive()?.type == .pingresp)
            world.commit()
            #expect(self.answer(client) == "pubrec 7")
            #expect(world.readings.isEmpty)
        }
    }

    @Test func `a clean start over held messages waits for the journal`() async throws {
        try await MQTTWorld().run { world in
            let first = try world.client(.v5)
            #expect(self.resume(first) == false)
            first.publish("plain/a", "1", qos: .exactlyOnce, identifier: 7)
            #expect(eventually { world.readings.count == 1 })
            first.disconnect()
            #expect(eventually { world[.connectionsClosed] == 1 })
            let second = try world.client(.v5)
            second.send(MQTTTestClient.connectBytes(.v5, "device-1"))
            #expect(second.receive(milliseconds: 100) == nil)
            world.commit()
            let answer = second.receive()
            #expect(answer?.type == .connack)
            #expect(answer?.body.prefix(2) == [0, 0])
            second.publish("plain/a", "1", qos: .exactlyOnce, identifier: 7)
            #expect(eventually { world.readings.count == 2 })
        }
    }

    @Test func `DISCONNECT with expiry 0 ends the session`() async throws {
        try await MQTTWorld().run { world in
            let first = try world.client(.v5)
            #expect(self.resume(first) == false)
            first.send([0xE0, 7, 0, 5, 0x11, 0, 0, 0, 0])
            #expect(first.isClosedByServer())
            #expect(eventually { world[.connectionsClosed] == 1 })
            #expect(self.resume(try world.client(.v5)) == false)
        }
    }

    @Test func `the granted expiry is bounded and told`() async throws {
        try await MQTTWorld { $0.sessionExpirySecondsMax = 30 }.run { world in
            let client = try world.client(.v5)
            client.send(
                MQTTTestClient.connectBytes(.v5, "device-1") {
                    $0.properties = [.number(.sessionExpiryInterval, UInt32.max)]
                })
            let body = try #require(client.receive()).body
            // 3.2.2.3.2
            #expect(Array(body[3..<8]) == [0x11, 0, 0, 0, 30])
        }
    }

    @Test func `a takeover moves the session and says so to the old connection`() async throws {
        try await MQTTWorld().run { world in
            let first = try world.client(.v5)
            #expect(self.resume(first) == false)
            first.publish("plain/a", "1", qos: .exactlyOnce, identifier: 7)
            #expect(eventually { world.readings.count == 1 })
            let second = try world.client(.v5)
            #expect(self.resume(second) == true)
            // [MQTT-3.1.4-3]
            let farewell = first.receive()
            #expect(farewell?.type == .disconnect)
            #expect(farewell?.body.first == 0x8E)
            #expect(first.isClosedByServer())
            second.publish("plain/a", "1", qos: .exactlyOnce, identifier: 7, isDuplicate: true)
            world.commit()
            #expect(self.answer(second) == "pubrec 7")
            #expect(world.readings.count == 1)
        }
    }

    // MARK: Wills

    private func withWill(_ delay: UInt32) -> (inout MQTTConnectRequest) -> Void {
        { request in
            request.will = MQTTConnectRequest.Will(
                topic: "plain/w", payload: [UInt8(ascii: "9")],
                properties: [.number(.willDelayInterval, delay)])
        }
    }

    @Test func `a delayed will is void when its client comes back in time`() async throws {
        try await MQTTWorld().run { world in
            let first = try world.client(.v5)
            #expect(self.resume(first, self.withWill(30)) == false)
            first.hangUp()
            #expect(eventually { world[.connectionsClosed] == 1 })
            #expect(world.evidence(of: "device-1") == [.connected, .closedAbnormally])
            #expect(self.resume(try world.client(.v5)) == true)
            // [MQTT-3.1.3-9]; the stop below would publish it, were it still there.
            #expect(world.endpoint.wills.takeDue(now: .distantFuture).isEmpty)
            #expect(world[.willsPublished] == 0)
        }
    }

    @Test func `a delayed will is published when its time has come`() async throws {
        try await MQTTWorld().run { world in
            let first = try world.client(.v5)
            #expect(self.resume(first, self.withWill(1)) == false)
            first.hangUp()
            #expect(eventually { world[.connectionsClosed] == 1 })
            #expect(world.readings.isEmpty)
            #expect(eventually { world.readings.count == 1 })
            #expect(
                eventually {
                    world.evidence(of: "device-1")
                        == [.connected, .closedAbnormally, .willPublished]
                })
        }
    }

    @Test func `a delayed will is due when a clean start ends its session`() async throws {
        try await MQTTWorld().run { world in
            let first = try world.client(.v5)
            #expect(self.resume(first, self.withWill(30)) == false)
            first.hangUp()
            #expect(eventually { world[.connectionsClosed] == 1 })
            _ = try world.connected("device-1", .v5)
            #expect(eventually { world.readings.count == 1 })
        }
    }

    @Test func `DISCONNECT 04 keeps the will and 00 takes it back`() async throws {
        try await MQTTWorld().run { world in
            let first = try world.client(.v5)
            #expect(first.connect(as: "one", self.withWill(0)) == 0)
            first.disconnect()
            #expect(eventually { world[.connectionsClosed] == 1 })
            #expect(world.readings.isEmpty)
            let second = try world.client(.v5)
            #expect(second.connect(as: "two", self.withWill(0)) == 0)
            second.send([0xE0, 1, 4])
            #expect(eventually { world.readings.count == 1 })
            #expect(world[.willsPublished] == 1)
        }
    }
}
