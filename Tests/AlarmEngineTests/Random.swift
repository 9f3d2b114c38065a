// SPDX-License-Identifier: Apache-2.0

import MidwatchModel

/// Numbers from a seed.
struct Random: RandomNumberGenerator {
    private var numbers: SplitMix64

    init(seed: UInt64) { self.numbers = SplitMix64(seed: seed) }

    mutating func next() -> UInt64 { self.numbers.next() }

    mutating func next(below limit: Int) -> Int { Int(self.next() % UInt64(limit)) }

    /// True in `percent` of a hundred cases.
    mutating func chance(_ percent: Int) -> Bool { self.next(below: 100) < percent }

    mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[self.next(below: elements.count)]
    }
}
