// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

extension SplitMix64 {
    /// A number in 0 ..< 1 with 53 random bits.
    package mutating func unit() -> Double {
        Double(self.next() >> 11) * 0x1p-53
    }

    /// Noise around 0 with standard deviation 1, never beyond ±3.5.
    ///
    /// The sum of four uniform numbers: no logarithm, so the same bits on every machine.
    package mutating func noise() -> Double {
        let sum = self.unit() + self.unit() + self.unit() + self.unit()
        return (sum - 2) * 1.732_050_807_568_877_2
    }
}
