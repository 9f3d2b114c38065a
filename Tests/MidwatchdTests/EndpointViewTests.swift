// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import OperatorViews
import Testing

@testable import AlertDelivery
@testable import midwatchd

@Suite struct EndpointViewTests {
    /// Screens tell "nobody is told" by these words alone.
    @Test func `a breaker is the word that screens know`() {
        let now = MonotonicInstant(nanoseconds: 90_000_000_000)
        let states: [(CircuitBreaker.State, String)] = [
            (.closed, "closed"), (.open(since: now, round: 2), "open"),
            (.halfOpen(isProbing: true, successCount: 1, round: 0), "halfOpen"),
        ]
        for (state, word) in states {
            var status = EndpointStatus(endpoint: "pager")
            status.breaker = state
            status.queuedCount = 3
            status.oldestTakenAt = MonotonicInstant(nanoseconds: 30_000_000_000)
            let view = EndpointView(status, now: now)
            #expect(view.breaker == word)
            #expect(view.queue == 3 && view.oldestAgeSeconds == 60)
        }
    }
}
