// SPDX-License-Identifier: Apache-2.0

import Ingest
import Journal
import Logging
import MidwatchModel
import StateFolder
import Vitals

/// Readings that the end of the run before took between its sockets and its journal.
///
/// The page of that run says how many arrived and what became of them; the journal has more than
/// the page says only behind the last commit that the run lived to count, so a few blocks are read.
/// Exact after the end of a process; after the end of the machine a lower bound, since the page is
/// then older than the end.
struct CrashLoss: Equatable, Sendable {
    var epoch: UInt32
    var count: UInt64
    /// The machine went down with it.
    var isLowerBound: Bool

    /// Records that may stand behind the last commit the page knows: a few transactions.
    ///
    /// More is a page of something else, and no start reads a whole journal for it.
    private static let behindMax: UInt64 = 1 << 20

    /// What the page of the run before and the journal say; nil if there is no such run.
    ///
    /// `nextN` is the number after the last record that the journal holds.
    static func of(
        _ run: VitalsPage.PreviousRun?, journalFolder: String, nextN: UInt64
    ) -> CrashLoss? {
        guard let run, run.epoch > 0, run.durableThrough > 0, nextN >= run.durableThrough,
            nextN - run.durableThrough <= Self.behindMax
        else { return nil }
        var held = run.counters[.durable] ?? 0
        // What cannot be read is not held: the count is then too large, never too small.
        try? JournalFeed(folder: journalFolder).each(
            from: run.durableThrough, below: nextN, onEvent: { _ in }
        ) { slot, _, epoch in
            if epoch == run.epoch, slot.kindRaw == SlotKind.reading.rawValue,
                !slot.flags.contains(.canary),
                slot.criticalityRaw != SensorCriticality.own.rawValue
            {
                held += 1
            }
            return true
        }
        let received = run.counters[.received] ?? 0
        let known = [RunCounter.rejected, .shed, .unrecorded].reduce(held) {
            $0 + (run.counters[$1] ?? 0)
        }
        return CrashLoss(
            epoch: run.epoch, count: received > known ? received - known : 0,
            isLowerBound: !run.isSameBoot)
    }

    /// The record for the journal; nil if nothing was lost.
    func record(at arrival: MonotonicInstant) -> Slot? {
        guard self.count > 0 else { return nil }
        var slot = Slot(kind: .lossObserved, arrival: arrival)
        slot.valueKindRaw = ValueKind.int64.rawValue
        slot.valueBits = self.count
        slot.aux = LossCause.endOfRun.rawValue
        return slot
    }

    func tell(_ logger: Logger) {
        guard self.count > 0 else { return }
        logger.critical(
            "readings lost with the run before",
            metadata: [
                "readings.count": "\(self.count)", "journal.epoch": "\(self.epoch)",
                "readings.isLowerBound": "\(self.isLowerBound)",
            ])
    }

    static func metrics(_ loss: CrashLoss?) -> [MetricSample] {
        [
            MetricSample(
                "midwatch_last_run_readings_lost",
                help: "Readings that the end of the run before took between socket and journal.",
                kind: .gauge, value: Double(loss?.count ?? 0))
        ]
    }
}
