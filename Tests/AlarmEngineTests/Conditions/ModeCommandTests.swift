// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import JSONText
import MidwatchModel
import Testing

/// An operator puts an area into another mode.
@Suite struct ModeCommandTests {
    private static func world(modeSensor: String? = nil) -> World {
        var sensor = SensorDeclaration(pattern: "w/a", deadlineNanoseconds: seconds(60))
        sensor.high = LimitSetting(setpoint: 50)
        var closed = LimitSet(mode: "closed")
        closed.high = LimitSetting(setpoint: 20)
        sensor.limitSets = [closed]
        var area = AreaDeclaration(name: "west", sensors: ["w/#"], modes: ["open", "closed"])
        area.sensor = modeSensor
        let mode = SensorDeclaration(pattern: "mode", deadlineNanoseconds: seconds(10))
        return World([sensor, mode], rules: [], areas: [area])
    }

    private static func set(_ world: World, _ mode: String, area: String = "west") -> Decision? {
        let count = world.outcomes.count
        world.command(
            OperatorCommand(
                area: area, mode: mode, user: "anna", origin: "tty1", comment: "lamps"))
        return world.outcomes.count > count ? world.outcomes[count].decision : nil
    }

    @Test func `the limits of the mode hold at once, and the ledger says who chose them`() throws {
        let world = Self.world()
        world.send("w/a", 30, at: 0)
        #expect(world.annunciations().isEmpty)
        #expect(Self.set(world, "closed")?.kind == .areaModeChanged)
        #expect(world.engine.areaModeNumbers == [1])
        let body = try #require(world.bodies.first { $0.contains("areaModeChanged") })
        let json = try JSONValue(parsing: body)
        #expect(json["area"]?.string == "west")
        #expect(json["mode"]?.string == "closed")
        #expect(json["cause"]?.string == "operatorCommand")
        #expect(json["command"]?["user"]?.string == "anna")
        #expect(json["command"]?["area"]?.string == "west")
        #expect(json["command"]?["comment"]?.string == "lamps")
        #expect(json["command"]?["alarm"] == nil)
        world.send("w/a", 30, at: 1)
        #expect(world.annunciations(.high, of: "w/a").count == 1)
        #expect(Self.set(world, "open")?.kind == .areaModeChanged)
        world.send("w/a", 30, at: 2)
        #expect(world.alarm(.high, "w/a")?.state == .returnedUnacknowledged)
        world.verifyReplay()
    }

    @Test func `what cannot be done is refused with its reason`() {
        let world = Self.world()
        for (area, mode, cause) in [
            ("east", "closed", Decision.Cause.unknownArea), ("west", "ajar", .unknownMode),
            ("west", "open", .alreadyInMode),
        ] {
            let decision = Self.set(world, mode, area: area)
            #expect(decision?.kind == .commandRefused)
            #expect(decision?.cause == cause)
            #expect(decision?.isAnswer == true)
        }
        #expect(world.engine.areaModeNumbers == [0])
        world.verifyReplay()
    }

    @Test func `a fresh mode sensor is not overruled, a silent one is until it speaks`() {
        let world = Self.world(modeSensor: "mode")
        world.send("mode", 0, at: 1)
        #expect(Self.set(world, "closed")?.cause == .modeFollowsSensor)
        world.advance(to: 30)
        #expect(Self.set(world, "closed")?.kind == .areaModeChanged)
        #expect(world.engine.areaModeNumbers == [1])
        world.send("mode", 0, at: 31)
        #expect(world.engine.areaModeNumbers == [0])
        world.verifyReplay()
    }

    @Test func `a mode that people chose suppresses what names it, and no more when they leave it`()
        throws
    {
        var high = LimitSetting.at(50, .high)
        high.handling.suppressions = [.areaMode(area: "west", mode: "closed")]
        let area = AreaDeclaration(name: "west", sensors: ["w/#"], modes: ["open", "closed"])
        // Of another area: what is suppressed need not belong to it.
        let world = World([.make("e/a", deadline: 1_000, high: high)], rules: [], areas: [area])
        world.send("e/a", 60, at: 1)
        #expect(world.annunciations(.high).count == 1)
        #expect(Self.set(world, "closed")?.kind == .areaModeChanged)
        #expect(world.alarm(.high, "e/a")?.suppression == .suppressedByDesign)
        let why = try #require(world.why("e/a", at: 1))
        let reason = why.alarms[0].suppressions.first { $0.kind == .rule }
        #expect(reason?.isInForce == true)
        #expect(reason?.reason == "while the area west is in mode closed: it is in mode closed")
        world.send("e/a", 10, at: 2)
        world.send("e/a", 60, at: 3)
        #expect(world.decisions(.alarmRaisedSuppressed, .high).count == 1)
        #expect(Self.set(world, "open")?.kind == .areaModeChanged)
        #expect(world.alarm(.high, "e/a")?.suppression == [])
        #expect(world.annunciations(.high).count == 2)
        world.verifyReplay()
    }

    @Test func `what an alarm of another mode hides names it in every mode, and speaks without it`()
    {
        var cause = SensorDeclaration(pattern: "w/a", deadlineNanoseconds: seconds(1_000))
        cause.high = LimitSetting(setpoint: 50)
        // More alarms than before: those of the sensor get other places.
        var night = LimitSet(mode: "night")
        night.high = LimitSetting(setpoint: 40)
        night.highHigh = LimitSetting(setpoint: 90)
        night.low = LimitSetting(setpoint: 5)
        night.lowLow = LimitSetting(setpoint: 1)
        cause.limitSets = [night, LimitSet(mode: "closed")]
        var high = LimitSetting.at(50, .high)
        high.handling.suppressions = [.alarm(path: "w/a", kind: .high)]
        let area = AreaDeclaration(
            name: "west", sensors: ["w/#"], modes: ["day", "night", "closed"])
        let world = World(
            [cause, .make("e/a", deadline: 1_000, high: high)], rules: [], areas: [area])
        world.send("w/a", 60, at: 1)
        world.send("e/a", 60, at: 2)
        for mode in ["night", "day"] {
            #expect(Self.set(world, mode)?.kind == .areaModeChanged)
            #expect(world.alarm(.high, "e/a")?.suppression == .suppressedByDesign)
            #expect(world.alarm(.high, "e/a")?.causeSensor == world.indexes["w/a"])
        }
        #expect(world.annunciations(.high, of: "e/a").isEmpty)
        #expect(Self.set(world, "closed")?.kind == .areaModeChanged)
        #expect(world.annunciations(.high, of: "e/a").count == 1)
        world.verifyReplay()
    }

    @Test func `a mode that a sensor says suppresses nothing by the name of its area`() {
        var high = LimitSetting.at(50, .high)
        high.handling.suppressions = [.areaMode(area: "west", mode: "closed")]
        var area = AreaDeclaration(name: "west", sensors: ["w/#"], modes: ["open", "closed"])
        area.sensor = "mode"
        let world = World(
            [.make("w/a", deadline: 1_000, high: high), .make("mode", deadline: 10)], rules: [],
            areas: [area])
        world.send("mode", 1, at: 1)
        world.send("w/a", 60, at: 20)
        // The mode is silent: what holds since is not known.
        #expect(world.annunciations(.high).count == 1)
        world.verifyReplay()
    }

    @Test func `a command about an area survives its payload`() {
        let command = OperatorCommand(
            area: "we\"st", mode: "clo\\sed", user: "\u{1F6A8}", origin: "tty\t1", comment: "\n")
        #expect(OperatorCommand(payload: command.payload) == command)
    }
}
