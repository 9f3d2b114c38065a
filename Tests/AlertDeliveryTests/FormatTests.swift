// SPDX-License-Identifier: Apache-2.0

import Glibc
import JSONText
import MidwatchModel
import Testing

@testable import AlertDelivery

/// What each format makes of an alert, held to files that were read by people.
///
/// `MIDWATCH_GOLDEN=write` writes them anew; read the difference before it is committed.
@Suite struct FormatTests {
    static let folder = String(#filePath.dropLast("FormatTests.swift".count))

    static func golden(_ name: String) throws -> String {
        try #require(Self.read(Self.folder + "Golden/" + name), "\(name)")
    }

    static func shipped(_ name: String) throws -> String {
        try #require(Self.read(Self.folder + "../../Deploy/" + name), "\(name)")
    }

    static func read(_ path: String) -> String? {
        guard let file = unsafe fopen(path, "r") else { return nil }
        defer { unsafe fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = unsafe fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes[..<count], as: UTF8.self)
    }

    /// The alert of the golden files at one stage of its life.
    static func alert(_ phase: String) throws -> Alert {
        var text = try Self.golden("alert-raised.data.json")
        while text.last == "\n" { text.removeLast() }
        var state = "unacknowledged"
        if phase == "acknowledged" { state = "acknowledged" }
        if phase == "returned" { state = "returnedUnacknowledged" }
        let changed = text.replacing("\"to\":\"unacknowledged\"", with: "\"to\":\"\(state)\"")
        return Alert(
            id: "alert_4_81220_0", alarmKey: 7, alarmID: "tunnel/west/co:high", sequence: 81_220,
            priority: .high, type: "alarm.\(phase)",
            occurredAt: WallInstant(nanoseconds: 1_795_230_245_123_456_789), ledgerN: 12,
            isRecorded: true, body: Array(changed.utf8))
    }

    /// A digest of twelve alarms, or a drill: what is about no single alarm of the plant.
    static func special(_ name: String) throws -> Alert {
        var text = try Self.golden("alert-\(name).data.json")
        while text.last == "\n" { text.removeLast() }
        let isDigest = name == "digest"
        return Alert(
            id: isDigest ? "digest_4_1" : "drill_4_1", alarmKey: 8,
            alarmID: isDigest ? "digest" : "midwatch/gateway-1/drill:test", sequence: 9,
            priority: isDigest ? .critical : .high,
            type: isDigest ? "alarm.digest" : "alarm.raised",
            occurredAt: WallInstant(nanoseconds: 1_795_230_245_123_456_789), ledgerN: 0,
            isRecorded: true, body: Array(text.utf8))
    }

    static func input(
        _ alert: Alert, url: String = "https://receiver.example/hook"
    ) throws -> AlertFormat.Input {
        var item = QueuedAlert(order: 1, alert: alert, takenAt: seconds(0))
        item.attemptCount = 2
        item.firstAttemptAt = WallInstant(nanoseconds: 1_795_230_245_200_000_000)
        var credentials = EndpointCredentials(signer: try makeSigner(exampleSecret))
        credentials.routingKey = "0123456789abcdef0123456789abcdef"
        return AlertFormat.Input(
            item: item, number: 2, now: WallInstant(nanoseconds: 1_795_230_246_000_000_000),
            endpoint: "room", address: try EndpointAddress(url), credentials: credentials)
    }

    static func format(_ word: String) throws -> AlertFormat {
        switch word {
        case "native": .native
        case "cloudevents": .cloudEvents
        case "alertmanager-webhook": .alertmanagerWebhook
        case "alertmanager-api": .alertmanagerAPI(AlertmanagerOptions())
        case "pagerduty": .pagerDuty
        default: .template(try AlertTemplate(try Self.shipped("templates/slack.json")))
        }
    }

    static let words = [
        "native", "cloudevents", "alertmanager-webhook", "alertmanager-api", "pagerduty", "slack",
    ]

    @Test(arguments: FormatTests.words, ["raised", "acknowledged", "returned"])
    func `each format writes what its golden file says`(word: String, phase: String) throws {
        try Self.hold(word, phase, to: try Self.alert(phase))
    }

    @Test(arguments: FormatTests.words, ["digest", "drill"])
    func `each format makes sense of digests and drills`(word: String, name: String) throws {
        try Self.hold(word, name, to: try Self.special(name))
    }

    private static func hold(_ word: String, _ phase: String, to alert: Alert) throws {
        let request = try Self.format(word).request(try Self.input(alert))
        let text = String(decoding: request.body, as: UTF8.self)
        _ = try JSONValue(parsing: text)
        let name = "\(word)-\(phase).json"
        if unsafe getenv("MIDWATCH_GOLDEN") != nil {
            let file = unsafe fopen(Self.folder + "Golden/" + name, "w")
            _ = unsafe file.map { unsafe fputs(text + "\n", $0) }
            _ = unsafe file.map { unsafe fclose($0) }
        }
        #expect(text + "\n" == (try Self.golden(name)))
    }

    @Test func `the native body keeps to the published schema`() throws {
        let schema = try JSONValue(parsing: try Self.shipped("schema/alert.schema.json"))
        for phase in ["raised", "acknowledged", "returned"] {
            var input = try Self.input(try Self.alert(phase))
            let body = try JSONValue(
                parsing: String(decoding: AlertFormat.native.request(input).body, as: UTF8.self))
            #expect(SchemaCheck(schema).faults(body) == [])
            input.item.supersededIDs = ["alert_4_81219_0"]
            input.item.supersededCount = 3
            let standIn = try JSONValue(
                parsing: String(decoding: AlertFormat.native.request(input).body, as: UTF8.self))
            #expect(SchemaCheck(schema).faults(standIn) == [])
        }
    }

    @Test(arguments: ["digest", "drill"])
    func `digests and drills keep to the published schema as well`(name: String) throws {
        let schema = try JSONValue(parsing: try Self.shipped("schema/alert.schema.json"))
        let body = AlertFormat.native.request(try Self.input(try Self.special(name))).body
        let text = String(decoding: body, as: UTF8.self)
        #expect(SchemaCheck(schema).faults(try JSONValue(parsing: text)) == [])
        for (from, to, fault) in [
            ("\"count\":12", "\"count\":0", "data.count"),
            ("\"cause\":\"flood\"", "\"cause\":\"x\"", "data.cause"),
            ("\"aboutMonitor\":true", "\"aboutMonitor\":false", "data.aboutMonitor"),
            ("\"format\":1", "\"format\":2", "data.format"),
        ] where text.contains(from) {
            let bad = try JSONValue(parsing: text.replacing(from, with: to))
            let faults = SchemaCheck(schema).faults(bad)
            #expect(faults.contains { $0.hasPrefix(fault + ":") }, "\(fault): \(faults)")
        }
    }

    @Test func `a body that leaves the schema is found`() throws {
        let schema = try JSONValue(parsing: try Self.shipped("schema/alert.schema.json"))
        let good = String(
            decoding: AlertFormat.native.request(try Self.input(try Self.alert("raised"))).body,
            as: UTF8.self)
        for (from, to, fault) in [
            ("\"priority\":\"high\"", "\"priority\":\"urgent\"", "data.priority"),
            ("\"attempt\":2", "\"attempt\":0", "data.delivery.attempt"),
            ("\"timestamp\":\"2026", "\"timestamp\":\"26", "timestamp"),
            ("\"checkFirst\":[\"", "\"checkFirst\":[1,\"", "data.checkFirst.0"),
            ("\"type\":\"alarm", "\"kind2\":\"alarm", "type"),
        ] {
            let bad = try JSONValue(parsing: good.replacing(from, with: to))
            let faults = SchemaCheck(schema).faults(bad)
            #expect(faults.contains { $0.hasPrefix(fault + ":") }, "\(fault): \(faults)")
        }
    }

    @Test func `addresses get the path of their interface, or of a secret`() throws {
        let alert = try Self.alert("raised")
        for (word, url, secret, wanted) in [
            ("native", "https://h.example/x?y=1", nil, "https://h.example/x?y=1"),
            (
                "alertmanager-api", "http://127.0.0.1:9093/", nil,
                "http://127.0.0.1:9093/api/v2/alerts"
            ),
            (
                "alertmanager-api", "http://127.0.0.1:9093/am/api/v2/alerts", nil,
                "http://127.0.0.1:9093/am/api/v2/alerts"
            ),
            (
                "pagerduty", "https://events.eu.pagerduty.com", nil,
                "https://events.eu.pagerduty.com/v2/enqueue"
            ),
            (
                "slack", "https://hooks.slack.com", "/services/T0/B0/x",
                "https://hooks.slack.com/services/T0/B0/x"
            ),
        ] as [(String, String, String?, String)] {
            var input = try Self.input(alert, url: url)
            input.credentials.urlPath = secret
            #expect(try Self.format(word).request(input).url == wanted)
        }
    }

    @Test func `an authorization stands in its field and nowhere else`() throws {
        var input = try Self.input(try Self.alert("raised"))
        input.credentials.authorization = "Bearer s3cret"
        let request = AlertFormat.native.request(input)
        let secret = request.headers.filter { $0.value.contains("s3cret") }
        #expect(secret.map(\.name) == ["authorization"])
        #expect(secret.map(\.value) == ["Bearer s3cret"])
        #expect(!String(decoding: request.body, as: UTF8.self).contains("s3cret"))
    }

    @Test(arguments: FormatTests.words)
    func `every attempt is a span of its own in the trace of its alert`(word: String) throws {
        let alert = try Self.alert("raised")
        let body = try JSONValue(parsing: alert.body.span)
        let trace = try #require(body["traceparent"]?.string).split(separator: "-")
        var spans: Set<Substring> = [trace[2]]
        for (number, endpoint) in [(UInt32(1), "room"), (2, "room"), (1, "pager")] {
            var input = try Self.input(alert)
            input.number = number
            input.endpoint = endpoint
            let fields = try Self.format(word).request(input).headers
            let value = try #require(fields.first { $0.name == "traceparent" }?.value)
            let parts = value.split(separator: "-")
            #expect(value.utf8.count == 55 && parts.count == 4)
            #expect([parts[0], parts[1], parts[3]] == ["00", trace[1], "01"])
            #expect(spans.insert(parts[2]).inserted, "another span")
        }
    }

    @Test func `an alert in no trace, or in one that is none, begins no trace`() throws {
        for member in ["", #""traceparent":"00-0","#, #""traceparent":"00-\#(zeros)-1-01","#] {
            var alert = makeAlert(1)
            alert.body = Array("{\(member)\"a\":1}".utf8)
            #expect(AttemptTrace.parent(of: alert, endpoint: "room", number: 1) == nil)
        }
    }

    private var zeros: String { String(repeating: "0", count: 32) }

    // MARK: Limits

    @Test func `texts that are too long are cut and say so`() throws {
        var alert = try Self.alert("raised")
        let long = String(repeating: "ü€👩‍🚒", count: 2_000)
        let body = String(decoding: alert.body, as: UTF8.self)
        alert.body = Array(
            body.replacing("HIGH: CO west portal: 61.5", with: long)
                .replacing("CO west portal: 61.5", with: long).utf8)
        let input = try Self.input(alert)
        for word in Self.words {
            let request = try Self.format(word).request(input)
            let json = try JSONValue(parsing: String(decoding: request.body, as: UTF8.self))
            let (path, count) =
                switch word {
                case "pagerduty": ("payload.summary", 1_024)
                case "alertmanager-api": ("0.annotations.summary", 4_096)
                case "alertmanager-webhook": ("commonAnnotations.summary", 4_096)
                case "slack": ("blocks.1.text.text", 2_900)
                default: ("data.message", Int.max)
                }
            let text = try #require(json.value(atPath: path)?.string, "\(word)")
            #expect(text.utf16.count <= count)
            #expect((count == Int.max) == !text.hasSuffix(TextLimit.mark), "\(word)")
            #expect(text.hasPrefix("ü€👩‍🚒"))
        }
    }

    @Test func `a key that is too long stays one for one alarm`() throws {
        var keys: Set<String> = []
        for name in ["a", "b"] {
            var alert = try Self.alert("raised")
            alert.alarmID = String(repeating: "x", count: 400) + "/\(name):high"
            let facts = NativeAlert(try Self.input(alert), native: Array("{}".utf8))
            let key = facts.deduplicationKey(charactersMax: 255)
            #expect(key.utf16.count == 255)
            #expect(key == facts.deduplicationKey(charactersMax: 255))
            keys.insert(key)
        }
        #expect(keys.count == 2)
    }

    @Test func `the largest alert fits an event of PagerDuty`() throws {
        var alert = try Self.alert("raised")
        let filler = String(repeating: "\\u0001", count: (DeliveryLimits.bodyBytesMax - 100) / 6)
        alert.body = Array("{\"message\":\"m\",\"filler\":\"\(filler)\"}".utf8)
        #expect(alert.isWellFormed)
        let body = AlertFormat.pagerDuty.request(try Self.input(alert)).body
        #expect(body.count < 512 * 1_024)
    }

    @Test func `labels stay when priority and texts change`() throws {
        let first = try Self.input(try Self.alert("raised"))
        var second = try Self.input(try Self.alert("returned"))
        second.item.alert.priority = .low
        second.item.alert.body = Array(
            String(decoding: second.item.alert.body, as: UTF8.self)
                .replacing("CO west portal", with: "renamed").utf8)
        second.knownPriority = .high
        func labels(_ input: AlertFormat.Input) throws -> JSONValue? {
            let body = try Self.format("alertmanager-api").request(input).body
            return try JSONValue(parsing: String(decoding: body, as: UTF8.self))
                .value(atPath: "0.labels")
        }
        #expect(try labels(first) != nil)
        #expect(try labels(first) == labels(second))
    }

    @Test func `an acknowledgement that ends an alarm tells of its end`() {
        typealias Phase = NativeAlert.Phase
        for (type, state, phase) in [
            ("alarm.raised", "unacknowledged", Phase.raised),
            ("alarm.acknowledged", "acknowledged", .acknowledged),
            ("alarm.acknowledged", "normal", .returned),
            ("alarm.acknowledged", "latchedAcknowledged", .returned),
            ("alarm.returned", "returnedUnacknowledged", .returned),
            ("alarm.digest", nil, .notice), ("alarm.repeated", "acknowledged", .raised),
            ("monitor.note", nil, .notice),
        ] as [(String, String?, Phase)] {
            #expect(NativeAlert.phase(of: type, state: state) == phase, "\(type) \(state ?? "-")")
        }
    }

    // MARK: Answers

    @Test func `answers are judged as their receiver means them`() throws {
        let slack = try Self.format("slack")
        for (format, status, answer, wanted) in [
            (AlertFormat.native, 204, "", AttemptVerdict.delivered),
            (.native, 302, "", .retry(throttles: false)), (.native, 410, "", .disable),
            (.native, 422, "", .permanent), (.native, 401, "", .pause(status: 401)),
            (.pagerDuty, 202, "{}", .delivered),
            (.pagerDuty, 200, "<html>log in</html>", .retry(throttles: false)),
            (.pagerDuty, 400, "invalid event", .permanent),
            (.pagerDuty, 429, "", .retry(throttles: true)),
            (.pagerDuty, 500, "", .retry(throttles: false)),
            (.alertmanagerAPI(AlertmanagerOptions()), 400, "bad labels", .permanent),
            (slack, 200, "ok", .delivered), (slack, 200, "<html>", .retry(throttles: false)),
            (slack, 400, "invalid_payload", .permanent),
            (slack, 404, "no_service", .pause(status: 404)),
            (slack, 403, "invalid_token", .pause(status: 403)),
            (slack, 410, "channel_is_archived", .disable),
            (slack, 500, "rollup_error", .retry(throttles: false)),
        ] as [(AlertFormat, UInt16, String, AttemptVerdict)] {
            #expect(
                format.verdict(status: status, answer: Array(answer.utf8)) == wanted,
                "\(format.word) \(status) \(answer)")
        }
    }
}
