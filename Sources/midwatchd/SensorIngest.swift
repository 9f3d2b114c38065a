// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import Ingest
import Journal
import Logging
import MidwatchConfiguration
import MidwatchModel
import ReadingRing
import StateFolder
import TelemetryWire
import Vitals

/// A registration that the system never has room for.
struct RegistrationError: Error, CustomStringConvertible {
    var name: String
    var reason: String

    var description: String { "\(self.name) cannot be registered: \(self.reason)" }
}

/// A listener that cannot open its socket.
struct ListenerError: Error, CustomStringConvertible {
    var name: String
    var address: String
    var reason: String

    var description: String {
        "listener \(self.name) cannot listen on \(self.address): \(self.reason); "
            + "end what uses the address (ss -lnp) or change `bind`"
    }
}

/// Every socket that readings come in through, and the registries they share.
final class SensorIngest: Sendable {
    /// Tries of one registration while the ring is full; each waits 5 ms.
    private static let registrationTriesMax = 2_000

    let sensors: SensorRegistry
    private let sources: SourceRegistry
    private let configuration: MidwatchConfiguration
    private let services: IngestServices
    private let watermark: DurableWatermark
    private let vitals: VitalsPage
    private let logger: Logger
    private let listeners = Listeners()

    init(
        _ configuration: MidwatchConfiguration, report: JournalReport, rules: RuleBook,
        ring: ReadingRing, clock: EngineClock, watermark: DurableWatermark, vitals: VitalsPage,
        logger: Logger
    ) {
        let ingestClock = IngestClock(now: { clock.now() }, wall: { EngineClock.wall() })
        self.sensors = SensorRegistry(
            restored: report.sensorPaths,
            undeclaredMax: configuration.ingest.undeclaredSensorsMax, ring: ring,
            clock: ingestClock, classify: Self.classifier(rules))
        self.sources = SourceRegistry(
            // Index 0 is Midwatch itself and never registered: the journal fills its place.
            restored: report.sources.dropFirst().map(\.name), ring: ring, clock: ingestClock)
        self.configuration = configuration
        self.services = IngestServices(
            ring: ring, sensors: self.sensors, sources: self.sources, clock: ingestClock,
            run: vitals.runTally)
        self.watermark = watermark
        self.vitals = vitals
        self.logger = logger
    }

    /// What the rules say about a path when it first appears.
    static func classifier(_ rules: RuleBook) -> @Sendable (SensorID) -> SensorClass {
        { sensor in
            SensorClass(
                isDeclared: rules.declarationIndex(for: sensor.path) != nil,
                criticality: rules.declaration(for: sensor.path).effectiveCriticality)
        }
    }

    /// Registers again what the journal's registry knows and the engine could not learn from the
    /// records it read: a damaged block, a disk that did not give them back.
    ///
    /// Without them every later sensor would stay unknown to the engine too.
    func registerAgain(_ report: JournalReport, sensorsFrom: Int, sourcesFrom: Int) async throws {
        let records = Registrations.records(
            report, sensorsFrom: sensorsFrom, sourcesFrom: sourcesFrom,
            at: self.services.clock.now())
        guard !records.isEmpty else { return }
        self.logger.error(
            "registrations were not in the journal and are made again",
            metadata: ["registrations.count": "\(records.count)"])
        for record in records {
            var triesLeft = Self.registrationTriesMax
            while self.services.ring.offer(record.span, criticality: .own) == .ringFull {
                triesLeft -= 1
                guard triesLeft > 0 else {
                    throw RegistrationError(name: "journal", reason: "the ring stays full")
                }
                try await Task.sleep(nanoseconds: 5_000_000)
            }
        }
    }

    /// Declared sensors exist from the start: their deadlines run before they speak (promise 2).
    func register(_ paths: [String]) async throws {
        for path in paths {
            guard let sensor = SensorID(path) else { continue }
            _ = try await self.index(of: sensor)
        }
    }

