// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import Testing

/// The alarms of rules are dealt with like those of limits.
@Suite struct RuleHandlingTests {
    private static let fans = [
        SensorDeclaration.make("air/1/fan", deadline: 100_000),
        SensorDeclaration.make("air/2/fan", deadline: 100_000),
    ]

    private static func rule(
        _ name: String, _ expression: String, _ change: (inout AlarmHandling) -> Void = { _ in }
    ) -> RuleDeclaration {
        var rule = RuleDeclaration(
            name: name, sensors: ["air/+/fan"], condition: .expression(expression))
        change(&rule.handling)
        return rule
    }

    private func command(_ verb: OperatorCommand.Verb, _ world: World, _ name: String) {
        let raised = world.decisions(.alarmRaised).last
        var command = OperatorCommand(
            verb: verb, path: "air/1/fan", alarm: .expression,
            activation: raised?.activation ?? .none, user: "u", origin: "o", comment: "c")
        command.rule = name
        command.durationNanoseconds = 60_000_000_000
        world.command(command)
    }

    @Test func `a rule's alarm latches until it is reset, and may forbid shelving`() {
        let world = World(
            Self.fans,
            rules: [
                Self.rule("hot", "value > 5") {
                    $0.isLatching = true
                    $0.shelvingMaxNanoseconds = 0
                }
            ])
        world.read("air/1/fan", 9)
        self.command(.shelve, world, "hot")
        #expect(world.decisions.last?.cause == .shelvingNotAllowed)
        world.read("air/1/fan", 1)
        #expect(world.decisions(.alarmReturned).last?.stateTo == .latchedUnacknowledged)
        self.command(.acknowledge, world, "hot")
        self.command(.reset, world, "hot")
        #expect(world.decisions.last?.kind == .alarmReset)
        world.verifyReplay()
    }

    @Test func `a rule's alarm comes again after its time, and leaves by itself`() {
        let world = World(
            Self.fans,
            rules: [
                Self.rule("hot", "value > 5") {
                    $0.reAlarmNanoseconds = seconds(30)
                    $0.isAutoAcknowledged = true
                }
            ])
        world.read("air/1/fan", 9)
        self.command(.acknowledge, world, "hot")
        world.advance(to: 31)
        #expect(world.annunciations().map(\.time) == [World.instant(0), World.instant(30)])
        world.read("air/1/fan", 1)
        #expect(world.decisions(.alarmReturned).last?.stateTo == .normal)
    }

    @Test func `a wildcard in a suppression stands for the sensor's own`() {
        let world = World(
            Self.fans,
            rules: [
                Self.rule("warm", "value > 5") {
                    $0.suppressions = [.ruleAlarm(path: "air/{1}/fan", rule: "hot")]
                },
                Self.rule("hot", "value > 8"),
            ])
        world.read("air/1/fan", 9)
        world.read("air/2/fan", 7)
        let told = world.annunciations().map { "\(world.path(of: $0.sensor)) \($0.name)" }
        #expect(Set(told).count == 3)
        let suppressed = world.decisions(.alarmSuppressed) + world.decisions(.alarmRaisedSuppressed)
        #expect(suppressed.map { world.path(of: $0.sensor) } == ["air/1/fan"])
        #expect(suppressed.first?.causeSensor == world.indexes["air/1/fan"])
        #expect(world.bodies.contains { $0.contains("\"causedBy\":\"air/1/fan:hot\"") })
        let why = world.why("air/1/fan", "warm", at: world.now)?.alarms.first
        let rules = (why?.suppressions ?? []).filter { $0.kind == .rule }
        #expect(rules.map(\.cause) == ["air/1/fan:hot"])
        #expect(rules.allSatisfy { $0.isInForce && $0.reason.hasSuffix("is raised: it is") })
        // The cause goes: the other is in view again.
        world.read("air/1/fan", 7)
        #expect(world.decisions(.alarmUnsuppressed).count + world.annunciations().count >= 4)
        world.verifyReplay()
    }

    @Test func `a limit of a template is suppressed by its own neighbour's alarm alone`() {
        var template = SensorDeclaration.make("air/+/co", deadline: 100_000, high: .at(50, .high))
        template.high?.handling.suppressions = [.alarm(path: "air/{1}/power", kind: .high)]
        let power = SensorDeclaration.make("air/+/power", deadline: 100_000, high: .at(1, .high))
        let world = World([template, power])
        for path in ["air/1/co", "air/2/co", "air/1/power", "air/2/power"] { world.register(path) }
        world.read("air/1/power", 2)
        world.read("air/1/co", 60)
        world.read("air/2/co", 60)
        #expect(
            world.annunciations(.high).map { world.path(of: $0.sensor) } == [
                "air/1/power", "air/2/co",
            ])
        world.verifyReplay()
    }

    @Test func `a change of another rule keeps the state of a latched alarm`() {
        let latched = Self.rule("hot", "value > 5") { $0.isLatching = true }
        let after = RuleBook(
            revision: World.revision(3), declarations: Self.fans,
            rules: [Self.rule("new", "value > 100"), latched])
        let world = World(Self.fans, rules: [latched], books: [after])
        world.read("air/1/fan", 9)
        world.read("air/1/fan", 1)
        let activation = world.decisions(.alarmRaised).last?.activation
        world.configure(after.revision)
        #expect(world.decisions(.alarmReturned).count == 1)
        self.command(.acknowledge, world, "hot")
        #expect(world.decisions.last?.stateTo == .latchedAcknowledged)
        #expect(world.decisions.last?.activation == activation)
    }

    @Test func `the ledger names both revisions, and who put the new one in force`() {
        let after = RuleBook(revision: World.revision(3), declarations: Self.fans)
        let world = World(Self.fans, books: [after])
        let order = ConfigurationOrder(
            revision: after.revision, user: "op", origin: "unix:pid=1")
        world.feed(
            Slot(kind: .configuration, arrival: World.instant(world.now)), payload: order.payload)
        let body = world.bodies.last ?? ""
        #expect(body.contains("\"revisionBefore\":\"\(World.revision(1))\""))
        #expect(body.contains("\"revisionAfter\":\"\(World.revision(3))\""))
        #expect(body.contains("\"user\":\"op\",\"origin\":\"unix:pid=1\""))
        world.verifyReplay()
    }
}
