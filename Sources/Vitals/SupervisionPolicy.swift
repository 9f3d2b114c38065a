// SPDX-License-Identifier: Apache-2.0

/// Every time limit of supervision, in nanoseconds.
///
/// Each stage of the ladder is longer than the one below: beats come once a second, a stage is
/// stuck after three, the daemon is restarted, systemd waits half a minute, the hardware a minute.
package struct SupervisionPolicy: Sendable, Equatable {
    /// Who starts the daemon after it ended.
    package enum Supervisor: Sendable, Equatable {
        /// systemd does (`Restart=always`); the watchdog only ends it.
        case systemd
        /// The watchdog does.
        case own
    }

    package var supervisor: Supervisor = .systemd
    /// One per `Stage`, by raw value.
    package var deadlines: [StageJudge.Deadlines] = Stage.allCases.map(Self.defaultDeadlines)
    /// Time between two looks at the page.
    package var tickInterval: UInt64 = 250_000_000
    /// A look that comes later than its interval and this gives no verdict.
    package var latenessMax: UInt64 = 1_000_000_000
    package var isCanaryOn = true
    package var canaryInterval: UInt64 = 1_000_000_000
    package var canaryDeadline: UInt64 = 3_000_000_000
    /// How much longer than its deadline the canary may be unevaluated before a restart.
    package var canaryRestartAfter: UInt64 = 7_000_000_000
    /// A start or recovery that does not move for this long is stuck.
    package var recoveryDeadline: UInt64 = 30_000_000_000
    /// A daemon is to appear within this time after the last one ended.
    package var startDeadline: UInt64 = 30_000_000_000
    /// A killed process is to end within this time.
    package var killDeadline: UInt64 = 10_000_000_000
    /// An ordered stop is to move within this time.
    package var stopDeadline: UInt64 = 60_000_000_000
    /// Judging may be suspended this long.
    package var suspendedMax: UInt64 = 300_000_000_000
    /// A critical alert that is undelivered for this long is told by the watchdog's own routes: the
    /// siren or lamp beside the machine has to speak within half a minute.
    package var undeliveredActionAfter: UInt64 = 20_000_000_000
    /// A critical alert may be undelivered this long before the heartbeat stays away.
    package var undeliveredMax: UInt64 = 60_000_000_000
    /// A standing problem is told again after this time.
    package var repeatInterval: UInt64 = 900_000_000_000
    /// Between an end and the start that follows it, when the watchdog starts the daemon.
    package var startDelay: UInt64 = 500_000_000
    package var restartCountMax = 3
    package var restartWindow: UInt64 = 900_000_000_000

    package init() {}

    /// Three missed beats for what readings and alarms depend on.
    ///
    /// The journal and the ledger share their time with a disk: people are told at the deadline, the
    /// restart waits. In a call to the disk there is none at all.
    package static func defaultDeadlines(_ stage: Stage) -> StageJudge.Deadlines {
        switch stage {
        case .udp, .mqtt, .engine:
            StageJudge.Deadlines(
                beat: 3_000_000_000, attempt: 5_000_000_000, restartAfter: 0)
        case .journal, .ledger:
            StageJudge.Deadlines(
                beat: 3_000_000_000, attempt: 5_000_000_000, restartAfter: 17_000_000_000)
        case .historian, .delivery, .api:
            StageJudge.Deadlines(
                beat: 10_000_000_000, attempt: 90_000_000_000, restartAfter: 0)
        }
    }
}
