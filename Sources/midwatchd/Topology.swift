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

/// How the daemon is wired: read it from top to bottom and you have read where a reading goes.
///
/// sockets → ring → journal and engine → gate → ledger → alerts; journal → historian; live tables
/// and counters → operator API, vitals page → watchdog.
struct Topology {
    let services: [any Service]

    /// Opens the logs and rebuilds the engine.
    ///
    /// Nothing runs and no socket is open yet.
    static func assemble(
        _ configuration: MidwatchConfiguration, path: String, text: [UInt8], logger: Logger,
        log: LogWriter
    ) async throws -> Topology {
        // 1. Folders, and the page through which the watchdog watches.
        let folders = Folders(configuration)
        let troubles = StartTroubles(logger: logger)
        let realTime = RealTime()
        try folders.makeRun()
        self.trying(troubles, .notWritten, "state folder not complete") {
            try folders.makeState()
        }
        let vitals = try VitalsPage.create(
            path: configuration.vitals.path, wall: EngineClock.wall())
        vitals.stagesInUse = self.stages(of: configuration)
        ServiceManagerLink.start(vitals)

        // 2. The engine as it was at the last durable record.
        let revisions = Revisions(folder: folders.revisions)
        let revision = Revisions.name(of: text)
        self.trying(troubles, .revision, "text of the configuration in force not kept") {
            _ = try revisions.keep(text)
        }
        let rules = Revisions.rules(of: configuration, revision: revision)
        let offered = OfferedRules()
        // The ledger is opened first: of the decisions made again only those it lacks are kept.
        let ledger = try LogOpening.ledger("ledger", folder: folders.ledger, troubles: troubles) {
            vitals.phase = .recovering(done: $0, total: 0)
        }
        if let broken = ledger.report.broken {
            logger.critical("ledger damaged", metadata: ["ledger.damage": "\(broken)"])
        }
        let catchUp = LedgerCatchUp(writer: ledger.writer) { vitals.notePhaseProgress() }
        let ledgerHolds = LedgerCatchUp.lastDecision(
            folder: folders.ledger, newest: ledger.writer.head.n
        ) { _ in vitals.notePhaseProgress() }
        let opening = LogOpening(
            troubles: troubles,
            epochAbove: LogOpening.epochAbove(
                page: vitals.previousRun?.epoch, ledger: ledgerHolds?.position.epoch),
            boot: vitals.owner.bootID.low)
        let recovered = try Recovery(
            journalFolder: folders.journal, checkpointFolder: folders.checkpoints,
            options: JournalOptions(
                segmentBytes: UInt64(configuration.journal.segmentBytes),
                stagingBytes: configuration.journal.stagingBytes,
                ringCapacity: configuration.ring.capacity),
            openJournal: opening.journal, ledgerHolds: ledgerHolds,
            catchUp: catchUp,
            book: offered.book(started: rules, revisions), logger: logger, vitals: vitals
        ).run()
        let journal = recovered.journal
        let report = journal.report
        self.tell(report, replayed: recovered.replayedCount, logger)
        let loss = CrashLoss.of(
            vitals.previousRun, journalFolder: folders.journal, nextN: report.nextN)
        loss?.tell(logger)
        vitals.durableThrough = report.nextN
        vitals.epoch = report.epoch

        let sensorsKnown = recovered.engine.sensorCount
        let sourcesKnown = recovered.engine.sourceNames.count

        // 3. Time goes on where it stopped; the ring begins at the next number.
        let clock = EngineClock(continuingAt: max(recovered.engine.now, report.lastArrival))
        let ring = ReadingRing(
            capacity: configuration.ring.capacity, firstSequence: report.nextN)
        let watermark = DurableWatermark(through: report.nextN)
        let live = LiveState(rules: rules)
        let latencies = StageLatencies()
        let archiving = ArchiveLatency(clock: clock, latency: latencies[.durableToArchived])

        // 4. The two readers of the ring.
        let journalLoop = JournalLoop(
            ring: ring, staging: journal.staging, committer: journal.committer,
            watermark: watermark, clock: clock, progress: vitals.progress(of: .journal),
            syncIntervalNanoseconds: configuration.journal.syncIntervalNanoseconds,
            latency: latencies[.arrivalToDurable], archiving: archiving, logger: logger,
            path: { live.path(of: $0) },
            durable: { readingCount, through in
                vitals.set(.durable, readingCount)
                vitals.durableThrough = through
            })
        let gate = EffectGate()
        let checkpoints = CheckpointWriter(
            folder: folders.checkpoints, journal: report.journal, gate: gate,
            watermark: watermark, clock: clock, logger: logger)
        let engineLoop = EngineLoop(
            ring: ring, staging: journal.staging, gate: gate, live: live, clock: clock,
            progress: vitals.progress(of: .engine), checkpoints: checkpoints,
            latency: latencies[.arrivalToEvaluated], earlier: recovered.earlier)

        // 5. What leaves: the ledger first, then alerts and answers.
        if catchUp.appendedCount + catchUp.refusedCount > 0 {
            logger.notice(
                "decisions recorded late",
                metadata: [
                    "ledger.count": "\(catchUp.appendedCount)",
                    "ledger.waiting": "\(ledger.writer.pendingCount)",
                    "ledger.refused": "\(catchUp.refusedCount)",
                ])
        }
        let own = OwnCounters()
        let load = AlarmLoad()
        let keys = EndpointKeys(configuration.alerts.endpoints, clock: clock, logger: logger)
        let access = AccessLog(
            writer: try LogOpening.ledger(
                "access log", folder: folders.accessLog, options: AccessLog.options,
                troubles: troubles
            ).writer, clock: clock, logger: logger)
        let outcomes = OutcomeLog(
            access: access, clock: clock, latency: latencies[.decisionToDelivered], logger: logger)
        let delivery = try AlertWiring.delivery(
            configuration, keys: keys, outboxPath: folders.outbox, clock: clock,
            progress: vitals.progress(of: .delivery), logger: logger, outcomes: outcomes)
        let builder = AlertBuilder(
            node: configuration.node.name, site: configuration.node.site, version: Build.version)
        let routing = AlertWiring.routing(
            configuration, builder: builder, live: live, folders: folders, epoch: report.epoch,
            clock: clock, logger: logger)
        routing.attach(recovered.earlier)
        let effects = Effects(
            builder: builder, live: live, delivery: delivery, routing: routing, logger: logger)
        let ledgerLoop = LedgerLoop(
            writer: ledger.writer, gate: gate, staging: journal.staging, watermark: watermark,
            journalMode: { journalLoop.mode }, clock: clock,
            progress: vitals.progress(of: .ledger), latency: latencies[.decisionToRecorded],
            logger: logger,
            release: { effect, isRecorded, ledgerN in
                own.note(effect.decision.kind, isRecorded: isRecorded)
                if !OwnPath.isDrill(live.path(of: effect.decision.sensor)) {
                    load.note(effect.decision)
                }
                outcomes.willAlert(effect)
                effects.release(effect, isRecorded: isRecorded, ledgerN: ledgerN)
            },
            noteWritten: { effects.ledgerWritten(through: $0) })
        outcomes.attach(ledgerLoop)
        outcomes.attach(routing)
        access.attach(ledgerLoop)
        AcknowledgementHistory.read(
            folder: folders.ledger, newest: ledger.writer.head.n, into: live
        ) { effects.remember($0) }
        effects.attach(
            Effects.Ledger(
                folder: folders.ledger, newest: { ledgerLoop.newest },
                settled: { gate.settledThrough }))

        // 6. What comes in; MQTT sessions go on where the journal left them.
        let sessions = SessionKeeper(
            SessionKeeper.Parts(
                folders: folders, report: report, ring: ring, watermark: watermark, clock: clock),
            logger: logger)
        let ingest = SensorIngest(
            configuration, report: report, rules: rules, ring: ring, clock: clock,
            watermark: watermark, sessions: sessions.table, vitals: vitals, latencies: latencies,
            onAccess: { access.count($0) }, accessReport: { outcomes.note($0) }, logger: logger)

        // 7. The archive follows the journal; damage that it meets is an alarm.
        let damages = DamageBoard(
            found: report.damage,
            furtherCount: report.furtherDamageCount + (ledger.report.broken == nil ? 0 : 1),
            logger: logger, path: { live.path(of: $0) }, record: { ledgerLoop.note($0) })
        let historian = HistorianService(
            configuration, folders: folders,
            feed: HistorianFeed(
                folder: folders.journal, report: report, watermark: watermark, damages: damages),
            clock: clock, live: live, progress: vitals.progress(of: .historian),
            archiving: archiving, tally: ingest.tally, logger: logger)
        let retention = RetentionKeeper(
            folder: folders.journal, configuration: configuration.journal, ring: ring,
            watermark: watermark, archivedThrough: { historian.status.archivedThrough },
            clock: clock, logger: logger)

        // 8. Who looks at it: screens, metrics, the watchdog.
        let files = FileReadThread()
        let archive = ArchiveDesk(configuration.archive.store, path: folders.archive)
        let operators = OperatorGate(configuration.api, logger: logger)
        let standstills = Standstills()
        let redeliveredBefore = recovered.engine.counts.redelivered
        let active = ActiveAlarms(live)
        let reporter = StatusReporter(
            StatusReporter.Parts(
                node: configuration.node.name, site: configuration.node.site,
                unsafeSettings: configuration.unsafeSettings,
                listenerWarnings: { ingest.warnings() + operators.warnings },
                startedAt: EngineClock.wall(),
                epoch: report.epoch, ring: ring, live: live, active: active, clock: clock,
                watermark: watermark, staging: journal.staging, journal: journalLoop,
                ledger: ledgerLoop,
                gate: gate, access: access, files: files,
                engine: engineLoop, latencies: latencies, historian: historian.status,
                storeName: historian.storeName,
                damageCount: { damages.count },
                troubles: troubles, retention: retention, delivery: delivery, vitals: vitals,
                standstills: standstills,
                keys: keys, board: ingest.board, own: own, load: load,
                ingest: {
                    let redelivered = live.counts.redelivered
                    return ingest.totals().counting(
                        redelivered: redelivered - min(redelivered, redeliveredBefore))
                },
                rejections: { ingest.rejectionTotals() },
                ownRefused: { ingest.ownRefusedCount },
                edgeMetrics: {
                    ingest.metrics() + CrashLoss.metrics(loss) + standstills.metrics()
                        + log.metrics() + load.metrics(at: clock.now())
                        + routing.metrics() + realTime.metrics()
                }))
        let reloader = Reloader(
            Reloader.Parts(
                path: path, started: configuration, revision: revision, revisions: revisions,
                offered: offered, ring: ring, clock: clock, ingest: ingest, live: live,
                files: files,
                gate: operators),
            logger: logger)
        let desk = OperatorDesk(
            OperatorDesk.Parts(
                ring: ring, live: live, active: active, clock: clock,
                events: EventReader(folder: folders.ledger), files: files, archive: archive,
                reloader: reloader, questions: engineLoop.questions,
                report: { reporter.report() }, health: { reporter.health() },
                metrics: { reporter.metrics() },
                newestEvent: { ledgerLoop.newest },
                rejects: { ingest.rejects(limit: $0) },
                deliveries: DeliveryDesk(delivery: delivery, ledger: ledgerLoop),
                isStarted: {
                    switch vitals.phase {
                    case .starting, .recovering: false
                    case .running, .storageFailed, .suspended, .stopping: true
                    }
                }))
        effects.attach(reporter)
        effects.attach(desk)
        desk.attach(routing)
        routing.attach(
            RoutingDesk.Attached(
                note: { ledgerLoop.note($0) }, record: { await ledgerLoop.record($0) },
                modes: { reporter.modes() },
                offer: { effects.offerNow($0) }))
        let housekeeper = Housekeeper(
            Housekeeper.Parts(
                ring: ring, clock: clock, live: live, watermark: watermark, vitals: vitals,
                staging: journal.staging, supply: journal.supply, checkpoints: checkpoints,
                standstills: standstills, journalMode: { journalLoop.mode },
                everyTurn: { ingest.gatherProgress() },
                everySecond: {
                    reporter.sample()
                    effects.everySecond()
                },
                everySecondOnDisk: {
                    effects.catchUp()
                    routing.keepPicture(through: effects.takenThrough)
                    retention.everySecond()
                    keys.everySecond()
                    sessions.everySecond()
                }), logger: logger)

        // Midwatch's sensors about itself, through the same ring and the same engine.
        let ownSensors = OwnSensors(
            configuration, rules: rules, ingest: ingest, clock: clock,
            levels: { routing.drillLevels() }
        ) {
            var readout = reporter.ownReadout()
            readout.levels[.clockStep] = Double(housekeeper.takeWorstStep()) / 1e9
            readout.levels.merge(routing.drillLevels()) { $1 }
            return readout
        }
        routing.attach(
            RoutingDesk.DrillParts(
                hindrance: { EndpointHindrance.of($0, delivery.status(), keys.unusable) },
                look: { ownSensors.look() }))

        // 9. The order of starting; stopping goes the other way round. Services begin all at once,
        // so the opening stands in the ring before any of them can put something there.
        let first = Opening(
            epoch: report.epoch, revision: revision, clock: clock, ring: ring, loss: loss)
        first.offer()
        let core = CoreService(
            engine: recovered.engine,
            opening: first,
            engineLoop: engineLoop, journalLoop: journalLoop, ledgerLoop: ledgerLoop,
            housekeeper: housekeeper, access: access, vitals: vitals, realTime: realTime,
            logger: logger)
        return Topology(services: [
            core,
            historian,
            DeliveryService(
                delivery: delivery, effects: effects, ledgerFolder: folders.ledger,
                newestRecord: ledger.writer.head.n, caughtUp: catchUp.waiting),
            APIService(
                configuration.api, desk: desk, gate: operators, threads: [files, archive.thread],
                access: access, progress: vitals.progress(of: .api), clock: clock, own: own,
                logger: logger),
            reloader,
            IngestService(
                ingest: ingest, own: ownSensors, report: report, sensorsKnown: sensorsKnown,
                sourcesKnown: sourcesKnown, declared: rules.declaredPaths,
                sources: rules.sourceTree, vitals: vitals, live: live,
                troubles: troubles, logger: logger),
        ])
    }

