// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel

/// A world that a seed makes: sensors with faults, an operator, restarts, lag, new revisions.
///
/// Each seed leaves some faults out, so that the others are seen alone, too.
struct RandomWorld {
    /// What may go wrong in a run.
    enum Fault: CaseIterable {
        case silence, noise, notANumber, badQuality, late, regressed, clockStep, restart, crash, lag
        case acknowledge, redelivery, reconfigure, newSensor, badClock, gap, waited, unknownSensor
        case sourceLoss, command, heartbeat, promise, mode, counting
    }

    let world: World
    private var random: Random
    private var faults: [Fault]
    private var isCalm = false
    private let hasRules: Bool
    let paths: [String]
    private var silentUntil: [Double]
    private var clockOffset: [Double]
    private var counter: Double = 1
    private var packetIdentifier: UInt16 = 0
    private var published: [Slot] = []

    /// A world with `sensors` sensors of a plant, and with rules also a mode and a counter.
    ///
    /// With `slices` readings may stand between ticks that do not fire all that is due.
    init(seed: UInt64, sensors: Int = 12, hasRules: Bool = true, slices: Bool = false) {
        var random = Random(seed: seed)
        var plant = RandomPlant(seed: seed, sensors: sensors, hasRules: hasRules)
        let first = plant.book(1)
        let books = (2...4).map { plant.book(UInt8($0)) }
        self.world = World(first, books: books)
        self.hasRules = hasRules
        self.world.timersPerTick = random.pick([0, 0, 1, 3])
        self.world.leavesTicks = slices && random.chance(50)
        self.faults = Fault.allCases.filter { _ in random.chance(70) }
        self.paths = plant.paths
        self.silentUntil = [Double](repeating: 0, count: plant.paths.count)
        self.clockOffset = plant.paths.map { _ in random.chance(30) ? -3_600 : 0 }
        self.random = random
        let bus = hasRules ? self.world.supervise("bus") : .own
        _ = self.world.supervise("gateway/one", behind: bus)
        self.world.registerSource("gateway/two")
    }

    /// Every fault ends; what is configured and shelved stays.
    mutating func calm() {
        self.faults = []
        self.isCalm = true
        self.silentUntil = self.silentUntil.map { _ in 0 }
    }

    /// Runs for `duration` seconds of the world; `leaps` uses one tick a step instead of many.
    mutating func run(_ duration: Double, leaps: Bool = false) {
        let end = self.world.now + duration
        while self.world.now < end {
            let step =
                self.isCalm ? 1.9 : Double(self.random.next(below: 2_000_000_000)) / 1_000_000_000
            if leaps {
                self.world.leap(to: self.world.now + step)
            } else {
                self.world.advance(to: self.world.now + step)
            }
            for index in self.paths.indices { self.speak(index) }
            self.interfere()
        }
    }

    private func has(_ fault: Fault) -> Bool { self.faults.contains(fault) }

    private mutating func happens(_ fault: Fault, _ perThousand: Int) -> Bool {
        self.has(fault) && self.random.next(below: 1_000) < perThousand
    }

    private mutating func speak(_ index: Int) {
        guard self.isCalm || self.random.chance(60), self.world.now >= self.silentUntil[index]
        else { return }
        if self.happens(.silence, 40) {
            self.silentUntil[index] = self.world.now + Double(self.random.next(below: 90))
            return
        }
        var value = self.value(of: self.paths[index])
        if self.happens(.notANumber, 40) { value = self.random.pick([.nan, .infinity]) }
        var facts = World.Facts()
        facts.source = SourceIndex(rawValue: UInt32((self.hasRules ? 2 : 1) + index % 2))
        if index % 3 != 0 { facts.sourceTime = self.world.now + self.clockOffset[index] }
        if self.happens(.badQuality, 40) { facts.quality = self.random.pick([.bad, .uncertain]) }
        if self.happens(.late, 60) { facts.sourceTime = self.world.now - 40 }
        if self.happens(.badClock, 40) { facts.rawSourceTime = self.random.pick([0, .max, 5]) }
        if self.happens(.regressed, 5) { self.clockOffset[index] -= 100 }
        if self.happens(.waited, 50) {
            facts.arrival = max(0, self.world.now - Double(self.random.next(below: 9)))
        }
        self.packetIdentifier = self.packetIdentifier % 200 + 1
        facts.packetIdentifier = self.packetIdentifier
        facts.payloadHash = self.random.next()
        facts.flags = [.acknowledgedDelivery]
        var slot = self.world.slot(self.paths[index], value, facts)
        if self.happens(.promise, 150) {
            slot.promisedInterval = PromisedInterval(seconds: Double(self.random.next(below: 20)))
        }
        self.published.append(slot)
        self.world.feed(slot)
        if self.happens(.redelivery, 60) {
            var again = self.random.pick(self.published.suffix(40))
            again.flags.insert(.duplicateDelivery)
            again.arrival = World.instant(self.world.now)
            self.world.feed(again)
        }
    }

