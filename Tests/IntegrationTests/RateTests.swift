// SPDX-License-Identifier: Apache-2.0

import FleetSimulation
import Glibc
import OperatorConsole
import OperatorViews
import Testing

extension IntegrationTests {
    /// What the whole pipeline holds on this machine, generator and PostgreSQL on the same cores.
    ///
    /// Measurements, not checks: Tests/Soak/rates.sh asks for them.
    @Suite(.enabled(if: Scale.number("RATES", 0) > 0)) struct RateTests {
        private static let seconds = Double(Scale.number("RATE_SECONDS", 20))
        private static let sensorCount = 10_000
        private static let linesPerDatagram = 20.0

        @Test(arguments: Self.rates("UDP_RATES", [200_000]))
        func `UDP into PostgreSQL`(_ rate: Int) async throws {
            let postgres = try await Postgres()
            let site = try Site(
                Site.options(sensors: Site.loadSensors(), postgres: postgres))
            let daemon = try await site.start()
            // The sensors become known before the clock runs.
            let first = try site.flood(sensors: Self.sensorCount, rate: 50_000, readings: 50_000)
            try first.start()
            _ = await Task.detached { first.join() }.value
            #expect(try await site.isArchived())
            var settings = UDPFleetSender.Settings(
                destination: FleetDestination(port: site.udpPort),
                load: .pattern(sensors: Self.sensorCount))
            settings.rate = Double(rate)
            settings.durationNanoseconds = UInt64(Self.seconds * 1e9)
            settings.firstSequence = 50_000
            let load = try UDPFleetSender(settings)
            let before = try await CPUSample(daemon.processID, postgres.processID)
            let run = RateRun(site: site)
            try load.start()
            try await run.watch(Self.seconds)
            let report = await Task.detached { load.join() }.value
            let after = try await CPUSample(daemon.processID, postgres.processID)
            let lag = try site.client.status().queues
            let began = bootNow()
            #expect(try await site.isArchived(within: 120))
            let catchUp = Double(bootNow() - began) / 1e9
            let dropped =
                try site.metric(
                    "midwatch_udp_datagrams_dropped_by_kernel_total{listener=\"udp/field\"}")
            let shed = try site.metric("midwatch_readings_total{outcome=\"shed\"}")
            try site.expectBalance()
            _ = try await site.stop()
            let rows = try postgres.query(
                "SELECT count(*), count(DISTINCT n) FROM midwatch.reading")
            try postgres.expectExactlyOnce()
            let sent = report.readings + 50_000
            let missing = Int64(sent) - (Int64(rows.split(separator: "|").first ?? "") ?? 0)
            figure(
                """
                UDP asked \(rate)/s, sent \(report.readings * 1_000_000_000 / max(report.elapsedNanoseconds, 1))/s for \
                \(Self.seconds) s; datagrams dropped \(dropped), shed \(shed), rows|distinct \(rows), not stored \(missing); \
                \(run.text); lag at the end \(lag.archiveLagRecords) records, empty \(catchUp) s later
                """)
            before.tell(after, readings: report.readings, name: "UDP \(rate)/s")
        }

        @Test(arguments: Self.rates("MQTT_RATES", [50_000]))
        func `MQTT with QoS 1 into PostgreSQL`(_ rate: Int) async throws {
            let postgres = try await Postgres()
            var options = Site.options(sensors: Site.loadSensors(), postgres: postgres)
            options.mqtt = "      receiveMaximum: 256"
            let site = try Site(options)
            let daemon = try await site.start()
            var settings = MQTTFleetSender.Settings(
                destination: FleetDestination(port: site.mqttPort),
                load: .pattern(sensorsPerClient: 100))
            settings.connections = 100
            settings.rate = Double(rate)
            settings.window = 256
            settings.recordsAcknowledged = true
            settings.drainNanoseconds = 30_000_000_000
            let fleet = try MQTTFleetSender(settings)
            try fleet.start()
            // All connections are up and all sensors known before the clock runs.
            #expect(try await waits(30) { fleet.acknowledgedCount > 20_000 })
            let before = try await CPUSample(daemon.processID, postgres.processID)
            let acknowledgedBefore = fleet.acknowledgedCount
            let run = RateRun(site: site)
            try await run.watch(Self.seconds)
            let acknowledged = fleet.acknowledgedCount - acknowledgedBefore
            let after = try await CPUSample(daemon.processID, postgres.processID)
            let lag = try site.client.status().queues
            let report = await fleet.finish()
            let began = bootNow()
            #expect(try await site.isArchived(within: 120))
            let catchUp = Double(bootNow() - began) / 1e9
            try site.expectBalance()
            _ = try await site.stop()
            try ArchiveCheck(postgres).expectExactlyOnce(report.record, sensorsPerClient: 100)
            try postgres.expectExactlyOnce()
            figure(
                """
                MQTT QoS 1 asked \(rate)/s, acknowledged \(Int(Double(acknowledged) / Self.seconds))/s for \
                \(Self.seconds) s over 100 connections, PUBACK p50 \(report.latency.quantile(0.5) / 1_000) us, \
                p99 \(report.latency.quantile(0.99) / 1_000) us, p99.9 \(report.latency.quantile(0.999) / 1_000) us; \
                \(run.text); lag at the end \(lag.archiveLagRecords) records, empty \(catchUp) s later
                """)
            before.tell(after, readings: acknowledged, name: "MQTT \(rate)/s")
        }

        /// The rates to try, from the environment: numbers and commas.
        private static func rates(_ name: String, _ standard: [Int]) -> [Int] {
            guard let text = unsafe getenv("MIDWATCH_SOAK_\(name)") else { return standard }
            return unsafe String(cString: text).split(separator: ",").compactMap { Int($0) }
        }
    }
}

