// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing
import Vitals
import midwatch_watchdog

@Suite struct ConfigurationParserTests {
    static func faults(_ text: String) -> [String] {
        do throws(ConfigurationFaults) {
            _ = try ConfigurationParser.parse(text, file: "w.conf", readFile: { _ in nil })
            return []
        } catch {
            return error.faults.map(\.description)
        }
    }

    @Test func `one route is enough, and the rest has defaults`() throws {
        let configuration = try ConfigurationParser.parse(
            "route.a.url = http://127.0.0.1:8080/x\n", file: "w.conf")
        #expect(configuration.policy == SupervisionPolicy())
        #expect(configuration.pagePath == "/run/midwatch/vitals")
        #expect(
            configuration.routes == [
                RouteConfiguration(
                    name: "a", transport: .http(try Endpoint("http://127.0.0.1:8080/x"), []))
            ])
        #expect(!configuration.needsCurl)
        #expect(configuration.heartbeat == nil)
        #expect(configuration.hardware == nil)
    }

    @Test func `every key is taken`() throws {
        let text = """
            # a comment
            node = gw-1
            page = /tmp/p
            state = /tmp/s
            supervisor = self
            daemon.argument = /usr/bin/midwatchd
            daemon.argument = run --now
            tick = 100ms
            lateness_max = 2s
            canary = off
            canary.interval = 2s
            canary.deadline = 5s
            canary.restart_after = 1s
            recovery_deadline = 1min
            start_deadline = 9s
            kill_deadline = 8s
            stop_deadline = 7s
            suspended_max = 1h
            undelivered_action_after = 15s
            undelivered_max = 90s
            repeat_interval = 20min
            restart.count = 2
            restart.window = 10min
            stage.journal.beat_deadline = 4s
            stage.journal.attempt_deadline = 6s
            stage.journal.restart_after = 30s
            route.siren.command = /usr/local/bin/siren
            route.siren.argument = --pulse
            route.siren.argument = x = y
            route.siren.minimum_priority = critical
            route.web.url = https://alerts.example.com/hook?k=1
            route.web.header = X-Site: west
            route.web.header_file = /etc/secret
            route.web.timeout = 9s
            route.web.give_up = 2h
            route.web.via = wwan0
            heartbeat.url = http://[::1]:81
            heartbeat.method = GET
            heartbeat.interval = 10s
            heartbeat.timeout = 1s
            hardware.device = /dev/watchdog0
            hardware.timeout = 60s
            hardware.disarm_on_stop = yes
            realtime = no
            curl = /usr/bin/curl
            """
        let configuration = try ConfigurationParser.parse(
            text, file: "w.conf",
            readFile: { $0 == "/etc/secret" ? "Authorization: Bearer t\n" : nil })
        let policy = configuration.policy
        #expect(configuration.node == "gw-1")
        #expect(configuration.daemonArguments == ["/usr/bin/midwatchd", "run --now"])
        #expect(policy.supervisor == .own)
        #expect(policy.tickInterval == 100_000_000)
        #expect(policy.latenessMax == 2_000_000_000)
        #expect(!policy.isCanaryOn)
        #expect(policy.canaryDeadline == 5_000_000_000)
        #expect(policy.recoveryDeadline == 60_000_000_000)
        #expect(policy.startDeadline == 9_000_000_000)
        #expect(policy.suspendedMax == 3_600_000_000_000)
        #expect(policy.undeliveredActionAfter == 15_000_000_000)
        #expect(policy.undeliveredMax == 90_000_000_000)
        #expect((policy.restartCountMax, policy.restartWindow) == (2, 600_000_000_000))
        #expect(
            policy.deadlines[Stage.journal.rawValue]
                == StageJudge.Deadlines(
                    beat: 4_000_000_000, attempt: 6_000_000_000, restartAfter: 30_000_000_000))
        #expect(configuration.routes.map(\.name) == ["siren", "web"])
        #expect(
            configuration.routes[0].transport
                == .command(["/usr/local/bin/siren", "--pulse", "x = y"]))
        #expect(configuration.routes[0].minimumPriority == .critical)
        guard case .curl(let endpoint, let headers) = configuration.routes[1].transport else {
            Issue.record("https goes by curl")
            return
        }
        #expect(endpoint.target == "/hook?k=1")
        #expect(endpoint.interface == "wwan0")
        #expect(headers.map(\.name) == ["X-Site", "Authorization"])
        #expect(headers.map(\.value) == ["west", "Bearer t"])
        #expect(configuration.needsCurl)
        #expect(configuration.heartbeat?.method == .get)
        #expect(configuration.heartbeat?.intervalNanoseconds == 10_000_000_000)
        #expect(
            configuration.hardware
                == HardwareConfiguration(
                    device: "/dev/watchdog0", timeoutSeconds: 60, disarmsOnStop: true))
        #expect(!configuration.isRealtime)
    }

    static let route = "route.a.url = http://h/\n"

    @Test(arguments: [
        ("", "w.conf: route: no route: nobody would be told."),
        (route + "node", "w.conf:2: a line without \"=\"."),
        (route + "tikc = 1s", "w.conf:2: tikc: unknown key. Did you mean `tick`?"),
        (route + "unheard.of.key.x = 1", "unknown key. The example file lists every key."),
        (route + "tick =", "w.conf:2: tick: no value."),
        (route + "tick = 1s\ntick = 1s", "w.conf:3: tick: stands in line 2 already."),
        (route + "tick = 1", "\"1\" is no duration. Write a whole number and ms, s, min or h."),
        (route + "tick = 0.5s", "is no duration"),
        (route + "tick = 99999999999999999999s", "is no duration"),
        (route + "tick = 9999999999999h", "out of bounds. Use 50ms to 1s."),
        (route + "tick = 2s", "2s is out of bounds. Use 50ms to 1s."),
        (route + "canary = maybe", "neither yes nor no"),
        (route + "restart.count = 0", "Use a whole number from 1 to 16."),
        (route + "supervisor = me", "Use `systemd` or `self`."),
        (route + "supervisor = self", "needs the daemon's command"),
        (route + "stage.engin.beat_deadline = 3s", "\"engin\" is no stage"),
        (route + "stage.engine.beat_deadlin = 3s", "Did you mean `stage.engine.beat_deadline`?"),
        (route + "stage.api.restart_after = 3s", "a stuck api is told, never restarted"),
        (route + "page = run", "no absolute path"),
        (route + "hardware.device = watchdog", "no device"),
        (route + "canary.interval = 10s", "shorter than `canary.interval`"),
        ("route.a.url = ftp://h/", "no http or https URL"),
        ("route.b.url = http://h/\nroute.b.via = a/b", "no network interface"),
        ("route.b.url = http://h/\nroute.b.via = a-name-that-is-too-long", "no network interface"),
        ("route.b.command = /x\nroute.b.via = wwan0", "`via` with `command`"),
        ("route.a.url = http://u:p@h/", "a user name in the URL"),
        ("route.a.url = http://h:0/", "a wrong port"),
        ("route.a.url = http:///x", "no host"),
        ("route.a.url = http://h/\u{e9}", "a character that no URL has"),
        ("route.a.timeout = 3s", "neither `url` nor `command`"),
        ("route.a.command = siren", "no absolute path"),
        ("route.a.url = http://h/\nroute.a.command = /x", "both `url` and `command`"),
        ("route.a.url = http://h/\nroute.a.argument = x", "`argument` without `command`"),
        ("route.A.url = http://h/", "cannot name a route"),
        (route + "route.a.header = no colon", "no header field"),
        (route + "route.a.header = A b: c", "no header field"),
        (route + "route.a.header_file = /nowhere", "/nowhere cannot be read"),
        (route + "route.a.minimum_priority = urgent", "Use low, medium, high or critical."),
        (route + "heartbeat.interval = 30s", "neither `url` nor `command`"),
        (route + "heartbeat.url = http://h/\nheartbeat.method = PUT", "Use GET or POST."),
    ])
    func `a fault names its line, its key and its remedy`(text: String, expected: String) {
        let faults = Self.faults(text)
        #expect(faults.count == 1)
        #expect(faults.first?.contains(expected) == true, "\(faults)")
    }

    @Test func `every fault of a file is named in one go`() {
        #expect(Self.faults("a = 1\nb = 2\n" + Self.route + "tick = x\n").count == 3)
    }

    @Test func `more routes than the bound are refused`() {
        let text = (0...8).map { "route.r\($0).url = http://h/\n" }.joined()
        #expect(Self.faults(text).first?.contains("more than 8 routes") == true)
    }

    @Test func `a secret is not shown`() {
        do throws(ConfigurationFaults) {
            _ = try ConfigurationParser.parse(
                Self.route + "route.a.header_file = /s", file: "w.conf",
                readFile: { _ in "hunter2" })
            Issue.record("no header field was taken for one")
        } catch {
            #expect(!"\(error)".contains("hunter2"))
        }
    }

    @Test func `no text traps`() {
        var seed: UInt64 = 7
        let alphabet = Array("=.#:/ \n\tabcdefroutestage0123[]@?\u{e9}\"".unicodeScalars)
        for _ in 0..<300 {
            var text = ""
            for _ in 0..<60 {
                seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                text.unicodeScalars.append(alphabet[Int(seed >> 33) % alphabet.count])
            }
            _ = Self.faults(text)
            _ = Self.faults("route.a.url = http://\(text)")
        }
    }
}
