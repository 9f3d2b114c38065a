// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import FleetSimulation
internal import Glibc
internal import OperatorConsole
internal import StateFolder

/// One daemon with the embedded store in a temporary folder, under one load.
struct BenchRun {
    enum Load {
        case udp, mqtt
    }

    private static let readySeconds: UInt64 = 30
    private static let settleSeconds = 30.0
    private static let connections = 50
    private static let sensors = 10_000

    let processes: DemoProcesses
    let load: Load
    let rate: Double
    let seconds: Double

    private var socket: String { "\(self.processes.folder)/run/midwatch.sock" }

    /// Starts the daemon, loads it, waits for the archive, and counts.
    ///
    /// Main thread only: the daemon ends with the thread that starts it.
    func measure() throws(DemoFailure) -> BenchReport {
        let port = try self.startDaemon()
        let client = OperatorClient(socketPath: self.socket)
        try self.awaitReady(client)
        var report = BenchReport(path: self.load == .udp ? "UDP" : "MQTT QoS 1", rate: self.rate)
        let before = self.processes.processorSeconds(of: "midwatchd") ?? 0
        do throws(FleetError) {
            switch self.load {
            case .udp: try self.sendUDP(port, &report)
            case .mqtt: try self.sendMQTT(port, &report)
            }
        } catch {
            throw DemoFailure("the load cannot be sent: \(error)")
        }
        report.processorSeconds = self.processes.processorSeconds(of: "midwatchd").map {
            $0 - before
        }
        try self.settle(client, &report)
        return report
    }

    private func startDaemon() throws(DemoFailure) -> UInt16 {
        guard let programs = DemoProcesses.programFolder else {
            throw DemoFailure("/proc/self/exe cannot be read; is /proc mounted?")
        }
        var (port, canary): (UInt16, UInt16) = (0, 0)
        for isStream in [self.load == .mqtt ? 1 : 0, 0] as [Int32] {
            var free: UInt16 = 0
            let descriptor = unsafe clinux_loopback_socket(isStream, &free)
            if descriptor >= 0 { close(descriptor) }
            (port, canary) = port == 0 ? (free, 0) : (port, free)
        }
        let folder = self.processes.folder
        let listener =
            self.load == .udp
            ? "udp: [{name: bench, bind: \"127.0.0.1:\(port)\"}]"
            : "mqtt: [{name: bench, bind: \"127.0.0.1:\(port)\"}]"
        let text = """
            node: {name: bench}
            stateDirectory: "\(folder)/state"
            runDirectory: "\(folder)/run"
            ingest:
              \(listener)
            vitals: {canary: "127.0.0.1:\(canary)"}
            log: {level: warning}
            sensors:
              - template: "load/#"
                supervision: periodic
                deadline: 60s
                limits:
                  low: {setpoint: 0, priority: low}
                  high: {setpoint: 1e15, priority: low}

            """
        do throws(FileError) {
            try FileBytes.replace("\(folder)/midwatch.yaml", with: Array(text.utf8))
            try self.processes.start(
                "midwatchd", path: "\(programs)/midwatchd",
                arguments: ["--config", "\(folder)/midwatch.yaml"])
        } catch {
            throw DemoFailure("\(error)")
        }
        return port
    }

    private func awaitReady(_ client: OperatorClient) throws(DemoFailure) {
        let end = clinux_boottime_ns() + Self.readySeconds * 1_000_000_000
        while (try? client.get("/readyz")) == nil {
            if let failure = self.processes.failure() { throw DemoFailure(failure) }
            guard clinux_boottime_ns() < end else {
                throw DemoFailure("midwatchd was not ready within \(Self.readySeconds) s")
            }
            usleep(20_000)
        }
    }

    private func sendUDP(_ port: UInt16, _ report: inout BenchReport) throws(FleetError) {
        var settings = UDPFleetSender.Settings(
            destination: FleetDestination(port: port), load: .pattern(sensors: Self.sensors))
        settings.rate = self.rate
        settings.durationNanoseconds = UInt64(self.seconds * 1e9)
        let sender = try UDPFleetSender(settings)
        try sender.start()
        usleep(UInt32(min(self.seconds, 3_600) * 1e6))
        sender.stop()
        let sent = sender.join()
        report.sent = sent.readings
        report.seconds = Double(sent.elapsedNanoseconds) / 1e9
    }

    private func sendMQTT(_ port: UInt16, _ report: inout BenchReport) throws(FleetError) {
        var settings = MQTTFleetSender.Settings(
            destination: FleetDestination(port: port),
            load: .pattern(sensorsPerClient: Self.sensors / Self.connections))
        settings.connections = Self.connections
        settings.isAcknowledged = true
        settings.rate = self.rate
        settings.durationNanoseconds = UInt64(self.seconds * 1e9)
        let sender = try MQTTFleetSender(settings)
        try sender.start()
        usleep(UInt32(min(self.seconds, 3_600) * 1e6))
        sender.stop()
        let sent = sender.join()
        report.sent = sent.sent
        report.seconds = Double(sent.elapsedNanoseconds) / 1e9
        if sent.latency.count > 0 {
            report.quantiles.append(
                (
                    "publishToAcknowledged", Double(sent.latency.quantile(0.5)) / 1e9,
                    Double(sent.latency.quantile(0.99)) / 1e9
                ))
        }
    }

    private func settle(
        _ client: OperatorClient, _ report: inout BenchReport
    ) throws(DemoFailure) {
        let start = clinux_boottime_ns()
        while true {
            let page: MetricsPage
            do throws(ClientError) {
                page = MetricsPage(try client.get("/metrics"))
            } catch {
                throw DemoFailure(error.description)
            }
            func count(_ outcome: String) -> UInt64 {
                page.count("midwatch_readings_total{outcome=\"\(outcome)\"}")
            }
            report.received = count("received")
            report.accepted = count("accepted")
            report.shed = count("shed")
            report.rejected = count("rejected")
            report.stored = page.count("midwatch_readings_stored_total")
            let elapsed = Double(clinux_boottime_ns() - start) / 1e9
            let isComplete =
                report.stored >= report.accepted
                && report.received == report.accepted + report.shed + report.rejected
                && (report.received >= report.sent || elapsed > 1)
            if isComplete || elapsed > Self.settleSeconds {
                if isComplete { report.settleSeconds = elapsed }
                for (stage, _) in BenchReport.stages where stage != "publishToAcknowledged" {
                    guard let p50 = page.quantile(0.5, ofStage: stage),
                        let p99 = page.quantile(0.99, ofStage: stage)
                    else { continue }
                    report.quantiles.append((stage, p50, p99))
                }
                return
            }
            if let failure = self.processes.failure() { throw DemoFailure(failure) }
            usleep(50_000)
        }
    }
}
