// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel
package import ReadingRing

/// What every socket needs of the rest of the daemon.
package struct IngestServices: Sendable {
    package var ring: ReadingRing
    package var sensors: SensorRegistry
    package var sources: SourceRegistry
    package var clock: IngestClock
    /// Times from the socket to the ring, and to the acknowledgement.
    package var latencies: StageLatencies
    /// Told of connections and of logins that failed, on event loops: it must not block.
    package var onAccess: @Sendable (AccessEvent) -> Void
    /// What the run received, for the start that follows a crash.
    package var run: RunTally

    package init(
        ring: ReadingRing, sensors: SensorRegistry, sources: SourceRegistry, clock: IngestClock,
        run: RunTally = .standalone(), latencies: StageLatencies = StageLatencies(),
        onAccess: @escaping @Sendable (AccessEvent) -> Void = { _ in }
    ) {
        self.ring = ring
        self.sensors = sensors
        self.sources = sources
        self.clock = clock
        self.latencies = latencies
        self.onAccess = onAccess
        self.run = run
    }
}

/// What a `lossObserved` record counts; stands in its `aux`.
package enum LossCause: UInt64, Sendable {
    /// Readings that the ring refused.
    case ringFull = 1
    /// Datagrams that the kernel dropped because its buffer was full.
    case kernelBuffer = 2
    /// Datagrams that were longer than what is read.
    case truncatedDatagram = 3
    /// Readings that were received and that the end of the run before kept from the journal.
    case endOfRun = 4
}
