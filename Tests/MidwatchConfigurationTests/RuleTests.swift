// SPDX-License-Identifier: Apache-2.0

import MidwatchConfiguration
import MidwatchModel
import Testing

@Suite struct RuleTests {
    /// Two sensors of a tunnel and a template; rules stand from line 6 on.
    private static let sensors = """
        node: {name: n1}
        sensors:
          - {path: air/co, limits: {high: {setpoint: 50}}}
          - {template: air/+/fan}
          - {path: air/door, supervision: exception}

        """

    private static func rules(_ text: String) -> String { Self.sensors + "rules:\n" + text }

    static let conditions: [(String, RuleCondition)] = [
        (
            "rateOfChange: {rise: 2, fall: 0.5, deadband: 0.1, window: 1m}",
            .rateOfChange(
                rise: 2, fall: 0.5, deadband: 0.1, windowNanoseconds: 60_000_000_000)
        ),
        (
            "flatLine: {epsilon: 0.1, time: 10m}",
            .flatLine(epsilon: 0.1, durationNanoseconds: 600_000_000_000)
        ),
        (
            "deviation: {reference: \"air/{1}/fan\", above: 5}",
            .deviation(
                reference: "air/{1}/fan", setpoint: 0, above: 5, below: nil, deadband: 0)
        ),
        (
            "deviation: {setpoint: 20, below: 3, deadband: 1}",
            .deviation(reference: nil, setpoint: 20, above: nil, below: 3, deadband: 1)
        ),
        (
            "vote: {members: [air/1/fan, air/2/fan, air/3/fan], required: 2, high: 7}",
            .vote(
                members: ["air/1/fan", "air/2/fan", "air/3/fan"], required: 2,
                limit: RuleLimit(setpoint: 7))
        ),
        (
            "discrepancy: {members: [air/1/fan, air/2/fan], tolerance: 4, deadband: 1}",
            .discrepancy(members: ["air/1/fan", "air/2/fan"], tolerance: 4, deadband: 1)
        ),
        ("offNormal: {normal: [0, 2, 63]}", .offNormal(normalStates: 1 | 4 | 1 << 63)),
        ("badQuality: {uncertain: true}", .badQuality(includesUncertain: true)),
        (
            "clockSkew: {max: 5s, deadband: 1s}",
            .clockSkew(maxNanoseconds: 5_000_000_000, deadbandNanoseconds: 1_000_000_000)
        ),
        (
            "clockDrift: {ppm: 100, window: 1h}",
            .clockDrift(partsPerMillion: 100, deadband: 0, windowNanoseconds: 3_600_000_000_000)
        ),
        (
            "sequence: {faults: 3, window: 1m, modulus: 256}",
            .sequence(faults: 3, windowNanoseconds: 60_000_000_000, modulus: 256)
        ),
        (
            "window: {measure: mean, low: 3, time: 10m}",
            .window(
                measure: .mean, limit: RuleLimit(setpoint: 3, isHigh: false),
                windowNanoseconds: 600_000_000_000)
        ),
        (
            "drift: {limit: 2, average: 1d}",
            .drift(
                limit: 2, deadband: 0, averageNanoseconds: 86_400_000_000_000, reference: nil)
        ),
        (
            "expression: value > 5 and raised(air/co:high)",
            .expression("value > 5 and raised(air/co:high)")
        ),
    ]

    @Test(arguments: Self.conditions)
    func `every condition is read`(text: String, expected: RuleCondition) throws {
        let alone = Fixture.parse(
            Self.rules("  - name: q\n    sensors: [air/+/fan]\n    \(text)\n"))
        #expect(alone.report == alone.warnings.map { "warning: \($0)" })
        #expect(try #require(alone.configuration).rules.first?.condition == expected)
    }

    @Test func `delays, priority, words and trial are read`() throws {
        let result = Fixture.parse(
            Self.rules(
                """
                  - name: rising
                    sensors: [air/co]
                    expression: value > 5
                    onDelay: 3s
                    offDelay: 10s
                    passive: true
                    consequence: People are harmed.
                    consequenceClass: severe
                    operatorAction: Raise the fans.
                    timeToRespond: 5m
                    causes: [traffic stands, a fan failed]
                    verification: Look at camera 7.
                    firstChecks: [Does the other meter agree?]
                    runbook: https://runbooks.example/co
                    owner: control room

                """), isStrict: false)
        let rule = try #require(result.configuration?.rules.first)
        #expect(rule.name == "rising")
        #expect(rule.onDelayNanoseconds == 3_000_000_000)
        #expect(rule.offDelayNanoseconds == 10_000_000_000)
        #expect(rule.isPassive)
        #expect(rule.priority == .high)
        #expect(rule.rationalization.causes == ["traffic stands", "a fan failed"])
        #expect(rule.rationalization.verification == "Look at camera 7.")
        #expect(rule.rationalization.consequenceClass == .severe)
    }

