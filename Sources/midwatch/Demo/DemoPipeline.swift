// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import FleetSimulation
internal import Glibc
internal import MidwatchConfiguration
internal import MidwatchModel
internal import OperatorConsole
internal import OperatorViews
internal import StateFolder

/// Everything that runs in the demo: daemon, watchdog, plant, receiver of alerts.
struct DemoPipeline {
    private static let readySeconds: UInt64 = 30
    private static let settleSeconds: UInt64 = 20

    let client: OperatorClient
    private let processes: DemoProcesses
    private let receiver: WebhookReceiver
    private let udp: UDPFleetSender
    private let mqtt: MQTTFleetSender
    private let plantStart: WallInstant
    private let programs: String
    private let vitalsPath: String

    /// Writes the configuration; nothing runs yet.
    init(_ processes: DemoProcesses) throws(DemoFailure) {
        self.processes = processes
        guard let receiver = WebhookReceiver() else {
            throw DemoFailure("no socket or thread for the webhook receiver")
        }
        self.receiver = receiver
        guard let programs = DemoProcesses.programFolder else {
            throw DemoFailure("/proc/self/exe cannot be read; is /proc mounted?")
        }
        self.programs = programs
        for name in ["midwatchd", "midwatch-watchdog"]
        where unsafe access("\(programs)/\(name)", X_OK) != 0 {
            throw DemoFailure("\(programs)/\(name) is missing; build or install all programs")
        }
        let (udpPort, mqttPort, canaryPort) =
            (Self.freePort(isStream: 0), Self.freePort(isStream: 1), Self.freePort(isStream: 0))
        let places = DemoPlant.Places(
            stateDirectory: "\(processes.folder)/state", runDirectory: "\(processes.folder)/run",
            udpPort: udpPort, mqttPort: mqttPort, canaryPort: canaryPort,
            alertURL: "http://127.0.0.1:\(receiver.port)/alerts",
            alertSecretFile: "\(processes.folder)/webhook-secret")
        let text = DemoPlant.configurationText(places)
        guard
            let configuration = MidwatchConfiguration.parse(text: text, fileName: "demo")
                .configuration
        else { throw DemoFailure("the demo's configuration is refused: a fault of this version") }
        self.client = OperatorClient(socketPath: configuration.api.unixSocketPath)
        self.vitalsPath = configuration.vitals.path
        self.plantStart = WallInstant(nanoseconds: clinux_realtime_ns())
        do throws(FileError) {
            try FileBytes.replace(
                "\(processes.folder)/webhook-secret", with: Array(receiver.secretText.utf8))
            try FileBytes.replace(
                "\(processes.folder)/midwatch.yaml", with: Array(text.utf8), mode: 0o600)
        } catch {
            throw DemoFailure("\(error)")
        }
        (self.udp, self.mqtt) = try Self.senders(udpPort, mqttPort)
    }

    private static func freePort(isStream: Int32) -> UInt16 {
        var port: UInt16 = 0
        let descriptor = unsafe clinux_loopback_socket(isStream, &port)
        if descriptor >= 0 { close(descriptor) }
        return port
    }

    /// The tunnel's sections speak line protocol over UDP, drainage and portal MQTT.
    private static func senders(
        _ udpPort: UInt16, _ mqttPort: UInt16
    ) throws(DemoFailure) -> (UDPFleetSender, MQTTFleetSender) {
        let sensors = DemoPlant.rows.map(\.sensor)
        let start = WallInstant(nanoseconds: clinux_realtime_ns())
        func plant(_ isWanted: (VirtualSensor) -> Bool) -> VirtualPlant {
            VirtualPlant(seed: 1, sensors: sensors.filter(isWanted), wallStart: start)
        }
        func isSection(_ sensor: VirtualSensor) -> Bool {
            sensor.path.hasPrefix("tunnel/section-")
        }
        do throws(FleetError) {
            let udp = try UDPFleetSender(
                UDPFleetSender.Settings(
                    destination: FleetDestination(port: udpPort), load: .plant(plant(isSection))))
            var settings = MQTTFleetSender.Settings(
                destination: FleetDestination(port: mqttPort),
                load: .plant(plant { !isSection($0) }, .number))
            settings.connections = 2
            settings.clientPrefix = "demo-"
            return (udp, try MQTTFleetSender(settings))
        } catch {
            throw DemoFailure("the plant cannot send: \(error)")
        }
    }

