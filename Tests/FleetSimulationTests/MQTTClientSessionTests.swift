// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import FleetSimulation

@Suite struct MQTTClientSessionTests {
    @Test func `a QoS 2 message that was received is released again, not sent again`() {
        var settings = MQTTFleetSender.Settings(
            destination: FleetDestination(port: 1), load: .pattern(sensorsPerClient: 1))
        settings.isExactlyOnce = true
        var session = MQTTClientSession(settings, client: 0, topics: ["a"])
        var output: [UInt8] = []
        session.connect(into: &output)
        // Its first session is one that stays: Clean Start is not set.
        #expect(output[9] == 0)
        _ = session.accepted(receiveMaximum: 20, keepAliveSeconds: nil, now: 1, into: &output)
        output = []
        session.publishNext(now: 2, into: &output)
        session.publishNext(now: 3, into: &output)
        #expect(output[0] == 0x34)
        output = []
        #expect(session.received(identifier: 1, into: &output))
        #expect(output == [0x62, 2, 0, 1])
        session.lost()
        session.connect(into: &output)
        output = []
        let resent = session.accepted(
            receiveMaximum: 20, keepAliveSeconds: nil, now: 4, into: &output)
        #expect(resent == 2)
        // PUBREL for the one, PUBLISH with DUP for the other [MQTT-4.4.0-1].
        #expect(Array(output.prefix(5)) == [0x62, 2, 0, 1, 0x3C])
        #expect(session.acknowledged(identifier: 1, reason: 0, now: 9)?.sequence == 0)
        #expect(session.inFlightCount == 1)
        #expect(session.received(identifier: 1, into: &output) == false)
    }
}
