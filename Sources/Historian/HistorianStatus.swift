// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel
internal import Synchronization

/// What the historian counts.
package enum HistorianCounter: Int, CaseIterable, Sendable {
    case stored, redelivered, quarantined, canaries, batches, summaries, minuteRows
    case implausible, regressed, historical, notANumber, anchorMissing, unregistered
    case recordsMissing, sensorsRegistered
    case failuresConnection, failuresTransient, failuresTimeout, failuresStorage, failuresAccess
    case failuresContent, failuresPartition, failuresSource, failuresMaintenance
    case cursorFollowed, resumed
    /// Rows of Midwatch's own sensors; `stored` does not count them.
    case ownStored
    case lagRecords, lagMilliseconds

    var isGauge: Bool { self == .lagRecords || self == .lagMilliseconds }
}

/// What others may know of the historian at any time: positions, state, counters.
///
/// Written by the historian's thread, read by retention, metrics and screens.
package final class HistorianStatus: Sendable {
    private struct Shared {
        var state = HistorianMachine.State.connecting
        var storedThrough = Position.zero
        var archivedThrough = Position.zero
        var lastError = ""
    }

    package let counters = CounterBlock<HistorianCounter>()
    private let shared = Mutex(Shared())

    private let onStored: @Sendable (Position) -> Void
    private let onRows: @Sendable (SourceIndex, UInt64) -> Void

    /// On the historian's thread `onStored` learns up to where rows are in the archive, `onRows`
    /// how many of a source were stored.
    package init(
        onStored: @escaping @Sendable (Position) -> Void = { _ in },
        onRows: @escaping @Sendable (SourceIndex, UInt64) -> Void = { _, _ in }
    ) {
        self.onStored = onStored
        self.onRows = onRows
    }

    package var state: HistorianMachine.State { self.shared.withLock { $0.state } }

    /// Last record whose row is in the archive.
    package var storedThrough: Position { self.shared.withLock { $0.storedThrough } }

    /// Last record that the archive will never ask the journal for again, except to rebuild the
    /// redelivery window.
    ///
    /// Retention may drop what is not after it.
    package var archivedThrough: Position { self.shared.withLock { $0.archivedThrough } }

    /// The condition that stopped the archive; nil while it is not stopped.
    package var condition: ArchiveCondition? {
        if case .stopped(let condition) = self.state { return condition }
        return nil
    }

    /// The last error in words, empty after a stored batch.
    package var lastError: String { self.shared.withLock { $0.lastError } }

    func publish(state: HistorianMachine.State) {
        self.shared.withLock { $0.state = state }
    }

    func publish(stored: Position, archived: Position) {
        self.shared.withLock {
            $0.storedThrough = stored
            $0.archivedThrough = archived
        }
        self.onStored(stored)
    }

    func publish(rows: UInt64, of source: SourceIndex) { self.onRows(source, rows) }

    func publish(error: String) { self.shared.withLock { $0.lastError = error } }

    /// Lines of the metrics page.
    package func metrics() -> [MetricSample] {
        let state = self.state
        var samples: [MetricSample] = [
            MetricSample(
                "midwatch_archive_running", help: "1 while the historian stores readings.",
                kind: .gauge, value: state == .running ? 1 : 0),
            MetricSample(
                "midwatch_archive_breaker_open",
                help: "1 while the archive failed several times in a row.", kind: .gauge,
                value: state.word == "breakerOpen" ? 1 : 0),
            MetricSample(
                "midwatch_archive_stopped",
                help: "1 when the archive needs a person; the label says why.", kind: .gauge,
                labels: [("condition", self.condition?.word ?? "none")],
                value: self.condition == nil ? 0 : 1),
            MetricSample(
                "midwatch_archive_lag_records",
                help: "Durable journal records that are not in the archive.", kind: .gauge,
                value: Double(self.counters[.lagRecords])),
            MetricSample(
                "midwatch_archive_lag_seconds",
                help: "Time since the archive last held every durable record.", kind: .gauge,
                value: Double(self.counters[.lagMilliseconds]) / 1_000),
        ]
        for counter in HistorianCounter.allCases where !counter.isGauge {
            samples.append(
                MetricSample(
                    "midwatch_archive_events_total",
                    help: "What the historian did and met, by kind.", kind: .counter,
                    labels: [("kind", "\(counter)")], value: Double(self.counters[counter])))
        }
        return samples
    }
}
