// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import AlertDelivery
import Historian
import Ingest
import Journal
import Logging
import MidwatchConfiguration
import MidwatchModel
import OperatorAPI
import ReadingRing
import ServiceLifecycle
import StateFolder
import Synchronization
import Vitals

/// The records with which a run begins, in the journal before any reading.
struct Opening: Sendable {
    let epoch: UInt32
    let revision: String
    let clock: EngineClock
    let ring: ReadingRing
    /// What the end of the run before took.
    let loss: CrashLoss?

    func offer() {
        let (engine, wall) = self.clock.anchor()
        var start = Slot(kind: .start, arrival: engine)
        start.sourceTime = wall.nanoseconds
        start.valueBits = self.clock.offset
        start.aux = UInt64(self.epoch)
        var anchor = Slot(kind: .clockAnchor, arrival: engine)
        anchor.sourceTime = wall.nanoseconds
        let slots =
            [start, anchor]
            + ControlRecord.slots(
                head: Slot(kind: .configuration, arrival: engine),
                payload: ConfigurationOrder(revision: self.revision).payload)
        guard case .accepted = self.ring.offer(slots.span, criticality: .own) else {
            preconditionFailure("a new ring has room")
        }
        if let record = self.loss?.record(at: engine) {
            _ = self.ring.offer(record, criticality: .own)
        }
    }
}

/// Engine, journal, ledger and their housekeeping: first to start, last to stop.
final class CoreService: Service {
    private let engine: Mutex<EngineBox?>
    private let opening: Opening
    private let engineLoop: EngineLoop
    private let journalLoop: JournalLoop
    private let ledgerLoop: LedgerLoop
    private let housekeeper: Housekeeper
    private let access: AccessLog
    private let vitals: VitalsPage
    private let realTime: RealTime
    private let logger: Logger

    /// Holds the engine until its thread takes it.
    struct EngineBox: ~Copyable, Sendable {
        var engine: AlarmEngine
    }

    init(
        engine: consuming sending AlarmEngine, opening: Opening, engineLoop: EngineLoop,
        journalLoop: JournalLoop, ledgerLoop: LedgerLoop, housekeeper: Housekeeper,
        access: AccessLog, vitals: VitalsPage, realTime: RealTime, logger: Logger
    ) {
        self.realTime = realTime
        self.logger = logger
        self.engine = Mutex(EngineBox(engine: engine))
        self.opening = opening
        self.engineLoop = engineLoop
        self.journalLoop = journalLoop
        self.ledgerLoop = ledgerLoop
        self.housekeeper = housekeeper
        self.access = access
        self.vitals = vitals
    }

    func run() async throws {
        guard let box = self.engine.withLock({ $0.take() }) else { return }
        let handover = Handover(box)
        let epoch = self.opening.epoch
        let engineLoop = self.engineLoop
        let (realTime, logger) = (self.realTime, self.logger)
        let engineThread = LoopThread("engine") {
            realTime.raiseEngine()
            logger.notice(
                "scheduling",
                metadata: [
                    "realtime.engine": "\(realTime.isEngineRealTime)",
                    "realtime.memoryLocked": "\(realTime.isMemoryLocked)",
                ])
            if let box = handover.take() { engineLoop.run(box.engine, epoch: epoch) }
        }
        let journalThreads = self.journalLoop.start()
        let ledgerThreads = self.ledgerLoop.start()
        self.access.start()
        let keeperThreads = self.housekeeper.start()
        try? await gracefulShutdown()
        // The last inputs are evaluated, then written, then their effects recorded.
        SystemdNotifier()?.stopping()
        self.vitals.phase = .stopping
        let stop = Slot(kind: .stop, arrival: self.opening.clock.now())
        _ = self.opening.ring.offer(stop, criticality: .own)
        self.engineLoop.requestStop()
        engineThread.join()
        // Before the ledger, which takes its last word.
        self.access.finish()
        self.ledgerLoop.requestStop()
        for thread in ledgerThreads { thread.join() }
        self.journalLoop.requestStop()
        for thread in journalThreads { thread.join() }
        self.housekeeper.requestStop()
        for thread in keeperThreads { thread.join() }
    }

    /// Carries the engine into its thread.
    private final class Handover: Sendable {
        private let box: Mutex<EngineBox?>
        init(_ box: consuming sending EngineBox) { self.box = Mutex(box) }
        func take() -> EngineBox? { self.box.withLock { $0.take() } }
    }
}

/// The archive writer on a thread of its own.
final class HistorianService: Service {
    let status: HistorianStatus
    let storeName: String
    private let makeRun: @Sendable (_ stop: @escaping () -> Bool) -> Void
    private let stop = StopFlag()

