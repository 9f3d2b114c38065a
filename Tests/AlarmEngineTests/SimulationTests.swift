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
}
