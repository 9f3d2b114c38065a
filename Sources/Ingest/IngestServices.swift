// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel
package import ReadingRing

/// What every socket needs of the rest of the daemon.
package struct IngestServices: Sendable {
    package var ring: ReadingRing
    package var sensors: SensorRegistry
    package var sources: SourceRegistry
    package var clock: IngestClock

    package init(
        ring: ReadingRing, sensors: SensorRegistry, sources: SourceRegistry, clock: IngestClock
    ) {
        self.ring = ring
        self.sensors = sensors
        self.sources = sources
        self.clock = clock
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
}
