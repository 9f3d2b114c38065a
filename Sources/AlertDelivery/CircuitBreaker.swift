// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// Keeps calls from an endpoint that fails.
///
/// Transitions
///
///     closed ──half of 10 or more calls in 30 s failed, or 5 in a row──▶ open
///     open ──openNanoseconds passed, a probe leaves──▶ halfOpen
///     halfOpen ──2 probes in a row succeeded──▶ closed
///     halfOpen ──a probe failed──▶ open, twice as long, 5 min at most
///
/// While an alert of high or critical priority waits, open lasts at most as long as the retry
/// ladder would make that alert wait: safety wins over sparing the endpoint, and the price is one
/// call. Answers to calls that left before the breaker opened are not judged again.
package struct CircuitBreaker: Sendable {
    package enum State: Sendable, Equatable {
        case closed
        /// Nothing leaves. `round` counts the openings since the breaker was last closed, from 0.
        case open(since: MonotonicInstant, round: UInt32)
        /// One probe at a time. `successCount` probes in a row have succeeded.
        case halfOpen(isProbing: Bool, successCount: UInt32, round: UInt32)

        /// Word used in metrics and on screens.
        package var word: String {
            switch self {
            case .closed: "closed"
            case .open: "open"
            case .halfOpen: "halfOpen"
            }
        }
    }

    package enum Permit: Sendable, Equatable {
        case call
        case probe
        /// Not before this instant.
        case wait(until: MonotonicInstant)
        /// Not before the probe under way has ended.
        case waitForProbe
    }

    package static let windowSeconds = 30
    package static let windowCallCountMin: UInt32 = 10
    package static let consecutiveFailureCountMax: UInt32 = 5
    package static let openNanoseconds: UInt64 = 10_000_000_000
    package static let openNanosecondsMax: UInt64 = 300_000_000_000
    package static let probeSuccessCount: UInt32 = 2

    private struct Second: Sendable {
        var number: UInt64 = .max
        var callCount: UInt32 = 0
        var failureCount: UInt32 = 0
    }

    package private(set) var state = State.closed
    private var window = [Second](repeating: Second(), count: windowSeconds)
    private var consecutiveFailureCount: UInt32 = 0

    package init() {}

    /// Whether a call may leave at `now`; does not change anything.
    ///
    /// `isUrgent` says that an alert of high or critical priority waits.
    package func permit(now: MonotonicInstant, isUrgent: Bool) -> Permit {
        switch self.state {
        case .closed: return .call
        case .open(let since, let round):
            var pause = min(Self.openNanoseconds << UInt64(min(round, 5)), Self.openNanosecondsMax)
            if isUrgent { pause = min(pause, RetryLadder.urgentCapNanoseconds) }
            let until = since.advanced(byNanoseconds: pause)
            return now >= until ? .probe : .wait(until: until)
        case .halfOpen(let isProbing, _, _): return isProbing ? .waitForProbe : .probe
        }
    }

    /// A probe that `permit` allowed leaves.
    package mutating func probeLeft() {
        switch self.state {
        case .open(_, let round):
            self.state = .halfOpen(isProbing: true, successCount: 0, round: round)
        case .halfOpen(false, let successCount, let round):
            self.state = .halfOpen(isProbing: true, successCount: successCount, round: round)
        case .closed: preconditionFailure("probe while closed")
        case .halfOpen(true, _, _): preconditionFailure("second probe at once")
        }
    }

    /// A call ended.
    ///
    /// A failure is network trouble, time-out, a slow answer, or a status worth a retry; an answer
    /// about the alert itself is none. Outside of closed only the call is judged for which
    /// `probeLeft` was called: `isProbe`.
    package mutating func callEnded(isFailure: Bool, isProbe: Bool, now: MonotonicInstant) {
        switch self.state {
        case .closed: self.judge(isFailure: isFailure, now: now)
        case .open: return
        case .halfOpen(_, let successCount, let round):
            guard isProbe else { return }
            if isFailure {
                self.state = .open(since: now, round: min(round + 1, 31))
            } else if successCount + 1 >= Self.probeSuccessCount {
                self.reset()
            } else {
                self.state = .halfOpen(
                    isProbing: false, successCount: successCount + 1, round: round)
            }
        }
    }

    /// Back to closed with an empty window.
    package mutating func reset() {
        self.state = .closed
        self.consecutiveFailureCount = 0
        self.window = [Second](repeating: Second(), count: Self.windowSeconds)
    }

    private mutating func judge(isFailure: Bool, now: MonotonicInstant) {
        let second = now.nanoseconds / 1_000_000_000
        let index = Int(second % UInt64(Self.windowSeconds))
        if self.window[index].number != second { self.window[index] = Second(number: second) }
        self.window[index].callCount += 1
        if isFailure { self.window[index].failureCount += 1 }
        self.consecutiveFailureCount = isFailure ? self.consecutiveFailureCount + 1 : 0
        var (callCount, failureCount): (UInt32, UInt32) = (0, 0)
        for entry in self.window
        where entry.number <= second && second - entry.number < UInt64(Self.windowSeconds) {
            callCount += entry.callCount
            failureCount += entry.failureCount
        }
        let isRatioBad = callCount >= Self.windowCallCountMin && failureCount * 2 >= callCount
        if isRatioBad || self.consecutiveFailureCount >= Self.consecutiveFailureCountMax {
            self.reset()
            self.state = .open(since: now, round: 0)
        }
    }
}
