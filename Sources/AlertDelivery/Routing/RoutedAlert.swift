// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// One alert that is to go out: of which record, under which id, to whom, and why now.
///
/// The same alarm, step and endpoints always have the same id: a restart that repeats a step is
/// recognised by the outbox and by receivers.
package struct RoutedAlert: Sendable, Equatable {
    package enum Reason: String, Sendable, Equatable {
        case raised, returned, acknowledged
        /// The endpoint before it has not delivered.
        case undelivered
        /// Nobody acknowledged in time.
        case unacknowledged
        case repeated
        /// Acknowledged long ago, and still there.
        case standing
        /// Nothing keeps it back any more.
        case released
    }

    package var id: String
    package var alarmID: String
    package var priority: AlarmPriority
    package var reason: Reason
    /// Names of the endpoints.
    package var endpoints: [String]
    /// Name of the route; empty if nobody's route decided.
    package var route: String
    /// Level of the escalation; 0: the route's own endpoints.
    package var level: Int
    /// Which repetition it is; 0: none.
    package var repetition: UInt64
    /// The ledger body it is made from.
    package var record: [UInt8]
    /// Group that it may wait for, with the time; nil: it leaves at once.
    var group: AlertGroup?
}

/// What an alert is grouped by.
struct AlertGroup: Sendable, Hashable {
    var route: Int
    var values: [String]
    var waitNanoseconds: UInt64
}

/// Several alerts in one message to one endpoint.
package struct AlertDigest: Sendable, Equatable {
    package enum Cause: String, Sendable, Equatable {
        /// The endpoint was sent as many single alerts as it takes in a minute.
        case flood
        /// They belong together.
        case group
    }

    package var id: String
    package var endpoint: String
    package var cause: Cause
    package var count: UInt64
    /// Alerts by priority, low first.
    package var counts: [UInt64]
    /// The alert that came first.
    package var firstOut: RoutedAlert
    /// The most urgent, at most `RoutingLimits.digestTopMax`; of equals the earlier.
    package var top: [RoutedAlert]
    /// Ids of its members, at most `RoutingLimits.digestMemberMax`.
    package var members: [String]
    package var openedAt: MonotonicInstant

    package var priority: AlarmPriority { self.top.first?.priority ?? .low }
}

/// Why an alert does not go out.
package enum WithholdReason: Sendable, Equatable {
    case silence(id: String)
    /// Another alarm explains it.
    case inhibition(name: String, by: String)
    /// Its route tells nobody.
    case nobody

    /// One line for logs, the ledger and screens.
    package var text: String {
        switch self {
        case .silence(let id): "silence \(id)"
        case .inhibition(let name, let by): "inhibition \(name) by \(by)"
        case .nobody: "its route tells nobody"
        }
    }
}

/// What the router wants done.
package enum RoutingAction: Sendable, Equatable {
    case send(RoutedAlert)
    case digest(AlertDigest)
    case withhold(alarmID: String, alertID: String, WithholdReason)
    case silenceEnded(AlertSilence)
}
