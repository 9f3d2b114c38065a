// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import Testing

/// A world that a seed makes, with checkers for what is promised, first with faults, then without.
struct Simulation {
    var run: RandomWorld
    private(set) var checked = 0
    private var runBegan = MonotonicInstant.zero
    private var annunciated: Set<DecisionID> = []
    /// The last decision about each alarm, by sensor and kind; of rules the last of its kind.
    private var latest: [SensorIndex: [AlarmKind: Decision]] = [:]
    private var random: Random

    init(seed: UInt64) {
        self.run = RandomWorld(seed: seed, sensors: 8, slices: true)
        self.random = Random(seed: seed ^ 0x5EED)
        self.watchReturns()
    }

    var world: World { self.run.world }

    /// Runs both phases.
    mutating func play() throws {
        for _ in 0..<30 {
            self.run.run(3)
            self.look()
        }
        try self.replay()
        self.run.calm()
        // Five minutes for a clock that was set and only looks late, and what remains.
        self.run.run(400)
        self.look()
        self.lookAtLife()
        self.tidyUp()
        try self.replay()
    }

    // MARK: - Safety

    private mutating func look() {
        self.world.advance(to: self.world.now)
        self.world.finishTicks()
        self.lookAtSilence()
        self.lookAtDecisions()
        self.lookAtView()
        self.lookAtRules(isCalm: false)
        self.lookAtCounts()
    }

