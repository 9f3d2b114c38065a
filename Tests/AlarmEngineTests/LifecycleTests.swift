// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import Testing

@Suite struct LifecycleTests {
    private let path = "pump/pressure"

    private func world(_ change: (inout AlarmHandling) -> Void = { _ in }) -> World {
        var limit = LimitSetting.at(100, .high)
        change(&limit.handling)
        return World([.make(self.path, deadline: 100_000, high: limit)])
    }

    @Test func `a latching alarm stays until it is acknowledged and reset`() {
        let world = self.world { $0.isLatching = true }
        world.read(self.path, 200)
        #expect(world.command(.reset, self.path, .high)?.cause == .conditionStillMet)
        world.read(self.path, 1)
        #expect(world.state(.high, self.path) == .latchedUnacknowledged)
        #expect(world.command(.reset, self.path, .high)?.cause == .mustAcknowledgeFirst)
        #expect(world.command(.acknowledge, self.path, .high)?.kind == .alarmAcknowledged)
        #expect(world.state(.high, self.path) == .latchedAcknowledged)
        #expect(world.command(.reset, self.path, .high)?.kind == .alarmReset)
        #expect(world.state(.high, self.path) == .normal)
        #expect(world.command(.reset, self.path, .high)?.cause == .nothingToReset)
    }

    @Test func `what a restart left unverified is not reset before it is heard`() {
        let world = self.world { $0.isLatching = true }
        world.read(self.path, 200)
        world.read(self.path, 1)
        world.command(.acknowledge, self.path, .high)
        world.start()
        #expect(world.freshness(self.path) == .unverified)
        #expect(world.command(.reset, self.path, .high)?.cause == .conditionStillMet)
        world.read(self.path, 1)
        #expect(world.command(.reset, self.path, .high)?.kind == .alarmReset)
    }

    @Test func `what is not known to be over is not reset`() {
        let world = self.world { $0.isLatching = true }
        world.read(self.path, 200)
        world.read(self.path, 1)
        world.command(.acknowledge, self.path, .high)
        world.read(self.path, .nan)
        #expect(world.command(.reset, self.path, .high)?.cause == .conditionStillMet)
        world.read(self.path, 1)
        #expect(world.command(.reset, self.path, .high)?.kind == .alarmReset)
    }

    @Test func `an auto-acknowledged alarm leaves the list by itself`() {
        let world = self.world { $0.isAutoAcknowledged = true }
        world.read(self.path, 200)
        world.read(self.path, 1)
        #expect(world.state(.high, self.path) == .normal)
    }

    @Test func `an acknowledged alarm speaks again at its time while it lasts`() {
        let world = self.world { $0.reAlarmNanoseconds = seconds(60) }
        world.read(self.path, 200)
        world.advance(to: 10)
        world.command(.acknowledge, self.path, .high)
        world.advance(to: 69.9)
        #expect(world.annunciations(.high).count == 1)
        world.advance(to: 70)
        #expect(world.annunciations(.high).map(\.cause) == [.valueBeyondLimit, .reAlarm])
        #expect(world.annunciations(.high).last?.time == World.instant(70))
        #expect(world.state(.high, self.path) == .unacknowledged)
        let activations = Set(world.annunciations(.high).map(\.activation))
        #expect(activations.count == 1)
        world.command(.acknowledge, self.path, .high)
        world.read(self.path, 1)
        world.advance(to: 500)
        #expect(world.annunciations(.high).count == 2)
    }

    @Test func `a shelved alarm is silent for its time, then speaks if it is still there`() {
        let world = self.world()
        let answer = world.command(.shelve, self.path, .high, seconds: 60)
        #expect(answer?.kind == .alarmShelved)
        #expect(answer?.until.nanoseconds == World.wall(60))
        world.advance(to: 5)
        world.read(self.path, 200)
        #expect(world.annunciations(.high).isEmpty)
        #expect(world.decisions(.alarmRaisedSuppressed).map(\.suppression) == [.shelved])
        #expect(world.alarm(.high, self.path)?.suppression == .shelved)
        world.advance(to: 59.9)
        #expect(world.annunciations(.high).isEmpty)
        world.advance(to: 60)
        #expect(world.annunciations(.high).map(\.cause) == [.shelvingElapsed])
        #expect(world.decisions(.alarmUnshelved).map(\.time) == [World.instant(60)])
    }

