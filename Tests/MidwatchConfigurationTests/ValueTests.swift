// SPDX-License-Identifier: Apache-2.0

import Glibc
import MidwatchConfiguration
import MidwatchModel
import Testing

@Suite struct ValueTests {
    @Test func `a sensor is read whole`() throws {
        let result = Fixture.parse(
            Fixture.file(
                """
                sensors:
                  - path: a/b
                    title: Title
                    unit: ppm
                    supervision: exception
                    deadline: 1500ms
                    criticality: low
                    stalePriority: high
                    unknownGrace: 2s
                    limits:
                      lowLow: {setpoint: -10.5, priority: critical}
                      high:
                        setpoint: 1e3
                        deadband: 2.5
                        onDelay: 250ms
                        offDelay: 1m
                        priority: low
                    consequence: c
                    operatorAction: "o: p"
                    firstChecks: [one, two]
                    timeToRespond: 2h
                    runbook: r
                    owner: w
                """))
        #expect(result.errors == [])
        var expected = SensorDeclaration(pattern: "a/b", deadlineNanoseconds: 1_500_000_000)
        expected.title = "Title"
        expected.unit = "ppm"
        expected.supervision = .exception
        expected.criticality = .low
        expected.stalePriority = .high
        expected.unknownGraceNanoseconds = 2_000_000_000
        expected.lowLow = LimitSetting(setpoint: -10.5, priority: .critical)
        expected.high = LimitSetting(
            setpoint: 1_000, deadband: 2.5, onDelayNanoseconds: 250_000_000,
            offDelayNanoseconds: 60_000_000_000, priority: .low)
        expected.rationalization.consequence = "c"
        expected.rationalization.operatorAction = "o: p"
        expected.rationalization.firstChecks = ["one", "two"]
        expected.rationalization.timeToRespondSeconds = 7_200
        expected.rationalization.runbook = "r"
        expected.rationalization.owner = "w"
        #expect(result.configuration?.sensors == [expected])
    }