    /// The lines of a rule from line 7 on, and what `check` says.
    static let errors: [(String, String)] = [
        (
            "  - name: high\n    sensors: [air/co]\n    expression: value > 5\n",
            "m.yaml:7:11: rules[0].name: \"high\" is a kind of alarm; name what this one is about"
        ),
        (
            "  - name: a b\n    sensors: [air/co]\n    expression: value > 5\n",
            "m.yaml:7:11: rules[0].name: expected letters, digits, - and _, at most 64, got \"a b\""
        ),
        (
            "  - name: r\n    expression: value > 5\n",
            "m.yaml:7:5: rules[0].sensors: missing; list paths or templates: [a/b/c, a/+/d]"
        ),
        (
            "  - name: r\n    sensors: [air/oc]\n    expression: value > 5\n",
            "m.yaml:8:14: rules[0].sensors: no sensor is declared that fits \"air/oc\"; declare it "
                + "under sensors, did you mean \"air/co\"?"
        ),
        (
            "  - name: r\n    sensors: [air/co]\n    expression: value(air/cu) > 5\n",
            "m.yaml:9:23: rules[0].expression: unknown sensor \"air/cu\"; declare it under "
                + "sensors, did you mean \"air/co\"?"
        ),
        (
            "  - name: r\n    sensors: [air/co]\n    expression: \"value >\"\n",
            "m.yaml:9:25: rules[0].expression: expected a value or a condition, got the end"
        ),
        (
            "  - name: r\n    sensors: [air/co]\n    expression: value + 1\n",
            "m.yaml:9:17: rules[0].expression: is a number, expected a condition; compare it, as "
                + "in value > 5"
        ),
        (
            "  - name: r\n    sensors: [air/co]\n    expression: raised(air/co:hihg)\n",
            "m.yaml:9:24: rules[0].expression: unknown alarm \"hihg\" of \"air/co\"; it has high, "
                + "stale, unverifiable, r, did you mean \"high\"?"
        ),
        (
            "  - name: r\n    sensors: [air/co]\n    expression: value(air/{1}/fan) > 5\n",
            "m.yaml:9:23: rules[0].expression: \"air/{1}/fan\" names a wildcard that sensors does "
                + "not have; {1} is the first + or #"
        ),
        (
            "  - name: a\n    sensors: [air/co]\n    expression: raised(air/co:b)\n"
                + "  - name: b\n    sensors: [air/co]\n    expression: condition(:a)\n",
            "m.yaml:9:17: rules[0].expression: depends on itself: a → b → a; take one of them out"
        ),
        (
            "  - name: a\n    sensors: [air/co]\n    expression: raised(air/co:a)\n",
            "m.yaml:9:17: rules[0].expression: depends on itself: a → a; take one of them out"
        ),
        (
            "  - name: r\n    sensors: [air/co]\n    expression: value > 1\n"
                + "  - name: r\n    sensors: [air/co]\n    expression: value > 2\n",
            "m.yaml:10:11: rules[1].name: \"r\" is a rule in line 7 already"
        ),
        (
            "  - name: r\n    sensors: [air/door]\n    flatLine: {epsilon: 1, time: 1m}\n",
            "m.yaml:9:15: rules[0].flatLine: watches \"air/door\", which has supervision: exception "
                + "and may rightly stand still; leave it out of sensors, or make it periodic"
        ),
        (
            "  - name: r\n    sensors: [air/co]\n    offNormal: {normal: [64]}\n",
            "m.yaml:9:26: rules[0].offNormal.normal: expected a state 0-63, got \"64\""
        ),
        (
            "  - name: r\n    sensors: [air/co]\n"
                + "    vote: {members: [air/1/fan, air/2/fan], required: 3, high: 1}\n",
            "m.yaml:9:55: rules[0].vote.required: expected an integer 1-2, got \"3\""
        ),
        (
            "  - name: r\n    sensors: [air/co]\n    discrepancy: {members: [air/co], "
                + "tolerance: 1}\n",
            "m.yaml:9:28: rules[0].discrepancy.members: expected 2-8 sensors, got 1"
        ),
        (
            "  - name: r\n    sensors: [air/co]\n    window: {measure: mean, time: 1m}\n",
            "m.yaml:9:13: rules[0].window.high: expected high or low, the value that raises the "
                + "alarm"
        ),
        (
            "  - name: r\n    sensors: [air/co]\n    expression: value > 1\n    onDelay: 2m\n"
                + "    timeToRespond: 1m\n",
            "m.yaml:10:14: rules[0].onDelay: leaves nothing of timeToRespond (1m); shorten it"
        ),
        (
            "  - name: r\n    sensors: [air/co]\n    expression: value > 1\n"
                + "    badQuality: {}\n",
            "m.yaml:9:17: rules[0].expression: expected one condition, got badQuality and "
                + "expression; make two rules"
        ),
    ]

