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
            let view = EndpointView(status, hasSecrets: true, now: now)
            #expect(view.breaker == word)
            #expect(view.queue == 3 && view.oldestAgeSeconds == 60)
            #expect(view.condition == EndpointView.usable)
        }
    }

    @Test func `an endpoint that nothing is sent to is not in order, whatever its breaker`() {
        let now = MonotonicInstant(nanoseconds: 90_000_000_000)
        let conditions: [(EndpointCondition, Bool, String)] = [
            (.usable, true, "usable"), (.disabled, true, "disabled"),
            (.paused(status: 401, probeAt: now), true, "paused"), (.usable, false, "unusable"),
        ]
        for (condition, hasSecrets, word) in conditions {
            var status = EndpointStatus(endpoint: "pager")
            status.condition = condition
            let view = EndpointView(status, hasSecrets: hasSecrets, now: now)
            #expect(view.breaker == "closed" && view.condition == word)
            #expect(view.isInOrder == (word == "usable") && view.isLost != view.isInOrder)
        }
    }
}