    /// Does what a start can do without: a failure is noted.
    private static func trying(
        _ troubles: StartTroubles, _ kind: StartTroubles.Kind, _ words: String,
        _ body: () throws -> Void
    ) {
        do { try body() } catch { troubles.note(kind, words, error: error) }
    }

    /// The stages that this configuration has; the watchdog judges no others.
    private static func stages(of configuration: MidwatchConfiguration) -> Set<Stage> {
        var stages = Set(Stage.allCases)
        if configuration.ingest.udp.isEmpty { stages.remove(.udp) }
        if configuration.ingest.mqtt.isEmpty { stages.remove(.mqtt) }
        return stages
    }

    /// Says what the journal was found like: a crash, damage, nothing.
    private static func tell(_ report: JournalReport, replayed: UInt64, _ logger: Logger) {
        logger.notice(
            "journal opened",
            metadata: [
                "journal.id": "\(report.journal)", "journal.epoch": "\(report.epoch)",
                "journal.next": "\(report.nextN)", "journal.tornBytes": "\(report.tornBytes)",
                "journal.replayed": "\(replayed)",
                "sensors.restored": "\(report.sensorPaths.count)",
            ])
        for damage in report.damage {
            logger.critical("journal damaged", metadata: ["journal.damage": "\(damage)"])
        }
    }
}
