// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

@testable import AlertDelivery

@Suite struct PaceTests {
    @Test func `a second's worth leaves at once, then one at a time`() {
        var pace = SendPace(callsPerSecond: 10)
        var now = seconds(0)
        for call in 0..<10 {
            #expect(pace.nextAt(now: now) <= now, "call \(call)")
            pace.callLeft(now: now)
        }
        #expect(pace.nextAt(now: now) == seconds(0.1))
        now = seconds(0.1)
        pace.callLeft(now: now)
        #expect(pace.nextAt(now: now) == seconds(0.2))
        // After a pause the full burst is there again, and no more than that.
        now = seconds(60)
        var count = 0
        while pace.nextAt(now: now) <= now {
            pace.callLeft(now: now)
            count += 1
        }
        #expect(count == 10)
    }

    @Test func `a backlog leaves an endpoint at its rate`() {
        var machine = EndpointQueueMachine(concurrency: 64, callsPerSecondMax: 20, seed: 1)
        for key in UInt64(1)...100 { machine.enqueue(makeItem(key, key), now: seconds(0)) }
        var left: [Int] = []
        for second in 0..<5 {
            let now = seconds(Double(second))
            var count = 0
            while let attempt = machine.nextAttempt(now: now, wall: testWall) {
                count += 1
                _ = machine.ended(
                    order: attempt.item.order, answer: .status(200, retryAfterNanoseconds: nil),
                    latencyNanoseconds: 1_000, now: now)
            }
            left.append(count)
            if count > 0, machine.count > 0 {
                #expect(machine.wakeAt(now: now) == now.advanced(byNanoseconds: 50_000_000))
            }
        }
        #expect(left == [20, 20, 20, 20, 20])
    }

    /// When retries leave in ten minutes of ten calls a second, of which every `failing`-th fails.
    private func retries(failing: Int, waitMax: UInt64) -> [UInt64] {
        var budget = RetryBudget()
        var waits: [UInt64] = []
        for call in 0..<6_000 {
            let now = seconds(Double(call) / 10)
            budget.callLeft()
            if call % failing == 0 { waits.append(budget.take(now: now, waitMax: waitMax)) }
        }
        return waits
    }

    @Test func `retries are a fifth of the calls, beside a few in any case`() {
        // 25 % fail: a fifth of the calls and half a retry a second are 25 % of ten a second.
        #expect(self.retries(failing: 4, waitMax: .max).allSatisfy { $0 == 0 })
        let waits = self.retries(failing: 1, waitMax: .max)
        let left = waits.enumerated().count {
            Double($0.offset) / 10 + Double($0.element) / 1e9 < 60
        }
        let budget = 600 / 5 + 2 * Int(DeliveryLimits.retryCountPerMinute)
        #expect(left > 30 && left <= budget, "\(left) in a minute, \(budget) granted")
        #expect(waits.max() ?? 0 <= DeliveryLimits.retryWaitNanosecondsMax)
    }

    @Test func `a lone alert is retried as its ladder says`() {
        var budget = RetryBudget()
        for second in 0..<60 {
            #expect(budget.take(now: seconds(Double(2 * second)), waitMax: .max) == 0)
        }
    }

    @Test func `no urgent alert waits longer for the budget than for an endpoint that is down`() {
        let waits = self.retries(failing: 1, waitMax: RetryBudget.waitMax(of: .critical))
        #expect(waits.max() == RetryLadder.urgentCapNanoseconds)
        #expect(RetryBudget.waitMax(of: .high) == RetryLadder.urgentCapNanoseconds)
        #expect(RetryBudget.waitMax(of: .medium) == DeliveryLimits.retryWaitNanosecondsMax)
    }

    @Test func `a debt is forgotten once its time has passed`() {
        var budget = RetryBudget()
        for _ in 0..<1_000 { _ = budget.take(now: seconds(0), waitMax: .max) }
        #expect(budget.take(now: seconds(1), waitMax: .max) > 0)
        #expect(budget.take(now: seconds(700), waitMax: .max) == 0)
    }

    @Test func `an endpoint's own time-out is kept, and a later attempt gets twice that`() {
        var machine = EndpointQueueMachine(
            concurrency: 1, timeoutNanoseconds: 2_000_000_000, seed: 1)
        machine.enqueue(makeItem(1, 1), now: seconds(0))
        let first = machine.nextAttempt(now: seconds(0), wall: testWall)
        #expect(first?.timeoutNanoseconds == 2_000_000_000)
        _ = machine.ended(order: 1, answer: .failure, latencyNanoseconds: 1, now: seconds(0))
        let second = machine.nextAttempt(now: seconds(60), wall: testWall)
        #expect(second?.timeoutNanoseconds == 4_000_000_000)
    }
}
