// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel
package import ReadingRing

/// What every socket needs of the rest of the daemon.
package struct IngestServices: Sendable {
    package var ring: ReadingRing
    package var sensors: SensorRegistry
    package var sources: SourceRegistry
    package var clock: IngestClock
    /// What the run received, for the start that follows a crash.
    package var run: RunTally

    package init(
        ring: ReadingRing, sensors: SensorRegistry, sources: SourceRegistry, clock: IngestClock,
        run: RunTally = .standalone()
    ) {
        self.ring = ring
        self.sensors = sensors
        self.sources = sources
        self.clock = clock
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
