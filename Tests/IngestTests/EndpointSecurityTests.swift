// SPDX-License-Identifier: Apache-2.0

import AccessControl
import MidwatchModel
import Synchronization
import TelemetryWire
import Testing

@testable import Ingest

/// Logins, rights and bounds over real sockets.
struct EndpointSecurityTests {
    /// Collects what an endpoint reports.
    private final class Reports: Sendable {
        private let list = Mutex<[MQTTAccessReport]>([])
        var all: [MQTTAccessReport] { self.list.withLock { $0 } }
        func add(_ report: MQTTAccessReport) { self.list.withLock { $0.append(report) } }
    }

    private static func passwords(_ users: [String: String]) throws -> PasswordFile {
        var file = PasswordFile()
        for (user, password) in users {
            try file.set(user, PasswordHash(password: Array(password.utf8), iterations: 50))
        }
        return file
    }

    private static func rules(_ text: String) throws -> AccessRules {
        try #require(AccessRules.parse(Array(text.utf8), file: "acl").rules)
    }

    private static func world(
        _ policy: MQTTSecurity.Policy, reports: Reports = Reports(),
        limits: MQTTSecurity.Limits = .open, connectTimeout: UInt64 = 10_000_000_000
    ) throws -> MQTTWorld {
        try MQTTWorld {
            $0.connectTimeoutNanoseconds = connectTimeout
            $0.security = MQTTSecurity(limits: limits)
            $0.security.policy = policy
            $0.security.report = { reports.add($0) }
        }
    }

    private func login(
        _ client: MQTTTestClient, _ identifier: String, _ user: String?, _ password: String?
    ) -> UInt8? {
        client.connect(as: identifier) {
            $0.userName = user
            $0.password = password.map { Array($0.utf8) }
        }
    }

