// SPDX-License-Identifier: Apache-2.0

import MidwatchModel

extension SupervisionMachine {
    typealias Moment = RestartLadder.Moment

    // MARK: Taking in

    /// Remembers what a look saw, without a verdict.
    mutating func takeIn(_ observation: VitalsObservation, now: MonotonicInstant) {
        guard case .attending = self.state else { return }
        if observation.phase.word != self.phase.word { self.phaseSince = now }
        if observation.phase != self.phase || observation.phaseProgress != self.phaseProgress {
            self.phaseMovedAt = now
        }
        self.phase = observation.phase
        self.phaseProgress = observation.phaseProgress
        switch self.phase {
        case .starting, .recovering, .suspended, .stopping: self.beginJudging(now: now)
        case .running, .storageFailed:
            for stage in Stage.allCases {
                self.judges[stage.rawValue].observe(
                    observation.stages[stage.rawValue], now: now)
            }
            self.canary.observe(
                evaluated: observation.evaluatedNonce, journaled: observation.journaledNonce)
        }
    }

    /// Gives every stage its full deadline from `now` on.
    mutating func beginJudging(now: MonotonicInstant) {
        self.judges = Stage.allCases.map { _ in StageJudge(now: now) }
        self.canary.restart()
    }

    /// Leaves time in which nobody looked out of every account.
    mutating func forgive(nanoseconds: UInt64) {
        func later(_ instant: MonotonicInstant) -> MonotonicInstant {
            instant.advanced(byNanoseconds: nanoseconds)
        }
        for index in self.judges.indices { self.judges[index].forgive(nanoseconds: nanoseconds) }
        self.canary.forgive(nanoseconds: nanoseconds)
        self.phaseSince = later(self.phaseSince)
        self.phaseMovedAt = later(self.phaseMovedAt)
        switch self.state {
        case .absent(let since, let absence): self.state = .absent(since: later(since), absence)
        case .attending: break
        case .killing(let since, let isOrdered):
            self.state = .killing(since: later(since), isOrdered: isOrdered)
        }
        if case .issued(let at) = self.starting { self.starting = .issued(at: later(at)) }
    }

    // MARK: Verdicts

    /// Late looks that make the watchdog's own lateness a problem.
    package static let lateStreakMax = 5
    /// Without a late look for this long, the streak is over.
    package static let lateStreakForgottenNanoseconds: UInt64 = 60_000_000_000

    mutating func judgeOwnLateness(
        _ isLate: Bool, now: Moment, _ actions: inout [SupervisionAction]
    ) {
        if isLate {
            self.lateTickCount &+= 1
            self.lateStreak += 1
            self.lastLateAt = now.at
            if self.lateStreak >= Self.lateStreakMax {
                self.raise(.watchdogLate, since: now.at, now: now, &actions)
            }
        } else if now.at.nanosecondsSince(self.lastLateAt) > Self.lateStreakForgottenNanoseconds {
            self.lateStreak = 0
            self.clear(.watchdogLate, now: now, &actions)
        }
    }

    mutating func judge(
        _ observation: VitalsObservation, now: Moment, _ actions: inout [SupervisionAction]
    ) {
        self.judgeUndelivered(observation, now: now, &actions)
        let unmoved = now.at.nanosecondsSince(self.phaseMovedAt)
        switch self.phase {
        case .starting, .recovering:
            if unmoved > self.policy.recoveryDeadline {
                self.raise(.recoveryStalled, since: self.phaseMovedAt, now: now, &actions)
                self.restart(.recoveryStalled, now: now, &actions)
            } else {
                self.clear(.recoveryStalled, now: now, &actions)
            }
        case .running:
            for problem: Problem in [
                .recoveryStalled, .storageFailed, .suspendedTooLong, .stopStalled,
            ] {
                self.clear(problem, now: now, &actions)
            }
            self.judgeStages(observation, now: now, &actions)
            self.judgeCanary(now: now, &actions)
        case .storageFailed:
            self.clear(.recoveryStalled, now: now, &actions)
            self.clear(.suspendedTooLong, now: now, &actions)
            self.raise(.storageFailed, since: self.phaseSince, now: now, &actions)
            self.judgeStages(observation, now: now, &actions)
            self.judgeCanary(now: now, &actions)
        case .suspended:
            if now.at.nanosecondsSince(self.phaseSince) > self.policy.suspendedMax {
                self.raise(.suspendedTooLong, since: self.phaseSince, now: now, &actions)
            }
        case .stopping:
            guard unmoved > self.policy.stopDeadline else { return }
            self.raise(.stopStalled, since: self.phaseMovedAt, now: now, &actions)
            // systemd ends a stop that hangs by itself (TimeoutStopSec=).
            guard self.policy.supervisor == .own else { return }
            self.state = .killing(since: now.at, isOrdered: true)
            actions.append(.kill(.stopStalled))
        }
    }

