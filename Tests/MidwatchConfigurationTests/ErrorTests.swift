// SPDX-License-Identifier: Apache-2.0

import MidwatchConfiguration
import Testing

/// One bad text and the one line an operator must read about it.
struct BadFile: Sendable, CustomTestStringConvertible {
    var text: String
    var issue: String

    init(_ text: String, _ issue: String) {
        self.text = text
        self.issue = issue
    }

    var testDescription: String { self.issue }
}

@Suite struct ErrorTests {
    static let syntax: [BadFile] = [
        BadFile("", "m.yaml:1:1: node.name: missing; name this node, it signs every alert"),
        BadFile("- a\n", "m.yaml:1:1: expected a mapping (node: …), got a list"),
        BadFile("abc\n", "m.yaml:1:1: expected a mapping (node: …), got \"abc\""),
        BadFile(
            "node:\n\tname: a\n",
            "m.yaml:2:1: found character that cannot start any token (while scanning for the next "
                + "token that began in line 2); YAML allows no tab for indentation, and text that "
                + "begins with one of @ ` % needs quotes"),
        BadFile(
            "node: {name: a\n",
            "m.yaml:2:1: did not find expected ',' or '}' (while parsing a flow mapping that began "
                + "in line 1)"),
        BadFile("a: &x 1\n", "m.yaml:1:4: anchors (&name) are refused; remove it"),
        BadFile("a: *x\n", "m.yaml:1:4: aliases (*name) are refused; repeat the value"),
        BadFile("a: !!int 3\n", "m.yaml:1:4: tags (!name) are refused; remove it"),
        BadFile(
            "a: 1\n---\nb: 2\n",
            "m.yaml:2:1: a second document begins here; one file holds one (remove ---)"),
        BadFile("? [a]\n: 1\n", "m.yaml:1:3: a key must be text"),
        BadFile(
            "node: {name: n1}\nnode: {name: n2}\n",
            "m.yaml:2:1: duplicate key \"node\", first in line 1"),
        BadFile(
            "a: [[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]\n",
            "m.yaml:1:19: nested deeper than 16 levels"),
        BadFile(
            "node: {name: source}\n",
            "m.yaml:1:14: node.name: \"source\" is kept for sources; choose another name"),
        BadFile("node: {name: \"a\u{1}\"}\n", "m.yaml:1:16: control characters are not allowed"),
    ]

