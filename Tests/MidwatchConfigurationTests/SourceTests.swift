// SPDX-License-Identifier: Apache-2.0

import MidwatchConfiguration
import MidwatchModel
import Testing

/// What readings come through.
@Suite struct SourceTests {
    private static let head = """
        node: {name: n1}
        ingest:
          udp: [{name: field, bind: "127.0.0.1:0", trustSource: true}]
          mqtt: [{name: gw, bind: "127.0.0.1:0"}]

        """

    private static func file(_ text: String) -> String { Self.head + text }

    @Test func `every listener is a source with a sensor by itself`() throws {
        let configuration = try #require(Fixture.parse(Self.file("")).configuration)
        #expect(configuration.sources.map(\.declaration.name) == ["udp/field", "mqtt/gw"])
        #expect(
            configuration.sourceSensors.map(\.pattern) == [
                "midwatch/source/udp/field", "midwatch/source/mqtt/gw",
            ])
        #expect(configuration.sourceSensors.allSatisfy { $0.supervision == .event })
        let tree = configuration.sourceTree
        #expect(tree.behind("mqtt/gw/client/7") == "mqtt/gw")
        #expect(tree.behind("mqtt/gw") == nil)
        #expect(tree.behind("mqtt/gwx/a") == nil)
        #expect(tree.isTrusted("udp/field/10.0.0.7") && !tree.isTrusted("mqtt/gw/a"))
    }

    @Test func `sources are nested, none before the one it is behind`() throws {
        let result = Fixture.parse(
            Self.file(
                """
                sources:
                  - {name: bus, behind: mqtt/gw/c7, class: q}
                  - {name: mqtt/gw/c7, title: Gateway 7, behind: switch}
                  - {name: switch, behind: mqtt/gw, operatorAction: Look.}
                  - {name: mqtt/gw, title: All gateways}
                alarmClasses: [{name: q, latching: true}]
                sensors: [{template: a/+, behind: bus}]

                """))
        #expect(result.errors == [])
        let configuration = try #require(result.configuration)
        #expect(
            configuration.sources.map(\.declaration.name) == [
                "udp/field", "mqtt/gw", "switch", "mqtt/gw/c7", "bus",
            ])
        let sensors = configuration.sourceSensors
        #expect(sensors.map(\.title) == ["", "All gateways", "", "Gateway 7", ""])
        #expect(sensors.last?.silenceHandling.isLatching == true)
        #expect(sensors[2].rationalization.operatorAction == "Look.")
        #expect(configuration.sensors.first?.behind == "bus")
        #expect(configuration.sources[1].declaration.isListener)
    }

    @Test func `a sensor that is declared for a source stays the site's`() throws {
        let configuration = try #require(
            Fixture.parse(
                Self.file("sensors: [{path: midwatch/source/mqtt/gw, supervision: event}]\n")
            ).configuration)
        #expect(configuration.sourceSensors.map(\.pattern) == ["midwatch/source/udp/field"])
    }

    /// Lines from 5 on, and what `check` says.
    static let errors: [(String, String)] = [
        (
            "sources: [{title: x}]\n",
            "m.yaml:5:11: sources[0].name: missing; mqtt/LISTENER/CLIENT, udp/LISTENER/ADDRESS, "
                + "or a word of your own"
        ),
        (
            "sources: [{name: mqtt/gv/c7}]\n",
            "m.yaml:5:18: sources[0].name: no listener of ingest is called so, did you mean "
                + "\"mqtt/gw\"?"
        ),
        (
            "sources: [{name: a/+}]\n",
            "m.yaml:5:18: sources[0].name: expected levels separated by /, none empty, no "
                + "wildcard, got \"a/+\""
        ),
        (
            "sources: [{name: a, behind: swich}, {name: switch}]\n",
            "m.yaml:5:29: sources[0].behind: unknown source \"swich\", did you mean \"switch\"?"
        ),
        (
            "sources: [{name: a}, {name: a}]\n",
            "m.yaml:5:29: sources[1].name: \"a\" is a source in line 5 already"
        ),
        (
            "sources: [{name: mqtt/gw, behind: mqtt/gw/c7}, {name: mqtt/gw/c7}]\n",
            "m.yaml:5:35: sources[0].behind: mqtt/gw is behind mqtt/gw/c7 is behind mqtt/gw: "
                + "take one of them out"
        ),
        (
            "sensors: [{path: a, behind: mqtt/gw/c8}]\n",
            "m.yaml:5:29: sensors[0].behind: unknown source \"mqtt/gw/c8\", did you mean "
                + "\"mqtt/gw\"?"
        ),
    ]

    @Test(arguments: Self.errors)
    func `a wrong source is refused with its place and the remedy`(text: String, issue: String) {
        #expect(Fixture.parse(Self.file(text)).errors.map(\.description) == [issue])
    }

    @Test func `a circle of two is told to both, and a chain too long is refused`() {
        let circle = Fixture.parse(
            Self.file("sources: [{name: a, behind: b}, {name: b, behind: a}]\n"))
        #expect(circle.errors.map(\.key) == ["sources[0].behind", "sources[1].behind"])
        let names = (1...10).map { "{name: s\($0), behind: s\($0 + 1)}" } + ["{name: s11}"]
        let chain = Fixture.parse(
            Self.file("sources: [\(names.joined(separator: ", "))]\n"))
        #expect(chain.errors.first?.message == "expected at most 8 sources behind each other")
    }
}