    private mutating func judgeStages(
        _ observation: VitalsObservation, now: Moment, _ actions: inout [SupervisionAction]
    ) {
        if self.isFrozen(observation, now: now, &actions) { return }
        var isDiskStalled = false
        var isDiskProven = true
        self.excuseLedger(observation, now: now)
        for stage in Stage.allCases {
            let problem = Problem.stageStuck(stage)
            guard observation.stagesInUse.contains(stage) else {
                self.clear(problem, now: now, &actions)
                continue
            }
            let judge = self.judges[stage.rawValue]
            let deadlines = self.policy.deadlines[stage.rawValue]
            switch judge.verdict(deadlines, now: now.at) {
            case .moving:
                if judge.hasSeenBeat { self.clear(problem, now: now, &actions) }
                if stage.writesLogs, !judge.hasSeenBeat { isDiskProven = false }
            case .stuck(let cause, let overdue):
                let limit = cause == .noBeat ? deadlines.beat : deadlines.attempt
                let age = min(now.at.nanoseconds, overdue + limit)
                let since = MonotonicInstant(nanoseconds: now.at.nanoseconds - age)
                // A thread in a call to a disk is no wedged code: a restart would end what still
                // works, and a process that hangs in the kernel cannot even make room for another.
                if observation.stages[stage.rawValue].isCallingDisk {
                    isDiskStalled = true
                    self.raise(.diskStalled, since: since, cause: cause, now: now, &actions)
                    self.clear(problem, now: now, &actions)
                    continue
                }
                self.raise(problem, since: since, cause: cause, now: now, &actions)
                if stage.writesLogs { isDiskProven = false }
                if self.phase == .storageFailed, stage.writesLogs { continue }
                if stage.remedy == .restart, overdue >= deadlines.restartAfter {
                    self.restart(problem, now: now, &actions)
                }
            }
        }
        if !isDiskStalled, isDiskProven { self.clear(.diskStalled, now: now, &actions) }
    }

    /// Decisions wait for their readings: a ledger that beats is not wedged because the journal's disk
    /// does not answer.
    private mutating func excuseLedger(_ observation: VitalsObservation, now: Moment) {
        let journal = Stage.journal.rawValue
        guard observation.stagesInUse.contains(.journal),
            observation.stages[journal].isCallingDisk,
            case .stuck = self.judges[journal].verdict(
                self.policy.deadlines[journal], now: now.at)
        else { return }
        self.judges[Stage.ledger.rawValue].excuse(until: now.at)
    }

    /// Stages beat once a second: one that was silent for longer missed a beat.
    package static let missedBeatNanoseconds: UInt64 = 1_500_000_000

    /// Whether no stage at all beats: one fault of the process, told once and not per stage.
    private mutating func isFrozen(
        _ observation: VitalsObservation, now: Moment, _ actions: inout [SupervisionAction]
    ) -> Bool {
        let stages = observation.stagesInUse
        func isSilent(_ stage: Stage) -> Bool {
            self.judges[stage.rawValue].silence(now: now.at) > Self.missedBeatNanoseconds
        }
        let overdue = stages.filter { stage in
            stage.isCritical
                && self.judges[stage.rawValue].silence(now: now.at)
                    > self.policy.deadlines[stage.rawValue].beat
        }
        if stages.count > 1, !overdue.isEmpty, stages.allSatisfy(isSilent) {
            let silences = overdue.map { self.judges[$0.rawValue].silence(now: now.at) }
            let age = min(now.at.nanoseconds, silences.max() ?? 0)
            self.raise(
                .daemonFrozen, since: MonotonicInstant(nanoseconds: now.at.nanoseconds - age),
                now: now, &actions)
            self.restart(.daemonFrozen, now: now, &actions)
            return true
        }
        if stages.contains(where: { self.judges[$0.rawValue].hasSeenBeat && !isSilent($0) }) {
            self.clear(.daemonFrozen, now: now, &actions)
        }
        return false
    }

    private mutating func judgeCanary(now: Moment, _ actions: inout [SupervisionAction]) {
        guard self.policy.isCanaryOn else { return }
        let verdict = self.canary.verdict(deadline: self.policy.canaryDeadline, now: now.at)
        func since(_ overdue: UInt64) -> MonotonicInstant {
            let age = min(now.at.nanoseconds, overdue + self.policy.canaryDeadline)
            return MonotonicInstant(nanoseconds: now.at.nanoseconds - age)
        }
        switch verdict {
        case .answered:
            if self.canary.hasBeenAnswered {
                self.clear(.canaryNotEvaluated, now: now, &actions)
                self.clear(.canaryNotJournaled, now: now, &actions)
            }
        case .notEvaluated(let overdue):
            self.raise(.canaryNotEvaluated, since: since(overdue), now: now, &actions)
            if overdue >= self.policy.canaryRestartAfter {
                self.restart(.canaryNotEvaluated, now: now, &actions)
            }
        case .notJournaled(let overdue):
            self.clear(.canaryNotEvaluated, now: now, &actions)
            // The disk decides when; with storage failed it is known and told already.
            if self.phase == .running {
                self.raise(.canaryNotJournaled, since: since(overdue), now: now, &actions)
            }
        }
        guard case .attending = self.state else { return }
        if let nonce = self.canary.nonceDue(interval: self.policy.canaryInterval, now: now.at) {
            actions.append(.sendCanary(nonce: nonce))
        }
    }

