// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import Testing

@Suite struct ConfigurationTests {
    private let path = "line/flow"

    /// A world under revision 1 = `before`, that knows revision 2 = `after`.
    private func world(_ before: [SensorDeclaration], then after: [SensorDeclaration]) -> World {
        World(
            before, books: [RuleBook(revision: World.revision(2), declarations: after)])
    }

    private func reconfigure(_ world: World) { world.configure(World.revision(2)) }

    @Test func `a revision that changes nothing keeps states, timers and delays`() {
        let declaration = SensorDeclaration.make(
            self.path, high: .at(100, on: 20), low: .at(10, off: 20), unknownGrace: 8)
        let world = self.world([declaration], then: [declaration, .make("another")])
        world.read(self.path, 5)
        world.read(self.path, 150)
        world.advance(to: 3)
        let before = world.picture.dropFirst()
        self.reconfigure(world)
        #expect(Array(world.picture.dropFirst()) == Array(before))
        #expect(world.engine.ruleBook.revision == World.revision(2))
        #expect(world.decisions(.configurationApplied).map(\.id.position.n).count == 2)
        for second in 4...25 {
            world.advance(to: Double(second))
            world.read(self.path, 150)
        }
        #expect(world.decisions(.alarmRaised, .high).map(\.time) == [World.instant(20)])
        #expect(world.decisions(.alarmReturned, .low).map(\.time) == [World.instant(20)])
    }

    @Test func `an alarm of a sensor whose other rules change keeps all`() {
        let world = self.world(
            [.make(self.path, high: .at(100, on: 20), low: .at(10, off: 20))],
            then: [
                .make(
                    self.path, high: .at(100, on: 20), highHigh: .at(500), low: .at(10, off: 20),
                    lowLow: .at(0))
            ])
        world.read(self.path, 5)
        let activation = world.alarm(.low, self.path)?.activation
        world.read(self.path, 150)
        world.advance(to: 3)
        self.reconfigure(world)
        #expect(world.alarm(.low, self.path)?.activation == activation)
        #expect(world.alarm(.low, self.path)?.activationCount == 1)
        #expect(world.alarm(.low, self.path)?.raisedAt == WallInstant(nanoseconds: World.wall(0)))
        #expect(world.state(.highHigh, self.path) == .normal)
        world.read(self.path, 150)
        world.advance(to: 12.5)
        world.read(self.path, 150)
        world.advance(to: 20)
        #expect(world.decisions(.alarmRaised, .high).map(\.time) == [World.instant(20)])
        #expect(world.decisions(.alarmReturned, .low).map(\.time) == [World.instant(20)])
    }

    @Test func `the alarm of a rule that goes ends altogether`() {
        let world = self.world([.make(self.path, high: .at(100))], then: [.make(self.path)])
        world.read(self.path, 150)
        world.advance(to: 2)
        self.reconfigure(world)
        let returned = world.decisions(.alarmReturned)
        #expect(returned.map(\.cause) == [.ruleRemoved])
        #expect(returned.map(\.stateFrom) == [.unacknowledged])
        #expect(returned.map(\.stateTo) == [.normal])
        #expect(world.state(.high, self.path) == nil)
        #expect(world.sensor(self.path)?.hasActiveAlarm == false)
        world.acknowledge(self.path, .high, returned.first?.activation ?? .none)
        #expect(world.decisions(.commandRefused).map(\.cause) == [.unknownAlarm])
    }

    @Test func `an alarm that waits for its acknowledgement does not vanish unsaid`() {
        let world = self.world([.make(self.path, high: .at(100))], then: [.make(self.path)])
        world.read(self.path, 150)
        world.read(self.path, 50)
        self.reconfigure(world)
        let returned = world.decisions(.alarmReturned)
        #expect(returned.map(\.cause) == [.valueWithinLimit, .ruleRemoved])
        #expect(returned.map(\.stateTo) == [.returnedUnacknowledged, .normal])
        #expect(world.counts.alarmsReturned == 1)
    }

    @Test func `a row that an alarm left shows nothing`() {
        let world = self.world(
            [.make(self.path, high: .at(100)), .make("b", high: .at(1))],
            then: [
                .make(self.path, high: .at(100), highHigh: .at(200), low: .at(0), lowLow: .at(-1)),
                .make("b"),
            ])
        world.read(self.path, 150)
        world.read("b", 5)
        self.reconfigure(world)
        let raised = (0..<world.engine.alarmCount).map { world.engine.liveAlarm($0) }
            .filter { $0.state != .normal }
        #expect(raised.map(\.kind) == [.high])
        #expect(world.state(.high, self.path) == .unacknowledged)
    }

