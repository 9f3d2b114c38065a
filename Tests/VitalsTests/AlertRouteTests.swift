// SPDX-License-Identifier: Apache-2.0

import Glibc
import JSONText
import MidwatchModel
import Synchronization
import Testing
import Vitals
import midwatch_watchdog

@Suite struct AlertRouteTests {
    static func message(
        _ problem: Problem = .daemonDied, _ occasion: ProblemReport.Occasion = .raised,
        number: UInt64 = 1
    ) -> AlertMessage {
        let now = BootClock.now()
        return AlertMessage(
            ProblemReport(
                problem, occasion,
                since: MonotonicInstant(
                    nanoseconds: now.nanoseconds - 3_500_000_000), cause: .noBeat),
            number: number, startedAt: MonotonicInstant(nanoseconds: 5_000_000),
            AlertMessage.Circumstances(
                node: "gw \"1\"", bootID: BootID(high: 1, low: 2), now: now,
                wall: WallInstant(nanoseconds: 1_790_000_000_000_000_000), phase: "running",
                daemonProcessID: 77, epoch: 4, restartCount: 2, restartTotal: 9))
    }

    static func json(_ bytes: [UInt8]) throws -> [String: JSONValue] {
        guard case .object(let members) = try JSONValue(parsing: bytes.span) else { return [:] }
        return Dictionary(members.map { ($0.0, $0.1) }, uniquingKeysWith: { first, _ in first })
    }

