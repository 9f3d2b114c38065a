// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// Counts of results among which "at least n" is asked.
package struct ConditionTally: BitwiseCopyable, Sendable, Equatable {
    package var met = 0
    package var notMet = 0
    package var stale = 0
    package var error = 0

    @_noLocks
    package init() {}

    @_noLocks
    package mutating func add(_ result: ConditionResult) {
        switch result {
        case .met: self.met += 1
        case .notMet: self.notMet += 1
        case .stale: self.stale += 1
        case .error: self.error += 1
        }
    }

    /// Met if `required` are met, not met if they cannot be any more, else unknown.
    @_noLocks
    package func atLeast(_ required: Int) -> ConditionResult {
        if self.met >= required { return .met }
        if self.met + self.stale + self.error < required { return .notMet }
        return self.error > 0 ? .error : .stale
    }
}
