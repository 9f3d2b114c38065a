// SPDX-License-Identifier: Apache-2.0

/// Collects the alerts of one cause, so that people are called once.
///
/// The first of a group leaves at once; what follows within `waitNanoseconds` leaves together.
package struct AlertGrouping: Equatable, Sendable {
    /// Labels whose values make the group.
    package var labels: [String]
    package var waitNanoseconds: UInt64

    package init(labels: [String], waitNanoseconds: UInt64) {
        self.labels = labels
        self.waitNanoseconds = waitNanoseconds
    }
}

/// One route: which alarms take it, who is told, and what else is done about it.
package struct RouteDeclaration: Equatable, Sendable {
    package var name: String
    package var matcher = AlertMatcher()
    /// Names of endpoints, in their order; empty: those of the route above.
    package var endpoints: [String] = []
    /// Time after which the next endpoint is told if the one before has not delivered; 0: all at
    /// once.
    package var nextNanoseconds: UInt64 = 0
    /// Whether the routes after it are asked as well.
    package var continues = false
    /// People look at screens: nobody is called for what takes this route.
    package var tellsNobody = false
    /// Name of the escalation; empty: that of the route above.
    package var escalation = ""
    package var sendsReturned = true
    package var sendsAcknowledged = true
    /// An unacknowledged alarm is told again this often; 0: never.
    package var repeatNanoseconds: UInt64 = 0
    package var grouping: AlertGrouping?
    /// Asked before this route itself, in order.
    package var routes: [RouteDeclaration] = []

    package init(name: String) { self.name = name }
}

/// One step of an escalation.
package struct EscalationLevel: Equatable, Sendable {
    package var endpoints: [String]
    /// Counted from the annunciation.
    package var after: PriorityTimes

    package init(endpoints: [String], after: PriorityTimes) {
        self.endpoints = endpoints
        self.after = after
    }
}

/// Whom to tell when nobody answers.
package struct EscalationDeclaration: Equatable, Sendable {
    package var name: String
    package var levels: [EscalationLevel] = []
    /// What no endpoint of a level has delivered for this long goes to the next level.
    package var undeliveredNanoseconds = AlertPolicy.undeliveredNanoseconds
    /// An acknowledged alarm that stands is told again this often.
    package var standing = AlertPolicy.standing

    package init(name: String) { self.name = name }
}

/// While an alarm is active, alerts of others with equal labels are kept back.
package struct InhibitionDeclaration: Equatable, Sendable {
    package var name: String
    package var source = AlertMatcher()
    package var target = AlertMatcher()
    /// Labels that must be equal.
    package var equal: [String] = []

    package init(name: String) { self.name = name }
}

/// How many alerts an endpoint is sent.
package struct FloodSettings: Equatable, Sendable {
    /// Single alerts below the highest priority in any minute; the others go into digests.
    package var alertsPerMinute = 120
    /// Single alerts of the highest priority in any minute.
    package var criticalPerMinute = 240
    package var digestNanoseconds: UInt64 = 10_000_000_000

    package init() {}
}

/// Links in alerts.
package struct LinkSettings: Equatable, Sendable {
    /// Where people's browsers reach the operator API: `https://midwatch.example`; empty: no links.
    package var baseURL = ""
    package var validNanoseconds: UInt64 = 24 * 3_600_000_000_000

    package init() {}
}

/// Who is told of what, and when.
package struct AlertPolicy: Equatable, Sendable {
    /// Until an undelivered alert goes to the next.
    package static let undeliveredNanoseconds: UInt64 = 30_000_000_000
    /// Delay of one level of an escalation: critical 15 minutes, high an hour.
    package static let levelDelays = PriorityTimes(
        high: 3_600_000_000_000, critical: 900_000_000_000)
    /// Acknowledged alarms that stand are told again: critical after 8 hours.
    package static let standing = PriorityTimes(critical: 8 * 3_600_000_000_000)

    package var routes: [RouteDeclaration] = []
    package var escalations: [EscalationDeclaration] = []
    package var inhibitions: [InhibitionDeclaration] = []
    package var maintenance: [AlertSilence] = []
    package var flood = FloodSettings()
    package var links = LinkSettings()
    /// Routes that say by priorities and paths whom they leave out.
    ///
    /// What fits none of them tells nobody, critical alarms excepted. Otherwise it tells everybody,
    /// for a gap in a tree is a mistake.
    package var leavesOutUnrouted = false

    package init() {}
}
