// SPDX-License-Identifier: Apache-2.0

import MidwatchConfiguration
import MidwatchModel
import Testing

/// Rules with `sources` in place of `sensors`.
@Suite struct SourceRuleTests {
    /// A listener, a bus and the sensor of its numbers; a rule stands from line 8 on.
    private static func parse(_ rule: String) -> ConfigurationResult {
        Fixture.parse(
            """
            node: {name: n1}
            ingest:
              mqtt: [{name: in, bind: 127.0.0.1:1883, topics: [{filter: "gw/+/seq"}]}]
            sources: [{name: bus-3, behind: mqtt/in}]
            sensors:
              - {template: gw/+/seq}
            rules:

            """ + rule, isStrict: false)
    }

    @Test func `a rule watches the sources that it names, and shows as it was written`() throws {
        let result = Self.parse(
            """
              - name: numbers
                sources: [mqtt/in/+, bus-3]
                sequence: {sensor: gw/one/seq, faults: 2, window: 1m}
                priority: high
              - name: clock
                sources: [mqtt/in/+]
                clockSkew: {max: 5s, deadband: 1s}
                passive: true

            """)
        #expect(result.errors.map(\.description) == [])
        let configuration = try #require(result.configuration)
        let rule = try #require(configuration.rules.first)
        #expect(rule.isOfSources)
        #expect(rule.sources == ["mqtt/in/+", "bus-3"])
        #expect(rule.sensors == ["midwatch/source/mqtt/in/+", "midwatch/source/bus-3"])
        #expect(
            rule.condition
                == .sequence(
                    faults: 2, windowNanoseconds: 60_000_000_000, modulus: 0, sensor: "gw/one/seq"))
        #expect(configuration.rules.last?.isPassive == true)
        let shown = "\(configuration.settings)"
        #expect(shown.contains("mqtt/in/+") && shown.contains("gw/one/seq"))
        #expect(!shown.contains("midwatch/source/mqtt/in/+"))
    }

    @Test func `a wildcard of the sources may stand in the sensor of their numbers`() throws {
        let rule = "  - name: n\n    sources: [mqtt/in/+]\n    sequence: {sensor: \"gw/{1}/seq\", "
        #expect(Self.parse(rule + "window: 1m}\n").errors.map(\.description) == [])
        let wrong = Self.parse(rule.replacing("{1}", with: "{2}") + "window: 1m}\n")
        #expect(wrong.errors.map(\.description).first?.contains("names a wildcard") == true)
    }

    static let refused: [(rule: String, message: String)] = [
        (
            "sources: [mqtt/out/+]\n    clockSkew: {max: 5s}",
            "m.yaml:9:14: rules[0].sources: unknown source \"mqtt/out/+\"; declare it "
                + "under sources"
        ),
        (
            "sources: [bus-3]\n    sensors: [gw/1/seq]\n    clockSkew: {max: 5s}",
            "m.yaml:10:14: rules[0].sensors: expected sensors or sources, got both"
        ),
        (
            "sources: [bus-3]\n    expression: value > 5",
            "m.yaml:10:17: rules[0].expression: is for sensors; a rule with sources has "
                + "clockSkew, clockDrift or sequence"
        ),
        (
            "sources: [bus-3]\n    sequence: {window: 1m}",
            "m.yaml:10:15: rules[0].sequence: needs sensor: the path of the sensor that carries "
                + "the numbers of the source; {1} is the first + or # of sources"
        ),
        (
            "sensors: [gw/1/seq]\n    sequence: {sensor: gw/2/seq, window: 1m}",
            "m.yaml:10:15: rules[0].sequence: sensor is for a rule with sources; here the numbers "
                + "are the values of the sensors themselves"
        ),
        (
            "sources: [bus-3]\n    sequence: {sensor: gw/1/sequenz, window: 1m}",
            "m.yaml:10:24: rules[0].sequence.sensor: unknown sensor \"gw/1/sequenz\"; declare it "
                + "under sensors"
        ),
    ]

    @Test(arguments: Self.refused)
    func `what a source has not is refused`(rule: String, message: String) {
        let result = Self.parse("  - name: r\n    \(rule)\n")
        #expect(result.errors.map(\.description) == [message])
    }
}
