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
import Synchronization
import Vitals

/// How the daemon is wired: read it from top to bottom and you have read where a reading goes.
///
/// sockets → ring → journal and engine → gate → ledger → alerts; journal → historian; live tables
/// and counters → operator API, vitals page → watchdog.
struct Topology {
    let services: [any Service]
    private let reloader: Reloader

    /// Opens the logs, rebuilds the engine and binds every socket. Nothing runs yet.
    static func assemble(
        _ configuration: MidwatchConfiguration, text: [UInt8], logger: Logger
    ) async throws -> Topology {
        // 1. Folders, and the page through which the watchdog watches.
        let folders = Folders(configuration)
        try folders.make()
        let vitals = try VitalsPage.create(path: configuration.vitals.path, wall: EngineClock.wall())
        vitals.stagesInUse = Self.stages(of: configuration)

        // 2. The engine as it was at the last durable record.
        let revisions = Revisions(folder: folders.revisions)
        let revision = try revisions.keep(text)
        let rules = Revisions.rules(of: configuration, revision: revision)
        let book: @Sendable (String) -> RuleBook? = {
            $0 == revision ? rules : revisions.rules(of: $0)
        }
        let recovered = try Recovery(
            journalFolder: folders.journal, checkpointFolder: folders.checkpoints,
            options: JournalOptions(
                segmentBytes: UInt64(configuration.journal.segmentBytes),
                stagingBytes: configuration.journal.stagingBytes),
            book: book, logger: logger, vitals: vitals
        ).run()
        let journal = recovered.journal
        let report = journal.report
        Self.tell(report, replayed: recovered.replayedCount, logger)
        vitals.epoch = report.epoch

        // 3. Time goes on where it stopped; the ring begins at the next number.
        let clock = EngineClock(continuingAt: max(recovered.engine.now, report.lastArrival))
        let ring = ReadingRing(
            capacity: configuration.ring.capacity, firstSequence: report.nextN)
        let watermark = DurableWatermark(through: report.nextN)
        let live = LiveState(rules: rules)

        // 4. The two readers of the ring.
        let journalLoop = JournalLoop(
            ring: ring, staging: journal.staging, committer: journal.committer,
            watermark: watermark, clock: clock, progress: vitals.progress(of: .journal),
            syncIntervalNanoseconds: configuration.journal.syncIntervalNanoseconds, logger: logger)
        let gate = EffectGate()
        let checkpoints = CheckpointWriter(
            folder: folders.checkpoints, watermark: watermark, clock: clock, logger: logger)
        let engineLoop = EngineLoop(
            ring: ring, staging: journal.staging, gate: gate, live: live, clock: clock,
            progress: vitals.progress(of: .engine), checkpoints: checkpoints)

        // 5. What leaves: ledger, alerts, answers.
        let ledger = try Ledger.open(directory: folders.ledger)
        let outcomes = OutcomeLog()
        let delivery = try AlertWiring.delivery(
            configuration, outboxPath: folders.outbox, clock: clock,
            progress: vitals.progress(of: .delivery), logger: logger, outcomes: outcomes)
        let desk = Mutex<OperatorDesk?>(nil)
        _ = desk
        let effects = Effects(
            builder: AlertBuilder(
                node: configuration.node.name, site: configuration.node.site,
                version: Build.version),
            live: live, delivery: delivery)
        let ledgerLoop = LedgerLoop(
            writer: ledger.writer, gate: gate, staging: journal.staging, watermark: watermark,
            journalMode: { journalLoop.mode }, clock: clock,
            progress: vitals.progress(of: .ledger), logger: logger,
            release: { effects.release($0, isRecorded: $1, ledgerN: $2) },
            noteWritten: { effects.ledgerWritten(through: $0) })
        outcomes.attach(ledgerLoop)
        try effects.catchUp(
            recovered.decisions, ledger: ledger, folder: folders.ledger, rules: rules,
            logger: logger)

        // 6. What comes in.
        let ingest = try await IngestWiring.make(
            configuration, report: report, rules: rules, ring: ring, clock: clock,
            watermark: watermark, vitals: vitals, logger: logger)

        // 7. The archive follows the journal.
        let historian = HistorianService(
            configuration, folders: folders,
            feed: HistorianFeed(
                folder: folders.journal, report: report, watermark: watermark, logger: logger),
            clock: clock, live: live, progress: vitals.progress(of: .historian), logger: logger)

        // 8. Who looks at it.
        let reporter = StatusReporter(
            StatusReporter.Parts(
                configurationRevision: { live.ruleBook.revision },
                node: configuration.node.name, site: configuration.node.site,
                unsafeSettings: configuration.unsafeSettings, startedAt: EngineClock.wall(),
                epoch: report.epoch, ring: ring, live: live, clock: clock, watermark: watermark,
                staging: journal.staging, journal: journalLoop, ledger: ledgerLoop,
                engine: engineLoop, historian: historian.status, storeName: historian.storeName,
                delivery: delivery, vitals: vitals, stateDirectory: configuration.stateDirectory,
                ingest: { ingest.totals() }, edgeMetrics: { ingest.metrics() }))
        effects.attach(reporter)
        let operators = OperatorDesk(
            OperatorDesk.Parts(
                ring: ring, live: live, clock: clock, ledgerFolder: folders.ledger,
                report: { reporter.report() }, metrics: { reporter.metrics() },
                newestEvent: { ledgerLoop.newest }))
        effects.attach(operators)
        let retention = RetentionKeeper(
            folder: folders.journal, configuration: configuration.journal,
            archivedThrough: { historian.status.archivedThrough }, clock: clock, logger: logger)
        let housekeeper = Housekeeper(
            Housekeeper.Parts(
                ring: ring, clock: clock, live: live, watermark: watermark, vitals: vitals,
                supply: journal.supply, checkpoints: checkpoints,
                journalMode: { journalLoop.mode },
                everySecond: {
                    reporter.sample()
                    retention.everySecond()
                }), logger: logger)

        // 9. Order of starting; stopping goes the other way round.
        let opening = Opening(
            epoch: report.epoch, revision: revision, clock: clock, ring: ring)
        let core = CoreService(
            engine: recovered.engine, opening: opening, engineLoop: engineLoop,
            journalLoop: journalLoop, ledgerLoop: ledgerLoop, housekeeper: housekeeper,
            vitals: vitals)
        let reloader = Reloader(
            revisions: revisions, ring: ring, clock: clock, sensors: ingest.sensors,
            logger: logger)
        return Topology(
            services: [
                core, historian, DeliveryService(delivery, effects: effects),
                try APIService(configuration, backend: operators, progress: vitals, logger: logger),
                IngestService(
                    ingest, declared: rules.declaredPaths, vitals: vitals, logger: logger),
            ], reloader: reloader)
    }
}
