// SPDX-License-Identifier: Apache-2.0

import Glibc
import JSONText
import MidwatchModel
import OperatorConsole
import OperatorViews
import Synchronization
import Testing

extension IntegrationTests {
    /// Who asks the operator API questions holds up nobody.
    @Suite struct DeskTests {
        /// Questions asked at once: more than the machine has threads for tasks.
        private static let questionCount = 8
        private static let latencyMaxNanoseconds: Int64 = 1_000_000_000

        @Test func `questions to a disk that hangs are answered late and alerts in time`()
            async throws
        {
            let folder = try TemporaryFolder()
            let sink = try await Sink(in: folder)
            let alarms = (0..<4).map { "alarm/s\($0)" }
            let site = try Site(
                Site.options(
                    sensors: (alarms + ["alarm/first"]).map { Site.limitSensor($0) }.joined(),
                    sink: sink),
                folder: folder)
            try await site.start()
            let device = try FieldDevice(site)
            for path in alarms { device.send(path, 20) }
            #expect(try await waits(10) { try site.client.status().sensors.fresh == 4 })
            // A decision, so that there is a ledger.
            device.send("alarm/first", 90)
            #expect(
                try await waits(10) {
                    try site.client.events(after: 0, limit: 1_000).items.contains {
                        $0.body["kind"]?.string == "alarmRaised"
                    }
                })
            // The newest file of the ledger, as the API's reader sees it, hangs whoever opens it.
            let pipe = try Pipe(inLedgerOf: site)
            let questions = try Questions(
                Self.questionCount, to: site, path: "/v1/events?after=0")
            var latencies: [Int64] = []
            for path in alarms {
                let crossed = device.send(path, 90)
                let isTold = try await waits(5) {
                    try sink.alerts("alarm.raised", of: "\(path):high").first != nil
                }
                #expect(isTold, "no alert about \(path)")
                if let alert = try sink.alerts("alarm.raised", of: "\(path):high").first {
                    latencies.append(alert.at - crossed)
                }
                #expect(try site.client.status().node == "integration")
            }
            #expect(latencies.count == alarms.count)
            #expect(
                latencies.allSatisfy { $0 < Self.latencyMaxNanoseconds },
                "\(latencies.map { $0 / 1_000_000 }) ms")
            #expect(try await waits(10) { questions.areAnswered })
            #expect(
                questions.answers.allSatisfy {
                    $0.contains("files-not-answering") && $0.hasSuffix(" 503")
                }, "\(questions.answers)")
            pipe.end()
            #expect(
                try await waits(10) { (try? site.client.events(after: 0, limit: 5)) != nil },
                "it answers again when the disk does")
            #expect(try await site.stop() == 0)
        }

        @Test func `the metrics page is valid, follows the conventions and times every stage`()
            async throws
        {
            let folder = try TemporaryFolder()
            let sink = try await Sink(in: folder)
            let site = try Site(
                Site.options(sensors: Site.limitSensor("alarm/s0"), sink: sink), folder: folder)
            try await site.start()
            let device = try FieldDevice(site)
            device.send("alarm/s0", 20)
            device.send("alarm/s0", 90)
            try ChildProcess.run([
                try Places.tool("mosquitto_pub"), "-h", "127.0.0.1", "-p", "\(site.mqttPort)",
                "-q", "1", "-t", "alarm/s1", "-m", "4",
            ])
            let stages = [
                "arrivalToRing", "arrivalToEvaluated", "arrivalToDurable", "durableToArchived",
                "publishToAcknowledged", "decisionToRecorded", "decisionToDelivered",
            ]
            let areTimed = try await waits(10) {
                try site.client.status().latencies.map(\.stage) == stages
            }
            let latencies = try site.client.status().latencies
            #expect(areTimed, "\(latencies.map(\.stage))")
            #expect(
                latencies.allSatisfy {
                    $0.p50Nanoseconds > 0 && $0.p50Nanoseconds <= $0.p99Nanoseconds
                        && $0.p99Nanoseconds <= $0.maxNanoseconds
                        && $0.maxNanoseconds < 5_000_000_000
                }, "\(latencies)")
            #expect(
                try await waits(10) { try site.metric("midwatch_readings_stored_total") == 3 })
            let text = String(decoding: try site.client.get("/metrics"), as: UTF8.self)
            let page = try PrometheusPage(parsing: text)
            #expect(page.faults() == [])
            for stage in stages {
                let count = page["midwatch_stage_latency_seconds_count{stage=\"\(stage)\"}"] ?? 0
                #expect(count > 0, "\(stage)")
            }
            #expect(page[#"midwatch_readings_total{outcome="received"}"#] == 3)
            #expect(page[#"midwatch_readings_total{outcome="accepted"}"#] == 3)
            #expect(page["midwatch_readings_stored_total"] == 3)
            #expect(page[#"midwatch_readings_total{outcome="redelivered"}"#] == 0)
            for queue in [
                "ring", "journal", "effects", "ledger", "archive", "deliveryInbox", "delivery",
                "outbox",
            ] {
                #expect(page["midwatch_queue_depth{queue=\"\(queue)\"}"] != nil, "\(queue)")
            }
            for name in [
                #"midwatch_ledger_records_lost_total{kind="decision"}"#,
                #"midwatch_ledger_records_lost_total{kind="outcome"}"#,
                #"midwatch_ledger_records_lost_total{kind="access"}"#,
                "midwatch_journal_unrecorded_total",
            ] {
                #expect(page[name] == 0, "\(name)")
            }
            #expect(try await site.stop() == 0)
        }

        @Test func `who acknowledged an alarm is known after a restart`() async throws {
            let site = try Site(Site.options(sensors: Site.limitSensor("alarm/s0")))
            try await site.start()
            let device = try FieldDevice(site)
            device.send("alarm/s0", 90)
            func alarm() throws -> AlarmView? {
                try site.client.alarms(AlarmQuery(limit: 100)).items.first {
                    $0.alarmID == "alarm/s0:high"
                }
            }
            #expect(try await waits(10) { try alarm() != nil })
            let raised = try #require(try alarm())
            _ = try site.client.acknowledge(
                alarmID: raised.alarmID, activation: raised.activation, comment: "on my way")
            #expect(try await waits(10) { try alarm()?.state == .acknowledged })
            let before = try #require(try alarm())
            #expect(before.ackBy == "root")
            #expect(before.ackOrigin == "unix:pid=\(getpid()),uid=0")
            #expect(before.ackAt != nil)
            // An answer may come before the disk has it; only what it has outlives a kill.
            #expect(
                try await waits(10) {
                    try site.ledger().contains { $0.kind == "alarmAcknowledged" }
                })
            try await site.kill()
            try await site.start()
            #expect(try await waits(10) { try alarm()?.ackBy == "root" })
            let after = try #require(try alarm())
            #expect(after.activation == before.activation)
            #expect(after.ackComment == "on my way")
            #expect(after.ackOrigin == before.ackOrigin)
            #expect(after.ackAt == before.ackAt)
            #expect(try await site.stop() == 0)
        }

        @Test func `events go on behind a damaged line and name the gap`() async throws {
            let site = try Site(
                Site.options(
                    sensors: Site.limitSensor("alarm/s0") + Site.limitSensor("alarm/s1")))
            try await site.start()
            func events() throws -> [EventView] {
                try site.client.events(after: 0, limit: 1_000).items
            }
            func isRaised(_ path: String) throws -> Bool {
                try events().contains {
                    $0.body["kind"]?.string == "alarmRaised"
                        && $0.body["sensor"]?.string == path
                }
            }
            try FieldDevice(site).send("alarm/s0", 90)
            #expect(try await waits(10) { try isRaised("alarm/s0") })
            #expect(try await site.stop() == 0)
            let count = try site.ledger().count
            #expect(count >= 3)
            try Self.damageSecondLine(of: site)
            try await site.start()
            try FieldDevice(site).send("alarm/s1", 90)
            #expect(try await waits(10) { try isRaised("alarm/s1") })
            let seen = try events()
            #expect(seen.first?.n == 1, "what stands before the damage is read")
            let gap = try #require(seen.first { $0.body["kind"]?.string == "ledgerGap" })
            #expect(gap.body["from"]?.double == 2)
            #expect(gap.body["through"]?.double == Double(gap.n))
            #expect(gap.n >= 2 && gap.n <= count, "\(gap.n)")
            #expect(gap.body["reason"]?.string?.isEmpty == false)
            #expect(seen.map(\.n) == seen.map(\.n).sorted())
            let behind = try site.client.events(after: gap.n, limit: 10).items
            #expect(behind.first?.n == gap.n + 1, "who resumes behind the gap misses nothing")
            #expect(try await site.stop() == 0)
        }

        /// Changes one byte in the body of the ledger's second line.
        private static func damageSecondLine(of site: Site) throws {
            let folder = "\(site.state)/ledger"
            guard let name = File.names(folder).first(where: { $0.hasSuffix(".ledger") }),
                let bytes = File.bytes("\(folder)/\(name)"),
                let first = bytes.firstIndex(of: UInt8(ascii: "\n"))
            else { throw Trouble("no ledger") }
            let descriptor = unsafe open("\(folder)/\(name)", O_WRONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw Trouble("no ledger") }
            defer { close(descriptor) }
            var byte = bytes[first + 80] ^ 1
            guard unsafe pwrite(descriptor, &byte, 1, first + 80) == 1 else {
                throw Trouble("the ledger is not written")
            }
        }

        @Test func `who came is in the access log, and its head in the ledger`() async throws {
            let site = try Site(Site.options(sensors: Site.limitSensor("alarm/s0")))
            try await site.start()
            for _ in 0..<5 { _ = try site.client.status() }
            try ChildProcess.run([
                try Places.tool("mosquitto_pub"), "-h", "127.0.0.1", "-p", "\(site.mqttPort)",
                "-u", "gate", "-P", "x", "-q", "1", "-t", "alarm/s0", "-m", "4",
            ])
            #expect(try await site.stop() == 0)
            let rows = try site.entries(in: "access")
            let reads = rows.first {
                $0.body["access"]?.string == "read" && $0.body["listener"]?.string == "api/unix"
            }
            #expect(reads?.body["address"]?.string == "uid=0")
            let details = reads?.body["details"]
            #expect((details?["GET /v1/status"]?.double ?? 0) >= 5)
            let connected = rows.first { $0.body["access"]?.string == "connected" }
            #expect(connected?.body["listener"]?.string == "mqtt/gateways")
            #expect(connected?.body["address"]?.string == "127.0.0.1")
            #expect(connected?.body["user"]?.string == "gate")
            let anchor = try site.ledger().last { $0.kind == "accessLogAnchored" }
            #expect(anchor?.body["record"]?.double == Double(rows.count))
            try site.expectRecordsVerify()
            // A log written anew, with a chain of its own, is not the one the ledger knows.
            let access = "\(site.state)/access"
            try ChildProcess.run([try Places.tool("rm"), "-r", access])
            try await site.start()
            #expect(try await site.stop() == 0)
            let report = try ChildProcess.run(
                [
                    try Places.program("midwatch"), "audit", "verify", "--state", site.state,
                    "--json",
                ], statuses: [1])
            let json = try JSONValue(parsing: report.trimmed)
            #expect(json.value(atPath: "accessLog.ok") == .bool(true))
            #expect(json.value(atPath: "accessLog.anchorBroken") != nil, "\(report)")
        }
    }
}

