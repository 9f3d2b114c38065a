// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

@testable import AlertDelivery

/// Which routes an alarm takes.
@Suite struct RouteTableTests {
    private static func route(
        _ name: String, _ endpoints: [String], _ change: (inout RouteDeclaration) -> Void = { _ in }
    ) -> RouteDeclaration {
        var route = RouteDeclaration(name: name)
        route.endpoints = endpoints
        change(&route)
        return route
    }

    private static var tree: AlertPolicy {
        var policy = AlertPolicy()
        policy.routes = [
            self.route("audit", ["log"]) {
                $0.matcher.priorities = [.high, .critical]
                $0.continues = true
            },
            self.route("tunnel", ["room"]) {
                $0.matcher.sensors = ["tunnel/#"]
                $0.routes = [
                    self.route("fire", ["fire", "room"]) {
                        $0.matcher.classes = ["safety"]
                    },
                    self.route("west", []) {
                        $0.matcher.assets = ["tunnel/west"]
                    },
                ]
            },
            self.route("night", ["pager"]) { $0.matcher.labels = ["team": "night"] },
        ]
        return policy
    }

    private static let endpoints = ["log", "room", "fire", "pager"]

    @Test(arguments: [
        ("tunnel/west/co:high", AlarmPriority.low, "process", "", ["tunnel/west"]),
        ("tunnel/west-2/co:high", .low, "process", "", ["tunnel"]),
        ("tunnel/west/co:high", .critical, "safety", "", ["audit", "tunnel/fire"]),
        ("pump/flow:low", .high, "process", "night", ["audit", "night"]),
        ("pump/flow:low", .high, "process", "day", ["audit"]),
        ("pump/flow:low", .low, "process", "day", ["everybody"]),
    ])
    func `the first route that fits is taken, its own routes first`(
        alarm: String, priority: AlarmPriority, alarmClass: String, team: String, names: [String]
    ) {
        let table = RouteTable(Self.tree, endpoints: Self.endpoints)
        var subject = RoutingWorld.subject(alarm, priority)
        subject.alarmClass = alarmClass
        subject.labels["team"] = team
        #expect(table.resolve(subject).routes.map { table.routes[$0].name } == names)
    }

    @Test func `a route without endpoints has those of the route above`() throws {
        let table = RouteTable(Self.tree, endpoints: Self.endpoints)
        let west = try #require(table.routes.first { $0.name == "tunnel/west" })
        #expect(west.stages.map(\.endpoints) == [[1]])
    }

    @Test func `what fits no route goes to every endpoint, and is counted`() {
        var world = RoutingWorld(Self.tree, endpoints: Self.endpoints)
        let raised = world.raise("pump/flow:low", .low)
        #expect(world.takeSent() == ["\(raised) > log,room,fire,pager"])
        #expect(world.router.counters.unrouted == 1)
    }

    @Test func `a list of routes leaves out what it does not name, but never Midwatch itself`() {
        var policy = AlertPolicy()
        policy.leavesOutUnrouted = true
        policy.routes = [
            Self.route("route-1", ["room"]) {
                $0.matcher.sensors = ["tunnel/#"]
                $0.matcher.priorities = [.high, .critical]
                $0.continues = true
            },
            Self.route("route-2", ["log"]) {
                $0.matcher.sensors = ["tunnel/#"]
                $0.matcher.priorities = [.low]
                $0.continues = true
            },
        ]
        func told(_ alarm: String, _ priority: AlarmPriority) -> [String] {
            let table = RouteTable(policy, endpoints: ["room", "log"])
            return table.resolve(RoutingWorld.subject(alarm, priority)).routes
                .flatMap { table.routes[$0].stages.flatMap(\.endpoints) }
                .map { table.endpoints[$0] }
        }
        #expect(told("tunnel/co:high", .high) == ["room"])
        #expect(told("pump/flow:high", .high) == [])
        #expect(told("pump/flow:highHigh", .critical) == ["room", "log"])
        #expect(told("midwatch/n/ring/fill:high", .high) == ["room"])
        #expect(told("midwatch/n/ring/fill:high", .low) == ["log"])
        policy.routes.append(
            Self.route("route-3", ["log"]) {
                $0.matcher.sensors = ["midwatch/#"]
                $0.continues = true
            })
        #expect(told("midwatch/n/ring/fill:high", .high) == ["log"], "the site has decided")
    }

    @Test func `a route that tells nobody keeps the alert back and says so`() {
        var policy = AlertPolicy()
        policy.routes = [
            Self.route("screens", []) {
                $0.tellsNobody = true
                $0.matcher.priorities = [.low]
            },
            Self.route("rest", ["room"]),
        ]
        var world = RoutingWorld(policy, endpoints: ["room"])
        let low = world.raise("a/b:low", .low)
        let high = world.raise("a/b:high", .high)
        world.pass(3_600, step: 60)
        #expect(world.takeSent() == ["\(high) > room"])
        #expect(world.withheld == ["\(low): its route tells nobody"])
    }
}
