// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

/// A value that creeps away from its own long average, or from a reference sensor.
///
/// Averages are exponential; a step of `dt` weighs `dt / (tau + dt)`, which needs no exponential
/// function and is stable for every `dt`. The baseline stands still while the condition is raised:
/// it must not learn the fault it reports.
struct SlowDrift: BitwiseCopyable, Sendable {
    /// The short average follows this many times faster.
    static var shortDivisor: UInt64 { 10 }

    /// Distance that is too far, more than 0.
    var limit: Double
    var deadband: Double
    /// Time constant of the long average.
    var averageNanoseconds: UInt64
    /// How long one reading speaks for the sensor: silence teaches nothing.
    var holdNanoseconds: UInt64
    /// The reference is another sensor; else the long average.
    var hasReference: Bool
    private var isStarted = false
    private var baseline: Double = 0
    private var short: Double = 0
    private var learnedNanoseconds: UInt64 = 0
    private var last = MonotonicInstant.zero

    init(
        limit: Double, deadband: Double, averageNanoseconds: UInt64, holdNanoseconds: UInt64,
        hasReference: Bool
    ) {
        precondition(averageNanoseconds > 0, "average")
        self.limit = limit
        self.deadband = deadband
        self.averageNanoseconds = averageNanoseconds
        self.holdNanoseconds = holdNanoseconds
        self.hasReference = hasReference
    }

    /// Short average less baseline (or average of the difference); what is compared.
    var drift: Double { self.short - self.baseline }

    /// Takes a live reading; `reference` is ignored without `hasReference`.
    @_noLocks
    mutating func judge(
        _ value: Double, reference: Sample, at time: MonotonicInstant, isActive: Bool
    ) -> ConditionResult {
        let time = max(time, self.last)
        let elapsed = min(time.nanosecondsSince(self.last), self.holdNanoseconds)
        var input = value
        if self.hasReference {
            switch reference {
            case .known(let base): input = value - base
            case .stale: return .stale
            case .error: return .error
            }
        }
        guard input.isFinite else { return .error }
        self.last = time
        guard self.isStarted else {
            self.isStarted = true
            self.short = input
            self.baseline = self.hasReference ? 0 : input
            return .stale
        }
        self.learnedNanoseconds = min(
            self.learnedNanoseconds &+ elapsed, self.averageNanoseconds)
        let tau = self.averageNanoseconds
        self.short += (input - self.short) * Self.weight(elapsed, tau / Self.shortDivisor)
        if !self.hasReference, !isActive {
            self.baseline += (input - self.baseline) * Self.weight(elapsed, tau)
        }
        guard self.learnedNanoseconds >= tau else { return .stale }
        let distance = self.drift.magnitude
        guard distance.isFinite else { return .error }
        return distance >= self.limit - (isActive ? self.deadband : 0) ? .met : .notMet
    }

    @_noLocks
    private static func weight(_ elapsed: UInt64, _ tau: UInt64) -> Double {
        elapsed == 0 ? 0 : Double(elapsed) / (Double(tau) + Double(elapsed))
    }

    static var byteFields: [ByteField] {
        [ByteField(\Self.hasReference), ByteField(\Self.isStarted)]
    }
}