    static let scalars: [BadFile] = [
        BadFile(
            "ring: {capacity: abc}",
            "m.yaml:2:18: ring.capacity: expected an integer 1024-67108864, got \"abc\""),
        BadFile(
            "ring: {capacity: 0200000}",
            "m.yaml:2:18: ring.capacity: expected an integer 1024-67108864, got \"0200000\""),
        BadFile(
            "ring: {capacity: 0x1000}",
            "m.yaml:2:18: ring.capacity: expected an integer 1024-67108864, got \"0x1000\""),
        BadFile(
            "ring: {capacity: 5000}",
            "m.yaml:2:18: ring.capacity: expected a power of two, got \"5000\"; write 4096 or 8192"),
        BadFile(
            "ring: {capacity: \"4096\"}",
            "m.yaml:2:18: ring.capacity: expected an integer 1024-67108864, got the quoted text "
                + "\"4096\"; remove the quotes"),
        BadFile(
            "ring:\n  capacity: 99999999999999999999",
            "m.yaml:3:13: ring.capacity: expected an integer 1024-67108864, got "
                + "\"99999999999999999999\""),
        BadFile(
            "ring:", "m.yaml:2:6: ring: expected a mapping (key: value), got nothing"),
        BadFile(
            "ingest: {udp: [{trustSource: yes}]}",
            "m.yaml:2:30: ingest.udp[0].trustSource: expected true or false, got \"yes\""),
        BadFile(
            "journal: {syncInterval: 50}",
            "m.yaml:2:25: journal.syncInterval: expected a time with its unit, 1ms to 10s (250ms, "
                + "10s, 5m, 2h, 1d), got \"50\""),
        BadFile(
            "journal: {syncInterval: 1d}",
            "m.yaml:2:25: journal.syncInterval: expected a time with its unit, 1ms to 10s (250ms, "
                + "10s, 5m, 2h, 1d), got \"1d\""),
        BadFile(
            "journal: {segmentSize: 64 MB}",
            "m.yaml:2:24: journal.segmentSize: expected a size with its unit, 1MiB to 4GiB (64KiB, "
                + "4MiB, 1GiB), got \"64 MB\""),
        BadFile(
            "journal: {segmentSize: 5000001B}",
            "m.yaml:2:24: journal.segmentSize: expected a multiple of 4KiB"),
        BadFile(
            "journal: {retention: {bytes: 128MiB}}",
            "m.yaml:2:30: journal.retention.bytes: expected at least four segments of 64MiB "
                + "(journal.segmentSize)"),
        BadFile(
            "log: {level: warn}",
            "m.yaml:2:14: log.level: expected one of trace, debug, info, notice, warning, error, "
                + "critical, got \"warn\""),
        BadFile(
            "log: {format: jason}",
            "m.yaml:2:15: log.format: expected one of auto, json, human, got \"jason\", did you mean \"json\"?"
        ),
        BadFile(
            "stateDirectory: var/lib",
            "m.yaml:2:17: stateDirectory: expected an absolute path without .., got \"var/lib\""),
        BadFile(
            "runDirectory: ~", "m.yaml:2:15: runDirectory: expected text, got \"~\""),
        BadFile("logs: {}", "m.yaml:2:1: unknown key \"logs\", did you mean \"log\"?"),
        BadFile(
            "ledger: {retention: 1d}",
            "m.yaml:2:10: ledger: unknown key \"retention\"; nothing can be set here"),
        BadFile(
            "api: {prot: 1}",
            "m.yaml:2:7: api: unknown key \"prot\"; known keys: unixSocket, tcp, tokenFile, roles"
        ),
    ]

