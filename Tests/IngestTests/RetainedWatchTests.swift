// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Synchronization
import TelemetryWire
import Testing

@testable import Ingest

@Suite struct RetainedWatchTests {
    private static let sensor = SensorIndex(rawValue: 7)

    private static func second(_ second: UInt64) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: second * 1_000_000_000)
    }

    @Test func `a sensor is found after three retained readings in half a minute`() {
        var watch = RetainedWatch()
        func retained(_ seconds: [UInt64]) -> [Bool] {
            seconds.map { watch.retained(Self.sensor, at: Self.second($0)) }
        }
        // What a bridge repeats at each of its reconnects within a short time is no finding.
        #expect(retained([1, 2, 3, 4]) == [false, false, false, false])
        let isOtherFound = watch.retained(SensorIndex(rawValue: 8), at: Self.second(31))
        #expect(!isOtherFound)
        // Found, and said once.
        #expect(retained([31, 32]) == [true, false])
        let wasFound = [watch.live(Self.sensor), watch.live(Self.sensor)]
        #expect(wasFound == [true, false])
        // It begins again.
        #expect(retained([100, 200, 201]) == [false, false, true])
        #expect(!watch.isEmpty)
    }

    @Test func `the sensors that are watched are bounded`() {
        var watch = RetainedWatch()
        for index in 0..<UInt32(RetainedWatch.sensorCountMax) {
            _ = watch.retained(SensorIndex(rawValue: index), at: Self.second(1))
        }
        let beyond = SensorIndex(rawValue: UInt32(RetainedWatch.sensorCountMax))
        let found = [1, 50, 100].map { watch.retained(beyond, at: Self.second($0)) }
        #expect(found == [false, false, false])
    }

    @Test func `a device that retains everything is named, until it speaks live`() async throws {
        let seconds = Atomic<UInt64>(1)
        let system = IngestClock.system
        let clock = IngestClock(
            now: { Self.second(seconds.load(ordering: .relaxed)) }, wall: system.wall)
        try await MQTTWorld(clock: clock).run { world in
            for time in [1, 20, 40] as [UInt64] {
                #expect(world.endpoint.retainedWarning == nil)
                seconds.store(time, ordering: .relaxed)
                // As a device does that wakes, sends and sleeps.
                let client = try world.connected("sensor-\(time)")
                client.publish("plain/a", "1", isRetained: true)
                client.disconnect()
                #expect(eventually { world[.connectionsOpened] == world[.connectionsClosed] })
            }
            let warning = try #require(world.endpoint.retainedWarning)
            #expect(warning.contains("every reading of a has the retain flag"))
            #expect(warning.contains("retained: live"))
            #expect(world[.readingsRetained] == 3)
            let gauge = world.endpoint.metrics().first {
                $0.name == "midwatch_mqtt_sensors_only_retained"
            }
            #expect(gauge?.value == 1)
            let client = try world.connected("sensor")
            client.publish("plain/a", "1")
            #expect(eventually { world.readings.count == 4 })
            #expect(world.endpoint.retainedWarning == nil)
            #expect(
                world.readings.map { $0.flags.contains(.historical) } == [true, true, true, false])
        }
    }

    @Test func `where retained messages are live they are like others`() async throws {
        try await MQTTWorld { $0.takesRetainedAsHistorical = false }.run { world in
            let client = try world.connected("sensor")
            client.publish("plain/a", "1", isRetained: true)
            #expect(eventually { world.readings.count == 1 })
            #expect(world.readings.allSatisfy { !$0.flags.contains(.historical) })
            #expect(world[.readingsRetained] == 0)
        }
    }
}
