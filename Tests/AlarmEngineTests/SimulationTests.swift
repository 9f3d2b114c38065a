// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

@Suite struct SimulationTests {
    /// The seeds of a run: one by `MIDWATCH_SIM_SEED`, as many as `MIDWATCH_SIM_SEEDS` says, else a
    /// hundred.
    private static let seeds: [UInt64] = {
        if let seed = Self.number("MIDWATCH_SIM_SEED") { return [seed] }
        return Array(1...max(1, Self.number("MIDWATCH_SIM_SEEDS") ?? 100))
    }()

    private static func number(_ name: String) -> UInt64? {
        unsafe getenv(name).flatMap { UInt64(unsafe String(cString: $0)) }
    }

    @Test(arguments: SimulationTests.seeds)
    func `a plant with faults keeps every promise, and comes to rest without them`(
        seed: UInt64
    ) throws {
        var simulation = Simulation(seed: seed)
        try simulation.play()
        #expect(simulation.checked > 0, "no decision was looked at")
    }

    @Test(arguments: RegressionSeed.all)
    func `a seed that failed once keeps every promise, and still gets to where it failed`(
        _ regression: RegressionSeed
    ) throws {
        var simulation = Simulation(seed: regression.seed)
        try simulation.play()
        let reached = RareState.allCases.filter { $0.isReached(by: simulation.world) }
        let missed = regression.states.filter { !reached.contains($0) }
        #expect(
            missed.isEmpty,
            "seed \(regression.seed) gets to \(reached.map(\.rawValue)), not to \(missed.map(\.rawValue))"
        )
    }

    @Test func `every rare state is kept by a seed`() {
        let kept = Set(RegressionSeed.all.flatMap(\.states))
        let missed = RareState.allCases.filter { !kept.contains($0) }
        #expect(missed.isEmpty, "\(missed.map(\.rawValue))")
    }
}