    @Test(arguments: [(MQTTVersion.v311, UInt8(4), UInt8(5)), (.v5, 0x86, 0x87)])
    func `the right password comes in; every other is refused and reported`(
        version: MQTTVersion, badLogin: UInt8, notAuthorized: UInt8
    ) async throws {
        let reports = Reports()
        let policy = MQTTSecurity.Policy(
            passwords: try Self.passwords(["me": "right", "you": "other"]), allowsAnonymous: false)
        try await Self.world(policy, reports: reports).run { world in
            let good = try world.client(version)
            #expect(self.login(good, "device-1", "me", "right") == 0)
            good.publish("plain/a", "1")
            #expect(eventually { world[.readingsAccepted] == 1 })
            for (user, password) in [("me", "other"), ("nobody", "right"), ("me", nil)] {
                let bad = try world.client(version)
                #expect(self.login(bad, "device-2", user, password) == badLogin)
                #expect(bad.isClosedByServer())
            }
            let nameless = try world.client(version)
            #expect(self.login(nameless, "device-3", nil, nil) == notAuthorized)
            #expect(world[.authenticationFailures] == 4)
            #expect(world.endpoint[.loginsFailed] == 4)
            // The password was right before: no comparison, no waiting behind the failures.
            let again = try world.client(version)
            #expect(self.login(again, "device-4", "me", "right") == 0)
        }
        #expect(
            reports.all.map(\.cause) == [
                .badUserNameOrPassword, .badUserNameOrPassword,
                .badUserNameOrPassword, .anonymous,
            ])
        #expect(reports.all.map(\.failureCount) == [1, 2, 3, 0])
        #expect(reports.all.allSatisfy { $0.address == "127.0.0.1" && $0.listener == "mqtt/test" })
        #expect(reports.all.map(\.userName) == ["me", "nobody", "me", ""])
        #expect(!reports.all.contains { "\($0)".contains("right") || "\($0)".contains("other") })
    }

    @Test func `an address that fails too often is refused untried, others are not slowed`()
        async throws
    {
        let policy = MQTTSecurity.Policy(
            passwords: try Self.passwords(["me": "right"]), allowsAnonymous: false)
        try await Self.world(policy).run { world in
            let good = try world.client()
            #expect(self.login(good, "good", "me", "right") == 0)
            // Many at once: each takes its turn, and the queue ends where waiting would be long.
            var waiting: [MQTTTestClient] = []
            for number in 0..<40 {
                let bad = try world.client(.v5)
                bad.send(
                    MQTTTestClient.connectBytes(.v5, "bad-\(number)") {
                        $0.userName = "me"
                        $0.password = [1]
                    })
                waiting.append(bad)
            }
            #expect(eventually { world.endpoint[.loginsThrottled] > 0 })
            #expect(world.endpoint[.loginsFailed] < 10)
            good.publish("plain/a", "1")
            #expect(eventually { world[.readingsAccepted] == 1 })
            let known = try world.client()
            #expect(self.login(known, "known", "me", "right") == 0)
            for client in waiting { client.hangUp() }
        }
    }

    @Test func `a topic that is not allowed is refused by the standard and counted`() async throws {
        let reports = Reports()
        let policy = MQTTSecurity.Policy(
            passwords: try Self.passwords(["press": "p"]),
            rules: try Self.rules("user press\ntopic write plain/press/#\n"),
            allowsAnonymous: false)
        try await Self.world(policy, reports: reports).run { world in
            for version in [MQTTVersion.v311, .v5] {
                let client = try world.client(version)
                #expect(self.login(client, "c-\(version)", "press", "p") == 0)
                client.publish("plain/other", "1", qos: .atLeastOnce, identifier: 1)
                let answer = try #require(client.receive())
                #expect(answer.type == .puback)
                // 3.1.1 has no word for it: acknowledged, dropped, counted.
                #expect(answer.body.dropFirst(2).first == (version == .v5 ? 0x87 : nil))
                client.publish("plain/other", "1")
                client.publish("plain/press/a", "2", qos: .atLeastOnce, identifier: 2)
                let count: UInt64 = version == .v5 ? 2 : 1
                #expect(eventually { world[.readingsAccepted] == count })
                world.commit()
                #expect(client.receive()?.body.prefix(2) == [0, 2])
            }
            #expect(world[.readingsRejected] == 4)
            #expect(world[.readingsAccepted] == 2)
            #expect(world.endpoint[.publishesDenied] == 4)
        }
        #expect(reports.all.map(\.cause) == [.topicDenied, .topicDenied], "once per connection")
    }

    @Test func `a will message needs the same right`() async throws {
        let policy = MQTTSecurity.Policy(rules: try Self.rules("topic write plain/mine\n"))
        try await Self.world(policy).run { world in
            for topic in ["plain/other", "plain/mine"] {
                let client = try world.client()
                let code = client.connect(as: "w-\(topic.count)") {
                    $0.will = .init(topic: topic, payload: [UInt8(ascii: "9")])
                }
                #expect(code == 0)
                client.hangUp()
                #expect(eventually { world.endpoint.connections.count == 0 })
            }
            #expect(world[.readingsAccepted] == 1)
            #expect(world[.readingsRejected] == 1)
        }
    }

    @Test func `a reload reaches clients that are connected`() async throws {
        var policy = MQTTSecurity.Policy(
            passwords: try Self.passwords(["a": "1", "b": "2"]), allowsAnonymous: false)
        let first = policy
        policy.passwords = try Self.passwords(["b": "3"])
        policy.rules = try Self.rules("user b\ntopic plain/b\n")
        let second = policy
        try await Self.world(first).run { world in
            let (a, b) = (try world.client(.v5), try world.client(.v5))
            #expect(self.login(a, "a", "a", "1") == 0)
            #expect(self.login(b, "b", "b", "2") == 0)
            a.publish("plain/a", "1")
            b.publish("plain/a", "1")
            #expect(eventually { world[.readingsAccepted] == 2 })
            world.endpoint.reload(second)
            // The user is gone; the other one has fewer topics.
            for (client, topic) in [(a, "plain/a"), (a, "plain/b"), (b, "plain/a")] {
                client.publish(topic, "2", qos: .atLeastOnce, identifier: 7)
                // Behind the packet identifier; the reason in words may follow.
                let body = try #require(client.receive()).body
                #expect(body.count > 2 && body[2] == 0x87, "\(body)")
            }
            b.publish("plain/b", "2")
            #expect(eventually { world[.readingsAccepted] == 3 })
            #expect(self.login(try world.client(.v5), "c", "b", "2") == 0x86)
            #expect(self.login(try world.client(.v5), "d", "b", "3") == 0)
        }
    }

    @Test func `a client that brings too many sensors is stopped, another is not`() async throws {
        var limits = MQTTSecurity.Limits.open
        limits.newSensorCountMax = 2
        try await Self.world(.init(), limits: limits).run { world in
            let (greedy, modest) = (
                try world.connected("greedy", .v5), try world.connected("modest", .v5)
            )
            for number in 0..<4 {
                greedy.publish("plain/g\(number)", "1", qos: .atLeastOnce, identifier: 9)
            }
            #expect(eventually { world.endpoint.statistics.rejections[.sourceLimit] == 2 })
            world.commit()
            // Four answers in order; what was taken has no reason code.
            let answers = (0..<4).map { _ in greedy.receive()?.body.dropFirst(2).first ?? 0 }
            #expect(answers == [0, 0, 0x97, 0x97])
            greedy.publish("plain/g0", "2")
            modest.publish("plain/m", "1")
            #expect(eventually { world[.readingsAccepted] == 4 })
            #expect(world.endpoint.statistics.rejections[.sourceLimit] == 2)
        }
    }

    @Test func `a client that sends too fast is read slowly and loses nothing`() async throws {
        var limits = MQTTSecurity.Limits.open
        limits.messageRate = 100
        try await Self.world(.init(), limits: limits).run { world in
            let client = try world.connected("fast")
            for number in 0..<140 { client.publish("plain/a", "\(number)") }
            #expect(eventually { world[.readingsAccepted] >= 100 })
            #expect(world[.readingsAccepted] < 140, "the burst is one second's worth")
            #expect(world.endpoint[.messageRatePauses] > 0)
            #expect(eventually { world[.readingsAccepted] == 140 })
        }
    }

    @Test func `connections that say nothing make room and disturb nobody`() async throws {
        var limits = MQTTSecurity.Limits.open
        limits.halfOpenCountMax = 20
        try await Self.world(.init(), limits: limits, connectTimeout: 30_000_000_000).run { world in
            let good = try world.connected("good")
            var silent: [MQTTTestClient] = []
            for number in 0..<60 {
                let client = try world.client()
                // Half of a CONNECT is none.
                if number % 2 == 0 { client.send([0x10, 0x20, 0x00, 0x04]) }
                silent.append(client)
            }
            #expect(eventually { world.endpoint[.halfOpenRefused] == 40 })
            // When they are old enough, whoever comes takes the place of one of them.
            #expect(
                eventually {
                    (try? world.client())?.connect(as: "late") == 0
                })
            #expect(world.endpoint[.halfOpenEvicted] > 0)
            good.publish("plain/a", "1")
            #expect(eventually { world[.readingsAccepted] == 1 })
            #expect(silent.count == 60)
        }
    }

    @Test func `a connection that never finishes its CONNECT ends in time`() async throws {
        try await Self.world(.init(), connectTimeout: 300_000_000).run { world in
            let slow = try world.client()
            slow.send([0x10, 0x20, 0x00])
            #expect(slow.isClosedByServer())
            #expect(world[.connectTimeouts] == 1)
            #expect(eventually { world.endpoint.connections.count == 0 })
        }
    }

    @Test func `connections beyond the rate of an address are closed`() async throws {
        var limits = MQTTSecurity.Limits.open
        limits.connectRate = 1
        limits.connectBurst = 2
        try await Self.world(.init(), limits: limits).run { world in
            let kept = [try world.connected("a"), try world.connected("b")]
            #expect(try world.client().isClosedByServer())
            #expect(world.endpoint[.connectionsRateLimited] == 1)
            #expect(kept.count == 2)
        }
    }
}