    private mutating func judgeUndelivered(
        _ observation: VitalsObservation, now: Moment, _ actions: inout [SupervisionAction]
    ) {
        self.undeliveredSince = observation.oldestUndeliveredCriticalSince
        if let since = self.undeliveredSince,
            now.at.nanosecondsSince(since)
                > min(self.policy.undeliveredActionAfter, self.policy.undeliveredMax)
        {
            self.raise(.criticalUndelivered, since: since, now: now, &actions)
        } else if self.phase == .running || self.phase == .storageFailed {
            self.clear(.criticalUndelivered, now: now, &actions)
        }
    }

    mutating func judgeAbsence(
        since: MonotonicInstant, _ absence: Absence, now: Moment,
        _ actions: inout [SupervisionAction]
    ) {
        let isOverdue = now.at.nanosecondsSince(since) > self.policy.startDeadline
        if absence == .stopped {
            if isOverdue { self.raise(.daemonStopped, since: since, now: now, &actions) }
            return
        }
        switch self.policy.supervisor {
        case .systemd:
            guard isOverdue, self.standing[.daemonAbsent] == nil else { return }
            self.raise(.daemonAbsent, since: since, now: now, &actions)
            // From here on the hardware watchdog may reset the machine: that is a rung too.
            if absence != .killed { self.climb(now: now, &actions) }
        case .own: self.judgeStart(since: since, now: now, &actions)
        }
    }

    private mutating func judgeStart(
        since: MonotonicInstant, now: Moment, _ actions: inout [SupervisionAction]
    ) {
        switch self.starting {
        case .idle: break
        case .wanted(let at, let isCounted):
            guard now.at >= at else { return }
            guard isCounted || self.climb(now: now, &actions) else { return }
            self.starting = .issued(at: now.at)
            actions.append(.start)
        case .issued(let at):
            guard now.at.nanosecondsSince(at) > self.policy.startDeadline else { return }
            self.raise(.daemonAbsent, since: since, now: now, &actions)
            self.starting = .wanted(at: now.at, isCounted: false)
        }
    }

    // MARK: Acting

    /// Ends the daemon if the ladder has a rung left.
    private mutating func restart(
        _ problem: Problem, now: Moment, _ actions: inout [SupervisionAction]
    ) {
        guard case .attending = self.state else { return }
        guard self.climb(now: now, &actions) else { return }
        self.state = .killing(since: now.at, isOrdered: false)
        actions.append(.kill(problem))
    }

    /// Takes a rung of the ladder; says so if there is none left.
    @discardableResult
    private mutating func climb(now: Moment, _ actions: inout [SupervisionAction]) -> Bool {
        guard self.ladder.permits(now) else {
            self.raise(.ladderExhausted, since: now.at, now: now, &actions)
            return false
        }
        self.ladder.climb(now)
        self.clear(.ladderExhausted, now: now, &actions)
        actions.append(.storeLadder)
        return true
    }

    mutating func raise(
        _ problem: Problem, since: MonotonicInstant, cause: StageJudge.Cause? = nil, now: Moment,
        _ actions: inout [SupervisionAction]
    ) {
        guard self.standing[problem] == nil else { return }
        self.standing[problem] = Standing(since: since, toldAt: now.at, cause: cause)
        actions.append(.report(ProblemReport(problem, .raised, since: since, cause: cause)))
    }

    mutating func clear(
        _ problem: Problem, now: Moment, _ actions: inout [SupervisionAction]
    ) {
        guard let standing = self.standing.removeValue(forKey: problem) else { return }
        actions.append(
            .report(
                ProblemReport(problem, .cleared, since: standing.since, cause: standing.cause)))
    }

    mutating func repeatStanding(now: Moment, _ actions: inout [SupervisionAction]) {
        for problem in self.standing.keys.sorted(by: { $0.word < $1.word }) {
            guard var standing = self.standing[problem],
                now.at.nanosecondsSince(standing.toldAt) >= self.policy.repeatInterval
            else { continue }
            standing.toldAt = now.at
            self.standing[problem] = standing
            actions.append(
                .report(
                    ProblemReport(
                        problem, .standing, since: standing.since, cause: standing.cause)))
        }
    }
}
