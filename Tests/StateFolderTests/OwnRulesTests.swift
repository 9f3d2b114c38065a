// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchConfiguration
import MidwatchModel
import Testing

@testable import StateFolder

/// The shipped rules for sensors about Midwatch itself.
@Suite struct OwnRulesTests {
    private static let plain = """
        node:
          name: test
        ingest:
          udp:
            - name: field
              bind: "127.0.0.1:8094"
        alerts:
          endpoints:
            - {name: one, url: "http://127.0.0.1:1/"}
            - {name: two, url: "http://127.0.0.1:2/"}
        """

    private func configuration(_ text: String) throws -> MidwatchConfiguration {
        try #require(
            MidwatchConfiguration.parse(text: text, fileName: "test.yaml").configuration)
    }

    private func rules(_ text: String) throws -> RuleBook {
        Revisions.rules(of: try self.configuration(text), revision: "r")
    }

    @Test func `every figure has a sensor in Midwatch's own class with a deadline and words`()
        throws
    {
        let configuration = try self.configuration(Self.plain)
        let rules = Revisions.rules(of: configuration, revision: "r")
        for figure in OwnFigure.allCases {
            let path = figure.path(of: configuration)
            #expect(path == "midwatch/test/\(figure.rawValue)")
            #expect(rules.declaredPaths.count { $0 == path } == 1)
            let declaration = rules.declaration(for: path)
            #expect(declaration.effectiveCriticality == .own)
            #expect(declaration.supervision == .periodic)
            #expect(!declaration.title.isEmpty)
            let limits = [declaration.low, declaration.lowLow, declaration.high]
            if limits.contains(where: { $0 != nil }) || declaration.highHigh != nil {
                let words = declaration.rationalization
                #expect(!words.consequence.isEmpty && !words.operatorAction.isEmpty)
                #expect(words.timeToRespondSeconds > 0 && !words.firstChecks.isEmpty)
            }
        }
        #expect(rules.declaredPaths.contains("midwatch/test/listener/udp/field/down"))
        #expect(rules.declaredPaths.contains("midwatch/test/listener/canary/down"))
    }

    @Test func `a disk that hangs and a blind monitor are urgent, an unsafe setting is not`()
        throws
    {
        let rules = try self.rules(Self.plain)
        func priority(_ figure: OwnFigure) -> AlarmPriority {
            rules.declaration(for: "midwatch/test/\(figure.rawValue)").highestPriority
        }
        for figure in [
            OwnFigure.journalLag, .journalMode, .evaluationLateness, .ringFill, .listenersDown,
            .shedCritical, .alertUntold, .endpointsDown,
        ] { #expect(priority(figure) == .critical, "\(figure)") }
        for figure in [OwnFigure.shed, .kernelDrops, .watchdogSilence, .damage, .ledgerFailing] {
            #expect(priority(figure) == .high, "\(figure)")
        }
        for figure in [OwnFigure.unsafeSettings, .rejected] {
            #expect(priority(figure) == .low, "\(figure)")
        }
    }

    @Test func `limits that depend on counts follow the configuration`() throws {
        let two = try self.rules(Self.plain).declaration(for: "midwatch/test/alerts/endpointsDown")
        #expect(two.high?.setpoint == 0.5)
        #expect(two.highHigh?.setpoint == 1.5)
        let bare = try self.configuration("node:\n  name: test\n")
        let paths = Revisions.rules(of: bare, revision: "r").declaredPaths
        #expect(!paths.contains("midwatch/test/alerts/endpointsDown"), "no endpoint to be down")
        #expect(!paths.contains("midwatch/test/ingest/listenersDown"), "no listener to be down")
    }

    @Test func `a site replaces a shipped rule by declaring its path`() throws {
        let rules = try self.rules(
            Self.plain + """

                sensors:
                  - path: midwatch/test/disk/free
                    supervision: periodic
                    deadline: 5m
                    criticality: low
                    limits:
                      low: {setpoint: 0.25, priority: high}
                  - template: "#"
                    deadline: 1s
                """)
        let replaced = rules.declaration(for: "midwatch/test/disk/free")
        #expect(replaced.low?.setpoint == 0.25)
        #expect(replaced.lowLow == nil, "the shipped limit is gone")
        #expect(replaced.deadlineNanoseconds == 300_000_000_000)
        #expect(replaced.effectiveCriticality == .own, "nobody else may write it")
        #expect(replaced.title.hasPrefix("Midwatch: "), "the shipped words stay")
        #expect(rules.declaredPaths.count { $0 == "midwatch/test/disk/free" } == 1)
        let other = rules.declaration(for: "midwatch/test/ring/fill")
        #expect(other.highHigh?.setpoint == 0.8, "a template of the site replaces nothing")
    }

    @Test func `an own sensor that is not in use any more is never stale`() throws {
        let rules = try self.rules(
            Self.plain + """

                sensors:
                  - template: "#"
                    deadline: 1s
                """)
        for path in ["midwatch/test/listener/udp/gone/down", "midwatch/former/ring/fill"] {
            let declaration = rules.declaration(for: path)
            #expect(declaration.supervision == .event)
            #expect(declaration.effectiveCriticality == .own)
        }
        #expect(rules.declaration(for: "plant/any").deadlineNanoseconds == 1_000_000_000)
    }

    @Test func `the kept text says which version of the own rules was in force`() throws {
        let text = Array(Self.plain.utf8)
        let stamped = Revisions.stamped(text, ownRules: 7)
        #expect(stamped.starts(with: text))
        #expect(Revisions.ownRulesVersion(of: stamped) == 7)
        #expect(Revisions.ownRulesVersion(of: text) == 0, "kept before there were own rules")
        let again = Revisions.stamped(stamped, ownRules: 1)
        #expect(Revisions.ownRulesVersion(of: again) == 1, "the last one counts")
        let parsed = MidwatchConfiguration.parse(bytes: stamped, fileName: "kept.yaml")
        #expect(parsed.configuration == (try self.configuration(Self.plain)))
    }

    @Test func `a revision binds the rules of its version and refuses one it does not know`()
        throws
    {
        let configuration = try self.configuration(Self.plain)
        let none = Revisions.rules(of: configuration, revision: "r", ownRules: 0)
        #expect(
            none?.declaredPaths == ["midwatch/test/canary", "midwatch/source/udp/field"])
        #expect(
            Revisions.rules(of: configuration, revision: "r", ownRules: OwnRules.version + 1) == nil
        )
        let world = try ReplayWorld()
        let revisions = Revisions(folder: Folders(stateDirectory: world.folder).revisions)
        let revision = try revisions.keep(Array(Self.plain.utf8))
        #expect(
            revisions.rules(of: revision)?.declarations
                == Revisions.rules(of: configuration, revision: revision).declarations)
    }

    @Test func `a journal of the first version replays without what came later`() throws {
        let configuration = try self.configuration(Self.plain)
        let path = OwnFigure.rejectedShare.path(of: configuration)
        let first = try #require(Revisions.rules(of: configuration, revision: "r", ownRules: 1))
        #expect(!first.declaredPaths.contains(path))
        let second = try #require(Revisions.rules(of: configuration, revision: "r", ownRules: 2))
        #expect(second.declaration(for: path).high?.setpoint == 0.1)
        let urgent = OwnFigure.deadLettersUrgent.path(of: configuration)
        #expect(!second.declaredPaths.contains(urgent))
        let third = Revisions.rules(of: configuration, revision: "r").declaration(for: urgent)
        #expect(third.high?.priority == .high && third.highHigh?.priority == .critical)
    }

    @Test func `a clock that nothing keeps right is a low alarm after a quarter of an hour`() throws
    {
        let configuration = try self.configuration(Self.plain)
        let path = OwnFigure.clockUnsynchronised.path(of: configuration)
        #expect(path == "midwatch/test/clock/unsynchronised")
        let third = try #require(Revisions.rules(of: configuration, revision: "r", ownRules: 3))
        #expect(!third.declaredPaths.contains(path))
        let rule = try self.rules(Self.plain).declaration(for: path)
        #expect(rule.highestPriority == .low)
        // Neither a start of the machine nor a demonstration on a host without a time service.
        #expect(rule.high?.onDelayNanoseconds == 900_000_000_000)
        #expect((rule.high?.setpoint ?? 0) < 1)
    }

    @Test func `figures that others judge better have no limit`() throws {
        let rules = try self.rules(Self.plain)
        for (figure, judge) in [
            (OwnFigure.clockOffset, OwnFigure.clockStep), (.archiveLagRecords, .archiveLag),
        ] {
            let declaration = rules.declaration(for: "midwatch/test/\(figure.rawValue)")
            #expect(declaration.high == nil && declaration.highHigh == nil)
            #expect(rules.declaration(for: "midwatch/test/\(judge.rawValue)").high != nil)
        }
    }

    @Test(arguments: [
        ("plain", "plain"), ("a/b", "a/b"), ("/a//b/", "a/b"), ("x+y#z", "x_y_z"), ("///", "_"),
    ])
    func `a node of any name has well-formed paths`(_ name: String, _ levels: String) {
        let path = OwnPath.path(node: name, "ring/fill")
        #expect(path == "midwatch/\(levels)/ring/fill")
        #expect(SensorID(path) != nil)
        #expect(OwnPath.isOwn(path))
    }

    @Test func `listeners whose names collide in a path have paths of their own`() throws {
        let listeners = OwnListener.all(
            of: try self.configuration(
                """
                node: {name: test}
                ingest:
                  udp:
                    - {name: "a+", bind: "127.0.0.1:1"}
                    - {name: "a#", bind: "127.0.0.1:2"}
                """))
        #expect(listeners.map(\.name) == ["udp/a+", "udp/a#", "canary"])
        #expect(Set(listeners.map(\.path)).count == 3)
    }
}
