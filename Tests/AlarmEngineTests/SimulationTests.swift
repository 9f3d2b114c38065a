// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import Glibc
import MidwatchModel
import Testing

/// A world that a seed makes, with checkers for what is promised, first with faults, then without.
private struct Simulation {
    private var run: RandomWorld
    private var checked = 0
    private var annunciated: Set<DecisionID> = []

    init(seed: UInt64) { self.run = RandomWorld(seed: seed, sensors: 8) }

    private var world: World { self.run.world }

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
        try self.replay()
    }

    // MARK: - Safety

    private mutating func look() {
        self.world.advance(to: self.world.now)
        self.lookAtSilence()
        self.lookAtDecisions()
        self.lookAtView()
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
            guard live.freshness == .fresh, live.supervision == .periodic else { continue }
            let longest =
                live.deadlineNanoseconds
                + min(live.deadlineNanoseconds, SystemLimits.ownLagExtensionMaxNanoseconds)
            // New rules give a deadline from that moment.
            let isGiven = self.world.journal.reversed().prefix(4_000).contains { entry in
                entry.slot.kind == .configuration
                    && now.nanosecondsSince(entry.slot.arrival) <= longest
            }
            if isGiven { continue }
            let index = self.world.indexes[path]
            let isHeard = self.world.journal.reversed().prefix(4_000).contains { entry in
                entry.slot.kind == .reading && entry.slot.sensor == index
                    && !entry.slot.flags.contains(.historical)
                    && now.nanosecondsSince(entry.slot.arrival) <= longest
            }
            #expect(isHeard, "\(path) is fresh and nobody heard it at \(self.world.now)")
        }
    }

    /// Promise 3: a limit alarm returns only on a value that is fresh, good, and inside.
    private mutating func lookAtDecisions() {
        for outcome in self.world.outcomes[self.checked...] {
            let decision = outcome.decision
            if decision.kind == .alarmRaised {
                self.annunciated.insert(decision.activation)
                #expect(decision.suppression.isEmpty && decision.stateTo == .unacknowledged)
            }
            guard decision.kind == .alarmReturned || decision.kind == .alarmReturnedSuppressed,
                decision.cause != .ruleRemoved
            else { continue }
            let value = Double(bitPattern: decision.valueBits)
            switch decision.alarm {
            case .high, .highHigh: #expect(value < decision.setpoint, "\(outcome.body)")
            case .low, .lowLow: #expect(value > decision.setpoint, "\(outcome.body)")
            case .stale:
                #expect(decision.freshnessTo == .fresh, "\(outcome.body)")
                continue
            case .unverifiable: #expect(value.isFinite, "\(outcome.body)")
            // They return on what others say.
            case .deviation, .vote, .discrepancy, .expression: continue
            case .rateOfChange, .flatLine, .offNormal, .badQuality, .clockSkew, .clockDrift,
                .sequence, .window, .drift:
                break
            }
            #expect(decision.freshnessTo == .fresh, "\(outcome.body)")
            #expect(decision.quality != .bad, "\(outcome.body)")
        }
        self.checked = self.world.outcomes.count
    }

    /// Nothing is in view and raised that people were not told of; nothing is kept back by nothing.
    private func lookAtView() {
        for path in self.run.paths {
            for kind in AlarmKind.allCases {
                guard let alarm = self.world.alarm(kind, path), alarm.state.isRaised else {
                    continue
                }
                let isTold = self.annunciated.contains(alarm.activation)
                #expect(
                    isTold || !alarm.suppression.isEmpty,
                    "\(path) \(kind) is raised in silence at \(self.world.now)")
                if alarm.suppression == .suppressedByDesign, alarm.causeSensor == .none {
                    // Only the wait for the verdict about a source names no cause.
                    #expect(kind == .stale || kind == .unverifiable)
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
        let gaps = self.world.journal.filter { $0.slot.kind == .gap }.count
        #expect(self.world.decisions(.readingsUnrecorded).count == gaps)
        #expect(counts.annunciations == UInt64(self.world.annunciations().count))
    }

    /// Promise 6: the same input gives the same decisions, from the start and from a checkpoint.
    private func replay() throws {
        var engine = self.world.emptyEngine()
        let bodies = ReplayTests.replay(self.world.journal[...], into: &engine)
        let isEqual = bodies == self.world.bodies && engineFingerprint(engine) == self.world.picture
        #expect(isEqual, "replay differs")
        var restored = self.world.emptyEngine()
        _ = try restored.restore(self.world.engine.checkpoint(after: .zero))
        let isRestored = engineFingerprint(restored) == self.world.picture
        #expect(isRestored, "the checkpoint is another state")
    }

    // MARK: - Liveness

    /// When the faults are over every sensor is fresh, and nothing stands that has no condition.
    private func lookAtLife() {
        for path in self.run.paths {
            #expect(self.world.freshness(path) == .fresh, "\(path) stays silent")
            // A calm plant is flat, numbers nothing, and its clocks stay wrong.
            for kind in AlarmKind.allCases
            where ![.flatLine, .sequence, .clockSkew].contains(kind) {
                let state = self.world.state(kind, path)
                #expect(state?.isRaised != true, "\(path) \(kind) stands without a condition")
            }
        }
    }
}

@Suite struct SimulationTests {
    /// The seeds of a run: one by `MIDWATCH_SIM_SEED`, else a hundred.
    private static let seeds: [UInt64] = {
        if let text = unsafe getenv("MIDWATCH_SIM_SEED"),
            let seed = UInt64(unsafe String(cString: text))
        {
            return [seed]
        }
        return Array(1...100)
    }()

    @Test(arguments: SimulationTests.seeds)
    func `a plant with faults keeps every promise, and comes to rest without them`(
        seed: UInt64
    ) throws {
        var simulation = Simulation(seed: seed)
        try simulation.play()
    }
}