    @Test func `listeners are read whole`() throws {
        let result = Fixture.parse(
            Fixture.file(
                """
                ingest:
                  udp:
                    - name: u
                      bind: "[::]:9000"
                      allowUnauthenticatedRemote: true
                      precision: us
                      receiveBuffer: 1MiB
                      pathTemplate: {tags: [a, b]}
                      trustSource: true
                      dualHomed: true
                  mqtt:
                    - bind: "[::1]:9001"
                      connectionsMax: 10
                      connectionsPerAddressMax: 5
                      packetSizeMax: 64KiB
                      receiveMaximum: 30
                      qosMax: 1
                      topicAliasMax: 7
                      sessionExpiryMax: 2h
                      retained: live
                      dualHomed: true
                      keepAliveMax: 65535s
                      topics:
                        - {filter: s/+/#, path: "x/{2}/{1}", format: json, value: a.b, time: t, timeUnit: s, unit: V}
                  undeclaredSensorsMax: 0
                  undeclaredDeadline: 10ms
                """))
        #expect(result.errors == [])
        let ingest = try #require(result.configuration).ingest
        let udp = try #require(ingest.udp.first)
        #expect(udp.name == "u")
        #expect(udp.bind == BindAddress(host: "::", port: 9_000, isIPv6: true))
        #expect(udp.precision == .microseconds)
        #expect(udp.receiveBufferBytes == 1 << 20)
        #expect(udp.pathTags == ["a", "b"])
        #expect(udp.trustSource && udp.dualHomed)
        let mqtt = try #require(ingest.mqtt.first)
        #expect(mqtt.name == "mqtt:[::1]:9001")
        #expect(mqtt.bind == BindAddress(host: "::1", port: 9_001, isIPv6: true))
        #expect(mqtt.connectionsMax == 10)
        #expect(mqtt.connectionsPerAddressMax == 5)
        #expect(mqtt.packetBytesMax == 65_536)
        #expect(mqtt.receiveMaximum == 30)
        #expect(mqtt.qosMax == 1)
        #expect(mqtt.topicAliasMax == 7)
        #expect(mqtt.sessionExpiryMaxSeconds == 7_200)
        #expect(mqtt.retained == .live && mqtt.dualHomed)
        #expect(mqtt.keepAliveMaxSeconds == 65_535)
        #expect(mqtt.security.allowAnonymous)
        let topic = try #require(mqtt.topics.first)
        #expect(topic.filter == "s/+/#")
        #expect(topic.path == "x/{2}/{1}")
        #expect(topic.format == .json)
        #expect(topic.valuePath == "a.b")
        #expect(topic.timePath == "t")
        #expect(topic.timeUnit == .seconds)
        #expect(topic.unit == "V")
        #expect(ingest.undeclaredSensorsMax == 0)
        #expect(ingest.undeclaredDeadlineNanoseconds == 10_000_000)
        #expect(
            result.configuration?.unsafeSettings == [
                "ingest.udp[0].bind: anyone who reaches [::]:9000 can send readings unauthenticated"
            ])
    }

    @Test func `store and endpoints are read whole`() throws {
        let result = Fixture.parse(
            Fixture.file(
                """
                runDirectory: /tmp/run
                archive:
                  store: postgresql
                  retention: 30d
                  postgresql: {connection: {env: DB}, migrateAtStart: true}
                alerts:
                  endpoints:
                    - name: a
                      url: http://127.0.0.1:9/x
                      secrets: [{env: S1}, {file: /s2}]
                      timeout: 5s
                      inFlightMax: 2
                    - {name: b, url: "https://b/", secrets: [{env: S3}]}
                  routes:
                    - {priorities: [critical], paths: [a/#], endpoints: [b]}
                    - {endpoints: [a]}
                """))
        #expect(result.errors == [])
        #expect(!result.warnings.contains { $0.kind == .unsafe })
        let configuration = try #require(result.configuration)
        guard case .postgresql(let store) = configuration.archive.store else {
            Issue.record("not postgresql")
            return
        }
        #expect(store.connection == .environment("DB"))
        #expect(store.migrateAtStart)
        #expect(configuration.archive.retentionNanoseconds == 30 * 86_400_000_000_000)
        #expect(configuration.api.unixSocketPath == "/tmp/run/midwatch.sock")
        #expect(configuration.vitals.path == "/tmp/run/vitals")
        let alerts = configuration.alerts
        #expect(alerts.endpoints.first?.secrets == [.environment("S1"), .file("/s2")])
        #expect(alerts.endpoints.first?.timeoutNanoseconds == 5_000_000_000)
        #expect(alerts.routes.map(\.priorities) == [[.critical], AlarmPriority.allCases])
        #expect(alerts.routes.map(\.paths) == [["a/#"], ["#"]])
        #expect(alerts.routes.map(\.endpoints) == [["b"], ["a"]])
        #expect(alerts.routes.first?.matches(path: "a/b", priority: .critical) == true)
        #expect(alerts.routes.first?.matches(path: "a/b", priority: .high) == false)
        #expect(alerts.routes.first?.matches(path: "c", priority: .critical) == false)
    }

    @Test func `no route means everything to all`() {
        let result = Fixture.parse(
            Fixture.file("alerts: {endpoints: [{name: a, url: 'https://a/'}]}"))
        let routes = result.configuration?.alerts.routes ?? []
        #expect(routes.map(\.priorities) == [AlarmPriority.allCases])
        #expect(routes.map(\.paths) == [["#"]])
        #expect(routes.map(\.endpoints) == [["a"]])
    }

    @Test(arguments: [
        ("alerts: {endpoints: [{name: a, url: 'http://h/', secrets: [{env: A}]}]}", "url"),
        ("alerts: {endpoints: [{name: a, url: 'https://h/'}]}", "secrets"),
        (
            "alerts: {endpoints: [{name: a, url: 'https://h/', secrets: "
                + "[whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw]}]}", "secrets[0]"
        ),
        (
            "archive: {store: postgresql, postgresql: {connection: 'host=a password=b'}}",
            "connection"
        ),
        (
            "archive: {store: postgresql, postgresql: {connection: 'postgresql://u:p@h/d'}}",
            "connection"
        ),
    ])
    func `an unsafe setting is usable and shown`(text: String, key: String) throws {
        let result = Fixture.parse(Fixture.file(text))
        let unsafe = result.warnings.filter { $0.kind == .unsafe }
        #expect(unsafe.map { $0.key.hasSuffix(key) } == [true])
        let shown = try #require(result.configuration).unsafeSettings
        #expect(shown.count == 1)
        #expect(!shown.joined().contains("MfKQ9r8G"))
    }

    static let incomplete = [
        ("{path: a, deadline: 1s}", "sensors[0].supervision"),
        ("{path: a, supervision: periodic}", "sensors[0].deadline"),
        ("{path: a, supervision: periodic, deadline: 1s, stalePriority: high}", "sensors[0]"),
        (
            "{path: a, supervision: periodic, deadline: 1s, "
                + "limits: {high: {setpoint: 1, priority: critical}}, consequence: c}",
            "sensors[0].limits.high"
        ),
    ]

    @Test(arguments: Self.incomplete)
    func `what leaves an operator without help is refused only by strict`(
        sensor: String, key: String
    ) {
        let text = Fixture.file("sensors: [\(sensor)]")
        let lenient = Fixture.parse(text)
        #expect(lenient.configuration != nil)
        #expect(lenient.warnings.filter { $0.kind == .incomplete }.map(\.key) == [key])
        let strict = Fixture.parse(text, isStrict: true)
        #expect(strict.configuration == nil)
        #expect(strict.errors.map(\.key) == [key])
    }

    @Test func `an event sensor needs no deadline`() {
        let result = Fixture.parse(
            Fixture.file("sensors: [{path: a, supervision: event}]"), isStrict: true)
        #expect(result.errors == [])
    }

    @Test func `exact paths win over templates and templates win in file order`() throws {
        let result = Fixture.parse(
            Fixture.file(
                """
                sensors:
                  - {template: a/+/c, title: one}
                  - {template: a/#, title: two}
                  - {path: a/b/c, title: three}
                """))
        let book = try #require(result.configuration).sensorBook
        #expect(book.declaration(for: "a/b/c")?.title == "three")
        #expect(book.declaration(for: "a/x/c")?.title == "one")
        #expect(book.declaration(for: "a/x/y")?.title == "two")
        #expect(book.declaration(for: "b") == nil)
        #expect(book.index(for: "a/x/c") == 0)
        #expect(book.declaredSensors.map(\.title) == ["three"])
    }

    @Test func `a secret comes from environment, file or text and never shows itself`() throws {
        #expect(try SecretReference.literal("abc").resolve() == "abc")
        #expect("\(SecretReference.literal("abc"))" == "literal (hidden)")
        let variable = "MIDWATCH_TEST_SECRET_\(getpid())"
        #expect(
            self.refusal { () throws(SecretError) in
                _ = try SecretReference.environment(variable).resolve()
            } == "environment variable \(variable) is not there")
        #expect(unsafe setenv(variable, "xyz\n", 1) == 0)
        #expect(try SecretReference.environment(variable).resolve() == "xyz")
        let path = "/tmp/midwatch-secret-\(getpid())"
        let file = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        try #require(file >= 0)
        defer { unsafe unlink(path) }
        #expect(unsafe write(file, "s3cret\r\n", 8) == 8)
        #expect(try SecretReference.file(path).resolve() == "s3cret")
        #expect(fchmod(file, 0o644) == 0)
        #expect(
            self.refusal { () throws(SecretError) in
                _ = try SecretReference.file(path).resolve()
            } == "file \(path) can be read by every user (chmod o= it)")
        #expect(fchmod(file, 0o600) == 0)
        #expect(ftruncate(file, 0) == 0)
        close(file)
        #expect(
            self.refusal { () throws(SecretError) in
                _ = try SecretReference.file(path).resolve()
            } == "file \(path) is empty")
    }

    private func refusal(_ body: () throws(SecretError) -> Void) -> String? {
        do throws(SecretError) {
            try body()
            return nil
        } catch {
            return error.description
        }
    }

    @Test(arguments: [
        ("127.0.0.1:1", true), ("127.9.9.9:1", true), ("[::1]:1", true), ("0.0.0.0:1", false),
        ("[::]:1", false), ("192.168.1.2:1", false),
    ])
    func `only loopback addresses are loopback`(text: String, isLoopback: Bool) throws {
        let address = try #require(BindAddress(text))
        #expect(address.isLoopback == isLoopback)
        #expect(address.description == text)
    }

    @Test(arguments: [
        "", ":", "1", "127.0.0.1", "127.0.0.1:", ":80", "127.0.0.1:080", "127.1:80", "::1:80",
        "[::1]", "[::1]80", "[127.0.0.1]:80", "127.0.0.1:65536", "127.0.0.1:-1", "a:1",
    ])
    func `anything but a numeric address with a port is refused`(text: String) {
        #expect(BindAddress(text) == nil)
    }
}
