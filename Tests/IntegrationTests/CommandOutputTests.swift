// SPDX-License-Identifier: Apache-2.0

import Glibc
import JSONText
import OperatorConsole
import OperatorViews
import Testing

extension IntegrationTests {
    /// What the commands print, against a site with an alarm, a delivery and refused input.
    @Suite struct CommandOutputTests {
        /// Standard output alone of `midwatch` with these words.
        private func output(
            _ words: [String], statuses: Set<Int32> = [0], zone: String = "UTC0"
        ) throws -> String {
            try ChildProcess.run(
                [
                    "/bin/sh", "-c", "TZ=\(zone); export TZ; exec \"$0\" \"$@\" 2>/dev/null",
                    try Places.program("midwatch"),
                ] + words, statuses: statuses)
        }

        private func busySite() async throws -> (site: Site, sink: Sink, device: FieldDevice) {
            let folder = try TemporaryFolder()
            let sink = try await Sink(in: folder)
            let site = try Site(
                Site.options(sensors: Site.limitSensor("out/one"), sink: sink), folder: folder)
            try await site.start()
            let device = try FieldDevice(site)
            #expect(
                try await waits(20) {
                    device.send("out/one", 90)
                    return try !sink.alerts("alarm.raised", of: "out/one:high").isEmpty
                })
            device.send(Array("no line\n".utf8))
            #expect(try await waits(10) { try !site.client.rejects(limit: 5).items.isEmpty })
            #expect(
                try await waits(20) { try site.metric("midwatch_readings_stored_total") > 0 })
            // On a slow disk an alert leaves before the ledger has it.
            #expect(
                try await waits(20) {
                    try site.ledger().contains { $0.kind == "alarmRaised" && !$0.isOwn }
                })
            return (site, sink, device)
        }

        @Test func `every command with --json prints what the published schema says`() async throws
        {
            let (site, sink, device) = try await self.busySite()
            let schema = try SchemaFile()
            let (state, socket) = (["--state", site.state], ["--socket", site.client.socketPath])
            let site2 = site.folder.file("other.yaml")
            try File.write(
                site2, File.text(site.configurationPath).replacing("integration", with: "other"))
            let tar = site.folder.file("i.tar")
            let tokens = site.folder.file("tokens")
            _ = try self.output(["token", "add", tokens, "anna", "--role", "viewer"])
            let load = ["--seconds", "0.3", "--rate", "50"]
            let (udp, mqtt) = ("127.0.0.1:\(site.udpPort)", "127.0.0.1:\(site.mqttPort)")
            let alarm = "out/one:high"
            let commands: [(name: String, words: [String], statuses: Set<Int32>)] = [
                ("status", socket, [0, 4]), ("top", ["--once"] + socket, [0]),
                ("alarms list", socket, [0]), ("alarms show", [alarm] + socket, [0]),
                ("alarms comment", [alarm, "seen"] + socket, [0]),
                ("alarms ack", [alarm] + socket, [0]),
                ("alarms ack", ["--all", "--yes"] + socket, [0]),
                ("alarms shelve", [alarm, "--for", "10m", "--reason", "test"] + socket, [0]),
                ("alarms unshelve", [alarm] + socket, [0]),
                ("alarms out-of-service", [alarm, "--reason", "test", "--yes"] + socket, [0]),
                ("alarms return", [alarm] + socket, [0]), ("alarms kpi", state, [0]),
                ("sensors", ["--own"] + socket, [0]), ("why", [alarm] + socket, [0]),
                ("why", ["out/one", "--at", "now"] + state, [0]),
                ("areas", socket, [0]), ("events", socket, [0]),
                ("history", ["out/one"] + state, [0]),
                ("history", ["out/one", "--since", "2h"] + state, [0]),
                ("incident export", ["--from", "1h", "-o", tar] + state, [0]),
                ("incident verify", [tar], [0]), ("replay", ["--verify"] + state, [0]),
                ("replay", ["--at", "now", "--all"] + state, [0]), ("audit verify", state, [0]),
                ("ingest sources", socket, [0]), ("ingest rejects", socket, [0]),
                ("alerts log", state, [0]), ("alerts routes", socket, [0]),
                (
                    "alerts silence",
                    ["--sensor", "out/two", "--for", "1m", "--reason", "test"] + socket, [0]
                ), ("alerts silences", socket, [0]), ("alerts dead-letters list", socket, [0]),
                ("alerts test", ["--endpoint", "sink"] + socket, [0]),
                ("check", [site.configurationPath], [0]), ("config show", socket, [0]),
                ("config show", [site2], [0]), ("config diff", ["--running", site2] + socket, [5]),
                ("reload", ["--dry-run"] + socket, [0]),
                ("rules test", [site2, "--since", "1h"] + state, [0]),
                ("token list", [tokens], [0]), ("doctor", [site.configurationPath], [0, 1]),
                ("simulate", load + ["--udp", udp], [0]),
                ("simulate", load + ["--mqtt", mqtt], [0]),
            ]
            let lines: Set<String> = ["events", "alerts log"]
            for (name, words, statuses) in commands {
                _ = device.send("out/one", 90)
                let text = try self.output(
                    name.split(separator: " ").map { String($0) } + words + ["--json"],
                    statuses: statuses)
                let objects = lines.contains(name) ? text.split(separator: "\n") : [text[...]]
                #expect(!objects.isEmpty, "\(name)")
                for object in objects {
                    #expect(
                        schema.faults(object, of: name).isEmpty,
                        "\(name): \(object.prefix(400)): \(schema.faults(object, of: name).prefix(5))"
                    )
                }
            }
            for (payload, status) in [("21.5", Int32(0)), ("no number", 1)] {
                let file = site.folder.file("payload")
                try File.write(file, payload)
                let decoded = try self.output(
                    ["decode", "--format", "number", file], statuses: [status])
                #expect(schema.faults(decoded, of: "decode").isEmpty, "\(decoded)")
            }
            // What is not run here: changes of limits and latches, PostgreSQL, minutes of load.
            let seen = Set(commands.map(\.name)).union([
                "decode", "mode", "alarms reset", "migrate", "bench",
                "alerts enable", "alerts dead-letters show", "alerts dead-letters resend",
                "alerts dead-letters drop", "chain", "pastState", "replayVerdict", "countedAlarm",
            ])
            #expect(schema.names == seen)
            _ = sink
            #expect(try await site.stop() == 0)
        }

        @Test func `times are shown in the zone of the machine with its offset, or in UTC`()
            async throws
        {
            let (site, sink, _) = try await self.busySite()
            let (state, socket) = (["--state", site.state], ["--socket", site.client.socketPath])
            let commands = [
                ["status"] + socket, ["events"] + socket,
                ["alarms", "show", "out/one:high"] + socket,
                ["why", "out/one:high"] + socket, ["ingest", "rejects"] + socket,
                ["history", "out/one"] + state, ["alarms", "kpi"] + state,
                ["replay", "--at", "now"] + state, ["alerts", "log"] + state,
                ["rules", "test", site.configurationPath, "--since", "1h"] + state,
            ]
            for words in commands {
                let local = try self.output(words, statuses: [0, 4], zone: "XST-7:30")
                #expect(local.contains("+07:30"), "\(words): \(local.prefix(300))")
                #expect(local.firstMatch(of: #/\d\dT\d\d:.*Z/#) == nil, "\(words): \(local)")
                let utc = try self.output(words + ["--utc"], statuses: [0, 4], zone: "XST-7:30")
                #expect(utc.contains("+00:00") && !utc.contains("+07:30"), "\(words)")
            }
            _ = sink
            #expect(try await site.stop() == 0)
        }

        @Test func `what is wrong is told with a remedy and its own exit code`() async throws {
            let (site, sink, _) = try await self.busySite()
            let socket = ["--socket", site.client.socketPath]
            func told(_ words: [String], _ status: Int32) throws -> String {
                try ChildProcess.run([try Places.program("midwatch")] + words, statuses: [status])
            }
            let cases: [(words: [String], status: Int32, text: String)] = [
                (["alarms", "show", "out/one:hihg"] + socket, 1, "did you mean out/one:high?"),
                (["alarms", "ack", "out/one"] + socket, 1, "name one of its alarms"),
                (["why", "out/on"] + socket, 1, "did you mean out/one?"),
                (["alarms", "list", "nothing"] + socket, 0, "no alarm fits"),
                (["sensors", "nothing"] + socket, 0, "no sensor fits"),
                (["alarms", "list", "--state", "bad"] + socket, 2, "unacknowledged"),
                (["alarms", "shelve", "x:y", "--for", "5", "--reason", "r"] + socket, 2, "30m"),
                (["status", "--socket", "/nowhere/x.sock"], 3, "/nowhere/x.sock"),
                (["config", "dif"], 2, "did you mean midwatch config diff?"),
                (["history", "out/one", "--since", "yesterday"], 2, "2026-11-21T03:00:00Z"),
                (["history", "out/two", "--state", site.state], 1, "midwatch sensors"),
                (["check", "/nowhere.yaml"], 1, "/nowhere.yaml"),
                (["help", "exit-codes"], 0, "5  both could be read"),
            ]
            for (words, status, text) in cases {
                let said = try told(words, status)
                #expect(said.contains(text), "\(words): \(said)")
            }
            let narrow = try ChildProcess.run([
                "/bin/sh", "-c",
                "COLUMNS=60 exec \(try Places.program("midwatch")) sensors --own \(socket.joined(separator: " "))",
            ])
            #expect(
                narrow.split(separator: "\n").allSatisfy { TerminalText.width(String($0)) <= 60 })
            _ = sink
            #expect(try await site.stop() == 0)
        }

        @Test func `events go on where they were after the daemon was away`() async throws {
            let (site, sink, device) = try await self.busySite()
            let log = site.folder.file("follow")
            let follower = try ChildProcess(
                [
                    try Places.program("midwatch"), "events", "--after", "0", "--follow", "--json",
                    "--socket", site.client.socketPath,
                ], log: log)
            func numbers() -> [UInt64] {
                follower.logText.split(separator: "\n").compactMap { line in
                    (try? JSONValue(parsing: String(line)))?["n"]?.integer.map { UInt64($0) }
                }
            }
            #expect(try await waits(10) { numbers().count > 2 })
            try await site.kill()
            try await site.start()
            #expect(
                try await waits(30) {
                    device.send("out/one", 10)
                    return follower.logText.contains("\"alarmReturned\"")
                })
            let seen = numbers()
            #expect(seen == Array(1...UInt64(seen.count)), "each record once, in order: \(seen)")
            follower.send(SIGTERM)
            _ = sink
            #expect(try await site.stop() == 0)
        }

        @Test func `no restart ends the stream of top, and meanwhile it says nothing old`()
            async throws
        {
            let (site, sink, _) = try await self.busySite()
            let log = site.folder.file("objects")
            let errors = site.folder.file("errors")
            let top = try ChildProcess(
                [
                    "/bin/sh", "-c", "exec \"$0\" \"$@\" 2> '\(errors)'",
                    try Places.program("midwatch"), "top", "--json", "--socket",
                    site.client.socketPath,
                ], log: log)
            func epochs() -> [Int64] {
                top.logText.split(separator: "\n").compactMap { line in
                    (try? JSONValue(parsing: String(line)))?.value(atPath: "status.epoch")?.integer
                }
            }
            #expect(try await waits(10) { epochs().count > 1 })
            let before = epochs().last ?? 0
            try await site.kill()
            #expect(try await waits(10) { File.text(errors).contains("going on when it answers") })
            let count = epochs().count
            try await site.start()
            #expect(try await waits(30) { (epochs().last ?? 0) > before })
            #expect(Set(epochs().prefix(count)) == [before])
            #expect(File.text(errors).split(separator: "\n").count == 1, "told once")
            top.send(SIGTERM)
            _ = sink
            #expect(try await site.stop() == 0)
        }
    }
}