    /// Opens every listener; readings flow from now on.
    func start() async throws {
        let canary = Revisions.canaryPath(of: self.configuration)
        if let sensor = SensorID(canary) {
            let listener = try CanaryListener(
                port: self.configuration.vitals.canary.port,
                sensor: try await self.index(of: sensor),
                source: try await self.source("canary"), ring: self.services.ring,
                clock: self.services.clock)
            try listener.start()
            self.vitals.canaryPort = listener.port
            self.listeners.add(listener)
        }
        for udp in self.configuration.ingest.udp { try await self.startUDP(udp) }
        for mqtt in self.configuration.ingest.mqtt { try await self.startMQTT(mqtt) }
    }

    /// Closes every listener; what was received is in the ring, what was acknowledged is durable.
    func stop() async { await self.listeners.stop() }

    func totals() -> StatusReporter.IngestTotals { self.listeners.totals() }

    func metrics() -> [MetricSample] {
        self.sensors.metrics() + self.sources.metrics() + self.listeners.metrics()
    }

    // MARK: Private

    private func startUDP(_ udp: UDPListenerConfiguration) async throws {
        var options = UDPListener.Configuration(
            name: "udp/\(udp.name)", address: udp.bind.host, port: udp.bind.port)
        options.timeUnit = SourceTimeUnit(rawValue: udp.precision.rawValue) ?? .nanoseconds
        options.pathTemplate = SeriesPathTemplate(tagOrder: udp.pathTags)
        options.receiveBufferBytes = udp.receiveBufferBytes
        let source = try await self.source(options.name)
        let listener: UDPListener
        do throws(SocketError) {
            listener = try UDPListener(
                options, source: source, services: self.services,
                progress: self.vitals.progress(of: .udp), logger: self.logger)
            try listener.start()
        } catch {
            throw ListenerError(name: options.name, address: "\(udp.bind)", reason: "\(error)")
        }
        self.listeners.add(listener)
    }

    private func startMQTT(_ mqtt: MQTTListenerConfiguration) async throws {
        let rules = mqtt.topics.map { topic in
            TopicRule(filter: topic.filter, path: topic.path, payload: Self.payload(topic))
        }
        var options = MQTTEndpoint.Configuration(
            name: "mqtt/\(mqtt.name)", address: mqtt.bind.host, port: mqtt.bind.port, rules: rules)
        options.connectionCountMax = mqtt.connectionsMax
        options.addressConnectionCountMax = mqtt.connectionsPerAddressMax
        options.packetBytesMax = mqtt.packetBytesMax
        options.inflightCountMax = Int(mqtt.receiveMaximum)
        options.keepAliveSecondsMax = mqtt.keepAliveMaxSeconds
        let endpoint = try MQTTEndpoint(
            options, source: try await self.source(options.name), services: self.services,
            watermark: self.watermark, progress: [self.vitals.progress(of: .mqtt)],
            logger: self.logger)
        do {
            _ = try await endpoint.start()
        } catch {
            throw ListenerError(name: options.name, address: "\(mqtt.bind)", reason: "\(error)")
        }
        self.listeners.add(endpoint)
    }

    private static func payload(_ topic: MQTTTopicConfiguration) -> PayloadFormat {
        let unit = SourceTimeUnit(rawValue: topic.timeUnit.rawValue) ?? .nanoseconds
        return switch topic.format {
        case .number, .boolean: .plain
        case .json:
            .json(
                JSONPayload(
                    valuePath: topic.valuePath, timestampPath: topic.timePath, timestampUnit: unit))
        case .lineProtocol: .lineProtocol(unit: unit)
        }
    }

    private func index(of sensor: SensorID) async throws -> SensorIndex {
        for _ in 0..<Self.registrationTriesMax {
            switch self.sensors.resolve(sensor, from: .own) {
            case .known(let index, _): return index
            case .rejected(let cause):
                throw RegistrationError(name: sensor.path, reason: "\(cause)")
            case .ringFull: try await Task.sleep(nanoseconds: 5_000_000)
            }
        }
        throw RegistrationError(name: sensor.path, reason: "the ring stays full")
    }

    private func source(_ name: String) async throws -> SourceIndex {
        for _ in 0..<Self.registrationTriesMax {
            switch self.sources.resolve(name, origin: .configured) {
            case .known(let index): return index
            case .rejected(let cause): throw RegistrationError(name: name, reason: "\(cause)")
            case .ringFull: try await Task.sleep(nanoseconds: 5_000_000)
            }
        }
        throw RegistrationError(name: name, reason: "the ring stays full")
    }
}
