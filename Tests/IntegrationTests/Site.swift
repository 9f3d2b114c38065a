// SPDX-License-Identifier: Apache-2.0

import Glibc
import JSONText
import MidwatchModel
import OperatorConsole
import OperatorViews
import Testing

/// One installation of a test: folders, ports, configuration, and a daemon that comes and goes.
final class Site {
    /// What differs between the tests.
    struct Options {
        /// Items of the list `sensors:`.
        var sensors = ""
        /// Connection string of PostgreSQL; nil: SQLite.
        var postgresConnection: String?
        /// Where alerts go; nil: nowhere.
        var sinkURL: String?
        var ringCapacity = 262_144
        /// Further lines, at the margin.
        var more = ""
        /// The state directory, if it is not in the test's folder.
        var stateDirectory: String?
        /// Further lines of the MQTT listener, indented by six.
        var mqtt = ""
        /// Further lines of the UDP listener, indented by six, and listeners behind it.
        var udp = ""
    }

    /// Options of a site that may have a PostgreSQL server and a sink.
    static func options(
        sensors: String, postgres: Postgres? = nil, sink: Sink? = nil
    ) -> Options {
        var options = Options(sensors: sensors)
        options.postgresConnection = postgres?.connection
        options.sinkURL = sink?.url
        return options
    }

    let folder: TemporaryFolder
    let udpPort: UInt16
    let mqttPort: UInt16
    let canaryPort: UInt16
    let state: String
    let client: OperatorClient
    let configurationPath: String
    private(set) var daemon: ChildProcess?

    init(_ options: Options, folder: TemporaryFolder? = nil) throws {
        self.folder = try folder ?? TemporaryFolder()
        self.udpPort = try Places.freePort()
        self.mqttPort = try Places.freePort()
        self.canaryPort = try Places.freePort()
        self.state = options.stateDirectory ?? self.folder.file("state")
        self.client = OperatorClient(socketPath: self.folder.file("run/midwatch.sock"))
        self.configurationPath = self.folder.file("midwatch.yaml")
        try File.write(self.folder.file("webhook.secret"), Sink.secret)
        try File.write(self.configurationPath, self.text(options))
    }

    /// The path of a sensor about Midwatch itself.
    static func own(_ name: String) -> String { OwnPath.path(node: "integration", name) }

    private func text(_ options: Options) -> String {
        let archive =
            options.postgresConnection.map {
                """
                archive:
                  store: postgresql
                  postgresql:
                    connection: "\($0)"
                    migrateAtStart: true

                """
            } ?? "archive:\n  store: sqlite\n"
        let alerts =
            options.sinkURL.map {
                """
                alerts:
                  endpoints:
                    - name: sink
                      url: "\($0)"
                      secrets: [{file: "\(self.folder.file("webhook.secret"))"}]

                """
            } ?? ""
        return """
            node:
              name: integration
              site: Integration test
            stateDirectory: "\(self.state)"
            runDirectory: "\(self.folder.file("run"))"
            ingest:
              udp:
                - name: field
                  bind: "127.0.0.1:\(self.udpPort)"
            \(options.udp)
              mqtt:
                - name: gateways
                  bind: "127.0.0.1:\(self.mqttPort)"
            \(options.mqtt)
              undeclaredSensorsMax: 100000
            vitals:
              canary: "127.0.0.1:\(self.canaryPort)"
            ring:
              capacity: \(options.ringCapacity)
            log:
              level: info
              format: human
            sensors:
            \(options.sensors)
            \(archive)\(alerts)\(options.more)
            """
    }

    // MARK: - Life

    var vitalsPath: String { self.folder.file("run/vitals") }
    var daemonLog: String { self.folder.file("midwatchd.log") }

    /// Starts the daemon and waits until it says it is ready.
    ///
    /// `environment` holds further variables as `NAME=value`.
    @discardableResult
    func start(
        within seconds: Double = 30, environment: [String] = []
    ) async throws -> ChildProcess {
        let daemon = try self.launch(environment: environment)
        try await self.isReady(within: seconds) { daemon.exitStatus() != nil }
        return daemon
    }

    /// Starts the daemon and waits for nothing.
    func launch(environment: [String] = []) throws -> ChildProcess {
        let setting = environment.isEmpty ? [] : [try Places.tool("env")] + environment
        let daemon = try ChildProcess(
            setting + [try Places.program("midwatchd"), "--config", self.configurationPath],
            log: self.daemonLog)
        self.daemon = daemon
        return daemon
    }

    /// Waits until the daemon, whoever started it, takes readings.
    func isReady(
        within seconds: Double = 30, orGone isGone: () -> Bool = { false }
    ) async throws {
        let isReady = try await waits(seconds) {
            isGone() || (try? self.client.get("/readyz")) != nil
        }
        guard isReady, !isGone() else {
            throw Trouble("midwatchd is not ready; its log ends: \(self.logTail)")
        }
    }

    var logTail: String {
        File.text(self.daemonLog).split(separator: "\n").suffix(12).joined(separator: "\n")
    }

