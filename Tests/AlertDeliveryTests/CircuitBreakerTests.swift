// SPDX-License-Identifier: Apache-2.0

import AlertDelivery
import MidwatchModel
import Testing

@Suite struct CircuitBreakerTests {
    private func opened(at: Double, round: UInt32 = 0) -> CircuitBreaker {
        var breaker = CircuitBreaker()
        for _ in 0..<5 { breaker.callEnded(isFailure: true, isProbe: false, now: seconds(at)) }
        for index in 0..<round {
            breaker.probeLeft()
            breaker.callEnded(isFailure: true, isProbe: true, now: seconds(at))
            #expect(breaker.state == .open(since: seconds(at), round: index + 1))
        }
        return breaker
    }

    @Test func `five failures in a row open it, four do not`() {
        var breaker = CircuitBreaker()
        for _ in 0..<4 { breaker.callEnded(isFailure: true, isProbe: false, now: seconds(0)) }
        #expect(breaker.state == .closed)
        breaker.callEnded(isFailure: false, isProbe: false, now: seconds(0))
        for _ in 0..<4 { breaker.callEnded(isFailure: true, isProbe: false, now: seconds(1)) }
        #expect(breaker.state == .closed)
        breaker.callEnded(isFailure: true, isProbe: false, now: seconds(1))
        #expect(breaker.state == .open(since: seconds(1), round: 0))
    }

    @Test(arguments: [
        (calls: 10, failures: 5, opens: true), (calls: 10, failures: 4, opens: false),
        (calls: 9, failures: 4, opens: false), (calls: 40, failures: 20, opens: true),
    ])
    func `half of ten calls in thirty seconds opens it`(
        row: (calls: Int, failures: Int, opens: Bool)
    ) {
        var breaker = CircuitBreaker()
        // Successes first, then failures in pairs with a success, so that no five stand in a row.
        var left = (failures: row.failures, successes: row.calls - row.failures)
        var flags: [Bool] = []
        while left.successes > left.failures {
            flags.append(false)
            left.successes -= 1
        }
        while left.failures > 0 {
            flags.append(contentsOf: left.successes > 0 ? [false, true] : [true])
            left = (left.failures - 1, left.successes - 1)
        }
        for (index, flag) in flags.enumerated() {
            breaker.callEnded(
                isFailure: flag, isProbe: false, now: seconds(29 * Double(index) / 40))
        }
        #expect((breaker.state != .closed) == row.opens)
    }

    @Test func `calls older than thirty seconds no longer count`() {
        var breaker = CircuitBreaker()
        for index in 0..<4 {
            breaker.callEnded(isFailure: true, isProbe: false, now: seconds(Double(index)))
        }
        breaker.callEnded(isFailure: false, isProbe: false, now: seconds(4))
        for index in 0..<4 {
            breaker.callEnded(isFailure: true, isProbe: false, now: seconds(33 + Double(index)))
            breaker.callEnded(isFailure: false, isProbe: false, now: seconds(33 + Double(index)))
        }
        // 4 of 8 within the window; with the old ones it would be 8 of 13.
        #expect(breaker.state == .closed)
    }

    @Test func `open doubles from ten seconds to five minutes`() {
        for (round, pause) in [(0, 10.0), (1, 20), (2, 40), (3, 80), (4, 160), (5, 300), (9, 300)] {
            let breaker = self.opened(at: 0, round: UInt32(round))
            #expect(
                breaker.permit(now: seconds(pause - 0.001), isUrgent: false)
                    == .wait(until: seconds(pause)))
            #expect(breaker.permit(now: seconds(pause), isUrgent: false) == .probe)
        }
    }

    @Test func `an urgent alert waits no longer than its ladder would make it`() {
        let breaker = self.opened(at: 0, round: 5)
        #expect(breaker.permit(now: seconds(14.9), isUrgent: true) == .wait(until: seconds(15)))
        #expect(breaker.permit(now: seconds(15), isUrgent: true) == .probe)
    }

    @Test func `two probes close it, one failure opens it for longer`() {
        var breaker = self.opened(at: 0)
        breaker.probeLeft()
        #expect(breaker.permit(now: seconds(10), isUrgent: true) == .waitForProbe)
        breaker.callEnded(isFailure: false, isProbe: true, now: seconds(11))
        #expect(breaker.state == .halfOpen(isProbing: false, successCount: 1, round: 0))
        #expect(breaker.permit(now: seconds(11), isUrgent: false) == .probe)
        breaker.probeLeft()
        var failed = breaker
        failed.callEnded(isFailure: true, isProbe: true, now: seconds(12))
        #expect(failed.state == .open(since: seconds(12), round: 1))
        breaker.callEnded(isFailure: false, isProbe: true, now: seconds(12))
        #expect(breaker.state == .closed)
        #expect(breaker.permit(now: seconds(12), isUrgent: false) == .call)
        // A new opening begins at ten seconds again.
        for _ in 0..<5 { breaker.callEnded(isFailure: true, isProbe: false, now: seconds(13)) }
        #expect(breaker.state == .open(since: seconds(13), round: 0))
    }

    @Test func `answers from before the opening are not judged again`() {
        var open = self.opened(at: 0)
        for flag in [true, false] {
            open.callEnded(isFailure: flag, isProbe: false, now: seconds(1))
            #expect(open.state == .open(since: seconds(0), round: 0))
        }
        open.probeLeft()
        let probing = open.state
        for flag in [true, false] {
            open.callEnded(isFailure: flag, isProbe: false, now: seconds(11))
            #expect(open.state == probing)
        }
    }
}
