// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import AlertDelivery
import JSONText
import Journal
import Logging
import MidwatchModel
import Synchronization

/// What follows from a decision once it leaves the gate: an alert, an answer to an operator.
final class Effects: Sendable {
    /// Ledger records that are looked through for alerts when delivery has no cursor.
    private static let repeatMax: UInt64 = 1_024

    private struct Attached {
        var desk: OperatorDesk?
        var reporter: StatusReporter?
        /// Alerts that delivery had no room for, in order.
        var waiting: [Alert] = []
        var isStarted = false
    }

    private let builder: AlertBuilder
    private let live: LiveState
    private let delivery: AlertDelivery
    private let attached = Mutex(Attached())

    init(builder: AlertBuilder, live: LiveState, delivery: AlertDelivery) {
        self.builder = builder
        self.live = live
        self.delivery = delivery
    }

    func attach(_ desk: OperatorDesk) { self.attached.withLock { $0.desk = desk } }

    func attach(_ reporter: StatusReporter) { self.attached.withLock { $0.reporter = reporter } }

    /// One decision leaves; in order, never blocks.
    ///
    /// Ledger and gate threads.
    func release(_ effect: PendingEffect, isRecorded: Bool, ledgerN: UInt64) {
        let (desk, reporter) = self.attached.withLock { ($0.desk, $0.reporter) }
        desk?.answer(effect.decision, isRecorded: isRecorded)
        let alert = self.builder.alert(
            of: effect.body, ledgerN: ledgerN, isRecorded: isRecorded, rules: self.live.ruleBook,
            related: self.relatedAlarms(than: effect.decision), modes: reporter?.modes() ?? [])
        if let alert { self.offer(alert) }
    }

    /// Every ledger record up to `n` is durable.
    ///
    /// Ledger thread.
    func ledgerWritten(through n: UInt64) {
        self.attached.withLock { $0.desk }?.eventsWritten(through: n)
        let isIdle = self.attached.withLock { $0.waiting.isEmpty && $0.isStarted }
        // The cursor must not pass an alert that delivery has not taken.
        if isIdle { _ = self.delivery.ledgerRead(through: n) }
    }

    /// Delivery is ready: it learns what the ledger holds behind its cursor, then what waited.
    ///
    /// Without a cursor (a store that is new or does not answer) the newest records are offered
    /// again and not the whole history: a repeated alert is recognised by its id, a flood of old
    /// ones hides the new.
    func start(ledgerFolder: String, newest: UInt64, caughtUp: [LedgerCatchUp.Entry]) async {
        let cursor = await self.delivery.start()
        let recent = newest > Self.repeatMax ? newest - Self.repeatMax : 0
        var from = cursor.flatMap { $0 == 0 ? nil : $0 } ?? recent
        if await !self.offerLedger(ledgerFolder, from: &from, through: newest), from < recent {
            // A line that cannot be read must not keep the newest from anyone.
            from = recent
            _ = await self.offerLedger(ledgerFolder, from: &from, through: newest)
        }
        for entry in caughtUp where entry.n > from {
            await self.offer(entry.body, ledgerN: entry.n, isRecorded: entry.n <= newest)
        }
        self.attached.withLock { $0.isStarted = true }
        self.retry()
    }

    /// Offers the alerts of the ledger behind `from`, which follows; false at a line that is damaged.
    private func offerLedger(
        _ folder: String, from: inout UInt64, through newest: UInt64
    ) async -> Bool {
        guard from < newest else { return true }
        let reader = LedgerReader(directory: folder, fromLine: from + 1)
        do {
            while let line = try reader.next(through: newest) {
                await self.offer(line.body, ledgerN: line.n, isRecorded: true)
                from = line.n
            }
            return true
        } catch {
            return false
        }
    }

    /// Before anything new: alerts of one alarm keep their order.
    private func offer(_ body: [UInt8], ledgerN: UInt64, isRecorded: Bool) async {
        let alert = self.builder.alert(
            of: body, ledgerN: ledgerN, isRecorded: isRecorded, rules: self.live.ruleBook,
            related: [], modes: [])
        while let alert, self.delivery.offer(alert) == .inboxFull {
            try? await Task.sleep(nanoseconds: 10_000_000)
        }
    }

    /// Offers again what delivery had no room for.
    ///
    /// Housekeeping.
    func retry() {
        self.attached.withLock { attached in
            guard attached.isStarted else { return }
            var taken = 0
            while taken < attached.waiting.count,
                self.delivery.offer(attached.waiting[taken]) != .inboxFull
            { taken += 1 }
            attached.waiting.removeFirst(taken)
        }
    }

    private func offer(_ alert: Alert) {
        self.attached.withLock { attached in
            if !attached.isStarted || !attached.waiting.isEmpty
                || self.delivery.offer(alert) == .inboxFull
            {
                // Bounded: beyond it the ledger still has the alert, and its cursor stays behind.
                if attached.waiting.count < EffectGate.capacity { attached.waiting.append(alert) }
            }
        }
    }

    private func relatedAlarms(than decision: Decision) -> [String] {
        guard decision.kind == .alarmRaised else { return [] }
        let paths = self.live.paths
        let rules = self.live.ruleBook
        var related: [String] = []
        for index in 0..<min(self.live.alarms.count, 65_536) where related.count < 64 {
            guard let alarm = self.live.alarms.read(index), alarm.state.isRaised, !alarm.isRetired,
                alarm.activation != decision.activation,
                Int(alarm.sensor.rawValue) < paths.count
            else { continue }
            let name = rules.alarmName(alarm.kind, rule: alarm.rule)
            related.append("\(paths[Int(alarm.sensor.rawValue)]):\(name)")
        }
        return related
    }
}

/// Decisions that the crash before this start kept from the ledger.
enum LedgerCatchUp {
    /// One record that was appended.
    struct Entry: Sendable {
        var n: UInt64
        var body: [UInt8]
    }

    /// Appends decisions; what the disk does not take yet stays with the writer.
    ///
    /// A full disk must not keep the monitor from starting, so nothing here throws.
    ///
    /// - Returns: What was appended, in order; numbers beyond the writer's head are not durable.
    static func run(
        _ decisions: [(id: DecisionID, body: [UInt8])], writer: LedgerWriter, now: MonotonicInstant
    ) -> [Entry] {
        var entries: [Entry] = []
        for (_, body) in decisions {
            guard let n = try? writer.append(body: body, written: EngineClock.wall()) else { break }
            entries.append(Entry(n: n, body: body))
            if entries.count % 1_024 == 0 { _ = writer.commit(now: now) }
        }
        if !entries.isEmpty { _ = writer.commit(now: now) }
        return entries
    }

    /// The newest decision on recorded input that the ledger holds.
    static func lastDecision(folder: String, newest: UInt64) -> DecisionID? {
        var from = newest > 4_096 ? newest - 4_096 : 1
        while true {
            let reader = LedgerReader(directory: folder, fromLine: from)
            var last: DecisionID?
            while let line = try? reader.next(through: newest) {
                guard let body = try? JSONValue(parsing: line.body.span),
                    body["unrecordedInput"] == nil,
                    let id = body["decision"]?.string.flatMap({ DecisionID($0) })
                else { continue }
                last = last.map { max($0, id) } ?? id
            }
            if last != nil || from <= 1 { return last }
            from = from > 65_536 ? from - 65_536 : 1
        }
    }
}
