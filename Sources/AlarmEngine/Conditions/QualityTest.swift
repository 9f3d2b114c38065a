// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

/// The quality that the sender or the instrument's range gives, as a condition of its own.
struct QualityTest: BitwiseCopyable, Sendable, Equatable {
    /// Uncertain counts as bad.
    var includesUncertain: Bool

    /// Judges the quality of the last live reading; a sensor that is not fresh has none.
    @_noLocks
    func judge(_ quality: Quality, isFresh: Bool) -> ConditionResult {
        guard isFresh else { return .stale }
        return switch quality {
        case .good: .notMet
        case .uncertain: self.includesUncertain ? .met : .notMet
        case .bad: .met
        }
    }
}
