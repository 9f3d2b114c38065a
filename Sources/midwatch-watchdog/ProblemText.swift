// SPDX-License-Identifier: Apache-2.0

package import Vitals

/// What a person is told about a problem: what happened, what is affected, what to check first.
package struct ProblemText: Equatable, Sendable {
    package var whatHappened: String
    package var whatIsAffected: String
    package var checkFirst: [String]

    /// The text for a problem; `cause` tells which rule a stuck stage broke.
    package init(_ problem: Problem, cause: StageJudge.Cause?) {
        switch problem {
        case .stageStuck(let stage): self = Self.stuck(stage, cause: cause)
        case .daemonFrozen:
            self.whatHappened = "midwatchd runs but no part of it moves."
            self.whatIsAffected = "No sensor is monitored and no alarm is raised."
            self.checkFirst = [
                "is the process stopped (state T in `ps -o stat -C midwatchd`) or out of CPU time?",
                "CPU load and memory of the machine", "`journalctl -u midwatchd -n 50`",
            ]
        case .canaryNotEvaluated:
            self.whatHappened = "Canary readings sent to the monitor are not evaluated."
            self.whatIsAffected = "All alarms: readings that arrive may not be judged."
            self.checkFirst = [
                "`midwatch top`: is the engine behind, or the ring full?",
                "CPU load and memory of the machine",
            ]
        case .canaryNotJournaled:
            self.whatHappened = "Canary readings are evaluated but not made durable in time."
            self.whatIsAffected =
                "Alarms go on. MQTT senders get no acknowledgement; readings may be unrecorded."
            self.checkFirst = ["disk of the journal: `df`, `iostat -x 1`, `dmesg | tail`"]
        case .daemonDied:
            self.whatHappened = "midwatchd ended without an order."
            self.whatIsAffected = "No sensor is monitored and no alarm is raised until it is back."
            self.checkFirst = [
                "`systemctl status midwatchd`", "`journalctl -u midwatchd -n 50`",
                "`dmesg | grep -i 'killed process'`",
            ]
        case .daemonAbsent:
            self.whatHappened = "midwatchd does not run, and has not come up in the time it has."
            self.whatIsAffected = "No sensor is monitored and no alarm is raised."
            self.checkFirst = [
                "`systemctl status midwatchd`", "`midwatch check` on the configuration",
                "`journalctl -u midwatchd -n 50`",
            ]
        case .daemonStopped:
            self.whatHappened = "midwatchd was stopped by order and has not been started again."
            self.whatIsAffected = "No sensor is monitored and no alarm is raised."
            self.checkFirst = ["was it stopped for maintenance?", "`systemctl start midwatchd`"]
        case .daemonUnkillable:
            self.whatHappened = "midwatchd was killed and does not end: it hangs in the kernel."
            self.whatIsAffected = "No sensor is monitored; a new daemon cannot start."
            self.checkFirst = ["`dmesg | tail` for disk or driver faults", "reboot the machine"]
        default: self = Self.other(problem)
        }
    }

    private init(_ what: String, _ affected: String, _ check: [String]) {
        self.whatHappened = what
        self.whatIsAffected = affected
        self.checkFirst = check
    }

    private static func stuck(_ stage: Stage, cause: StageJudge.Cause?) -> Self {
        let rule =
            switch cause {
            case .noAttempt: "has work and does not try to do it"
            case .noBeat, nil: "does not move"
            }
        let what = "The \(stage.word) stage of midwatchd \(rule)."
        let look = "`midwatch top` for queues; `journalctl -u midwatchd -n 50`"
        switch stage {
        case .udp, .mqtt:
            return Self(
                what, "Readings over \(stage.word.uppercased()) do not arrive: sensors turn stale.",
                [look, "CPU load; `ss -lunp`, `ss -ltnp` for socket queues"])
        case .engine:
            return Self(
                what, "No alarm is raised and no sensor turns stale: the monitor is blind.",
                [look, "CPU load and memory of the machine"])
        case .journal:
            return Self(
                what, "Readings are not made durable: MQTT senders get no acknowledgement.",
                [look, "disk of the journal: `df`, `iostat -x 1`, `dmesg | tail`"])
        case .ledger:
            return Self(
                what, "Decisions are not made durable: alerts leave marked as unrecorded.",
                [look, "disk of the ledger: `df`, `iostat -x 1`, `dmesg | tail`"])
        case .historian:
            return Self(
                what, "The archive falls behind. Alarms and the journal are not affected.",
                [look, "`pg_stat_activity` of the archive database for locks"])
        case .delivery:
            return Self(
                what, "Alerts of midwatchd do not leave: people are not told of alarms.",
                [look, "`midwatch alarms list` for what is active now"])
        case .api:
            return Self(
                what, "Dashboards and commands get no answer. Alarms are not affected.", [look])
        }
    }

    private static func other(_ problem: Problem) -> Self {
        switch problem {
        case .recoveryStalled:
            Self(
                "midwatchd started, but its recovery does not move.",
                "No sensor is monitored and no alarm is raised.",
                ["`journalctl -u midwatchd -n 50`", "disk of the journal: `dmesg | tail`"])
        case .stopStalled:
            Self(
                "midwatchd was told to stop and does not end.",
                "A new daemon cannot start until it has ended.",
                ["`journalctl -u midwatchd -n 50`", "disk of the journal: `iostat -x 1`"])
        case .storageFailed:
            Self(
                "The journal of midwatchd cannot write.",
                "Readings are not recorded or acknowledged. Alarms and alerts go on.",
                ["disk of the journal: `df`, `dmesg | tail`", "`midwatch top`"])
        case .diskStalled:
            Self(
                "The journal or the ledger of midwatchd waits for a disk that does not answer.",
                "Alarms and alerts go on. Readings are not acknowledged, later ones not recorded.",
                ["disk of the state folder: `dmesg | tail`, `iostat -x 1`", "`midwatch top`"])
        case .suspendedTooLong:
            Self(
                "Judging is suspended in midwatchd for longer than allowed.",
                "No sensor is monitored and no alarm is raised.",
                ["is the maintenance over?", "end the suspension or start midwatchd again"])
        case .pageUnusable:
            Self(
                "The vitals page of midwatchd cannot be used.",
                "The watchdog cannot see whether midwatchd works.",
                ["do both programs have one version?", "owner and mode of the page's file"])
        case .criticalUndelivered:
            Self(
                "A critical alert of midwatchd has not been delivered by any route.",
                "People may not know of a critical alarm: see the active alarms now.",
                ["`midwatch alarms list`", "network and endpoints of the alert routes"])
        case .ladderExhausted:
            Self(
                "midwatchd needs another restart, but its restarts are used up.",
                "It stays as it is until the window has passed: people must look now.",
                ["`journalctl -u midwatchd -n 200`", "the alerts before this one for the cause"])
        case .watchdogLate:
            Self(
                "The watchdog itself runs late again and again.",
                "Verdicts come late; the machine is overloaded or suspended.",
                ["CPU load, memory pressure (`vmstat 1`)", "does the watchdog run in SCHED_FIFO?"])
        case .stageStuck, .daemonFrozen, .canaryNotEvaluated, .canaryNotJournaled, .daemonDied,
            .daemonAbsent, .daemonStopped, .daemonUnkillable:
            // Told above; named here so that a new problem does not compile without a text.
            Self(problem.word, "", [])
        }
    }
}
