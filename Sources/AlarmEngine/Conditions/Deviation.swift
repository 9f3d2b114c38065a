// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

/// Distance of a value from a reference: another sensor, or a setpoint.
struct Deviation: BitwiseCopyable, Sendable, Equatable {
    /// Distance above the reference that is too far; infinite: none is.
    var above: Double
    /// Distance below the reference that is too far, 0 or more; infinite: none is.
    var below: Double
    var deadband: Double

    @_noLocks
    func judge(_ own: Sample, reference: Sample, isActive: Bool) -> ConditionResult {
        if let doubt = Sample.doubt(own, reference) { return doubt }
        guard case .known(let value) = own, case .known(let base) = reference else {
            return .error
        }
        let distance = value - base
        guard distance.isFinite else { return .error }
        let back = isActive ? self.deadband : 0
        return distance >= self.above - back || -distance >= self.below - back ? .met : .notMet
    }
}
