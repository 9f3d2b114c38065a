// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

/// Comparison with a setpoint that is left only when the value is back by the deadband.
struct SetpointTest: BitwiseCopyable, Sendable, Equatable {
    var setpoint: Double
    /// Distance back from the setpoint; 0 or more.
    var deadband: Double
    /// Beyond means above; else below.
    var isHigh: Bool

    /// Whether `value` is beyond, `isActive` saying whether it was.
    @_noLocks
    func isBeyond(_ value: Double, isActive: Bool) -> Bool {
        if self.isHigh {
            return value >= (isActive ? self.setpoint - self.deadband : self.setpoint)
        }
        return value <= (isActive ? self.setpoint + self.deadband : self.setpoint)
    }

    /// The same for a sample.
    @_noLocks
    func judge(_ sample: Sample, isActive: Bool) -> ConditionResult {
        switch sample {
        case .known(let value): self.isBeyond(value, isActive: isActive) ? .met : .notMet
        case .stale: .stale
        case .error: .error
        }
    }
}