    /// Promise 2: silence is never OK.
    private func lookAtSilence() {
        let now = World.instant(self.world.now)
        for path in self.run.paths {
            guard let live = self.world.sensor(path) else { continue }
            if live.freshness == .stale {
                let isRaised = self.world.state(.stale, path)?.isRaised == true
                #expect(isRaised, "\(path) is stale without its alarm at \(self.world.now)")
                continue
            }
            guard live.supervision != .event else { continue }
            #expect(live.deadline >= now, "\(path) is silent and not stale at \(self.world.now)")
            // Written from the journal, not from the engine: somebody spoke.
            guard live.freshness != .neverReceived, live.supervision == .periodic else { continue }
            let isUnverified = live.freshness == .unverified
            let deadline = live.deadlineNanoseconds
            let lag = SystemLimits.ownLagExtensionMaxNanoseconds
            // A start adds one grace, our own lag at most one deadline and 5 s.
            let grace = isUnverified ? min(deadline, SystemLimits.restartGraceMaxNanoseconds) : 0
            let longest = deadline + grace + min(deadline, lag)
            let isExcused = self.isAnyEntry(since: longest) { slot in
                // New rules give a deadline from that moment.
                slot.kind == .configuration
                    || slot.kind == .reading && slot.sensor == self.world.indexes[path]
                        && !slot.flags.contains(.historical)
            }
            // Still late after the whole extension: not verified, and looked at again.
            let isLate = isUnverified && self.isAnyEntry(since: 2 * lag) { $0.kind == .lagObserved }
            #expect(
                isExcused || isLate,
                "\(path) is \(live.freshness) and nobody heard it at \(self.world.now)")
        }
    }

    private func isAnyEntry(since nanoseconds: UInt64, _ fits: (Slot) -> Bool) -> Bool {
        let now = World.instant(self.world.now)
        return self.world.journal.reversed().prefix(4_000).contains { entry in
            now.nanosecondsSince(entry.slot.arrival) <= nanoseconds && fits(entry.slot)
        }
    }

    /// Promise 3: a limit alarm returns only on a value that is fresh, good, and inside.
    private mutating func lookAtDecisions() {
        for outcome in self.world.outcomes[self.checked...] {
            let decision = outcome.decision
            defer { self.note(decision) }
            if decision.kind == .alarmRaised {
                self.annunciated.insert(decision.activation)
                #expect(decision.suppression.isEmpty && decision.stateTo == .unacknowledged)
            }
            guard decision.kind == .alarmReturned || decision.kind == .alarmReturnedSuppressed,
                decision.cause != .ruleRemoved
            else { continue }
            let value = Double(bitPattern: decision.valueBits)
            switch decision.alarm {
            case .high where decision.cause == .moreSevereLimit:
                self.lookAtReplacement(outcome, by: .highHigh)
            case .low where decision.cause == .moreSevereLimit:
                self.lookAtReplacement(outcome, by: .lowLow)
            case .high, .highHigh: #expect(value < decision.setpoint, "\(outcome.body)")
            case .low, .lowLow: #expect(value > decision.setpoint, "\(outcome.body)")
            case .stale:
                // Or its source is back, and it said nothing since the start.
                let isUnheard =
                    decision.freshnessTo == .unverified && decision.lastArrival <= self.runBegan
                #expect(decision.freshnessTo == .fresh || isUnheard, "\(outcome.body)")
                continue
            case .unverifiable: #expect(value.isFinite, "\(outcome.body)")
            // They return on what others say.
            case .deviation, .vote, .discrepancy, .expression: continue
            case .rateOfChange, .flatLine, .offNormal, .badQuality, .clockSkew, .clockDrift,
                .sequence, .window, .drift:
                break
            }
            #expect(decision.freshnessTo == .fresh, "\(outcome.body)")
            // Of a clock a reading says something whatever its value is worth.
            guard decision.alarm != .clockSkew, decision.alarm != .clockDrift else { continue }
            #expect(decision.quality != .bad, "\(outcome.body)")
        }
        self.checked = self.world.outcomes.count
    }

    private mutating func note(_ decision: Decision) {
        if decision.kind == .runStarted { self.runBegan = decision.time }
        // One that nothing came of may say anything of its alarm.
        guard decision.kind != .commandRefused else { return }
        self.latest[decision.sensor, default: [:]][decision.alarm] = decision
    }

    /// Exclusive limits (`limits.exclusive`): high returns on a value beyond it if high-high speaks
    /// for it, raised and in view, and low likewise.
    private func lookAtReplacement(_ outcome: Outcome, by kind: AlarmKind) {
        let decision = outcome.decision
        let path = self.world.path(of: decision.sensor)
        let declaration = outcome.rules.declaration(for: path)
        #expect(declaration.areLimitsExclusive, "\(outcome.body)")
        #expect(decision.causeSensor == decision.sensor, "\(outcome.body)")
        #expect(decision.causeAlarm == kind, "\(outcome.body)")
        let severe = self.latest[decision.sensor]?[kind]
        #expect(severe?.stateTo.isRaised == true, "\(outcome.body)")
        #expect(severe?.suppression.isEmpty == true, "\(outcome.body)")
    }

    /// Promise 3 for rules: an alarm returns when its condition is known not to be met.
    ///
    /// Looked at behind each reading, which fires no timer: what it decided is still so.
    private func watchReturns() {
        self.world.observer = { [unowned world = self.run.world] slot, outcomes in
            guard slot.kind == .reading else { return }
            let told = outcomes.filter { $0.decision.kind == .alarmRaised }
                .map { $0.decision.activation }
            #expect(Set(told).count == told.count, "told twice of one reading: \(outcomes)")
            for outcome in outcomes
            where outcome.decision.kind == .alarmReturned
                || outcome.decision.kind == .alarmReturnedSuppressed
            {
                let decision = outcome.decision
                guard decision.name != 0 else { continue }
                let name = world.engine.alarmName(of: decision)
                let view = world.engine.conditionView(
                    rule: name, path: world.path(of: decision.sensor))
                #expect(view?.result == .notMet, "\(outcome.body)")
            }
        }
    }

    /// Nothing is in view and raised that people were not told of; nothing is kept back by nothing.
    private func lookAtView() {
        for path in self.run.paths {
            for alarm in self.world.alarms(of: path) where alarm.state.isRaised {
                let isTold = self.annunciated.contains(alarm.activation)
                #expect(
                    isTold || !alarm.suppression.isEmpty,
                    "\(path):\(self.world.name(of: alarm)) is raised in silence")
                if alarm.suppression == .suppressedByDesign, alarm.causeSensor == .none {
                    // Only the wait for the verdict about a source names no cause.
                    #expect(alarm.kind == .stale || alarm.kind == .unverifiable)
                }
            }
        }
    }

    /// Promise 8: nothing disappears uncounted.
    private func lookAtCounts() {
        let readings = self.world.journal.reduce(into: UInt64(0)) {
            $0 += $1.slot.kind == .reading ? 1 : 0
        }
        let counts = self.world.counts
        #expect(counts.evaluated + counts.redelivered <= readings)
        #expect(counts.evaluated + counts.redelivered + counts.unknownSensors >= readings)
        let gaps = self.world.journal.count { $0.slot.kind == .gap }
        #expect(self.world.outcomes.count { $0.decision.kind == .readingsUnrecorded } == gaps)
        let annunciations = self.world.outcomes.count { $0.decision.kind == .alarmRaised }
        #expect(counts.annunciations == UInt64(annunciations))
    }

    /// Promise 6: the same input gives the same decisions, from the start and from a checkpoint,
    /// whenever somebody looked for due timers in between.
    private mutating func replay() throws {
        let journal = self.world.journal
        let cut = self.random.next(below: journal.count)
        var engine = self.world.emptyEngine()
        var bodies = ReplayTests.replay(journal[..<cut], into: &engine, looking: &self.random)
        var restored = self.world.emptyEngine()
        _ = try restored.restore(engine.checkpoint(after: .zero))
        for entry in journal[..<cut] { restored.rebuildWindow(entry.slot, n: entry.n) }
        bodies += ReplayTests.replay(journal[cut...], into: &engine, looking: &self.random)
        let isEqual = bodies == self.world.bodies
        #expect(isEqual, "replay differs: \(Self.difference(bodies, self.world.bodies))")
        #expect(engineFingerprint(engine) == self.world.picture)
        let rest = ReplayTests.replay(journal[cut...], into: &restored)
        let isRestored = self.world.bodies.suffix(rest.count).elementsEqual(rest)
        #expect(isRestored, "replay from the checkpoint at \(cut) differs")
        #expect(engineFingerprint(restored) == self.world.picture)
    }

    private static func difference(_ left: [String], _ right: [String]) -> String {
        for (one, other) in zip(left, right) where one != other { return "\(one)\n\(other)" }
        return "\(left.count) and \(right.count) decisions"
    }

    // MARK: - Liveness

    /// When the faults are over every sensor is fresh, and what stands has a condition.
    private func lookAtLife() {
        for path in self.run.paths {
            #expect(self.world.freshness(path) == .fresh, "\(path) stays silent")
            for alarm in self.world.alarms(of: path) where alarm.rule == 0 {
                let isExplained =
                    alarm.kind == .unverifiable && self.world.hasOwnError(path)
                #expect(
                    alarm.state.isRaised == isExplained,
                    "\(path) \(alarm.kind) stands, or is missing, in a calm plant")
            }
        }
        self.lookAtRules(isCalm: true)
    }

    /// An operator brings everything back into view, acknowledges, and resets.
    private func tidyUp() {
        for path in self.run.paths {
            for alarm in self.world.alarms(of: path) {
                for verb in [OperatorCommand.Verb.unshelve, .returnToService, .acknowledge, .reset]
                {
                    self.world.command(verb, alarm, of: path)
                }
            }
        }
        self.world.finishTicks()
        for path in self.run.paths {
            for alarm in self.world.alarms(of: path) {
                let isMet = alarm.result == .met
                #expect(
                    alarm.state == (isMet ? .acknowledged : .normal)
                        || alarm.suppression == .suppressedByDesign
                        || alarm.result.isUnknown,
                    "\(path):\(self.world.name(of: alarm)) is \(alarm.state)")
                let overlay = alarm.suppression.subtracting(.suppressedByDesign)
                #expect(overlay.isEmpty, "\(path):\(self.world.name(of: alarm)) is out of view")
            }
        }
    }
}
