// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import CLinux
internal import FleetSimulation
internal import Glibc
internal import MidwatchModel
internal import OperatorConsole
internal import StateFolder

/// The command `midwatch simulate`.
struct SimulateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Sends what a fleet of sensors sends: a load, or faults.",
        discussion: """
            Without --faults it sends a load of fixed pattern: load/s000000 and so on over UDP, \
            load/c00000/s0000 and so on over MQTT, each value a running number, so that an archive \
            can be checked for every reading. With --faults it sends a plant whose sensors \
            misbehave by script, the same way for the same seed: fleet/s000000 and so on.

            A fault script has one fault a line: SENSOR KIND FROM UNTIL [EVERY], times in seconds; \
            SENSOR is a number or */N; KIND is silent, drift=AMOUNT, notANumber, epochTime, stuck, \
            burst=FACTOR, clockSkew=SECONDS, outOfOrder or duplicate.

            EXIT CODES:
              0  all was sent and acknowledged, with QoS 0 confirmed as read
              1  nothing or not everything was sent, acknowledged or confirmed
              2  wrong usage

            EXAMPLES:
              midwatch simulate --udp 127.0.0.1:8094 --sensors 1000 --rate 20000 --seconds 20
              midwatch simulate --mqtt 127.0.0.1:1883 --connections 100 --rate 50000 --seconds 20
              midwatch simulate --mqtt 127.0.0.1:1883 --count 10000 --acked-out acked.txt --json
              midwatch simulate --udp 127.0.0.1:8094 --sensors 40 --faults standard --seed 7
            """)

    @Option(help: ArgumentHelp("Send line protocol here.", valueName: "host:port"))
    var udp: EndpointArgument?

    @Option(help: ArgumentHelp("Publish here.", valueName: "host:port"))
    var mqtt: EndpointArgument?

    @Option(help: "Sensors in all.")
    var sensors = 100

    @Option(help: "Readings a second of all sensors; 0: as many as possible.")
    var rate: Double = 1_000

    @Option(help: "For how long; default 10, or until --count is reached.")
    var seconds: Double?

    @Option(help: "How many readings.")
    var count: UInt64?

    @Option(help: "UDP: lines in one datagram. Default: 20, fewer at low rates.")
    var linesPerDatagram: Int?

    @Flag(inversion: .prefixedNo, help: "UDP: segmentation offload, many datagrams a call.")
    var gso = true

    @Option(help: "MQTT: quality of service, 0, 1 or 2.")
    var qos = 1

    @Option(help: "MQTT: connections.")
    var connections = 1

    @Option(help: "MQTT: unacknowledged messages of one connection.")
    var window = 20

    @Option(name: .customLong("version"), help: "MQTT: 3.1.1 or 5.")
    var protocolVersion = "5"

    @Option(help: "Seed of the plant, with --faults.")
    var seed: UInt64 = 1

    @Option(
        help: ArgumentHelp(
            "Send a plant with the faults of this script; \"standard\" is built in.",
            valueName: "file"))
    var faults: String?

    @Option(
        help: ArgumentHelp(
            "MQTT: write which readings were acknowledged, lines of client, first, last.",
            valueName: "file"))
    var ackedOut: String?

    @Option(help: "First running number of the load.")
    var firstSequence: UInt64 = 0

    @Flag(help: "Send to addresses beyond this machine: only to what you own.")
    var allowRemote = false

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        guard let target = self.udp ?? self.mqtt, (self.udp == nil) != (self.mqtt == nil) else {
            throw ValidationError("say where to: either --udp HOST:PORT or --mqtt HOST:PORT")
        }
        guard target.isLoopback || self.allowRemote else {
            throw ValidationError(
                "\(target.host) is not this machine; --allow-remote if the monitor there is yours")
        }
        guard self.sensors > 0, self.sensors <= LoadPattern.sensorsMax else {
            throw ValidationError("--sensors: 1 to \(LoadPattern.sensorsMax)")
        }
        guard self.rate >= 0, self.rate.isFinite, self.rate <= 1e9 else {
            throw ValidationError("--rate: 0 or more readings a second")
        }
        guard (self.seconds ?? 1) > 0, (self.seconds ?? 1) <= 1e8 else {
            throw ValidationError("--seconds: more than 0")
        }
        guard (0...2).contains(self.qos) else { throw ValidationError("--qos: 0, 1 or 2") }
        guard self.protocolVersion == "5" || self.protocolVersion == "3.1.1" else {
            throw ValidationError("--version: 3.1.1 or 5")
        }
        if self.faults != nil {
            guard self.rate > 0 else { throw ValidationError("--faults needs a --rate above 0") }
            guard self.count == nil else {
                throw ValidationError("--faults goes with --seconds, not with --count")
            }
        }
        if self.mqtt == nil, self.ackedOut != nil {
            throw ValidationError("--acked-out goes with --mqtt")
        }
    }

    func run() throws {
        signal(SIGPIPE, SIG_IGN)
        do throws(FleetError) {
            if let target = self.udp {
                try self.sendUDP(target)
            } else if let target = self.mqtt {
                try self.sendMQTT(target)
            }
        } catch {
            CommandOutput.complain("midwatch simulate: \(TerminalText.clean(Self.words(error)))")
            throw ExitCode.failure
        }
    }

    private static func words(_ error: FleetError) -> String {
        switch error {
        case .badAddress(let host): "\(host) is no numeric address; write 127.0.0.1 or [::1]"
        case .badSetting(let setting): "out of range: \(setting)"
        case .system(let call, let code): unsafe "\(call): \(String(cString: strerror(code)))"
        }
    }

    // MARK: Plant

    /// Virtual sensors that together send `rate` readings a second.
    private func plant() throws(FleetError) -> VirtualPlant? {
        guard let name = self.faults else { return nil }
        let script: FaultScript
        if name == "standard" {
            script = .standard
        } else {
            guard let bytes = FileBytes.read(name) else {
                throw .badSetting("--faults \(name): the file cannot be read")
            }
            do throws(FaultScript.Fault) {
                script = try FaultScript(String(decoding: bytes, as: UTF8.self))
            } catch {
                throw .badSetting("--faults \(name): \(error)")
            }
        }
        let period = UInt64(max(1_000, min(1e18, Double(self.sensors) / self.rate * 1e9)))
        let sensors = (0..<self.sensors).map { index in
            let digits = String(index)
            let padding = String(repeating: "0", count: max(0, 6 - digits.utf8.count))
            return VirtualSensor(
                path: "fleet/s\(padding)\(digits)", periodNanoseconds: period,
                waveform: Waveform(offset: 20, amplitude: 5, noise: 0.5),
                faults: script.faults(of: index))
        }
        return VirtualPlant(
            seed: self.seed, sensors: sensors,
            wallStart: WallInstant(nanoseconds: clinux_realtime_ns()))
    }

    /// Few enough that a datagram leaves ten times a second also at a low rate.
    private var linesDefault: Int {
        self.rate > 0 ? max(1, min(Self.linesMost, Int(self.rate / 10))) : Self.linesMost
    }

    private static let linesMost = 20

    private var durationNanoseconds: UInt64 {
        if let seconds = self.seconds { return UInt64(seconds * 1e9) }
        return self.count == nil ? 10_000_000_000 : 0
    }

    // MARK: UDP

    private func sendUDP(_ target: EndpointArgument) throws(FleetError) {
        let plant = try self.plant()
        var settings = UDPFleetSender.Settings(
            destination: FleetDestination(host: target.host, port: target.port),
            load: plant.map { .plant($0) } ?? .pattern(sensors: self.sensors))
        settings.linesPerDatagram = self.linesPerDatagram ?? self.linesDefault
        settings.rate = self.rate
        settings.readingsMax = self.count ?? 0
        settings.durationNanoseconds = self.durationNanoseconds
        settings.usesSegmentation = self.gso
        settings.firstSequence = self.firstSequence
        let sender = try UDPFleetSender(settings)
        // Before the sender's threads: they are not to be ended by Ctrl-C.
        let signals = SignalWatch([SIGINT, SIGTERM])
        try sender.start()
        self.watch(
            signals, sent: { sender.readingCount }, acknowledged: { nil },
            stop: { sender.stop() })
        let report = sender.join()
        SimulationReport(udp: report).print(json: self.json)
        if report.readings == 0 || self.count.map({ report.readings < $0 }) == true {
            self.end(with: report.sendErrors > 0 ? "nobody listens at \(target)" : "")
        }
    }

    // MARK: MQTT

    private func sendMQTT(_ target: EndpointArgument) throws(FleetError) {
        let plant = try self.plant()
        let each = max(1, (self.sensors + self.connections - 1) / max(1, self.connections))
        var settings = MQTTFleetSender.Settings(
            destination: FleetDestination(host: target.host, port: target.port),
            load: plant.map { .plant($0, .number) } ?? .pattern(sensorsPerClient: each))
        settings.connections = self.connections
        settings.version = self.protocolVersion == "5" ? .v5 : .v311
        settings.isAcknowledged = self.qos > 0
        settings.isExactlyOnce = self.qos == 2
        settings.window = self.window
        settings.rate = self.rate
        settings.messagesMax = self.count ?? 0
        settings.durationNanoseconds = self.durationNanoseconds
        settings.drainNanoseconds = 30_000_000_000
        settings.firstSequence = self.firstSequence
        settings.recordsAcknowledged = self.ackedOut != nil
        let sender = try MQTTFleetSender(settings)
        // Before the sender's threads: they are not to be ended by Ctrl-C.
        let signals = SignalWatch([SIGINT, SIGTERM])
        try sender.start()
        self.watch(
            signals, sent: { sender.sentCount }, acknowledged: { sender.acknowledgedCount },
            stop: { sender.stop() })
        let report = sender.join()
        SimulationReport(mqtt: report, isAcknowledged: self.qos > 0).print(json: self.json)
        if let path = self.ackedOut { try report.record.write(to: path) }
        if report.sent == 0 || report.unacknowledged > 0 || report.refused > 0
            || report.connectionsUnconfirmed > 0
            || self.count.map({ report.sent < $0 }) == true
        {
            self.end(with: report.connects == 0 ? "nobody answers at \(target)" : "")
        }
    }

    private func end(with reason: String) {
        if !reason.isEmpty {
            CommandOutput.complain("midwatch simulate: \(reason); is midwatchd running there?")
        }
        Glibc.exit(ExitCode.failure.rawValue)
    }

    /// Shows progress until the sender has ended by itself or Ctrl-C ends it.
    private func watch(
        _ signals: SignalWatch, sent: () -> UInt64, acknowledged: () -> UInt64?,
        stop: @escaping @Sendable () -> Void
    ) {
        let start = clinux_boottime_ns()
        let limit = self.durationNanoseconds
        var progress = ProgressLine()
        var last = (count: UInt64(0), at: start)
        while true {
            let isAsked = signals.wait(milliseconds: 250) != 0
            let now = clinux_boottime_ns()
            let count = sent()
            let rate = Double(count - last.count) / (Double(now - last.at) / 1e9)
            last = (count, now)
            let acknowledgedText = acknowledged().map { ", \($0) acknowledged" } ?? ""
            progress.show("\(count) sent\(acknowledgedText), \(UInt64(rate)) a second")
            let isOver =
                isAsked || (limit > 0 && now - start >= limit)
                || self.count.map { count >= $0 } == true
            if isOver { break }
        }
        stop()
        progress.clear()
    }
}

/// HOST:PORT on the command line; an IPv6 address in brackets.
struct EndpointArgument: ExpressibleByArgument, CustomStringConvertible {
    let host: String
    let port: UInt16

    init?(argument: String) {
        guard let colon = argument.lastIndex(of: ":"),
            let port = UInt16(argument[argument.index(after: colon)...]), port > 0
        else { return nil }
        var host = argument[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        if host == "localhost" { host = "127.0.0.1" }
        guard !host.isEmpty else { return nil }
        self.host = String(host)
        self.port = port
    }

    var isLoopback: Bool {
        var address = in_addr()
        if unsafe inet_pton(AF_INET, self.host, &address) == 1 {
            return UInt32(bigEndian: address.s_addr) >> 24 == 127
        }
        return self.host == "::1"
    }

    var description: String {
        self.host.contains(":") ? "[\(self.host)]:\(self.port)" : "\(self.host):\(self.port)"
    }
}
