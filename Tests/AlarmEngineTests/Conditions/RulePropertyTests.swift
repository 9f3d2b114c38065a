// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import Testing

/// Random readings over sensors with every kind of rule.
@Suite struct RulePropertyTests {
    private struct Sent {
        var path: String
        var value: Double
        var second: Double
        var quality: Quality
    }

    private static let paths = ["p/1", "p/2", "p/3", "n"]

    private static func sensors() -> [SensorDeclaration] {
        Self.paths.map { path in
            var sensor = SensorDeclaration(pattern: path, deadlineNanoseconds: seconds(4))
            sensor.high = LimitSetting(setpoint: 80, deadband: 5, onDelayNanoseconds: seconds(1))
            sensor.unknownGraceNanoseconds = seconds(2)
            return sensor
        }
    }

    private static func rules() -> [RuleDeclaration] {
        let group = ["p/1", "p/2", "p/3"]
        let limit = RuleLimit(setpoint: 60, deadband: 5)
        let conditions: [(String, [String], RuleCondition)] = [
            (
                "rate", ["p/+"],
                .rateOfChange(rise: 4, fall: 6, deadband: 1, windowNanoseconds: seconds(5))
            ),
            ("flat", ["p/+"], .flatLine(epsilon: 20, durationNanoseconds: seconds(6))),
            (
                "far", ["p/1"],
                .deviation(reference: "p/2", setpoint: 0, above: 40, below: 40, deadband: 5)
            ),
            ("vote", ["p/1"], .vote(members: group, required: 2, limit: limit)),
            (
                "differ", ["p/2"], .discrepancy(members: group, tolerance: 50, deadband: 10)
            ),
            (
                "mean", ["p/+"],
                .window(measure: .mean, limit: limit, windowNanoseconds: seconds(10))
            ),
            (
                "drift", ["p/3"],
                .drift(limit: 15, deadband: 5, averageNanoseconds: seconds(15), reference: nil)
            ),
            ("gap", ["n"], .sequence(faults: 2, windowNanoseconds: seconds(8), modulus: 0)),
            ("doubt", ["#"], .badQuality(includesUncertain: true)),
            (
                "two", ["p/3"],
                .expression(
                    "atLeast(2, raised(p/1:high), raised(p/2:high), condition(:mean)) "
                        + "or stale(n) and value > 50")
            ),
            ("after", ["p/1"], .expression("raised(p/3:two) and not bad(p/2)")),
        ]
        return conditions.enumerated().map { index, entry in
            var rule = RuleDeclaration(name: entry.0, sensors: entry.1, condition: entry.2)
            rule.onDelayNanoseconds = seconds(Double(index % 3))
            rule.offDelayNanoseconds = seconds(Double(index % 2))
            return rule
        }
    }

    private static func story(_ random: inout Random) -> [Sent] {
        var second = 0.0
        var number = 0.0
        var value = 50.0
        return (0..<250).map { _ in
            // Now and then a silence that makes sensors stale.
            second += random.chance(4) ? 6 : Double(random.next(below: 700)) / 1_000
            let path = random.pick(Self.paths)
            let quality: Quality = random.chance(5) ? random.pick([.bad, .uncertain]) : .good
            number += random.chance(10) ? 2 : 1
            value = min(100, max(0, value + Double(random.next(below: 41)) - 20))
            return Sent(
                path: path, value: path == "n" ? number : value, second: second, quality: quality)
        }
    }

    private static func told(_ world: World) -> [String] {
        world.decisions.compactMap { decision in
            guard decision.kind == .alarmRaised || decision.kind == .alarmReturned else {
                return nil
            }
            return "\(decision.time.nanoseconds) \(decision.sensor) "
                + "\(world.engine.alarmName(of: decision)) \(decision.kind) \(decision.cause)"
        }
    }

    @Test(arguments: 1...12)
    func `cutting time into pieces changes nothing, and replay repeats all`(seed: Int) {
        var random = Random(seed: UInt64(seed))
        let story = Self.story(&random)
        let whole = World(Self.sensors(), rules: Self.rules())
        let pieces = World(Self.sensors(), rules: Self.rules())
        for sent in story {
            whole.leap(to: sent.second)
            var cut = pieces.now
            while random.chance(60) {
                cut += (sent.second - cut) * Double(random.next(below: 1_000)) / 1_000
                pieces.advance(to: cut)
            }
            pieces.advance(to: sent.second)
            for world in [whole, pieces] {
                var facts = World.Facts()
                facts.quality = sent.quality
                world.read(sent.path, sent.value, facts)
            }
        }
        #expect(Self.told(whole) == Self.told(pieces))
        #expect(Self.told(whole).count > 20)
        pieces.verifyReplay()
    }

    @Test func `the random stories reach every rule`() {
        var names: Set<String> = []
        for seed in 1...12 {
            var random = Random(seed: UInt64(seed))
            let world = World(Self.sensors(), rules: Self.rules())
            for sent in Self.story(&random) {
                world.send(sent.path, sent.value, at: sent.second, quality: sent.quality)
            }
            names.formUnion(world.decisions.map { world.engine.alarmName(of: $0) })
        }
        #expect(names.isSuperset(of: Self.rules().map(\.name)))
    }
}
