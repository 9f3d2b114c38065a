// SPDX-License-Identifier: Apache-2.0

import Glibc
import JSONText
import MidwatchModel
import OperatorConsole
import OperatorViews
import Synchronization
import Testing

@testable import OperatorAPI

/// Who may do what, and how often.
@Suite(.serialized, .timeLimit(.minutes(2))) struct RightsTests {
    private static let code = "-o /dev/null -w '%{http_code}'"

    private static func bearer(_ token: String) -> String {
        "-H 'Authorization: Bearer \(token)'"
    }

    private static func post(_ body: String) -> String {
        "-X POST -H 'Content-Type: application/json' -d '\(body)'"
    }

    /// A body that every command takes.
    private static let body = """
        {"activation":"1:5.0","comment":"x","seconds":60,"mode":"night",\
        "alarms":[{"alarmID":"a:high","activation":"1:5.0"}]}
        """

    private static func address(of operation: APIOperation) -> String {
        let path = operation.path.replacing("{alarmID}", with: "plant%2Farea%2F0001:stale")
            .replacing("{area}", with: "west")
        return operation.name == .why ? path + "?sensor=plant/area/0001" : path
    }

    @Test func `every operation asks for its role, over the socket and with a token`()
        async throws
    {
        for role in [OperatorRole.viewer, .operator, .admin] {
            try await withServer(rights: FakeAccess(peerRole: role)) { server in
                for operation in APIOperation.all where operation.name != .stream {
                    let isAllowed = operation.role.map { $0 <= role } ?? true
                    let arguments =
                        Self.code + " " + (operation.method == "post" ? Self.post(Self.body) : "")
                    let status = await server.curlUnix(arguments, Self.address(of: operation))
                    #expect(
                        status == (isAllowed ? "200" : "403"),
                        "\(role) \(operation.method) \(operation.path): \(status)")
                }
            }
        }
        try await withServer(rights: .withTokens) { server in
            for (token, role) in [("v1", OperatorRole.viewer), ("o1", .operator), ("a1", .admin)] {
                for operation in APIOperation.all where operation.name != .stream {
                    let isAllowed = operation.role.map { $0 <= role } ?? true
                    let arguments =
                        Self.code + " \(Self.bearer(token)) "
                        + (operation.method == "post" ? Self.post(Self.body) : "")
                    let status = await server.curlTCP(arguments, Self.address(of: operation))
                    #expect(
                        status == (isAllowed ? "200" : "403"),
                        "\(role) \(operation.method) \(operation.path): \(status)")
                }
            }
        }
    }

    @Test func `an account without a role sees health and metrics and nothing else`()
        async throws
    {
        try await withServer(rights: FakeAccess(peerRole: nil)) { server in
            #expect(await server.curlUnix(Self.code, "/healthz") == "200")
            #expect(await server.curlUnix(Self.code, "/metrics") == "200")
            #expect(await server.curlUnix(Self.code, "/v1/status") == "403")
            let text = await server.curlUnix(Self.post(Self.body), "/v1/alarms/a:high/ack")
            let refused = try problem(in: text)
            #expect(refused.kind == .forbidden)
            #expect(server.backend.state.withLock { $0.commands.isEmpty })
        }
    }

    @Test func `without tokens the port shows everything and takes nothing`() async throws {
        try await withServer { server in
            for operation in APIOperation.all where operation.name != .stream {
                let arguments =
                    Self.code + " " + (operation.method == "post" ? Self.post(Self.body) : "")
                let status = await server.curlTCP(arguments, Self.address(of: operation))
                #expect(
                    status == (operation.method == "get" ? "200" : "403"), "\(operation.path)")
            }
            #expect(server.backend.state.withLock { $0.commands.isEmpty })
            #expect(server.backend.state.withLock { $0.modeCommands.isEmpty })
            // A token that nobody gave is wrong, whatever it would be for.
            #expect(
                await server.curlTCP("\(Self.code) \(Self.bearer("x"))", "/v1/status") == "401")
        }
    }

    @Test func `wrong tokens wait longer each time, right ones do not`() async throws {
        try await withServer(rights: .withTokens) { server in
            let timed = "-o /dev/null -w '%{http_code} %{time_total}'"
            var seconds: [Double] = []
            for _ in 0..<3 {
                let text = await server.curlTCP("\(timed) \(Self.bearer("x"))", "/v1/status")
                let parts = text.split(separator: " ")
                #expect(parts.first == "401")
                seconds.append(Double(parts.last ?? "") ?? 0)
            }
            #expect(seconds[0] >= 0.25 && seconds[1] >= 0.5 && seconds[2] >= 1, "\(seconds)")
            let right = await server.curlTCP("\(timed) \(Self.bearer("v1"))", "/v1/status")
            #expect(right.hasPrefix("200 "))
            // A delayed one would now wait two seconds.
            #expect((Double(right.dropFirst(4)) ?? 9) < 1.5, "\(right)")
            #expect(server.metrics[.loginsFailed] == 3)
            let failed = server.accesses.all.filter { $0.kind == .loginFailed }
            #expect(failed.map(\.address) == ["127.0.0.1", "127.0.0.1", "127.0.0.1"])
            let read = server.accesses.all.first { $0.kind == .read }
            #expect(read?.user == "screen")
        }
    }

    @Test func `a page of a browser that renamed this machine gets nothing`() async throws {
        try await withServer { server in
            let evil = "-H 'Host: evil.example'"
            #expect(await server.curlTCP("\(Self.code) \(evil)", "/v1/status") == "421")
            for host in ["127.0.0.1:80", "localhost", "[::1]:8093"] {
                #expect(
                    await server.curlTCP("\(Self.code) -H 'Host: \(host)'", "/v1/status") == "200")
            }
        }
    }

    @Test func `the terminal that the client names stands behind its origin, cleaned`()
        async throws
    {
        try await withServer { server in
            _ = await server.curlUnix(
                "\(Self.post(Self.body)) -H 'Midwatch-Terminal: pts/3@10.0.0.7\",x=\"y'",
                "/v1/alarms/a:high/ack")
            let origin = server.backend.state.withLock { $0.commands.first?.author.origin } ?? ""
            #expect(origin.hasPrefix("unix:pid="))
            #expect(origin.hasSuffix(",uid=\(getuid()),terminal=pts/3@10.0.0.7xy"), "\(origin)")
        }
    }
}

