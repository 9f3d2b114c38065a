// SPDX-License-Identifier: Apache-2.0

import Glibc
import JSONText
import MidwatchModel
import Testing
import Vitals
import midwatch_watchdog

/// The real binary against a real process.
@Suite struct WatchdogProgramTests {
    let folder = TemporaryFolder()
    var vitals: String { self.folder.file("vitals") }

    /// The binary beside the tests.
    static var binary: String {
        var bytes = [CChar](repeating: 0, count: 4_096)
        let count = unsafe bytes.withUnsafeMutableBufferPointer { buffer -> Int in
            guard let base = buffer.baseAddress else { return 0 }
            return unsafe readlink("/proc/self/exe", base, buffer.count - 1)
        }
        let path = String(
            decoding: bytes.prefix(max(count, 0)).map(UInt8.init(bitPattern:)), as: UTF8.self)
        return path.split(separator: "/").dropLast().map { "/\($0)" }.joined()
            + "/midwatch-watchdog"
    }

    func configuration(_ sink: HTTPSink?, _ more: String = "") -> String {
        var text = """
            node = test-node
            page = \(self.vitals)
            state = \(self.folder.file("ladder"))
            tick = 100ms
            realtime = no
            stage.engine.beat_deadline = 2s
            stage.udp.beat_deadline = 2s
            stage.historian.beat_deadline = 2s

            """
        if let sink { text += "route.sink.url = \(sink.url)\n" }
        return self.folder.write("watchdog.conf", text + more + "\n")
    }