    init(
        _ configuration: MidwatchConfiguration, folders: Folders, feed: HistorianFeed,
        clock: EngineClock, live: LiveState, progress: StageProgress, archiving: ArchiveLatency,
        tally: SourceTally, logger: Logger
    ) {
        let status = HistorianStatus(
            onStored: { archiving.stored(through: $0.n) },
            onRows: { source, count in
                // A damaged record may name any source.
                guard source.rawValue < UInt32(SystemLimits.sourceCountMax) else { return }
                tally.add(.stored, count, of: source)
            })
        self.status = status
        let days = Int32(clamping: configuration.archive.retentionNanoseconds / 86_400_000_000_000)
        var settings = HistorianConfiguration()
        settings.sourceTimes = live.ruleBook.sourceTimes
        let unit: @Sendable (String) -> String = { live.ruleBook.declaration(for: $0).unit }
        let makeStore: @Sendable () throws(SecretError) -> any ArchiveStore
        switch configuration.archive.store {
        case .sqlite:
            self.storeName = "sqlite"
            let path = folders.archive
            makeStore = {
                var options = SQLiteArchiveOptions(path: path)
                options.readingDays = days
                return SQLiteArchive(options)
            }
        case .postgresql(let server):
            self.storeName = "postgresql"
            settings.identityFile = ArchiveIdentityFile(path: folders.archiveIdentity)
            makeStore = { () throws(SecretError) in
                var options = PostgresOptions(connection: try server.connection.resolve())
                options.migratesAtStart = server.migrateAtStart
                options.readingDays = days
                return PostgresArchive(options)
            }
        }
        let fixed = settings
        self.makeRun = { stop in
            let store = Self.awaitStore(
                makeStore, clock: clock, progress: progress, logger: logger, stop: stop)
            guard let store else { return }
            let (engine, wall) = clock.anchor()
            let historian = Historian(
                configuration: fixed, source: feed, store: store, status: status,
                progress: progress, logger: logger,
                assumedAnchor: ClockAnchor(arrival: engine, wall: wall.nanoseconds), unit: unit)
            historian.run(until: stop)
        }
    }

    /// The store, once the secret it needs is there; nil at a stop.
    ///
    /// Until then the archive counts as unreachable, and nothing else waits for it.
    private static func awaitStore(
        _ makeStore: @Sendable () throws(SecretError) -> any ArchiveStore, clock: EngineClock,
        progress: StageProgress, logger: Logger, stop: () -> Bool
    ) -> (any ArchiveStore)? {
        let pause = WakeWord()
        var pace = RetryPace()
        while !stop() {
            progress.beat()
            if pace.isDue(clock.now()) {
                do throws(SecretError) {
                    return try makeStore()
                } catch {
                    if pace.failureCount == 0 {
                        logger.critical(
                            "archive has no connection string", metadata: ["error": "\(error)"])
                    }
                    pace.failed(at: clock.now())
                }
            }
            pause.sleep(nanoseconds: 250_000_000)
        }
        return nil
    }

    func run() async throws {
        let stop = self.stop
        let makeRun = self.makeRun
        let thread = LoopThread("historian") { makeRun { stop.isSet } }
        try? await gracefulShutdown()
        stop.set()
        thread.join()
    }
}

/// Alerts on their way to endpoints.
struct DeliveryService: Service {
    /// Time that a stop gives to alerts that can still be sent.
    private static let flushNanoseconds: UInt64 = 3_000_000_000

    let delivery: AlertDelivery
    let effects: Effects
    let ledgerFolder: String
    /// Number of the newest durable ledger record before this run.
    let newestRecord: UInt64
    /// Records of decisions that the disk had not taken at the start.
    let caughtUp: [LedgerCatchUp.Entry]

    func run() async throws {
        await self.effects.start(
            ledgerFolder: self.ledgerFolder, newest: self.newestRecord, waiting: self.caughtUp)
        try? await gracefulShutdown()
        await self.delivery.stop(withinNanoseconds: Self.flushNanoseconds)
    }
}

/// The operator API, and the heartbeat that says it answers.
///
/// The monitor goes on without it: when it cannot listen, that is logged and tried again.
struct APIService: Service {
    private static let retryNanoseconds: UInt64 = 5_000_000_000

    private let makeServer: @Sendable () throws -> OperatorAPIServer
    private let threads: [FileReadThread]
    private let progress: StageProgress
    private let clock: EngineClock
    private let own: OwnCounters
    private let logger: Logger

