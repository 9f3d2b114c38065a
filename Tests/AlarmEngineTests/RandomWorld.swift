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
        case sourceLoss, command, heartbeat, promise
    }

    let world: World
    private var random: Random
    private var faults: [Fault]
    private var isCalm = false
    let paths: [String]
    private var silentUntil: [Double]
    private var clockOffset: [Double]
    private var packetIdentifier: UInt16 = 0
    private var published: [Slot] = []

    init(seed: UInt64, sensors: Int = 12, hasRules: Bool = false) {
        var random = Random(seed: seed)
        let books = (2...4).map { number in
            RuleBook(
                revision: World.revision(UInt8(number)),
                declarations: Self.declarations(sensors, &random),
                rules: hasRules ? Self.rules(sensors, &random) : [])
        }
        self.world = World(Self.declarations(sensors, &random), books: books)
        self.faults = Fault.allCases.filter { _ in random.chance(70) }
        self.paths = (0..<sensors).map { "plant/\($0)" }
        self.silentUntil = [Double](repeating: 0, count: sensors)
        self.clockOffset = (0..<sensors).map { _ in random.chance(30) ? -3_600 : 0 }
        self.random = random
        _ = self.world.supervise("gateway/one")
        self.world.registerSource("gateway/two")
    }

    private static func declarations(_ count: Int, _ random: inout Random) -> [SensorDeclaration] {
        (0..<count).map { index in
            func limit(_ setpoint: Double, _ random: inout Random) -> LimitSetting? {
                guard random.chance(60) else { return nil }
                var limit = LimitSetting.at(
                    setpoint + Double(random.next(below: 10)),
                    deadband: Double(random.next(below: 3) * 5),
                    on: Double(random.next(below: 3) * 4), off: Double(random.next(below: 3) * 7),
                    random.pick(AlarmPriority.allCases))
                limit.handling = self.handling(&random)
                return limit
            }
            var declaration = SensorDeclaration.make(
                "plant/\(index)", deadline: random.pick([1, 5, 10, 30, 45]),
                high: limit(70, &random), highHigh: limit(90, &random), low: limit(30, &random),
                lowLow: limit(10, &random),
                supervision: random.pick([.periodic, .periodic, .periodic, .exception, .event]),
                stale: random.pick(AlarmPriority.allCases),
                unknownGrace: Double(random.next(below: 12)))
            declaration.trustsSource = random.chance(50)
            declaration.isIndependent = random.chance(10)
            declaration.silenceHandling = self.handling(&random)
            return declaration
        }
    }

    /// Rules of every kind, some left out, over a few of the sensors.
    private static func rules(_ count: Int, _ random: inout Random) -> [RuleDeclaration] {
        let paths = (0..<count).map { "plant/\($0)" }
        let window = seconds(Double(10 + random.next(below: 3) * 10))
        let other = random.pick(paths)
        let conditions: [RuleCondition] = [
            .rateOfChange(rise: 4, fall: 4, deadband: 1, windowNanoseconds: window),
            .flatLine(epsilon: 2, durationNanoseconds: window),
            .deviation(reference: other, setpoint: 0, above: 15, below: 15, deadband: 3),
            .deviation(reference: nil, setpoint: 60, above: 8, below: nil, deadband: 3),
            .vote(
                members: Array(paths.prefix(3)), required: 2,
                limit: RuleLimit(setpoint: 62, deadband: 2)),
            .discrepancy(members: Array(paths.prefix(3)), tolerance: 12, deadband: 2),
            .offNormal(normalStates: 0x00FF_FFFF_FFFF_FFFF), .badQuality(includesUncertain: true),
            .sequence(faults: 3, windowNanoseconds: window, modulus: 0),
            .window(
                measure: random.pick([.count, .mean, .min, .max]),
                limit: RuleLimit(setpoint: 58, deadband: 4), windowNanoseconds: window),
            .window(
                measure: .count, limit: RuleLimit(setpoint: 4, isHigh: false),
                windowNanoseconds: window),
            .drift(limit: 6, deadband: 2, averageNanoseconds: window, reference: nil),
            .clockSkew(maxNanoseconds: seconds(20), deadbandNanoseconds: seconds(5)),
            .expression("value > 60 and value(\(other)) > 55 or stale(\(other))"),
            .expression("condition(:rule3) and not raised(\(other):stale)"),
        ]
        return conditions.enumerated().compactMap { number, condition in
            guard random.chance(60) else { return nil }
            var rule = RuleDeclaration(
                name: "rule\(number)",
                sensors: [random.chance(50) ? "plant/+" : random.pick(paths)],
                condition: condition)
            rule.onDelayNanoseconds = random.chance(30) ? seconds(4) : 0
            rule.offDelayNanoseconds = random.chance(30) ? seconds(6) : 0
            rule.isPassive = random.chance(10)
            rule.priority = random.pick(AlarmPriority.allCases)
            return rule
        }
    }

    private static func handling(_ random: inout Random) -> AlarmHandling {
        var handling = AlarmHandling()
        handling.isLatching = random.chance(15)
        handling.isAutoAcknowledged = random.chance(15)
        handling.reAlarmNanoseconds = random.chance(20) ? seconds(15) : 0
        if random.chance(10) { handling.suppressions.append(.firstOut(group: "trip")) }
        if random.chance(10) {
            handling.suppressions.append(
                .alarm(path: "plant/0", kind: random.pick([.high, .stale])))
        }
        if random.chance(10) { handling.suppressions.append(.mode(path: "plant/1", value: 55)) }
        return handling
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
                self.isCalm ? 0.9 : Double(self.random.next(below: 2_000_000_000)) / 1_000_000_000
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
        var value = 50 + Double(self.random.next(below: 20))
        if self.isCalm { value = 50 }
        if self.happens(.noise, 200) { value = Double(self.random.next(below: 110)) }
        if self.happens(.notANumber, 40) { value = self.random.pick([.nan, .infinity]) }
        var facts = World.Facts()
        facts.source = SourceIndex(rawValue: UInt32(1 + index % 2))
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
        if self.happens(.command, 100) {
            self.world.command(
                self.random.pick(OperatorCommand.Verb.allCases), self.random.pick(self.paths),
                self.random.pick(AlarmKind.allCases),
                comment: self.random.chance(90) ? "test" : "",
                seconds: Double(self.random.next(below: 40)), isOneShot: self.random.chance(50))
        }
    }

    private mutating func acknowledge() {
        let path = self.random.pick(self.paths)
        let kind = self.random.pick(AlarmKind.allCases)
        let current = self.world.alarm(kind, path)?.activation ?? .none
        let old = self.world.decisions(.alarmRaised).first?.activation ?? .none
        self.world.acknowledge(path, kind, self.random.chance(80) ? current : old)
    }
}
