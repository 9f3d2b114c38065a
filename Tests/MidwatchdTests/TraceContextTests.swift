// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import Testing

@testable import midwatchd

@Suite struct TraceContextTests {
    private static func decision(_ n: UInt64) -> DecisionID {
        DecisionID(position: Position(epoch: 1, n: n), ordinal: 0)
    }

    @Test func `the trace of an activation is the same in every version`() {
        // Computed by a separate program.
        let trace = TraceContext(
            node: "edge-1", activation: Self.decision(70), decision: Self.decision(90))
        #expect(
            trace.traceparent == "00-db44827f33b7978beb431a070f98f50b-e1cbc282a9b29474-01")
    }
}