    /// Ends the daemon without warning.
    func kill() async throws {
        self.daemon?.send(SIGKILL)
        guard try await self.daemon?.ends(10) != nil else { throw Trouble("it does not die") }
        self.daemon = nil
    }

    /// Ends the daemon in order and gives its exit status.
    @discardableResult
    func stop(within seconds: Double = 25) async throws -> Int32? {
        self.daemon?.send(SIGTERM)
        let status = try await self.daemon?.ends(seconds)
        if status != nil { self.daemon = nil }
        return status
    }

    // MARK: - Views

    func sensor(_ path: String) throws -> SensorView? {
        var query = SensorQuery(limit: 1_000)
        query.filter = path
        return try self.client.sensors(query).items.first { $0.path == path }
    }

    /// Waits until nothing is under way from the sockets to the archive.
    ///
    /// Every queue must be empty for longer than a sync and a batch of the archive take; records
    /// of the housekeeping, one a second, may wait for company.
    func isArchived(within seconds: Double = 60) async throws -> Bool {
        var emptySince: UInt64?
        return try await waits(seconds) {
            let status = try self.client.status()
            let isEmpty =
                status.archive.state == "running" && status.queues.archiveLagRecords <= 8
                && status.queues.journalStagedBytes == 0 && status.queues.ringFill == 0
            let now = bootNow()
            emptySince = isEmpty ? emptySince ?? now : nil
            return emptySince.map { now - $0 > 500_000_000 } ?? false
        }
    }

    /// What the monitor says it cannot do, but for the watchdog that most tests have not.
    func modes() throws -> [String] {
        try self.client.status().modes.filter { $0 != "watchdog not running" }
    }

    /// One line of the metrics page; labels as they stand there.
    func metric(_ name: String) throws -> Double {
        let page = String(decoding: try self.client.get("/metrics"), as: UTF8.self)
        for line in page.split(separator: "\n") where line.hasPrefix(name + " ") {
            return Double(line.dropFirst(name.utf8.count + 1)) ?? .nan
        }
        return .nan
    }

    /// Checks that every reading received has exactly one outcome.
    func expectBalance(_ location: SourceLocation = #_sourceLocation) throws {
        let page = String(decoding: try self.client.get("/metrics"), as: UTF8.self)
        var counts: [String: Double] = [:]
        for line in page.split(separator: "\n") where line.hasPrefix("midwatch_readings_total{") {
            let words = line.split(separator: "\"")
            guard words.count > 2, let value = line.split(separator: " ").last else { continue }
            counts[String(words[1])] = Double(value)
        }
        let received = counts["received"] ?? -1
        #expect(
            received
                == ["accepted", "redelivered", "rejected", "shed"].reduce(0) {
                    $0 + (counts[$1] ?? 0)
                },
            "received = accepted + redelivered + rejected + shed: \(counts)",
            sourceLocation: location)
    }

    // MARK: - Records

    /// The bodies of the ledger's lines, in order, each with when it was written.
    func ledger() throws -> [LedgerEntry] { try self.entries(in: "ledger") }

    /// The same of another log in the ledger's format.
    func entries(in folder: String) throws -> [LedgerEntry] {
        var entries: [LedgerEntry] = []
        for name in File.names("\(self.state)/\(folder)") {
            let bytes =
                File.bytes("\(self.state)/\(folder)/\(name)", beforeZeros: true) ?? []
            for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n")
            where line.hasPrefix("{\"n\":") {
                let json = try JSONValue(parsing: String(line))
                entries.append(
                    LedgerEntry(
                        written: WallInstant(rfc3339: json["written"]?.string ?? "")?.nanoseconds
                            ?? 0, body: json["body"] ?? .null))
            }
        }
        return entries
    }

    /// Everything the runs recorded must replay to the same decisions, and the ledger must hold.
    func expectRecordsVerify(_ location: SourceLocation = #_sourceLocation) throws {
        let midwatch = try Places.program("midwatch")
        for words in [["audit", "verify"], ["replay", "--verify"]] {
            do {
                try ChildProcess.run(
                    [midwatch] + words + ["--state", self.state], within: 120)
            } catch {
                Issue.record("\(error)", sourceLocation: location)
            }
        }
    }
}

/// A line of the ledger.
struct LedgerEntry {
    /// Wall clock, nanoseconds since 1970.
    var written: Int64
    var body: JSONValue

    var kind: String { self.body["kind"]?.string ?? "" }
    var sensor: String { self.body["sensor"]?.string ?? "" }
    var alarm: String { self.body["alarm"]?.string ?? "" }
    /// Whether it is about Midwatch itself and not about the plant.
    var isOwn: Bool { OwnPath.isOwn(self.sensor) }
    /// Wall time of a member, nanoseconds since 1970.
    func time(_ name: String) -> Int64? {
        self.body[name]?.string.flatMap { WallInstant(rfc3339: $0)?.nanoseconds }
    }
}
