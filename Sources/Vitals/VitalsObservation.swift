// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// What one look at the vitals page saw.
package struct VitalsObservation: Equatable, Sendable {
    /// The counters of one stage.
    package struct StageCounts: Equatable, Sendable {
        package var beats: UInt64
        package var backlog: UInt64
        package var attempts: UInt64
        /// The stage's thread is in a call to a disk.
        package var isCallingDisk: Bool

        package init(
            beats: UInt64 = 0, backlog: UInt64 = 0, attempts: UInt64 = 0,
            isCallingDisk: Bool = false
        ) {
            self.beats = beats
            self.backlog = backlog
            self.attempts = attempts
            self.isCallingDisk = isCallingDisk
        }
    }

    package var phase: VitalsPhase
    package var phaseProgress: UInt64
    /// One per `Stage`, by raw value.
    package var stages: [StageCounts]
    package var stagesInUse: Set<Stage>
    package var evaluatedNonce: UInt64
    package var journaledNonce: UInt64
    package var oldestUndeliveredCriticalSince: MonotonicInstant?

    package init(
        phase: VitalsPhase, phaseProgress: UInt64 = 0,
        stages: [StageCounts] = Stage.allCases.map { _ in StageCounts() },
        stagesInUse: Set<Stage> = Set(Stage.allCases), evaluatedNonce: UInt64 = 0,
        journaledNonce: UInt64 = 0, oldestUndeliveredCriticalSince: MonotonicInstant? = nil
    ) {
        precondition(stages.count == Stage.allCases.count, "one count per stage")
        self.phase = phase
        self.phaseProgress = phaseProgress
        self.stages = stages
        self.stagesInUse = stagesInUse
        self.evaluatedNonce = evaluatedNonce
        self.journaledNonce = journaledNonce
        self.oldestUndeliveredCriticalSince = oldestUndeliveredCriticalSince
    }
}

extension VitalsPage {
    /// Looks at everything the watchdog judges.
    package func observe() -> VitalsObservation {
        VitalsObservation(
            phase: self.phase, phaseProgress: self.phaseProgress,
            stages: Stage.allCases.map { stage in
                let progress = self.progress(of: stage)
                return VitalsObservation.StageCounts(
                    beats: progress.beatCount, backlog: progress.backlog,
                    attempts: progress.attemptCount, isCallingDisk: progress.isCallingDisk)
            },
            stagesInUse: self.stagesInUse, evaluatedNonce: self.evaluatedNonce,
            journaledNonce: self.journaledNonce,
            oldestUndeliveredCriticalSince: self.oldestUndeliveredCriticalSince)
    }
}