    init(
        _ configuration: APIConfiguration, desk: OperatorDesk, gate: OperatorGate,
        threads: [FileReadThread], access: AccessLog, progress: StageProgress,
        clock: EngineClock, own: OwnCounters,
        logger: Logger
    ) {
        self.clock = clock
        self.own = own
        self.threads = threads
        let settings = OperatorAPIConfiguration(
            socketPath: configuration.unixSocketPath,
            loopback: configuration.tcp.map {
                OperatorAPIConfiguration.Loopback(host: $0.host, port: Int($0.port))
            })
        let count: @Sendable (AccessEvent) -> Void = { access.count($0) }
        // The server's own words put facts into the message; ours are keys.
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)
        let (path, host) = (settings.socketPath, settings.loopback?.host ?? "")
        let onListening: @Sendable (Int?) -> Void = { port in
            logger.info(
                "listening",
                metadata: port.map {
                    ["listener.name": "api/tcp", "listener.address": "\(host):\($0)"]
                } ?? ["listener.name": "api/unix", "listener.address": "\(path)"])
        }
        self.makeServer = { [quiet] in
            try OperatorAPIServer(
                configuration: settings, backend: desk, access: gate, logger: quiet,
                onListening: onListening, onAccess: count)
        }
        self.progress = progress
        self.logger = logger
    }

    func run() async throws {
        for thread in self.threads { thread.start() }
        defer { for thread in self.threads { thread.requestStop() } }
        await withTaskGroup { group in
            group.addTask { await self.serve() }
            group.addTask {
                // It turns when the tasks of the API get their turn.
                while !Task.isShuttingDownGracefully, !Task.isCancelled {
                    self.progress.beat()
                    await self.rest(500_000_000)
                }
            }
        }
    }

    private func serve() async {
        while !Task.isShuttingDownGracefully, !Task.isCancelled {
            do {
                try await self.makeServer().run()
            } catch {
                self.own.noteAPIFailure(at: self.clock.now())
                self.logger.critical("operator API down", metadata: ["error": "\(error)"])
                await self.rest(Self.retryNanoseconds)
            }
        }
    }

    /// Sleeps, but not into a stop.
    private func rest(_ nanoseconds: UInt64) async {
        try? await cancelWhenGracefulShutdown { try await Task.sleep(nanoseconds: nanoseconds) }
    }
}

/// Sockets: last to start, first to stop.
struct IngestService: Service {
    /// Between two looks at what is to be tried again.
    private static let retryMilliseconds = 500

    let ingest: SensorIngest
    let own: OwnSensors
    let report: JournalReport
    /// What the engine knows after recovery; what the registry has beyond is registered again.
    let sensorsKnown: Int
    let sourcesKnown: Int
    let declared: [String]
    let sources: SourceTree
    let vitals: VitalsPage
    let live: LiveState
    let troubles: StartTroubles
    let logger: Logger

    /// What must be done once, in order; a limit or a full ring keeps none of the others back.
    private func steps() -> StartSteps {
        let (ingest, own) = (self.ingest, self.own)
        let (sources, declared) = (self.sources, self.declared)
        return StartSteps(
            [
                StartSteps.Step("sources") { try await ingest.register(sources) },
                StartSteps.Step("sensors") { try await ingest.register(declared) },
                StartSteps.Step("sensors about Midwatch") { try await own.start() },
            ], troubles: self.troubles, logger: self.logger)
    }

    func run() async throws {
        // Later registrations rest on these, so they are waited for.
        var again = StartSteps(
            [
                StartSteps.Step("sensors of the journal") { [ingest, report] in
                    try await ingest.registerAgain(
                        report, sensorsFrom: self.sensorsKnown, sourcesFrom: self.sourcesKnown)
                }
            ], troubles: self.troubles, logger: self.logger)
        while !again.areDone, !Task.isShuttingDownGracefully {
            await again.tryDue(self.ingest.services.clock.now())
            if !again.areDone { await self.rest() }
        }
        var steps = self.steps()
        await steps.tryDue(self.ingest.services.clock.now())
        try await self.ingest.start()
        // Ready means that what is asked for can be answered.
        while !self.live.isPublished { try await Task.sleep(nanoseconds: 1_000_000) }
        self.vitals.phase = .running
        let plantCount = self.declared.count { !OwnPath.isOwn($0) }
        self.logger.notice("running", metadata: ["sensors.declared": "\(plantCount)"])
        _ = SystemdNotifier()?.ready(status: "watching")
        await self.keepListening(&steps)
        self.own.end()
        await self.ingest.stop()
    }

    /// Until the stop: what is down is tried again.
    private func keepListening(_ steps: inout StartSteps) async {
        let ingest = self.ingest
        while !Task.isShuttingDownGracefully, !Task.isCancelled {
            await steps.tryDue(ingest.services.clock.now())
            ingest.standForSources()
            do {
                try await ingest.retry()
            } catch {
                self.logger.error("listeners not tried again", metadata: ["error": "\(error)"])
            }
            await self.rest()
        }
    }

    private func rest() async {
        try? await cancelWhenGracefulShutdown {
            try await Task.sleep(for: .milliseconds(Self.retryMilliseconds))
        }
    }
}
