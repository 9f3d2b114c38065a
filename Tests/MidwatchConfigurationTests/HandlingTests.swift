// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

@testable import MidwatchConfiguration

/// How alarms are dealt with: classes, the keys before them, suppression by design.
@Suite struct HandlingTests {
    private static let head = """
        node: {name: n1}
        alarmClasses:
          - {name: safety, latching: true, reAlarm: 30m, shelvingMax: 0s}
        areas:
          - {name: west, sensors: [air/#], modes: [open, closed], sensor: air/mode}

        """

    private static func file(_ sensors: String) -> String { Self.head + "sensors:\n" + sensors }

    @Test func `a class, and keys before it, reach every alarm of a sensor`() throws {
        let result = Fixture.parse(
            Self.file(
                """
                  - path: air/co
                    class: safety
                    shelvingMax: 1h
                    suppressedBy: [{firstOut: co}]
                    limits:
                      high: {setpoint: 1}
                      highHigh: {setpoint: 2, latching: false, suppressedBy: []}
                    limitSets: [{mode: closed, high: {setpoint: 1, autoAcknowledge: true}}]
                    silence: {reAlarm: 0s}
                  - {path: air/mode}

                """))
        let sensor = try #require(result.configuration?.sensors.first)
        let high = try #require(sensor.high).handling
        #expect(high.className == "safety")
        #expect(high.isLatching && !high.isAutoAcknowledged)
        #expect(high.reAlarmNanoseconds == 1_800_000_000_000)
        #expect(high.shelvingMaxNanoseconds == 3_600_000_000_000)
        #expect(high.suppressions == [.firstOut(group: "co")])
        let highHigh = try #require(sensor.highHigh).handling
        #expect(!highHigh.isLatching && highHigh.suppressions.isEmpty)
        #expect(highHigh.shelvingMaxNanoseconds == 3_600_000_000_000)
        let set = try #require(sensor.limitSets.first?.high).handling
        #expect(set.isAutoAcknowledged && set.isLatching)
        #expect(sensor.silenceHandling.reAlarmNanoseconds == 0)
        #expect(sensor.silenceHandling.suppressions == [.firstOut(group: "co")])
        let plain = try #require(result.configuration?.sensors.last)
        #expect(plain.silenceHandling == AlarmHandling())
    }

    @Test func `a class further in takes the place of the one further out`() throws {
        let result = Fixture.parse(
            Self.file(
                """
                  - path: air/co
                    shelvingMax: 1h
                    limits: {high: {setpoint: 1, class: safety}, highHigh: {setpoint: 2}}
                  - {path: air/mode}

                """))
        let sensor = try #require(result.configuration?.sensors.first)
        #expect(sensor.high?.handling.shelvingMaxNanoseconds == 0)
        #expect(sensor.highHigh?.handling.shelvingMaxNanoseconds == 3_600_000_000_000)
        #expect(sensor.highHigh?.handling.className == "")
    }