    private mutating func value(of path: String) -> Double {
        switch path {
        case RandomPlant.modePath:
            if self.happens(.mode, 200) { return self.random.pick([0, 1, 2, 0.5, 7]) }
            return 0
        case RandomPlant.counterPath:
            self.counter += self.happens(.counting, 200) ? Double(self.random.next(below: 4)) : 1
            return self.counter
        default:
            if self.happens(.noise, 200) { return Double(self.random.next(below: 110)) }
            return self.isCalm ? 50 : 50 + Double(self.random.next(below: 20))
        }
    }

    private mutating func interfere() {
        if self.random.chance(60) { self.world.anchor() }
        if self.happens(.clockStep, 5) {
            var step = Slot(kind: .clockStep, arrival: World.instant(self.world.now))
            step.sourceTime = World.wall(self.world.now)
            self.world.feed(step)
        }
        if self.happens(.restart, 15) {
            self.world.feed(Slot(kind: .stop, arrival: World.instant(self.world.now)))
            self.world.start()
            self.world.configure(self.world.engine.ruleBook.revision)
        }
        if self.happens(.crash, 15) { self.world.start() }
        if self.happens(.lag, 25) {
            self.world.pass(by: Double(self.random.next(below: 8)))
            self.world.lag(Double(self.random.next(below: 20)))
        }
        if self.happens(.reconfigure, 20) {
            self.world.configure(World.revision(UInt8(1 + self.random.next(below: 5))))
        }
        if self.happens(.newSensor, 15) {
            self.world.register("stray/\(self.random.next(below: 1_000))")
        }
        if self.happens(.gap, 10) {
            var gap = Slot(kind: .gap, arrival: World.instant(self.world.now))
            gap.valueBits = 5
            gap.aux = 9
            self.world.feed(gap)
        }
        if self.happens(.unknownSensor, 20) {
            self.world.read("nobody", 1, World.Facts(flags: [.acknowledgedDelivery]))
        }
        if self.has(.acknowledge), self.random.chance(20) { self.acknowledge() }
        if self.happens(.sourceLoss, 25) {
            self.world.evidence(
                self.random.pick([
                    .closedAbnormally, .keepAliveTimeout, .willPublished, .connected, .disconnected,
                    .alive,
                ]), of: SourceIndex(rawValue: UInt32(self.random.next(below: 4))))
        }
        if self.happens(.heartbeat, 300) {
            self.world.evidence(.alive, sensor: self.random.pick(self.paths))
        }
        if self.happens(.command, 150) { self.command() }
        if self.hasRules, self.happens(.command, 20) {
            let mode = self.random.pick(RandomPlant.area.modes + ["nobody's"])
            self.world.command(
                OperatorCommand(
                    area: RandomPlant.area.name, mode: mode, user: "operator", origin: "console",
                    comment: ""))
        }
    }

    /// Any command about an alarm that a sensor has, or about one that it has not.
    private mutating func command() {
        let path = self.random.pick(self.paths)
        var command = OperatorCommand(
            verb: self.random.pick(OperatorCommand.Verb.allCases), path: path,
            alarm: self.random.pick(AlarmKind.allCases), activation: .none, user: "operator",
            origin: "console", comment: self.random.chance(90) ? "test" : "")
        let alarms = self.world.alarms(of: path)
        // One that stands out, if any does: the others answer all alike.
        let active = alarms.filter { $0.state != .normal || !$0.suppression.isEmpty }
        if !alarms.isEmpty, self.random.chance(85) {
            let alarm = self.random.pick(active.isEmpty || self.random.chance(20) ? alarms : active)
            command.alarm = alarm.kind
            command.activation = alarm.activation
            if alarm.rule > 0 { command.rule = self.world.name(of: alarm) }
        }
        command.durationNanoseconds = seconds(Double(self.random.next(below: 40)))
        command.isOneShot = self.random.chance(50)
        self.world.command(command)
    }

    private mutating func acknowledge() {
        let path = self.random.pick(self.paths)
        let kind = self.random.pick(AlarmKind.allCases)
        let current = self.world.alarm(kind, path)?.activation ?? .none
        let old =
            self.world.outcomes.first { $0.decision.kind == .alarmRaised }?.decision.activation
            ?? .none
        self.world.acknowledge(path, kind, self.random.chance(80) ? current : old)
    }
}
