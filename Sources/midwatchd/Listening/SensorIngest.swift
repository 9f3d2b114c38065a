// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import Ingest
import Journal
import Logging
import MidwatchConfiguration
import MidwatchModel
import OperatorViews
import ReadingRing
import StateFolder
import Synchronization
import TelemetryWire
import Vitals

/// A registration that the system has no room for.
struct RegistrationError: Error, CustomStringConvertible {
    var name: String
    var reason: String
    /// The ring has no room at the moment: what follows has none either.
    var isPassing = false

    static func ringFull(_ name: String) -> RegistrationError {
        RegistrationError(name: name, reason: "the ring stays full", isPassing: true)
    }

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
    static let canarySourceName = "canary"

    let sensors: SensorRegistry
    let sources: SourceRegistry
    /// Readings of every source by outcome.
    var tally: SourceTally { self.sources.tally }
    private let configuration: MidwatchConfiguration
    let services: IngestServices
    let board: ListenerBoard
    /// Readings about Midwatch itself that found no place in the ring.
    let ownRefused = Atomic<UInt64>(0)
    /// Records of the journal's registry that were made again so far.
    private let madeAgain = Atomic<Int>(0)
    /// Which sources have a sensor by a rule about sources, as far as it was looked after.
    let judgedSources: Mutex<JudgedSources>
    private let watermark: DurableWatermark
    private let sessions: SessionTable
    private let vitals: VitalsPage
    private let logger: Logger
    let listeners = Listeners()
    /// What the watchdog sees of the listeners.
    private let udpStage: ListenerStage
    private let mqttStage: ListenerStage
    /// Told of logins that fail and publishes that are denied.
    private let accessReport: @Sendable (MQTTAccessReport) -> Void

    init(
        _ configuration: MidwatchConfiguration, report: JournalReport, rules: RuleBook,
        ring: ReadingRing, clock: EngineClock, watermark: DurableWatermark,
        sessions: SessionTable, vitals: VitalsPage, latencies: StageLatencies,
        onAccess: @escaping @Sendable (AccessEvent) -> Void,
        accessReport: @escaping @Sendable (MQTTAccessReport) -> Void, logger: Logger
    ) {
        self.accessReport = accessReport
        let ingestClock = IngestClock(now: { clock.now() }, wall: { EngineClock.wall() })
        self.sensors = SensorRegistry(
            restored: report.sensorPaths,
            undeclaredMax: configuration.ingest.undeclaredSensorsMax, ring: ring,
            clock: ingestClock, classify: Self.classifier(rules))
        self.sources = SourceRegistry(
            // Index 0 is Midwatch itself and never registered: the journal fills its place.
            restored: report.sources.dropFirst().map(\.name), ring: ring, clock: ingestClock)
        self.judgedSources = Mutex(JudgedSources(rules: rules))
        self.configuration = configuration
        self.services = IngestServices(
            ring: ring, sensors: self.sensors, sources: self.sources, clock: ingestClock,
            run: vitals.runTally, latencies: latencies, onAccess: onAccess)
        self.board = ListenerBoard(names: OwnListener.all(of: configuration).map(\.name))
        self.watermark = watermark
        self.sessions = sessions
        self.vitals = vitals
        self.udpStage = ListenerStage(page: vitals.progress(of: .udp))
        self.mqttStage = ListenerStage(page: vitals.progress(of: .mqtt))
        self.logger = logger
    }

    /// What the rules say about a path when it first appears.
    ///
    /// What is about Midwatch itself nobody else may write. What stands for a source that a rule
    /// about sources fits counts as declared.
    static func classifier(_ rules: RuleBook) -> @Sendable (SensorID) -> SensorClass {
        { sensor in
            let (declaration, number) = rules.numberedDeclaration(for: sensor.path)
            guard OwnPath.isOwn(sensor.path) else {
                return SensorClass(
                    isDeclared: number >= 0, criticality: declaration.effectiveCriticality)
            }
            let isDeclared =
                number >= 0 && !declaration.isTemplate
                || Self.source(at: sensor.path).map(rules.isJudged) ?? false
            return SensorClass(isDeclared: isDeclared, criticality: .own)
        }
    }

    /// Registers again what the journal's registry knows and the engine could not learn from the
    /// records it read: a damaged block, a disk that did not give them back.
    ///
    /// Without them every later sensor would stay unknown to the engine too. A call after one that
    /// threw goes on where that one stopped.
    func registerAgain(_ report: JournalReport, sensorsFrom: Int, sourcesFrom: Int) async throws {
        let records = Registrations.records(
            report, sensorsFrom: sensorsFrom, sourcesFrom: sourcesFrom,
            at: self.services.clock.now())
        let done = self.madeAgain.load(ordering: .relaxed)
        guard done < records.count else { return }
        self.logger.error(
            "registrations were not in the journal and are made again",
            metadata: ["registrations.count": "\(records.count - done)"])
        for record in records.dropFirst(done) {
            var triesLeft = Self.registrationTriesMax
            while self.services.ring.offer(record.span, criticality: .own) == .ringFull {
                triesLeft -= 1
                guard triesLeft > 0 else {
                    throw RegistrationError.ringFull("journal")
                }
                try await Task.sleep(nanoseconds: 5_000_000)
            }
            self.madeAgain.wrappingAdd(1, ordering: .relaxed)
        }
    }