    static let edges: [BadFile] = [
        BadFile(
            "ingest: {udp: {}}",
            "m.yaml:2:15: ingest.udp: expected a list (lines that begin with -), got a mapping"),
        BadFile(
            "ingest: {udp: [{bind: \"localhost:8094\"}]}",
            "m.yaml:2:23: ingest.udp[0].bind: expected a numeric address and a port 0-65535, "
                + "\"127.0.0.1:8094\" or \"[::]:8094\", got \"localhost:8094\""),
        BadFile(
            "ingest: {udp: [{bind: \"127.0.0.1:99999\"}]}",
            "m.yaml:2:23: ingest.udp[0].bind: expected a numeric address and a port 0-65535, "
                + "\"127.0.0.1:8094\" or \"[::]:8094\", got \"127.0.0.1:99999\""),
        BadFile(
            "ingest: {udp: [{bind: \"[::]:8094\"}]}",
            "m.yaml:2:23: ingest.udp[0].bind: [::]:8094 is open to other machines and nothing "
                + "authenticates them; bind a loopback address or set "
                + "allowUnauthenticatedRemote: true"),
        BadFile(
            "ingest: {udp: [{name: a}, {name: a, bind: \"127.0.0.1:1\"}]}",
            "m.yaml:2:34: ingest.udp[1].name: \"a\" is used by ingest.udp[0] already"),
        BadFile(
            "ingest: {udp: [{name: a}, {name: b}]}",
            "m.yaml:2:27: ingest.udp[1].bind: \"127.0.0.1:8094\" is used by ingest.udp[0] already"),
        BadFile(
            "ingest: {udp: [{precision: n}]}",
            "m.yaml:2:28: ingest.udp[0].precision: expected one of ns, us, ms, s, got \"n\", did you mean "
                + "\"ns\"?"),
        BadFile(
            "ingest: {mqtt: [{passwordFile: a}]}",
            "m.yaml:2:32: ingest.mqtt[0].passwordFile: expected an absolute path without .., "
                + "got \"a\""),
        BadFile(
            "ingest: {mqtt: [{topics: [{path: a}]}]}",
            "m.yaml:2:27: ingest.mqtt[0].topics[0].filter: missing; \"#\" takes every topic"),
        BadFile(
            "ingest: {mqtt: [{topics: [{filter: a/#/b}]}]}",
            "m.yaml:2:36: ingest.mqtt[0].topics[0].filter: expected an MQTT topic filter (+ alone "
                + "in a level, # alone and last), got \"a/#/b\""),
        BadFile(
            "ingest: {mqtt: [{topics: [{filter: a/+, path: \"x/{2}\"}]}]}",
            "m.yaml:2:47: ingest.mqtt[0].topics[0].path: expected {topic}, {1} (the "
                + "wildcards of the filter), got \"{2}\""),
        BadFile(
            "ingest: {mqtt: [{topics: [{filter: a, path: \"x/{1}\"}]}]}",
            "m.yaml:2:45: ingest.mqtt[0].topics[0].path: expected {topic} (the wildcards of the "
                + "filter), got \"{1}\""),
        BadFile(
            "ingest: {mqtt: [{topics: [{filter: a, path: \"x//y\"}]}]}",
            "m.yaml:2:45: ingest.mqtt[0].topics[0].path: expected a sensor path such as "
                + "\"plant/{1}/temperature\", got \"x//y\""),
        BadFile(
            "ingest: {mqtt: [{topics: [{filter: +name/b}]}]}",
            "m.yaml:2:36: ingest.mqtt[0].topics[0].filter: a wildcard cannot be called \"name\": "
                + "{name} means something else in every path"),
        BadFile(
            "ingest: {mqtt: [{topics: [{filter: +s/b, path: \"{t}\"}]}]}",
            "m.yaml:2:48: ingest.mqtt[0].topics[0].path: expected {topic}, {s}, {1} (the "
                + "wildcards of the filter), got \"{t}\""),
        BadFile(
            "ingest: {mqtt: [{topics: [{filter: a, format: senml, path: x}]}]}",
            "m.yaml:2:60: ingest.mqtt[0].topics[0].path: expected {name} in the path: the payload "
                + "carries several readings, got \"x\""),
        BadFile(
            "ingest: {mqtt: [{topics: [{filter: a, format: json, name: n}]}]}",
            "m.yaml:2:59: ingest.mqtt[0].topics[0].name: expected * where value has it: each "
                + "element has a name"),
        BadFile(
            "ingest: {mqtt: [{topics: [{filter: a, format: json, value: a, time: b.*}]}]}",
            "m.yaml:2:69: ingest.mqtt[0].topics[0].time: expected no *, or * where value has it: "
                + "one time per element"),
        BadFile(
            "ingest: {mqtt: [{topics: [{filter: a, format: json, value: a, values: {b: c}}]}]}",
            "m.yaml:2:60: ingest.mqtt[0].topics[0].value: expected value or values, got both"),
        BadFile(
            "ingest: {mqtt: [{topics: [{filter: a, states: {}}]}]}",
            "m.yaml:2:47: ingest.mqtt[0].topics[0].states: expected 1 to 64 texts of at most 128 "
                + "bytes, each with a whole number"),
        BadFile(
            "ingest: {mqtt: [{topics: [{filter: a, timeUnit: rfc3339}]}]}",
            "m.yaml:2:49: ingest.mqtt[0].topics[0].timeUnit: rfc3339 is only used with format: "
                + "json"),
        BadFile(
            "ingest: {mqtt: [{topics: [{filter: a, value: v}]}]}",
            "m.yaml:2:46: ingest.mqtt[0].topics[0].value: only used with format: json; remove it or "
                + "set the format"),
        BadFile(
            "ingest: {mqtt: [{topics: [{filter: a, format: json, value: a..b}]}]}",
            "m.yaml:2:60: ingest.mqtt[0].topics[0].value: expected JSON keys separated by dots, "
                + "data.value, got \"a..b\""),
        BadFile(
            "archive: {store: postgresql}",
            "m.yaml:2:10: archive.postgresql.connection: missing; give a libpq connection string "
                + "such as \"host=/run/postgresql dbname=midwatch\""),
        BadFile(
            "archive: {store: mysql}",
            "m.yaml:2:18: archive.store: expected one of sqlite, postgresql, got \"mysql\""),
        BadFile(
            "api: {tcp: \"0.0.0.0:80\"}",
            "m.yaml:2:12: api.tcp: expected a loopback address (127.0.0.1 or [::1]), got "
                + "\"0.0.0.0:80\": whoever reaches the port may acknowledge alarms"),
        BadFile(
            "alerts: {endpoints: [{name: a, url: \"ftp://h/\"}]}",
            "m.yaml:2:37: alerts.endpoints[0].url: expected https://host/path (or http://…), "
                + "without a user name, got \"ftp://h/\""),
        BadFile(
            "alerts: {endpoints: [{name: a, url: \"https://a/\", secrets: [abc]}]}",
            "m.yaml:2:61: alerts.endpoints[0].secrets[0]: expected {env: NAME}, {file: /path} or "
                + "whsec_ and base64 of 24-64 bytes; got something else"),
        BadFile(
            "alerts: {endpoints: [{name: a, url: \"https://a/\", secrets: [whsec_AAAA]}]}",
            "m.yaml:2:61: alerts.endpoints[0].secrets[0]: expected {env: NAME}, {file: /path} or "
                + "whsec_ and base64 of 24-64 bytes; this is 3 bytes"),
        BadFile(
            "alerts: {endpoints: [{name: a, url: \"https://a/\", "
                + "secrets: [\"whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB==\"]}]}",
            "m.yaml:2:61: alerts.endpoints[0].secrets[0]: expected {env: NAME}, {file: /path} or "
                + "whsec_ and base64 of 24-64 bytes; this is not base64"),
        BadFile(
            "alerts: {endpoints: [{name: a, url: \"https://a/\", secrets: [{env: A, file: /b}]}]}",
            "m.yaml:2:61: alerts.endpoints[0].secrets[0]: expected one of env: NAME or file: /path"),
        BadFile(
            "alerts: {endpoints: [{name: a, url: \"https://a/\", format: pagrduty}]}",
            "m.yaml:2:59: alerts.endpoints[0].format: expected one of native, cloudevents, "
                + "template, alertmanager-webhook, alertmanager-api, pagerduty, got \"pagrduty\", "
                + "did you mean \"pagerduty\"?"),
        BadFile(
            "alerts: {endpoints: [{name: a, format: pagerduty}]}",
            "m.yaml:2:22: alerts.endpoints[0].routingKey: missing; give the integration's key"),
        BadFile(
            "alerts: {endpoints: [{name: a, url: \"https://a/\", format: template}]}",
            "m.yaml:2:22: alerts.endpoints[0].template: missing; name the file of the template"),
        BadFile(
            "alerts: {endpoints: [{name: a, url: \"https://a/\", allow: [10.0.0.0/33]}]}",
            "m.yaml:2:59: alerts.endpoints[0].allow[0]: expected an address or a network, "
                + "192.168.4.0/24 or fd00::/8, got \"10.0.0.0/33\""),
        BadFile(
            "alerts: {endpoints: [{name: a, url: \"https://a/\", clientKey: /k}]}",
            "m.yaml:2:62: alerts.endpoints[0].clientKey: clientCertificate and clientKey go together"
        ),
        BadFile(
            "alerts: {endpoints: [{name: a, url: \"http://1.2.3.4/\", caFile: /k}]}",
            "m.yaml:2:64: alerts.endpoints[0].caFile: an http address has no certificates; "
                + "use https"),
        BadFile(
            "alerts: {endpoints: [{name: a, url: \"https://a/\", repeatEvery: 60s}]}",
            "m.yaml:2:64: alerts.endpoints[0].repeatEvery: only the format alertmanager-api repeats"
        ),
        BadFile(
            "alerts: {endpoints: [{name: pager, url: \"https://a/\"}], routes: [{endpoints: [pagr]}]}",
            "m.yaml:2:79: alerts.routes[0].endpoints[0]: no endpoint is named \"pagr\", did you "
                + "mean \"pager\"?"),
        BadFile(
            "alerts: {endpoints: [{name: a, url: \"https://a/\"}], routes: [{priorities: []}]}",
            "m.yaml:2:75: alerts.routes[0].priorities: empty; leave the key out to mean all"),
    ]

