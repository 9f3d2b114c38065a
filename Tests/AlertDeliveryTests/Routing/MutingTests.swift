// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

@testable import AlertDelivery

/// What keeps an alert back, and what happens when nothing does any more.
@Suite struct MutingTests {
    private let alarm = "tunnel/west/co:high"

    private static func silence(
        _ id: String = "s1", until seconds: Int64 = 600, includesCritical: Bool = false
    ) -> AlertSilence {
        var matcher = AlertMatcher()
        matcher.sensors = ["tunnel/#"]
        return AlertSilence(
            id: id, matcher: matcher,
            period: .once(
                from: WallInstant(nanoseconds: 0),
                until: WallInstant(
                    nanoseconds: RoutingWorld.startWall.nanoseconds + seconds * 1_000_000_000)),
            author: "jo", reason: "calibration", includesCritical: includesCritical)
    }

    @Test func `a silenced alarm is told once the silence ends, if it still stands`() {
        var world = RoutingWorld(RoutingWorld.policy(["a"]), endpoints: ["a"])
        #expect(world.add(Self.silence()) == .added)
        let stands = world.raise(self.alarm, .high)
        let returns = world.raise("tunnel/east/co:high", .high)
        world.clear("tunnel/east/co:high", .high)
        world.pass(599)
        #expect(world.takeSent().isEmpty)
        #expect(world.withheld == ["\(stands): silence s1", "\(returns): silence s1"])
        world.pass(2)
        #expect(world.takeSent() == ["\(stands) > a"])
        #expect(world.router.silences.isEmpty, "it ended")
    }

    @Test func `a silence that is removed ends at once`() {
        var world = RoutingWorld(RoutingWorld.policy(["a"]), endpoints: ["a"])
        _ = world.add(Self.silence())
        let raised = world.raise(self.alarm, .high)
        #expect(world.router.removeSilence(id: "s1") != nil)
        #expect(world.router.removeSilence(id: "s1") == nil)
        world.tick()
        #expect(world.takeSent() == ["\(raised) > a"])
    }

    @Test(arguments: [false, true])
    func `critical alarms are silenced only if the silence says so`(includesCritical: Bool) {
        var world = RoutingWorld(RoutingWorld.policy(["a"]), endpoints: ["a"])
        _ = world.add(Self.silence(includesCritical: includesCritical))
        world.raise(self.alarm, .critical)
        #expect(world.takeSent().isEmpty == includesCritical)
    }

    @Test func `a silence stops the escalation of an alarm that was told, its return is told`() {
        var world = RoutingWorld(
            RoutingWorld.policy(["a"], levels: [(["b"], 100)]), endpoints: ["a", "b"])
        let raised = world.raise(self.alarm)
        world.outcome(raised, at: "a")
        _ = world.add(Self.silence(includesCritical: true))
        world.pass(400)
        #expect(world.takeSent() == ["\(raised) > a"])
        let returned = world.clear(self.alarm)
        #expect(world.takeSent() == ["\(returned) > a"])
    }

    @Test func `silences are bounded and their ids unique`() {
        var world = RoutingWorld(RoutingWorld.policy(["a"]), endpoints: ["a"])
        for number in 0..<RoutingLimits.silenceCountMax {
            #expect(world.router.add(Self.silence("s\(number)")) == .added)
        }
        #expect(world.router.add(Self.silence("s5")) == .known)
        #expect(world.router.add(Self.silence("more")) == .full)
    }

    @Test(arguments: [
        // 2026-11-22 is a Sunday.
        ("2026-11-22T01:59:59Z", false), ("2026-11-22T02:00:00Z", true),
        ("2026-11-23T03:59:59Z", true), ("2026-11-23T04:00:00Z", false),
        ("2026-11-21T12:00:00Z", false), ("2026-11-29T23:00:00Z", true),
    ])
    func `weekly maintenance holds over midnight`(at: String, holds: Bool) throws {
        let period = SilencePeriod.weekly(days: 1 << 6, startMinute: 120, minutes: 26 * 60)
        #expect(period.contains(try #require(WallInstant(rfc3339: at))) == holds)
    }

    @Test func `maintenance keeps back what fits and lets it go at its end`() {
        var policy = RoutingWorld.policy(["a"])
        var silence = Self.silence("maintenance/m", until: 60)
        silence.includesCritical = true
        policy.maintenance = [silence]
        var world = RoutingWorld(policy, endpoints: ["a"])
        let raised = world.raise(self.alarm)
        world.pass(59)
        #expect(world.takeSent().isEmpty)
        world.pass(2)
        #expect(world.takeSent() == ["\(raised) > a"])
    }

    // MARK: Inhibition

    private static var inhibiting: AlertPolicy {
        var policy = RoutingWorld.policy(["a"])
        var inhibition = InhibitionDeclaration(name: "power")
        inhibition.source.alarms = ["powerFailed"]
        inhibition.target.alarms = ["high"]
        inhibition.equal = ["asset"]
        policy.inhibitions = [inhibition]
        return policy
    }