    @Test(arguments: Self.errors)
    func `a wrong rule is refused with line, column, key and remedy`(text: String, issue: String) {
        let result = Fixture.parse(Self.rules(text))
        #expect(result.configuration == nil)
        #expect(result.errors.map(\.description) == [issue])
    }

    @Test func `strictly, an urgent rule needs its words`() {
        let text = Self.rules(
            "  - name: r\n    sensors: [air/co]\n    expression: value > 5\n    priority: high\n")
        #expect(Fixture.parse(text).configuration != nil)
        let strict = Fixture.parse(text, isStrict: true)
        #expect(
            strict.errors.contains {
                $0.key == "rules[0]" && $0.line == 7
                    && $0.message.contains("without consequence, operatorAction, timeToRespond")
            })
    }

    @Test func `an expression in a block names its line and column`() {
        let text = Self.rules(
            "  - name: r\n    sensors: [air/co]\n    expression: |\n      value > 1 and\n"
                + "      value(x) > 1\n")
        #expect(
            Fixture.parse(text).errors.map(\.description) == [
                "m.yaml:11:13: rules[0].expression: unknown sensor \"x\"; declare it under sensors"
            ])
    }

    @Test func `an expression whose lines YAML joins names the character`() {
        let text = Self.rules(
            "  - name: r\n    sensors: [air/co]\n    expression: >+\n      value > 1 and\n"
                + "      value(x) > 1\n")
        #expect(
            Fixture.parse(text).errors.map(\.description) == [
                "m.yaml:9:17: rules[0].expression: unknown sensor \"x\"; declare it under sensors "
                    + "(character 21 of the text)"
            ])
    }

    static let priorities: [(ConsequenceClass, UInt32, AlarmPriority)] = [
        (.severe, 179, .critical), (.severe, 180, .high), (.severe, 1_800, .high),
        (.severe, 1_801, .medium), (.major, 179, .high), (.major, 599, .medium),
        (.major, 1_801, .low), (.minor, 1, .medium), (.minor, 600, .low),
    ]

    @Test(arguments: Self.priorities)
    func `priority comes from consequence and time to respond`(
        consequence: ConsequenceClass, time: UInt32, expected: AlarmPriority
    ) throws {
        var words = Rationalization()
        words.consequenceClass = consequence
        words.timeToRespondSeconds = time
        #expect(PriorityMatrix().priority(words) == expected)
        let result = Fixture.parse(
            "node: {name: n1}\nsensors:\n  - path: a\n    limits: {high: {setpoint: 1}}\n"
                + "    consequenceClass: \(consequence.word)\n    timeToRespond: \(time)s\n")
        #expect(result.configuration?.sensors.first?.high?.priority == expected)
    }

    // MARK: - Areas and limit sets

    private static func area(_ mode: String, sensor: String = "air/co") -> String {
        """
        node: {name: n1}
        sensors:
          - path: air/co
            limits: {exclusive: true, high: {setpoint: 50}}
            limitSets: [{mode: \(mode), high: {setpoint: 20}}]
            instrumentRange: {min: -5, max: 300}
        areas:
          - name: west
            sensors: [air/#]
            modes: [open, closed]
            sensor: \(sensor)

        """
    }

    @Test func `limit sets, their area and the instrument's range are read`() throws {
        let configuration = try #require(Fixture.parse(Self.area("closed")).configuration)
        let sensor = try #require(configuration.sensors.first)
        #expect(sensor.areLimitsExclusive)
        #expect(sensor.instrumentRange == -5...300)
        #expect(sensor.limitSets.map(\.mode) == ["closed"])
        #expect(sensor.limitSets.first?.high?.setpoint == 20)
        #expect(configuration.areas.map(\.name) == ["west"])
        #expect(configuration.areas.first?.modes == ["open", "closed"])
    }

    @Test func `a mode that no area has is refused`() {
        #expect(
            Fixture.parse(Self.area("close")).errors.map(\.description) == [
                "m.yaml:5:16: sensors[0].limitSets: no area of this sensor has the mode "
                    + "\"close\", did you mean \"closed\"?"
            ])
    }

    @Test func `an area's sensor must exist`() {
        #expect(
            Fixture.parse(Self.area("open", sensor: "air/mode")).errors.map(
                \.description) == [
                    "m.yaml:11:13: areas[0].sensor: unknown sensor \"air/mode\"; declare it under "
                        + "sensors"
                ])
    }
}
