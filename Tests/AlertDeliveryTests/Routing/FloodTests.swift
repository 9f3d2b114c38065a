// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

@testable import AlertDelivery

/// Many alarms at once, and alarms that belong together.
@Suite struct FloodTests {
    @Test func `10,000 alarms in a minute end in digests within the stated limits`() {
        var policy = RoutingWorld.policy(["a", "b"])
        policy.flood = FloodSettings()
        var world = RoutingWorld(policy, endpoints: ["a", "b"])
        var sent: [String] = []
        for number in 0..<10_000 {
            let priority: AlarmPriority = number % 100 == 99 ? .critical : .high
            world.raise("plant/\(number)/flow:low", priority)
            if number % 500 == 499 {
                world.pass(3)
                sent += world.takeSent()
            }
        }
        world.pass(10)
        sent += world.takeSent()
        // All of it lies within 70 s: a minute, and the digest that ends it.
        let flood = policy.flood
        for endpoint in ["a", "b"] {
            let single = sent.filter { $0.contains(endpoint) }.count
            #expect(
                single <= 2 * flood.alertsPerMinute + 100, "those of highest priority are single")
            let digests = world.digests.filter { $0.endpoint == endpoint }
            #expect(digests.count <= 7)
            #expect(single + digests.reduce(0) { $0 + Int($1.count) } == 10_000, "none is lost")
            #expect(
                digests.allSatisfy { $0.counts[Int(AlarmPriority.critical.rawValue)] == 0 },
                "a hundred critical ones are within their limit")
            #expect(digests.allSatisfy { $0.top.count == RoutingLimits.digestTopMax })
        }
        #expect(world.router.counters.digested >= 19_000)
    }

    @Test func `beyond their limit the most urgent are the top of the digest`() throws {
        var policy = RoutingWorld.policy(["a"])
        policy.flood.alertsPerMinute = 2
        policy.flood.criticalPerMinute = 1
        var world = RoutingWorld(policy, endpoints: ["a"])
        let low = (0..<4).map { world.raise("x/\($0):low", .low) }
        let critical = (0..<3).map { world.raise("y/\($0):high", .critical) }
        #expect(world.takeSent() == [low[0], low[1], critical[0]].map { "\($0) > a" })
        world.pass(10)
        let digest = try #require(world.digests.first)
        #expect(digest.count == 4)
        #expect(digest.counts == [2, 0, 0, 2])
        #expect(digest.firstOut.id == low[2])
        #expect(digest.top.map(\.id) == [critical[1], critical[2], low[2], low[3]])
        #expect(digest.members == [low[2], low[3], critical[1], critical[2]])
        #expect(digest.priority == .critical)
        // A minute later alerts are single again.
        world.pass(60)
        let late = world.raise("x/late:low", .low)
        #expect(world.takeSent() == ["\(late) > a"])
    }

    @Test func `a return does not overtake the digest with its raise`() throws {
        var policy = RoutingWorld.policy(["a"])
        policy.flood.alertsPerMinute = 1
        var world = RoutingWorld(policy, endpoints: ["a"])
        world.raise("x/0:low", .low)
        let raised = world.raise("x/1:low", .low)
        let returned = world.clear("x/1:low", .low)
        world.raise("x/2:low", .low)
        _ = world.takeSent()
        world.pass(10)
        #expect(world.takeSent().isEmpty)
        let digest = try #require(world.digests.first)
        #expect(digest.members.prefix(2) == [raised, returned])
        // Until the digest has arrived what follows waits for the next one.
        world.pass(60)
        world.clear("x/2:low", .low)
        #expect(world.takeSent().isEmpty)
        world.pass(10)
        #expect(world.takeSent().count == 1, "alone it needs no digest")
    }

    @Test func `a digest that arrives counts as told for its members`() throws {
        var policy = RoutingWorld.policy(["a"], levels: [(["b"], 900)])
        policy.flood.criticalPerMinute = 1
        var world = RoutingWorld(policy, endpoints: ["a", "b"])
        let first = world.raise("x/0:high")
        world.outcome(first, at: "a")
        world.raise("x/1:high")
        world.raise("x/2:high")
        world.pass(10)
        let digest = try #require(world.digests.first)
        world.router.delivered(alert: digest.id, endpoint: "a", now: world.now)
        _ = world.takeSent()
        world.pass(60)
        #expect(world.takeSent().isEmpty, "delivered: nobody else is told yet")
        #expect(world.digests.count == 1)
    }

    @Test func `the first of a group leaves at once and the others together`() throws {
        let policy = RoutingWorld.policy(["a"]) {
            $0.grouping = AlertGrouping(labels: ["asset"], waitNanoseconds: 5_000_000_000)
        }
        var world = RoutingWorld(policy, endpoints: ["a"])
        let first = world.raise("tunnel/west/co:high", .high)
        let others = ["no", "vis"].map { world.raise("tunnel/west/\($0):high", .high) }
        let east = world.raise("tunnel/east/co:high", .high)
        let critical = world.raise("tunnel/west/fire:high", .critical)
        #expect(world.takeSent() == [first, east, critical].map { "\($0) > a" })
        // What follows of an alarm that waits waits with it.
        let returned = world.clear("tunnel/west/no:high", .high)
        #expect(world.takeSent().isEmpty)
        world.pass(5)
        let digest = try #require(world.digests.first)
        #expect(digest.cause == .group)
        #expect(digest.members == others + [returned])
        let later = world.raise("tunnel/west/temp:high", .high)
        #expect(world.takeSent() == ["\(later) > a"], "the group is over")
    }
}
