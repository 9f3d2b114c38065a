// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

@testable import AlertDelivery

/// Who is told, and when they are told again.
@Suite struct AlertRouterTests {
    private let alarm = "tunnel/west/co:high"

    @Test func `all endpoints of a route are told at once, and of the return as well`() {
        var world = RoutingWorld(RoutingWorld.policy(["a", "b"]), endpoints: ["a", "b", "c"])
        let raised = world.raise(self.alarm)
        #expect(world.takeSent() == ["\(raised) > a,b"])
        let acknowledged = world.acknowledge(self.alarm)
        let returned = world.clear(self.alarm, to: .normal)
        #expect(world.takeSent() == ["\(acknowledged) > a,b", "\(returned) > a,b"])
        #expect(world.router.caseCount == 0, "what is normal is forgotten")
    }

    @Test func `a route that wants no returns gets none`() {
        let policy = RoutingWorld.policy(["a"]) {
            $0.sendsReturned = false
            $0.sendsAcknowledged = false
        }
        var world = RoutingWorld(policy, endpoints: ["a"])
        let raised = world.raise(self.alarm)
        world.acknowledge(self.alarm)
        world.clear(self.alarm, to: .normal)
        #expect(world.takeSent() == ["\(raised) > a"])
    }

    @Test func `in turn the next is told when the one before has not delivered in time`() {
        var world = RoutingWorld(
            RoutingWorld.policy(["a", "b", "c"], inTurn: 20), endpoints: ["a", "b", "c"])
        let raised = world.raise(self.alarm)
        #expect(world.takeSent() == ["\(raised) > a"])
        world.pass(19)
        #expect(world.takeSent().isEmpty)
        world.pass(1)
        #expect(world.takeSent() == ["\(raised)_r1s1 > b"])
        world.outcome("\(raised)_r1s1", at: "b")
        world.pass(3_600, step: 30)
        #expect(world.takeSent().isEmpty, "b has it")
    }

    @Test func `in turn an open breaker and a dead letter tell the next at once`() {
        var world = RoutingWorld(
            RoutingWorld.policy(["a", "b", "c"], inTurn: 20), endpoints: ["a", "b", "c"])
        let raised = world.raise(self.alarm)
        world.router.breaker(endpoint: "a", isOpen: true)
        world.tick()
        #expect(world.takeSent() == ["\(raised) > a", "\(raised)_r1s1 > b"])
        world.outcome("\(raised)_r1s1", at: "b", isDelivered: false)
        world.tick()
        #expect(world.takeSent() == ["\(raised)_r1s2 > c"])
        // The next alarm goes to b at once: its first endpoint is known to be down.
        let other = world.raise("tunnel/east/co:high")
        world.tick()
        #expect(world.takeSent() == ["\(other) > a", "\(other)_r1s1 > b"])
    }

    @Test(
        arguments: [
            (AlarmPriority.critical, 900.0 as Double?), (.high, 3_600.0), (.medium, nil),
            (.low, nil),
        ] as [(AlarmPriority, Double?)])
    func `nobody answers, and the next level is told after the delay of the priority`(
        priority: AlarmPriority, seconds: Double?
    ) {
        var world = RoutingWorld(
            RoutingWorld.policy(["a"], levels: [(["b"], 900)]), endpoints: ["a", "b"])
        let raised = world.raise(self.alarm, priority)
        world.outcome(raised, at: "a")
        #expect(world.takeSent() == ["\(raised) > a"])
        world.pass((seconds ?? 86_400) - 1, step: 30)
        #expect(world.takeSent().isEmpty)
        world.pass(1)
        #expect(world.takeSent() == (seconds == nil ? [] : ["\(raised)_r1s1 > b"]))
    }

    @Test func `what is not delivered goes to the next level after half a minute`() {
        var world = RoutingWorld(
            RoutingWorld.policy(["a"], levels: [(["b"], 900), (["c"], 1_800)]),
            endpoints: ["a", "b", "c"])
        let raised = world.raise(self.alarm)
        world.pass(29)
        #expect(world.takeSent() == ["\(raised) > a"])
        world.pass(1)
        #expect(world.takeSent() == ["\(raised)_r1s1 > b"])
        world.outcome("\(raised)_r1s1", at: "b")
        world.pass(1_769, step: 10)
        #expect(world.takeSent().isEmpty)
        world.pass(1)
        #expect(world.takeSent() == ["\(raised)_r1s2 > c"], "but nobody acknowledged")
    }

    @Test func `an acknowledged alarm escalates no further and is told again while it stands`() {
        var world = RoutingWorld(
            RoutingWorld.policy(["a"], levels: [(["b"], 900)]), endpoints: ["a", "b"])
        let raised = world.raise(self.alarm)
        world.outcome(raised, at: "a")
        world.pass(60)
        world.acknowledge(self.alarm)
        _ = world.takeSent()
        world.pass(8 * 3_600 - 1, step: 60)
        #expect(world.takeSent().isEmpty)
        world.pass(1)
        #expect(world.takeSent() == ["\(raised)_a1 > a"])
        world.pass(8 * 3_600, step: 60)
        #expect(world.takeSent() == ["\(raised)_a2 > a"], "never forgotten")
        world.clear(self.alarm, to: .normal)
        _ = world.takeSent()
        world.pass(16 * 3_600, step: 60)
        #expect(world.takeSent().isEmpty)
    }