    @Test func `a message answers the three questions and says where and when`() throws {
        let message = Self.message(.stageStuck(.engine))
        let json = try Self.json(message.body)
        #expect(json["problem"] == .string("stageStuck.engine"))
        #expect(json["state"] == .string("raised"))
        #expect(json["priority"] == .string("critical"))
        #expect(json["whatHappened"] == .string("The engine stage of midwatchd does not move."))
        #expect(
            json["whatIsAffected"]
                == .string("No alarm is raised and no sensor turns stale: the monitor is blind."))
        guard case .array(let checks) = json["checkFirst"] else {
            Issue.record("checkFirst is a list")
            return
        }
        #expect(checks.count >= 2)
        #expect(json["node"] == .string("gw \"1\""))
        #expect(json["stage"] == .string("engine"))
        #expect(json["since"] == .string("2026-09-21T14:13:16.500000Z"))
        #expect(json["ageSeconds"] == .number(3.5))
        #expect(json["daemonProcessID"] == .integer(77))
        #expect(json["restartCount"] == .integer(2))
        #expect(json["bootID"] == .string("00000000-0000-0001-0000-000000000002"))
        #expect(json["id"] == .string("watchdog-00000000-0000-0001-0000-000000000002-5-1"))
    }

    @Test func `every problem has a text of its own`() {
        let others: [Problem] = [
            .canaryNotEvaluated, .canaryNotJournaled, .daemonDied, .daemonAbsent, .daemonStopped,
            .daemonUnkillable, .recoveryStalled, .stopStalled, .storageFailed, .suspendedTooLong,
            .pageUnusable, .criticalUndelivered, .ladderExhausted, .watchdogLate, .daemonFrozen,
            .diskStalled,
        ]
        let all = others + Stage.allCases.map(Problem.stageStuck)
        for problem in all {
            let text = ProblemText(problem, cause: .noBeat)
            #expect(!text.whatHappened.isEmpty)
            #expect(!text.whatIsAffected.isEmpty)
            #expect(!text.checkFirst.isEmpty)
        }
        #expect(Set(all.map { ProblemText($0, cause: .noBeat).whatHappened }).count == all.count)
        #expect(Set(all.map(\.word)).count == all.count)
    }

    // MARK: HTTP

    @Test(arguments: [
        ("HTTP/1.1 200 OK\r\n", HTTPRequest.Answer.status(200)),
        ("HTTP/1.0 503 x\r\n\r\n", .status(503)),
        ("HTTP/1.1 204\r\n", .status(204)),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 A\r\n", .status(202)),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1", .needsMore),
        ("HTTP/1.1 100 Continue\r\n", .needsMore),
        ("HTTP/1.1 2", .needsMore), ("", .needsMore),
        ("HTTP/2 200\r\n", .malformed), ("SSH-2.0-x\r\n", .malformed),
        ("HTTP/1.1 20 OK\r\n", .malformed), ("HTTP/1.1 099 x\r\n", .malformed),
        (String(repeating: "x", count: 300), .malformed),
    ])
    func `the status line of an answer is found`(text: String, expected: HTTPRequest.Answer) {
        #expect(HTTPRequest.answer(Array(text.utf8)[...]) == expected)
    }

    @Test(arguments: [
        ("http://127.0.0.1:8080/a?b#c", "127.0.0.1", UInt16(8_080), "/a?b", "127.0.0.1:8080"),
        ("http://host", "host", 80, "/", "host"), ("http://host?q", "host", 80, "/?q", "host"),
        ("http://[::1]:81/", "::1", 81, "/", "[::1]:81"),
        ("https://h.example:443/x", "h.example", 443, "/x", "h.example"),
    ])
    func `an endpoint is read from its URL`(
        text: String, host: String, port: UInt16, target: String, hostField: String
    ) throws {
        let endpoint = try Endpoint(text)
        #expect(endpoint.host == host)
        #expect(endpoint.port == port)
        #expect(endpoint.target == target)
        #expect(endpoint.hostField == hostField)
    }

    @Test func `a message is posted once when it is taken`() async throws {
        let sink = try #require(HTTPSink())
        let worker = try #require(Self.worker(sink.url))
        #expect(worker.start())
        worker.offer(Self.message())
        #expect(await waits(5) { sink.requests.count == 1 })
        let request = try #require(sink.requests.first)
        #expect(request.head.hasPrefix("POST /hook HTTP/1.1\r\nHost: 127.0.0.1:\(sink.port)\r\n"))
        #expect(request.head.contains("X-Secret: s\r\n"))
        #expect(try Self.json(request.body)["problem"] == .string("daemonDied"))
        #expect(await waits(5) { worker.pendingCount == 0 })
        #expect(worker.deliveredCount == 1)
        _ = worker.retire()
    }

    @Test func `a refused message is sent again with the same id, and order is kept`() async throws
    {
        let sink = try #require(HTTPSink(statuses: [503, 301, 200, 200]))
        let worker = try #require(Self.worker(sink.url))
        worker.offer(Self.message(number: 1))
        #expect(worker.start())
        #expect(await waits(5) { sink.requests.count >= 1 })
        // A new message ends the pause of the old one.
        worker.offer(Self.message(number: 2))
        #expect(await waits(10) { worker.deliveredCount == 2 })
        let ids = try sink.requests.map { try Self.json($0.body)["id"]?.string }
        #expect(ids.count == 4)
        #expect(Set(ids.prefix(3)).count == 1)
        #expect(ids.last == Self.message(number: 2).id)
        _ = worker.retire()
    }

    @Test func `a route takes what is urgent enough, and no more than it holds`() throws {
        var route = RouteConfiguration(
            name: "siren", transport: .http(try Endpoint("http://127.0.0.1:9/"), []))
        route.minimumPriority = .critical
        let worker = try #require(RouteWorker(route, curl: "curl"))
        worker.offer(Self.message(.watchdogLate))
        #expect(worker.pendingCount == 0)
        for number in 0..<200 { worker.offer(Self.message(number: UInt64(number))) }
        #expect(worker.pendingCount == RouteWorker.queueCountMax)
        let left = worker.retire()
        #expect(left.first?.id == Self.message(number: 0).id)
        #expect(left.last?.id == Self.message(number: 199).id)
    }

    @Test func `an endpoint that answers nothing is given up in time`() throws {
        let sink = try #require(HTTPSink(statuses: [], answers: false))
        let transport = Transport.http(try Endpoint(sink.url), [])
        let begin = BootClock.now()
        let outcome = transport.send([1], curl: "curl", timeout: 300_000_000)
        #expect(outcome == .failed("no answer in time"))
        #expect(BootClock.now().nanosecondsSince(begin) < 2_000_000_000)
        #expect(
            Transport.http(try Endpoint("http://127.0.0.1:1/"), [])
                .send([1], curl: "curl", timeout: 300_000_000)
                == .failed("connecting: Connection refused"))
    }

    @Test func `a message leaves by the interface that its route names`() throws {
        let sink = try #require(HTTPSink(statuses: [200]))
        var endpoint = try Endpoint(sink.url)
        endpoint.interface = "lo"
        #expect(
            Transport.http(endpoint, []).send([1], curl: "curl", timeout: 2_000_000_000)
                == .delivered)
        endpoint.interface = "nosuch0"
        let missing = Transport.http(endpoint, [])
            .send([1], curl: "curl", timeout: 2_000_000_000)
        #expect(missing == .failed("connecting: No such device"))
        #expect(sink.requests.count == 1)
        let settings = CurlSettings.text(
            "POST", endpoint, headers: [], body: [], timeout: 1_000_000_000)
        #expect(settings.contains("interface = \"if!nosuch0\"\n"))
    }

    // MARK: Commands and curl

    @Test func `a command gets the message on its standard input`() {
        let folder = TemporaryFolder()
        let file = folder.file("out")
        let transport = Transport.command(["/bin/sh", "-c", "cat > '\(file)'"])
        #expect(
            transport.send(Array("{}".utf8), curl: "curl", timeout: 5_000_000_000) == .delivered)
        #expect(TemporaryFolder.read(file) == Array("{}\n".utf8))
    }

    @Test func `a command that fails, hangs or is missing is told apart`() {
        signal(SIGPIPE, SIG_IGN)
        func send(_ arguments: [String]) -> SendOutcome {
            // More than a pipe holds, to a command that reads nothing.
            Transport.command(arguments).send(
                Array(repeating: 0x20, count: 200_000), curl: "curl", timeout: 400_000_000)
        }
        #expect(send(["/bin/sh", "-c", "exit 7"]) == .refused(7))
        #expect(send(["/bin/sh", "-c", "sleep 60"]) == .failed("/bin/sh did not end in time"))
        #expect(
            send(["/nonexistent"])
                == .failed("/nonexistent cannot start: No such file or directory"))
    }

    @Test func `curl that is not there is said plainly`() throws {
        let transport = Transport.curl(try Endpoint("https://h.example/"), [])
        #expect(
            transport.send([], curl: "curl-that-is-not-there", timeout: 1_000_000_000)
                == .failed(
                    "curl-that-is-not-there is not installed: https routes need it "
                        + "(Debian: apt install curl)"))
        #expect(!CurlSettings.isInstalled("curl-that-is-not-there"))
        #expect(!CurlSettings.isInstalled("/nonexistent/curl"))
        #expect(CurlSettings.isInstalled("sh"))
    }

    @Test func `curl is told everything on its standard input`() throws {
        let folder = TemporaryFolder()
        // In place of curl: keeps its arguments and its input, and answers as curl does.
        let fake = folder.write(
            "curl",
            "#!/bin/sh\necho \"$@\" > '\(folder.file("arguments"))'\n"
                + "cat > '\(folder.file("input"))'\nprintf 204\n")
        let secret = try #require(HeaderField("Authorization: Bearer \"s\\1\""))
        let transport = Transport.curl(try Endpoint("https://h.example/x"), [secret])
        let outcome = transport.send(
            Array("{\"a\":\"b\"}".utf8), curl: fake, timeout: 5_000_000_000)
        #expect(outcome == .delivered)
        #expect(TemporaryFolder.read(folder.file("arguments")) == Array("-q -K -\n".utf8))
        let input = String(decoding: TemporaryFolder.read(folder.file("input")), as: UTF8.self)
        #expect(input.contains("url = \"https://h.example/x\"\n"))
        #expect(input.contains("proto = \"=https\"\n"))
        #expect(input.contains(#"header = "Authorization: Bearer \"s\\1\"""# + "\n"))
        #expect(input.contains(#"data-raw = "{\"a\":\"b\"}""# + "\n"))
    }

    @Test func `the real curl understands what it is told`() throws {
        // Nobody listens there: 7 is "failed to connect", 2 or 26 would be bad settings.
        let secret = try #require(HeaderField("Authorization: Bearer \"s\\1\""))
        let outcome = Transport.curl(try Endpoint("https://127.0.0.1:1/x"), [secret])
            .send(Array("{\"a\":\"b\"}".utf8), curl: "curl", timeout: 5_000_000_000)
        guard case .failed(let text) = outcome else {
            Issue.record("nobody listens on port 1: \(outcome)")
            return
        }
        #expect(text.hasPrefix("curl ended with 7: "))
    }

    @Test(arguments: [
        (ChildProcess.Outcome.exited(0, output: "200"), SendOutcome.delivered),
        (.exited(0, output: "301"), .refused(301)), (.exited(0, output: "000"), .refused(0)),
        (.exited(0, output: ""), .failed("curl gave no status")),
        (
            .exited(6, output: "curl: (6) no host\n000"),
            .failed("curl ended with 6: curl: (6) no host000")
        ),
        (.timedOut, .failed("curl did not end in time")),
    ])
    func `what curl ends with is understood`(outcome: ChildProcess.Outcome, expected: SendOutcome) {
        #expect(CurlSettings.outcome(outcome, curl: "curl") == expected)
    }

    @Test func `pauses double up to a minute`() {
        var pause = RetryPause()
        let now = MonotonicInstant(nanoseconds: 0)
        let seconds = (0..<9).map { _ in pause.next(now: now).nanoseconds / 1_000_000_000 }
        #expect(seconds == [1, 2, 4, 8, 16, 32, 60, 60, 60])
        var spread = RetryPause()
        let late = spread.next(now: MonotonicInstant(nanoseconds: 999_000))
        #expect(late.nanoseconds - 999_000 < 1_250_000_000)
    }

    static func worker(_ url: String) -> RouteWorker? {
        guard let endpoint = try? Endpoint(url), let header = HeaderField("X-Secret: s") else {
            return nil
        }
        return RouteWorker(
            RouteConfiguration(name: "sink", transport: .http(endpoint, [header])), curl: "curl")
    }
}
