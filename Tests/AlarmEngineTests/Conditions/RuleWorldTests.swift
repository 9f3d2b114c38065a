// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import Testing

/// Every condition driven through the whole engine, with replay and a checkpoint in the middle.
@Suite struct RuleWorldTests {
    private static func sensor(_ path: String, deadline: Double = 10) -> SensorDeclaration {
        SensorDeclaration(pattern: path, deadlineNanoseconds: seconds(deadline))
    }

    private static func world(
        _ condition: RuleCondition, sensors: [SensorDeclaration] = [Self.sensor("a")],
        on pattern: String = "a", _ change: (inout RuleDeclaration) -> Void = { _ in }
    ) -> World {
        var rule = RuleDeclaration(name: "rule", sensors: [pattern], condition: condition)
        change(&rule)
        return World(sensors, rules: [rule])
    }

    /// Names and kinds of alarm decisions so far: "a:rule alarmRaised".
    private static func history(_ world: World) -> [String] {
        world.outcomes.compactMap { outcome in
            switch outcome.decision.kind {
            case .alarmRaised, .alarmReturned:
                let path = world.path(of: outcome.decision.sensor)
                let name = world.engine.alarmName(of: outcome.decision)
                return "\(path):\(name) \(outcome.decision.kind.word)"
            default: return nil
            }
        }
    }

    @Test func `a rise is alarmed with the rule's name, its kind and what was measured`() {
        let world = Self.world(
            .rateOfChange(rise: 1, fall: nil, deadband: 0, windowNanoseconds: seconds(8)))
        for second in 0...8 { world.send("a", Double(second) * 0.5, at: Double(second)) }
        #expect(Self.history(world) == [])
        for second in 9...17 { world.send("a", Double(second) * 2, at: Double(second)) }
        #expect(Self.history(world) == ["a:rule alarmRaised"])
        let body = world.outcomes.last?.body ?? ""
        #expect(body.contains("\"alarm\":\"rule\",\"condition\":\"rateOfChange\",\"measured\":"))
        world.verifyReplay()
    }

    @Test func `a flat line is alarmed and ends with the first change`() {
        let world = Self.world(.flatLine(epsilon: 0.1, durationNanoseconds: seconds(20)))
        for second in stride(from: 0.0, through: 20, by: 5) { world.send("a", 7, at: second) }
        #expect(Self.history(world) == ["a:rule alarmRaised"])
        world.send("a", 8, at: 21)
        #expect(Self.history(world).last == "a:rule alarmReturned")
        world.verifyReplay()
    }

    @Test func `a deviation follows its reference, also when only that one speaks`() {
        let world = Self.world(
            .deviation(reference: "b", setpoint: 0, above: 5, below: nil, deadband: 1),
            sensors: [Self.sensor("a"), Self.sensor("b")])
        world.send("a", 20, at: 0)
        world.send("b", 18, at: 1)
        world.send("b", 14, at: 2)
        #expect(Self.history(world) == ["a:rule alarmRaised"])
        world.send("b", 16.5, at: 3)
        #expect(Self.history(world).last == "a:rule alarmReturned")
        world.verifyReplay()
    }

    @Test func `a lost reference holds the alarm and raises one that waits`() {
        let world = Self.world(
            .deviation(reference: "b", setpoint: 0, above: 5, below: nil, deadband: 1),
            sensors: [Self.sensor("a", deadline: 60), Self.sensor("b", deadline: 5)]
        ) { $0.onDelayNanoseconds = seconds(30) }
        world.send("a", 20, at: 0)
        world.send("b", 10, at: 1)
        #expect(Self.history(world) == [])
        world.advance(to: 7)
        #expect(Self.history(world) == ["b:stale alarmRaised", "a:rule alarmRaised"])
        world.verifyReplay()
    }