    /// Configured sources exist from the start, each after the one that it is behind.
    func register(_ sources: SourceTree) async throws {
        try await self.each(sources.sources) { source in
            var behind = SourceIndex.own
            if let above = sources.behind(source.name) { behind = try await self.source(above) }
            _ = try await self.source(source.name, behind: behind)
        }
    }

    /// Declared sensors exist from the start: their deadlines run before they speak.
    func register(_ paths: [String]) async throws {
        try await self.each(paths) { path in
            guard let sensor = SensorID(path) else { return }
            _ = try await self.index(of: sensor)
        }
    }

    /// Registers all that can be; what is refused keeps nothing else out and is thrown at the end.
    private func each<Item>(
        _ items: [Item], _ register: (Item) async throws -> Void
    ) async throws {
        var refused: (first: RegistrationError, count: Int)?
        for item in items {
            do {
                try await register(item)
            } catch let error as RegistrationError where !error.isPassing {
                refused = (refused?.first ?? error, (refused?.count ?? 0) + 1)
            }
        }
        guard var error = refused?.first, let count = refused?.count else { return }
        if count > 1 { error.reason += ", and \(count - 1) others" }
        throw error
    }

    /// Opens every listener; readings flow from now on.
    ///
    /// One that cannot open is said to be down and tried again by `retry`.
    func start() async throws { try await self.openDue() }

    /// Tries again what is down and due.
    func retry() async throws { try await self.openDue() }

    /// Shows the watchdog what all listeners of a stage did.
    ///
    /// Housekeeping thread, several times a second; it waits for nobody.
    func gatherProgress() {
        self.udpStage.gather()
        self.mqttStage.gather()
    }

    private func openDue() async throws {
        for index in self.board.due(self.services.clock.now()) {
            do {
                try await self.open(index)
                if self.board.opened(index) > 0 {
                    self.logger.notice(
                        "listener up", metadata: ["listener.name": "\(self.board.names[index])"])
                }
            } catch let error as ListenerError {
                self.isDown(index, error.reason, error)
            } catch let error as RegistrationError {
                // Its source finds no place: the others open all the same.
                self.isDown(index, error.description, error)
            }
        }
    }

    private func isDown(_ index: Int, _ reason: String, _ error: any Error) {
        let failures = self.board.failed(index, reason: reason, at: self.services.clock.now())
        // The first, then what the status says.
        guard failures == 1 else { return }
        self.logger.critical("listener down", metadata: ["error": "\(error)"])
    }

    /// Opens the listener `index` in the order of `OwnListener.all`.
    private func open(_ index: Int) async throws {
        let (udp, mqtt) = (self.configuration.ingest.udp, self.configuration.ingest.mqtt)
        if index < udp.count { return try await self.startUDP(udp[index]) }
        if index < udp.count + mqtt.count {
            return try await self.startMQTT(mqtt[index - udp.count])
        }
        try await self.startCanary()
    }

    /// Closes every listener; what was received is in the ring, what was acknowledged is durable.
    func stop() async { await self.listeners.stop() }

    /// Reads certificates, passwords and access rules again; returns what could not be used.
    func reloadSecurity() -> [String] { self.listeners.reloadSecurity() }

    /// What every screen says of the listeners.
    func warnings() -> [String] { self.listeners.warnings() }

    func totals() -> StatusReporter.IngestTotals { self.listeners.totals() }

    /// What was received and refused: the own sensors feed a `RejectionRate` with it.
    func rejectionTotals() -> RejectionTotals { self.listeners.rejectionTotals() }

    /// The last refused input, newest first.
    func rejects(limit: Int) -> [RejectView] {
        let now = self.services.clock.now()
        let wall = self.services.clock.wall()
        return self.listeners.rejects(limit: limit).map { listener, entry in
            let age = Int64(clamping: now.nanosecondsSince(entry.at))
            var view = RejectView(
                listener: listener, number: entry.number,
                time: WallInstant(nanoseconds: wall.nanoseconds &- age),
                source: self.sources.name(of: entry.source) ?? "", cause: entry.cause,
                inputBytes: entry.inputBytes, excerpt: RejectLog.escaped(entry.excerpt))
            view.topic = RejectLog.escaped(entry.topic)
            view.detail = entry.detail
            view.offset = entry.offset
            return view
        }
    }

    func metrics() -> [MetricSample] {
        self.sensors.metrics() + self.sources.metrics() + self.listeners.metrics()
            + (self.configuration.ingest.mqtt.isEmpty ? [] : self.sessions.metrics())
    }

    // MARK: Private

