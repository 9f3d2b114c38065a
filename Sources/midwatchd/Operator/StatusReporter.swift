// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import AlertDelivery
import Historian
import Ingest
import Journal
import MidwatchModel
import OperatorViews
import ReadingRing
import StateFolder
import Synchronization
import Vitals

/// Gathers the figures of every stage once a second: for screens, metrics and the vitals page.
final class StatusReporter: Sendable {
    struct Parts: Sendable {
        var node: String
        var site: String
        var unsafeSettings: [String]
        var listenerWarnings: @Sendable () -> [String]
        var startedAt: WallInstant
        var epoch: UInt32
        var ring: ReadingRing
        var live: LiveState
        var active: ActiveAlarms
        var clock: EngineClock
        var watermark: DurableWatermark
        var staging: JournalStaging
        var journal: JournalLoop
        var ledger: LedgerLoop
        var gate: EffectGate
        var access: AccessLog
        var files: FileReadThread
        var engine: EngineLoop
        var latencies: StageLatencies
        var historian: HistorianStatus
        var storeName: String
        /// Places where journal and ledger were found damaged.
        var damageCount: @Sendable () -> Int
        /// What the start could not do.
        var troubles: StartTroubles
        var retention: RetentionKeeper
        var delivery: AlertDelivery
        var vitals: VitalsPage
        var standstills: Standstills
        var keys: EndpointKeys
        var board: ListenerBoard
        var own: OwnCounters
        var load: AlarmLoad
        /// Readings received, accepted, rejected and shed since the start, by all listeners.
        var ingest: @Sendable () -> IngestTotals
        /// What the sockets received and refused since the start.
        var rejections: @Sendable () -> RejectionTotals
        /// Own readings that found no place in the ring.
        var ownRefused: @Sendable () -> UInt64
        var edgeMetrics: @Sendable () -> [MetricSample]

        /// Listeners for readings of the plant.
        var listenerCount: Int { self.board.names.count { $0 != "canary" } }
    }

    /// What came in, over all listeners.
    struct IngestTotals: Sendable, Equatable {
        var received: UInt64 = 0
        var accepted: UInt64 = 0
        var rejected: UInt64 = 0
        var shed: UInt64 = 0
        /// Copies of readings that had been accepted before.
        var redelivered: UInt64 = 0
        /// Of the shed ones those of critical sensors.
        var shedCritical: UInt64 = 0
        var linesRejected: UInt64 = 0
        var kernelDrops: UInt64 = 0

        /// Of what listeners accepted the engine knew so many again.
        func counting(redelivered: UInt64) -> IngestTotals {
            var totals = self
            totals.redelivered = min(redelivered, self.accepted)
            totals.accepted -= totals.redelivered
            return totals
        }
    }

    struct Sample {
        var at = MonotonicInstant.zero
        var totals = IngestTotals()
        var evaluated: UInt64 = 0
        var journaled: UInt64 = 0
        var archived: UInt64 = 0
    }

    struct State {
        var last = Sample()
        var rates = StageRates()
        var beats: [Stage: (count: UInt64, at: MonotonicInstant)] = [:]
        /// Latencies up to a moment: one picture every ten seconds, the oldest a minute old.
        var pictures: [[LatencySnapshot]] = []
        var turn = 0
        var watchdogBeat: UInt64 = 0
        var watchdogAt: MonotonicInstant?
        var rejectionRate = RejectionRate()
        var sensorCounts: (at: MonotonicInstant, counts: SensorCounts)?
    }

    /// A stage without a beat, or a watchdog without one, for this long is said.
    private static let silenceMaxNanoseconds: UInt64 = 5_000_000_000
    /// Seconds between two pictures of the latencies, and how many are kept.
    private static let pictureSeconds = 10
    private static let pictureCountMax = 6

    let parts: Parts
    let state = Mutex(State())

    let bornAt: MonotonicInstant
    /// Wall clock less engine time at the start.
    let wallOffset: Int64

    init(_ parts: Parts) {
        self.parts = parts
        self.bornAt = parts.clock.now()
        let (engine, wall) = parts.clock.anchor()
        self.wallOffset = wall.nanoseconds &- Int64(bitPattern: engine.nanoseconds)
    }