/// Levels of the queues while a load runs.
private final class RateRun {
    private let site: Site
    private var ringMost = 0.0
    private var stagedMost: UInt64 = 0
    private var lagMost: UInt64 = 0

    init(site: Site) { self.site = site }

    func watch(_ seconds: Double) async throws {
        let end = bootNow() + UInt64(seconds * 1e9)
        while bootNow() < end {
            let queues = try self.site.client.status().queues
            self.ringMost = max(self.ringMost, queues.ringFill)
            self.stagedMost = max(self.stagedMost, queues.journalStagedBytes)
            self.lagMost = max(self.lagMost, queues.archiveLagRecords)
            try await Task.sleep(for: .milliseconds(500))
        }
    }

    var text: String {
        "ring at most \((self.ringMost * 1_000).rounded() / 10) %, staged \(self.stagedMost >> 10) KiB, "
            + "archive lag \(self.lagMost) records"
    }
}

/// User and system time of the processes that share the machine.
private struct CPUSample {
    private let at = bootNow()
    private let daemon: Double
    private let postgres: Double
    private let generator: Double
    private let threads: [String: Double]

    init(_ daemon: Int32, _ postgres: Int32?) async throws {
        self.daemon = ProcessFigures.cpuSeconds(of: daemon)
        self.generator = ProcessFigures.cpuSeconds(of: getpid())
        var sum = 0.0
        if let postgres {
            let children = File.text("/proc/\(postgres)/task/\(postgres)/children")
            for pid in [postgres] + children.split(separator: " ").compactMap({ Int32($0) }) {
                sum += ProcessFigures.cpuSeconds(of: pid)
            }
        }
        self.postgres = sum
        var threads: [String: Double] = [:]
        for name in File.names("/proc/\(daemon)/task") {
            let thread = File.text("/proc/\(daemon)/task/\(name)/comm").trimmed
            threads[thread, default: 0] += ProcessFigures.cpuSeconds(
                path: "/proc/\(daemon)/task/\(name)/stat")
        }
        self.threads = threads
    }

    func tell(_ after: Self, readings: UInt64, name: String) {
        let seconds = Double(after.at - self.at) / 1e9
        func each(_ value: Double) -> String {
            let nanoseconds = Int(value * 1e9 / Double(max(readings, 1)))
            return "\(Int(value / seconds * 100)) % of a core, \(nanoseconds) ns a reading"
        }
        figure("\(name): midwatchd \(each(after.daemon - self.daemon))")
        figure("\(name): postgres \(each(after.postgres - self.postgres))")
        figure("\(name): generator \(each(after.generator - self.generator))")
        let busy = after.threads.map { ($0.key, $0.value - (self.threads[$0.key] ?? 0)) }
            .filter { $0.1 / seconds > 0.005 }.sorted { $0.1 > $1.1 }
        for (thread, value) in busy { figure("\(name):   thread \(thread): \(each(value))") }
    }
}