    @Test func `every form of suppression is read, for rules too`() throws {
        let result = Fixture.parse(
            Self.file(
                """
                  - {template: air/+/fan, limits: {high: {setpoint: 9}}}
                  - {path: air/mode}
                rules:
                  - name: r
                    sensors: [air/+/fan]
                    expression: value > 5
                    class: safety
                    suppressedBy:
                      - alarm: "air/{1}/fan:high"
                      - alarm: air/7/fan:q
                      - {sensor: air/mode, value: -2}
                      - {area: west, mode: closed}
                      - {firstOut: "fans-{1}"}
                  - {name: q, sensors: [air/+/fan], expression: value > 8}

                """))
        #expect(result.errors == [])
        let rule = try #require(result.configuration?.rules.first)
        #expect(rule.handling.isLatching && rule.handling.className == "safety")
        #expect(
            rule.handling.suppressions == [
                .alarm(path: "air/{1}/fan", kind: .high),
                .ruleAlarm(path: "air/7/fan", rule: "q"), .mode(path: "air/mode", value: -2),
                .mode(path: "air/mode", value: 1), .firstOut(group: "fans-{1}"),
            ])
    }

    @Test func `an area whose mode people say suppresses, too`() throws {
        let text = """
            node: {name: n}
            areas:
              - {name: east, sensors: ["e/#"], modes: [open, closed]}
            sensors:
              - {path: e/a, limits: {high: {setpoint: 1, suppressedBy: [{area: east, mode: closed}]}}}

            """
        let result = Fixture.parse(text)
        #expect(result.errors == [])
        let configuration = try #require(result.configuration)
        #expect(
            configuration.sensors[0].high?.handling.suppressions
                == [.areaMode(area: "east", mode: "closed")])
        // Written out and read again it is the same.
        let again = Fixture.parse(configuration.settings.revealed.yaml).configuration
        #expect(again?.sensors == configuration.sensors)
    }

    @Test func `silence has an off-delay of its own`() throws {
        let result = Fixture.parse(
            Self.file("  - {path: air/mode, silence: {offDelay: 30s}}\n  - {path: a}\n"))
        #expect(result.errors == [])
        let sensors = try #require(result.configuration?.sensors)
        #expect(sensors.map(\.silenceOffDelayNanoseconds) == [30_000_000_000, 0])
        let again = Fixture.parse(try #require(result.configuration).settings.revealed.yaml)
        #expect(again.configuration?.sensors == sensors)
    }

    @Test func `trust and independence are read`() throws {
        let result = Fixture.parse(
            Self.file(
                "  - {path: air/mode, supervision: exception, trustsSource: true}\n"
                    + "  - {path: a, independent: true}\n"))
        let sensors = try #require(result.configuration?.sensors)
        #expect(sensors.map(\.trustsSource) == [true, false])
        #expect(sensors.map(\.isIndependent) == [false, true])
    }

    /// Lines from 7 on, and what `check` says.
    static let errors: [(String, String)] = [
        (
            "  - {path: air/mode, class: saftey}\n",
            "m.yaml:7:29: sensors[0].class: unknown class \"saftey\", did you mean \"safety\"?"
        ),
        (
            "  - {path: air/mode, reAlarm: 3s}\n",
            "m.yaml:7:31: sensors[0].reAlarm: expected 0s (never) or at least 10s"
        ),
        (
            "  - {path: air/mode, shelvingMax: 13h}\n",
            "m.yaml:7:35: sensors[0].shelvingMax: expected a time with its unit, 0s to 12h "
                + "(250ms, 10s, 5m, 2h, 1d), got \"13h\""
        ),
        (
            "  - {path: air/mode, trustsSource: true}\n",
            "m.yaml:7:36: sensors[0].trustsSource: only used with supervision: exception, where a "
                + "sign of life of the source counts; remove it or set supervision"
        ),
        (
            "  - {path: air/mode, suppressedBy: [{alarm: air/mode}]}\n",
            "m.yaml:7:45: sensors[0].suppressedBy[0].alarm: expected an alarm, path:name such as "
                + "plant/pump:stale, got \"air/mode\""
        ),
        (
            "  - {path: air/mode, suppressedBy: [{alarm: \"air/mode:hihg\"}],"
                + " limits: {high: {setpoint: 1}}}\n",
            "m.yaml:7:45: sensors[0].suppressedBy[0].alarm: unknown alarm \"hihg\" of "
                + "\"air/mode\"; it has high, stale, unverifiable, did you mean \"high\"?"
        ),
        (
            "  - path: air/mode\n    silence:\n      suppressedBy: [{alarm: \"air/mod:stale\"}]\n",
            "m.yaml:9:30: sensors[0].silence.suppressedBy[0].alarm: unknown sensor \"air/mod\"; "
                + "declare it under sensors, did you mean \"air/mode\"?"
        ),
        (
            "  - {path: air/mode, suppressedBy: [{sensor: \"{1}/x\", value: 1}]}\n",
            "m.yaml:7:46: sensors[0].suppressedBy[0].sensor: \"{1}/x\" names a wildcard that "
                + "sensors does not have; {1} is the first + or #"
        ),
        (
            "  - {path: air/mode, suppressedBy: [{sensor: air/mode}]}\n",
            "m.yaml:7:37: sensors[0].suppressedBy[0].value: missing; give the value that "
                + "suppresses the alarm"
        ),
        (
            "  - {path: air/mode, suppressedBy: [{area: west, mode: close}]}\n",
            "m.yaml:7:56: sensors[0].suppressedBy[0].mode: unknown mode \"close\", did you mean "
                + "\"closed\"?"
        ),
        (
            "  - {path: air/mode, suppressedBy: [{firstOut: a, alarm: \"b:high\"}]}\n",
            "m.yaml:7:37: sensors[0].suppressedBy[0]: expected one of {alarm: path:name}, "
                + "{sensor: path, value: 1}, {area: name, mode: name}, {firstOut: group}"
        ),
    ]

    @Test(arguments: Self.errors)
    func `a wrong way to deal with an alarm is refused with its place and the remedy`(
        text: String, issue: String
    ) {
        #expect(Fixture.parse(Self.file(text)).errors.map(\.description) == [issue])
    }

    // MARK: - Priority

    @Test func `a priority that differs from the matrix is used, and said`() throws {
        let result = Fixture.parse(
            Self.file(
                """
                  - {path: air/mode}
                  - path: air/co
                    consequenceClass: severe
                    timeToRespond: 2m
                    limits:
                      high: {setpoint: 1, priority: high}
                      highHigh: {setpoint: 2, priority: critical}
                    silence: {consequenceClass: minor}

                """))
        let sensor = try #require(result.configuration?.sensors.last)
        #expect(sensor.high?.priority == .high)
        #expect(sensor.stalePriority == .medium)
        let advice = result.warnings.filter { $0.kind == .advice && $0.key.contains("priority") }
        #expect(
            advice.map(\.description) == [
                "m.yaml:12:37: sensors[1].limits.high.priority: high is used, but a severe "
                    + "consequence with 2m to respond is critical; leave the key out, or correct "
                    + "consequenceClass or timeToRespond"
            ])
    }

    @Test func `the words of a limit decide its priority, and those of silence the stale alarm's`()
        throws
    {
        let result = Fixture.parse(
            Self.file(
                """
                  - path: air/mode
                    consequenceClass: severe
                    timeToRespond: 2m
                    limits:
                      high: {setpoint: 1, timeToRespond: 10m}
                      highHigh: {setpoint: 2}
                    silence: {consequenceClass: major, timeToRespond: 1m}

                """))
        let sensor = try #require(result.configuration?.sensors.first)
        #expect(sensor.high?.priority == .high)
        #expect(sensor.highHigh?.priority == .critical)
        #expect(sensor.stalePriority == .high)
        #expect(sensor.words(ofAlarm: "high")?.timeToRespondSeconds == 600)
        #expect(sensor.words(ofAlarm: "stale")?.consequenceClass == .major)
    }

    @Test func `the matrix is the site's`() throws {
        let result = Fixture.parse(
            "node: {name: a}\npriorityMatrix: {bands: [1m, 2m, 3m], "
                + "minor: [high, low, low, medium]}\n"
                + "sensors:\n  - {path: a, consequenceClass: minor, timeToRespond: 59s, "
                + "limits: {high: {setpoint: 1}, highHigh: {setpoint: 2, timeToRespond: 181s}}}\n")
        let sensor = try #require(result.configuration?.sensors.first)
        #expect(sensor.high?.priority == .high)
        #expect(sensor.highHigh?.priority == .medium)
        let wrong = Fixture.parse(
            "node: {name: a}\npriorityMatrix:\n  bands: [2m, 1m, 3m]\n  minor: [low]\n")
        #expect(
            wrong.errors.map(\.description) == [
                "m.yaml:3:10: priorityMatrix.bands: expected 3 ascending times such as "
                    + "[3m, 10m, 30m]",
                "m.yaml:4:10: priorityMatrix.minor: expected 4 priorities, the one for the "
                    + "shortest time first, got 1",
            ])
    }

    @Test func `strictly, each urgent alarm needs its words, and a limit may give them`() {
        let text = Self.file(
            """
              - path: air/mode
                supervision: periodic
                deadline: 5s
                limits:
                  high:
                    setpoint: 1
                    priority: high
                    consequence: c
                    operatorAction: a
                    timeToRespond: 5m
                  highHigh: {setpoint: 2, priority: critical}
                stalePriority: high

            """)
        #expect(Fixture.parse(text).configuration != nil)
        let errors = Fixture.parse(text, isStrict: true).errors
        #expect(errors.map(\.key) == ["sensors[0]", "sensors[0].limits.highHigh"])
        #expect(errors.allSatisfy { $0.kind == .incomplete && $0.line > 0 })
    }

    @Test func `an on-delay leaves time to respond, in limits too`() {
        let text = Self.file(
            "  - {path: air/mode, limits: {high: {setpoint: 1, onDelay: 1m, timeToRespond: 1m}}}\n"
        )
        #expect(
            Fixture.parse(text).errors.map(\.description) == [
                "m.yaml:7:60: sensors[0].limits.high.onDelay: leaves nothing of timeToRespond "
                    + "(1m); shorten it"
            ])
    }

    @Test func `a reference of a rule is refused where it stands`() {
        let text = Self.file(
            """
              - {path: air/mode}
            rules:
              - name: v
                sensors: [air/mode]
                vote:
                  members: [air/mode, air/mdoe]
                  required: 1
                  high: 1
              - name: d
                sensors: [air/mode]
                deviation: {above: 1, reference: air/x}

            """)
        #expect(
            Fixture.parse(text).errors.map(\.description) == [
                "m.yaml:12:27: rules[0].vote.members[1]: unknown sensor \"air/mdoe\"; declare it "
                    + "under sensors, did you mean \"air/mode\"?",
                "m.yaml:17:38: rules[1].deviation.reference: unknown sensor \"air/x\"; declare it "
                    + "under sensors",
            ])
    }
}
