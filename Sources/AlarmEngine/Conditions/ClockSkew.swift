// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

/// A source's clock that is too far from ours.
struct ClockSkew: BitwiseCopyable, Sendable, Equatable {
    /// Offset, either way, that is too far.
    var maxNanoseconds: UInt64
    var deadbandNanoseconds: UInt64

    /// Judges arrival less source time; nil if either clock says nothing.
    @_noLocks
    func judge(_ offset: Int64?, isActive: Bool) -> ConditionResult {
        guard let offset else { return .stale }
        let back = isActive ? min(self.deadbandNanoseconds, self.maxNanoseconds) : 0
        return offset.magnitude >= self.maxNanoseconds &- back ? .met : .notMet
    }
}
