// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

@testable import AlarmEngine

/// Rules about sources: one alarm of the source, however many sensors are behind it.
@Suite struct SourceRuleTests {
    private static let gateway = RuleBook.sourcePathPrefix + "gateway"

    private static func skew(
        _ sources: [String] = ["gateway"], most: Double = 5, deadband: Double = 0
    ) -> RuleDeclaration {
        RuleDeclaration(
            name: "clock", sources: sources,
            condition: .clockSkew(
                maxNanoseconds: seconds(most), deadbandNanoseconds: seconds(deadband)))
    }

    /// A plant of `count` sensors, `plant/0` …, behind the source "gateway".
    private func plant(
        _ count: Int, deadline: Double = 60, rules: [RuleDeclaration],
        extra: [SensorDeclaration] = []
    ) -> (world: World, source: SourceIndex) {
        let world = World(
            (0..<count).map { .make("plant/\($0)", deadline: deadline) } + extra, rules: rules)
        return (world, world.supervise("gateway"))
    }

    /// One reading of a sensor, whose sender's clock is behind ours by `behind` seconds.
    private func read(
        _ world: World, _ path: String, _ source: SourceIndex, behind: Double?, value: Double = 1
    ) {
        world.read(
            path, value,
            World.Facts(sourceTime: behind.map { world.now - $0 }, source: source))
    }

    private func state(_ world: World, _ name: String = "clock") -> AlarmState? {
        world.alarm(named: name, Self.gateway)?.state
    }

    private func result(_ world: World, _ name: String = "clock") -> ConditionResult? {
        world.engine.conditionView(rule: name, path: Self.gateway)?.result
    }

    @Test func `what a lost source explains names it when new rules give the source more alarms`() {
        let sensors = (0..<4).map { SensorDeclaration.make("plant/\($0)", deadline: 60) }
        let gateway = SensorDeclaration.make(Self.gateway, deadline: 60)
        let more = ["one", "two", "three"].map { name in
            var rule = Self.skew()
            rule.name = name
            return rule
        }
        let next = RuleBook(
            revision: World.revision(2), declarations: sensors + [gateway], rules: more)
        let world = World(
            RuleBook(revision: World.revision(1), declarations: sensors + [gateway]),
            books: [next])
        let source = world.supervise("gateway")
        for index in 0..<4 { self.read(world, "plant/\(index)", source, behind: nil) }
        world.advance(to: 5)
        world.evidence(.closedAbnormally, of: source)
        world.advance(to: 6)
        for revision in [1, 2] {
            world.configure(World.revision(UInt8(revision)))
            for index in 0..<4 {
                let alarm = world.alarm(.stale, "plant/\(index)")
                #expect(alarm?.suppression == .suppressedByDesign)
                #expect(alarm?.causeSensor == world.indexes[Self.gateway])
            }
        }
        world.verifyReplay()
    }

