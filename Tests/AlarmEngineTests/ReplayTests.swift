// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import Testing

@Suite struct ReplayTests {
    /// Feeds records to an engine as recovery does; returns the ledger records of its decisions.
    static func replay(
        _ journal: some Sequence<JournalEntry>, into engine: inout AlarmEngine
    ) -> [String] {
        var bodies: [String] = []
        for entry in journal { Self.feed(entry, to: &engine, &bodies) }
        return bodies
    }

    /// The same, looking for due timers at moments of its own, as a loop does whenever it turns.
    static func replay(
        _ journal: some Sequence<JournalEntry>, into engine: inout AlarmEngine,
        looking random: inout Random
    ) -> [String] {
        var bodies: [String] = []
        for entry in journal {
            if random.chance(50) {
                let ahead = UInt64(random.next(below: 3_000_000_000))
                _ = engine.needsTick(
                    at: engine.now.advanced(byNanoseconds: random.chance(50) ? 0 : ahead))
            }
            Self.feed(entry, to: &engine, &bodies)
        }
        return bodies
    }

    private static func feed(
        _ entry: JournalEntry, to engine: inout AlarmEngine, _ bodies: inout [String]
    ) {
        engine.apply(entry.slot, n: entry.n)
        guard engine.hasDecisions || engine.isFull else { return }
        var taken: [Decision] = []
        engine.takeDecisions { taken.append($0) }
        bodies += taken.map { String(decoding: engine.ledgerBody(of: $0), as: UTF8.self) }
    }

    @Test(arguments: 1...24)
    func `the same journal gives the same ledger, byte for byte`(seed: Int) {
        var run = RandomWorld(seed: UInt64(seed))
        run.run(300)
        let world = run.world
        #expect(world.outcomes.count > 20)
        var engine = world.emptyEngine()
        let bodies = Self.replay(world.journal, into: &engine)
        #expect(bodies == world.bodies)
        #expect(engineFingerprint(engine) == world.picture)
        let again = engine.counts
        #expect(again == world.counts)
    }

    @Test func `random worlds reach every kind of decision and every cause`() {
        var kinds: Set<Decision.Kind> = []
        var causes: Set<Decision.Cause> = []
        var counts = EngineCounters()
        for seed in 1...24 {
            var run = RandomWorld(seed: UInt64(seed))
            run.run(200)
            kinds.formUnion(run.world.decisions.map(\.kind))
            causes.formUnion(run.world.decisions.map(\.cause))
            counts.redelivered += run.world.counts.redelivered
            counts.notLive += run.world.counts.notLive
            counts.unknownSensors += run.world.counts.unknownSensors
            counts.missingRevisions += run.world.counts.missingRevisions
        }
        let expected: Set<Decision.Kind> = [
            .alarmRaised, .alarmReturned, .alarmAcknowledged, .commandRefused,
            .sourceClockRebased, .runStarted, .runStopped, .configurationApplied, .clockStepped,
            .monitorDegraded, .readingsUnrecorded, .alarmRaisedSuppressed,
            .alarmReturnedSuppressed, .alarmShelved, .alarmUnshelved,
        ]
        #expect(kinds.isSuperset(of: expected))
        let reached: Set<Decision.Cause> = [
            .valueBeyondLimit, .onDelayElapsed, .lostWhileBeyondLimit, .valueWithinLimit,
            .offDelayElapsed, .deadlinePassed, .readingArrived, .notVerifiable, .verifiableAgain,
            .operatorCommand, .restart, .ownLag, .unknownAlarm, .otherActivation,
            .nothingToAcknowledge, .ruleRemoved,
        ]
        #expect(causes.isSuperset(of: reached), "missing \(reached.subtracting(causes))")
        #expect(counts.redelivered > 0)
        #expect(counts.notLive > 0)
        #expect(counts.unknownSensors > 0)
        #expect(counts.missingRevisions > 0)
    }

    /// What a decision says apart from its place in the journal.
    private func facts(_ decision: Decision, _ activations: inout [DecisionID: Int]) -> String {
        var decision = decision
        let next = activations.count
        let activation =
            decision.activation == .none
            ? -1 : activations[decision.activation, default: next]
        if decision.activation != .none { activations[decision.activation] = activation }
        decision.id = .none
        decision.activation = .none
        return "\(activation) \(decision)"
    }

    @Test(arguments: 1...24)
    func `many small ticks and one large tick give the same decisions`(seed: Int) {
        var fine = RandomWorld(seed: UInt64(seed))
        var coarse = RandomWorld(seed: UInt64(seed))
        fine.run(300)
        coarse.run(300, leaps: true)
        #expect(fine.world.now == coarse.world.now)
        var fineActivations: [DecisionID: Int] = [:]
        var coarseActivations: [DecisionID: Int] = [:]
        let fineFacts = fine.world.decisions.map { self.facts($0, &fineActivations) }
        let coarseFacts = coarse.world.decisions.map { self.facts($0, &coarseActivations) }
        #expect(fineFacts.count > 20)
        #expect(fineFacts == coarseFacts)
        // Ticks of a bounded number of timers make many of one.
        #expect(
            fine.world.timersPerTick > 0
                || fine.world.journal.count > coarse.world.journal.count)
    }

    @Test(arguments: 1...12, [false, true])
    func `looking for due timers is no input`(seed: Int, slices: Bool) {
        var run = RandomWorld(seed: UInt64(seed), slices: slices)
        run.run(200)
        var random = Random(seed: UInt64(seed))
        var engine = run.world.emptyEngine()
        let bodies = Self.replay(run.world.journal, into: &engine, looking: &random)
        #expect(bodies == run.world.bodies)
    }

    @Test func `a decision's time is never before what caused the one before it in its tick`() {
        for seed in 1...8 {
            var run = RandomWorld(seed: UInt64(seed))
            run.run(200, leaps: true)
            let decisions = run.world.decisions
            for (before, after) in zip(decisions, decisions.dropFirst())
            where before.id.position == after.id.position {
                #expect(before.time <= after.time)
                #expect(before.id.ordinal + 1 == after.id.ordinal)
            }
        }
    }
}