    @Test func `an acknowledged alarm comes back from the shelf unacknowledged`() {
        let world = self.world()
        world.read(self.path, 200)
        world.command(.acknowledge, self.path, .high)
        world.command(.shelve, self.path, .high, seconds: 60)
        world.command(.unshelve, self.path, .high)
        #expect(world.state(.high, self.path) == .unacknowledged)
        #expect(world.annunciations(.high).count == 2)
        #expect(world.command(.unshelve, self.path, .high)?.cause == .notShelved)
    }

    @Test func `a one-shot shelving ends with the return of the alarm, at its time at the latest`()
    {
        let world = self.world()
        world.command(.shelve, self.path, .high, seconds: 600, isOneShot: true)
        world.read(self.path, 200)
        world.advance(to: 5)
        world.read(self.path, 1)
        #expect(world.decisions(.alarmUnshelved).map(\.cause) == [.oneShotEnded])
        // Nobody was told, so nobody is asked to acknowledge.
        #expect(world.state(.high, self.path) == .normal)
        #expect(world.decisions(.alarmReturned).isEmpty)
        #expect(world.decisions(.alarmReturnedSuppressed).count == 1)
        world.read(self.path, 200)
        #expect(world.annunciations(.high).count == 1)
        world.command(.shelve, self.path, .high, seconds: 20, isOneShot: true)
        world.advance(to: 25)
        #expect(world.annunciations(.high).count == 2)
    }

    @Test func `shelving wants a reason and a time within its maximum`() {
        let world = self.world { $0.shelvingMaxNanoseconds = seconds(60) }
        func cause(_ comment: String, _ time: Double) -> Decision.Cause? {
            world.command(.shelve, self.path, .high, comment: comment, seconds: time)?.cause
        }
        #expect(cause("", 10) == .reasonMissing)
        #expect(cause("valve", 0) == .shelvingTimeOutOfRange)
        #expect(cause("valve", 60.001) == .shelvingTimeOutOfRange)
        #expect(cause("valve", 60) == .operatorCommand)
        let never = self.world { $0.shelvingMaxNanoseconds = 0 }
        let refused = never.command(.shelve, self.path, .high, seconds: 1)
        #expect(refused?.cause == .shelvingNotAllowed)
    }

    @Test func `shelving goes on over a restart and ends at its time`() throws {
        let world = self.world()
        world.command(.shelve, self.path, .high, seconds: 60)
        world.read(self.path, 200)
        world.advance(to: 10)
        world.start()
        var engine = world.emptyEngine()
        _ = try engine.restore(world.engine.checkpoint(after: .zero))
        #expect(engineFingerprint(engine) == world.picture)
        world.advance(to: 60)
        #expect(world.annunciations(.high).map(\.time) == [World.instant(60)])
    }

    @Test func `out of service is left only by hand`() {
        let world = self.world()
        let refused = world.command(.takeOutOfService, self.path, .high, comment: "")
        #expect(refused?.cause == .reasonMissing)
        #expect(world.command(.returnToService, self.path, .high)?.cause == .notOutOfService)
        #expect(world.command(.takeOutOfService, self.path, .high)?.kind == .alarmOutOfService)
        #expect(world.command(.takeOutOfService, self.path, .high)?.cause == .alreadyOutOfService)
        world.read(self.path, 200)
        world.advance(to: 90_000)
        #expect(world.annunciations(.high).isEmpty)
        #expect(world.command(.returnToService, self.path, .high)?.kind == .alarmInService)
        #expect(world.annunciations(.high).count == 1)
    }

    @Test
    func `commands about an activation name it, and the ledger says who, when and from where`() {
        let world = self.world()
        world.read(self.path, 200)
        let comment = world.command(.comment, self.path, .high, comment: "smells of oil")
        #expect(comment?.kind == .alarmCommented)
        #expect(comment?.activation == world.alarm(.high, self.path)?.activation)
        let body = world.bodies.last ?? ""
        #expect(body.contains("\"user\":\"operator\"") && body.contains("smells of oil"))
        #expect(body.contains("\"origin\":\"console\""))
        let old = world.alarm(.high, self.path)?.activation ?? .none
        world.read(self.path, 1)
        world.read(self.path, 200)
        world.acknowledge(self.path, .high, old)
        #expect(world.decisions.last?.cause == .otherActivation)
        #expect(world.state(.high, self.path) == .unacknowledged)
    }

