// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Synchronization

/// Times the way from the journal to the archive.
final class ArchiveLatency: Sendable {
    /// Commits that are timed apart, and the time that two of them at least lie apart: together
    /// 40 s of an archive that does not keep up.
    private static let markCountMax = 4_096
    private static let spacingNanoseconds: UInt64 = 10_000_000

    private let marks = Mutex(
        LatencyMarks(
            capacity: ArchiveLatency.markCountMax,
            spacingNanoseconds: ArchiveLatency.spacingNanoseconds))
    private let clock: EngineClock
    private let latency: LatencyHistogram

    init(clock: EngineClock, latency: LatencyHistogram) {
        self.clock = clock
        self.latency = latency
    }

    /// Journal thread.
    func durable(through n: UInt64, now: MonotonicInstant, count: UInt64) {
        self.marks.withLock { $0.add(through: n, at: now, count: count) }
    }

    /// Historian thread.
    func stored(through n: UInt64) {
        let now = self.clock.now()
        self.marks.withLock { $0.settle(through: n, now: now, in: self.latency) }
    }
}
