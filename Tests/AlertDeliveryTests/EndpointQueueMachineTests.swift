// SPDX-License-Identifier: Apache-2.0

import AlertDelivery
import MidwatchModel
import Testing

extension EndpointQueueMachine {
    /// Orders of what leaves at `now`.
    mutating func leaving(_ now: MonotonicInstant) -> [UInt64] {
        var orders: [UInt64] = []
        while let attempt = self.nextAttempt(now: now, wall: testWall) {
            orders.append(attempt.item.order)
        }
        return orders
    }

    /// The attempt of `order` ends with `status` after a millisecond; 0 is a network failure.
    @discardableResult
    mutating func end(
        _ order: UInt64, _ status: UInt16, _ now: MonotonicInstant, retryAfter: UInt64? = nil
    ) -> Settlement? {
        let answer: AttemptAnswer =
            status == 0 ? .failure : .status(status, retryAfterNanoseconds: retryAfter)
        return self.ended(order: order, answer: answer, latencyNanoseconds: 1_000_000, now: now)
    }
}

@Suite struct EndpointQueueMachineTests {
    private func machine(concurrency: Int = 4, queueCountMax: Int = 100) -> EndpointQueueMachine {
        EndpointQueueMachine(concurrency: concurrency, queueCountMax: queueCountMax, seed: 1)
    }

    @Test func `alerts of one alarm leave one after the other, others beside them`() {
        var machine = self.machine(concurrency: 3)
        for (order, key) in [(1, 7), (2, 7), (3, 8), (4, 7), (5, 9), (6, 10)] {
            machine.enqueue(makeItem(UInt64(order), UInt64(key)), now: seconds(0))
        }
        #expect(machine.leaving(seconds(0)) == [1, 3, 5])
        machine.end(3, 200, seconds(1))
        #expect(machine.leaving(seconds(1)) == [6])
        machine.end(1, 200, seconds(2))
        #expect(machine.leaving(seconds(2)) == [2])
        #expect(machine.underWayCount == 3)
    }

    @Test func `the highest priority leaves first, then the oldest, and lifts its lane`() {
        var machine = self.machine(concurrency: 1)
        let priorities: [(AlarmPriority, UInt64)] = [
            (.low, 1), (.high, 2), (.critical, 3), (.high, 4), (.low, 5), (.critical, 5),
        ]
        for (index, (priority, key)) in priorities.enumerated() {
            let item = makeItem(UInt64(index + 1), key, priority: priority)
            machine.enqueue(item, now: seconds(0))
        }
        var order: [UInt64] = []
        while let next = machine.leaving(seconds(0)).first {
            order.append(next)
            machine.end(next, 204, seconds(0))
        }
        // 5 is low, and goes early because the critical 6 stands behind it in its lane.
        #expect(order == [3, 5, 6, 2, 4, 1])
        #expect(machine.count == 0)
    }