    @Test func `reading the configuration again and again takes no memory`() {
        let small = SensorDeclaration.make(self.path, high: .at(100))
        let large = SensorDeclaration.make(
            self.path, high: .at(100), highHigh: .at(200), low: .at(0), lowLow: .at(-1))
        let world = self.world([small], then: [large])
        var counts: Set<Int> = []
        for _ in 0..<50 {
            world.configure(World.revision(2))
            world.configure(World.revision(1))
            counts.insert(world.engine.alarmCount)
        }
        #expect(counts.count == 1)
    }

    @Test func `a new rule is compared with the last fresh value at once`() {
        let world = self.world(
            [.make(self.path)],
            then: [.make(self.path, high: .at(100), low: .at(10, on: 5), lowLow: .at(1))])
        world.read(self.path, 150)
        world.advance(to: 2)
        self.reconfigure(world)
        let raised = world.decisions(.alarmRaised)
        #expect(raised.map(\.alarm) == [.high])
        #expect(raised.map(\.time) == [World.instant(2)])
        #expect(world.alarm(.low, self.path)?.result == .notMet)
    }

    @Test func `a new rule says nothing about a value that is not fresh`() {
        let world = self.world([.make(self.path)], then: [.make(self.path, high: .at(100))])
        world.read(self.path, 150)
        world.advance(to: 30)
        self.reconfigure(world)
        #expect(world.state(.high, self.path) == .normal)
        #expect(world.state(.stale, self.path) == .unacknowledged)
        let other = self.world([.make(self.path)], then: [.make(self.path, high: .at(100))])
        other.read(self.path, 150)
        other.start()
        self.reconfigure(other)
        #expect(other.state(.high, self.path) == .normal)
        other.read(self.path, 150)
        #expect(other.state(.high, self.path) == .unacknowledged)
    }

    @Test func `a setpoint that moves over the value clears, and back raises`() {
        let world = self.world(
            [.make(self.path, high: .at(100))], then: [.make(self.path, high: .at(200))])
        world.read(self.path, 150)
        self.reconfigure(world)
        #expect(world.state(.high, self.path) == .returnedUnacknowledged)
        world.configure(World.revision(1))
        #expect(world.state(.high, self.path) == .unacknowledged)
        #expect(world.decisions(.alarmRaised, .high).map(\.activationCount) == [1, 2])
    }

    @Test func `a shorter on-delay ends the one that runs sooner, a longer one not later`() {
        let world = self.world(
            [.make(self.path, deadline: 100, high: .at(100, on: 60))],
            then: [.make(self.path, deadline: 100, high: .at(100, on: 5))])
        world.read(self.path, 150)
        world.advance(to: 10)
        self.reconfigure(world)
        world.advance(to: 70)
        #expect(world.decisions(.alarmRaised).map(\.time) == [World.instant(15)])
        let other = self.world(
            [.make(self.path, deadline: 100, high: .at(100, on: 5))],
            then: [.make(self.path, deadline: 100, high: .at(100, on: 60))])
        other.read(self.path, 150)
        other.advance(to: 4)
        self.reconfigure(other)
        other.advance(to: 70)
        #expect(other.decisions(.alarmRaised).map(\.time) == [World.instant(5)])
    }

    @Test func `an unknown revision keeps the rules in force and is counted`() {
        let world = self.world([.make(self.path, high: .at(100))], then: [])
        world.configure(World.revision(9))
        #expect(world.counts.missingRevisions == 1)
        #expect(world.engine.ruleBook.revision == World.revision(1))
        #expect(world.decisions(.configurationApplied).count == 1)
        world.read(self.path, 150)
        #expect(world.state(.high, self.path) == .unacknowledged)
    }

    @Test func `a shorter deadline that is past already passes now`() {
        let world = self.world(
            [.make(self.path, deadline: 60)], then: [.make(self.path, deadline: 5)])
        world.read(self.path, 1)
        world.advance(to: 30)
        self.reconfigure(world)
        world.advance(to: 31)
        #expect(world.decisions(.alarmRaised).map(\.time) == [World.instant(30)])
    }

    @Test(arguments: [false, true])
    func `what a new rule gave ends with the next proof of life`(isReading: Bool) {
        let world = self.world(
            [.make(self.path, deadline: 20, supervision: .exception)],
            then: [.make(self.path, deadline: 3, supervision: .exception)])
        world.read(self.path, 1)
        world.advance(to: 10)
        self.reconfigure(world)
        world.evidence(.alive, sensor: self.path)
        world.advance(to: 11)
        if isReading { world.read(self.path, 1) }
        let due = isReading ? 14.0 : 13.0
        world.advance(to: due - 0.01)
        #expect(world.freshness(self.path) == .fresh)
        world.advance(to: due + 0.01)
        #expect(world.freshness(self.path) == .stale)
        #expect(world.decisions(.alarmRaised, .stale).map(\.time) == [World.instant(due)])
    }

