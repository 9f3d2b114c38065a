// SPDX-License-Identifier: Apache-2.0

import FleetSimulation
import Testing

@Suite struct SmokeTests {
    @Test func `seeds`() {
        var a = SplitMix64(seed: 1)
        #expect(a.next() == 0x910A_2DEC_8902_5CC1)
    }
}
