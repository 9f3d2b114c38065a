// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import Testing

/// Why an alarm is raised, why it is not, and what can change that.
@Suite struct ExplainTests {
    private func explained(
        _ world: World, _ path: String, _ name: String
    ) throws -> ExplainedAlarm {
        let explanation = try #require(
            world.why(path, name, at: world.now))
        #expect(explanation.alarms.count == 1)
        return try #require(explanation.alarms.first)
    }

    private func pump(_ change: (inout SensorDeclaration) -> Void = { _ in }) -> World {
        var declaration = SensorDeclaration.make("pump", deadline: 10, high: .at(60, .high))
        declaration.unit = "bar"
        declaration.high?.deadband = 2
        change(&declaration)
        return World([declaration])
    }

    @Test func `a value within its limit says how far it is from it`() throws {
        let world = self.pump()
        world.read("pump", 41.2)
        let alarm = try self.explained(world, "pump", "high")
        #expect(alarm.result == .notMet && alarm.state == .normal)
        #expect(alarm.answer == "Not raised: 41.2 bar is below 60 bar, by 18.8 bar.")
        #expect(alarm.rule == "value >= 60 bar, deadband 2 bar")
        #expect(alarm.inputs.map(\.value) == [41.2] && alarm.inputs[0].isLive)
        #expect(alarm.activation.isEmpty && alarm.raisedAt == nil)
    }

    @Test func `a raised alarm names its value, and the deadband that holds it`() throws {
        let world = self.pump()
        world.advance(to: 1)
        world.read("pump", 61.5)
        let raised = try self.explained(world, "pump", "high")
        #expect(raised.state == .unacknowledged)
        #expect(raised.answer.contains("61.5 bar is at or above 60 bar"))
        #expect(raised.triggerValue == 61.5 && raised.activationCount == 1)
        #expect(raised.annunciationCount == 1)
        #expect(raised.raisedAt?.nanoseconds == World.wall(1))
        world.read("pump", 59)
        let held = try self.explained(world, "pump", "high")
        #expect(held.answer.contains("59 bar is back within 60 bar, but not by the deadband"))
    }

    @Test func `delays that run are told with their rest, and are the next change`() throws {
        let world = self.pump {
            $0.high?.onDelayNanoseconds = seconds(5)
            $0.high?.offDelayNanoseconds = seconds(4)
        }
        world.read("pump", 70)
        world.advance(to: 2)
        world.read("pump", 71)
        let pending = try self.explained(world, "pump", "high")
        #expect(pending.answer.contains("on-delay runs for another 3 s"))
        #expect(pending.timers.map(\.kind) == [.onDelay])
        #expect(pending.timers[0].remainingNanoseconds == seconds(3))
        #expect(pending.timers[0].endsAt.nanoseconds == World.wall(5))
        let whole = try #require(world.why("pump", at: 2))
        #expect(whole.timers.map(\.kind) == [.onDelay, .deadline])
        #expect(whole.nextChange?.owner == "pump:high")
        world.advance(to: 6)
        world.read("pump", 10)
        world.advance(to: 7)
        let ending = try self.explained(world, "pump", "high")
        #expect(ending.answer.contains("off-delay runs for another 3 s"))
        #expect(ending.timers.map(\.kind) == [.offDelay])
    }

    @Test func `the next change is when it says: the moment before nothing has changed`() throws {
        let world = self.pump { $0.high?.onDelayNanoseconds = seconds(5) }
        world.read("pump", 70)
        let explanation = try #require(world.why("pump", at: 0))
        let next = try #require(explanation.nextChange)
        let second = Double(next.remainingNanoseconds) / 1e9
        world.advance(to: second - 0.001)
        #expect(world.state(.high, "pump") == .normal)
        world.advance(to: second)
        #expect(world.state(.high, "pump") == .unacknowledged)
    }

    @Test func `silence: what is left of the deadline, then that it passed and what it blinds`()
        throws
    {
        let world = self.pump()
        world.read("pump", 61)
        world.advance(to: 4)
        let fresh = try self.explained(world, "pump", "stale")
        #expect(fresh.answer.contains("4 s old, and 6 s of its deadline are left"))
        world.advance(to: 12)
        let stale = try self.explained(world, "pump", "stale")
        #expect(stale.answer.contains("12 s old, the deadline is 10 s"))
        #expect(stale.state == .unacknowledged)
        let blind = try self.explained(world, "pump", "high")
        #expect(blind.result == .stale && blind.state == .unacknowledged)
        #expect(blind.answer.contains("nothing is known of the condition: pump is stale"))
        #expect(blind.heldSince?.nanoseconds == World.wall(10))
        #expect(!blind.inputs[0].isLive)
        let whole = try #require(world.why("pump", at: 12))
        #expect(!whole.timers.contains { $0.kind == .deadline })
    }

    @Test func `what keeps an alarm back is told with its end, and that nobody was told`() throws {
        let world = self.pump()
        world.read("pump", 1)
        _ = world.command(.shelve, "pump", .high, seconds: 30)
        world.advance(to: 5)
        world.read("pump", 70)
        let alarm = try self.explained(world, "pump", "high")
        #expect(alarm.answer.contains("Nobody was told: shelved."))
        let shelving = try #require(alarm.suppressions.first)
        #expect(shelving.kind == .shelved && shelving.isInForce)
        #expect(shelving.reason.contains("another 25 s"))
        #expect(alarm.timers.map(\.kind) == [.shelving])
        #expect(alarm.timers[0].remainingNanoseconds == seconds(25))
        let outOfService = alarm.suppressions.filter { $0.kind == .outOfService }
        #expect(outOfService.map(\.isInForce) == [false])
    }

    @Test func `a suppression rule says why it holds, and why it does not`() throws {
        var pump = SensorDeclaration.make("pump", deadline: 10, high: .at(60, .high))
        pump.high?.handling.suppressions = [
            .alarm(path: "valve", kind: .high), .mode(path: "mode", value: 2),
        ]
        let valve = SensorDeclaration.make("valve", deadline: 10, high: .at(1, .high))
        let world = World([pump, valve, .make("mode", deadline: 10)])
        world.read("pump", 1)
        world.read("valve", 0)
        func rules() throws -> [ExplainedSuppression] {
            try self.explained(world, "pump", "high").suppressions.filter { $0.kind == .rule }
        }
        #expect(try rules().map(\.isInForce) == [false, false])
        #expect(try rules()[0].reason == "while valve:high is raised: it is not")
        #expect(try rules()[1].reason.contains("what is not known suppresses nothing"))
        world.read("valve", 2)
        world.read("mode", 1)
        world.read("pump", 70)
        let after = try rules()
        #expect(after.map(\.isInForce) == [true, false])
        #expect(after[0].cause == "valve:high")
        #expect(after[1].reason == "while mode is 2: it is 1")
        let whole = try #require(world.why("pump", at: 0))
        // Its own deadline, and those of what decides whether people are told.
        #expect(Set(whole.timers.map(\.owner)) == ["pump", "valve", "mode"])
    }

    @Test func `a lost source is the cause of what is kept back behind it`() throws {
        let world = World(
            (0..<6).map { .make("plant/\($0)", deadline: 3, high: .at(9), stale: .medium) })
        let source = world.supervise("gateway")
        for index in 0..<6 { world.read("plant/\(index)", 1, World.Facts(source: source)) }
        let before = try self.explained(world, "plant/5", "stale")
        #expect(before.suppressions.last?.reason == "source gateway is not lost")
        world.evidence(.closedAbnormally, of: source)
        world.advance(to: 1)
        let alarm = try self.explained(world, "plant/5", "stale")
        let kept = try #require(alarm.suppressions.first)
        #expect(kept.kind == .source && kept.isInForce)
        #expect(kept.cause == RuleBook.sourcePathPrefix + "gateway:stale")
        #expect(alarm.answer.contains("its source is lost"))
    }

    @Test func `a grace after a restart is a timer of its own`() throws {
        let world = self.pump()
        world.read("pump", 1)
        world.advance(to: 2)
        world.start()
        let explanation = try #require(world.why("pump", at: 2))
        #expect(explanation.sensor.freshness == .unverified)
        #expect(explanation.timers.map(\.kind) == [.deadline, .grace])
        #expect(explanation.timers.map(\.remainingNanoseconds) == [seconds(18), seconds(18)])
        #expect(explanation.timers[1].effect.contains("grace of 10 s"))
    }

    @Test func `a rule shows all it looks at, and which of it is unknown`() throws {
        let rule = RuleDeclaration(
            name: "apart", sensors: ["pump"],
            condition: .deviation(
                reference: "valve", setpoint: 0, above: 5, below: nil, deadband: 0))
        let world = World(
            [.make("pump", deadline: 10), .make("valve", deadline: 10)], rules: [rule])
        world.read("pump", 20)
        let unknown = try self.explained(world, "pump", "apart")
        #expect(unknown.result == .stale)
        #expect(unknown.inputs.map(\.name) == ["pump", "valve"])
        #expect(unknown.answer.contains("valve is neverReceived"))
        world.read("valve", 10)
        let met = try self.explained(world, "pump", "apart")
        #expect(met.state == .unacknowledged && met.measured == 10)
        #expect(met.answer.contains("the condition is met, measured 10"))
        #expect(met.rule == "distance from valve: above >= 5")
        for value in [25.0, 18] { world.read("pump", value) }
        let later = try self.explained(world, "pump", "apart")
        #expect(later.measured == 8)
        #expect(later.triggerValue == 10 && later.worstValue == 15)
        #expect(later.answer.contains("It measured 10 when that began, 15 at worst."))
    }

    @Test func `the worst that a window measured lies on the side of its limit`() throws {
        let rule = RuleDeclaration(
            name: "weak", sensors: ["pump"],
            condition: .window(
                measure: .min, limit: RuleLimit(setpoint: 10, isHigh: false),
                windowNanoseconds: seconds(10)))
        let world = World([.make("pump", deadline: 10)], rules: [rule])
        for second in 0...45 {
            world.send("pump", second < 20 ? 9 : second < 30 ? 4 : 8, at: Double(second))
        }
        let weak = try self.explained(world, "pump", "weak")
        #expect(weak.state.isRaised && weak.measured == 8)
        #expect(weak.triggerValue == 9 && weak.worstValue == 4)
    }

    @Test func `a rule on trial says what it would have done`() throws {
        var rule = RuleDeclaration(
            name: "trial", sensors: ["pump"],
            condition: .deviation(
                reference: nil, setpoint: 0, above: 5, below: nil, deadband: 0))
        rule.isPassive = true
        let world = World([.make("pump", deadline: 10)], rules: [rule])
        world.read("pump", 20)
        let alarm = try self.explained(world, "pump", "trial")
        #expect(alarm.isPassive && alarm.wouldAlarmCount == 1 && alarm.result == .met)
        #expect(alarm.answer.contains("on trial") && alarm.answer.contains("1 times"))
        #expect(world.annunciations().isEmpty)
    }

    @Test func `nobody of that name is no explanation, and asking changes nothing`() throws {
        let world = self.pump()
        world.read("pump", 70)
        let before = world.picture
        let bytes = world.engine.checkpoint(after: Position(epoch: 1, n: 9))
        _ = try self.explained(world, "pump", "high")
        #expect(world.why("nobody", at: 0) == nil)
        #expect(world.why("pump", "low", at: 0) == nil)
        #expect(world.picture == before)
        let after = world.engine.checkpoint(after: Position(epoch: 1, n: 9))
        #expect(after == bytes)
    }
}

extension World {
    func why(_ path: String, _ name: String? = nil, at second: Double) -> Explanation? {
        self.engine.explain(path: path, alarm: name, at: Self.instant(second))
    }
}
