// SPDX-License-Identifier: Apache-2.0

import JSONText
import MidwatchModel
import Testing

@testable import AlertDelivery

@Suite struct EnvelopeTests {
    @Test func `the delivery of this attempt stands beside what the program wrote`() throws {
        var item = makeItem(1, 9)
        item.firstAttemptAt = testWall
        let now = WallInstant(nanoseconds: testWall.nanoseconds + 2_345_678_901)
        let bytes = AlertEnvelope.body(of: item, number: 3, now: now)
        #expect(
            String(decoding: bytes, as: UTF8.self)
                == #"{"type":"alarm.raised","timestamp":"2023-11-14T22:13:20.000000Z","#
                + #""data":{"sensor":"plant/sensor-9","value":12.5,"delivery":{"attempt":3,"#
                + #""firstAttemptAt":"2023-11-14T22:13:20.000000Z","delayedBySeconds":2.345,"#
                + #""recorded":false}}}"#)
    }

    @Test(arguments: ["{}", "{ \n}", #"{"a":{}}"#])
    func `an alert of any content gives one JSON value`(body: String) throws {
        var item = makeItem(1, 9)
        item.alert.body = Array(body.utf8)
        item.supersededIDs = ["a", "b"]
        item.supersededCount = 40
        // A clock that was set back gives no negative delay.
        let bytes = AlertEnvelope.body(of: item, number: 1, now: WallInstant(nanoseconds: 0))
        let json = try JSONValue(parsing: String(decoding: bytes, as: UTF8.self))
        #expect(json.value(atPath: "data.delivery.delayedBySeconds")?.double == 0)
        #expect(json.value(atPath: "data.delivery.supersededCount")?.integer == 40)
        #expect(json.value(atPath: "data.delivery.superseded.1")?.string == "b")
    }

    @Test func `what cannot go into a header or a text is malformed`() {
        #expect(makeAlert(1).isWellFormed)
        for id in ["", "a.b", "a b", "a\r\nx: y", "ä", String(repeating: "a", count: 201)] {
            var alert = makeAlert(1)
            alert.id = id
            #expect(!alert.isWellFormed, "\(id)")
        }
        for body in ["", "[]", "{", "null", "x}"] {
            var alert = makeAlert(1)
            alert.body = Array(body.utf8)
            #expect(!alert.isWellFormed, "\(body)")
        }
        var alert = makeAlert(1)
        alert.type = "alarm raised"
        #expect(!alert.isWellFormed)
    }

    @Test func `addresses name scheme, host and port`() throws {
        let secure = try EndpointAddress("https://Hooks.example.org/a?b=c")
        #expect(secure.isSecure && secure.host == "hooks.example.org" && secure.port == 443)
        let plain = try EndpointAddress("HTTP://[::1]:8080/x")
        #expect(!plain.isSecure && plain.host == "::1" && plain.port == 8_080)
        #expect(try EndpointAddress("http://10.0.0.7").port == 80)
    }

    @Test(arguments: [
        ("ftp://host/", EndpointAddress.Refusal.scheme), ("file:///etc/passwd", .scheme),
        ("unix:///run/x", .scheme), ("http+unix://%2Frun", .scheme), ("", .scheme),
        ("http://", .host), ("http:///x", .host), ("http://:80/", .host), ("http://[::1", .host),
        ("http://host:0/", .port), ("http://host:65536/", .port), ("http://host:a/", .port),
        ("http://host:/", .port), ("http://user:secret@host/", .userInfo),
        ("http://a\\b/", .characters), ("http://host/ x", .characters),
        ("http://host/\r\nx", .characters), ("http://hôst/", .characters),
        ("http://host/#x", .fragment),
    ])
    func `other addresses are refused with the reason`(
        url: String, refusal: EndpointAddress.Refusal
    ) {
        #expect(throws: refusal) { try EndpointAddress(url) }
    }

    @Test func `a heap gives its elements in order, whatever was thrown out`() {
        var heap = BinaryHeap<Int>()
        var generator = SplitMix64(seed: 3)
        let numbers = (0..<500).map { _ in Int.random(in: 0..<100, using: &generator) }
        for number in numbers { heap.push(number) }
        heap.compact(liveCount: 0) { $0 % 3 == 0 }
        let wanted = numbers.filter { $0 % 3 == 0 }.sorted()
        #expect(heap.count == wanted.count)
        #expect(wanted.map { _ in heap.pop() } == wanted)
        #expect(heap.pop() == nil)
    }
}