    /// Opens the canary's door, on any free port if the configured one is taken.
    ///
    /// The watchdog reads the port from the vitals page; without a door it would restart a daemon
    /// that has nothing wrong with it.
    private func startCanary() async throws {
        guard let sensor = SensorID(Revisions.canaryPath(of: self.configuration)) else { return }
        let (index, source) = (
            try await self.index(of: sensor), try await self.source(Self.canarySourceName)
        )
        let bind = self.configuration.vitals.canary
        let listener: CanaryListener
        do throws(SocketError) {
            listener = try self.canary(bind.port, index, source)
            try listener.start()
        } catch {
            throw ListenerError(name: "canary", address: "\(bind)", reason: "\(error)")
        }
        self.vitals.canaryPort = listener.port
        self.listeners.add(listener)
    }

    private func canary(
        _ port: UInt16, _ sensor: SensorIndex, _ source: SourceIndex
    ) throws(SocketError) -> CanaryListener {
        func open(_ port: UInt16) throws(SocketError) -> CanaryListener {
            try CanaryListener(
                port: port, sensor: sensor, source: source, ring: self.services.ring,
                clock: self.services.clock)
        }
        do throws(SocketError) {
            return try open(port)
        } catch {
            let listener = try open(0)
            self.logger.warning(
                "canary port taken, another one is used",
                metadata: [
                    "canary.wanted": "\(port)", "canary.port": "\(listener.port)",
                    "error": "\(error)",
                ])
            return listener
        }
    }

    private func startUDP(_ udp: UDPListenerConfiguration) async throws {
        var options = UDPListener.Configuration(
            name: "udp/\(udp.name)", address: udp.bind.host, port: udp.bind.port)
        options.timeUnit = SourceTimeUnit(rawValue: udp.precision.rawValue) ?? .nanoseconds
        options.pathTemplate = SeriesPathTemplate(tagOrder: udp.pathTags)
        options.receiveBufferBytes = udp.receiveBufferBytes
        options.isDualHomed = udp.dualHomed
        let source = try await self.source(options.name)
        let listener: UDPListener
        do throws(SocketError) {
            let counters = self.udpStage.counters(of: options.name)
            precondition(counters.count == 1, "one thread reads the socket")
            listener = try UDPListener(
                options, source: source, services: self.services,
                progress: counters[0], logger: self.logger)
            try listener.start()
        } catch {
            throw ListenerError(name: options.name, address: "\(udp.bind)", reason: "\(error)")
        }
        self.udpStage.join(options.name)
        self.listeners.add(listener)
    }

    private func startMQTT(_ mqtt: MQTTListenerConfiguration) async throws {
        let rules = mqtt.topics.compactMap(\.rule)
        precondition(rules.count == mqtt.topics.count, "a topic that the configuration refuses")
        var options = MQTTEndpoint.Configuration(
            name: "mqtt/\(mqtt.name)", address: mqtt.bind.host, port: mqtt.bind.port, rules: rules)
        options.connectionCountMax = mqtt.connectionsMax
        options.addressConnectionCountMax = mqtt.connectionsPerAddressMax
        options.packetBytesMax = mqtt.packetBytesMax
        options.inflightCountMax = Int(mqtt.receiveMaximum)
        options.keepAliveSecondsMax = mqtt.keepAliveMaxSeconds
        options.connectTimeoutNanoseconds = mqtt.security.connectTimeoutNanoseconds
        options.maximumQoS = QoS(rawValue: mqtt.qosMax) ?? .exactlyOnce
        options.topicAliasMaximum = mqtt.topicAliasMax
        options.sessionExpirySecondsMax = mqtt.sessionExpiryMaxSeconds
        options.isDualHomed = mqtt.dualHomed
        options.takesRetainedAsHistorical = mqtt.retained == .historical
        let security = ListenerSecurity(listener: mqtt)
        let endpoint: MQTTEndpoint
        do {
            options.security = try security.security(report: self.accessReport)
            endpoint = try MQTTEndpoint(
                options, source: try await self.source(options.name), services: self.services,
                watermark: self.watermark, sessions: self.sessions,
                progress: self.mqttStage.counters(of: options.name, count: options.loopCount),
                logger: self.logger)
            _ = try await endpoint.start()
        } catch {
            throw ListenerError(name: options.name, address: "\(mqtt.bind)", reason: "\(error)")
        }
        self.mqttStage.join(options.name)
        self.listeners.add(endpoint, security)
    }

    func index(of sensor: SensorID) async throws -> SensorIndex {
        for _ in 0..<Self.registrationTriesMax {
            switch self.sensors.resolve(sensor, from: .own) {
            case .known(let index, _): return index
            case .rejected(let cause):
                throw RegistrationError(name: sensor.path, reason: "\(cause)")
            case .ringFull: try await Task.sleep(nanoseconds: 5_000_000)
            }
        }
        throw RegistrationError.ringFull(sensor.path)
    }

    func source(_ name: String, behind: SourceIndex = .own) async throws -> SourceIndex {
        for _ in 0..<Self.registrationTriesMax {
            switch self.sources.resolve(name, behind: behind, origin: .configured) {
            case .known(let index): return index
            case .rejected(let cause): throw RegistrationError(name: name, reason: "\(cause)")
            case .ringFull: try await Task.sleep(nanoseconds: 5_000_000)
            }
        }
        throw RegistrationError.ringFull(name)
    }
}