    /// Takes the second's figures.
    ///
    /// Housekeeping thread.
    func sample() {
        let now = self.parts.clock.now()
        let totals = self.parts.ingest()
        let sample = Sample(
            at: now, totals: totals, evaluated: self.parts.live.counts.evaluated,
            journaled: self.parts.journal.committedCount,
            archived: self.parts.historian.counters[.stored])
        // Received, rejected and shed are counted in the page by the sockets themselves.
        let staging = self.parts.staging.status
        self.parts.vitals.set(.accepted, totals.accepted)
        self.parts.vitals.set(.redelivered, totals.redelivered)
        self.parts.vitals.set(
            .unrecorded, staging.unrecordedTotal - staging.unrecordedCanaryTotal)
        let oldest = self.parts.delivery.status().oldestUntoldCriticalTakenAt
        // The page speaks CLOCK_BOOTTIME, delivery engine time.
        self.parts.vitals.oldestUndeliveredCriticalSince = oldest.map {
            MonotonicInstant(nanoseconds: $0.nanoseconds &- self.parts.clock.offset)
        }
        self.takePicture()
        self.state.withLock { state in
            let seconds = Double(now.nanosecondsSince(state.last.at)) / 1e9
            if state.last.at != .zero, seconds > 0 {
                func rate(_ new: UInt64, _ old: UInt64) -> Double {
                    new > old ? Double(new - old) / seconds : 0
                }
                state.rates.received = rate(totals.received, state.last.totals.received)
                state.rates.accepted = rate(totals.accepted, state.last.totals.accepted)
                state.rates.evaluated = rate(sample.evaluated, state.last.evaluated)
                state.rates.journaled = rate(sample.journaled, state.last.journaled)
                state.rates.archived = rate(sample.archived, state.last.archived)
            }
            state.last = sample
            for stage in self.parts.vitals.stagesInUse {
                let beat = self.parts.vitals.progress(of: stage).beatCount
                if state.beats[stage]?.count != beat { state.beats[stage] = (beat, now) }
            }
            let beat = self.parts.vitals.watchdogBeatCount
            if beat != state.watchdogBeat {
                state.watchdogBeat = beat
                state.watchdogAt = now
            }
        }
    }

    private func takePicture() {
        let isTurn = self.state.withLock { state in
            state.turn += 1
            return state.turn % Self.pictureSeconds == 1
        }
        guard isTurn else { return }
        let picture = self.latencySnapshots()
        self.state.withLock { state in
            state.pictures.append(picture)
            if state.pictures.count > Self.pictureCountMax { state.pictures.removeFirst() }
        }
    }

    private func latencySnapshots() -> [LatencySnapshot] {
        LatencyStage.allCases.map { self.parts.latencies[$0].snapshot() }
    }

    /// Latencies of the last minute; a stage in which nothing happened is left out.
    private func latencies() -> [LatencyView] {
        let oldest = self.state.withLock { $0.pictures.first }
        return zip(LatencyStage.allCases, self.latencySnapshots()).compactMap { stage, now in
            let span = oldest.map { now.since($0[stage.rawValue]) } ?? now
            guard span.count > 0 else { return nil }
            return LatencyView(
                stage: stage.word, p50Nanoseconds: span.quantile(0.5),
                p99Nanoseconds: span.quantile(0.99), p999Nanoseconds: span.quantile(0.999),
                maxNanoseconds: span.maxNanoseconds)
        }
    }

    /// What the monitor cannot do at the moment, in words.
    func modes() -> [String] {
        // Settings are no trouble of the moment: who is called at night cannot do anything about them.
        let settings = Set(self.parts.unsafeSettings)
        return self.modes(self.parts.delivery.status()).filter { !settings.contains($0) }
    }

