// SPDX-License-Identifier: Apache-2.0

/// Unit in which a sender counts time since 1970.
package enum SourceTimeUnit: String, Sendable, CaseIterable {
    case nanoseconds = "ns"
    case microseconds = "us"
    case milliseconds = "ms"
    case seconds = "s"

    package var nanosecondsPerUnit: Int64 {
        @_noLocks get {
            switch self {
            case .nanoseconds: 1
            case .microseconds: 1_000
            case .milliseconds: 1_000_000
            case .seconds: 1_000_000_000
            }
        }
    }

    /// `count` units in nanoseconds; nil where 64 bits do not hold it.
    ///
    /// `Int64.min` is refused too: it is `Slot.noSourceTime`.
    @_noLocks
    package func nanoseconds(_ count: Int64) -> Int64? {
        let (product, overflow) = count.multipliedReportingOverflow(by: self.nanosecondsPerUnit)
        return overflow || product == Int64.min ? nil : product
    }

    /// `count` units, with fraction, in whole nanoseconds; nil where 64 bits do not hold it.
    ///
    /// The fraction is scaled alone: the product of the whole would lose what is left of it.
    package func nanoseconds(_ count: Double) -> Int64? {
        // 2^63 itself is not an Int64.
        guard count.isFinite, count > -0x1p63, count < 0x1p63 else { return nil }
        let whole = count.rounded(.towardZero)
        let rest = ((count - whole) * Double(self.nanosecondsPerUnit)).rounded()
        guard let nanoseconds = self.nanoseconds(Int64(whole)) else { return nil }
        let (sum, overflow) = nanoseconds.addingReportingOverflow(Int64(rest))
        return overflow || sum == Int64.min ? nil : sum
    }
}