    /// Readings sent so far.
    var sentCount: UInt64 { self.udp.readingCount + self.mqtt.sentCount }

    /// Starts the programs, waits until they are ready, then starts the plant.
    ///
    /// Main thread only: the programs end with the thread that starts them.
    func start() throws(DemoFailure) {
        let folder = self.processes.folder
        let watchdog = """
            node = demo-tunnel
            page = \(self.vitalsPath)
            state = \(folder)/watchdog-ladder
            route.demo.url = http://127.0.0.1:\(self.receiver.port)/watchdog
            realtime = no

            """
        do throws(FileError) {
            try FileBytes.replace("\(folder)/watchdog.conf", with: Array(watchdog.utf8))
            try self.processes.start(
                "midwatchd", path: "\(self.programs)/midwatchd",
                arguments: ["--config", "\(folder)/midwatch.yaml"])
        } catch {
            throw DemoFailure("\(error)")
        }
        try self.awaitReady()
        do throws(FileError) {
            try self.processes.start(
                "midwatch-watchdog", path: "\(self.programs)/midwatch-watchdog",
                arguments: ["--config", "\(folder)/watchdog.conf"])
        } catch {
            throw DemoFailure("\(error)")
        }
        do throws(FleetError) {
            try self.udp.start()
            try self.mqtt.start()
        } catch {
            throw DemoFailure("the plant cannot send: \(error)")
        }
    }

    private func awaitReady() throws(DemoFailure) {
        let end = clinux_boottime_ns() + Self.readySeconds * 1_000_000_000
        while (try? self.client.get("/readyz")) == nil {
            try self.check()
            guard clinux_boottime_ns() < end else {
                throw DemoFailure("midwatchd was not ready within \(Self.readySeconds) s")
            }
            usleep(20_000)
        }
    }

    /// Fails if a program ended.
    func check() throws(DemoFailure) {
        if let failure = self.processes.failure() { throw DemoFailure(failure) }
    }

    /// Stops the plant, waits until all of it went through, and counts.
    func finish(_ log: inout DemoEventLog) throws(DemoFailure) -> DemoReport {
        self.udp.stop()
        self.mqtt.stop()
        let (udp, mqtt) = (self.udp.join(), self.mqtt.join())
        var report = DemoReport()
        report.sentUDP = udp.readings
        report.sentMQTT = mqtt.sent
        report.acknowledgedMQTT = mqtt.acknowledged
        report.seconds = Double(udp.elapsedNanoseconds) / 1e9
        // Freshness as the plant left it, not as silence makes it afterwards.
        report.sensors = try self.ask { client throws(ClientError) in
            try client.status().sensors
        }
        let end = clinux_boottime_ns() + Self.settleSeconds * 1_000_000_000
        while true {
            report.take(
                MetricsPage(
                    try self.ask { client throws(ClientError) in try client.get("/metrics") }))
            let isThrough =
                report.received >= report.sent && report.isIngestExact && report.isArchiveExact
            if isThrough || clinux_boottime_ns() >= end { break }
            try self.check()
            usleep(50_000)
        }
        try self.settleAlerts(&report, &log, end: end)
        return report
    }

    private func settleAlerts(
        _ report: inout DemoReport, _ log: inout DemoEventLog, end: UInt64
    ) throws(DemoFailure) {
        while true {
            try log.read()
            report.raised = log.raised
            report.returned = log.returned
            report.acknowledged = log.acknowledged
            report.take(
                MetricsPage(
                    try self.ask { client throws(ClientError) in try client.get("/metrics") }))
            report.webhook = self.receiver.snapshot
            if report.isDeliveryExact || clinux_boottime_ns() >= end { break }
            usleep(20_000)
        }
        guard let first = log.first else { return }
        let arrival = report.webhook.received.first { $0.decision == first.decision }?.at
        report.firstAlarm = (
            first.path, first.at.nanoseconds - self.plantStart.nanoseconds,
            arrival.map { $0 - first.at.nanoseconds }
        )
    }

    private func ask<Answer>(
        _ body: (OperatorClient) throws(ClientError) -> Answer
    ) throws(DemoFailure) -> Answer {
        do throws(ClientError) {
            return try body(self.client)
        } catch {
            throw DemoFailure(error.description)
        }
    }
}