    @Test func `an alarm keeps what triggered it, the worst, the current value and its counts`() {
        let world = self.world()
        world.read(self.path, 150)
        world.advance(to: 1)
        world.read(self.path, 300)
        world.advance(to: 2)
        world.read(self.path, 200)
        world.command(.acknowledge, self.path, .high)
        let live = world.alarm(.high, self.path)
        #expect(live?.triggerBits == (150.0).bitPattern && live?.worst == 300)
        #expect(live?.currentBits == (200.0).bitPattern)
        #expect(live?.activationCount == 1 && live?.annunciationCount == 1)
        #expect(live?.acknowledgedAt.nanoseconds == World.wall(2))
        world.advance(to: 3)
        world.read(self.path, 1)
        #expect(world.alarm(.high, self.path)?.returnedAt.nanoseconds == World.wall(3))
    }

    // MARK: - Suppression by design

    private func suppressed(_ rules: [SuppressionRule], cause: SensorDeclaration) -> World {
        var limit = LimitSetting.at(100, .high)
        limit.handling.suppressions = rules
        return World([.make(self.path, deadline: 100_000, high: limit), cause])
    }

    @Test func `an alarm is suppressed while another is in view, and speaks when it is not`() {
        let trip = SensorDeclaration.make("pump/trip", deadline: 100_000, high: .at(1, .critical))
        let world = self.suppressed([.alarm(path: "pump/trip", kind: .high)], cause: trip)
        world.read("pump/trip", 1)
        world.read(self.path, 200)
        #expect(world.annunciations(.high, of: self.path).isEmpty)
        let raised = world.decisions(.alarmRaisedSuppressed, .high)
        #expect(raised.map(\.causeSensor) == [world.indexes["pump/trip"]])
        #expect(world.bodies.contains { $0.contains("\"causedBy\":\"pump/trip:high\"") })
        // A cause that nobody sees is none.
        world.command(.shelve, "pump/trip", .high, seconds: 10)
        #expect(world.annunciations(.high, of: self.path).count == 1)
        world.command(.unshelve, "pump/trip", .high)
        #expect(world.decisions(.alarmSuppressed).count == 1)
        world.read("pump/trip", 0)
        #expect(world.annunciations(.high, of: self.path).count == 2)
    }

    @Test func `unknown does not suppress`() {
        let trip = SensorDeclaration.make("pump/trip", deadline: 100_000, high: .at(1, .critical))
        let world = self.suppressed([.alarm(path: "pump/trip", kind: .high)], cause: trip)
        world.read("pump/trip", 1)
        world.read(self.path, 200)
        world.read("pump/trip", .nan)
        #expect(world.state(.high, "pump/trip") == .unacknowledged)
        #expect(world.annunciations(.high, of: self.path).count == 1)
        #expect(world.decisions(.alarmUnsuppressed).count == 1)
    }

    @Test func `a mode suppresses while it is fresh and has its value`() {
        let mode = SensorDeclaration.make("plant/mode", deadline: 10)
        let world = self.suppressed([.mode(path: "plant/mode", value: 2)], cause: mode)
        world.read("plant/mode", 2)
        world.read(self.path, 200)
        #expect(world.annunciations(.high).isEmpty)
        world.advance(to: 10)
        // The mode is silent: what it says is not known any more.
        #expect(world.annunciations(.high).map(\.time) == [World.instant(10)])
        world.read("plant/mode", 2)
        #expect(world.decisions(.alarmSuppressed, .high).count == 1)
        world.read("plant/mode", 1)
        #expect(world.annunciations(.high).count == 2)
    }

    @Test func `of a first-out group the first speaks, and the next when it is gone`() {
        var limit = LimitSetting.at(100, .high)
        limit.handling.suppressions = [.firstOut(group: "trip")]
        let names = ["a", "b", "c"]
        let world = World(names.map { .make($0, deadline: 100_000, high: limit) })
        for name in ["b", "a", "c"] { world.read(name, 200) }
        #expect(world.annunciations(.high).map(\.sensor) == [world.indexes["b"]])
        let others = world.decisions(.alarmRaisedSuppressed, .high)
        #expect(others.map(\.causeSensor) == [world.indexes["b"], world.indexes["b"]])
        world.read("b", 1)
        #expect(world.annunciations(.high).count == 2)
    }

