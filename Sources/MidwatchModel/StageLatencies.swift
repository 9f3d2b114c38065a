// SPDX-License-Identifier: Apache-2.0

/// A stretch of the way of a reading or a decision whose time is measured.
package enum LatencyStage: Int, CaseIterable, Sendable {
    /// From the socket to the ring.
    case arrivalToRing = 0
    /// From the socket to the engine's verdict.
    case arrivalToEvaluated = 1
    /// From the socket to stable storage in the journal.
    case arrivalToDurable = 2
    /// From the journal to a row of the archive.
    case durableToArchived = 3
    /// From a PUBLISH with QoS 1 at the socket to its PUBACK.
    case publishToAcknowledged = 4
    /// From the engine to stable storage in the ledger.
    case decisionToRecorded = 5
    /// From the engine to an endpoint's answer that it has the alert.
    case decisionToDelivered = 6

    /// Label in metrics and name on screens.
    package var word: String { String(describing: self) }
}

/// The latency histograms of a program, one per stage.
///
/// Where single readings would cost too much a whole batch counts with the latency of its oldest:
/// figures are then too high, never too low.
package final class StageLatencies: Sendable {
    private let histograms: [LatencyHistogram]

    package init() { self.histograms = LatencyStage.allCases.map { _ in LatencyHistogram() } }

    package subscript(_ stage: LatencyStage) -> LatencyHistogram { self.histograms[stage.rawValue] }

    package func metrics() -> [MetricSample] {
        LatencyStage.allCases.flatMap { stage in
            self[stage].snapshot().samples(
                "midwatch_stage_latency_seconds",
                help: "Time between two stages of a reading or a decision.",
                labels: [(name: "stage", value: stage.word)])
        }
    }
}

/// Instants at which numbered things began to wait, until all up to a number are done.
///
/// Bounded: when it is full, or the last mark is young, the newest joins the last mark and counts
/// with its instant, which is earlier. Memory is taken once.
package struct LatencyMarks: ~Copyable, Sendable {
    private struct Mark {
        var through: UInt64
        var at: MonotonicInstant
        var count: UInt64
    }

    private let capacity: Int
    private let spacingNanoseconds: UInt64
    private var marks: [Mark] = []
    private var head = 0

    /// `spacingNanoseconds`: instants closer than this share a mark.
    package init(capacity: Int, spacingNanoseconds: UInt64 = 0) {
        self.capacity = capacity
        self.spacingNanoseconds = spacingNanoseconds
    }

    package var isEmpty: Bool { self.head == self.marks.count }

    /// `count` things, the last of them numbered `through`, wait since `at`.
    package mutating func add(through: UInt64, at: MonotonicInstant, count: UInt64) {
        if self.head < self.marks.count {
            let last = self.marks.count - 1
            if self.marks.count - self.head >= self.capacity
                || at.nanosecondsSince(self.marks[last].at) < self.spacingNanoseconds
            {
                self.marks[last].through = through
                self.marks[last].count &+= count
                return
            }
        }
        if self.head >= self.capacity {
            self.marks.removeFirst(self.head)
            self.head = 0
        }
        self.marks.append(Mark(through: through, at: at, count: count))
    }

    /// Everything up to `n` is done at `now`.
    package mutating func settle(
        through n: UInt64, now: MonotonicInstant, in histogram: LatencyHistogram
    ) {
        while self.head < self.marks.count, self.marks[self.head].through <= n {
            let mark = self.marks[self.head]
            histogram.record(from: mark.at, to: now, count: mark.count)
            self.head += 1
        }
        if self.head == self.marks.count {
            self.marks.removeAll(keepingCapacity: true)
            self.head = 0
        }
    }
}
