// SPDX-License-Identifier: Apache-2.0

import Testing
import Vitals

@Suite struct VitalsPageTests {
    @Test func `stages keep their places`() {
        #expect(Stage.allCases.map(\.rawValue) == Array(0..<8))
    }
}
