// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

extension ConditionResult {
    /// Whether the result says nothing about the condition: `stale` or `error`.
    package var isUnknown: Bool {
        switch self {
        case .met, .notMet: false
        case .stale, .error: true
        }
    }

    /// Both (NASA cFS Limit Checker): `notMet` wins, then `error`, then `stale`.
    @_noLocks
    package func and(_ other: ConditionResult) -> ConditionResult {
        if self.isNotMet || other.isNotMet { return .notMet }
        if self.isError || other.isError { return .error }
        return self.isMet && other.isMet ? .met : .stale
    }

    /// Either: `met` wins, then `error`, then `stale`.
    @_noLocks
    package func or(_ other: ConditionResult) -> ConditionResult {
        if self.isMet || other.isMet { return .met }
        if self.isError || other.isError { return .error }
        return self.isNotMet && other.isNotMet ? .notMet : .stale
    }

    /// The opposite; what is unknown stays so.
    @_noLocks
    package func negated() -> ConditionResult {
        switch self {
        case .met: .notMet
        case .notMet: .met
        case .stale: .stale
        case .error: .error
        }
    }

    // Switches: `==` of another module's enum is a call, and no tuple is compared without metadata.

    private var isMet: Bool {
        @_noLocks get { if case .met = self { true } else { false } }
    }

    private var isNotMet: Bool {
        @_noLocks get { if case .notMet = self { true } else { false } }
    }

    private var isError: Bool {
        @_noLocks get { if case .error = self { true } else { false } }
    }
}