    func watch(_ configuration: String) throws -> TestProcess {
        try #require(
            TestProcess(
                [Self.binary, "--config", configuration], log: self.folder.file("watchdog.log")))
    }

    func daemon(stopping stage: Stage? = nil, after seconds: Double = 0) async throws -> TestProcess
    {
        let daemon = try #require(
            TestProcess(
                FakeDaemon.arguments(self.folder, stopping: stage, after: seconds),
                log: self.folder.file("daemon.log")))
        #expect(await waits(10) { self.page?.owner.process.processID == daemon.processID })
        return daemon
    }

    var page: VitalsPage? { try? VitalsPage.open(path: self.vitals) }

    var log: String {
        String(
            decoding: TemporaryFolder.read(self.folder.file("watchdog.log")), as: UTF8.self)
    }

    /// Waits until the watchdog attends to the page of `daemon` and its canary is answered.
    func isAttended(_ daemon: TestProcess) async -> Bool {
        await waits(10) {
            guard let page = self.page else { return false }
            return page.owner.process.processID == daemon.processID && page.watchdogBeatCount > 3
                && page.evaluatedNonce != 0 && page.evaluatedNonce == page.wantedNonce
        }
    }

    @Test func `a killed daemon is told within two seconds, and its successor ends it`()
        async throws
    {
        let sink = try #require(HTTPSink())
        let daemon = try await self.daemon()
        let watchdog = try self.watch(self.configuration(sink))
        #expect(await self.isAttended(daemon))
        let killedAt = BootClock.now()
        daemon.send(SIGKILL)
        #expect(await waits(5) { !sink.requests(with: "\"daemonDied\"").isEmpty })
        let alert = try #require(sink.requests(with: "\"daemonDied\"").first)
        #expect(alert.at.nanosecondsSince(killedAt) < 2_000_000_000)
        let json = try AlertRouteTests.json(alert.body)
        #expect(json["state"] == .string("raised"))
        #expect(json["node"] == .string("test-node"))
        #expect(json["daemonProcessID"] == .integer(Int64(daemon.processID)))
        #expect(json["epoch"] == .integer(7))
        #expect(json["bootID"] == .string(try BootID.current().description))
        #expect(await daemon.ends(5) == 128 + 9)

        let next = try await self.daemon()
        #expect(await self.isAttended(next))
        #expect(await waits(5) { !sink.requests(with: "\"cleared\"").isEmpty })
        watchdog.send(SIGTERM)
        #expect(await watchdog.ends(5) == 0)
        #expect(await next.ends(0) == nil, "the daemon of another supervisor lives on")
    }

    @Test func `a stopped daemon is told within two seconds of its deadline, and ended`()
        async throws
    {
        let sink = try #require(HTTPSink())
        let daemon = try await self.daemon()
        let watchdog = try self.watch(self.configuration(sink))
        #expect(await self.isAttended(daemon))
        let stoppedAt = BootClock.now()
        daemon.send(SIGSTOP)
        #expect(await waits(10) { !sink.requests(with: "daemonFrozen").isEmpty })
        let alert = try #require(sink.requests(with: "daemonFrozen").first)
        let age = alert.at.nanosecondsSince(stoppedAt)
        #expect(age > 1_500_000_000)
        #expect(age < 2_000_000_000 + 2_000_000_000)
        #expect(await daemon.ends(5) == 128 + 9, "a stopped process is killed all the same")
        #expect(self.log.contains("daemon killed"))
        #expect(sink.requests(with: "stageStuck").isEmpty, "one fault, one alert")
        withExtendedLifetime(watchdog) {}
    }

    @Test func `one wedged critical stage is told and restarted`() async throws {
        let sink = try #require(HTTPSink())
        let daemon = try await self.daemon(stopping: .udp, after: 1)
        let watchdog = try self.watch(self.configuration(sink))
        #expect(await waits(10) { !sink.requests(with: "stageStuck.udp").isEmpty })
        #expect(await daemon.ends(5) == 128 + 9)
        #expect(sink.requests(with: "daemonDied").isEmpty, "one fault, one alert")
        withExtendedLifetime(watchdog) {}
    }

    @Test func `a wedged archive is told and nothing is ended`() async throws {
        let sink = try #require(HTTPSink())
        let daemon = try await self.daemon(stopping: .historian, after: 0)
        let watchdog = try self.watch(self.configuration(sink))
        #expect(await waits(10) { !sink.requests(with: "stageStuck.historian").isEmpty })
        #expect(await daemon.ends(1) == nil)
        withExtendedLifetime(watchdog) {}
    }

    @Test func `a crash loop is restarted three times, also over restarts of the watchdog`()
        async throws
    {
        let sink = try #require(HTTPSink())
        let words = FakeDaemon.arguments(self.folder, life: 0.2)
        let configuration = self.configuration(
            sink, "supervisor = self\n" + words.map { "daemon.argument = \($0)\n" }.joined())
        let first = try self.watch(configuration)
        #expect(await waits(30) { !sink.requests(with: "ladderExhausted").isEmpty })
        #expect(FakeDaemon.startCount(self.folder) == 1 + 3)
        first.send(SIGTERM)
        #expect(await first.ends(10) == 0)

        // Its own start of a daemon is no restart; after that the stored ladder holds.
        let before = sink.requests(with: "ladderExhausted").count
        let second = try self.watch(configuration)
        #expect(await waits(30) { sink.requests(with: "ladderExhausted").count > before })
        #expect(FakeDaemon.startCount(self.folder) == 1 + 3 + 1)
        let alert = try #require(sink.requests(with: "ladderExhausted").last)
        #expect(try AlertRouteTests.json(alert.body)["restartCount"] == .integer(3))
        withExtendedLifetime(second) {}
    }

    @Test func `the heartbeat goes out while the monitor sees and stays away when not`()
        async throws
    {
        let alerts = try #require(HTTPSink())
        let beats = try #require(HTTPSink())
        let daemon = try await self.daemon()
        let watchdog = try self.watch(
            self.configuration(
                alerts,
                "heartbeat.url = \(beats.url)\nheartbeat.interval = 1s\nundelivered_max = 1s"))
        #expect(await waits(10) { beats.requests(with: "\"heartbeat\":true").count >= 2 })
        let page = try #require(self.page)
        page.oldestUndeliveredCriticalSince = BootClock.now()
        #expect(await waits(10) { !alerts.requests(with: "criticalUndelivered").isEmpty })
        #expect(await waits(5) { self.log.contains("heartbeat withheld") })
        let count = beats.requests.count
        #expect(await !waits(1.5) { beats.requests.count > count + 1 })
        page.oldestUndeliveredCriticalSince = nil
        #expect(await waits(10) { beats.requests.count > count + 1 })
        #expect(await daemon.ends(0) == nil)
        withExtendedLifetime(watchdog) {}
    }

    @Test func `a faulty configuration changes nothing at a reload, a good one does`() async throws
    {
        let old = try #require(HTTPSink())
        let new = try #require(HTTPSink())
        let daemon = try await self.daemon()
        let path = self.configuration(old)
        let watchdog = try self.watch(path)
        #expect(await self.isAttended(daemon))
        _ = self.folder.write("watchdog.conf", "tikc = 3s\n")
        watchdog.send(SIGHUP)
        #expect(await waits(5) { self.log.contains("the old one stays") })
        _ = self.configuration(new)
        watchdog.send(SIGHUP)
        #expect(await waits(5) { self.log.contains("configuration loaded") })
        daemon.send(SIGKILL)
        #expect(await waits(5) { !new.requests(with: "daemonDied").isEmpty })
        #expect(old.requests.isEmpty)
    }

    @Test func `systemd hears of readiness, health and the end`() async throws {
        let sink = try #require(HTTPSink())
        let address = self.folder.file("notify")
        let listener = SystemdTests.Listener(address)
        let daemon = try await self.daemon()
        let watchdog = try #require(
            TestProcess(
                [
                    "/usr/bin/env", "NOTIFY_SOCKET=\(address)", "WATCHDOG_USEC=900000", Self.binary,
                    "--config", self.configuration(sink),
                ], log: self.folder.file("watchdog.log")))
        var heard: [String] = []
        func hears(_ message: String) async -> Bool {
            await waits(10) {
                while let next = listener.receive() { heard.append(next) }
                return heard.contains { $0.hasPrefix(message) }
            }
        }
        #expect(await hears("READY=1"))
        #expect(await hears("WATCHDOG=1"))
        daemon.send(SIGKILL)
        #expect(await hears("STATUS=problems: daemonDied"))
        while listener.receive() != nil {}
        heard = []
        #expect(
            await !waits(1.2) {
                while let next = listener.receive() { heard.append(next) }
                return heard.contains("WATCHDOG=1")
            })
        watchdog.send(SIGTERM)
        #expect(await hears("STOPPING=1"))
    }

    @Test func `flags, exit codes and the second watchdog`() async throws {
        let sink = try #require(HTTPSink())
        func run(_ arguments: [String]) -> (Int, String) {
            let outcome = ChildProcess.run(
                [Self.binary] + arguments, input: [],
                deadline: BootClock.now().advanced(byNanoseconds: 20_000_000_000))
            guard case .exited(let status, let output) = outcome else { return (-1, "\(outcome)") }
            return (status, output)
        }
        #expect(run(["--help"]).0 == 0)
        #expect(run(["--help"]).1.contains("EXAMPLES"))
        #expect(run(["--version"]) == (0, "midwatch-watchdog \(Build.version)\n"))
        #expect(run(["--verbose"]).0 == 64)
        #expect(run(["--config"]).0 == 64)
        #expect(run(["--once", "--help"]).0 == 64)
        #expect(run(["--config", "/nonexistent"]).0 == 78)
        let good = self.configuration(sink)
        #expect(run(["--check-config", "--config", good]).0 == 0)
        let curlless = self.folder.write(
            "curl.conf", "route.a.url = https://h/\ncurl = /nonexistent/curl\n")
        let (status, output) = run(["--check-config", "--config", curlless])
        #expect(status == 78)
        #expect(output.contains("is not installed"))
        #expect(run(["--once", "--config", good]).0 == 3)
        let daemon = try await self.daemon()
        #expect(run(["--once", "--config", good]).0 == 0)
        let watchdog = try self.watch(good)
        #expect(await self.isAttended(daemon))
        #expect(run(["--config", good]).0 == 75)
        withExtendedLifetime(watchdog) {}
    }

    @Test func `the example configuration is well`() throws {
        let file = #filePath.split(separator: "/").dropLast(3).map { "/\($0)" }.joined()
        let path = file + "/Deploy/watchdog.conf.example"
        let text = try #require(SmallFile.read(path, bytesMax: ConfigurationParser.bytesMax))
        let configuration = try ConfigurationParser.parse(text, file: path)
        #expect(configuration.policy == SupervisionPolicy(), "it shows the defaults")
        // What is commented out is well too.
        let all = text.split(separator: "\n").map { line in
            line.hasPrefix("# ") && line.contains(" = ") && !line.contains("`")
                ? String(line.dropFirst(2)) : String(line)
        }.filter { !$0.contains("$CREDENTIALS_DIRECTORY") }.joined(separator: "\n")
        let whole = try ConfigurationParser.parse(all, file: path)
        #expect(whole.routes.count == 4)
        #expect(whole.hardware?.device == "/dev/watchdog0")
    }
}