    @Test func `an alarm that nobody acknowledges is repeated as its route says`() {
        let policy = RoutingWorld.policy(["a"]) { $0.repeatNanoseconds = 600_000_000_000 }
        var world = RoutingWorld(policy, endpoints: ["a"])
        let raised = world.raise(self.alarm, .low)
        world.pass(1_200)
        #expect(
            world.takeSent() == ["\(raised) > a", "\(raised)_n1 > a", "\(raised)_n2 > a"])
    }

    @Test func `a shelved alarm escalates no further`() {
        var world = RoutingWorld(
            RoutingWorld.policy(["a"], levels: [(["b"], 900)]), endpoints: ["a", "b"])
        world.raise(self.alarm)
        world.decide(
            "alarmShelved", self.alarm, to: .unacknowledged, suppression: "shelved")
        _ = world.takeSent()
        world.pass(7_200, step: 10)
        #expect(world.takeSent().isEmpty)
    }

    @Test func `who was told is told of a return that nobody else hears of`() {
        var world = RoutingWorld(RoutingWorld.policy(["a"]), endpoints: ["a", "b"])
        world.raise(self.alarm)
        world.decide(
            "alarmShelved", self.alarm, to: .unacknowledged, suppression: "shelved")
        _ = world.takeSent()
        let returned = world.decide(
            "alarmReturnedSuppressed", self.alarm, to: .returnedUnacknowledged,
            suppression: "shelved")
        #expect(world.takeSent() == ["\(returned) > a"])
        // Suppressed from the beginning: nobody was told, and nobody is.
        world.decide(
            "alarmRaisedSuppressed", "b/c:high", to: .unacknowledged, suppression: "shelved")
        world.decide("alarmReturnedSuppressed", "b/c:high", to: .normal, suppression: "shelved")
        #expect(world.takeSent().isEmpty)
    }

    @Test func `a second annunciation of an activation begins anew, with new ids`() {
        var world = RoutingWorld(
            RoutingWorld.policy(["a"], levels: [(["b"], 900)]), endpoints: ["a", "b"])
        let first = world.raise(self.alarm)
        world.outcome(first, at: "a")
        world.acknowledge(self.alarm)
        _ = world.takeSent()
        let again = world.raise(self.alarm)
        world.outcome(again, at: "a")
        world.pass(900, step: 10)
        #expect(world.takeSent() == ["\(again) > a", "\(again)_r1s1 > b"])
    }

    @Test func `alarms beyond the bound are told, and only not followed`() {
        var world = RoutingWorld(RoutingWorld.policy(["a"]), endpoints: ["a"])
        world.router.counters.casesFull = 0
        for number in 0..<RoutingLimits.caseCountMax {
            world.router.cases["x/\(number):high"] =
                world.router.cases["x/0:high"]
                ?? AlertCase(
                    subject: RoutingWorld.subject("x/0:high", .low), activation: "", base: "",
                    annunciatedAt: world.now, state: .unacknowledged, isSuppressed: false,
                    isVerified: true, record: [])
        }
        let raised = world.raise(self.alarm)
        #expect(world.takeSent() == ["\(raised) > a"])
        #expect(world.router.counters.casesFull == 1)
        let returned = world.clear(self.alarm, to: .normal)
        #expect(world.takeSent() == ["\(returned) > a"])
    }

    @Test func `in turn the next is told at once of what an unusable endpoint would get`() {
        var world = RoutingWorld(
            RoutingWorld.policy(["a", "b"], inTurn: 30), endpoints: ["a", "b"])
        let first = world.raise(self.alarm)
        world.router.endpoint("a", isUsable: false)
        world.tick()
        #expect(world.takeSent() == ["\(first) > a", "\(first)_r1s1 > b"])
        let second = world.raise("tunnel/east/co:high")
        world.tick()
        #expect(world.takeSent() == ["\(second) > a", "\(second)_r1s1 > b"])
        // Its breaker closing says nothing about credentials.
        world.router.breaker(endpoint: "a", isOpen: true)
        world.router.breaker(endpoint: "a", isOpen: false)
        let third = world.raise("tunnel/north/co:high")
        world.tick()
        #expect(world.takeSent() == ["\(third) > a", "\(third)_r1s1 > b"])
        world.router.endpoint("a", isUsable: true)
        let fourth = world.raise("tunnel/south/co:high")
        world.tick()
        #expect(world.takeSent() == ["\(fourth) > a"])
    }

    @Test func `steps beyond the room stay due and are made once there is some`() {
        var policy = RoutingWorld.policy(["a"], levels: [(["b"], 900)])
        policy.flood.criticalPerMinute = .max
        var world = RoutingWorld(policy, endpoints: ["a", "b"])
        for number in 0..<50 {
            let alert = world.raise("tunnel/\(number)/co:high")
            world.outcome(alert, at: "a")
        }
        world.pass(899)
        let due = world.now.advanced(byNanoseconds: 2_000_000_000)
        let without = world.router.tick(now: due, wall: world.wall, actionMax: 0)
        #expect(without.isEmpty)
        var escalated: Set<String> = []
        for _ in 0..<5 {
            let actions = world.router.tick(now: due, wall: world.wall, actionMax: 10)
            #expect(actions.count == 10)
            for case .send(let alert) in actions { escalated.insert(alert.id) }
        }
        #expect(escalated.count == 50)
        let rest = world.router.tick(now: due, wall: world.wall, actionMax: 10)
        #expect(rest.isEmpty)
    }
}
