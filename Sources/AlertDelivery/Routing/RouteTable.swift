// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// The routes of a policy, ready to be asked.
///
/// A route is asked before those after it; within a route its own routes are asked first, and only
/// if none of them takes the alarm it takes it itself. The first that takes an alarm ends the
/// search, unless it says `continue`.
package struct RouteTable: Sendable {
    /// Endpoints that are told together, one step after the other.
    package struct Stage: Sendable, Equatable {
        /// Numbers of endpoints.
        package var endpoints: [Int]
        /// 0 for the route itself, then the levels of its escalation.
        package var level: Int
        /// What is not delivered for so long goes to the next stage.
        package var undeliveredNanoseconds: UInt64
        /// When it is due at the latest, counted from the annunciation; by priority, 0: never.
        package var after: PriorityTimes
        /// One of several endpoints in turn: while its breaker is open, or it refuses our
        /// credentials, the next is told at once.
        package var isTurn: Bool
    }

    /// A route with all that it has from the routes above it.
    package struct Route: Sendable, Equatable {
        /// Names from the root on, `plant/fire`.
        package var name: String
        package var stages: [Stage]
        package var sendsReturned: Bool
        package var sendsAcknowledged: Bool
        package var repeatNanoseconds: UInt64
        package var standing: PriorityTimes
        package var grouping: AlertGrouping?
        package var tellsNobody: Bool
    }

    private struct Node: Sendable {
        var matcher: AlertMatcher
        var route: Int
        var continues: Bool
        var children: [Node]
    }

    package private(set) var routes: [Route] = []
    /// Names of the endpoints, by number.
    package let endpoints: [String]
    private let numbers: [String: Int]
    private var roots: [Node] = []
    /// Takes what fits no route; tells everybody.
    package let everybody: Int
    private let leavesOutUnrouted: Bool
    /// Endpoints that some route tells in turn.
    package private(set) var turnEndpoints: Set<Int> = []

    /// Endpoints that are not configured are left out; the reader of the configuration complains.
    package init(_ policy: AlertPolicy, endpoints: [String]) {
        self.endpoints = endpoints
        self.numbers = Dictionary(
            endpoints.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        self.leavesOutUnrouted = policy.leavesOutUnrouted
        self.everybody = 0
        var all = RouteDeclaration(name: "everybody")
        all.endpoints = endpoints
        self.add(all, path: "", escalations: policy.escalations)
        self.roots = policy.routes.map { self.node($0, above: nil, policy.escalations) }
        self.turnEndpoints = Set(
            self.routes.flatMap(\.stages).filter(\.isTurn).flatMap(\.endpoints))
    }

    private mutating func node(
        _ declaration: RouteDeclaration, above: (declaration: RouteDeclaration, path: String)?,
        _ escalations: [EscalationDeclaration]
    ) -> Node {
        var own = declaration
        if let above {
            if own.endpoints.isEmpty {
                own.endpoints = above.declaration.endpoints
                if own.nextNanoseconds == 0 {
                    own.nextNanoseconds = above.declaration.nextNanoseconds
                }
            }
            if own.escalation.isEmpty { own.escalation = above.declaration.escalation }
        }
        let path = above.map { "\($0.path)/\(own.name)" } ?? own.name
        let number = self.add(own, path: path, escalations: escalations)
        let children = declaration.routes.map { self.node($0, above: (own, path), escalations) }
        return Node(
            matcher: own.matcher, route: number, continues: own.continues, children: children)
    }

    @discardableResult
    private mutating func add(
        _ declaration: RouteDeclaration, path: String, escalations: [EscalationDeclaration]
    ) -> Int {
        let escalation = escalations.first { $0.name == declaration.escalation }
        let undelivered =
            escalation?.undeliveredNanoseconds ?? AlertPolicy.undeliveredNanoseconds
        let targets = declaration.endpoints.compactMap { self.numbers[$0] }
        let next = declaration.nextNanoseconds
        var stages: [Stage] = []
        for group in next == 0 ? [targets] : targets.map({ [$0] }) where !group.isEmpty {
            stages.append(
                Stage(
                    endpoints: group, level: 0,
                    undeliveredNanoseconds: next == 0 ? undelivered : next,
                    after: PriorityTimes(), isTurn: next != 0))
        }
        for (index, level) in (escalation?.levels ?? []).enumerated() {
            let group = level.endpoints.compactMap { self.numbers[$0] }
            guard !group.isEmpty else { continue }
            stages.append(
                Stage(
                    endpoints: group, level: index + 1, undeliveredNanoseconds: undelivered,
                    after: level.after, isTurn: false))
        }
        self.routes.append(
            Route(
                name: path.isEmpty ? declaration.name : path, stages: stages,
                sendsReturned: declaration.sendsReturned,
                sendsAcknowledged: declaration.sendsAcknowledged,
                repeatNanoseconds: declaration.repeatNanoseconds,
                standing: escalation?.standing ?? AlertPolicy.standing,
                grouping: declaration.grouping, tellsNobody: declaration.tellsNobody))
        return self.routes.count - 1
    }

    /// Number of the endpoint with this name.
    package func endpoint(_ name: String) -> Int? { self.numbers[name] }

    /// Numbers of the routes that the alarm takes, in order, and whether none of the tree fitted.
    ///
    /// Where routes leave out, a critical alarm that fits none goes to everybody all the same, and
    /// an alarm about Midwatch itself that no route's paths fit to whom its priority leads.
    package func resolve(_ subject: AlertSubject) -> (routes: [Int], isUnrouted: Bool) {
        var found: [Int] = []
        Self.walk(self.roots, subject, into: &found)
        if !found.isEmpty { return (found, false) }
        if self.leavesOutUnrouted, subject.priority != .critical {
            return (self.ownRoutes(of: subject), true)
        }
        return ([self.everybody], true)
    }

    private static func walk(
        _ nodes: [Node], _ subject: AlertSubject, into found: inout [Int]
    ) {
        for node in nodes where node.matcher.matches(subject) {
            let before = found.count
            self.walk(node.children, subject, into: &found)
            if found.count == before { found.append(node.route) }
            if !node.continues { return }
        }
    }

    private func ownRoutes(of subject: AlertSubject) -> [Int] {
        guard OwnPath.isOwn(subject.sensor) else { return [] }
        let isNamed = self.roots.contains { root in
            root.matcher.sensors.contains { PathTemplate.matches($0, subject.sensor) }
        }
        guard !isNamed else { return [] }
        return self.roots.filter {
            $0.matcher.priorities.isEmpty || $0.matcher.priorities.contains(subject.priority)
        }.map(\.route)
    }
}
