// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// One attempt, for the access log.
package struct AttemptReport: Sendable, Equatable {
    package var alertID: String
    package var alarmID: String
    package var endpoint: String
    /// Counts from 1 over all runs.
    package var attempt: UInt32
    /// 0 if there was no answer.
    package var status: UInt16
    /// Why there was no answer; nil if there was one.
    package var failure: TransportFailure?
    /// Beginning of the answer, or what the network said; 1 KiB at most.
    package var answer: [UInt8]
    package var latencyNanoseconds: UInt64
    package var at: WallInstant
}

/// What delivery tells the program.
///
/// `delivered`, `deadLettered` and `superseded` are outcomes and belong into the ledger;
/// `attemptFailed` belongs into the access log only.
package enum DeliveryOutcome: Sendable, Equatable {
    case delivered(AttemptReport, supersededIDs: [String])
    /// Without `retryAt` it was the last; what became of the alert is told next.
    case attemptFailed(AttemptReport, retryAt: WallInstant?)
    case deadLettered(DeadLetter)
    /// A newer alert of its alarm goes instead, or has gone.
    case superseded(alertID: String, alarmID: String, endpoint: String)
    case breaker(endpoint: String, CircuitBreaker.State)
    case endpoint(endpoint: String, EndpointCondition)
    case outbox(OutboxCondition)
    /// Neither memory nor store had room: this endpoint never gets it, unless the ledger offers it
    /// again after a restart.
    case refused(alertID: String, alarmID: String, endpoint: String)
    /// No configured endpoint takes alerts of its priority.
    case unrouted(alertID: String, alarmID: String)
}

/// What `AlertDelivery.offer` answers.
package enum OfferAnswer: Sendable, Equatable {
    /// Delivery has it. An alert that is known already is dropped and counted.
    case accepted
    /// The inbox is full: offer it again later, in the same order.
    case inboxFull
    /// Id, type or body cannot be sent; counted.
    case malformed
    case stopped
}

/// Figures of one endpoint at one moment.
package struct EndpointStatus: Sendable, Equatable {
    package var endpoint: String
    /// Alerts in memory, those under way included.
    package var queuedCount = 0
    package var underWayCount = 0
    /// Whether more alerts wait in the store.
    package var isParked = false
    package var oldestTakenAt: MonotonicInstant?
    package var oldestCriticalTakenAt: MonotonicInstant?
    package var breaker = CircuitBreaker.State.closed
    package var condition = EndpointCondition.usable
    package var deliveredCount: UInt64 = 0
    package var failedAttemptCount: UInt64 = 0
    package var deadLetterCount: UInt64 = 0
    package var supersededCount: UInt64 = 0
    package var refusedCount: UInt64 = 0
    /// Alarms that the endpoint is reminded of.
    package var standingCount = 0
    package var reminderCount: UInt64 = 0
    package var failedReminderCount: UInt64 = 0
}

/// Figures of delivery at one moment.
///
/// Instants instead of ages: whoever reads them measures with a clock of its own, so a dispatcher
/// that stands still cannot make an alert look young.
package struct DeliveryStatus: Sendable, Equatable {
    package var endpoints: [EndpointStatus]
    package var outbox = OutboxCondition.writing
    /// When the oldest critical alert was taken that no endpoint has delivered, dead letters
    /// included: the dead-man heartbeat rests on it.
    package var oldestUntoldCriticalTakenAt: MonotonicInstant?
    package var untoldCriticalCount = 0
    /// Alerts offered and not yet taken by the dispatcher.
    package var inboxCount = 0
    /// Dead letters in the store; known after the first look at it.
    package var deadLetterCount: UInt64 = 0
    /// The highest priority among the dead letters that nobody has settled; nil without any.
    ///
    /// Those of alarms about delivery itself are left out here and in `lostCount`: an endpoint that
    /// gives up what tells of it must not raise an alarm about that for ever.
    package var deadLetterPriority: AlarmPriority?
    /// Alerts that an endpoint has given up since the start, or will never get for want of room.
    package var lostCount: UInt64 = 0
    package var storeBacklog = 0
}