    @Test func `two of three raise, and the odd one out is named`() {
        let group = ["t/1", "t/2", "t/3"]
        let world = World(
            group.map { Self.sensor($0) },
            rules: [
                RuleDeclaration(
                    name: "hot", sensors: ["t/1"],
                    condition: .vote(
                        members: group, required: 2, limit: RuleLimit(setpoint: 80, deadband: 5))),
                RuleDeclaration(
                    name: "disagree", sensors: ["t/1"],
                    condition: .discrepancy(members: group, tolerance: 20, deadband: 2)),
            ])
        for (index, path) in group.enumerated() { world.send(path, 70, at: Double(index) * 0.1) }
        world.send("t/2", 95, at: 1)
        #expect(Self.history(world) == ["t/1:disagree alarmRaised"])
        #expect(world.outcomes.last?.body.contains("\"oddOne\":\"t/2\"") == true)
        world.send("t/3", 85, at: 2)
        #expect(Self.history(world).contains("t/1:hot alarmRaised"))
        world.verifyReplay()
    }

    @Test func `states, quality and skew alarm at the reading`() {
        let world = World(
            [Self.sensor("a")],
            rules: [
                RuleDeclaration(
                    name: "state", sensors: ["#"], condition: .offNormal(normalStates: 0b11)),
                RuleDeclaration(
                    name: "quality", sensors: ["#"],
                    condition: .badQuality(includesUncertain: true)),
                RuleDeclaration(
                    name: "skew", sensors: ["#"],
                    condition: .clockSkew(
                        maxNanoseconds: seconds(2), deadbandNanoseconds: seconds(1))),
            ])
        world.send("a", 1, at: 0, sourceTime: 0)
        #expect(Self.history(world) == [])
        world.send("a", 2, at: 1, sourceTime: 1)
        #expect(Self.history(world) == ["a:state alarmRaised"])
        world.send("a", 1, at: 2, sourceTime: 2, quality: .uncertain)
        #expect(
            Self.history(world).suffix(2) == ["a:state alarmReturned", "a:quality alarmRaised"])
        world.send("a", 1, at: 3, sourceTime: 1_003)
        #expect(Self.history(world).contains("a:skew alarmRaised"))
        world.verifyReplay()
    }

    @Test func `windows, drift and numbers that are missing alarm`() {
        let world = World(
            [Self.sensor("a"), Self.sensor("n")],
            rules: [
                RuleDeclaration(
                    name: "mean", sensors: ["a"],
                    condition: .window(
                        measure: .mean, limit: RuleLimit(setpoint: 40),
                        windowNanoseconds: seconds(10))),
                RuleDeclaration(
                    name: "creep", sensors: ["a"],
                    condition: .drift(
                        limit: 5, deadband: 1, averageNanoseconds: seconds(20), reference: nil)),
                RuleDeclaration(
                    name: "gaps", sensors: ["n"],
                    condition: .sequence(
                        faults: 2, windowNanoseconds: seconds(60), modulus: 0)),
            ])
        for second in 0..<30 {
            world.send("a", 20, at: Double(second))
            world.send("n", Double(second), at: Double(second) + 0.5)
        }
        #expect(Self.history(world) == [])
        for second in 30..<45 { world.send("a", 60, at: Double(second)) }
        world.send("n", 40, at: 46)
        #expect(
            Set(Self.history(world)).isSuperset(
                of: ["a:mean alarmRaised", "a:creep alarmRaised", "n:gaps alarmRaised"]))
        world.verifyReplay()
    }

    @Test func `an expression over sensors, alarms and other rules follows them in order`() {
        var high = Self.sensor("p/in")
        high.high = LimitSetting(setpoint: 8)
        let world = World(
            [high, Self.sensor("p/out")],
            rules: [
                RuleDeclaration(
                    name: "both", sensors: ["p/out"],
                    condition: .expression("condition(:loss) and raised(p/in:high)")),
                RuleDeclaration(
                    name: "loss", sensors: ["p/+"],
                    condition: .expression("value(p/in) - value(p/out) > 3")),
            ])
        world.send("p/in", 5, at: 0)
        world.send("p/out", 4, at: 0.1)
        #expect(Self.history(world) == [])
        world.send("p/in", 9, at: 1)
        #expect(
            Set(Self.history(world)) == [
                "p/in:high alarmRaised", "p/in:loss alarmRaised", "p/out:loss alarmRaised",
                "p/out:both alarmRaised",
            ])
        world.send("p/out", 8, at: 2)
        #expect(Self.history(world).suffix(3).allSatisfy { $0.hasSuffix("alarmReturned") })
        world.verifyReplay()
    }

    @Test func `a rule on trial evaluates and never alarms`() {
        let world = Self.world(.expression("value > 5")) { $0.isPassive = true }
        world.send("a", 9, at: 0)
        world.send("a", 1, at: 1)
        world.send("a", 9, at: 2)
        #expect(Self.history(world) == [])
        #expect(world.engine.conditionView(rule: "rule", path: "a")?.wouldAlarmCount == 2)
        #expect(world.engine.conditionView(rule: "rule", path: "a")?.result == .met)
    }

    @Test func `rules follow a sensor that proof of life revives`() {
        var declarations = ["a", "b"].map { Self.sensor($0) }
        for index in declarations.indices { declarations[index].supervision = .exception }
        let world = Self.world(
            .expression("value > 5 and value(b) > 5"), sensors: declarations)
        world.send("b", 9, at: 0)
        world.send("a", 9, at: 8)
        world.advance(to: 11)
        #expect(Self.history(world).contains("b:stale alarmRaised"))
        world.send("a", 1, at: 12)
        #expect(world.engine.conditionView(rule: "rule", path: "a")?.result == .notMet)
        world.send("a", 9, at: 13)
        #expect(world.engine.conditionView(rule: "rule", path: "a")?.result == .stale)
        world.evidence(.alive, sensor: "b")
        #expect(world.engine.conditionView(rule: "rule", path: "a")?.result == .met)
        world.verifyReplay()
    }

    @Test func `a decision leads to its own alarm among several of one kind`() {
        let rules = ["first", "second"].map {
            RuleDeclaration(name: $0, sensors: ["a"], condition: .expression("value > 5"))
        }
        let world = World([Self.sensor("a")], rules: rules)
        world.send("a", 9, at: 0)
        let raised = world.decisions(.alarmRaised)
        #expect(raised.map { world.engine.alarmName(of: $0) } == ["first", "second"])
        for decision in raised {
            let alarm = world.engine.alarmIndex(of: decision)
            #expect(alarm.map { world.engine.liveAlarm($0).activation } == decision.activation)
        }
    }

    @Test func `an acknowledgement names the rule's alarm`() {
        let world = Self.world(.expression("value > 5"))
        world.send("a", 9, at: 0)
        let raised = world.outcomes.last?.decision
        var command = OperatorCommand(
            verb: .acknowledge, path: "a", alarm: .expression,
            activation: raised?.activation ?? .none, user: "op", origin: "tty", comment: "")
        command.rule = "rule"
        world.command(command)
        #expect(world.outcomes.last?.decision.kind == .alarmAcknowledged)
        #expect(world.outcomes.last?.body.contains("\"alarm\":\"a:rule\"") == true)
        command.rule = "ruel"
        world.command(command)
        #expect(world.outcomes.last?.decision.cause == .unknownAlarm)
        world.verifyReplay()
    }

    @Test func `a new configuration keeps what unchanged rules remember`() {
        let flat = RuleDeclaration(
            name: "flat", sensors: ["a"],
            condition: .flatLine(epsilon: 0.1, durationNanoseconds: seconds(20)))
        let other = RuleDeclaration(
            name: "other", sensors: ["a"], condition: .expression("value > 6"))
        let world = World(
            [Self.sensor("a")], rules: [flat],
            books: [
                RuleBook(
                    revision: World.revision(2), declarations: [Self.sensor("a")],
                    rules: [other, flat]),
                RuleBook(
                    revision: World.revision(3), declarations: [Self.sensor("a")], rules: [flat]),
            ])
        for second in stride(from: 0.0, through: 15, by: 5) { world.send("a", 7, at: second) }
        world.configure(World.revision(2))
        world.send("a", 7, at: 20)
        #expect(
            Set(Self.history(world)) == ["a:flat alarmRaised", "a:other alarmRaised"])
        world.configure(World.revision(3))
        #expect(Self.history(world).last == "a:other alarmReturned")
        #expect(world.outcomes.contains { $0.decision.cause == .ruleRemoved })
        world.verifyReplay()
    }

    @Test func `wildcards bind each sensor to its own neighbour, also one that comes later`() {
        let world = World(
            [Self.sensor("s/+/out"), Self.sensor("s/+/in")],
            rules: [
                RuleDeclaration(
                    name: "gap", sensors: ["s/+/out"],
                    condition: .deviation(
                        reference: "s/{1}/in", setpoint: 0, above: 5, below: 5, deadband: 0))
            ])
        world.register("s/1/out")
        world.send("s/1/out", 10, at: 0)
        world.register("s/2/in")
        world.register("s/1/in")
        world.send("s/2/in", 10, at: 1)
        #expect(Self.history(world) == [])
        world.send("s/1/in", 1, at: 2)
        #expect(Self.history(world) == ["s/1/out:gap alarmRaised"])
        world.verifyReplay()
    }

    // MARK: - Limits

    @Test func `an exclusive limit gives way to the more severe one and comes back after it`() {
        var sensor = Self.sensor("a")
        sensor.areLimitsExclusive = true
        sensor.high = LimitSetting(setpoint: 10)
        sensor.highHigh = LimitSetting(setpoint: 20, onDelayNanoseconds: seconds(5))
        sensor.low = LimitSetting(setpoint: -10)
        sensor.lowLow = LimitSetting(setpoint: -20)
        let world = World([sensor], rules: [])
        world.send("a", 25, at: 0)
        #expect(Self.history(world) == ["a:high alarmRaised"])
        world.send("a", 25, at: 6)
        world.send("a", 25, at: 7)
        #expect(
            Self.history(world).suffix(2) == ["a:highHigh alarmRaised", "a:high alarmReturned"])
        world.send("a", 15, at: 8)
        #expect(
            Self.history(world).suffix(2) == ["a:highHigh alarmReturned", "a:high alarmRaised"])
        world.send("a", -25, at: 9)
        #expect(
            Self.history(world).suffix(2) == ["a:high alarmReturned", "a:lowLow alarmRaised"])
        let returned = world.decisions(.alarmReturned)
        #expect(
            returned.map(\.cause) == [.moreSevereLimit, .valueWithinLimit, .valueWithinLimit])
        #expect(returned.first?.causeAlarm == .highHigh)
        #expect(returned.first?.causeSensor == world.indexes["a"])
        world.verifyReplay()
    }

    @Test func `the more severe of two exclusive limits speaks before the other falls silent`() {
        var sensor = Self.sensor("a")
        sensor.areLimitsExclusive = true
        sensor.low = LimitSetting(setpoint: -10, offDelayNanoseconds: seconds(5))
        sensor.lowLow = LimitSetting(setpoint: -20)
        let world = World([sensor], rules: [])
        world.send("a", -15, at: 0)
        world.send("a", -25, at: 1)
        world.advance(to: 6)
        #expect(
            Self.history(world) == [
                "a:low alarmRaised", "a:lowLow alarmRaised", "a:low alarmReturned",
            ])
        #expect(world.decisions(.alarmReturned).map(\.cause) == [.moreSevereLimit])
        world.send("a", -30, at: 7)
        // Back from both at once: each says so.
        world.send("a", -15, at: 8)
        world.send("a", 0, at: 9)
        world.advance(to: 14)
        #expect(
            world.decisions(.alarmReturned, .low).map(\.cause) == [
                .moreSevereLimit, .offDelayElapsed,
            ])
        world.verifyReplay()
    }

    // (on the way: shelved before it is raised, while high steps aside, once high is gone)
    @Test(arguments: [1, 6, 9])
    func `an exclusive limit gives way to nobody who is out of view`(shelvedAt: Int) {
        var sensor = Self.sensor("a")
        sensor.areLimitsExclusive = true
        sensor.high = LimitSetting(setpoint: 10, offDelayNanoseconds: seconds(3))
        sensor.highHigh = LimitSetting(setpoint: 20)
        let world = World([sensor], rules: [])
        for second in 0...20 {
            world.send("a", second < 5 ? 15 : 25, at: Double(second))
            if second == shelvedAt { world.command(.shelve, "a", .highHigh, seconds: 600) }
        }
        #expect(world.state(.highHigh, "a")?.isRaised == true)
        #expect(world.alarm(.highHigh, "a")?.suppression == .shelved)
        #expect(world.state(.high, "a")?.isRaised == true)
        #expect(world.decisions(.alarmReturned).count == (shelvedAt == 9 ? 1 : 0))
        #expect(world.annunciations(.high).count == (shelvedAt == 9 ? 2 : 1))
        world.command(.unshelve, "a", .highHigh)
        world.send("a", 25, at: 21)
        world.advance(to: 30)
        #expect(world.decisions(.alarmReturned).last?.cause == .moreSevereLimit)
        world.verifyReplay()
    }

    @Test func `an off-delay does not end for one who went out of view while it ran`() {
        var sensor = Self.sensor("a")
        sensor.areLimitsExclusive = true
        sensor.high = LimitSetting(setpoint: 10, offDelayNanoseconds: seconds(3))
        sensor.highHigh = LimitSetting(setpoint: 20)
        let world = World([sensor], rules: [])
        world.send("a", 15, at: 0)
        world.send("a", 25, at: 1)
        world.command(.shelve, "a", .highHigh, seconds: 600)
        // No reading comes in between: what is known of the value is that it is beyond.
        world.advance(to: 4.5)
        #expect(world.state(.high, "a") == .unacknowledged)
        #expect(world.decisions(.alarmReturned).isEmpty)
        world.verifyReplay()
    }

    @Test func `a value outside the instrument's range is no value`() {
        var sensor = Self.sensor("a")
        sensor.high = LimitSetting(setpoint: 10)
        sensor.instrumentRange = -5...50
        sensor.unknownGraceNanoseconds = seconds(2)
        let world = World([sensor], rules: [])
        world.send("a", 50, at: 0)
        #expect(Self.history(world) == ["a:high alarmRaised"])
        world.send("a", 50.1, at: 1)
        world.send("a", -6, at: 2)
        #expect(world.sensor("a")?.quality == .bad)
        #expect(Self.history(world) == ["a:high alarmRaised"])
        world.advance(to: 4)
        #expect(Self.history(world).last == "a:unverifiable alarmRaised")
        world.verifyReplay()
    }

    @Test func `the mode of the area chooses the limits`() {
        var sensor = Self.sensor("w/a", deadline: 60)
        sensor.high = LimitSetting(setpoint: 50)
        var closed = LimitSet(mode: "closed")
        closed.high = LimitSetting(setpoint: 20)
        sensor.limitSets = [closed]
        var area = AreaDeclaration(name: "west", sensors: ["w/#"], modes: ["open", "closed"])
        area.sensor = "mode"
        let world = World(
            [sensor, Self.sensor("mode", deadline: 60)], rules: [], areas: [area])
        world.send("w/a", 30, at: 0)
        world.send("mode", 0, at: 1)
        world.send("mode", 7, at: 2)
        #expect(Self.history(world) == [])
        world.send("mode", 1, at: 3)
        #expect(Self.history(world) == ["w/a:high alarmRaised"])
        #expect(world.bodies.contains { $0.contains("\"area\":\"west\",\"mode\":\"closed\"") })
        // What is not known changes no limit.
        world.send("mode", 1, at: 4, quality: .bad)
        #expect(Self.history(world).count == 1)
        world.send("mode", 0, at: 5)
        #expect(Self.history(world).last == "w/a:high alarmReturned")
        world.verifyReplay()
    }
}