    private func modes(_ delivery: DeliveryStatus) -> [String] {
        var modes: [String] = []
        switch self.parts.journal.mode {
        case .normal: break
        case .diskFull: modes.append("journal disk full")
        case .storageFailed: modes.append("storage failed")
        }
        let staging = self.parts.staging.status
        // Skipping ends with the next reading that may be skipped; the stall ends with the room.
        let isFilled = staging.stagedCount > self.parts.staging.capacity / 2
        if staging.isSkipping, isFilled { modes.append("journal stalled") }
        if let oldest = staging.oldestStagedAt,
            self.parts.clock.now().nanosecondsSince(oldest) > 1_000_000_000,
            self.parts.journal.mode == .normal, !staging.isSkipping
        {
            modes.append("journal stalled")
        }
        if let admission = self.parts.retention.verdict?.admission, !admission.admits(.low) {
            modes.append("journal disk nearly full: admission \(admission)")
        }
        modes += self.parts.troubles.words
        if self.damageCount > 0 { modes.append("journal or ledger found damaged") }
        if self.parts.live.counts.missingRevisions > 0 {
            modes.append("text of a configuration revision missing")
        }
        if self.parts.ledger.isFailing { modes.append("ledger not written") }
        switch self.parts.historian.state {
        case .running: break
        case .stopped(let condition): modes.append("archive stopped: \(condition.word)")
        default: modes.append("archive unreachable")
        }
        modes += self.unusableParts(delivery)
        if !self.isWatched { modes.append("watchdog not running") }
        if self.parts.ring.fill > 0.5 { modes.append("overload: ring above half") }
        if let mode = self.parts.standstills.mode(now: self.parts.clock.now()) {
            modes.append(mode)
        }
        return modes + self.silentParts() + self.parts.unsafeSettings
            + self.parts.listenerWarnings()
    }

    /// Stages that do not turn, and a watchdog that was there and is not any more.
    private func silentParts() -> [String] {
        let now = self.parts.clock.now()
        switch self.parts.vitals.phase {
        case .starting, .recovering: return ["starting"]
        case .suspended: return []
        case .stopping: return ["stopping"]
        case .running, .storageFailed: break
        }
        return self.state.withLock { state in
            var silent = Stage.allCases.filter { stage in
                guard let beat = state.beats[stage] else { return false }
                return now.nanosecondsSince(beat.at) > Self.silenceMaxNanoseconds
            }.map { stage in
                self.parts.vitals.progress(of: stage).isCallingDisk
                    ? "\(stage.word) waits for the disk" : "stage \(stage.word) does not turn"
            }
            if let at = state.watchdogAt, now.nanosecondsSince(at) > Self.silenceMaxNanoseconds {
                silent.append("watchdog silent")
            }
            return silent
        }
    }

    /// Whether the watchdog showed life lately; a start gives it time to come.
    private var isWatched: Bool {
        let now = self.parts.clock.now()
        let last = self.state.withLock { $0.watchdogAt } ?? self.bornAt
        return now.nanosecondsSince(last) < 10_000_000_000
    }

    /// Whether the process does its work, and what it cannot do.
    func health() -> HealthView { self.health(self.parts.delivery.status()) }

    private func health(_ delivery: DeliveryStatus) -> HealthView {
        let modes = self.modes(delivery)
        let isFailed = self.parts.journal.mode == .storageFailed || self.isBlind
        return HealthView(
            level: isFailed ? .failed : modes.isEmpty ? .healthy : .degraded, reasons: modes)
    }

    func report() -> StatusView { self.report(self.parts.delivery.status()) }

    func report(_ delivery: DeliveryStatus) -> StatusView {
        let now = self.parts.clock.now()
        let health = self.health(delivery)
        var view = StatusView(
            node: self.parts.node, version: Build.version,
            health: health.level,
            startedAt: self.parts.startedAt, time: EngineClock.wall())
        view.site = self.parts.site
        view.configurationRevision = self.parts.live.ruleBook.revision
        view.modes = health.reasons
        view.engineTimeNanoseconds = now.nanoseconds
        view.epoch = self.parts.epoch
        let next = self.parts.ring.position(of: .engine)
        view.position = Position(epoch: self.parts.epoch, n: next > 0 ? next - 1 : 0).description
        self.count(into: &view)
        self.queues(delivery, into: &view)
        view.load = self.parts.load.view(at: now)
        view.latencies = self.latencies()
        self.state.withLock { state in
            view.rates = state.rates
            view.stages = Stage.allCases.compactMap { stage in
                guard let beat = state.beats[stage] else { return nil }
                return StageView(
                    name: stage.word, beatAgeNanoseconds: now.nanosecondsSince(beat.at),
                    backlog: self.parts.vitals.progress(of: stage).backlog)
            }
            if let at = state.watchdogAt {
                let age = now.nanosecondsSince(at)
                view.watchdog.ageNanoseconds = age
                view.watchdog.alive = age < 5_000_000_000
            }
        }
        if let disk = self.parts.retention.space {
            view.disk.bytesFree = disk.space.available
            view.disk.ageNanoseconds = now.nanosecondsSince(disk.at)
            view.disk.timeToFullSeconds = self.parts.retention.verdict?.timeToFullNanoseconds.map {
                $0 / 1_000_000_000
            }
        }
        return view
    }

