// SPDX-License-Identifier: Apache-2.0

/// The range within which an instrument's value can be true.
///
/// Outside it the value is not a large value but no value: quality bad.
struct InstrumentRange: BitwiseCopyable, Sendable, Equatable {
    var least: Double
    var most: Double

    @_noLocks
    func holds(_ value: Double) -> Bool { value >= self.least && value <= self.most }
}
