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

extension StatusReporter {
    /// A figure of the disk's thread that is older says nothing about now.
    private static let diskAgeMaxNanoseconds: UInt64 = 20_000_000_000
    /// An archive that is no more behind than this follows: the journal will not fill.
    private static let archiveFollowsSeconds = 60.0
    /// What "hours until the journal is full" says while it does not fill.
    private static let hoursToFullMax = 720.0

    /// What the sensors about Midwatch itself show now.
    ///
    /// Own-sensor thread. Reads counters and status only.
    func ownReadout() -> OwnReadout {
        let now = self.parts.clock.now()
        var readout = OwnReadout(at: now)
        readout.levels[.uptime] = self.seconds(from: self.bornAt, to: now)
        self.pipeline(into: &readout)
        self.logs(into: &readout)
        self.disk(into: &readout)
        self.alerts(into: &readout)
        readout.levels[.watchdogSilence] = self.watchdogSilence(now)
        readout.levels[.stageSilence] = self.stageSilence(now)
        readout.levels[.apiDown] = self.parts.own.isAPIDown(now) ? 1 : 0
        readout.levels[.unsafeSettings] = Double(self.parts.unsafeSettings.count)
        readout.levels[.missingRevisions] =
            Double(self.parts.live.counts.missingRevisions)
            + Double(self.parts.troubles.ruleCount)
        readout.levels[.clockOffset] = self.wallMoved()
        readout.levels[.clockUnsynchronised] = EngineClock.isSynchronised() ? 0 : 1
        return readout
    }

    private func seconds(from: MonotonicInstant, to: MonotonicInstant) -> Double {
        Double(to.nanosecondsSince(from)) / 1e9
    }

    private func pipeline(into readout: inout OwnReadout) {
        let totals = self.parts.ingest()
        readout.levels[.evaluationLateness] =
            Double(self.parts.engine.takeWorstLateness()) / 1e9
        readout.totals[.evaluationUnverified] = self.parts.live.counts.unverifiedByLag
        readout.levels[.ringFill] = self.parts.ring.fill
        readout.totals[.shed] = totals.shed
        readout.totals[.shedCritical] = totals.shedCritical
        readout.totals[.kernelDrops] = totals.kernelDrops
        readout.totals[.rejected] = totals.rejected + totals.linesRejected
        let rejections = self.parts.rejections()
        readout.levels[.rejectedShare] = self.state.withLock { state in
            state.rejectionRate.update(rejections, at: readout.at)
            return state.rejectionRate.unusualShare
        }
        readout.totals[.ownRefused] = self.parts.ownRefused()
        readout.listenersDown = self.parts.board.flags
        readout.levels[.listenersDown] = Double(self.plantListenersDown)
    }

    private func logs(into readout: inout OwnReadout) {
        let staging = self.parts.staging.status
        readout.levels[.journalMode] =
            switch self.parts.journal.mode {
            case .normal: 0
            case .diskFull: 1
            case .storageFailed: 2
            }
        readout.levels[.journalLag] =
            staging.oldestStagedAt.map { self.seconds(from: $0, to: readout.at) } ?? 0
        readout.levels[.journalStaging] =
            Double(staging.stagedCount) / Double(self.parts.staging.capacity)
        readout.totals[.journalUnrecorded] =
            staging.unrecordedTotal + staging.unrecordedControlTotal
        readout.levels[.damage] = Double(self.damageCount)
        let archive = self.parts.historian
        readout.levels[.archiveState] =
            switch archive.state {
            case .running: 0
            case .stopped: 2
            default: 1
            }
        readout.levels[.archiveLagRecords] = Double(archive.counters[.lagRecords])
        readout.levels[.archiveLag] = Double(archive.counters[.lagMilliseconds]) / 1_000
        readout.levels[.ledgerFailing] = self.parts.ledger.isFailing ? 1 : 0
        readout.levels[.ledgerWaiting] = Double(self.parts.gate.unwrittenCount)
        readout.totals[.ledgerLost] =
            self.parts.gate.unwrittenLostCount + self.parts.ledger.lostNoteCount
            + self.parts.access.lostCount
        readout.totals[.effectsUnrecorded] = self.parts.own.effectsUnrecorded
    }

    /// Left out while the disk's thread hangs: these sensors turn stale then.
    private func disk(into readout: inout OwnReadout) {
        guard let disk = self.parts.retention.space,
            readout.at.nanosecondsSince(disk.at) < Self.diskAgeMaxNanoseconds
        else { return }
        readout.levels[.diskFree] =
            Double(disk.space.available) / Double(max(disk.space.capacity, 1))
        guard let verdict = self.parts.retention.verdict else { return }
        readout.levels[.journalAdmission] = Double(verdict.admission.rawValue)
        readout.levels[.timeToFull] = Self.hoursToFull(
            budgetBytes: verdict.budgetBytes,
            lagRecords: self.parts.historian.counters[.lagRecords],
            lagSeconds: Double(self.parts.historian.counters[.lagMilliseconds]) / 1_000,
            recordsPerSecond: self.state.withLock { $0.rates.journaled })
    }

    /// Hours until what is not archived fills the journal's share of the disk.
    ///
    /// While the archive follows, retention makes room and the journal does not fill.
    static func hoursToFull(
        budgetBytes: UInt64, lagRecords: UInt64, lagSeconds: Double, recordsPerSecond: Double
    ) -> Double {
        guard lagSeconds >= self.archiveFollowsSeconds, recordsPerSecond >= 1 else {
            return self.hoursToFullMax
        }
        let record = Double(Slot.byteCount)
        let room = max(0, Double(budgetBytes) - Double(lagRecords) * record)
        return min(self.hoursToFullMax, room / (recordsPerSecond * record) / 3_600)
    }

