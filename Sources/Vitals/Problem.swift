// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// What the watchdog can find wrong.
///
/// Each stands until it is gone, and is told once when it begins, once when it ends, and again
/// while it lasts.
package enum Problem: Hashable, Sendable {
    /// A stage does not beat, or has work and does not try.
    case stageStuck(Stage)
    /// No stage beats: the process is stopped, or the machine gives it no time.
    case daemonFrozen
    /// Canary readings are not evaluated.
    case canaryNotEvaluated
    /// Canary readings are evaluated but not made durable.
    case canaryNotJournaled
    /// The daemon ended without an order.
    case daemonDied
    /// No daemon runs, and none came in the time it takes to start one.
    case daemonAbsent
    /// The daemon was stopped by order and has not come back.
    case daemonStopped
    /// The daemon was told to die and does not.
    case daemonUnkillable
    /// A start or recovery does not move.
    case recoveryStalled
    /// An ordered stop does not end.
    case stopStalled
    /// The journal cannot write.
    case storageFailed
    /// The journal or the ledger waits for a disk that does not answer.
    case diskStalled
    /// Judging is suspended longer than allowed.
    case suspendedTooLong
    /// The vitals page is there but cannot be used.
    case pageUnusable
    /// A critical alert is not delivered by any route of the daemon.
    case criticalUndelivered
    /// Restarts are used up; the daemon is left as it is.
    case ladderExhausted
    /// The watchdog itself runs late again and again.
    case watchdogLate

    /// Word used in JSON and logs.
    package var word: String {
        switch self {
        case .stageStuck(let stage): "stageStuck.\(stage.word)"
        case .daemonFrozen: "daemonFrozen"
        case .canaryNotEvaluated: "canaryNotEvaluated"
        case .canaryNotJournaled: "canaryNotJournaled"
        case .daemonDied: "daemonDied"
        case .daemonAbsent: "daemonAbsent"
        case .daemonStopped: "daemonStopped"
        case .daemonUnkillable: "daemonUnkillable"
        case .recoveryStalled: "recoveryStalled"
        case .stopStalled: "stopStalled"
        case .storageFailed: "storageFailed"
        case .diskStalled: "diskStalled"
        case .suspendedTooLong: "suspendedTooLong"
        case .pageUnusable: "pageUnusable"
        case .criticalUndelivered: "criticalUndelivered"
        case .ladderExhausted: "ladderExhausted"
        case .watchdogLate: "watchdogLate"
        }
    }

    /// The stage the problem is about, if it is about one.
    package var stage: Stage? {
        if case .stageStuck(let stage) = self { return stage }
        return nil
    }

    /// How urgent it is.
    package var priority: AlarmPriority {
        switch self {
        case .stageStuck(let stage): stage.isCritical || stage == .delivery ? .critical : .high
        case .daemonFrozen, .canaryNotEvaluated, .daemonDied, .daemonAbsent, .daemonUnkillable,
            .recoveryStalled, .storageFailed, .diskStalled, .criticalUndelivered,
            .ladderExhausted, .pageUnusable:
            .critical
        case .canaryNotJournaled, .daemonStopped, .stopStalled, .suspendedTooLong, .watchdogLate:
            .high
        }
    }

    /// Whether it means that the monitor would not see or not tell: systemd and the hardware
    /// watchdog are not fed while such a problem stands.
    package var blinds: Bool {
        switch self {
        case .stageStuck(let stage): stage.isCritical
        case .daemonFrozen, .canaryNotEvaluated, .daemonDied, .daemonAbsent, .daemonUnkillable,
            .recoveryStalled, .pageUnusable:
            true
        case .canaryNotJournaled, .daemonStopped, .stopStalled, .storageFailed, .diskStalled,
            .suspendedTooLong, .criticalUndelivered, .ladderExhausted, .watchdogLate:
            false
        }
    }
}

/// What is to be told about a problem.
package struct ProblemReport: Equatable, Sendable {
    /// Where the problem is in its life.
    package enum Occasion: Sendable, Equatable { case raised, standing, cleared }

    package var problem: Problem
    package var occasion: Occasion
    /// When it began, on CLOCK_BOOTTIME.
    package var since: MonotonicInstant
    /// Which of its rules a stuck stage broke.
    package var cause: StageJudge.Cause?

    package init(
        _ problem: Problem, _ occasion: Occasion, since: MonotonicInstant,
        cause: StageJudge.Cause? = nil
    ) {
        self.problem = problem
        self.occasion = occasion
        self.since = since
        self.cause = cause
    }
}
