// SPDX-License-Identifier: Apache-2.0

import MidwatchConfiguration
import Testing

struct SecurityTests {
    private static let tls = "tls: {certificate: /c, key: /k}"
    private static let mutual = "tls: {certificate: /c, key: /k, clientCA: /a}"

    private func listener(_ keys: String) throws -> MQTTListenerConfiguration {
        let result = Fixture.parse(Fixture.file("ingest: {mqtt: [{\(keys)}]}\n"))
        return try #require(result.configuration?.ingest.mqtt.first, "\(result.report)")
    }

    @Test func `every key of a secured listener is read`() throws {
        let security = try self.listener(
            """
            tls: {certificate: /c, key: /k, clientCA: /a, minimumVersion: "1.3", \
            useCommonNameAsUser: true}, accessFile: /x, connectTimeout: 3s, halfOpenMax: 7, \
            connectRateMax: 8, connectBurstMax: 9, messageRateMax: 10, newSensorsPerClientMax: 11
            """
        ).security
        let tls = try #require(security.tls)
        #expect(tls.certificate == "/c" && tls.key == "/k" && tls.clientCA == "/a")
        #expect(tls.minimumVersion == .tls13)
        #expect(tls.useCommonNameAsUser)
        #expect(security.accessFile == "/x" && security.passwordFile == nil)
        #expect(!security.allowAnonymous)
        #expect(security.connectTimeoutNanoseconds == 3_000_000_000)
        #expect(security.halfOpenMax == 7)
        #expect(security.connectRateMax == 8 && security.connectBurstMax == 9)
        #expect(security.messageRateMax == 10 && security.newSensorsPerClientMax == 11)
    }

    @Test(arguments: [
        ("", true, false), ("passwordFile: /p", false, true),
        ("passwordFile: /p, allowAnonymous: true", true, false),
        (Self.tls, true, false), (Self.mutual, true, true),
        ("tls: {certificate: /c, key: /k, clientCA: /a, useCommonNameAsUser: true}", false, true),
    ])
    func `anonymous clients come in only where nothing else is asked for`(
        keys: String, allowsAnonymous: Bool, isAuthenticated: Bool
    ) throws {
        let security = try self.listener(keys).security
        #expect(security.allowAnonymous == allowsAnonymous)
        #expect(security.isAuthenticated == isAuthenticated)
    }

    /// Beyond loopback: what is refused, and what is left to warn of when it is allowed.
    @Test(arguments: [
        ("", 2), (Self.tls, 1), ("passwordFile: /p", 1), ("passwordFile: /p, " + Self.tls, 0),
        (Self.mutual, 0), ("passwordFile: /p, allowAnonymous: true, " + Self.tls, 1),
    ])
    func `what is open beyond loopback needs a word and is shown everywhere`(
        keys: String, gapCount: Int
    ) throws {
        let bind = "bind: \"0.0.0.0:8883\"" + (keys.isEmpty ? "" : ", " + keys)
        let silent = Fixture.parse(Fixture.file("ingest: {mqtt: [{\(bind)}]}\n"))
        #expect(silent.errors.count == gapCount)
        #expect(silent.errors.allSatisfy { $0.key == "ingest.mqtt[0].bind" })
        #expect((silent.configuration == nil) == (gapCount > 0))
        let consent = "allowUnauthenticatedRemote: true, allowPlaintextRemote: true"
        let said = Fixture.parse(Fixture.file("ingest: {mqtt: [{\(bind), \(consent)}]}\n"))
        #expect(said.errors == [])
        #expect(said.configuration?.unsafeSettings.count == gapCount)
        // On loopback nobody else can reach it.
        let local = Fixture.parse(Fixture.file("ingest: {mqtt: [{\(keys)}]}\n"))
        #expect(local.configuration?.unsafeSettings == [])
    }

    @Test func `one consent does not cover the other`() {
        let open = Fixture.parse(
            Fixture.file(
                "ingest: {mqtt: [{bind: \"[::]:1\", allowUnauthenticatedRemote: true}]}\n"))
        #expect(open.errors.map(\.message).joined().contains("allowPlaintextRemote"))
        let plain = Fixture.parse(
            Fixture.file("ingest: {mqtt: [{bind: \"[::]:1\", allowPlaintextRemote: true}]}\n"))
        #expect(plain.errors.map(\.message).joined().contains("allowUnauthenticatedRemote"))
    }

    @Test(arguments: [
        ("tls: {key: /k}", "ingest.mqtt[0].tls.certificate"),
        ("tls: {certificate: /c}", "ingest.mqtt[0].tls.key"),
        ("tls: {certificate: /c, key: k}", "ingest.mqtt[0].tls.key"),
        (
            "tls: {certificate: /c, key: /k, minimumVersion: \"1.1\"}",
            "ingest.mqtt[0].tls.minimumVersion"
        ),
        (
            "tls: {certificate: /c, key: /k, useCommonNameAsUser: true}",
            "ingest.mqtt[0].tls.useCommonNameAsUser"
        ),
        ("connectTimeout: 500ms", "ingest.mqtt[0].connectTimeout"),
        ("halfOpenMax: 0", "ingest.mqtt[0].halfOpenMax"),
        ("messageRateMax: -1", "ingest.mqtt[0].messageRateMax"),
    ])
    func `half of a setting is refused`(keys: String, key: String) {
        let result = Fixture.parse(Fixture.file("ingest: {mqtt: [{\(keys)}]}\n"))
        #expect(result.configuration == nil)
        #expect(result.errors.map(\.key) == [key])
    }

    @Test(arguments: [
        ("allowAnonymous: false", "allowAnonymous"), ("accessFile: /x", "accessFile"),
        (
            "passwordFile: /p, tls: {certificate: /c, key: /k, clientCA: /a, "
                + "useCommonNameAsUser: true}", "passwordFile"
        ),
    ])
    func `settings that do not do what they seem to are mentioned`(keys: String, key: String) {
        let result = Fixture.parse(Fixture.file("ingest: {mqtt: [{\(keys)}]}\n"))
        #expect(result.errors == [])
        #expect(
            result.warnings.map(\.key).filter { $0.hasPrefix("ingest") }
                == ["ingest.mqtt[0].\(key)"])
    }
}