    private func alerts(into readout: inout OwnReadout) {
        let delivery = self.parts.delivery.status()
        let unusable = Set(self.parts.keys.unusable.map(\.name))
        readout.levels[.alertBacklog] = Double(
            delivery.endpoints.reduce(delivery.inboxCount) { $0 + $1.queuedCount })
        let oldest = delivery.endpoints.compactMap(\.oldestTakenAt).min()
        readout.levels[.alertAge] = oldest.map { self.seconds(from: $0, to: readout.at) } ?? 0
        readout.levels[.alertUntold] =
            delivery.oldestUntoldCriticalTakenAt.map { self.seconds(from: $0, to: readout.at) }
            ?? 0
        readout.totals[.deadLetters] = delivery.lostCount
        readout.levels[.deadLettersUrgent] =
            switch delivery.deadLetterPriority {
            case .critical: 2
            case .high: 1
            case .low, .medium, nil: 0
            }
        readout.levels[.endpointsDown] = Double(
            delivery.endpoints.count { $0.breaker != .closed })
        readout.levels[.endpointsUnusable] = Double(
            delivery.endpoints.count {
                unusable.contains($0.endpoint) || $0.condition != .usable
            })
        readout.levels[.outbox] = delivery.outbox.fault == nil ? 0 : 1
    }

    /// Silence of the watchdog in seconds; a start gives it time to come.
    private func watchdogSilence(_ now: MonotonicInstant) -> Double {
        self.seconds(from: self.state.withLock { $0.watchdogAt } ?? self.bornAt, to: now)
    }

    /// Longest silence of a stage but the engine: it would have to raise that alarm itself, and the
    /// watchdog does.
    private func stageSilence(_ now: MonotonicInstant) -> Double {
        let oldest = self.state.withLock { state in
            state.beats.filter { $0.key != .engine }.map(\.value.at).min()
        }
        return oldest.map { self.seconds(from: $0, to: now) } ?? 0
    }

    /// How far the wall clock moved against the monotonic one since the start, in seconds.
    private func wallMoved() -> Double {
        let (engine, wall) = self.parts.clock.anchor()
        let offset = wall.nanoseconds &- Int64(bitPattern: engine.nanoseconds)
        return Double(offset &- self.wallOffset) / 1e9
    }

    // MARK: - Words

    /// Places where journal and ledger were found damaged, those included that the disk does not
    /// give back.
    var damageCount: Int { self.parts.damageCount() + self.parts.troubles.damageCount }

    /// Listeners of the plant that are down.
    var plantListenersDown: Int {
        self.parts.board.down.count { $0.name != "canary" }
    }

    /// Whether no listener takes readings although some should.
    var isBlind: Bool {
        let count = self.parts.listenerCount
        return count > 0 && self.plantListenersDown == count
    }

    /// What cannot be opened, sent to or written, in words.
    func unusableParts(_ delivery: DeliveryStatus) -> [String] {
        var words = self.parts.board.down.map { "listener \($0.name) down: \($0.reason)" }
        let unusable = self.parts.keys.unusable
        words += unusable.map { "endpoint \($0.name) not usable: \($0.reason)" }
        for endpoint in delivery.endpoints
        where !unusable.contains(where: { $0.name == endpoint.endpoint }) {
            let name = endpoint.endpoint
            switch endpoint.condition {
            case .disabled: words.append("endpoint \(name) not usable: it answered 410")
            case .paused(let status, _):
                words.append("endpoint \(name) not usable: it refuses our credentials (\(status))")
            case .usable:
                if endpoint.breaker != .closed { words.append("endpoint \(name) unreachable") }
            }
        }
        if let priority = delivery.deadLetterPriority, priority >= .high {
            words.append("alert of \(priority.word) priority given up")
        }
        if let fault = delivery.outbox.fault { words.append(fault) }
        if self.parts.own.isAPIDown(self.parts.clock.now()) { words.append("operator API down") }
        return words
    }

    // MARK: - Metrics

    /// What is lost on the way of decisions, and which listeners are up.
    func ownMetrics() -> [MetricSample] {
        func counter(_ name: String, _ help: String, _ kind: String, _ value: UInt64)
            -> MetricSample
        {
            MetricSample(
                name, help: help, kind: .counter, labels: [(name: "kind", value: kind)],
                value: Double(value))
        }
        let lost = "Records that ledger or access log gave up."
        let counts = self.parts.live.counts
        let engine = "What the engine did, by kind."
        var samples = [
            counter(
                "midwatch_ledger_records_lost_total", lost, "decision",
                self.parts.gate.unwrittenLostCount),
            counter(
                "midwatch_ledger_records_lost_total", lost, "outcome",
                self.parts.ledger.lostNoteCount),
            counter(
                "midwatch_ledger_records_lost_total", lost, "access", self.parts.access.lostCount
            ),
            counter(
                "midwatch_effects_unrecorded_total",
                "Alerts and answers that left before they were recorded.", "any",
                self.parts.own.effectsUnrecorded),
            counter("midwatch_engine_events_total", engine, "ownEvaluated", counts.ownEvaluated),
            counter(
                "midwatch_engine_events_total", engine, "unverifiedByLag", counts.unverifiedByLag),
        ]
        let flags = self.parts.board.flags
        for (name, isDown) in zip(self.parts.board.names, flags) {
            samples.append(
                MetricSample(
                    "midwatch_listener_up", help: "0 while a listener cannot open its socket.",
                    kind: .gauge, labels: [(name: "listener", value: name)],
                    value: isDown ? 0 : 1))
        }
        return samples
    }
}
