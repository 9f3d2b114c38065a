// SPDX-License-Identifier: Apache-2.0

import MidwatchConfiguration
import MidwatchModel
import Testing

/// Routes, escalation, inhibition, maintenance, limits and links.
@Suite struct RouteTests {
    private static let endpoints = """
        alerts:
          endpoints:
            - {name: room, url: "https://room/", secrets: [{env: A}]}
            - {name: pager, url: "https://pager/", secrets: [{env: B}]}

        """

    private func result(_ extra: String) -> ConfigurationResult {
        Fixture.parse(Fixture.file(Self.endpoints + extra))
    }

    @Test func `everything that can be said is read`() throws {
        let result = self.result(
            """
            escalation:
              - name: shift
                undelivered: 10s
                levels:
                  - {endpoints: [pager]}
                  - {endpoints: [room, pager], after: {critical: 20m}}
                standing: {critical: 4h, high: 1d}
            routes:
              - name: tunnel
                match:
                  priorities: [high, critical]
                  classes: [safety]
                  assets: [tunnel]
                  sensors: ["tunnel/#"]
                  alarms: [high]
                  labels: {team: night}
                endpoints: [room, pager]
                inTurn: 20s
                continue: true
                escalation: shift
                send: {returned: false}
                repeat: 2h
                group: {by: [asset], wait: 5s}
                routes:
                  - {name: west, match: {assets: [tunnel/west]}}
              - {name: low, match: {priorities: [low]}, nobody: true}
              - {name: rest, endpoints: [room]}
            inhibition:
              - {name: power, source: {alarms: [mains]}, target: {priorities: [low]}, equal: [asset]}
            maintenance:
              - {name: weekly, match: {assets: [a]}, days: [mon, sun], at: "22:30", for: 3h,
                 author: jo, reason: test}
              - {name: once, match: {assets: [a]}, from: "2026-03-01T02:00:00Z",
                 until: "2026-03-01T06:00:00Z", author: jo, reason: test}
            flood: {alertsPerMinute: 10, criticalPerMinute: 20, digest: 30s}
            links: {baseURL: "https://m.example", valid: 2h}
            """)
        #expect(result.errors == [])
        #expect(!result.warnings.contains { $0.kind == .unsafe })
        let policy = try #require(result.configuration?.alerts.policy)
        #expect(!policy.leavesOutUnrouted)
        let tunnel = try #require(policy.routes.first)
        #expect(tunnel.matcher.priorities == [.high, .critical])
        #expect(tunnel.matcher.classes == ["safety"])
        #expect(tunnel.matcher.assets == ["tunnel"])
        #expect(tunnel.matcher.sensors == ["tunnel/#"])
        #expect(tunnel.matcher.alarms == ["high"])
        #expect(tunnel.matcher.labels == ["team": "night"])
        #expect(tunnel.endpoints == ["room", "pager"])
        #expect(tunnel.nextNanoseconds == 20_000_000_000)
        #expect(tunnel.continues)
        #expect(!tunnel.sendsReturned)
        #expect(tunnel.sendsAcknowledged)
        #expect(tunnel.repeatNanoseconds == 7_200_000_000_000)
        #expect(tunnel.grouping == AlertGrouping(labels: ["asset"], waitNanoseconds: 5_000_000_000))
        #expect(tunnel.routes.map(\.name) == ["west"])
        #expect(policy.routes.map(\.tellsNobody) == [false, true, false])
        let shift = try #require(policy.escalations.first)
        #expect(shift.undeliveredNanoseconds == 10_000_000_000)
        #expect(shift.levels[0].after == AlertPolicy.levelDelays)
        #expect(shift.levels[1].after == PriorityTimes(critical: 1_200_000_000_000))
        #expect(
            shift.standing == PriorityTimes(high: 86_400_000_000_000, critical: 14_400_000_000_000))
        #expect(policy.inhibitions.first?.equal == ["asset"])
        #expect(
            policy.maintenance.map(\.period) == [
                .weekly(days: 0b100_0001, startMinute: 1_350, minutes: 180),
                .once(
                    from: try #require(WallInstant(rfc3339: "2026-03-01T02:00:00Z")),
                    until: try #require(WallInstant(rfc3339: "2026-03-01T06:00:00Z"))),
            ])
        #expect(policy.flood.alertsPerMinute == 10)
        #expect(policy.flood.criticalPerMinute == 20)
        #expect(policy.flood.digestNanoseconds == 30_000_000_000)
        #expect(policy.links.baseURL == "https://m.example")
        #expect(policy.links.validNanoseconds == 7_200_000_000_000)
    }

    @Test(arguments: [
        ("routes: [{name: a, endpoints: [romm]}]", "did you mean \"room\"?"),
        ("routes: [{name: a}]", "name whom it tells"),
        ("routes: [{endpoints: [room]}]", "missing; the ledger names the route"),
        ("routes: [{name: a, endpoints: [room], escalation: x}]", "no escalation is named"),
        ("routes: [{name: a, endpoints: [room], match: {sensors: [\"a/#/b\"]}}]", "a template"),
        ("routes: [{name: a, endpoints: [room], match: {assets: []}}]", "leave the key out"),
        ("routes: [{name: a, endpoints: [room], group: {wait: 5s}}]", "name labels"),
        ("escalation: [{name: a, levels: [{after: {high: 1h}}]}]", "name whom this level tells"),
        ("inhibition: [{name: a, target: {priorities: [low]}}]", "every alarm would keep others"),
        (
            "maintenance: [{name: a, author: b, reason: c, match: {assets: [d]}, days: [sun]}]",
            "expected days: [sun]"
        ),
        (
            "maintenance: [{name: a, author: b, reason: c, match: {assets: [d]}, from: \"x\"}]",
            "expected from and a later until"
        ),
        ("maintenance: [{name: a, reason: c, match: {assets: [d]}}]", "who keeps alerts back"),
        ("links: {baseURL: \"ftp://a\"}", "expected https://host"),
        ("flood: {alertsPerMinute: 0}", "expected an integer 1-"),
    ])
    func `a mistake is found and says what to do`(text: String, message: String) {
        let errors = self.result(text).errors
        #expect(errors.contains { $0.message.contains(message) }, "\(errors)")
    }

    @Test(arguments: [
        ("routes: [{name: a, nobody: true}]", "nobody is called for critical alarms"),
        (
            "inhibition: [{name: a, source: {alarms: [b]}, target: {assets: [c]}}]",
            "critical alarms are kept back as well"
        ),
        (
            "maintenance: [{name: a, author: b, reason: c, days: [sun], at: \"02:00\", for: 1h}]",
            "alerts of every alarm are kept back"
        ),
        ("links: {baseURL: \"http://m.example\"}", "can take the links"),
    ])
    func `what keeps critical alarms from people is called unsafe`(text: String, message: String) {
        let warnings = self.result(text).warnings.filter { $0.kind == .unsafe }
        #expect(warnings.contains { $0.message.contains(message) }, "\(warnings)")
    }

    @Test func `routes stand in one place`() {
        let text = """
            node: {name: n1}
            alerts:
              endpoints: [{name: room, url: "https://room/"}]
              routes: [{endpoints: [room]}]
            routes: [{name: a, endpoints: [room]}]
            """
        #expect(Fixture.parse(text).errors.contains { $0.message.contains("not in both places") })
    }

    @Test func `a list under alerts makes routes that are all asked`() throws {
        let text = """
            node: {name: n1}
            alerts:
              endpoints: [{name: room, url: "https://room/"}]
              routes: [{paths: ["a/#"], endpoints: [room]}, {priorities: [low]}]
            """
        let policy = try #require(Fixture.parse(text).configuration?.alerts.policy)
        #expect(policy.leavesOutUnrouted)
        #expect(policy.routes.map(\.continues) == [true, true])
        #expect(policy.routes.map(\.matcher.sensors) == [["a/#"], ["#"]])
    }
}