    @Test func `a gateway whose clock is off is one alarm that names it and what is behind it`() {
        let (world, source) = self.plant(500, rules: [Self.skew()])
        for round in 0..<3 {
            world.advance(to: Double(round * 10))
            for index in 0..<500 { self.read(world, "plant/\(index)", source, behind: 12) }
        }
        let raised = world.decisions(.alarmRaised)
        #expect(raised.map(\.sensor) == [world.indexes[Self.gateway]])
        let body = world.outcomes.first { $0.decision.kind == .alarmRaised }?.body ?? ""
        #expect(body.contains("\"sensor\":\"midwatch/source/gateway\""))
        #expect(body.contains("\"condition\":\"clockSkew\",\"measured\":12"))
        // All of them had spoken before the second reading of any.
        #expect(body.contains("\"sensorsBehind\":1,"))
        let why = world.engine.explain(
            path: Self.gateway, alarm: "clock", at: World.instant(world.now))
        let alarm = why?.alarms.first
        #expect(alarm?.rule.hasPrefix("the source's clock is off by more than 5 s") == true)
        #expect(alarm?.measured == 12)
        #expect(
            alarm?.inputs.first?.note == "500 sensors are behind it: plant/0, plant/1, plant/2, "
                + "plant/3, plant/4, plant/5, plant/6, plant/7 and 492 more")
        // Delays and deadbands are those of every rule.
        #expect(alarm?.triggerValue == 12)
        world.verifyReplay()
    }

    @Test func `the clock is judged alike by the short way of a reading and by the long one`() {
        var pictures: [[String]] = []
        for takesShortcut in [true, false] {
            let (world, source) = self.plant(3, rules: [Self.skew(deadband: 2)])
            world.touch { $0.takesShortcut = takesShortcut }
            for (second, behind) in [1.0, 1, 5, 4, 3.5, 2.9, 1, 6].enumerated() {
                // Far enough apart that no source time goes back.
                world.advance(to: Double(second * 10))
                for index in 0..<3 { self.read(world, "plant/\(index)", source, behind: behind) }
            }
            #expect(world.decisions(.alarmRaised).count == 2)
            #expect(world.decisions(.alarmReturned).count == 1)
            pictures.append(world.bodies)
        }
        #expect(pictures[0] == pictures[1])
    }

    @Test func `deadband, delays and trial hold for the rule of a source as for any other`() {
        var rule = Self.skew(most: 5, deadband: 1)
        rule.onDelayNanoseconds = seconds(4)
        rule.offDelayNanoseconds = seconds(3)
        rule.priority = .high
        var trial = Self.skew()
        trial.name = "trial"
        trial.isPassive = true
        let (world, source) = self.plant(1, rules: [rule, trial])
        for (second, behind) in [(1.0, 5.0), (2, 5), (3, 5)] {
            world.advance(to: second)
            self.read(world, "plant/0", source, behind: behind)
        }
        world.leap(to: 4.999_999_999)
        #expect(self.state(world) == .normal)
        world.leap(to: 5)
        #expect(self.state(world) == .unacknowledged)
        #expect(world.alarm(named: "clock", Self.gateway)?.priority == .high)
        self.read(world, "plant/0", source, behind: 4.5)
        world.advance(to: 9)
        #expect(self.state(world) == .unacknowledged)
        self.read(world, "plant/0", source, behind: 3.9)
        world.leap(to: 11.999_999_999)
        #expect(self.state(world) == .unacknowledged)
        world.leap(to: 12)
        #expect(self.state(world) == .returnedUnacknowledged)
        #expect(
            world.engine.conditionView(rule: "trial", path: Self.gateway)?.wouldAlarmCount == 1)
        #expect(world.alarm(named: "trial", Self.gateway) == nil)
        world.verifyReplay()
    }

    @Test func `a source is judged by all that comes through it, and by nothing else`() {
        var pinned = SensorDeclaration.make("bus/1", deadline: 60)
        pinned.behind = "bus"
        let (world, source) = self.plant(2, rules: [Self.skew()], extra: [pinned])
        let other = world.supervise("other")
        let bus = world.registerSource("bus", behind: source)
        self.read(world, "plant/0", source, behind: 0)
        self.read(world, "plant/1", other, behind: 100)
        #expect(self.result(world) == .notMet)
        // Through a source that is behind it.
        self.read(world, "plant/1", bus, behind: -100)
        #expect(self.result(world) == .met)
        world.advance(to: 1)
        self.read(world, "plant/0", source, behind: 0)
        #expect(self.result(world) == .notMet)
        // Put behind the bus by its declaration, though it came through another source.
        self.read(world, "bus/1", other, behind: -100)
        #expect(self.result(world) == .met)
        world.verifyReplay()
    }

    @Test func `readings that say nothing about now say nothing about a clock`() {
        let (world, source) = self.plant(2, rules: [Self.skew()])
        self.read(world, "plant/0", source, behind: 1)
        world.advance(to: 10)
        // Sent again, and older than what was heard.
        world.read(
            "plant/0", 1, World.Facts(sourceTime: -500, flags: .historical, source: source))
        world.read("plant/0", 1, World.Facts(sourceTime: -400, source: source))
        // Without a source time.
        self.read(world, "plant/1", source, behind: nil)
        #expect(self.result(world) == .notMet)
        #expect(world.decisions(.alarmRaised).isEmpty)
        world.verifyReplay()
    }

    @Test func `a clock of which no reading speaks any more is not known, and its alarm is held`() {
        let (world, source) = self.plant(2, rules: [Self.skew()])
        self.read(world, "plant/0", source, behind: 9)
        #expect(self.state(world) == .unacknowledged)
        // The deadline of a source that nothing declares is that of undeclared sensors.
        for second in stride(from: 10.0, through: 60, by: 10) {
            world.advance(to: second)
            self.read(world, "plant/1", source, behind: nil)
        }
        #expect(self.result(world) == .met)
        world.advance(to: 60.000_000_001)
        self.read(world, "plant/1", source, behind: nil)
        #expect(self.result(world) == .stale)
        #expect(self.state(world) == .unacknowledged)
        world.advance(to: 61)
        self.read(world, "plant/1", source, behind: 1)
        #expect(self.result(world) == .notMet)
        world.verifyReplay()
    }

    @Test func `a lost source and a restart leave its clock unknown until a reading`() {
        let (world, source) = self.plant(2, rules: [Self.skew()])
        self.read(world, "plant/0", source, behind: 9)
        world.evidence(.closedAbnormally, of: source)
        world.advance(to: 1)
        #expect(self.result(world) == .stale)
        #expect(self.state(world) == .unacknowledged)
        self.read(world, "plant/0", source, behind: 9)
        #expect(self.result(world) == .met)
        world.start()
        #expect(self.result(world) == .stale)
        #expect(self.state(world) == .unacknowledged)
        world.advance(to: 2)
        self.read(world, "plant/0", source, behind: 0)
        #expect(self.result(world) == .notMet)
        #expect(self.state(world) == .returnedUnacknowledged)
        world.verifyReplay()
    }

    @Test func `the drift of a source's clock is that of all its readings together`() {
        let rule = RuleDeclaration(
            name: "drifts", sources: ["gateway"],
            condition: .clockDrift(
                partsPerMillion: 1_000, deadband: 0, windowNanoseconds: seconds(20)))
        let (world, source) = self.plant(3, rules: [rule])
        // One sensor speaks in each half: none alone would tell.
        for second in 0..<31 {
            world.advance(to: Double(second))
            self.read(
                world, "plant/\(second % 3)", source, behind: 1 + 0.002 * Double(second))
        }
        #expect(world.decisions(.alarmRaised).map(\.sensor) == [world.indexes[Self.gateway]])
        let measured = world.engine.conditionView(rule: "drifts", path: Self.gateway)?.measured
        #expect(abs((measured ?? 0) - 2_000) < 1)
        world.verifyReplay()
    }

    @Test func `a template watches each source that it fits, and no sensor`() {
        let world = World(
            [.make("a/1", deadline: 60), .make("b/1", deadline: 60)],
            rules: [Self.skew(["udp/plant/+"])])
        let listener = world.supervise("udp/plant")
        let first = world.registerSource("udp/plant/10.0.0.1", behind: listener)
        let second = world.registerSource("udp/plant/10.0.0.2", behind: listener)
        // It spoke before a sensor stood for it.
        self.read(world, "a/1", first, behind: 30)
        for source in ["udp/plant/10.0.0.1", "udp/plant/10.0.0.2"] {
            world.register(RuleBook.sourcePathPrefix + source)
        }
        #expect(world.decisions(.alarmRaised).isEmpty)
        world.advance(to: 1)
        self.read(world, "a/1", first, behind: 30)
        self.read(world, "b/1", second, behind: 1)
        let path = RuleBook.sourcePathPrefix + "udp/plant/10.0.0.1"
        #expect(world.decisions(.alarmRaised).map(\.sensor) == [world.indexes[path]])
        #expect(world.freshness(path) == .fresh)
        // Of the listener itself nothing is asked.
        #expect(world.alarm(named: "clock", RuleBook.sourcePathPrefix + "udp/plant") == nil)
        #expect(world.alarm(named: "clock", "a/1") == nil)
        world.verifyReplay()
    }

    @Test func `a rule about sensors that fits all of them asks nothing of sources`() {
        var rule = Self.skew()
        rule.sensors = ["#"]
        rule.isOfSources = false
        let (world, source) = self.plant(2, rules: [rule])
        for index in 0..<2 { self.read(world, "plant/\(index)", source, behind: 20) }
        let sensors = world.decisions(.alarmRaised).map(\.sensor)
        #expect(sensors == [world.indexes["plant/0"], world.indexes["plant/1"]])
        #expect(self.state(world) == .normal)
    }

    // MARK: - Numbers

    private static func numbers(faults: UInt64 = 2) -> RuleDeclaration {
        RuleDeclaration(
            name: "numbers", sources: ["gateway"],
            condition: .sequence(
                faults: faults, windowNanoseconds: seconds(10), modulus: 0, sensor: "plant/seq"))
    }

    private func numbered(_ rules: [RuleDeclaration]) -> (world: World, source: SourceIndex) {
        self.plant(1, rules: rules, extra: [.make("plant/seq", deadline: 20)])
    }

    @Test func `gaps and duplicates of a source's numbers are the source's alarm`() {
        let (world, source) = self.numbered([Self.numbers()])
        for (second, number) in [(0.0, 10.0), (1, 11), (2, 13), (3, 13)] {
            #expect(world.decisions(.alarmRaised).isEmpty)
            world.advance(to: second)
            self.read(world, "plant/seq", source, behind: 0, value: number)
        }
        #expect(world.decisions(.alarmRaised).map(\.sensor) == [world.indexes[Self.gateway]])
        #expect(world.decisions(.alarmRaised).first?.measured == 2)
        // The faults leave the window by time alone.
        world.advance(to: 10.9)
        #expect(self.state(world, "numbers") == .unacknowledged)
        for second in [11.0, 12, 13] {
            world.advance(to: second)
            self.read(world, "plant/seq", source, behind: 0, value: second + 3)
        }
        world.advance(to: 15)
        #expect(self.state(world, "numbers") == .returnedUnacknowledged)
        world.verifyReplay()
    }

    @Test func `what is no new reading of the numbers counts nothing`() {
        let (world, source) = self.numbered([Self.numbers(faults: 1)])
        self.read(world, "plant/seq", source, behind: 0, value: 1)
        world.advance(to: 1)
        // Other sensors, the loss and return of the source, a restart, a configuration.
        self.read(world, "plant/0", source, behind: 0, value: 7)
        world.evidence(.closedAbnormally, of: source)
        world.advance(to: 2)
        #expect(self.result(world, "numbers") == .stale)
        world.evidence(.connected, of: source)
        world.start()
        world.configure(World.revision(9))
        world.advance(to: 3)
        self.read(world, "plant/seq", source, behind: 0, value: 2)
        #expect(self.result(world, "numbers") == .notMet)
        #expect(world.decisions(.alarmRaised, .sequence).isEmpty)
        // One that is the same for the second time does.
        world.advance(to: 4)
        self.read(world, "plant/seq", source, behind: 0, value: 2)
        #expect(self.result(world, "numbers") == .met)
        world.verifyReplay()
    }

    @Test func `numbers that are none make the source's rule err, and silence makes it unknown`() {
        let (world, source) = self.numbered([Self.numbers()])
        self.read(world, "plant/seq", source, behind: 0, value: 0.5)
        #expect(self.result(world, "numbers") == .error)
        world.advance(to: 10.1)
        #expect(world.alarm(.unverifiable, Self.gateway)?.state == .unacknowledged)
        self.read(world, "plant/seq", source, behind: 0, value: 5)
        #expect(self.result(world, "numbers") == .notMet)
        world.advance(to: 31)
        #expect(self.result(world, "numbers") == .stale)
        world.verifyReplay()
    }

    @Test func `the sensor that carries a source's numbers is named with its wildcards`() {
        let world = World(
            [.make("gw/1/seq", deadline: 60), .make("gw/2/seq", deadline: 60)],
            rules: [
                RuleDeclaration(
                    name: "numbers", sources: ["mqtt/in/+"],
                    condition: .sequence(
                        faults: 1, windowNanoseconds: seconds(10), modulus: 0,
                        sensor: "gw/{1}/seq"))
            ])
        let sources = ["1", "2"].map { world.supervise("mqtt/in/\($0)") }
        for number in [1.0, 3] {
            world.advance(to: number)
            self.read(world, "gw/1/seq", sources[0], behind: 0, value: number)
            self.read(world, "gw/2/seq", sources[1], behind: 0, value: (number + 1) / 2)
        }
        let raised = world.decisions(.alarmRaised).map(\.sensor)
        #expect(raised == [world.indexes[RuleBook.sourcePathPrefix + "mqtt/in/1"]])
        let why = world.engine.explain(
            path: RuleBook.sourcePathPrefix + "mqtt/in/1", alarm: "numbers",
            at: World.instant(world.now))
        #expect(why?.alarms.first?.inputs.map(\.name).last == "gw/1/seq")
        world.verifyReplay()
    }

    @Test
    func `a changed configuration keeps what a source's rule knows, and takes away its alarm`() {
        let other = RuleBook(
            revision: World.revision(4), declarations: [.make("plant/0", deadline: 60)],
            sources: SourceTree([SourceDeclaration(name: "gateway")]))
        var same = Self.skew()
        same.priority = .critical
        let urgent = RuleBook(
            revision: World.revision(5), declarations: [.make("plant/0", deadline: 60)],
            rules: [same], sources: SourceTree([SourceDeclaration(name: "gateway")]))
        let world = World(
            [.make("plant/0", deadline: 60)], rules: [Self.skew()], books: [other, urgent])
        let source = world.supervise("gateway")
        self.read(world, "plant/0", source, behind: 9)
        let activation = world.alarm(named: "clock", Self.gateway)?.activation
        world.configure(urgent.revision)
        #expect(world.alarm(named: "clock", Self.gateway)?.activation == activation)
        #expect(world.alarm(named: "clock", Self.gateway)?.priority == .critical)
        #expect(self.result(world) == .met)
        world.configure(other.revision)
        #expect(world.alarm(named: "clock", Self.gateway) == nil)
        #expect(world.decisions(.alarmReturned).map(\.cause) == [.ruleRemoved])
        // Nothing declares the source, so it is not judged any more.
        world.advance(to: 1)
        world.evidence(.closedAbnormally, of: source)
        #expect(world.decisions(.alarmRaised, .stale).isEmpty)
        world.verifyReplay()
    }
}