    /// Sensors of the plant by freshness, at most `countAgeMaxNanoseconds` old: all are looked at.
    private func sensorCounts() -> SensorCounts {
        let now = self.parts.clock.now()
        let known = self.state.withLock { state in
            state.sensorCounts.flatMap {
                now.nanosecondsSince($0.at) < Self.countAgeMaxNanoseconds ? $0.counts : nil
            }
        }
        if let known { return known }
        let paths = self.parts.live.paths
        var counts = SensorCounts()
        for index in 0..<min(self.parts.live.sensors.count, paths.count)
        where !OwnPath.isOwn(paths[index]) {
            switch self.parts.live.sensors.read(index)?.freshness {
            case .fresh: counts.fresh += 1
            case .stale: counts.stale += 1
            case .unverified: counts.unverified += 1
            case .neverReceived: counts.neverReceived += 1
            case nil: break
            }
        }
        self.state.withLock { $0.sensorCounts = (now, counts) }
        return counts
    }

    private static let countAgeMaxNanoseconds: UInt64 = 500_000_000

    private func count(into view: inout StatusView) {
        view.sensors = self.sensorCounts()
        for index in self.parts.active.indexes() {
            guard let alarm = self.parts.live.alarms.read(index), !alarm.isRetired else {
                continue
            }
            if !alarm.suppression.isEmpty { view.alarms.suppressed += 1 }
            guard alarm.state != .normal else { continue }
            switch alarm.state {
            case .unacknowledged: view.alarms.unacknowledged += 1
            case .acknowledged: view.alarms.acknowledged += 1
            case .returnedUnacknowledged: view.alarms.returnedUnacknowledged += 1
            case .latchedUnacknowledged: view.alarms.latchedUnacknowledged += 1
            case .latchedAcknowledged: view.alarms.latchedAcknowledged += 1
            case .normal: break
            }
            switch alarm.priority {
            case .critical: view.alarms.critical += 1
            case .high: view.alarms.high += 1
            case .medium: view.alarms.medium += 1
            case .low: view.alarms.low += 1
            }
        }
    }

    private func queues(_ delivery: DeliveryStatus, into view: inout StatusView) {
        let now = self.parts.clock.now()
        view.queues.ringFill = self.parts.ring.fill
        view.queues.journalStagedBytes = UInt64(self.parts.staging.status.stagedBytes)
        view.queues.archiveLagRecords = self.parts.historian.counters[.lagRecords]
        view.queues.archiveLagSeconds =
            Double(self.parts.historian.counters[.lagMilliseconds]) / 1_000
        view.queues.deliveryBacklog = UInt64(
            delivery.endpoints.reduce(delivery.inboxCount) { $0 + $1.queuedCount })
        let unusable = Set(self.parts.keys.unusable.map(\.name))
        view.endpoints = delivery.endpoints.map { endpoint in
            EndpointView(endpoint, hasSecrets: !unusable.contains(endpoint.endpoint), now: now)
        }
        view.archive.store = self.parts.storeName
        view.archive.state = self.parts.historian.state.word
        view.archive.breaker = self.parts.historian.state.word == "breakerOpen" ? "open" : "closed"
        view.archive.archivedThrough = self.parts.historian.archivedThrough.description
    }
}

extension EndpointView {
    /// What delivery says of an endpoint, as screens know it.
    init(_ status: EndpointStatus, hasSecrets: Bool, now: MonotonicInstant) {
        self.init(
            name: status.endpoint, breaker: status.breaker.word,
            queue: UInt64(status.queuedCount),
            oldestAgeSeconds: status.oldestTakenAt.map {
                Double(now.nanosecondsSince($0)) / 1e9
            } ?? 0)
        self.condition = hasSecrets ? status.condition.word : "unusable"
    }
}
