// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// One alert on its way to one endpoint.
package struct QueuedAlert: Sendable, Equatable {
    /// Place in the order of arrival, the same for every endpoint; also the key in the store.
    package var order: UInt64
    package var alert: Alert
    /// Attempts made so far, over all runs.
    package var attemptCount: UInt32
    package var firstAttemptAt: WallInstant?
    /// When the alert was offered; after a restart reckoned back from the wall clock.
    package var takenAt: MonotonicInstant
    /// After this a failed attempt, or waiting any longer, makes it a dead letter.
    package var expiresAt: MonotonicInstant
    /// No attempt before this: what was left of a back-off when the last run ended.
    package var notBefore: MonotonicInstant
    /// An operator sent it again: the order of its alarm does not bind it.
    package var isRevived: Bool
    /// Ids of alerts of the same alarm that this one stands for, the newest
    /// `DeliveryLimits.supersededIDCountMax` of them.
    package var supersededIDs: [String]
    package var supersededCount: UInt64

    package init(order: UInt64, alert: Alert, takenAt: MonotonicInstant) {
        self.order = order
        self.alert = alert
        self.attemptCount = 0
        self.firstAttemptAt = nil
        self.takenAt = takenAt
        self.expiresAt = takenAt.advanced(
            byNanoseconds: RetryLadder.ageMax(of: alert.priority))
        self.notBefore = .zero
        self.isRevived = false
        self.supersededIDs = []
        self.supersededCount = 0
    }

    /// Takes the place of `older`, an alert of the same alarm that has not left.
    mutating func supersede(_ older: QueuedAlert) {
        self.supersededIDs = Array(
            (older.supersededIDs + [older.alert.id]).suffix(DeliveryLimits.supersededIDCountMax))
        self.supersededCount = older.supersededCount + 1
        self.takenAt = min(self.takenAt, older.takenAt)
    }
}

/// Why an alert was given up.
package enum DeadLetterReason: String, Sendable, Equatable, CaseIterable {
    /// Older than `RetryLadder.ageMax(of:)`.
    case tooOld
    /// The receiver answered that it will never take it.
    case refused
    /// The endpoint answered 410.
    case endpointDisabled
    /// The configuration no longer has the endpoint.
    case endpointRemoved
}

/// Whether an endpoint takes alerts.
package enum EndpointCondition: Sendable, Equatable {
    case usable
    /// It refused our credentials with `status`; one probe goes out at `probeAt`.
    case paused(status: UInt16, probeAt: MonotonicInstant)
    /// It answered 410; nothing is sent until an operator enables it or the program restarts.
    case disabled

    /// Word used in JSON, metrics and on screens.
    package var word: String {
        switch self {
        case .usable: "usable"
        case .paused: "paused"
        case .disabled: "disabled"
        }
    }
}
