// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel
internal import ReadingRing

/// A fixed number of slots in memory taken once.
@safe
struct SlotBuffer: ~Copyable {
    private let slots: UnsafeMutablePointer<Slot>
    private let capacity: Int
    private(set) var count = 0
    /// The most urgent class among the slots.
    private(set) var criticalityMax = SensorCriticality.low

    init(capacity: Int) {
        precondition(capacity > 0, "a buffer holds at least one slot")
        self.capacity = capacity
        unsafe self.slots = .allocate(capacity: capacity)
    }

    deinit { unsafe self.slots.deallocate() }

    mutating func append(_ slot: Slot) {
        precondition(self.count < self.capacity, "slot buffer full")
        unsafe (self.slots + self.count).initialize(to: slot)
        self.count &+= 1
        if slot.criticalityRaw > self.criticalityMax.rawValue {
            self.criticalityMax = SensorCriticality(rawValue: slot.criticalityRaw) ?? .critical
        }
    }

    /// Says in the first slot, which is a receipt, how many readings follow it.
    mutating func fillReceipt(readingCount: Int) {
        precondition(self.count == readingCount + 1, "a receipt and its readings")
        unsafe self.slots[0].sourceTime = Int64(readingCount)
    }

    func sensor(at index: Int) -> SensorIndex {
        precondition(index < self.count, "beyond the slots")
        return unsafe self.slots[index].sensor
    }

    mutating func removeAll() {
        self.count = 0
        self.criticalityMax = .low
    }

    /// Offers what was appended, all or none, in the most urgent class among it.
    func offer(to ring: ReadingRing) -> ReadingRing.Offer {
        let slots = unsafe UnsafeBufferPointer(start: self.slots, count: self.count)
        return unsafe ring.offer(slots.span, criticality: self.criticalityMax)
    }
}