    static let sensors: [BadFile] = [
        BadFile(
            "sensors: [{title: x}]",
            "m.yaml:2:11: sensors[0].path: missing; give path: a/b/c, or template: a/+/c for many"),
        BadFile(
            "sensors: [{path: a, template: b/+}]",
            "m.yaml:2:31: sensors[0].template: expected path or template, got both"),
        BadFile(
            "sensors: [{path: a/+}]",
            "m.yaml:2:18: sensors[0].path: holds a wildcard; write template: \"a/+\""),
        BadFile(
            "sensors: [{template: a/b}]",
            "m.yaml:2:22: sensors[0].template: has no wildcard; write path: \"a/b\""),
        BadFile(
            "sensors: [{path: a//b}]",
            "m.yaml:2:18: sensors[0].path: expected levels separated by /, none empty, at most 255 "
                + "bytes, got \"a//b\""),
        BadFile(
            "sensors: [{template: a/b+}]",
            "m.yaml:2:22: sensors[0].template: expected levels separated by /, + alone in its "
                + "level, # alone and last, got \"a/b+\""),
        BadFile(
            "sensors:\n- {path: a}\n- {path: a}",
            "m.yaml:4:10: sensors[1].path: \"a\" is declared in line 3 already"),
        BadFile(
            "sensors: [{path: a, deadline: 0s}]",
            "m.yaml:2:31: sensors[0].deadline: expected a time with its unit, 10ms to 366d (250ms, "
                + "10s, 5m, 2h, 1d), got \"0s\""),
        BadFile(
            "sensors: [{path: a, criticality: own}]",
            "m.yaml:2:34: sensors[0].criticality: expected one of low, normal, critical, got \"own\""
        ),
        BadFile(
            "sensors: [{path: a, stalePriority: urgent}]",
            "m.yaml:2:36: sensors[0].stalePriority: expected one of low, medium, high, critical, "
                + "got \"urgent\""),
        BadFile(
            "sensors: [{path: a, supervision: periodc}]",
            "m.yaml:2:34: sensors[0].supervision: expected one of periodic, exception, event, got "
                + "\"periodc\", did you mean \"periodic\"?"),
        BadFile(
            "sensors: [{path: a, unknownGrace: 11s}]",
            "m.yaml:2:35: sensors[0].unknownGrace: expected a time with its unit, 0s to 10s (250ms, "
                + "10s, 5m, 2h, 1d), got \"11s\""),
        BadFile(
            "sensors: [{path: a, limits: {high: {}}}]",
            "m.yaml:2:36: sensors[0].limits.high.setpoint: missing; give the value that raises the "
                + "alarm"),
        BadFile(
            "sensors: [{path: a, limits: {high: {setpoint: .nan}}}]",
            "m.yaml:2:47: sensors[0].limits.high.setpoint: expected a number such as 12.5, got "
                + "\".nan\""),
        BadFile(
            "sensors: [{path: a, limits: {high: {setpoint: 1, deadband: -1}}}]",
            "m.yaml:2:60: sensors[0].limits.high.deadband: expected 0 or more in the sensor's unit, "
                + "got \"-1.0\""),
        BadFile(
            "sensors: [{path: a, limits: {low: {setpoint: 5}, high: {setpoint: 5}}}]",
            "m.yaml:2:56: sensors[0].limits.high: setpoint 5.0 must be above low (5.0)"),
        BadFile(
            "sensors: [{path: a, limits: {lowLow: {setpoint: 6}, high: {setpoint: 5}}}]",
            "m.yaml:2:59: sensors[0].limits.high: setpoint 5.0 must be above lowLow (6.0)"),
        BadFile(
            "sensors: [{path: a, timeToRespond: 1500ms}]",
            "m.yaml:2:36: sensors[0].timeToRespond: expected whole seconds"),
        BadFile(
            "sensors: [{path: a, firstChecks: [[]]}]",
            "m.yaml:2:35: sensors[0].firstChecks[0]: expected text, got a list"),
    ]