    @Test func `in a first-out group nobody hides what came first, and the oldest is the next`() {
        var limit = LimitSetting.at(100, .high)
        limit.handling.suppressions = [.firstOut(group: "trip")]
        let world = World(["a", "b", "c"].map { .make($0, deadline: 100_000, high: limit) })
        for name in ["b", "c", "a"] { world.read(name, 200) }
        world.read("b", .nan)
        // What is not verified hides nobody, but people go on to see it.
        #expect(
            world.annunciations(.high).map(\.sensor) == [world.indexes["b"], world.indexes["c"]])
        #expect(world.alarm(.high, "b")?.suppression == [])
        #expect(world.alarm(.high, "a")?.causeSensor == world.indexes["c"])
        world.read("b", 200)
        #expect(world.alarm(.high, "b")?.suppression == [])
        #expect(world.alarm(.high, "c")?.suppression == .suppressedByDesign)
        #expect(world.alarm(.high, "a")?.causeSensor == world.indexes["b"])
        #expect(world.annunciations(.high).count == 2)
    }

    @Test func `alarms that change together are shown and hidden once`() {
        let names = (0..<20).map { "p/\($0)" }
        var rule = RuleDeclaration(
            name: "far", sensors: ["p/+"],
            condition: .deviation(
                reference: "level", setpoint: 0, above: 5, below: nil, deadband: 0))
        rule.handling.suppressions = [.firstOut(group: "trip")]
        let world = World(
            (names + ["level"]).map { .make($0, deadline: 100_000) }, rules: [rule])
        world.read("level", 0)
        for name in names { world.read(name, 20) }
        func told() -> Int { world.annunciations(.deviation).count }
        #expect(told() == 1)
        let before = world.outcomes.count
        world.read("level", .nan)
        // None of them is known now: each is shown, in one step.
        #expect(told() == names.count)
        #expect(world.decisions(.alarmSuppressed).isEmpty)
        world.read("level", 0)
        #expect(told() == names.count)
        #expect(world.decisions(.alarmSuppressed).count == names.count - 1)
        #expect(world.outcomes.count - before < 4 * names.count)
        world.verifyReplay()
    }

    @Test func `alarms that suppress each other in a circle come to rest, and none is forgotten`() {
        let names = ["a", "b", "c"]
        let world = World(
            names.indices.map { index in
                var limit = LimitSetting.at(100, .high)
                limit.handling.suppressions = [.alarm(path: names[(index + 1) % 3], kind: .high)]
                return .make(names[index], deadline: 100_000, high: limit)
            })
        for name in names { world.read(name, 200) }
        let seen = names.filter { world.alarm(.high, $0)?.suppression == [] }
        #expect(!seen.isEmpty)
        #expect(world.outcomes.count < 100)
        world.verifyReplay()
    }

    @Test func `alarms that suppress each other never silence both`() {
        func limit(_ other: String) -> LimitSetting {
            var limit = LimitSetting.at(100, .high)
            limit.handling.suppressions = [.alarm(path: other, kind: .high)]
            return limit
        }
        let world = World([
            .make("a", deadline: 100_000, high: limit("b")),
            .make("b", deadline: 100_000, high: limit("a")),
        ])
        world.read("a", 200)
        world.read("b", 200)
        #expect(world.annunciations(.high).map(\.sensor) == [world.indexes["a"]])
        #expect(world.alarm(.high, "a")?.suppression == [])
        world.read("a", 1)
        #expect(world.annunciations(.high).map(\.sensor).last == world.indexes["b"])
    }

    @Test func `a suppression rule that goes lets its alarm speak`() {
        let trip = SensorDeclaration.make("pump/trip", deadline: 100_000, high: .at(1, .critical))
        var limit = LimitSetting.at(100, .high)
        let plain = RuleBook(
            revision: World.revision(2),
            declarations: [.make(self.path, deadline: 100_000, high: limit), trip])
        limit.handling.suppressions = [.alarm(path: "pump/trip", kind: .high)]
        let world = World(
            [.make(self.path, deadline: 100_000, high: limit), trip], books: [plain])
        world.read("pump/trip", 1)
        world.read(self.path, 200)
        #expect(world.annunciations(.high, of: self.path).isEmpty)
        world.configure(plain.revision)
        #expect(world.annunciations(.high, of: self.path).count == 1)
    }
}
