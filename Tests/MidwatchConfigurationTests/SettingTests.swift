// SPDX-License-Identifier: Apache-2.0

import JSONText
import MidwatchModel
import Testing

@testable import MidwatchConfiguration

/// The effective configuration, and what two of them differ in.
@Suite struct SettingTests {
    private static func configuration(_ text: String) throws -> MidwatchConfiguration {
        let result = Fixture.parse(text)
        #expect(result.errors == [])
        var configuration = try #require(result.configuration)
        configuration.unsafeSettings = []
        return configuration
    }

    static let texts: [@Sendable () throws -> String] = [
        { try Fixture.exampleEverythingOn() },
        { String(decoding: try Fixture.exampleBytes(), as: UTF8.self) },
        { Fixture.file("") },
        {
            Fixture.file(
                """
                ingest:
                  udp: [{bind: "[::]:9", allowUnauthenticatedRemote: true, trustSource: true}]
                  mqtt: [{bind: "0.0.0.0:9", allowUnauthenticatedRemote: true,
                    allowPlaintextRemote: true}]
                archive:
                  store: postgresql
                  postgresql: {connection: "host=db password=geheim", migrateAtStart: true}
                alerts: {endpoints: [{name: a, url: "https://hooks.example/T0/geheim",
                  secrets: ["whsec_Z2VoZWltZ2VoZWltZ2VoZWltZ2VoZWlt"]}]}

                """)
        },
    ]

    @Test(arguments: Self.texts.indices)
    func `the effective configuration is a file that means the same`(number: Int) throws {
        let configuration = try Self.configuration(try Self.texts[number]())
        let again = try Self.configuration(configuration.settings.revealed.yaml)
        #expect(again == configuration)
        #expect(configuration.settings.changes(to: again.settings) == [])
    }

    @Test func `it comes through JSON without a difference`() throws {
        let settings = try Self.configuration(try Fixture.exampleEverythingOn()).settings
        var json = JSONWriter()
        settings.encode(to: &json)
        let read = Setting(try JSONValue(parsing: json.text))
        #expect(settings.changes(to: read) == [])
        #expect(read.changes(to: settings) == [])
        #expect(read["node"]?["name"] == .text("tunnel-west-1"))
    }

    @Test func `no secret is ever written, and one that changes is a difference`() throws {
        let text = try Self.texts[3]()
        let settings = try Self.configuration(text).settings
        var json = JSONWriter()
        settings.encode(to: &json)
        let other = try Self.configuration(
            text.replacing("password=geheim", with: "password=anders")
                .replacing("/T0/geheim", with: "/T0/anders")
        ).settings
        let changes = settings.changes(to: other)
        #expect(
            changes.map(\.key) == ["archive.postgresql.connection", "alerts.endpoints[a].url"])
        let everything = [settings.yaml, json.text] + changes.map(\.description)
        for shown in everything {
            #expect(!shown.contains("geheim") && !shown.contains("Z2VoZWlt"))
            #expect(!shown.contains("anders"))
        }
        #expect(settings.yaml.contains("https://hooks.example/(hidden)"))
    }

    @Test func `differences are named sensor by sensor and rule by rule`() throws {
        let old = try Self.configuration(
            Fixture.file(
                """
                sensors:
                  - {path: a, limits: {high: {setpoint: 5}}}
                  - {path: b}
                  - {template: c/+}
                  - {template: c/#}
                rules:
                  - {name: r, sensors: [a], expression: value > 1}
                  - {name: s, sensors: [a], expression: value > 1}
                log: {level: info}

                """))
        let new = try Self.configuration(
            Fixture.file(
                """
                log: {level: debug}
                sensors:
                  - {path: a, limits: {high: {setpoint: 6}, low: {setpoint: 0}}, deadline: 60s}
                  - {template: c/#}
                  - {template: c/+}
                  - {path: d}
                rules:
                  - {name: r, sensors: [a], expression: value > 2}
                  - {name: t, sensors: [a], expression: value > 1}

                """))
        let changes = old.settings.changes(to: new.settings)
        #expect(
            changes.map { "\($0.kind.rawValue) \($0.key)" } == [
                "removed sensors[b]", "added sensors[a].limits.low",
                "changed sensors[a].limits.high.setpoint", "added sensors[d]", "moved sensors",
                "removed rules[s]", "changed rules[r].expression", "added rules[t]",
                "changed log.level",
            ])
        #expect(changes.contains { $0.before == "5" && $0.after == "6" })
        #expect(MidwatchConfiguration.keysNeedingRestart(changes) == ["log"])
    }

    @Test func `roles and tokens are shown, compared, and put in force by a reload`() throws {
        let old = try Self.configuration(Fixture.file("api: {tcp: 127.0.0.1:9}\n"))
        let new = try Self.configuration(
            Fixture.file(
                "api: {tcp: 127.0.0.1:10, tokenFile: /t, roles: {admins: [anna], others: none}}\n"
            ))
        let changes = old.settings.changes(to: new.settings)
        #expect(
            changes.map { "\($0.kind.rawValue) \($0.key)" } == [
                "changed api.tcp", "added api.tokenFile", "added api.roles.admins",
                "changed api.roles.others",
            ])
        #expect(MidwatchConfiguration.keysNeedingRestart(changes) == ["api"])
        let others = changes.filter { $0.key != "api.tcp" }
        #expect(MidwatchConfiguration.keysNeedingRestart(others) == [])
        let reloaded = old.reloaded(with: new)
        #expect(reloaded.api.roles == new.api.roles)
        #expect(reloaded.api.tokenFile == new.api.tokenFile)
        #expect(reloaded.api.tcp == old.api.tcp)
    }

    @Test func `comments, defaults and the order of keys are no difference`() throws {
        let old = try Self.configuration(Fixture.file("sensors: [{path: a}]\n"))
        let new = try Self.configuration(
            "# a comment\nsensors:\n  - deadline: 60s\n    path: \"a\"\n"
                + "    stalePriority: medium\nnode: {name: n1}\n")
        #expect(old.settings.changes(to: new.settings) == [])
    }
}
