// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel

/// Configurations that a seed makes: sensors with limits, rules of every kind over them, an area with
/// modes, sources behind each other.
///
/// Everything that `midwatch check` would refuse is left out.
struct RandomPlant {
    /// A sensor whose value is the mode of the area.
    static let modePath = "mode"
    /// A sensor whose value counts up.
    static let counterPath = "count"
    /// What an operator sets.
    static let area = AreaDeclaration(
        name: "hall", sensors: ["plant/+"], modes: ["day", "night", "service"])

    let hasRules: Bool
    let plantPaths: [String]
    private var random: Random
    private var kept: [RuleDeclaration] = []

    var paths: [String] {
        self.plantPaths + (self.hasRules ? [Self.modePath, Self.counterPath] : [])
    }

    init(seed: UInt64, sensors: Int, hasRules: Bool) {
        self.random = Random(seed: seed &* 31 &+ 7)
        self.plantPaths = (0..<sensors).map { "plant/\($0)" }
        self.hasRules = hasRules
    }

    /// The next book; some of its rules are those of the book before.
    mutating func book(_ number: UInt8) -> RuleBook {
        let declarations = self.declarations()
        guard self.hasRules else {
            return RuleBook(revision: World.revision(number), declarations: declarations)
        }
        var area = Self.area
        area.sensor = self.random.chance(70) ? Self.modePath : nil
        let sources = SourceTree([
            SourceDeclaration(name: "bus"),
            SourceDeclaration(
                name: "gateway/one", behind: self.random.chance(60) ? "bus" : ""),
        ])
        return RuleBook(
            revision: World.revision(number), declarations: declarations,
            rules: self.rules(over: declarations), areas: [area],
            sources: self.random.chance(70) ? sources : SourceTree())
    }

    // MARK: - Sensors

    private mutating func declarations() -> [SensorDeclaration] {
        var all = self.plantPaths.map { self.declaration($0) }
        guard self.hasRules else { return all }
        for path in [Self.modePath, Self.counterPath] {
            var declaration = SensorDeclaration.make(path, deadline: 5)
            declaration.stalePriority = self.random.pick(AlarmPriority.allCases)
            declaration.silenceHandling = self.handling()
            all.append(declaration)
        }
        // A source that is not declared is not judged behind a new configuration.
        for name in ["bus", "gateway/one"] where self.random.chance(70) {
            all.append(.make(RuleBook.sourcePathPrefix + name, deadline: 5))
        }
        return all
    }

    private mutating func declaration(_ path: String) -> SensorDeclaration {
        var declaration = SensorDeclaration.make(
            path, deadline: self.random.pick([3, 5, 10, 30, 45]),
            high: self.limit(70), highHigh: self.limit(90), low: self.limit(30),
            lowLow: self.limit(10),
            supervision: self.random.pick([.periodic, .periodic, .periodic, .exception, .event]),
            stale: self.random.pick(AlarmPriority.allCases),
            unknownGrace: Double(self.random.next(below: 12)))
        declaration.trustsSource = self.random.chance(50)
        declaration.isIndependent = self.random.chance(10)
        declaration.silenceHandling = self.handling()
        declaration.silenceOffDelayNanoseconds = self.random.chance(25) ? seconds(6) : 0
        guard self.hasRules else { return declaration }
        declaration.areLimitsExclusive = self.random.chance(20)
        if self.random.chance(20) { declaration.instrumentRange = 5...100 }
        if self.random.chance(15) {
            declaration.behind = self.random.pick(["bus", "gateway/one", "gateway/two"])
        }
        for mode in Self.area.modes.dropFirst() where self.random.chance(30) {
            var set = LimitSet(mode: mode)
            set.high = self.limit(62)
            set.low = self.limit(20)
            declaration.limitSets.append(set)
        }
        return declaration
    }

    private mutating func limit(_ setpoint: Double) -> LimitSetting? {
        guard self.random.chance(60) else { return nil }
        var limit = LimitSetting.at(
            setpoint + Double(self.random.next(below: 10)),
            deadband: Double(self.random.next(below: 3) * 5),
            on: Double(self.random.next(below: 3) * 4), off: Double(self.random.next(below: 3) * 7),
            self.random.pick(AlarmPriority.allCases))
        limit.handling = self.handling()
        return limit
    }

    private mutating func handling() -> AlarmHandling {
        var handling = AlarmHandling()
        handling.isLatching = self.random.chance(15)
        handling.isAutoAcknowledged = self.random.chance(15)
        handling.reAlarmNanoseconds = self.random.chance(20) ? seconds(15) : 0
        if self.random.chance(10) { handling.suppressions.append(.firstOut(group: "trip")) }
        if self.random.chance(10) {
            handling.suppressions.append(
                .alarm(path: "plant/0", kind: self.random.pick([.high, .stale])))
        }
        if self.random.chance(10) {
            handling.suppressions.append(
                self.hasRules
                    ? .mode(path: Self.modePath, value: 1) : .mode(path: "plant/1", value: 55))
        }
        if self.hasRules, self.random.chance(10) {
            handling.suppressions.append(.ruleAlarm(path: "plant/0", rule: "jump"))
        }
        return handling
    }