    @Test func `a failed alert holds its alarm back and no other`() throws {
        var machine = self.machine()
        machine.enqueue(makeItem(1, 7), now: seconds(0))
        machine.enqueue(makeItem(2, 7, 2), now: seconds(0))
        machine.enqueue(makeItem(3, 8), now: seconds(0))
        #expect(machine.leaving(seconds(0)) == [1, 3])
        let settlementFound = machine.end(1, 500, seconds(1))
        let settlement = try #require(settlementFound)
        guard case .retry(let at) = settlement.outcome else {
            Issue.record("\(settlement.outcome)")
            return
        }
        #expect(at >= seconds(1) && at <= seconds(1.5))
        machine.end(3, 200, seconds(1))
        #expect(machine.count == 2)
        if at > seconds(1) { #expect(machine.leaving(seconds(1)).isEmpty) }
        #expect(machine.wakeAt(now: seconds(1)) == at)
        let attemptFound = machine.nextAttempt(now: at, wall: testWall)
        let attempt = try #require(attemptFound)
        #expect(attempt.item.order == 1 && attempt.number == 2)
        #expect(attempt.timeoutNanoseconds == DeliveryLimits.laterAttemptNanosecondsMax)
        machine.end(1, 200, seconds(2))
        #expect(machine.leaving(seconds(2)) == [2])
    }

    @Test func `Retry-After holds the alert, and with 429 or 503 the endpoint`() {
        for (status, holdsAll) in [(UInt16(429), true), (503, true), (500, false), (408, false)] {
            var machine = self.machine()
            machine.enqueue(makeItem(1, 7), now: seconds(0))
            #expect(machine.leaving(seconds(0)) == [1])
            let settlement = machine.end(1, status, seconds(1), retryAfter: 30_000_000_000)
            #expect(settlement?.outcome == .retry(at: seconds(31)))
            machine.enqueue(makeItem(2, 8), now: seconds(1))
            #expect(machine.leaving(seconds(30)) == (holdsAll ? [] : [2]))
            #expect(machine.leaving(seconds(31)) == (holdsAll ? [1, 2] : [1]))
        }
    }

    @Test func `other answers of 400 make dead letters without another attempt`() {
        var machine = self.machine()
        for (index, status) in [UInt16(400), 404, 413, 422].enumerated() {
            let order = UInt64(index + 1)
            machine.enqueue(makeItem(order, order), now: seconds(0))
            #expect(machine.leaving(seconds(0)) == [order])
            #expect(machine.end(order, status, seconds(0))?.outcome == .dead(.refused))
        }
        #expect(machine.breaker.state == .closed)
        #expect(machine.count == 0)
    }

    @Test func `410 disables the endpoint and gives up what waits`() throws {
        var machine = self.machine(concurrency: 2)
        for order in UInt64(1)...4 { machine.enqueue(makeItem(order, order), now: seconds(0)) }
        #expect(machine.leaving(seconds(0)) == [1, 2])
        let settlementFound = machine.end(1, 410, seconds(0))
        let settlement = try #require(settlementFound)
        #expect(settlement.outcome == .dead(.endpointDisabled))
        #expect(settlement.condition == .disabled)
        #expect(settlement.drained.map(\.order) == [3, 4])
        // What was under way is still heard, and does not make the endpoint usable.
        #expect(machine.end(2, 500, seconds(1))?.outcome == .dead(.endpointDisabled))
        machine.enqueue(makeItem(5, 5), now: seconds(1))
        #expect(machine.leaving(seconds(1_000)).isEmpty)
        machine.enable()
        #expect(machine.leaving(seconds(1_000)) == [5])
    }

    @Test(arguments: [UInt16(401), 403])
    func `refused credentials pause the endpoint until a probe succeeds`(status: UInt16) throws {
        var machine = self.machine()
        for order in UInt64(1)...3 {
            let priority: AlarmPriority = order == 3 ? .critical : .low
            machine.enqueue(makeItem(order, order, priority: priority), now: seconds(0))
        }
        #expect(machine.leaving(seconds(0)) == [3, 1, 2])
        let settlementFound = machine.end(3, status, seconds(0))
        let settlement = try #require(settlementFound)
        #expect(settlement.condition == .paused(status: status, probeAt: seconds(60)))
        #expect(settlement.outcome == .retry(at: seconds(60)))
        #expect(machine.end(1, status, seconds(0))?.condition == nil)
        #expect(machine.end(2, status, seconds(0))?.condition == nil)
        #expect(machine.wakeAt(now: seconds(1)) == seconds(60))
        #expect(machine.leaving(seconds(59.9)).isEmpty)
        #expect(machine.leaving(seconds(60)) == [3])
        machine.end(3, status, seconds(61))
        #expect(machine.leaving(seconds(120)).isEmpty)
        #expect(machine.leaving(seconds(121)) == [3])
        #expect(machine.end(3, 200, seconds(122))?.condition == .usable)
        #expect(machine.leaving(seconds(122)) == [1, 2])
    }

    @Test func `a half-open breaker lets one alert out, the most urgent one`() throws {
        var machine = self.machine(concurrency: 8)
        for order in UInt64(1)...5 {
            machine.enqueue(makeItem(order, order, priority: .low), now: seconds(0))
        }
        #expect(machine.leaving(seconds(0)).count == 5)
        for order in UInt64(1)...4 { #expect(machine.end(order, 0, seconds(0))?.breaker == nil) }
        let openedFound = machine.end(5, 0, seconds(0))
        let opened = try #require(openedFound)
        #expect(opened.breaker == .open(since: seconds(0), round: 0))
        #expect(machine.leaving(seconds(9.9)).isEmpty)
        #expect(machine.wakeAt(now: seconds(9)) == seconds(10))
        machine.enqueue(makeItem(6, 6, priority: .critical), now: seconds(9.9))
        #expect(machine.leaving(seconds(10)) == [6])
        #expect(machine.leaving(seconds(10.1)).isEmpty)
        #expect(machine.end(6, 200, seconds(10.2))?.breaker == nil)
        #expect(machine.leaving(seconds(10.2)) == [1])
        #expect(machine.end(1, 200, seconds(10.3))?.breaker == .closed)
        #expect(machine.leaving(seconds(10.3)) == [2, 3, 4, 5])
    }

    @Test func `a slow answer counts against the endpoint although it delivers`() {
        var machine = self.machine(concurrency: 8)
        for order in UInt64(1)...5 { machine.enqueue(makeItem(order, order), now: seconds(0)) }
        #expect(machine.leaving(seconds(0)).count == 5)
        for order in UInt64(1)...5 {
            let settlement = machine.ended(
                order: order, answer: .status(200, retryAfterNanoseconds: nil),
                latencyNanoseconds: 12_000_000_000, now: seconds(12))
            #expect(settlement?.outcome == .delivered)
        }
        #expect(machine.breaker.state == .open(since: seconds(12), round: 0))
    }

    @Test func `what is too old is given up, never while it is under way`() throws {
        var machine = self.machine(concurrency: 1)
        machine.enqueue(makeItem(1, 1, priority: .medium), now: seconds(0))
        machine.enqueue(makeItem(2, 2, priority: .low), now: seconds(0))
        machine.enqueue(makeItem(3, 3, priority: .high), now: seconds(0))
        #expect(machine.leaving(seconds(0)) == [3])
        machine.end(3, 500, seconds(1), retryAfter: 3_600_000_000_000)
        let fourHours = 4.0 * 3_600
        #expect(machine.leaving(seconds(fourHours - 1)) == [3])
        machine.end(3, 500, seconds(fourHours - 1), retryAfter: 3_600_000_000_000)
        #expect(machine.leaving(seconds(fourHours - 1)) == [1])
        #expect(machine.expire(now: seconds(fourHours - 0.5)).isEmpty)
        #expect(machine.wakeAt(now: seconds(fourHours - 0.5)) == seconds(fourHours))
        #expect(machine.expire(now: seconds(fourHours)).map(\.order) == [2])
        #expect(machine.end(1, 500, seconds(fourHours + 1))?.outcome == .dead(.tooOld))
        #expect(machine.count == 1)
        #expect(machine.expire(now: seconds(24 * 3_600)).map(\.order) == [3])
    }

    @Test func `the last room is kept for the urgent`() {
        var machine = self.machine(queueCountMax: 8)
        var order: UInt64 = 0
        var counts: [Int] = []
        for priority in [AlarmPriority.low, .medium, .high, .critical] {
            while machine.admits(makeAlert(order + 1, priority: priority)) {
                order += 1
                machine.enqueue(makeItem(order, order, priority: priority), now: seconds(0))
            }
            counts.append(machine.count)
        }
        #expect(counts == [4, 4, 6, 8])
    }

    @Test func `what is parked comes back in order, and its alarm waits for it`() {
        var machine = self.machine(queueCountMax: 4)
        machine.enqueue(makeItem(1, 1, 1, priority: .critical), now: seconds(0))
        machine.park(alarmKey: 2, order: 2)
        #expect(!machine.admits(makeAlert(2, 2, priority: .critical)))
        #expect(machine.admits(makeAlert(3, priority: .critical)))
        machine.park(alarmKey: 2, order: 3)
        #expect(machine.parkedFrom == 2)
        machine.beginReading()
        #expect(machine.takeBack(makeItem(1, 1, 1, priority: .critical), now: seconds(0)) == .known)
        #expect(machine.takeBack(makeItem(2, 2, 1), now: seconds(0)) == .queued)
        machine.tookBack(before: 3)
        #expect(machine.parkedFrom == 3)
        #expect(!machine.admits(makeAlert(2, 3)))
        #expect(machine.takeBack(makeItem(3, 2, 2), now: seconds(0)) == .queued)
        machine.tookBack(before: nil)
        #expect(machine.parkedFrom == nil)
        #expect(machine.admits(makeAlert(2, 3, priority: .critical)))
        #expect(machine.takeBack(makeItem(4, 4), now: seconds(0)) == .queued)
        #expect(machine.takeBack(makeItem(5, 5), now: seconds(0)) == .full)
    }

    @Test func `what leaves memory while the store is read does not come back with its row`() {
        var machine = self.machine(queueCountMax: 4)
        machine.enqueue(makeItem(2, 2), now: seconds(0))
        machine.park(alarmKey: 1, order: 1)
        machine.beginReading()
        #expect(machine.leaving(seconds(0)) == [2])
        machine.end(2, 200, seconds(0))
        #expect(machine.takeBack(makeItem(1, 1), now: seconds(1)) == .queued)
        #expect(machine.takeBack(makeItem(2, 2), now: seconds(1)) == .known)
        machine.tookBack(before: nil)
        // It is forgotten with the answer: an operator may send it again.
        #expect(machine.takeBack(makeItem(2, 2), now: seconds(2)) == .queued)
    }

    @Test func `what is parked while the store is read stays parked`() {
        var machine = self.machine(queueCountMax: 4)
        machine.park(alarmKey: 8, order: 8)
        machine.beginReading()
        machine.park(alarmKey: 9, order: 9)
        // An operator sends an old alert again, and there is no room for it.
        machine.park(alarmKey: 3, order: 3)
        #expect(machine.takeBack(makeItem(8, 8), now: seconds(0)) == .queued)
        machine.tookBack(before: 9)
        #expect(machine.parkedFrom == 3)
        machine.beginReading()
        machine.readingFailed()
        #expect(machine.parkedFrom == 3)
        #expect(!machine.admits(makeAlert(9)))
    }

    @Test func `with memory and store full the newest state of each alarm is kept`() throws {
        var machine = self.machine(concurrency: 1, queueCountMax: 2)
        machine.enqueue(makeItem(1, 1, 1), now: seconds(0))
        machine.enqueue(makeItem(2, 2, 1), now: seconds(0))
        #expect(machine.leaving(seconds(0)) == [1])
        // Alarm 1 is under way: its next state stands behind it, and is replaced by the one after.
        #expect(machine.coalesce(makeItem(3, 1, 2), now: seconds(1)) == .queued(superseded: nil))
        let first = machine.coalesce(makeItem(4, 1, 3), now: seconds(2))
        #expect(first == .queued(superseded: makeItem(3, 1, 2)))
        guard case .queued(let second?) = machine.coalesce(makeItem(5, 2, 2), now: seconds(3))
        else {
            Issue.record("alarm 2 was not coalesced")
            return
        }
        #expect(second.order == 2)
        #expect(machine.coalesce(makeItem(6, 6), now: seconds(4)) == .queued(superseded: nil))
        machine.end(1, 200, seconds(5))
        var sent: [UInt64: [String]] = [:]
        while let attempt = machine.nextAttempt(now: seconds(6), wall: testWall) {
            sent[attempt.item.order] = attempt.item.supersededIDs
            machine.end(attempt.item.order, 200, seconds(6))
        }
        #expect(sent == [4: ["alert_1_1_2"], 5: ["alert_1_2_1"], 6: []])
    }

    @Test func `past four times the bytes an alert is refused`() {
        let size = makeAlert(1).body.count
        var machine = EndpointQueueMachine(
            concurrency: 1, queueCountMax: 100, queueBytesMax: 2 * size, seed: 1)
        machine.enqueue(makeItem(1, 1), now: seconds(0))
        machine.enqueue(makeItem(2, 2), now: seconds(0))
        #expect(!machine.admits(makeAlert(3, priority: .critical)))
        for order in UInt64(3)...8 {
            let kept = machine.coalesce(makeItem(order, order), now: seconds(0))
            #expect(kept == .queued(superseded: nil))
        }
        #expect(machine.coalesce(makeItem(9, 9), now: seconds(0)) == .refused)
        #expect(machine.count == 8)
    }

    @Test func `a state that went ahead of parked ones makes them superseded`() {
        var machine = self.machine(queueCountMax: 1)
        machine.park(alarmKey: 1, order: 1)
        #expect(machine.coalesce(makeItem(2, 1, 2), now: seconds(0)) == .queued(superseded: nil))
        #expect(machine.leaving(seconds(0)) == [2])
        machine.end(2, 200, seconds(0))
        #expect(machine.takeBack(makeItem(1, 1, 1), now: seconds(1)) == .superseded)
        var revived = makeItem(1, 1, 1)
        revived.isRevived = true
        #expect(machine.takeBack(revived, now: seconds(1)) == .queued)
    }

    @Test func `random histories keep order, bounds and every alert`() {
        var generator = SplitMix64(seed: 42)
        for seed in 0..<60 {
            var machine = EndpointQueueMachine(
                concurrency: 3, queueCountMax: 400, seed: UInt64(seed))
            var (now, order, waits): (Double, UInt64, Set<UInt64>) = (0, 0, [])
            var lastDelivered: [UInt64: UInt64] = [:]
            var keys: [UInt64: UInt64] = [:]
            var underWay: [UInt64] = []
            func settle(_ settlement: EndpointQueueMachine.Settlement?) {
                guard let settlement else {
                    Issue.record("an answer to nothing")
                    return
                }
                if case .retry = settlement.outcome { return }
                #expect(waits.remove(settlement.item.order) != nil)
                let key = keys[settlement.item.order] ?? 0
                #expect((lastDelivered[key] ?? 0) < settlement.item.order)
                lastDelivered[key] = settlement.item.order
            }
            for step in 0..<400 {
                now += Double.random(in: 0...2, using: &generator)
                let isHealthy = step > 250
                if step < 200, Bool.random(using: &generator) {
                    order += 1
                    keys[order] = UInt64.random(in: 1...9, using: &generator)
                    let priority = AlarmPriority.allCases.randomElement(using: &generator) ?? .low
                    let item = makeItem(
                        order, keys[order] ?? 0, priority: priority, at: seconds(now))
                    machine.enqueue(item, now: seconds(now))
                    waits.insert(order)
                }
                underWay.append(contentsOf: machine.leaving(seconds(now)))
                #expect(underWay.count <= 3)
                #expect(underWay.count == machine.underWayCount)
                while let next = underWay.randomElement(using: &generator),
                    isHealthy || Bool.random(using: &generator)
                {
                    underWay.removeAll { $0 == next }
                    let status: UInt16 =
                        isHealthy
                        ? 200 : [200, 0, 500, 429, 404].randomElement(using: &generator) ?? 0
                    settle(machine.end(next, status, seconds(now)))
                }
            }
            // Liveness: with a healthy endpoint everything leaves within the longest pause.
            for _ in 0..<2_000 where machine.count > 0 {
                guard let wake = machine.wakeAt(now: seconds(now)) else { break }
                now = max(now, Double(wake.nanoseconds - seconds(0).nanoseconds) / 1e9 + 1e-6)
                for next in machine.leaving(seconds(now)) + underWay {
                    settle(machine.end(next, 200, seconds(now)))
                }
                underWay = []
            }
            #expect(waits.isEmpty && machine.count == 0, "seed \(seed): \(waits)")
        }
    }
}
