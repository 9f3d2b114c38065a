// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import AlarmEngine

@Suite struct NumberHeapTests {
    @Test(arguments: 0..<20)
    func `the least number comes first, whatever came between`(seed: Int) {
        var random = Random(seed: UInt64(seed))
        var heap = NumberHeap()
        var sorted: [UInt32] = []
        for _ in 0..<500 {
            if random.chance(60) {
                let number = UInt32(random.next(below: 1_000))
                heap.push(number)
                sorted.append(number)
                sorted.sort()
            } else {
                #expect(heap.popLeast() == (sorted.isEmpty ? nil : sorted.removeFirst()))
            }
            #expect(heap.count == sorted.count)
        }
        while let least = heap.popLeast() { #expect(least == sorted.removeFirst()) }
        #expect(sorted.isEmpty)
    }
}
