// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// Judges whether one stage is stuck, from two looks at its counters and the time between.
///
/// Stuck means: no beat within the beat deadline, or a backlog and no attempt within the attempt
/// deadline. What came of an attempt is decided by others and plays no part.
package struct StageJudge: Sendable, Equatable {
    /// Time limits of one stage, in nanoseconds.
    package struct Deadlines: Sendable, Equatable {
        package var beat: UInt64
        package var attempt: UInt64
        /// How much longer than its deadline a stage may be stuck before the daemon is restarted;
        /// people are told at the deadline itself.
        package var restartAfter: UInt64

        package init(beat: UInt64, attempt: UInt64, restartAfter: UInt64) {
            self.beat = beat
            self.attempt = attempt
            self.restartAfter = restartAfter
        }
    }

    /// What the counters say.
    package enum Verdict: Sendable, Equatable {
        case moving
        case stuck(Cause, forNanoseconds: UInt64)
    }

    /// Which of the two rules is broken.
    package enum Cause: Sendable, Equatable {
        /// The stage's loop does not turn.
        case noBeat
        /// Work waits and the stage does not try.
        case noAttempt
    }

    private var last: VitalsObservation.StageCounts?
    private var beatAt: MonotonicInstant
    /// When there was no backlog, or an attempt, for the last time.
    private var workedAt: MonotonicInstant
    /// Whether a beat was seen to change since the judge began: proof of life, not only no proof of
    /// death.
    ///
    /// A problem is told to be over only with it.
    package private(set) var hasSeenBeat = false

    /// Begins with full deadlines from `now` on.
    package init(now: MonotonicInstant) {
        self.last = nil
        self.beatAt = now
        self.workedAt = now
    }

    /// Takes in what a look at the page saw.
    package mutating func observe(_ counts: VitalsObservation.StageCounts, now: MonotonicInstant) {
        if let last = self.last {
            if counts.beats != last.beats {
                self.beatAt = now
                self.hasSeenBeat = true
            }
            // A call to a disk that returned, however late, is work; the next one is due from now.
            if last.isCallingDisk, !counts.isCallingDisk {
                self.beatAt = now
                self.workedAt = now
            }
        } else {
            self.beatAt = now
        }
        if counts.backlog == 0 || counts.attempts != self.last?.attempts { self.workedAt = now }
        self.last = counts
    }

    /// Judges by what was observed so far.
    package func verdict(_ deadlines: Deadlines, now: MonotonicInstant) -> Verdict {
        let silence = now.nanosecondsSince(self.beatAt)
        if silence > deadlines.beat {
            return .stuck(.noBeat, forNanoseconds: silence - deadlines.beat)
        }
        let idle = now.nanosecondsSince(self.workedAt)
        if idle > deadlines.attempt {
            return .stuck(.noAttempt, forNanoseconds: idle - deadlines.attempt)
        }
        return .moving
    }

    /// Leaves out of account that work waited until `now`: another stage holds it up.
    package mutating func excuse(until now: MonotonicInstant) { self.workedAt = now }

    /// How long no beat was seen.
    package func silence(now: MonotonicInstant) -> UInt64 { now.nanosecondsSince(self.beatAt) }

    /// Leaves `nanoseconds` in which the watchdog itself did not look out of account.
    package mutating func forgive(nanoseconds: UInt64) {
        self.beatAt = self.beatAt.advanced(byNanoseconds: nanoseconds)
        self.workedAt = self.workedAt.advanced(byNanoseconds: nanoseconds)
    }
}
