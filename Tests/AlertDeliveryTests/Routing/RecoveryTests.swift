// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

@testable import AlertDelivery

/// A restart loses nothing and repeats nothing that was confirmed.
@Suite struct RecoveryTests {
    private let alarm = "tunnel/west/co:high"

    private func world() -> RoutingWorld {
        RoutingWorld(
            RoutingWorld.policy(["a"], levels: [(["b"], 900), (["c"], 1_800)]) {
                $0.repeatNanoseconds = 3_600_000_000_000
            }, endpoints: ["a", "b", "c"])
    }

    @Test func `what was delivered is not told again, and the escalation goes on`() {
        var world = self.world()
        let raised = world.raise(self.alarm)
        world.outcome(raised, at: "a")
        world.pass(600, step: 10)
        _ = world.takeSent()
        world.restart()
        #expect(world.takeSent().isEmpty)
        world.pass(299, step: 1)
        #expect(world.takeSent().isEmpty)
        world.pass(1)
        #expect(world.takeSent() == ["\(raised)_r1s1 > b"], "after 15 minutes in all")
    }

    @Test func `what has no outcome is wanted again under the same id`() {
        var world = self.world()
        let raised = world.raise(self.alarm)
        world.pass(30)
        #expect(world.takeSent() == ["\(raised) > a", "\(raised)_r1s1 > b"])
        world.outcome("\(raised)_r1s1", at: "b")
        world.restart()
        #expect(world.takeSent() == ["\(raised) > a"], "b has it, of a nothing is known")
    }

    @Test func `what lies behind the cursor of the outbox is offered in order`() {
        var world = self.world()
        let first = world.raise(self.alarm)
        let acknowledged = world.acknowledge(self.alarm)
        let returned = world.clear(self.alarm, to: .normal)
        let second = world.raise("tunnel/east/co:high")
        world.outcome(acknowledged, at: "a")
        _ = world.takeSent()
        world.restart(owedFrom: 1)
        #expect(
            world.takeSent() == ["\(returned) > a", "\(second) > a"],
            "the first is in the outbox, the acknowledgement arrived")
        world.restart(owedFrom: 0)
        #expect(world.takeSent() == ["\(first) > a", "\(returned) > a", "\(second) > a"])
    }

    @Test func `silences outlive a restart`() {
        var world = self.world()
        var matcher = AlertMatcher()
        matcher.assets = ["tunnel"]
        matcher.labels = ["class": "process"]
        let silence = AlertSilence(
            id: "1-1", matcher: matcher,
            period: .once(
                from: RoutingWorld.startWall,
                until: WallInstant(nanoseconds: RoutingWorld.startWall.nanoseconds + 60_000_000_000)
            ), author: "jo", reason: "a \"test\"", includesCritical: true)
        _ = world.add(silence)
        let raised = world.raise(self.alarm)
        world.restart()
        #expect(world.router.silences == [silence])
        #expect(world.takeSent().isEmpty)
        world.pass(61)
        #expect(world.takeSent() == ["\(raised) > a"])
    }

    @Test func `a standing alarm is remembered over a restart`() {
        var world = self.world()
        let raised = world.raise(self.alarm)
        world.outcome(raised, at: "a")
        world.acknowledge(self.alarm)
        world.pass(8 * 3_600, step: 60)
        world.outcome("\(raised)_a1", at: "a")
        _ = world.takeSent()
        world.restart()
        world.pass(8 * 3_600 - 1, step: 60)
        #expect(world.takeSent().isEmpty)
        world.pass(1)
        #expect(world.takeSent() == ["\(raised)_a2 > a"])
    }

    @Test(arguments: 0..<40)
    func `a picture and the ledger behind it give the state of the whole ledger`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var world = self.world()
        var cut = (records: [[UInt8]](), at: 0)
        for step in 0..<120 {
            self.act(in: &world, &random)
            if step == 70 { cut = (world.router.picture(), world.ledger.count) }
        }
        let live = world
        world.restart()
        let whole = world.router
        world = live
        world.restart(picture: cut.records, from: cut.at)
        #expect(world.router.cases == whole.cases)
        #expect(world.router.silences == whole.silences)
        #expect(Set(world.router.bases.keys) == Set(live.router.bases.keys))
    }

    @Test(arguments: 0..<40)
    func `a crash at any moment repeats only ids that are known, and none that was confirmed`(
        seed: UInt64
    ) {
        var random = SplitMix64(seed: seed)
        var world = self.world()
        var known: Set<String> = []
        for _ in 0..<80 {
            self.act(in: &world, &random)
            known.formUnion(world.takeSent())
        }
        let before = world.router
        world.restart(owedFrom: Int(random.next() % UInt64(world.ledger.count + 1)))
        for sent in world.takeSent() {
            #expect(known.contains { $0.hasPrefix(sent.prefix { $0 != " " }) }, "\(sent)")
            let parts = sent.split(separator: " ")
            let place = before.alarm(of: String(parts[0]))
            guard let place, let item = before.cases[place.alarmID] else { continue }
            for endpoint in parts[2].split(separator: ",") {
                #expect(item.settled["\(place.suffix)@\(endpoint)"] == nil, "\(sent)")
            }
        }
        // Every alarm that waits for an answer is still followed.
        let open = before.cases.filter(\.value.isOpen).keys.sorted()
        #expect(world.router.cases.filter(\.value.isOpen).keys.sorted() == open)
    }

    /// One thing that happens to one of a few alarms.
    private func act(in world: inout RoutingWorld, _ random: inout SplitMix64) {
        let alarm = "tunnel/\(random.next() % 4)/co:high"
        let state = world.router.cases[alarm]?.state ?? .normal
        switch random.next() % 6 {
        case 0, 1:
            if state == .normal || state == .returnedUnacknowledged { world.raise(alarm) }
        case 2: if state == .unacknowledged { world.acknowledge(alarm) }
        case 3:
            if state == .unacknowledged {
                world.clear(alarm)
            } else if state == .acknowledged {
                world.clear(alarm, to: .normal)
            }
        case 4:
            if let item = world.router.cases[alarm], let progress = item.progress.first {
                let suffix = AlertRouter.Step(
                    route: progress.route, stage: progress.stage, reason: .raised
                ).suffix
                let route = world.router.table.routes[progress.route]
                let endpoint = route.stages[progress.stage].endpoints[0]
                world.outcome(
                    item.base + suffix, at: world.router.table.endpoints[endpoint],
                    isDelivered: random.next() % 4 != 0)
            }
        default: world.pass(Double(random.next() % 400), step: 5)
        }
    }
}