    @Test func `an alarm keeps back those of equal labels while it is active`() {
        var world = RoutingWorld(Self.inhibiting, endpoints: ["a"])
        let source = world.raise("tunnel/west/mains:powerFailed")
        let other = world.raise("tunnel/east/co:high")
        let target = world.raise(self.alarm)
        #expect(world.takeSent() == ["\(source) > a", "\(other) > a"])
        #expect(
            world.withheld == ["\(target): inhibition power by tunnel/west/mains:powerFailed"])
        // Its return lets the other go.
        world.clear("tunnel/west/mains:powerFailed", to: .normal)
        _ = world.takeSent()
        world.tick()
        #expect(world.takeSent() == ["\(target) > a"])
    }

    @Test func `what is not verified inhibits nothing, also when that comes later`() {
        var world = RoutingWorld(Self.inhibiting, endpoints: ["a"])
        world.decide(
            "alarmRaised", "tunnel/west/mains:powerFailed", to: .unacknowledged,
            freshness: "stale")
        let first = world.raise(self.alarm)
        #expect(world.takeSent().contains("\(first) > a"))
        world.clear(self.alarm, to: .normal)
        world.router.verified("tunnel/west/mains:powerFailed", true)
        let second = world.raise(self.alarm)
        _ = world.takeSent()
        world.router.verified("tunnel/west/mains:powerFailed", false)
        world.tick()
        #expect(world.takeSent() == ["\(second) > a"])
    }

    @Test func `an alarm that nobody was told of inhibits nothing`() {
        var policy = Self.inhibiting
        var silence = Self.silence(includesCritical: true)
        silence.matcher.alarms = ["powerFailed"]
        policy.maintenance = [silence]
        var world = RoutingWorld(policy, endpoints: ["a"])
        world.raise("tunnel/west/mains:powerFailed")
        let target = world.raise(self.alarm)
        #expect(world.takeSent() == ["\(target) > a"])
    }

    @Test func `a suppressed alarm inhibits nothing`() {
        var world = RoutingWorld(Self.inhibiting, endpoints: ["a"])
        world.raise("tunnel/west/mains:powerFailed")
        world.decide(
            "alarmShelved", "tunnel/west/mains:powerFailed", to: .unacknowledged,
            suppression: "shelved")
        _ = world.takeSent()
        let target = world.raise(self.alarm)
        #expect(world.takeSent() == ["\(target) > a"])
    }

    @Test func `of several inhibitors the first stays the one until it goes`() {
        var world = RoutingWorld(Self.inhibiting, endpoints: ["a"])
        world.raise("tunnel/west/b:powerFailed")
        let target = world.raise(self.alarm)
        world.raise("tunnel/west/a:powerFailed")
        world.tick()
        #expect(world.withheld == ["\(target): inhibition power by tunnel/west/b:powerFailed"])
        world.clear("tunnel/west/b:powerFailed", to: .normal)
        world.tick()
        #expect(world.withheld.last == "\(target): inhibition power by tunnel/west/a:powerFailed")
        world.clear("tunnel/west/a:powerFailed", to: .normal)
        _ = world.takeSent()
        world.tick()
        #expect(world.takeSent() == ["\(target) > a"])
    }

    @Test func `an alarm that is raised anew with other labels inhibits others than before`() {
        var policy = Self.inhibiting
        policy.inhibitions[0].equal = ["priority"]
        var world = RoutingWorld(policy, endpoints: ["a"])
        world.raise("tunnel/west/mains:powerFailed", .high)
        let critical = world.raise("tunnel/west/co:high", .critical)
        let high = world.raise("tunnel/west/no:high", .high)
        #expect(world.takeSent().contains("\(critical) > a"))
        #expect(world.withheld.map { $0.prefix { $0 != ":" } } == [high[...]])
        world.raise("tunnel/west/mains:powerFailed", .critical)
        _ = world.takeSent()
        world.tick()
        #expect(world.takeSent() == ["\(high) > a"])
        #expect(world.withheld.last?.hasPrefix(critical) == true)
    }

    /// What one tick may look at does not grow with what is wrong.
    @Test func `of very many alarms a tick looks at a part, the most urgent first`() {
        var world = RoutingWorld(RoutingWorld.policy(["a"]), endpoints: ["a"])
        let count = RoutingLimits.lookMax(1) + 100
        for number in 0..<count {
            world.raise("tunnel/\(number)/co:high", number < 10 ? .critical : .low)
        }
        _ = world.add(Self.silence(includesCritical: true))
        world.tick()
        #expect(world.withheld.count == RoutingLimits.lookMax(1))
        let urgent = (1...10).map { "alert_1_\($0)_0: silence s1" }
        #expect(Set(world.withheld.prefix(10)) == Set(urgent))
        world.tick()
        #expect(world.withheld.count == count)
        #expect(Set(world.withheld).count == count)
    }

    @Test func `a flood of inhibitors and of what they keep back is asked by what is equal`() {
        var policy = Self.inhibiting
        policy.flood.alertsPerMinute = .max
        policy.flood.criticalPerMinute = .max
        var world = RoutingWorld(policy, endpoints: ["a"])
        let places = RoutingLimits.inhibitorCountMax
        for place in 0..<places { world.raise("tunnel/\(place)/mains:powerFailed", .high) }
        for number in 0..<4 * places {
            world.raise("tunnel/\(number % (2 * places))/co\(number):high", .high)
        }
        #expect(world.withheld.count == 2 * places, "the other half is elsewhere")
        _ = world.takeSent()
        world.clear("tunnel/7/mains:powerFailed", .high, to: .normal)
        _ = world.takeSent()
        // Only those of its place are looked at again.
        world.tick()
        #expect(world.takeSent().count == 2)
        #expect(world.router.looks.count == 0)
    }
}
