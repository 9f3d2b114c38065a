// SPDX-License-Identifier: Apache-2.0

import Glibc
import JSONText
import MidwatchModel
import OperatorViews
import Synchronization
import Testing

@testable import OperatorAPI

/// Links `open`, `used`, `over`, `old`; every other one is forged. What is acknowledged is a request.
extension FakeBackend: RoutingBackend {
    private var alarm: LinkAnswer.Alarm {
        LinkAnswer.Alarm(
            alarmID: "a/b:high", message: "<script>CO & smoke</script>", priority: "critical",
            raisedAt: "2026-11-21T03:04:05Z")
    }

    func link(_ token: String) async -> LinkAnswer {
        switch token {
        case "open": .open(self.alarm)
        case "used": .acknowledged(self.alarm)
        case "over": .superseded(alarmID: "a/b:high")
        case "old": .expired(alarmID: "a/b:high")
        default: .forged
        }
    }

    func acknowledge(link token: String, comment: String, address: String) async -> LinkAnswer {
        guard case .open(let alarm) = await self.link(token) else { return await self.link(token) }
        do throws(Problem) {
            _ = try await self.perform(
                AlarmCommand(
                    .acknowledge, alarmID: alarm.alarmID, activation: "1:1.0",
                    author: CommandAuthor(
                        user: "link", origin: "link:\(address)", comment: comment)))
            return .done(alarm)
        } catch {
            return .failed(reason: error.detail)
        }
    }

