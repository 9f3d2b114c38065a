// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import AlertDelivery
import Glibc
import Logging
import MidwatchConfiguration
import MidwatchModel
import Testing

@testable import midwatchd

/// Listeners and secrets that are not there yet.
@Suite struct RetryTests {
    private func instant(_ seconds: Double) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: UInt64(seconds * 1e9))
    }

    private func configuration(_ text: String) throws -> MidwatchConfiguration {
        try #require(
            MidwatchConfiguration.parse(text: text, fileName: "test.yaml").configuration)
    }

    @Test func `the pause doubles from a second to ten`() {
        var pace = RetryPace()
        var now = self.instant(100)
        #expect(pace.isDue(now))
        var pauses: [UInt64] = []
        for _ in 0..<6 {
            pace.failed(at: now)
            pauses.append(pace.nextAt.nanosecondsSince(now) / 1_000_000_000)
            #expect(!pace.isDue(now))
            now = pace.nextAt
            #expect(pace.isDue(now))
        }
        #expect(pauses == [1, 2, 4, 8, 10, 10])
    }

    @Test func `the operator API is down while its last failure is fresh`() {
        let own = OwnCounters()
        #expect(!own.isAPIDown(self.instant(100)))
        own.noteAPIFailure(at: self.instant(100))
        #expect(own.isAPIDown(self.instant(105)), "it is tried again every five seconds")
        #expect(!own.isAPIDown(self.instant(112)))
        own.note(.alarmRaised, isRecorded: true)
        own.note(.alarmRaised, isRecorded: false)
        own.note(.runStarted, isRecorded: false)
        #expect(own.effectsUnrecorded == 1, "a start tells nobody")
    }

    @Test func `a listener is down from its first failure until it opens`() {
        let board = ListenerBoard(names: ["udp/a", "mqtt/b"])
        #expect(board.due(self.instant(1)) == [0, 1])
        #expect(board.flags == [false, false], "not tried yet")
        #expect(board.opened(1) == 0)
        #expect(board.failed(0, reason: "in use", at: self.instant(1)) == 1)
        #expect(board.flags == [true, false])
        #expect(board.down == [.init(name: "udp/a", reason: "in use")])
        #expect(board.due(self.instant(1.5)) == [])
        #expect(board.due(self.instant(2)) == [0])
        #expect(board.opened(0) == 1)
        #expect(board.down.isEmpty)
        #expect(board.due(self.instant(1_000)).isEmpty)
    }

    @Test func `alerts about the monitor go out although no route names its paths`() throws {
        let endpoints = """
            node: {name: n}
            alerts:
              endpoints:
                - {name: room, url: "http://127.0.0.1:1/"}
                - {name: log, url: "http://127.0.0.1:2/"}
              routes:
                - {paths: ["tunnel/#"], endpoints: [room], priorities: [high, critical]}
                - {paths: ["tunnel/#"], endpoints: [log], priorities: [low]}

            """
        func told(_ text: String, _ alarm: String, _ priority: AlarmPriority) throws -> [String] {
            let alerts = try self.configuration(text).alerts
            let table = RouteTable(alerts.policy, endpoints: alerts.endpoints.map(\.name))
            return table.resolve(AlertSubject(alarmID: alarm, priority: priority)).routes
                .flatMap { table.routes[$0].stages.flatMap(\.endpoints) }
                .map { table.endpoints[$0] }
        }
        #expect(try told(endpoints, "tunnel/co:high", .high) == ["room"])
        #expect(try told(endpoints, "pump/flow:high", .high) == [])
        #expect(try told(endpoints, "midwatch/n/ring/fill:high", .high) == ["room"])
        #expect(try told(endpoints, "midwatch/n/ring/fill:high", .low) == ["log"])
        let named = endpoints + "    - {paths: [\"midwatch/#\"], endpoints: [log]}\n"
        #expect(
            try told(named, "midwatch/n/ring/fill:high", .high) == ["log"], "the site has decided")
    }

    @Test func `an endpoint without its secret is not usable until the file is there`() throws {
        var template = Array("/tmp/midwatch-keys-XXXXXX".utf8CString)
        let fd = unsafe template.withUnsafeMutableBufferPointer { buffer in
            unsafe buffer.baseAddress.map { unsafe mkstemp($0) } ?? -1
        }
        try #require(fd >= 0)
        let path = String(
            decoding: template.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        defer {
            close(fd)
            unsafe unlink(path)
        }
        let configuration = try self.configuration(
            """
            node: {name: n}
            alerts:
              endpoints:
                - {name: room, url: "http://127.0.0.1:1/", secrets: [{file: "\(path)"}]}
                - {name: open, url: "http://127.0.0.1:2/"}
            """)
        let clock = EngineClock(continuingAt: self.instant(1))
        let keys = EndpointKeys(
            configuration.alerts.endpoints, clock: clock,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        #expect(keys.credentials(of: "room") == nil)
        #expect(
            keys.unusable.map(\.name) == ["room"], "without secrets it is unsigned, not unusable")
        #expect(keys.unusable.first?.reason.contains(path) == true)
        let text = Array("whsec_aW50ZWdyYXRpb24tdGVzdC1zZWNyZXQtMDAwMDAw\n".utf8)
        #expect(unsafe write(fd, text, text.count) == text.count)
        let end = clock.now().advanced(byNanoseconds: 5_000_000_000)
        while keys.credentials(of: "room") == nil, clock.now() < end { keys.everySecond() }
        #expect(keys.credentials(of: "room") != nil)
        #expect(keys.unusable.isEmpty)
    }
}
