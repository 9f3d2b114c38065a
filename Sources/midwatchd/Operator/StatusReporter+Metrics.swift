// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import AlertDelivery
import Historian
import Ingest
import Journal
import MidwatchModel
import OperatorAPI
import OperatorViews
import ReadingRing

/// The daemon's own families of the metrics page; edges add theirs.
extension StatusReporter {
    /// Samples under way to the page.
    private struct Page {
        var samples: [MetricSample] = []

        mutating func counter(
            _ name: String, _ help: String, _ value: UInt64,
            _ labels: [(name: String, value: String)] = []
        ) {
            self.samples.append(
                MetricSample(
                    "midwatch_" + name, help: help, kind: .counter, labels: labels,
                    value: Double(value)))
        }

        mutating func gauge(
            _ name: String, _ help: String, _ value: Double,
            _ labels: [(name: String, value: String)] = []
        ) {
            self.samples.append(
                MetricSample(
                    "midwatch_" + name, help: help, kind: .gauge, labels: labels, value: value))
        }
    }

    func metrics() -> [MetricSample] {
        // Once for the whole page: each of them walks over every alarm, endpoint and stage.
        let delivery = self.parts.delivery.status()
        let status = self.report(delivery)
        var page = Page()
        page.gauge(
            "build_info", "The program; the value is 1.", 1,
            [("version", Build.version), ("node", self.parts.node)])
        for level in HealthLevel.allCases {
            page.gauge(
                "health", "1 for the level of health that holds.",
                level == status.health ? 1 : 0, [("level", level.word)])
        }
        page.gauge("modes_active", "What the monitor cannot do now.", Double(status.modes.count))
        self.readings(&page)
        self.engine(&page)
        self.queues(&page, status, delivery)
        self.losses(&page)
        self.present(&page, status)
        page.samples += self.parts.latencies.metrics()
        page.samples += self.parts.historian.metrics()
        page.samples += self.parts.delivery.metrics()
        page.samples += self.parts.edgeMetrics()
        page.samples += self.ownMetrics()
        return page.samples
    }

    private func readings(_ page: inout Page) {
        let totals = self.parts.ingest()
        let help = "Readings by what became of them, over all sources."
        for (outcome, value) in [
            ("received", totals.received), ("accepted", totals.accepted),
            ("rejected", totals.rejected), ("shed", totals.shed),
            ("redelivered", totals.redelivered),
        ] {
            page.counter("readings_total", help, value, [("outcome", outcome)])
        }
        page.counter(
            "readings_stored_total", "Readings stored in the archive since the start.",
            self.parts.historian.counters[.stored])
        page.counter(
            "journal_unrecorded_total", "Readings evaluated but not journaled.",
            self.parts.staging.status.unrecordedTotal)
        page.counter(
            "journal_unrecorded_control_total",
            "Ticks, anchors and other records of our own not journaled.",
            self.parts.staging.status.unrecordedControlTotal)
        page.counter(
            "damaged_places_total", "Places where journal or ledger were found damaged.",
            UInt64(self.parts.damageCount()))
        page.counter(
            "journal_records_total", "Records made durable since the start.",
            self.parts.journal.committedCount)
    }

    private func engine(_ page: inout Page) {
        let counts = self.parts.live.counts
        for (kind, value) in [
            ("evaluated", counts.evaluated), ("redelivered", counts.redelivered),
            ("notLive", counts.notLive), ("unknownValue", counts.unknownValues),
            ("decision", counts.decisions), ("alarmRaised", counts.alarmsRaised),
            ("alarmReturned", counts.alarmsReturned), ("unknownSensor", counts.unknownSensors),
            ("sourceClockRebased", counts.sourceClocksRebased),
        ] {
            page.counter(
                "engine_events_total", "What the engine did, by kind.", value, [("kind", kind)])
        }
        page.counter(
            "engine_tick_slips_total", "Turns of the engine's loop over 50 ms late.",
            self.parts.engine.tickSlipCount)
    }