    @Test(arguments: Self.syntax)
    func `a text that is not our YAML is refused with its place`(bad: BadFile) {
        let result = Fixture.parse(bad.text)
        #expect(result.errors.first?.description == bad.issue)
        #expect(result.configuration == nil)
    }

    @Test(arguments: Self.scalars + Self.edges + Self.sensors)
    func `a wrong value is refused with line, column, key and remedy`(bad: BadFile) {
        let result = Fixture.parse(Fixture.file(bad.text + "\n"))
        #expect(result.errors.map(\.description) == [bad.issue])
        #expect(result.configuration == nil)
    }

    @Test func `all errors of a file are reported in one go`() {
        let result = Fixture.parse(
            """
            node: {nmae: a}
            ring: {capacity: 3}
            log: {level: loud}
            sensors:
              - {path: a/+, deadline: 5}
            """)
        #expect(
            result.errors.map { "\($0.line):\($0.column) \($0.key)" } == [
                "1:7 node.name", "1:8 node", "2:18 ring.capacity", "3:14 log.level",
                "5:12 sensors[0].path", "5:27 sensors[0].deadline",
            ])
    }

    @Test func `errors beyond the limit are counted`() {
        let lines = (0..<80).map { "key\($0): 1\n" }.joined()
        let result = Fixture.parse(Fixture.file(lines))
        #expect(result.errors.count == ConfigurationLimits.errorCountMax)
        #expect(result.suppressedErrorCount == 80 - ConfigurationLimits.errorCountMax)
        #expect(result.report.contains("error: and 30 more errors"))
    }

    @Test func `a long or hostile value is cut in its message`() {
        let value = "\u{202E}" + String(repeating: "a", count: 500) + "\\e[31m"
        let result = Fixture.parse(Fixture.file("log: {level: \"\(value)\"}\n"))
        let message = result.errors.first?.message ?? ""
        #expect(message.utf8.count < 250)
        #expect(message.hasSuffix("…\""))
        #expect(!message.unicodeScalars.contains { [0x1B, 0x202E].contains($0.value) })
    }

    @Test func `text that is not UTF-8 is refused with its place`() {
        let bytes = Array("node:\n  name: ".utf8) + [0xC3, 0x28, 0x0A]
        let result = MidwatchConfiguration.parse(bytes: bytes, fileName: "m.yaml")
        #expect(result.errors.count == 1)
        #expect(result.errors.first?.line == 2)
        #expect(result.errors.first?.column == 10)
    }

    @Test func `a file that is not there is an error, not a trap`() {
        let result = MidwatchConfiguration.load(path: "/nonexistent/m.yaml")
        #expect(
            result.errors.map(\.description) == [
                "/nonexistent/m.yaml: cannot open: No such file or directory"
            ])
    }
}
