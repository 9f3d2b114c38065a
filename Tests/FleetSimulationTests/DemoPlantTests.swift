// SPDX-License-Identifier: Apache-2.0

import FleetSimulation
import MidwatchConfiguration
import MidwatchModel
import Testing

@Suite struct DemoPlantTests {
    private static let second: UInt64 = 1_000_000_000

    private static func readings(seconds: UInt64) -> [(path: String, reading: SimulatedReading)] {
        var plant = DemoPlant.plant(
            wallStart: WallInstant(nanoseconds: 1_800_000_000_000_000_000))
        let readings = plant.due(until: seconds * Self.second)
        return readings.map { (plant.sensors[$0.sensor].path, $0) }
    }

    private static func row(_ path: String) throws -> DemoPlant.Row {
        try #require(DemoPlant.rows.first { $0.sensor.path == path })
    }

    @Test func `it has forty sensors with names of their own`() {
        #expect(DemoPlant.rows.count == 40)
        #expect(Set(DemoPlant.rows.map(\.sensor.path)).count == 40)
        #expect(DemoPlant.rows.allSatisfy { SensorID($0.sensor.path) != nil })
        // A healthy sensor must never be stale by its own period.
        for row in DemoPlant.rows {
            let longest = Double(row.sensor.periodNanoseconds) * (1 + row.sensor.jitter)
            #expect(longest * 2 <= Double(row.deadlineSeconds) * 1e9, "\(row.sensor.path)")
        }
    }

    @Test func `each kind of misbehaviour is seen in the first 15 seconds`() throws {
        let readings = Self.readings(seconds: 15)
        let words = Set(readings.compactMap(\.reading.fault?.word))
        #expect(
            words == [
                "drift", "notANumber", "epochTime", "stuck", "burst", "clockSkew", "outOfOrder",
                "duplicate",
            ])
        let last = try #require(readings.last { $0.path == DemoPlant.silentPath })
        let deadline = UInt64(try Self.row(DemoPlant.silentPath).deadlineSeconds)
        #expect((3...5).contains(deadline))
        #expect(last.reading.at + deadline * Self.second < 14 * Self.second)
        #expect(readings.contains { $0.path == DemoPlant.notANumberPath && $0.reading.value.isNaN })
        #expect(
            readings.contains {
                $0.path == DemoPlant.epochTimePath && $0.reading.sourceTime ?? 1 << 62 < 1 << 40
            })
    }

    @Test func `the drift passes its high limit for its on-delay by then, and returns`() throws {
        let limit = try #require(try Self.row(DemoPlant.driftPath).high)
        let drifting = Self.readings(seconds: 60).filter { $0.path == DemoPlant.driftPath }
        let above = drifting.filter { $0.reading.value > limit }
        let first = try #require(above.first?.reading.at)
        #expect(first < 13 * Self.second)
        #expect(
            drifting.filter { (first...(first + 2 * Self.second)).contains($0.reading.at) }
                .allSatisfy { $0.reading.value > limit })
        #expect(
            drifting.filter { $0.reading.at > 40 * Self.second }
                .allSatisfy { $0.reading.value < limit - 5 })
    }

    @Test func `nobody else passes a limit in four minutes`() {
        let limits = Dictionary(
            uniqueKeysWithValues: DemoPlant.rows.map { ($0.sensor.path, $0.high) })
        for (path, reading) in Self.readings(seconds: 240) where path != DemoPlant.driftPath {
            if let limit = limits[path] ?? nil, !reading.value.isNaN {
                #expect(reading.value < limit, "\(path)")
            }
        }
    }

    @Test func `its configuration has no errors and no warnings, also strictly`() throws {
        let places = DemoPlant.Places(
            stateDirectory: "/tmp/a b", runDirectory: "/tmp/run", udpPort: 9_001, mqttPort: 9_002,
            canaryPort: 9_003, alertURL: "http://127.0.0.1:9004/",
            alertSecretFile: "/tmp/a b/secret")
        let text = DemoPlant.configurationText(places)
        let result = MidwatchConfiguration.parse(text: text, fileName: "demo", isStrict: true)
        #expect(result.report == [])
        let configuration = try #require(result.configuration)
        #expect(configuration.stateDirectory == "/tmp/a b")
        #expect(configuration.ingest.udp.first?.bind.port == 9_001)
        #expect(configuration.ingest.mqtt.first?.bind.port == 9_002)
        #expect(configuration.vitals.canary.port == 9_003)
        #expect(configuration.alerts.endpoints.first?.secrets == [.file("/tmp/a b/secret")])
        #expect(configuration.sensors.map(\.pattern) == DemoPlant.rows.map(\.sensor.path))
        #expect(
            configuration.sensors.map(\.deadlineNanoseconds)
                == DemoPlant.rows.map { UInt64($0.deadlineSeconds) * Self.second })
        #expect(configuration.sensors.map { $0.high?.setpoint } == DemoPlant.rows.map(\.high))
        let silent = configuration.assets.place(of: DemoPlant.silentPath, site: "here")
        #expect(silent.area == "Section 2" && silent.equipment == "Fan 2")
        let drift = configuration.assets.place(of: DemoPlant.driftPath, site: "here")
        #expect(drift.area == "Section 3" && drift.equipment.isEmpty)
    }

    @Test func `without endpoint and secret file the configuration is usable too`() {
        for url in [nil, "http://127.0.0.1:9004/"] {
            let text = DemoPlant.configurationText(
                DemoPlant.Places(stateDirectory: "/a", runDirectory: "/b", alertURL: url))
            #expect(
                MidwatchConfiguration.parse(text: text, fileName: "demo", isStrict: true).errors
                    == [])
        }
    }
}
