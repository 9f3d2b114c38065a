// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// How many calls a second an endpoint gets.
///
/// A bucket that holds as many calls as may leave in one second. It is what keeps a backlog from
/// falling upon a receiver that has just come back.
package struct SendPace: Sendable {
    private let intervalNanoseconds: UInt64
    private let callCountMax: UInt64
    /// Calls up to this instant are spoken for; never further ahead than one call.
    private var spokenFor = MonotonicInstant.zero

    /// - Parameter callsPerSecond: 1 ... 10,000.
    package init(callsPerSecond: Int) {
        precondition((1...10_000).contains(callsPerSecond), "calls per second")
        self.intervalNanoseconds = 1_000_000_000 / UInt64(callsPerSecond)
        self.callCountMax = UInt64(callsPerSecond)
    }

    /// When the next call may leave; in the past if at once.
    package func nextAt(now: MonotonicInstant) -> MonotonicInstant {
        let burst = self.intervalNanoseconds * (self.callCountMax - 1)
        return MonotonicInstant(
            nanoseconds: self.spokenFor.nanoseconds - min(burst, self.spokenFor.nanoseconds))
    }

    package mutating func callLeft(now: MonotonicInstant) {
        self.spokenFor = max(self.spokenFor, now).advanced(
            byNanoseconds: self.intervalNanoseconds)
    }
}

/// How many retries an endpoint gets: a fifth of what is sent to it, and a few in any case.
///
/// An endpoint that fails some calls is not sent more and more of them. Safety bounds it: an alert of
/// high or critical priority never waits longer for a place in the budget than the ladder would make
/// it wait, others ten minutes; beyond that the budget is overdrawn.
package struct RetryBudget: Sendable {
    /// Thousandths of a retry that every call earns.
    package static let earnedPerCall: Int64 = 200
    private static let retry: Int64 = 1_000
    private static let balanceMax = Int64(DeliveryLimits.retryCountPerMinute) * Self.retry
    /// What the longest wait comes to.
    private static let debtMax =
        Int64(Self.waitMax(of: .low) / Self.nanosecondsPerThousandth)
    /// Nanoseconds in which a thousandth of a retry is granted anyway.
    private static let nanosecondsPerThousandth =
        60_000_000_000 / (DeliveryLimits.retryCountPerMinute * 1_000)

    /// Thousandths of a retry; below zero while retries are waited for.
    private var balance = Self.balanceMax
    private var countedAt = MonotonicInstant.zero

    package init() {}

    /// The longest wait for a place.
    package static func waitMax(of priority: AlarmPriority) -> UInt64 {
        priority >= .high
            ? RetryLadder.urgentCapNanoseconds : DeliveryLimits.retryWaitNanosecondsMax
    }

    /// A first call left.
    package mutating func callLeft() {
        self.balance = min(self.balance + Self.earnedPerCall, Self.balanceMax)
    }

    /// Takes a place for one retry: the nanoseconds until it may leave, `waitMax` at most.
    package mutating func take(now: MonotonicInstant, waitMax: UInt64) -> UInt64 {
        let earned = now.nanosecondsSince(self.countedAt) / Self.nanosecondsPerThousandth
        if self.countedAt == .zero || earned > UInt64(Self.balanceMax + Self.debtMax) {
            self.balance = Self.balanceMax
            self.countedAt = now
        } else if earned > 0 {
            self.balance = min(self.balance + Int64(earned), Self.balanceMax)
            self.countedAt = self.countedAt.advanced(
                byNanoseconds: earned * Self.nanosecondsPerThousandth)
        }
        self.balance = max(self.balance - Self.retry, -Self.debtMax)
        guard self.balance < 0 else { return 0 }
        return min(UInt64(-self.balance) * Self.nanosecondsPerThousandth, waitMax)
    }
}