@Suite struct RuleSetTests {
    private func rule(_ name: String, _ text: String) -> RuleDeclaration {
        RuleDeclaration(name: name, sensors: ["a"], condition: .expression(text))
    }

    @Test func `rules stand behind what they need`() {
        let set = RuleSet([
            self.rule("c", "condition(:b) and condition(:a)"), self.rule("a", "value > 1"),
            self.rule("b", "raised(:a)"),
        ])
        let ranks = set.rules.map(\.rank)
        #expect(ranks[1] < ranks[2] && ranks[2] < ranks[0])
        #expect(set.cycles == [])
    }

    @Test func `a circle is found and its rules do not run`() {
        let set = RuleSet([
            self.rule("a", "raised(:b)"), self.rule("b", "not raised(:a)"),
            self.rule("c", "value > 1"),
        ])
        #expect(set.cycles == [["a", "b", "a"]])
        #expect(set.rules.map { $0.program == nil } == [true, true, false])
        let world = World(
            [SensorDeclaration(pattern: "a", deadlineNanoseconds: seconds(10))],
            rules: set.rules.map(\.declaration))
        world.send("a", 2, at: 1)
        #expect(world.engine.conditionView(rule: "b", path: "a")?.result == .error)
        #expect(world.engine.conditionView(rule: "c", path: "a")?.result == .met)
    }
}
