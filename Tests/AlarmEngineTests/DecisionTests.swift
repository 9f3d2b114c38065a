// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import JSONText
import MidwatchModel
import Testing

@Suite struct DecisionTests {
    @Test(arguments: [
        ("1:2.3", true), ("4294967295:18446744073709551615.4294967295", true), ("0:0.0", true),
        ("", false), ("1:2", false), ("1.2.3.4", false), ("4294967296:0.0", false),
        ("1:-2.3", false), ("a:b.c", false), ("1:2.", false),
    ])
    func `a decision id survives its text, and nothing else is one`(text: String, isID: Bool) {
        #expect(DecisionID(text)?.description == (isID ? text : nil))
    }

    @Test func `ids order by position, then ordinal`() {
        func id(_ epoch: UInt32, _ n: UInt64, _ ordinal: UInt32) -> DecisionID {
            DecisionID(position: Position(epoch: epoch, n: n), ordinal: ordinal)
        }
        #expect(id(1, 9, 9) < id(2, 0, 0))
        #expect(id(1, 1, 9) < id(1, 2, 0))
        #expect(id(1, 1, 0) < id(1, 1, 1))
    }

    @Test func `the ledger record of an alarm is these bytes`() {
        let world = World([.make("tunnel/west/co", high: .at(80, deadband: 5, .critical))])
        world.registerSource("gateway/west")
        world.advance(to: 1.5)
        world.read("tunnel/west/co", 92.25, sourceTime: 1.25)
        let revision = World.revision(1).prefix(16)
        #expect(
            world.bodies.last == """
                {"decision":"1:8.0","kind":"alarmRaised","cause":"valueBeyondLimit",\
                "at":"2025-11-21T00:00:01.500000Z","engineTime":1001500000000,\
                "revision":"\(revision)","sensor":"tunnel/west/co","source":"gateway/west",\
                "alarm":"high","priority":"critical","activation":"1:8.0","activationCount":1,\
                "from":"normal","to":"unacknowledged","freshness":"fresh","quality":"good",\
                "value":92.25,"lastArrival":"2025-11-21T00:00:01.500000Z","ageNanoseconds":0,\
                "sourceTimeStatus":"accepted","sourceTime":"2025-11-21T00:00:01.250000Z",\
                "setpoint":80,"worst":92.25}
                """)
    }

    @Test func `every ledger record is JSON whose fields say what the decision says`() throws {
        for seed in 1...4 {
            var run = RandomWorld(seed: UInt64(seed))
            run.run(120)
            for outcome in run.world.outcomes {
                let json = try JSONValue(parsing: Array(outcome.body.utf8).span)
                let decision = outcome.decision
                #expect(json["decision"]?.string == decision.id.description)
                #expect(json["kind"]?.string == decision.kind.word)
                #expect(json["at"]?.string == decision.wall.rfc3339)
                guard decision.kind == .alarmRaised else { continue }
                #expect(json["alarm"]?.string == run.world.engine.alarmName(of: decision))
                #expect(json["to"]?.string == "unacknowledged")
                #expect(json["activation"]?.string == decision.activation.description)
            }
        }
    }

    @Test func `losses are told with their count`() {
        let world = World([])
        var loss = Slot(kind: .lossObserved, arrival: World.instant(1))
        loss.valueBits = 17
        world.feed(loss)
        var gap = Slot(kind: .gap, arrival: World.instant(1))
        gap.valueBits = 100
        gap.aux = 142
        world.feed(gap)
        #expect(world.decisions(.readingsLost).map(\.amount) == [17])
        #expect(world.decisions(.readingsUnrecorded).map(\.amount) == [42])
        // Numbers that no journal has must not trap.
        gap.valueBits = UInt64(bitPattern: .min)
        gap.aux = .max
        world.feed(gap)
        #expect(world.decisions(.readingsUnrecorded).count == 2)
    }

    @Test func `a stop is told`() {
        let world = World([])
        world.feed(Slot(kind: .stop, arrival: World.instant(4)))
        #expect(world.decisions(.runStopped).map(\.time) == [World.instant(4)])
    }

    @Test func `records that are no input change nothing`() {
        let world = World([.make("a")])
        let before = world.picture
        world.feed(Slot(kind: .padding, arrival: .zero))
        world.feed(Slot(kind: .empty, arrival: .zero))
        world.feed(Slot(kind: .sourceEvidence, arrival: .zero))
        world.feed(Slot(kind: .continuation, arrival: .zero))
        #expect(world.picture == before)
        #expect(world.decisions.count == 2)
    }
}
