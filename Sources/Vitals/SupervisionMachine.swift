// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// What the watchdog's loop tells the machine.
package enum SupervisionEvent: Sendable, Equatable {
    /// A page and its living process were found.
    case daemonFound
    /// The process behind the page, or the one that was to make a page, has ended.
    case daemonExited
    /// There is a page but it cannot be used.
    case pageUnusable
    /// Time went on; the page showed this, or nothing because there is none.
    case tick(VitalsObservation?)
}

/// What the machine wants done, in order.
package enum SupervisionAction: Sendable, Equatable {
    /// Tell people.
    case report(ProblemReport)
    /// Make the ladder durable before going on to the next action.
    case storeLadder
    /// End the daemon at once (SIGKILL reaches a stopped process too).
    case kill(Problem)
    /// Start a daemon; end one that was started and made no page first.
    case start
    /// Send this nonce to the canary port and ask for it on the page.
    case sendCanary(nonce: UInt64)
}

/// Whether the dead-man heartbeat may be sent.
///
/// Its absence means "you would not be told".
package enum HeartbeatVerdict: Sendable, Equatable {
    case send
    case withhold(Reason)

    /// Why it is withheld.
    package enum Reason: Sendable, Equatable {
        case noDaemon
        case notJudging(VitalsPhase)
        case problem(Problem)
    }
}