    private func queues(
        _ page: inout Page, _ status: StatusView, _ delivery: DeliveryStatus
    ) {
        page.gauge("ring_fill_ratio", "Share of the ring in use.", status.queues.ringFill)
        page.gauge(
            "journal_staged_bytes", "Bytes that wait for a commit.",
            Double(status.queues.journalStagedBytes))
        let depths: [(String, Int)] = [
            ("ring", Int(status.queues.ringFill * Double(self.parts.ring.capacity))),
            ("journal", self.parts.staging.status.stagedCount),
            ("effects", self.parts.gate.waitingCount),
            ("ledger", self.parts.gate.unwrittenCount),
            ("archive", Int(clamping: status.queues.archiveLagRecords)),
            ("deliveryInbox", delivery.inboxCount),
            ("delivery", delivery.endpoints.reduce(0) { $0 + $1.queuedCount }),
            ("outbox", delivery.storeBacklog),
        ]
        for (queue, depth) in depths {
            page.gauge(
                "queue_depth", "What waits between two stages, in items of the queue.",
                Double(depth), [("queue", queue)])
        }
        if let age = status.disk.ageNanoseconds {
            page.gauge(
                "disk_free_bytes", "Room on the disk of the state folder, as it said last.",
                Double(status.disk.bytesFree))
            page.gauge(
                "disk_answer_age_seconds", "Since the disk was last asked and answered.",
                Double(age) / 1e9)
        }
    }

    private func losses(_ page: inout Page) {
        page.counter(
            "access_log_records_total", "Records of the access log made durable.",
            self.parts.access.writtenCount)
        let reads = self.parts.files.reads
        page.counter(
            "api_file_reads_failed_total", "Reads for the operator API that were not done.",
            reads.lateCount, [("cause", "late")])
        page.counter(
            "api_file_reads_failed_total", "Reads for the operator API that were not done.",
            reads.refusedCount, [("cause", "refused")])
    }

    private func present(_ page: inout Page, _ status: StatusView) {
        for (word, value) in [
            ("fresh", status.sensors.fresh), ("stale", status.sensors.stale),
            ("unverified", status.sensors.unverified),
            ("neverReceived", status.sensors.neverReceived),
        ] {
            page.gauge(
                "sensors_by_freshness", "Sensors by freshness.", Double(value),
                [("freshness", word)])
        }
        for (word, value) in [
            ("critical", status.alarms.critical), ("high", status.alarms.high),
            ("medium", status.alarms.medium), ("low", status.alarms.low),
        ] {
            page.gauge(
                "alarms_active", "Alarms that are not normal, by priority.", Double(value),
                [("priority", word)])
        }
        for (word, value) in [
            ("unacknowledged", status.alarms.unacknowledged),
            ("acknowledged", status.alarms.acknowledged),
            ("returnedUnacknowledged", status.alarms.returnedUnacknowledged),
            ("latchedUnacknowledged", status.alarms.latchedUnacknowledged),
            ("latchedAcknowledged", status.alarms.latchedAcknowledged),
        ] {
            page.gauge(
                "alarms_by_state", "Alarms that are not normal, by state.", Double(value),
                [("state", word)])
        }
        page.gauge(
            "alarms_suppressed", "Alarms that are kept from being annunciated.",
            Double(status.alarms.suppressed))
        page.gauge(
            "alarms_standing", "Alarms in view that have been raised for longer than a day.",
            Double(self.standingCount()))
        for stage in status.stages {
            page.gauge(
                "stage_beat_age_seconds", "Since the loop of a stage turned.",
                Double(stage.beatAgeNanoseconds) / 1e9, [("stage", stage.name)])
        }
    }

    /// Alarms that have been raised for longer than a day: they wait for a plan, not for a hand.
    private func standingCount() -> Int {
        let now = EngineClock.wall()
        return self.parts.active.indexes().count { index in
            guard let alarm = self.parts.live.alarms.read(index), !alarm.isRetired else {
                return false
            }
            return AlarmLoad.isStanding(
                alarm.state, alarm.suppression, raisedAt: alarm.raisedAt, now: now)
        }
    }
}
