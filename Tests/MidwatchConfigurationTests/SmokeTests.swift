// SPDX-License-Identifier: Apache-2.0

import MidwatchConfiguration
import Testing

@Suite struct SmokeTests {
    @Test func `a file with a node name alone is usable`() {
        let result = MidwatchConfiguration.parse(text: "node:\n  name: n1\n", fileName: "m.yaml")
        #expect(result.errors == [])
        #expect(result.configuration?.node.name == "n1")
    }
}
