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
        var startedAt: WallInstant
        var epoch: UInt32
        var ring: ReadingRing
        var live: LiveState
        var clock: EngineClock
        var watermark: DurableWatermark
        var staging: JournalStaging
        var journal: JournalLoop
        var ledger: LedgerLoop
        var engine: EngineLoop
        var historian: HistorianStatus
        var storeName: String
        /// Places where journal and ledger were found damaged at the start.
        var damageCount: Int
        var retention: RetentionKeeper
        var delivery: AlertDelivery
        var vitals: VitalsPage
        var stateDirectory: String
        var standstills: Standstills
        /// Readings received, accepted, rejected and shed since the start, by all listeners.
        var ingest: @Sendable () -> IngestTotals
        var edgeMetrics: @Sendable () -> [MetricSample]
    }

    /// What came in, over all listeners.
    struct IngestTotals: Sendable, Equatable {
        var received: UInt64 = 0
        var accepted: UInt64 = 0
        var rejected: UInt64 = 0
        var shed: UInt64 = 0
        /// Copies of readings that had been accepted before.
        var redelivered: UInt64 = 0

        /// Of what listeners accepted the engine knew so many again.
        func counting(redelivered: UInt64) -> IngestTotals {
            var totals = self
            totals.redelivered = min(redelivered, self.accepted)
            totals.accepted -= totals.redelivered
            return totals
        }
    }

    private struct Sample {
        var at = MonotonicInstant.zero
        var totals = IngestTotals()
        var evaluated: UInt64 = 0
        var journaled: UInt64 = 0
        var archived: UInt64 = 0
    }

    private struct State {
        var last = Sample()
        var rates = StageRates()
        var beats: [Stage: (count: UInt64, at: MonotonicInstant)] = [:]
        var watchdogBeat: UInt64 = 0
        var watchdogAt: MonotonicInstant?
    }

    /// A stage without a beat, or a watchdog without one, for this long is said.
    private static let silenceMaxNanoseconds: UInt64 = 5_000_000_000

    let parts: Parts
    private let state = Mutex(State())

    private let bornAt: MonotonicInstant

    init(_ parts: Parts) {
        self.parts = parts
        self.bornAt = parts.clock.now()
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

    /// What the monitor cannot do at the moment, in words.
    func modes() -> [String] {
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
        if self.parts.damageCount > 0 { modes.append("journal or ledger found damaged") }
        if self.parts.live.counts.missingRevisions > 0 {
            modes.append("text of a configuration revision missing")
        }
        if self.parts.ledger.isFailing { modes.append("ledger not written") }
        switch self.parts.historian.state {
        case .running: break
        case .stopped(let condition): modes.append("archive stopped: \(condition.word)")
        default: modes.append("archive unreachable")
        }
        for endpoint in self.parts.delivery.status().endpoints where endpoint.breaker != .closed {
            modes.append("endpoint \(endpoint.endpoint) unreachable")
        }
        if !self.isWatched { modes.append("watchdog not running") }
        if self.parts.ring.fill > 0.5 { modes.append("overload: ring above half") }
        if let mode = self.parts.standstills.mode(now: self.parts.clock.now()) {
            modes.append(mode)
        }
        return modes + self.silentParts() + self.parts.unsafeSettings
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
            }.map { "stage \($0.word) does not turn" }
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

    func report() -> StatusView {
        let now = self.parts.clock.now()
        let modes = self.modes()
        let isFailed = self.parts.journal.mode == .storageFailed
        var view = StatusView(
            node: self.parts.node, version: Build.version,
            health: isFailed ? .failed : modes.isEmpty ? .healthy : .degraded,
            startedAt: self.parts.startedAt, time: EngineClock.wall())
        view.site = self.parts.site
        view.configurationRevision = self.parts.live.ruleBook.revision
        view.modes = modes
        view.engineTimeNanoseconds = now.nanoseconds
        view.epoch = self.parts.epoch
        let next = self.parts.ring.position(of: .engine)
        view.position = Position(epoch: self.parts.epoch, n: next > 0 ? next - 1 : 0).description
        self.count(into: &view)
        self.queues(into: &view)
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
        if let space = try? LinuxDisk().space(self.parts.stateDirectory) {
            view.disk.bytesFree = space.available
            view.disk.timeToFullSeconds = self.parts.retention.verdict?.timeToFullNanoseconds.map {
                $0 / 1_000_000_000
            }
        }
        return view
    }

    private func count(into view: inout StatusView) {
        let canary = self.parts.live.paths.firstIndex { Revisions.isCanary($0) }
        for index in 0..<self.parts.live.sensors.count where index != canary {
            switch self.parts.live.sensors.read(index)?.freshness {
            case .fresh: view.sensors.fresh += 1
            case .stale: view.sensors.stale += 1
            case .unverified: view.sensors.unverified += 1
            case .neverReceived: view.sensors.neverReceived += 1
            case nil: break
            }
        }
        for index in 0..<self.parts.live.alarms.count {
            guard let alarm = self.parts.live.alarms.read(index), alarm.state != .normal,
                !alarm.isRetired
            else {
                continue
            }
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

    private func queues(into view: inout StatusView) {
        let delivery = self.parts.delivery.status()
        let now = self.parts.clock.now()
        view.queues.ringFill = self.parts.ring.fill
        view.queues.journalStagedBytes = UInt64(self.parts.staging.status.stagedBytes)
        view.queues.archiveLagRecords = self.parts.historian.counters[.lagRecords]
        view.queues.archiveLagSeconds =
            Double(self.parts.historian.counters[.lagMilliseconds]) / 1_000
        view.queues.deliveryBacklog = UInt64(
            delivery.endpoints.reduce(delivery.inboxCount) { $0 + $1.queuedCount })
        view.endpoints = delivery.endpoints.map { endpoint in
            EndpointView(
                name: endpoint.endpoint, breaker: "\(endpoint.breaker)",
                queue: UInt64(endpoint.queuedCount),
                oldestAgeSeconds: endpoint.oldestTakenAt.map {
                    Double(now.nanosecondsSince($0)) / 1e9
                } ?? 0)
        }
        view.archive.store = self.parts.storeName
        view.archive.state = self.parts.historian.state.word
        view.archive.breaker = self.parts.historian.state.word == "breakerOpen" ? "open" : "closed"
        view.archive.archivedThrough = self.parts.historian.archivedThrough.description
    }

    // MARK: Metrics

    func metrics() -> [MetricSample] {
        let totals = self.parts.ingest()
        let counts = self.parts.live.counts
        let status = self.report()
        var samples: [MetricSample] = [
            MetricSample(
                "midwatch_build_info", help: "The program; the value is 1.", kind: .gauge,
                labels: [("version", Build.version), ("node", self.parts.node)], value: 1)
        ]
        func counter(
            _ name: String, _ help: String, _ labels: [(name: String, value: String)],
            _ value: UInt64
        ) {
            samples.append(
                MetricSample(name, help: help, kind: .counter, labels: labels, value: Double(value))
            )
        }
        func gauge(
            _ name: String, _ help: String, _ labels: [(name: String, value: String)] = [],
            _ value: Double
        ) {
            samples.append(
                MetricSample(name, help: help, kind: .gauge, labels: labels, value: value))
        }
        let readings = "Readings by what became of them, over all sources."
        for (outcome, value) in [
            ("received", totals.received), ("accepted", totals.accepted),
            ("rejected", totals.rejected), ("shed", totals.shed),
            ("redelivered", totals.redelivered),
        ] {
            counter("midwatch_readings_total", readings, [("outcome", outcome)], value)
        }
        let engine = "What the engine did, by kind."
        for (kind, value) in [
            ("evaluated", counts.evaluated), ("redelivered", counts.redelivered),
            ("notLive", counts.notLive), ("unknownValue", counts.unknownValues),
            ("decision", counts.decisions), ("alarmRaised", counts.alarmsRaised),
            ("alarmReturned", counts.alarmsReturned), ("unknownSensor", counts.unknownSensors),
            ("sourceClockRebased", counts.sourceClocksRebased),
        ] {
            counter("midwatch_engine_events_total", engine, [("kind", kind)], value)
        }
        counter(
            "midwatch_engine_tick_slips_total", "Turns of the engine's loop over 50 ms late.", [],
            self.parts.engine.tickSlipCount)
        counter(
            "midwatch_journal_records_total", "Records made durable since the start.", [],
            self.parts.journal.committedCount)
        counter(
            "midwatch_journal_unrecorded_total", "Readings evaluated but not journaled.", [],
            self.parts.staging.status.unrecordedTotal)
        counter(
            "midwatch_journal_unrecorded_control_total",
            "Ticks, anchors and other records of our own not journaled.", [],
            self.parts.staging.status.unrecordedControlTotal)
        gauge("midwatch_ring_fill_ratio", "Share of the ring in use.", [], status.queues.ringFill)
        gauge(
            "midwatch_journal_staged_bytes", "Bytes that wait for a commit.", [],
            Double(status.queues.journalStagedBytes))
        let sensors = "Sensors by freshness."
        for (word, value) in [
            ("fresh", status.sensors.fresh), ("stale", status.sensors.stale),
            ("unverified", status.sensors.unverified),
            ("neverReceived", status.sensors.neverReceived),
        ] {
            gauge("midwatch_sensors_by_freshness", sensors, [("freshness", word)], Double(value))
        }
        let alarms = "Alarms that are not normal, by priority."
        for (word, value) in [
            ("critical", status.alarms.critical), ("high", status.alarms.high),
            ("medium", status.alarms.medium), ("low", status.alarms.low),
        ] {
            gauge("midwatch_alarms_active", alarms, [("priority", word)], Double(value))
        }
        samples += self.parts.historian.metrics()
        samples += self.parts.delivery.metrics()
        samples += self.parts.edgeMetrics()
        return samples
    }
}

/// What this build calls itself.
enum Build {
    static let version = "0.1.0"
}
