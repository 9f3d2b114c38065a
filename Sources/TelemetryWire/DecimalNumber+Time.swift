// SPDX-License-Identifier: Apache-2.0

extension DecimalNumber {
    /// The number as a count of `unit`, in whole nanoseconds; nil where 64 bits do not hold it.
    ///
    /// Exact for every decimal text of up to 19 digits: `1276020076.001` seconds lose nothing, as
    /// they would in a double. What is finer than a nanosecond is rounded.
    func nanoseconds(_ bytes: borrowing Span<UInt8>, unit: SourceTimeUnit) -> Int64? {
        let scale =
            switch unit {
            case .nanoseconds: 0
            case .microseconds: 3
            case .milliseconds: 6
            case .seconds: 9
            }
        let power = self.exponent &+ scale
        guard !self.isTruncated, power >= -19, power <= 19 else {
            return unit.nanoseconds(self.value(bytes))
        }
        var magnitude = self.significand
        if power >= 0 {
            let (product, overflow) = magnitude.multipliedReportingOverflow(
                by: Self.integerPowerOfTen(power))
            if overflow { return nil }
            magnitude = product
        } else {
            let divisor = Self.integerPowerOfTen(0 &- power)
            let (quotient, remainder) = magnitude.quotientAndRemainder(dividingBy: divisor)
            magnitude = quotient &+ (remainder >= divisor - remainder ? 1 : 0)
        }
        // `Int64.min` is `Slot.noSourceTime`.
        guard magnitude <= UInt64(Int64.max) else { return nil }
        return self.isNegative ? -Int64(magnitude) : Int64(magnitude)
    }
}