/// A pipe in the place of a file; to open it for reading hangs.
private final class Pipe {
    private let path: String
    private let isEnded = Atomic(false)

    init(inLedgerOf site: Site) throws {
        let folder = "\(site.state)/ledger"
        guard let newest = File.names(folder).last(where: { $0.hasSuffix(".ledger") }) else {
            throw Trouble("no ledger: \(File.names(folder))")
        }
        self.path = "\(folder)/9" + newest.dropFirst()
        guard unsafe mkfifo(self.path, 0o600) == 0 else { throw Trouble("no pipe") }
    }

    /// Takes it away and lets go who hangs in it.
    func end() {
        guard !self.isEnded.exchange(true, ordering: .relaxed) else { return }
        // Whoever opened it sees an end of the file as soon as a writer came and went.
        let descriptor = unsafe open(self.path, O_WRONLY | O_NONBLOCK | O_CLOEXEC)
        unsafe unlink(self.path)
        if descriptor >= 0 { close(descriptor) }
    }

    deinit { self.end() }
}

/// Questions that several clients ask at once, each a process.
private final class Questions {
    private var clients: [ChildProcess] = []

    init(_ count: Int, to site: Site, path: String) throws {
        for number in 0..<count {
            self.clients.append(
                try ChildProcess(
                    [
                        try Places.tool("curl"), "-sS", "-w", " %{http_code}", "--unix-socket",
                        site.folder.file("run/midwatch.sock"), "http://midwatch\(path)",
                    ], log: site.folder.file("question\(number).log")))
        }
    }

    var areAnswered: Bool { self.clients.allSatisfy { $0.exitStatus() != nil } }

    var answers: [String] { self.clients.map(\.logText) }
}
