// SPDX-License-Identifier: Apache-2.0

import Glibc
import JSONText
import Logging
import MidwatchModel
import OperatorConsole
import OperatorViews
import Synchronization
import Testing

@testable import OperatorAPI

@Suite(.serialized, .timeLimit(.minutes(2))) struct OperatorAPITests {
    @Test func `status, sensors, alarms and events are read over the unix socket`() async throws {
        try await withServer { server in
            server.backend.append(events: 3)
            try await onOwnThread {
                Result {
                    let client = server.client
                    #expect(try client.status().node == "edge-1")
                    let sensors = try client.sensors(SensorQuery(limit: 10))
                    #expect(sensors.items.map(\.path) == ["plant/area/0000", "plant/area/0001"])
                    #expect(sensors.next == nil)
                    let alarms = try client.alarms(AlarmQuery(limit: 10))
                    #expect(alarms.items.map(\.activation) == ["1:5.0"])
                    let events = try client.events(after: 1, limit: 1)
                    #expect(events.items.map(\.n) == [2])
                    #expect(events.next == "2")
                }
            }.get()
            #expect(server.metrics[.status2xx] == 4)
        }
    }

    @Test func `pages follow each other and end`() async throws {
        try await withServer(FakeBackend(sensors: 25)) { server in
            try await onOwnThread {
                Result {
                    let all = try server.client.allSensors(SensorQuery(limit: 10))
                    #expect(all.count == 25)
                    #expect(Set(all.map(\.path)).count == 25)
                    var query = SensorQuery(limit: 5)
                    query.order = .worst
                    let worst = try server.client.sensors(query)
                    #expect(worst.items.allSatisfy { $0.freshness == .stale })
                    #expect(worst.items.count == 5)
                    query.filter = "+/area/0007"
                    query.freshness = .stale
                    #expect(try server.client.sensors(query).items.map(\.index) == [7])
                }
            }.get()
            #expect(server.backend.state.withLock { $0.pagesFetched } == 5)
        }
    }

    @Test func `an acknowledgement names its user by the kernel's word`() async throws {
        try await withServer { server in
            let answer = try await onOwnThread {
                Result {
                    try server.client.acknowledge(
                        alarmID: "plant/area/0001:stale", activation: "1:5.0",
                        comment: "going there, \"now\"")
                }
            }.get()
            #expect(answer.position == "1:9")
            #expect(answer.recorded)
            let command = try #require(server.backend.state.withLock { $0.commands.first })
            #expect(command.alarmID == "plant/area/0001:stale")
            #expect(command.activation == "1:5.0")
            #expect(command.author.comment == "going there, \"now\"")
            let user = await shell("getent passwd $(id -u) | cut -d: -f1")
            #expect(command.author.user + "\n" == user)
            #expect(command.author.origin == "unix:pid=\(getpid()),uid=\(getuid())")
        }
    }

    @Test func `bad requests get problem json with the right status`() async throws {
        let post = "-X POST -H 'Content-Type: application/json' -d"
        let long = String(repeating: "x", count: 100_000)
        let cases: [(arguments: String, path: String, kind: Problem.Kind)] = [
            ("", "/nowhere", .notFound), ("", "/v1/sensors/x", .notFound),
            ("-X DELETE", "/v1/status", .methodNotAllowed),
            ("", "/v1/alarms/a/acknowledge", .methodNotAllowed),
            ("", "/v1/sensors?limit=0", .badRequest), ("", "/v1/sensors?limit=1001", .badRequest),
            ("", "/v1/sensors?fliter=x", .badRequest),
            ("", "/v1/sensors?freshness=dead", .badRequest),
            ("", "/v1/events?after=x", .badRequest),
            ("", "/v1/sensors?q=%zz", .badRequest), ("", "/v1/sensors?a=1&a=2", .badRequest),
            ("-H 'Last-Event-ID: x'", "/v1/stream", .badRequest),
            ("\(post) '{'", "/v1/alarms/a/acknowledge", .badRequest),
            ("\(post) '{}'", "/v1/alarms/a/acknowledge", .badRequest),
            (
                "\(post) '{\"activation\":\"1:1.0\",\"comment\":7}'", "/v1/alarms/a/acknowledge",
                .badRequest
            ),
            ("-X POST -d 'activation=1'", "/v1/alarms/a/acknowledge", .unsupportedMediaType),
            ("\(post) '{\"activation\":\"\(long)\"}'", "/v1/alarms/a/acknowledge", .bodyTooLarge),
        ]
        try await withServer { server in
            for (arguments, path, kind) in cases {
                let text = await server.curlUnix(
                    "-w '%{http_code} %{content_type}' \(arguments)", path)
                let lines = text.split(separator: "\n")
                #expect(lines.last == "\(kind.status) application/problem+json", "\(path)")
                let json = try JSONValue(parsing: String(lines.first ?? ""))
                #expect(try Problem(json: json).kind == kind, "\(path)")
            }
            #expect(server.backend.state.withLock { $0.commands.isEmpty })
            #expect(server.metrics[.status4xx] == UInt64(cases.count))
        }
    }

    @Test func `health and readiness follow the backend`() async throws {
        try await withServer { server in
            let code = "-o /dev/null -w '%{http_code}'"
            #expect(await server.curlUnix(code, "/healthz") == "200")
            #expect(await server.curlUnix(code, "/readyz") == "200")
            server.backend.state.withLock { $0.level = .failed }
            #expect(await server.curlUnix(code, "/healthz") == "503")
            #expect(await server.curlTCP(code, "/readyz") == "503")
        }
    }

    @Test func `the metrics page is valid and counts the requests`() async throws {
        try await withServer { server in
            _ = await server.curlTCP("", "/v1/status")
            let text = await server.curlTCP("-i", "/metrics")
            let parts = text.replacing("\r\n", with: "\n").split(
                separator: "\n\n", maxSplits: 1, omittingEmptySubsequences: false)
            #expect(
                parts[0].lowercased().contains("content-type: text/plain; version=0.0.4"))
            let page = try PrometheusPage(parsing: String(parts[1]))
            #expect(page.faults() == [])
            let readings = try #require(
                page.families.first { $0.name == "midwatch_readings_total" })
            #expect(readings.samples.first?.identity == #"midwatch_readings_total{source="a\"b"}"#)
            let requests = try #require(
                page.families.first { $0.name == "midwatch_api_requests_total" })
            #expect(requests.samples.first?.value == 1)
        }
    }

    @Test func `without a token the loopback port takes no command`() async throws {
        let post =
            "-w '%{http_code}' -X POST -H 'Content-Type: application/json' "
            + "-d '{\"activation\":\"1:1.0\"}'"
        try await withServer { server in
            #expect(
                await server.curlTCP(post, "/v1/alarms/a:high/acknowledge").hasSuffix("403"))
            #expect(
                await server.curlTCP("-w '%{http_code}'", "/v1/status").hasSuffix("200"))
            #expect(server.backend.state.withLock { $0.commands.isEmpty })
        }
        try await withServer(rights: .withTokens) { server in
            let path = "/v1/alarms/a%2Fb:high/acknowledge"
            #expect(await server.curlTCP(post, path).hasSuffix("401"))
            #expect(
                await server.curlTCP(post + " -H 'Authorization: Bearer o2'", path)
                    .hasSuffix("401"))
            #expect(server.backend.state.withLock { $0.commands.isEmpty })
            #expect(
                await server.curlTCP(post + " -H 'Authorization: Bearer o1'", path)
                    .hasSuffix("200"))
            let request = try #require(server.backend.state.withLock { $0.commands.first })
            #expect(request.alarmID == "a/b:high")
            #expect(request.author.user == "shift")
            #expect(request.author.origin.hasPrefix("tcp:127.0.0.1:"))
            let code = "-o /dev/null -w '%{http_code}'"
            #expect(await server.curlTCP(code, "/v1/status") == "401")
            #expect(await server.curlTCP(code, "/metrics") == "200")
        }
    }

    @Test func `every request is told to the access log, with who it was`() async throws {
        try await withServer(rights: .withTokens) { server in
            _ = await server.curlUnix("", "/v1/status?secret=1")
            _ = await server.curlUnix("", "/nowhere")
            _ = await server.curlTCP("", "/v1/sensors")
            _ = await server.curlUnix(
                "-X POST -H 'Content-Type: application/json' -d '{\"activation\":\"1:5.0\"}'",
                "/v1/alarms/a:high/acknowledge")
            let seen = server.accesses.all
            let me = "uid=\(getuid())"
            #expect(
                seen == [
                    AccessEvent(
                        .read, listener: "api/unix", address: me, detail: "GET /v1/status"),
                    AccessEvent(
                        .refused, listener: "api/unix", address: me, detail: "GET /nowhere"),
                    AccessEvent(
                        .loginFailed, listener: "api/tcp", address: "127.0.0.1",
                        detail: "GET /v1/sensors"),
                    AccessEvent(
                        .command, listener: "api/unix", address: me,
                        detail: "POST /v1/alarms/{alarmID}/acknowledge"),
                ])
            #expect(server.metrics[.loginsFailed] == 1)
        }
    }

    @Test func `a stream resumes by id and misses nothing`() async throws {
        try await withServer { server in
            server.backend.append(events: 3)
            let first = Mutex<[UInt64]>([])
            try await onOwnThread {
                Result {
                    var last: UInt64? = 1
                    try server.client.follow(from: &last) { event in
                        first.withLock {
                            $0.append(event.n)
                            if $0.count == 2 { server.backend.append(events: 200) }
                            return $0.count < 5
                        }
                    }
                }
            }.get()
            #expect(first.withLock { $0 } == [2, 3, 4, 5, 6])
            let text = await server.curlUnix(
                "-m 2 -N -H 'Last-Event-ID: 201'", "/v1/stream")
            #expect(text.contains("id: 202\nevent: ledger\ndata: {\"n\":202,"))
            #expect(text.contains("id: 203\n"))
            #expect(text.hasPrefix("retry: 2000\nid: 201\n: open\n\n"))
            #expect(!text.contains("{\"n\":201,"))
            // The client hung up; its seat is free without waiting for the next heartbeat.
            let start = ContinuousClock.now
            #expect(await eventually { server.metrics.openStreamCount == 0 })
            #expect(ContinuousClock.now - start < .seconds(5))
        }
    }

    @Test func `a stream without a start begins with the next event`() async throws {
        try await withServer { server in
            server.backend.append(events: 5)
            async let seen = onOwnThread {
                let seen = Mutex<[UInt64]>([])
                var last: UInt64?
                try? server.client.follow(from: &last) { event in
                    seen.withLock { $0.append(event.n) }
                    return false
                }
                return seen.withLock { $0 }
            }
            #expect(await eventually { server.metrics.openStreamCount == 1 })
            server.backend.append(events: 1)
            #expect(await seen == [6])
        }
    }

    @Test func `streams are bounded per address and end when the server stops`() async throws {
        let ended = TestCount()
        try await withServer { server in
            for _ in 0..<OperatorAPILimits.streamsPerAddressMax {
                startOnOwnThread {
                    var last: UInt64?
                    try? server.client.follow(from: &last) { _ in true }
                    // The stream said where it began, although there was no event.
                    if last == 0 { ended.increment() }
                }
            }
            #expect(
                await eventually {
                    server.metrics.openStreamCount == OperatorAPILimits.streamsPerAddressMax
                })
            let refused = await server.curlUnix("-w '%{http_code}'", "/v1/stream")
            #expect(refused.hasSuffix("503"))
            #expect(server.metrics[.streamsRefused] == 1)
            // Somebody else still finds a place.
            async let other = server.curlTCP("-m 1 -N -w '%{http_code}'", "/v1/stream")
            #expect(
                await eventually {
                    server.metrics.openStreamCount == OperatorAPILimits.streamsPerAddressMax + 1
                })
            #expect(await other.contains(": open"))
        }
        #expect(await eventually { ended.value == OperatorAPILimits.streamsPerAddressMax })
    }

    @Test func `seats are bounded in all and per address, and given back`() {
        let seats = StreamSeats()
        func take(_ address: String) -> Bool {
            seats.take(max: 3, perAddressMax: 2, address: address)
        }
        #expect(take("a") && take("a") && !take("a"))
        #expect(take("b") && !take("b") && !take("c"))
        seats.giveBack(address: "a")
        #expect(take("c"))
        #expect(seats.count == 3)
    }

    @Test func `the socket is for owner and group, and its peers are told apart`() async throws {
        try await withServer { server in
            var status = stat()
            #expect(unsafe stat(server.socketPath, &status) == 0)
            #expect(status.st_mode & 0o777 == 0o660)
        }
    }

    @Test func `a socket left by a crash is replaced, one in use and other files are not`()
        async throws
    {
        try await withServer { server in
            let second = try OperatorAPIServer(
                configuration: OperatorAPIConfiguration(socketPath: server.socketPath),
                backend: server.backend, access: FakeAccess(), logger: Logger(label: "test"))
            await #expect(throws: OperatorAPIError.socketInUse(path: server.socketPath)) {
                try await second.run()
            }
            let file = server.folder + "/file"
            _ = await shell("touch \(file)")
            let third = try OperatorAPIServer(
                configuration: OperatorAPIConfiguration(socketPath: file),
                backend: server.backend, access: FakeAccess(), logger: Logger(label: "test"))
            await #expect(throws: OperatorAPIError.notASocket(path: file)) {
                try await third.run()
            }
            // A bound socket whose owner is gone.
            let left = server.folder + "/left"
            _ = await shell(
                "python3 -c \"import socket;s=socket.socket(socket.AF_UNIX);s.bind('\(left)')\"")
            #expect(unsafe access(left, F_OK) == 0)
            let fourth = try OperatorAPIServer(
                configuration: OperatorAPIConfiguration(socketPath: left),
                backend: server.backend, access: FakeAccess(), logger: Logger(label: "test"))
            let running = Task { try await fourth.run() }
            let client = OperatorClient(socketPath: left)
            #expect(
                await eventually {
                    await onOwnThread { (try? client.status()) != nil }
                })
            running.cancel()
            _ = await running.result
            _ = unsafe unlink(file)
        }
    }

    @Test func `a listener beyond this machine and a path that is too long are refused`() {
        func configuration(_ loopback: OperatorAPIConfiguration.Loopback, path: String = "/tmp/x")
            -> OperatorAPIConfiguration
        {
            OperatorAPIConfiguration(socketPath: path, loopback: loopback)
        }
        let backend = FakeBackend()
        let logger = Logger(label: "test")
        #expect(throws: OperatorAPIError.notLoopback(host: "0.0.0.0")) {
            try OperatorAPIServer(
                configuration: configuration(.init(host: "0.0.0.0", port: 1)), backend: backend,
                access: FakeAccess(), logger: logger)
        }
        let long = "/tmp/" + String(repeating: "x", count: 110)
        #expect(throws: OperatorAPIError.socketPathTooLong(path: long)) {
            try OperatorAPIServer(
                configuration: configuration(.init(port: 1), path: long), backend: backend,
                access: FakeAccess(), logger: logger)
        }
    }

    @Test func `a signal wakes its waiters once and lets the cancelled go`() async {
        let signal = EventSignal(3)
        await signal.wait(after: 2)
        async let woken: Void = signal.wait(after: 3)
        signal.advance(to: 2)
        #expect(signal.value == 3)
        signal.advance(to: 4)
        await woken
        let cancelled = Task { await signal.wait(after: 99) }
        cancelled.cancel()
        await cancelled.value
        #expect(signal.value == 4)
    }
}