/// Decides what the watchdog does: pure, event and time in, actions out.
///
/// Invariants
/// 1. Nothing that others decide (a row stored, a 2xx, a reading heard) leads to a restart.
/// 2. At most `restartCountMax` kills or repeated starts in any `restartWindow`, over reboots too:
///    the ladder is stored before the daemon is ended.
/// 3. A look that comes late gives no verdict, and the time nobody looked counts for no deadline.
/// 4. A problem is told when it begins, and told to be over only on proof of life.
///
/// States (event → state)
///
///     absent ──daemonFound──▶ attending ──restart──▶ killing ──daemonExited──▶ absent
///                             attending ──daemonExited──▶ absent
package struct SupervisionMachine: Sendable {
    /// Why no daemon runs.
    package enum Absence: Sendable, Equatable {
        /// None was seen since the watchdog started.
        case neverSeen
        /// It ended without an order.
        case died
        /// The watchdog ended it.
        case killed
        /// It was stopped by order.
        case stopped
    }

    /// Where the daemon is in its life.
    package enum State: Sendable, Equatable {
        case absent(since: MonotonicInstant, Absence)
        case attending(since: MonotonicInstant)
        /// `isOrdered`: it was stopping anyway, so nothing starts it again.
        case killing(since: MonotonicInstant, isOrdered: Bool)
    }

    /// The next start, when the watchdog is the one who starts.
    enum Starting: Sendable, Equatable {
        case idle
        /// `isCounted`: its rung on the ladder is climbed already, or it needs none.
        case wanted(at: MonotonicInstant, isCounted: Bool)
        case issued(at: MonotonicInstant)
    }

    /// A problem that was told and is not over.
    package struct Standing: Sendable, Equatable {
        package var since: MonotonicInstant
        package var toldAt: MonotonicInstant
        package var cause: StageJudge.Cause?
    }

    package internal(set) var state: State
    package internal(set) var ladder: RestartLadder
    package internal(set) var standing: [Problem: Standing] = [:]
    /// Looks that came too late to judge by.
    package internal(set) var lateTickCount: UInt64 = 0

    package private(set) var policy: SupervisionPolicy
    var judges: [StageJudge]
    var canary: CanaryJudge
    var starting: Starting = .idle
    var phase: VitalsPhase = .starting
    var phaseProgress: UInt64 = 0
    var phaseSince: MonotonicInstant
    var phaseMovedAt: MonotonicInstant
    /// When the oldest critical alert was made that no route of the daemon has taken.
    var undeliveredSince: MonotonicInstant?
    var lastTickAt: MonotonicInstant
    var lateStreak = 0
    var lastLateAt: MonotonicInstant = .zero

    /// Begins without knowledge of a daemon.
    ///
    /// - Parameters:
    ///   - policy: Every time limit.
    ///   - ladder: As the last watchdog stored it.
    ///   - firstNonce: Greater than any nonce used on a page before; the boot clock will do.
    ///   - now: Start of the watchdog.
    package init(
        policy: SupervisionPolicy, ladder: RestartLadder, firstNonce: UInt64,
        now: RestartLadder.Moment
    ) {
        precondition(policy.deadlines.count == Stage.allCases.count, "one deadline per stage")
        self.policy = policy
        self.ladder = ladder
        self.state = .absent(since: now.at, .neverSeen)
        self.judges = Stage.allCases.map { _ in StageJudge(now: now.at) }
        self.canary = CanaryJudge(firstNonce: firstNonce)
        self.phaseSince = now.at
        self.phaseMovedAt = now.at
        self.lastTickAt = now.at
        if policy.supervisor == .own { self.starting = .wanted(at: now.at, isCounted: true) }
    }

    /// Takes other time limits from now on; what stands goes on standing.
    package mutating func adopt(_ policy: SupervisionPolicy) {
        precondition(policy.deadlines.count == Stage.allCases.count, "one deadline per stage")
        self.policy = policy
        self.ladder = RestartLadder(
            restartCountMax: policy.restartCountMax, windowNanoseconds: policy.restartWindow,
            rungs: self.ladder.rungs, totalCount: self.ladder.totalCount)
    }

    // MARK: Events

    /// Takes one event.
    ///
    /// Moments must not go back within a boot.
    package mutating func handle(
        _ event: SupervisionEvent, now: RestartLadder.Moment
    ) -> [SupervisionAction] {
        var actions: [SupervisionAction] = []
        switch event {
        case .daemonFound: self.daemonFound(now: now, &actions)
        case .daemonExited: self.daemonExited(now: now, &actions)
        case .pageUnusable: self.raise(.pageUnusable, since: now.at, now: now, &actions)
        case .tick(let observation): self.tick(observation, now: now, &actions)
        }
        return actions
    }

    private mutating func daemonFound(
        now: RestartLadder.Moment, _ actions: inout [SupervisionAction]
    ) {
        switch self.state {
        case .attending, .killing: self.daemonExited(now: now, &actions)
        case .absent: break
        }
        self.state = .attending(since: now.at)
        self.starting = .idle
        self.phase = .starting
        self.phaseProgress = 0
        self.phaseSince = now.at
        self.phaseMovedAt = now.at
        self.beginJudging(now: now.at)
        for problem: Problem in [
            .daemonDied, .daemonAbsent, .daemonStopped, .daemonUnkillable, .pageUnusable,
        ] {
            self.clear(problem, now: now, &actions)
        }
    }

    private mutating func daemonExited(
        now: RestartLadder.Moment, _ actions: inout [SupervisionAction]
    ) {
        let absence: Absence
        switch self.state {
        case .killing(_, let isOrdered): absence = isOrdered ? .stopped : .killed
        case .attending: absence = self.phase == .stopping ? .stopped : .died
        case .absent(_, let before): absence = before == .stopped ? .stopped : .died
        }
        self.state = .absent(since: now.at, absence)
        self.clear(.daemonUnkillable, now: now, &actions)
        self.clear(.stopStalled, now: now, &actions)
        if absence == .died { self.raise(.daemonDied, since: now.at, now: now, &actions) }
        guard self.policy.supervisor == .own else { return }
        let due = now.at.advanced(byNanoseconds: self.policy.startDelay)
        switch absence {
        case .stopped, .neverSeen: self.starting = .idle
        case .killed: self.starting = .wanted(at: due, isCounted: true)
        case .died: self.starting = .wanted(at: due, isCounted: false)
        }
    }

    private mutating func tick(
        _ observation: VitalsObservation?, now: RestartLadder.Moment,
        _ actions: inout [SupervisionAction]
    ) {
        let gap = now.at.nanosecondsSince(self.lastTickAt)
        self.lastTickAt = now.at
        let isLate = gap > self.policy.tickInterval + self.policy.latenessMax
        if isLate { self.forgive(nanoseconds: gap - self.policy.tickInterval) }
        self.judgeOwnLateness(isLate, now: now, &actions)
        if let observation { self.takeIn(observation, now: now.at) }
        guard !isLate else { return }

        switch self.state {
        case .attending:
            if let observation { self.judge(observation, now: now, &actions) }
        case .killing(let since, _):
            if now.at.nanosecondsSince(since) > self.policy.killDeadline {
                self.raise(.daemonUnkillable, since: since, now: now, &actions)
            }
        case .absent(let since, let absence):
            self.judgeAbsence(since: since, absence, now: now, &actions)
        }
        if !self.isBlind { self.clear(.ladderExhausted, now: now, &actions) }
        self.repeatStanding(now: now, &actions)
    }

    // MARK: Queries

    /// Whether the monitor would not see, or not tell.
    package var isBlind: Bool { self.standing.keys.contains(where: \.blinds) }

    /// Since when the monitor is blind; nil while it is not.
    package var blindSince: MonotonicInstant? {
        self.standing.filter { $0.key.blinds }.map(\.value.since).min()
    }

    /// Whether systemd and the hardware watchdog are fed.
    ///
    /// Not while the monitor is blind; but when restarts are used up the machine stays up, so that
    /// people are told by what still runs.
    package var isFeeding: Bool {
        !self.isBlind || self.standing[.ladderExhausted] != nil
    }

    /// Whether the dead-man heartbeat may be sent.
    package func heartbeat(now: MonotonicInstant) -> HeartbeatVerdict {
        guard case .attending = self.state else { return .withhold(.noDaemon) }
        let blinding = self.standing.keys.filter { $0.blinds || $0 == .stageStuck(.delivery) }
        if let problem = blinding.min(by: { $0.word < $1.word }) {
            return .withhold(.problem(problem))
        }
        if let since = self.undeliveredSince,
            now.nanosecondsSince(since) > self.policy.undeliveredMax
        {
            return .withhold(.problem(.criticalUndelivered))
        }
        switch self.phase {
        case .running, .storageFailed: return .send
        case .starting, .recovering:
            let age = now.nanosecondsSince(self.phaseSince)
            return age > self.policy.undeliveredMax ? .withhold(.notJudging(self.phase)) : .send
        case .suspended, .stopping: return .withhold(.notJudging(self.phase))
        }
    }
}
