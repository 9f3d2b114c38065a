// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

/// The range within which an instrument's value can be true.
///
/// Outside it the value is not a large value but no value: quality bad.
struct InstrumentRange: BitwiseCopyable, Sendable, Hashable {
    var least: Double
    var most: Double

    @_noLocks
    func holds(_ value: Double) -> Bool { value >= self.least && value <= self.most }

    /// Leaves what does not meet a limit.
    mutating func cut(at rule: AlarmRule) {
        switch rule.kind {
        case .high, .highHigh: self.most = min(self.most, rule.setpoint)
        case .low, .lowLow: self.least = max(self.least, rule.setpoint)
        case .stale, .unverifiable, .rateOfChange, .flatLine, .deviation, .vote, .discrepancy,
            .offNormal, .badQuality, .clockSkew, .clockDrift, .sequence, .window, .drift,
            .expression:
            break
        }
    }
}
