// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

@testable import MidwatchConfiguration
@testable import TelemetryWire

/// The topics of one listener.
private func topics(_ lines: [String]) -> ConfigurationResult {
    let items = lines.map { "        - {\($0)}" }.joined(separator: "\n")
    return Fixture.parse(
        Fixture.file("ingest:\n  mqtt:\n    - topics:\n\(items)\n"))
}

@Suite struct TopicTests {
    @Test func `every key of a topic becomes part of its rule`() throws {
        let result = topics([
            #"filter: a/+site/#, format: json, path: "{site}/{name}", value: d.*.v, name: d.*.n, "#
                + #"time: d.*.t, timeUnit: rfc3339, states: {open: 1, shut: -2}, unit: V, "#
                + "supervision: exception, deadline: 5m",
            #"filter: b, format: json, values: {t: temp, h: rh.0}, time: ts, timeUnit: s"#,
            "filter: c, format: lineProtocol, timeUnit: us",
            "filter: d, format: senml",
        ])
        #expect(result.errors == [])
        let configuration = try #require(result.configuration)
        let rules = try configuration.ingest.mqtt[0].topics.map { try #require($0.rule) }
        #expect(try TopicRouter(rules).routes.count == 4)
        var elements = JSONPayload()
        elements.value = try #require(JSONPath("d.*.v"))
        elements.name = JSONPath("d.*.n")
        elements.time = JSONPath("d.*.t")
        elements.timeFormat = .rfc3339
        #expect(rules[0].payload == .json(elements))
        #expect(rules[0].states == StateMap(["open": 1, "shut": -2]))
        #expect(rules[0].unit == "V")
        #expect(rules[0].path == "{site}/{name}")
        guard case .json(let named) = rules[1].payload else {
            Issue.record("not JSON")
            return
        }
        #expect(named.values.map(\.name) == ["t", "h"])
        #expect(named.timeFormat == .count(.seconds))
        #expect(rules[1].path == "{topic}/{name}")
        #expect(rules[2].payload == .lineProtocol(unit: .microseconds))
        #expect(rules[2].path == "{series}")
        #expect(rules[3].payload == .senML)
        #expect(rules[3].path == "{name}")
    }

    @Test func `unit, supervision and deadline of a rule are those of its sensors`() throws {
        let result = topics([
            #"filter: plant/+site/temp, unit: Cel, supervision: exception, deadline: 5m"#,
            #"filter: x/+a/#b, path: "hall/{b}/{a}", unit: V"#,
            #"filter: y/+/z, path: "y{1}/fixed", supervision: event"#,
            "filter: one/sensor, unit: Pa",
            "filter: other/+",
        ])
        let configuration = try #require(result.configuration)
        #expect(
            configuration.sensors.map(\.pattern) == [
                "plant/+/temp", "hall/#", "+/fixed", "one/sensor",
            ])
        let first = try #require(configuration.sensorBook.declaration(for: "plant/west/temp"))
        #expect(first.unit == "Cel")
        #expect(first.supervision == .exception)
        #expect(first.deadlineNanoseconds == 300_000_000_000)
        let second = try #require(configuration.sensorBook.declaration(for: "hall/b/a"))
        #expect(second.supervision == .periodic)
        #expect(
            second.deadlineNanoseconds == configuration.ingest.undeclaredDeadlineNanoseconds)
        #expect(configuration.sensorBook.declaration(for: "other/x") == nil)
        #expect(result.warnings.count { $0.key.hasSuffix(".supervision") } == 2)
    }

    @Test func `what sensors declares comes before what topic rules say`() throws {
        let result = Fixture.parse(
            Fixture.file(
                """
                ingest:
                  mqtt:
                    - topics:
                        - {filter: plant/+, unit: V, supervision: event}
                        - {filter: plant/#, unit: A, supervision: event, path: "plant/{1}"}
                sensors:
                  - {template: plant/+, unit: K, supervision: periodic, deadline: 10s}
                """))
        #expect(result.errors == [])
        let configuration = try #require(result.configuration)
        #expect(configuration.sensors.map(\.pattern) == ["plant/+", "plant/#"])
        #expect(configuration.sensorBook.declaration(for: "plant/a")?.unit == "K")
    }

    @Test func `a rule that an earlier one hides is warned of`() {
        let result = topics(["filter: a/#", "filter: b/+", "filter: a/+/c", "filter: b/x"])
        #expect(result.errors == [])
        let hidden = result.warnings.filter { $0.message.hasPrefix("never used") }
        #expect(
            hidden.map(\.key) == [
                "ingest.mqtt[0].topics[2].filter", "ingest.mqtt[0].topics[3].filter",
            ])
        #expect(hidden.first?.message.contains("ingest.mqtt[0].topics[0]") == true)
        let reachable = topics(["filter: a/+/c", "filter: a/#"]).warnings
        #expect(!reachable.contains { $0.key.hasSuffix(".filter") })
    }
}
