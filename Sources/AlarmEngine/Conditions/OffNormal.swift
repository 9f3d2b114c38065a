// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

/// A discrete state that is not among the normal ones.
struct OffNormal: BitwiseCopyable, Sendable, Equatable {
    /// Greatest state that can be named normal; the least is 0.
    static var stateMax: Int { 63 }

    /// Bit n: state n is normal.
    var normalStates: UInt64

    @_noLocks
    func judge(_ sample: Sample) -> ConditionResult {
        switch sample {
        case .stale: return .stale
        case .error: return .error
        case .known(let value):
            guard value >= 0, value <= Double(Self.stateMax) else {
                // No state that can be named normal; half a state is none at all.
                guard value.magnitude < 0x1p53 else { return .met }
                return Double(Int64(value)) == value ? .met : .error
            }
            guard Double(Int64(value)) == value else { return .error }
            return self.normalStates & (1 << UInt64(value)) == 0 ? .met : .notMet
        }
    }
}
