// SPDX-License-Identifier: Apache-2.0

/// A small generator: the same seed gives the same numbers on every machine.
///
/// Steele, Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014.
package struct SplitMix64: RandomNumberGenerator, Sendable, BitwiseCopyable {
    private var state: UInt64

    package init(seed: UInt64) { self.state = seed }

    package mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var word = self.state
        word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
        return word ^ word >> 31
    }

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
