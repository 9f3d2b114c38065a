// SPDX-License-Identifier: Apache-2.0

import MidwatchConfiguration
import MidwatchModel
import Testing

@Suite struct ExampleFileTests {
    @Test func `the example file has no errors and no warnings, also strictly`() throws {
        let bytes = try Fixture.exampleBytes()
        for isStrict in [false, true] {
            let result = MidwatchConfiguration.parse(
                bytes: bytes, fileName: "example", isStrict: isStrict)
            #expect(result.report == [])
            #expect(result.configuration != nil)
            #expect(result.revisionText == bytes)
        }
    }

    @Test func `the settings that are off in the example are right too`() throws {
        let result = Fixture.parse(try Fixture.exampleEverythingOn(), isStrict: true)
        #expect(result.report == [])
        let configuration = try #require(result.configuration)
        #expect(configuration.journal.retentionBytes == 50_000_000_000)
        #expect(configuration.api.tcp?.port == 8093)
        #expect(configuration.alerts.endpoints.first?.secrets.count == 2)
        #expect(configuration.alerts.endpoints.first?.caFile == "/etc/midwatch/alerts-ca.pem")
    }

    @Test func `the example shows the defaults`() throws {
        let example = try #require(
            MidwatchConfiguration.parse(bytes: try Fixture.exampleBytes(), fileName: "example")
                .configuration)
        let bare = try #require(
            Fixture.parse(Fixture.file("ingest: {udp: [{}], mqtt: [{}]}\n")).configuration)
        #expect(example.stateDirectory == bare.stateDirectory)
        #expect(example.runDirectory == bare.runDirectory)
        #expect(example.ring == bare.ring)
        #expect(example.journal == bare.journal)
        #expect(example.archive == bare.archive)
        #expect(example.api == bare.api)
        #expect(example.vitals == bare.vitals)
        #expect(example.log == bare.log)
        #expect(example.ingest.undeclaredSensorsMax == bare.ingest.undeclaredSensorsMax)
        #expect(
            example.ingest.undeclaredDeadlineNanoseconds
                == bare.ingest.undeclaredDeadlineNanoseconds)
        var udp = try #require(example.ingest.udp.first)
        udp.name = "udp:127.0.0.1:8094"
        udp.pathTags = nil
        #expect([udp] == bare.ingest.udp)
        var mqtt = try #require(example.ingest.mqtt.first)
        mqtt.name = "mqtt:127.0.0.1:1883"
        mqtt.topics.removeFirst(mqtt.topics.count - 1)
        #expect([mqtt] == bare.ingest.mqtt)
        let endpoint = try #require(example.alerts.endpoints.first)
        let bareEndpoint = try #require(
            Fixture.parse(
                Fixture.file("alerts: {endpoints: [{name: a, url: 'https://a/'}]}\n")
            ).configuration?.alerts.endpoints.first)
        #expect(endpoint.timeoutNanoseconds == bareEndpoint.timeoutNanoseconds)
        #expect(endpoint.inFlightMax == bareEndpoint.inFlightMax)
    }

    /// Puts an unknown key into each mapping of the schema; the message lists the known ones.
    @Test(arguments: [
        "QQQ: 1", "node: {QQQ: 1}", "ingest: {QQQ: 1}", "ingest: {udp: [{QQQ: 1}]}",
        "ingest: {udp: [{pathTemplate: {QQQ: 1}}]}", "ingest: {mqtt: [{QQQ: 1}]}",
        "ingest: {mqtt: [{topics: [{QQQ: 1}]}]}", "ingest: {mqtt: [{tls: {QQQ: 1}}]}",
        "sensors: [{QQQ: 1}]",
        "sensors: [{limits: {QQQ: 1}}]",
        "sensors: [{limitSets: [{QQQ: 1}]}]", "sensors: [{instrumentRange: {QQQ: 1}}]",
        "areas: [{QQQ: 1}]", "assets: [{QQQ: 1}]", "rules: [{QQQ: 1}]",
        "rules: [{rateOfChange: {QQQ: 1}}]",
        "rules: [{flatLine: {QQQ: 1}}]", "rules: [{deviation: {QQQ: 1}}]",
        "rules: [{vote: {QQQ: 1}}]", "rules: [{discrepancy: {QQQ: 1}}]",
        "rules: [{offNormal: {QQQ: 1}}]", "rules: [{badQuality: {QQQ: 1}}]",
        "rules: [{clockSkew: {QQQ: 1}}]", "rules: [{clockDrift: {QQQ: 1}}]",
        "rules: [{sequence: {QQQ: 1}}]", "rules: [{window: {QQQ: 1}}]",
        "rules: [{drift: {QQQ: 1}}]", "sensors: [{limits: {high: {QQQ: 1}}}]",
        "ring: {QQQ: 1}", "journal: {QQQ: 1}", "journal: {retention: {QQQ: 1}}",
        "archive: {QQQ: 1}", "archive: {postgresql: {QQQ: 1}}", "alerts: {QQQ: 1}",
        "alerts: {endpoints: [{QQQ: 1}]}", "alerts: {endpoints: [{secrets: [{QQQ: 1}]}]}",
        "alerts: {routes: [{QQQ: 1}]}", "api: {QQQ: 1}", "api: {roles: {QQQ: 1}}",
        "vitals: {QQQ: 1}", "log: {QQQ: 1}",
    ])
    func `the example shows every key of the schema`(text: String) throws {
        let example = try Fixture.exampleEverythingOn()
        let issue = try #require(
            Fixture.parse(text).errors.first { $0.message.contains("unknown key \"QQQ\"") })
        let mark = "known keys: "
        let start = try #require(issue.message.firstRange(of: mark)?.upperBound)
        for key in issue.message[start...].split(separator: ", ") {
            // Like its siblings.
            if key == "lowLow" { continue }
            #expect(example.contains("\(key): ") || example.contains("\(key):\n"), "\(key)")
        }
    }

    @Test func `the example has every condition`() throws {
        let configuration = try #require(
            MidwatchConfiguration.parse(bytes: try Fixture.exampleBytes(), fileName: "example")
                .configuration)
        let shown = Set(configuration.rules.map(\.condition.kind))
        let limits: Set<AlarmKind> = [.lowLow, .low, .high, .highHigh, .stale, .unverifiable]
        #expect(shown == Set(AlarmKind.allCases).subtracting(limits))
        #expect(configuration.areas.count == 1)
        #expect(configuration.sensors.contains { !$0.limitSets.isEmpty })
    }
}
