// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// What the answer to one attempt means for the alert and for its endpoint.
package enum AttemptVerdict: Sendable, Equatable {
    /// 2xx.
    case delivered
    /// Worth another attempt. `throttles` is set when the endpoint as a whole asks for patience.
    case retry(throttles: Bool)
    /// The receiver will never take this alert.
    case permanent
    /// 410: the receiver is gone for good.
    case disable
    /// 401, 403: our credentials are refused; the alert itself is not at fault.
    case pause(status: UInt16)
}

/// When an alert that was not delivered is tried again, and when it is given up.
///
/// Full jitter: before attempt k + 1 the wait is random in
/// 0 ... min(cap, base · 2^(k-1)), so that alerts held up together do not return together.
package struct RetryLadder: Sendable {
    package static let baseNanoseconds: UInt64 = 500_000_000
    package static let capNanoseconds: UInt64 = 60_000_000_000
    /// An alert of high or critical priority never waits longer than this between attempts.
    package static let urgentCapNanoseconds: UInt64 = 15_000_000_000
    package static let retryAfterNanosecondsMax: UInt64 = 3_600_000_000_000
    package static let urgentAgeNanosecondsMax: UInt64 = 24 * 3_600_000_000_000
    package static let ageNanosecondsMax: UInt64 = 4 * 3_600_000_000_000

    private var generator: SplitMix64

    package init(seed: UInt64) { self.generator = SplitMix64(seed: seed) }

    /// Nanoseconds to wait after the `failedCount`-th failed attempt in a row, 1 or more.
    package mutating func delay(afterFailed failedCount: UInt32, priority: AlarmPriority) -> UInt64
    {
        precondition(failedCount > 0, "delay without a failure")
        let ceiling = Self.ceiling(afterFailed: failedCount, priority: priority)
        return UInt64.random(in: 0...ceiling, using: &self.generator)
    }

    /// Upper end of the range `delay` draws from.
    package static func ceiling(afterFailed failedCount: UInt32, priority: AlarmPriority) -> UInt64
    {
        // 2^7 · 0.5 s is past every cap; the shift stays far from overflow.
        min(self.cap(of: priority), self.baseNanoseconds << UInt64(min(failedCount - 1, 7)))
    }

    /// The longest wait between two attempts that the endpoint did not ask for itself.
    package static func cap(of priority: AlarmPriority) -> UInt64 {
        priority >= .high ? self.urgentCapNanoseconds : self.capNanoseconds
    }

    /// Age after which an undelivered alert becomes a dead letter.
    package static func ageMax(of priority: AlarmPriority) -> UInt64 {
        priority >= .high ? self.urgentAgeNanosecondsMax : self.ageNanosecondsMax
    }

    /// Verdict on an HTTP status.
    ///
    /// A redirect is never followed, for where an alert goes is configuration; it is tried again,
    /// because a captive portal or a proxy in maintenance answers so and goes away.
    package static func verdict(status: UInt16) -> AttemptVerdict {
        switch status {
        case 200..<300: .delivered
        case 429, 503: .retry(throttles: true)
        case 408, 425, 500...: .retry(throttles: false)
        case 401, 403: .pause(status: status)
        case 410: .disable
        case 300..<400: .retry(throttles: false)
        default: .permanent
        }
    }
}
