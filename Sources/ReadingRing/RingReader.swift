// SPDX-License-Identifier: Apache-2.0

public import MidwatchModel
public import Synchronization

/// One reader's end of the ring: looks at published slots in order and gives them back.
///
/// Owned by one thread at a time.
@usableFromInline
package struct RingReader: ~Copyable, Sendable {
    @usableFromInline let ring: ReadingRing
    @usableFromInline let role: ReadingRing.Role
    /// Sequence of the next slot to read.
    @usableFromInline package private(set) var next: UInt64

    init(ring: ReadingRing, role: ReadingRing.Role) {
        self.ring = ring
        self.role = role
        self.next = ring.position(of: role)
    }

    /// How many slots from `next` on are published without a hole, at most `max`.
    ///
    /// - Complexity: O(max): one acquire load per slot.
    @inlinable
    package func available(max: Int) -> Int {
        var count = 0
        while count < max {
            let sequence = self.next &+ UInt64(count)
            let place = unsafe self.place(sequence)
            // Acquire pairs with the release store in `ReadingRing.publish`.
            let stamp = unsafe place.assumingMemoryBound(to: Atomic<UInt64>.self).pointee
                .load(ordering: .acquiring)
            if stamp != sequence &+ 1 { break }
            count &+= 1
        }
        return count
    }

    /// The slot at `next + offset`; `offset` must be below what `available` gave.
    ///
    /// Its `link` is the ring's stamp.
    @inlinable
    package func slot(_ offset: Int) -> Slot {
        unsafe self.place(self.next &+ UInt64(offset)).load(as: Slot.self)
    }

    /// The longest run of the next `count` slots that lies together in memory; it is shorter than
    /// `count` where the ring wraps.
    ///
    /// `count` must be what `available` gave, or less. The slots are valid until `release`; their
    /// `link` is the ring's stamp.
    package func withRun<Result>(
        _ count: Int, _ body: (UnsafeBufferPointer<Slot>) -> Result
    ) -> Result {
        let first = Int(truncatingIfNeeded: self.next & self.ring.mask)
        let run = min(count, self.ring.capacity - first)
        let base = unsafe self.place(self.next)
        return unsafe body(
            UnsafeBufferPointer(start: base.assumingMemoryBound(to: Slot.self), count: run))
    }

    /// Gives `count` slots back; they may be overwritten from now on.
    @inlinable
    package mutating func release(_ count: Int) {
        self.advance(count)
        // Release pairs with the acquire load in `ReadingRing.claim`.
        unsafe self.ring.sequences[self.role.rawValue].pointee.store(
            self.next, ordering: .releasing)
    }

    @usableFromInline
    mutating func advance(_ count: Int) { self.next &+= UInt64(count) }

    /// Sleeps until a slot is published, `wake` is called, or the time is over.
    package func park(timeoutNanoseconds: UInt64) {
        self.ring.park(self.role, timeoutNanoseconds: timeoutNanoseconds)
    }

    @inlinable
    func place(_ sequence: UInt64) -> UnsafeMutableRawPointer {
        unsafe self.ring.slots + Int(truncatingIfNeeded: sequence & self.ring.mask) &* 64
    }
}
