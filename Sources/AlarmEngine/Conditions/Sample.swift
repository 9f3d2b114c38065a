// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

/// A value as a condition sees it: a finite number, or why there is none.
package enum Sample: BitwiseCopyable, Sendable, Equatable {
    case known(Double)
    /// No fresh reading: never received, not verified, or silent too long.
    case stale
    /// A reading that cannot be used: not finite, quality bad, outside the instrument's range.
    case error

    /// The number, if it is known and finite.
    @_noLocks
    package init(_ number: Double) { self = number.isFinite ? .known(number) : .error }

    /// Why there is no number; nil if there is one.
    var doubt: ConditionResult? {
        @_noLocks get {
            switch self {
            case .known: nil
            case .stale: .stale
            case .error: .error
            }
        }
    }

    /// Why two samples give no result, `error` before `stale`; nil if both are known.
    @_noLocks
    static func doubt(_ left: Sample, _ right: Sample) -> ConditionResult? {
        guard let first = left.doubt else { return right.doubt }
        guard let second = right.doubt else { return first }
        return first.or(second)
    }
}