    func routes(explaining sensor: String?) async throws(Problem) -> [UInt8] {
        if sensor == "nowhere" { throw Problem(.notFound, detail: "no sensor") }
        guard let sensor else { return Array(#"{"items":[{"route":"all"}]}"#.utf8) }
        return Array(#"{"items":[{"alarmID":"\#(sensor)"}]}"#.utf8)
    }

    func silences() async throws(Problem) -> [UInt8] {
        Array(#"{"items":[{"id":"s0","holds":true,"silence":{}}]}"#.utf8)
    }

    func addSilence(
        _ wanted: JSONValue, author: String, origin: String
    ) async throws(Problem) -> [UInt8] {
        guard wanted["reason"]?.string != nil else { throw Problem(.badRequest, detail: "why") }
        return Array(#"{"id":"s1","author":"\#(author)"}"#.utf8)
    }

    func removeSilence(
        _ id: String, author: String, origin: String
    ) async throws(Problem) -> [UInt8] {
        guard id == "s1" else { throw Problem(.notFound, detail: "no silence") }
        return Array(#"{"id":"s1"}"#.utf8)
    }

    func beginTest(
        _ wanted: JSONValue, author: String, origin: String
    ) async throws(Problem) -> [UInt8] {
        Array(#"{"id":"drill_1_1"}"#.utf8)
    }

    func test(_ id: String) async throws(Problem) -> [UInt8] {
        Array(#"{"id":"\#(id)","open":[],"attempts":[],"raised":true,"hindrances":[]}"#.utf8)
    }
}

/// The page behind a link, and what is asked about routes.
@Suite(.serialized, .timeLimit(.minutes(1))) struct AcknowledgePageTests {
    private let code = "-w '\\n%{http_code}'"

    @Test func `a look at the page changes nothing, however often and by whatever means`()
        async throws
    {
        try await withServer { server in
            for arguments in ["", "-H 'User-Agent: scanner'", "-X GET -d x=1"] {
                let page = await server.curlUnix("\(arguments) \(self.code)", "/ack/open")
                #expect(page.hasSuffix("200"))
                #expect(page.contains("<form method=\"post\">"))
                #expect(page.contains("&lt;script&gt;CO &amp; smoke&lt;/script&gt;"))
                #expect(!page.contains("<script>"))
            }
            _ = await server.curlUnix("-I", "/ack/open")
            let put = await server.curlUnix("-X PUT \(self.code)", "/ack/open")
            #expect(put.hasSuffix("503"))
            #expect(server.backend.state.withLock { $0.commands }.isEmpty)
        }
    }

    @Test func `the button acknowledges, with who says so and from where`() async throws {
        try await withServer { server in
            let page = await server.curlUnix(
                "--data-urlencode 'name=Jo & Co' --data-urlencode 'comment=fans on' "
                    + "-H 'X-Forwarded-For: 203.0.113.9<b>, 10.0.0.1' \(self.code)",
                "/ack/open")
            #expect(page.hasSuffix("200"))
            #expect(page.contains("Your acknowledgement is in the ledger"))
            let request = try #require(server.backend.state.withLock { $0.commands }.first)
            #expect(request.author.comment == "Jo & Co: fans on")
            #expect(request.author.user == "link")
            #expect(request.author.origin.hasPrefix("link:"))
            #expect(request.author.origin.hasSuffix(", for 203.0.113.9b"))
        }
    }

    @Test(arguments: [
        ("used", "409", "Already acknowledged"), ("over", "410", "This link is over"),
        ("old", "410", "This link has expired"), ("x", "403", "Not a link of this monitor"),
        ("..%2F..%2Fetc", "403", "Not a link of this monitor"),
    ])
    func `used, superseded, expired and forged links say so`(
        token: String, status: String, title: String
    ) async throws {
        try await withServer { server in
            for arguments in ["", "-X POST -d comment=x"] {
                let page = await server.curlUnix("\(arguments) \(self.code)", "/ack/\(token)")
                #expect(page.hasSuffix(status))
                #expect(page.contains(title))
                #expect(!page.contains("<form"))
            }
            #expect(server.backend.state.withLock { $0.commands }.isEmpty)
        }
    }

    @Test func `a form that is too long acknowledges nothing`() async throws {
        try await withServer { server in
            let page = await server.curlUnix(
                "-d \"comment=$(head -c 20000 /dev/zero | tr '\\0' a)\" \(self.code)", "/ack/open")
            #expect(page.hasSuffix("503"))
            #expect(server.backend.state.withLock { $0.commands }.isEmpty)
        }
    }

    @Test func `the page lets nothing in from elsewhere and keeps the link to itself`()
        async throws
    {
        try await withServer { server in
            let head = await server.curlUnix("-D - -o /dev/null", "/ack/open").lowercased()
            #expect(head.contains("referrer-policy: no-referrer"))
            #expect(head.contains("default-src 'none'"))
            #expect(head.contains("cache-control: no-store"))
            let details = server.accesses.all.map(\.detail)
            #expect(details.contains("GET /ack"))
            #expect(!details.contains { $0.contains("open") }, "the token is in no log")
        }
    }

    @Test func `routes, silences and tests are asked and ordered`() async throws {
        try await withServer { server in
            let json = "-H 'Content-Type: application/json'"
            let answers = [
                await server.curlUnix("", "/v1/alerts/routes"),
                await server.curlUnix("", "/v1/alerts/routes?explain=a%2Fb"),
                await server.curlUnix("", "/v1/alerts/silences"),
                await server.curlUnix("\(json) -d '{\"reason\":\"x\"}'", "/v1/alerts/silences"),
                await server.curlUnix("\(json) -d '{}'", "/v1/alerts/silences/s1/remove"),
                await server.curlUnix("\(json) -d '{\"route\":\"x\"}'", "/v1/alerts/test"),
                await server.curlUnix("", "/v1/alerts/test/drill_1_1"),
            ]
            let me = LocalAccounts.name(uid: getuid())
            #expect(
                answers.map { $0.filter { $0 != "\n" } } == [
                    #"{"items":[{"route":"all"}]}"#, #"{"items":[{"alarmID":"a/b"}]}"#,
                    #"{"items":[{"id":"s0","holds":true,"silence":{}}]}"#,
                    #"{"id":"s1","author":"\#(me)"}"#, #"{"id":"s1"}"#, #"{"id":"drill_1_1"}"#,
                    #"{"id":"drill_1_1","open":[],"attempts":[],"raised":true,"hindrances":[]}"#,
                ])
            for (arguments, path, status) in [
                ("", "/v1/alerts/routes?explain=nowhere", "404"),
                ("", "/v1/alerts/routes?misspelt=1", "400"),
                ("\(json) -d '{}'", "/v1/alerts/silences", "400"),
                ("\(json) -d '{}'", "/v1/alerts/silences/s2/remove", "404"),
                ("", "/v1/alerts/nothing", "404"),
            ] {
                let answer = await server.curlUnix("\(arguments) \(self.code)", path)
                #expect(answer.hasSuffix(status), "\(path)")
            }
        }
    }

    @Test func `without a token the port takes no silence, but the page of a link`() async throws {
        try await withServer { server in
            let json = "-H 'Content-Type: application/json'"
            let refused = await server.curlTCP(
                "\(json) -d '{\"reason\":\"x\"}' \(self.code)", "/v1/alerts/silences")
            #expect(refused.hasSuffix("403"))
            let page = await server.curlTCP("-d comment=x \(self.code)", "/ack/open")
            #expect(page.hasSuffix("200"))
            let origin = server.backend.state.withLock { $0.commands.first?.author.origin }
            #expect(origin == "link:127.0.0.1")
        }
    }

    @Test func `the page answers by whatever name a proxy asks, and whatever token came along`()
        async throws
    {
        try await withServer { server in
            let host = "-H 'Host: monitor.example' -H 'Authorization: Bearer wrong' \(self.code)"
            let page = await server.curlTCP("-d comment=x \(host)", "/ack/open")
            #expect(page.hasSuffix("200"))
            #expect(server.backend.state.withLock { $0.commands.map(\.action) } == [.acknowledge])
            let routes = await server.curlTCP(host, "/v1/alerts/routes")
            #expect(routes.hasSuffix("421"))
        }
    }

    @Test
    func `a silence with a key against doing it twice is refused, for it would be done twice`()
        async throws
    {
        try await withServer { server in
            let head = "-H 'Content-Type: application/json' -H 'Idempotency-Key: k'"
            let answer = await server.curlUnix(
                "\(head) -d '{\"reason\":\"x\"}' \(self.code)", "/v1/alerts/silences")
            #expect(answer.hasSuffix("400"))
        }
    }
}
