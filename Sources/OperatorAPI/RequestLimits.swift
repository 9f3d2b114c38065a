// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel
internal import Synchronization

/// How often one caller may ask, and how long a wrong token waits for its answer.
///
/// Reads and commands have a budget each: a script that polls too fast must not keep the same
/// person from acknowledging an alarm.
package final class RequestLimits: Sendable {
    private struct Key: Hashable {
        var address: String
        var isCommand: Bool
    }

    private struct State {
        var buckets: [Key: TokenBucket] = [:]
        /// Wrong tokens of an address, and when the last one came.
        var failures: [String: (count: Int, at: MonotonicInstant)] = [:]
        var waitingCount = 0
    }

    private static let others = "others"
    private let state = Mutex(State())

    package init() {}

    /// Whether a request is within the budget of its caller.
    package func admits(_ address: String, isCommand: Bool, now: MonotonicInstant) -> Bool {
        self.state.withLock { state in
            var key = Key(address: address, isCommand: isCommand)
            if state.buckets[key] == nil, state.buckets.count >= OperatorAPILimits.callersMax {
                // A caller that has been silent is the same as a new one.
                state.buckets = state.buckets.filter { !$0.value.isFull(now: now) }
                if state.buckets.count >= OperatorAPILimits.callersMax {
                    key.address = Self.others
                }
            }
            var bucket =
                state.buckets[key]
                ?? TokenBucket(
                    rate: OperatorAPILimits.requestsPerSecond,
                    burst: OperatorAPILimits.requestsAtOnce)
            let isTaken = bucket.take(now: now)
            state.buckets[key] = bucket
            return isTaken
        }
    }

    /// A wrong token came from `address`: how long its answer waits; nil if too many wait already.
    ///
    /// Who gets a time calls `waited()` when it is over.
    package func failed(_ address: String, now: MonotonicInstant) -> UInt64? {
        self.state.withLock { state in
            let forget = OperatorAPILimits.failuresForgottenNanoseconds
            if state.failures.count >= OperatorAPILimits.callersMax {
                state.failures = state.failures.filter {
                    now.nanosecondsSince($0.value.at) < forget
                }
            }
            let known = state.failures[address]
            let isFresh = known.map { now.nanosecondsSince($0.at) < forget } ?? false
            let count = isFresh ? (known?.count ?? 0) + 1 : 1
            if known != nil || state.failures.count < OperatorAPILimits.callersMax {
                state.failures[address] = (count, now)
            }
            guard state.waitingCount < OperatorAPILimits.failuresWaitingMax else { return nil }
            state.waitingCount += 1
            let wait = OperatorAPILimits.failureFirstNanoseconds << UInt64(min(count - 1, 10))
            return min(wait, OperatorAPILimits.failureLastNanoseconds)
        }
    }

    /// An answer that had to wait leaves.
    package func waited() { self.state.withLock { $0.waitingCount -= 1 } }
}