/// The budgets of callers, without a server.
@Suite struct RequestLimitsTests {
    private static func at(_ seconds: Double) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: UInt64(seconds * 1e9) + 1_000_000_000_000)
    }

    @Test func `a caller has a budget for reads and one for commands`() {
        let limits = RequestLimits()
        var reads = 0
        while limits.admits("uid=7", isCommand: false, now: Self.at(0)) { reads += 1 }
        #expect(reads == OperatorAPILimits.requestsAtOnce)
        #expect(limits.admits("uid=7", isCommand: true, now: Self.at(0)))
        #expect(limits.admits("uid=8", isCommand: false, now: Self.at(0)))
        #expect(!limits.admits("uid=7", isCommand: false, now: Self.at(0)))
        #expect(limits.admits("uid=7", isCommand: false, now: Self.at(0.01)))
    }

    @Test func `a flood of callers shares a budget and forgets the silent`() {
        let limits = RequestLimits()
        for number in 0..<OperatorAPILimits.callersMax {
            #expect(limits.admits("\(number)", isCommand: false, now: Self.at(0)))
        }
        var shared = 0
        while limits.admits("new \(shared)", isCommand: false, now: Self.at(0)) { shared += 1 }
        #expect(shared == OperatorAPILimits.requestsAtOnce)
        #expect(limits.admits("late", isCommand: false, now: Self.at(60)))
        var own = 0
        while limits.admits("late", isCommand: false, now: Self.at(60)) { own += 1 }
        #expect(own == OperatorAPILimits.requestsAtOnce - 1)
    }

    @Test func `failures wait longer up to a bound, and are forgotten`() {
        let limits = RequestLimits()
        func failed(_ second: Double) -> UInt64? {
            defer { limits.waited() }
            return limits.failed("127.0.0.1", now: Self.at(second))
        }
        let first = OperatorAPILimits.failureFirstNanoseconds
        #expect(failed(0) == first)
        #expect(failed(1) == 2 * first)
        #expect(failed(2) == 4 * first)
        for _ in 0..<20 { _ = failed(3) }
        #expect(failed(4) == OperatorAPILimits.failureLastNanoseconds)
        #expect(failed(3_600) == first)
        for _ in 0..<OperatorAPILimits.failuresWaitingMax {
            #expect(limits.failed("a", now: Self.at(0)) != nil)
        }
        #expect(limits.failed("a", now: Self.at(0)) == nil)
    }
}
