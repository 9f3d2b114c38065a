// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import ReadingRing
import TelemetryWire
import Testing

@testable import Ingest

@Suite struct PayloadRuleTests {
    @Test func `a SenML pack is as many slots as it has readings, or none`() async throws {
        try await MQTTWorld().run { world in
            let client = try world.connected("device-1", .v5)
            client.publish(
                "senml/west/x",
                #"[{"bn":"pump/","n":"t","u":"Cel","v":21.5,"ut":60},{"n":"p","u":"Pa","v":3},"#
                    + #"{"n":"label","vs":"x"}]"#,
                qos: .atLeastOnce, identifier: 1)
            client.publish(
                "senml/west/x", #"[{"n":"a","v":1},{"n":"b","x_":1,"v":2}]"#, qos: .atLeastOnce,
                identifier: 2)
            #expect(eventually { world[.messagesReceived] == 2 })
            #expect(world[.readingsAccepted] == 2)
            let slots = world.readings
            #expect(slots.map(\.number) == [21.5, 3])
            #expect(
                slots.map { world.sensors.paths[Int($0.sensor.rawValue)] } == [
                    "senml/west/pump/t", "senml/west/pump/p",
                ])
            #expect(slots[0].promisedInterval.nanoseconds == 60_000_000_000)
            #expect(slots[1].promisedInterval == .none)
            world.commit()
            let answers = (0..<2).compactMap { _ in client.receive()?.body }
            #expect(answers.map { $0.count > 2 ? $0[2] : 0 } == [0, 0x99])
            let entries = world.endpoint.statistics.rejects.entries
            #expect(entries.map(\.cause) == ["mandatoryLabel"])
            #expect(entries.first?.offset == 27)
            #expect(entries.first?.topic == Array("senml/west/x".utf8))
            #expect(world.endpoint.statistics.rejections[.textValue] == 1)
        }
    }

    @Test func `one name has one unit`() async throws {
        try await MQTTWorld().run { world in
            let client = try world.connected("device-1")
            client.publish(
                "senml/w", #"[{"bn":"s","u":"%RH","v":20},{"u":"lon","v":24},{"v":21}]"#)
            client.publish("senml/w", #"[{"n":"s","u":"lat","v":60}]"#)
            client.publish("senml/w", #"[{"n":"s","u":"%RH","v":22}]"#)
            #expect(eventually { world[.messagesReceived] == 3 })
            #expect(world.readings.map(\.number) == [20, 21, 22])
            #expect(world.endpoint.statistics.rejections[.otherUnit] == 2)
            #expect(
                world.endpoint.statistics.rejects.entries.map(\.cause) == [
                    "otherUnit", "otherUnit",
                ])
        }
    }

    @Test func `members of an object are sensors by their keys`() async throws {
        try await MQTTWorld().run { world in
            let client = try world.connected("device-1")
            client.publish("each/a", #"{"t":1,"h":2}"#)
            client.publish("each/a", #"[7,8]"#)
            client.publish("each/b", #"{"t":3}"#)
            #expect(eventually { world[.readingsAccepted] == 5 })
            #expect(
                world.readings.map { world.sensors.paths[Int($0.sensor.rawValue)] } == [
                    "each/a/t", "each/a/h", "each/a/0", "each/a/1", "each/b/t",
                ])
        }
    }

    @Test func `a text nobody declared is a reading of quality bad, and is remembered`()
        async throws
    {
        try await MQTTWorld().run { world in
            let client = try world.connected("device-1")
            client.publish("door/1", "open")
            client.publish("door/1", "jammed")
            client.publish("door/1", "closed")
            #expect(eventually { world[.readingsAccepted] == 3 })
            let slots = world.readings
            #expect(slots.map(\.quality) == [.good, .bad, .good])
            #expect(slots.map(\.valueKind) == [.mappedState, .float64, .mappedState])
            #expect(slots[0].number == 1)
            let entries = world.endpoint.statistics.rejects.entries
            #expect(entries.map(\.cause) == ["undeclaredState"])
            #expect(entries.first?.excerpt == Array("jammed".utf8))
            #expect(world.endpoint.statistics.payloadNotes[.undeclaredStates] == 1)
        }
    }

    @Test func `what was refused adds up to a rate`() async throws {
        try await MQTTWorld().run { world in
            let client = try world.connected("device-1")
            client.publish("plain/a", "1")
            client.publish("plain/a", "word")
            client.publish("lines/w", "a b=1\nbroken\nworse")
            #expect(eventually { world[.messagesReceived] == 3 })
            let totals = world.endpoint.statistics.rejectionTotals
            #expect(totals.rejected == 3)
            #expect(totals.received == 3)
            let entries = world.endpoint.statistics.rejects.entries
            #expect(entries.map(\.cause) == ["malformedValue", "noField"])
            #expect(entries.last?.offset == 12)
        }
    }
}
