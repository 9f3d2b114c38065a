// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// Decides what the daemon tells systemd: that its start moves, that it lives, that it stops.
///
/// Pure: a look at the page and the time in, messages out. Two rules.
///
/// - A start or recovery that moves asks for more time; one that does not move asks for none, and
///   systemd ends it.
/// - While running, systemd is fed as long as every critical stage beats, or a watchdog attends: the
///   watchdog acts sooner and counts its restarts, and when those are used up the daemon stays as it
///   is. Without a watchdog a stage that stands still is systemd's matter.
package struct ServiceNotices: Sendable {
    /// One message to systemd.
    package enum Notice: Equatable, Sendable {
        case extendTimeout(nanoseconds: UInt64)
        case alive
    }

    /// Time that a start is given for each sign that it moves: more than it may stand still.
    package static let extensionNanoseconds: UInt64 = 60_000_000_000
    /// A start asks for more time no more often than this.
    package static let extensionIntervalNanoseconds: UInt64 = 5_000_000_000
    /// Time between two messages at most, however patient systemd is.
    package static let feedIntervalMaxNanoseconds: UInt64 = 5_000_000_000
    /// Critical stages may be silent for a third of systemd's interval, and for so long at least:
    /// stages beat once a second.
    package static let silenceMinNanoseconds: UInt64 = 3_000_000_000
    package static let silenceMaxNanoseconds: UInt64 = 10_000_000_000
    /// A watchdog that did not beat for this long does not attend.
    package static let watchdogSilenceNanoseconds: UInt64 = 5_000_000_000
    /// A look that comes later than this finds no stage silent: the process itself stood still.
    package static let lateNanoseconds: UInt64 = 1_000_000_000

    private let feedInterval: UInt64?
    private let silenceMax: UInt64
    private var beats: [(count: UInt64, at: MonotonicInstant)]
    private var phase: VitalsPhase = .starting
    private var progress: UInt64 = 0
    /// The start moved since it asked for time the last time.
    private var hasMoved = true
    private var extendedAt: MonotonicInstant?
    private var fedAt: MonotonicInstant?
    private var lookedAt: MonotonicInstant

    /// `watchdogMicroseconds` is what systemd wants (`WATCHDOG_USEC`); nil if it wants nothing.
    package init(watchdogMicroseconds: UInt64?, now: MonotonicInstant) {
        let third = watchdogMicroseconds.map { $0 / 3 * 1_000 }
        self.feedInterval = third.map { min($0, Self.feedIntervalMaxNanoseconds) }
        self.silenceMax = min(
            max(third ?? 0, Self.silenceMinNanoseconds), Self.silenceMaxNanoseconds)
        self.beats = Stage.allCases.map { _ in (0, now) }
        self.lookedAt = now
    }

    /// Whether the stages that stand for seeing and deciding all moved lately.
    package private(set) var isMoving = true

    /// Takes a look at the page; `watchdogBeatAt` is the last turn of the watchdog's loop.
    package mutating func look(
        _ observation: VitalsObservation, watchdogBeatAt: MonotonicInstant, now: MonotonicInstant
    ) -> [Notice] {
        let gap = now.nanosecondsSince(self.lookedAt)
        self.lookedAt = now
        if observation.phase != self.phase || observation.phaseProgress != self.progress {
            self.hasMoved = true
        }
        self.phase = observation.phase
        self.progress = observation.phaseProgress
        switch observation.phase {
        case .starting, .recovering:
            self.forgive(now)
            return self.extended(now)
        case .stopping:
            // TimeoutStopSec= bounds it.
            return self.fed(now)
        case .suspended:
            self.forgive(now)
            return self.fed(now)
        case .running, .storageFailed:
            if gap > Self.lateNanoseconds { self.forgive(now) }
            self.isMoving = self.observe(observation, now)
            let isAttended =
                watchdogBeatAt != .zero
                && now.nanosecondsSince(watchdogBeatAt) < Self.watchdogSilenceNanoseconds
            return self.isMoving || isAttended ? self.fed(now) : []
        }
    }

    /// Gives every stage its full time from `now` on.
    private mutating func forgive(_ now: MonotonicInstant) {
        for index in self.beats.indices { self.beats[index].at = now }
    }

    private mutating func observe(
        _ observation: VitalsObservation, _ now: MonotonicInstant
    ) -> Bool {
        var isMoving = true
        for stage in Stage.allCases {
            let counts = observation.stages[stage.rawValue]
            if counts.beats != self.beats[stage.rawValue].count {
                self.beats[stage.rawValue] = (counts.beats, now)
            }
            // A disk that does not answer is an alarm, and no restart mends it.
            guard stage.isCritical, observation.stagesInUse.contains(stage),
                !counts.isCallingDisk
            else { continue }
            let silence = now.nanosecondsSince(self.beats[stage.rawValue].at)
            if silence > self.silenceMax { isMoving = false }
        }
        return isMoving
    }

    private mutating func extended(_ now: MonotonicInstant) -> [Notice] {
        guard self.hasMoved else { return [] }
        if let last = self.extendedAt,
            now.nanosecondsSince(last) < Self.extensionIntervalNanoseconds
        {
            return []
        }
        self.hasMoved = false
        self.extendedAt = now
        return [.extendTimeout(nanoseconds: Self.extensionNanoseconds)]
    }

    private mutating func fed(_ now: MonotonicInstant) -> [Notice] {
        guard let interval = self.feedInterval else { return [] }
        if let last = self.fedAt, now.nanosecondsSince(last) < interval { return [] }
        self.fedAt = now
        return [.alive]
    }
}
