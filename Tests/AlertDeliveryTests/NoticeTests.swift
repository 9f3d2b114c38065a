// SPDX-License-Identifier: Apache-2.0

import JSONText
import MidwatchModel
import Testing

@testable import AlertDelivery

/// Digests, drills and tests: people must see what they are, in every language.
@Suite struct NoticeTests {
    private func json(_ word: String, _ alert: Alert) throws -> JSONValue {
        let body = try FormatTests.format(word).request(try FormatTests.input(alert)).body
        return try JSONValue(parsing: String(decoding: body, as: UTF8.self))
    }

    private static let sentencePaths = [
        ("pagerduty", "payload.summary"), ("alertmanager-api", "0.annotations.description"),
        ("alertmanager-webhook", "commonAnnotations.description"),
        ("slack", "blocks.1.text.text"),
    ]

    @Test func `a digest says how many, which came first, and what is most urgent`() throws {
        let digest = try FormatTests.special("digest")
        let facts = NativeAlert(
            try FormatTests.input(digest),
            native: AlertFormat.native.request(try FormatTests.input(digest)).body)
        #expect(facts.headline == "CRITICAL: 12 alarms: 2 critical, 9 high, 1 medium")
        #expect(
            facts.message == """
                12 alarms: 2 critical, 9 high, 1 medium; \
                first: CO west portal: 61.5 ppm, 11.5 ppm above the high limit of 50 ppm; \
                critical: Smoke <west>: 9 %, 4 % above the high limit of 5 %; \
                critical: tunnel/west/fan:stale; and 9 more
                """)
        for (word, path) in Self.sentencePaths {
            let text = try self.json(word, digest).value(atPath: path)?.string ?? ""
            #expect(text.contains("12 alarms: 2 critical"), "\(word)")
        }
    }

    @Test func `digests are alerts of their own to receivers that put alerts together`() throws {
        var second = try FormatTests.special("digest")
        second.id = "digest_4_2"
        for (word, path) in [("alertmanager-api", "0.labels"), ("pagerduty", "dedup_key")] {
            let first = try self.json(word, try FormatTests.special("digest")).value(atPath: path)
            #expect(first != nil)
            #expect(try first != self.json(word, second).value(atPath: path), "\(word)")
        }
    }

    @Test func `a drill is known for one, in its labels and in its first word`() throws {
        var bare = try FormatTests.special("drill")
        let marked = bare
        bare.body = Array(#"{"drill":true,"message":"the tunnel burns"}"#.utf8)
        var test = bare
        test.type = "alarm.test"
        test.body = Array(#"{"message":"the tunnel burns"}"#.utf8)
        for alert in [marked, bare, test] {
            for (word, path) in Self.sentencePaths {
                let text = try self.json(word, alert).value(atPath: path)?.string ?? ""
                #expect(text.hasPrefix("DRILL: "), "\(word): \(text)")
                #expect(!text.hasPrefix("DRILL: DRILL"), "\(word): \(text)")
            }
            let labels = try self.json("alertmanager-api", alert).value(atPath: "0.labels")
            #expect(labels?["drill"]?.string == "true")
        }
        let alarm = try self.json("alertmanager-api", try FormatTests.alert("raised"))
        #expect(alarm.value(atPath: "0.labels.drill") == nil)
    }

    @Test func `the end of a drill ends what it began`() throws {
        let begun = try FormatTests.special("drill")
        var over = begun
        over.type = "alarm.returned"
        over.id = "drill_4_1_end"
        let key = try self.json("pagerduty", begun)["dedup_key"]
        #expect(key != nil)
        #expect(try self.json("pagerduty", over)["dedup_key"] == key)
        #expect(try self.json("pagerduty", over)["event_action"]?.string == "resolve")
        let labels = try self.json("alertmanager-api", begun).value(atPath: "0.labels")
        #expect(try self.json("alertmanager-api", over).value(atPath: "0.labels") == labels)
    }

    @Test func `links lead to the acknowledgement and to the runbook, once each`() throws {
        let links = try self.json("pagerduty", try FormatTests.alert("raised"))["links"]?.array
        #expect(links?.map { $0["text"]?.string } == ["Acknowledge", "Runbook"])
        let annotations = try self.json("alertmanager-api", try FormatTests.alert("raised"))
            .value(atPath: "0.annotations")
        #expect(
            annotations?["acknowledge_url"]?.string == "https://midwatch.example/ack?a=1&t=x")
        #expect(annotations?["runbook_url"]?.string == "https://runbooks.example/co-high")
        var alert = try FormatTests.alert("raised")
        alert.body = Array(
            #"{"links":[{"rel":"acknowledge","href":"javascript:x","text":"t"},{"rel":"x"}]}"#.utf8)
        #expect(try self.json("pagerduty", alert)["links"]?.array == [])
    }
}