    // MARK: - Rules

    /// Rules of every kind, some left out, over a few of the sensors.
    private mutating func rules(over sensors: [SensorDeclaration]) -> [RuleDeclaration] {
        var rules: [RuleDeclaration] = []
        for (name, path, condition) in self.conditions() where self.random.chance(70) {
            var rule = RuleDeclaration(
                name: name,
                sensors: [path ?? (self.random.chance(50) ? "plant/+" : self.pickPlant())],
                condition: condition)
            rule.onDelayNanoseconds = self.random.chance(30) ? seconds(4) : 0
            rule.offDelayNanoseconds = self.random.chance(30) ? seconds(6) : 0
            rule.isPassive = self.random.chance(10)
            rule.priority = self.random.pick(AlarmPriority.allCases)
            rule.handling = self.handling()
            // What stays the same over a revision keeps what it knows.
            let before = self.kept.first { $0.name == name }
            if let before, self.random.chance(60) { rule = before }
            rules.append(rule)
        }
        for (name, sources, condition) in self.sourceConditions() where self.random.chance(60) {
            var rule = RuleDeclaration(name: name, sources: sources, condition: condition)
            rule.onDelayNanoseconds = self.random.chance(30) ? seconds(4) : 0
            rule.offDelayNanoseconds = self.random.chance(30) ? seconds(6) : 0
            rule.isPassive = self.random.chance(10)
            rule.handling = self.handling()
            let before = self.kept.first { $0.name == name }
            if let before, self.random.chance(60) { rule = before }
            rules.append(rule)
        }
        // A rule that is taken out may be one that others name.
        while let issue = RuleCheck.issues(rules, sensors: sensors).first {
            rules.remove(at: issue.rule)
        }
        self.kept = rules
        return rules
    }

    private mutating func pickPlant() -> String { self.random.pick(self.plantPaths) }

    private mutating func window() -> UInt64 {
        seconds(Double(10 + self.random.next(below: 3) * 10))
    }

    /// Name, sources, condition of rules about sources.
    private mutating func sourceConditions() -> [(String, [String], RuleCondition)] {
        [
            (
                "gatewayClock", ["gateway/one", "bus"],
                .clockSkew(maxNanoseconds: seconds(20), deadbandNanoseconds: seconds(5))
            ),
            (
                "gatewayRuns", ["gateway/+"],
                .clockDrift(partsPerMillion: 500, deadband: 100, windowNanoseconds: seconds(20))
            ),
            (
                "gatewayGaps", ["#"],
                .sequence(
                    faults: 3, windowNanoseconds: self.window(), modulus: 0,
                    sensor: Self.counterPath)
            ),
        ]
    }

    /// Name, sensor if not one or all of the plant's, condition.
    private mutating func conditions() -> [(String, String?, RuleCondition)] {
        let three = Array(self.plantPaths.prefix(3))
        let other = self.pickPlant()
        var all: [(String, String?, RuleCondition)] = [
            (
                "jump", nil,
                .rateOfChange(rise: 4, fall: 4, deadband: 1, windowNanoseconds: self.window())
            ),
            ("flat", self.pickPlant(), .flatLine(epsilon: 2, durationNanoseconds: self.window())),
            (
                "apart", nil,
                .deviation(reference: other, setpoint: 0, above: 15, below: 15, deadband: 3)
            ),
            (
                "deviates", nil,
                .deviation(reference: nil, setpoint: 60, above: 8, below: nil, deadband: 3)
            ),
            (
                "votes", nil,
                .vote(
                    members: three, required: 2, limit: RuleLimit(setpoint: 62, deadband: 2))
            ),
            ("differs", nil, .discrepancy(members: three, tolerance: 12, deadband: 2)),
            ("state", Self.modePath, .offNormal(normalStates: 0b11)),
            ("doubtful", nil, .badQuality(includesUncertain: self.random.chance(50))),
            (
                "gaps", Self.counterPath,
                .sequence(faults: 3, windowNanoseconds: self.window(), modulus: 0)
            ),
            (
                "slow", nil,
                .drift(limit: 6, deadband: 2, averageNanoseconds: self.window(), reference: nil)
            ),
            (
                "creeps", nil,
                .drift(limit: 9, deadband: 2, averageNanoseconds: self.window(), reference: other)
            ),
            (
                "skewed", nil,
                .clockSkew(maxNanoseconds: seconds(20), deadbandNanoseconds: seconds(5))
            ),
            (
                "runs", nil,
                .clockDrift(partsPerMillion: 500, deadband: 100, windowNanoseconds: seconds(20))
            ),
        ]
        let measure = self.random.pick(WindowMeasure.allCases)
        let far = RuleLimit(setpoint: 58, deadband: 4)
        let few = RuleLimit(setpoint: 3, isHigh: false)
        all.append(
            ("mean", nil, .window(measure: measure, limit: far, windowNanoseconds: self.window())))
        all.append(
            ("rare", nil, .window(measure: .count, limit: few, windowNanoseconds: self.window())))
        for plain in PlainExpression.all {
            all.append((plain.name, nil, .expression(plain.text(other))))
        }
        return all
    }
}