    @Test func `rules that are taken back at once leave nothing of what they gave`() {
        let world = self.world(
            [.make(self.path, deadline: 60)], then: [.make(self.path, deadline: 5)])
        world.read(self.path, 1)
        world.pass(to: 40)
        self.reconfigure(world)
        // Before anybody looked: the shorter deadline was past, and was given until now.
        world.configure(World.revision(1))
        world.advance(to: 59.9)
        #expect(world.freshness(self.path) == .fresh)
        world.advance(to: 60)
        #expect(world.freshness(self.path) == .stale)
        world.verifyReplay()
    }

    @Test func `the grace of a start is as long as the new rules make it`() {
        let world = self.world(
            [.make(self.path, deadline: 30)], then: [.make(self.path, deadline: 5)])
        world.read(self.path, 1)
        world.advance(to: 2)
        world.start()
        self.reconfigure(world)
        world.advance(to: 9.9)
        #expect(world.freshness(self.path) == .unverified)
        world.advance(to: 10)
        #expect(world.freshness(self.path) == .stale)
        world.verifyReplay()
    }

    @Test func `a shorter and a longer deadline count from the last reading`() {
        let world = self.world(
            [.make(self.path, deadline: 60), .make("b", deadline: 20)],
            then: [.make(self.path, deadline: 40), .make("b", deadline: 50)])
        world.read(self.path, 1)
        world.read("b", 1)
        world.advance(to: 10)
        self.reconfigure(world)
        world.advance(to: 100)
        #expect(
            world.decisions(.alarmRaised).map(\.time) == [World.instant(40), World.instant(50)])
    }

    @Test func `silence is judged from when it is to be judged`() {
        let world = self.world(
            [.make(self.path, supervision: .event), .make("b")],
            then: [.make(self.path), .make("b", supervision: .event)])
        world.read(self.path, 1)
        world.advance(to: 5)
        world.read("b", 1)
        world.pass(to: 12)
        self.reconfigure(world)
        world.advance(to: 60)
        #expect(world.decisions(.alarmRaised, of: self.path).map(\.time) == [World.instant(22)])
        #expect(world.decisions(.alarmRaised, of: "b").isEmpty)
    }

    @Test func `a timer that was due when its sensor ceased to be supervised does nothing`() {
        let world = self.world(
            [.make(self.path)], then: [.make(self.path, supervision: .event)])
        var engine = world.emptyEngine()
        var journal = world.journal
        // The loop has seen the deadline; before its tick comes back the rules change.
        let head = Slot(kind: .configuration, arrival: World.instant(10))
        let payload = HexDigits.bytes(World.revision(2)) ?? []
        for slot in ControlRecord.slots(head: head, payload: payload)
            + [Slot(kind: .tick, arrival: World.instant(11))]
        {
            journal.append(JournalEntry(slot: slot, n: UInt64(journal.count)))
        }
        _ = ReplayTests.replay(world.journal, into: &engine)
        let isDue = engine.needsTick(at: World.instant(10))
        #expect(isDue)
        _ = ReplayTests.replay(journal.dropFirst(world.journal.count), into: &engine)
        #expect(engine.freshness(ofPath: self.path) == .neverReceived)
    }

    @Test func `a sensor that is declared later is bound to its declaration`() {
        let world = self.world([], then: [.make("stray/+", deadline: 90, high: .at(1, .critical))])
        world.register("stray/one")
        world.read("stray/one", 5)
        #expect(world.state(.high, "stray/one") == nil)
        self.reconfigure(world)
        #expect(world.state(.high, "stray/one") == .unacknowledged)
        #expect(world.sensor("stray/one")?.isDeclared == true)
        world.advance(to: 90)
        #expect(world.decisions(.alarmRaised, .stale).map(\.time) == [World.instant(90)])
    }

    @Test func `exact declarations win over templates, earlier templates over later`() {
        let world = World([
            .make("a/#", deadline: 1), .make("a/+", deadline: 2), .make("a/b", deadline: 3),
        ])
        world.register("a/c")
        #expect(world.sensor("a/b")?.deadlineNanoseconds == seconds(3))
        #expect(world.sensor("a/c")?.deadlineNanoseconds == seconds(1))
        #expect(world.engine.ruleBook.declaredPaths == ["a/b"])
    }

    @Test func `a registration out of order is refused and counted, a known one is ignored`() {
        let world = World([.make(self.path, high: .at(100))])
        var head = Slot(kind: .registerSensor, arrival: World.instant(0))
        head.sensor = SensorIndex(rawValue: 9)
        world.feed(head, payload: Array("x/y".utf8))
        #expect(world.engine.sensorCount == 1)
        #expect(world.counts.unknownSensors == 1)
        head.sensor = SensorIndex(rawValue: 0)
        world.feed(head, payload: Array("x/y".utf8))
        #expect(world.engine.paths == [self.path])
    }
}
