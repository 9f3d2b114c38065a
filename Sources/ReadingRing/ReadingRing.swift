// SPDX-License-Identifier: Apache-2.0

internal import CLinux
public import MidwatchModel
public import Synchronization

/// The one queue that every input of the engine passes: bounded, many producers, two readers.
///
/// Producers claim a run of slots with one compare-and-swap and publish each slot with a stamp of
/// its own; the journal and the engine follow with sequences of their own and see the same slots in
/// the same order. The sequence of a slot is the number `n` of its journal record.
///
/// Invariants
/// 1. Neither reader is ahead of the claimed sequence, and the claimed sequence is at most
///    `capacity` ahead of the slower reader.
/// 2. A slot is readable at sequence s when its stamp is s + 1. Stamps of a slot only grow.
/// 3. The slots of one offer are consecutive: all are claimed, or none.
///
/// Not promised: fairness between producers; progress while a producer is stopped between its
/// claim and its publication (readers park, they do not spin).
///
/// One ring of this kind was chosen over a ring per producer because one sequence for everything
/// is what replay rests on; it carries 40 to 59 million slots a second on the reference machine,
/// 20 times the need.
///
/// `@unchecked Sendable`: control words and stamps are atomic. The bytes of a slot are written by
/// the producer that claimed it, before the release store of the stamp, and read by readers after
/// the acquire load of the stamp and before the release store of their sequence.
@safe @usableFromInline
package final class ReadingRing: @unchecked Sendable {
    /// Answer to an offer.
    @frozen @usableFromInline
    package enum Offer: Equatable, Sendable {
        /// The slots stand at `first` and the sequences after it.
        case accepted(first: UInt64)
        /// The ring is filled to the share that this criticality may use; nothing was taken.
        case ringFull
    }

    /// The two readers.
    @frozen @usableFromInline
    package enum Role: Int, Sendable {
        case journal = 0
        case engine = 1
    }

    /// Bytes between control words: two cache lines, because processors prefetch the neighbour.
    private static let lineBytes = 128
    /// Bit of `floor` above the criticalities.
    @usableFromInline static var acknowledgedHold: UInt64 { 1 << 8 }
    /// Control words before the slots: claim, cached gate, two sequences, two sleep words, floor.
    private static let controlBytes = 7 * lineBytes

    @usableFromInline let memory: UnsafeMutableRawPointer
    @usableFromInline let slots: UnsafeMutableRawPointer
    @usableFromInline let claimed: UnsafeMutablePointer<Atomic<UInt64>>
    @usableFromInline let gate: UnsafeMutablePointer<Atomic<UInt64>>
    @usableFromInline let sequences: [2 of UnsafeMutablePointer<Atomic<UInt64>>]
    @usableFromInline let sleepers: [2 of UnsafeMutablePointer<Atomic<UInt32>>]
    /// Criticalities below it are refused whatever the fill: the journal's disk is nearly full.
    ///
    /// From `acknowledgedHold` on, readings that await an acknowledgement are refused as well.
    @usableFromInline let floor: UnsafeMutablePointer<Atomic<UInt64>>
    @usableFromInline let mask: UInt64
    /// Slots that each criticality may fill: 50, 80, 95 and 100 %.
    @usableFromInline let limits: [4 of UInt64]

    /// Slots of the ring.
    @usableFromInline package let capacity: Int
    /// Sequence of the first slot.
    package let firstSequence: UInt64

    /// Makes an empty ring.
    ///
    /// - Parameters:
    ///   - capacity: Slots; a power of two, 64 ... 2^24. 2^18 (16 MiB) hold 1.3 s at 200,000/s.
    ///   - firstSequence: Number of the first record of this run.
    package init(capacity: Int, firstSequence: UInt64) {
        precondition(capacity >= 64 && capacity <= 1 << 24, "ring capacity out of range")
        precondition(capacity & (capacity - 1) == 0, "ring capacity is not a power of two")
        precondition(firstSequence < UInt64.max / 2, "ring sequence out of range")
        let line = Self.lineBytes
        let bytes = Self.controlBytes + capacity * Slot.byteCount
        let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: line)
        unsafe memory.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
        func word(_ index: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
            let pointer = unsafe (memory + index * line).bindMemory(
                to: Atomic<UInt64>.self, capacity: 1)
            unsafe pointer.initialize(to: Atomic(firstSequence))
            return unsafe pointer
        }
        func sleeper(_ index: Int) -> UnsafeMutablePointer<Atomic<UInt32>> {
            let pointer = unsafe (memory + index * line).bindMemory(
                to: Atomic<UInt32>.self, capacity: 1)
            unsafe pointer.initialize(to: Atomic(0))
            return unsafe pointer
        }
        unsafe self.memory = memory
        unsafe self.slots = memory + Self.controlBytes
        unsafe self.claimed = word(0)
        unsafe self.gate = word(1)
        unsafe self.sequences = [word(2), word(3)]
        unsafe self.sleepers = [sleeper(4), sleeper(5)]
        unsafe self.floor = word(6)
        unsafe self.floor.pointee.store(0, ordering: .relaxed)
        self.capacity = capacity
        self.mask = UInt64(capacity - 1)
        let slotCount = UInt64(capacity)
        self.limits = [slotCount / 2, slotCount * 80 / 100, slotCount * 95 / 100, slotCount]
        self.firstSequence = firstSequence
    }

    deinit { unsafe self.memory.deallocate() }

    // MARK: Producers

    /// Takes all of `slots` or none.
    ///
    /// Any thread.
    ///
    /// - Parameters:
    ///   - slots: 1 ... a quarter of `capacity` slots; their `link` is ignored.
    ///   - criticality: Decides how full the ring may be.
    /// - Returns: Where the slots stand, or that the ring is full for this criticality.
    /// - Complexity: O(slots). No allocation, lock or reference count.
    @inlinable
    package func offer(_ slots: borrowing Span<Slot>, criticality: SensorCriticality) -> Offer {
        precondition(slots.count > 0 && slots.count <= self.capacity / 4, "offer size")
        guard !self.isHeld(slots[0]) else { return .ringFull }
        guard let first = self.claim(UInt64(slots.count), criticality) else { return .ringFull }
        for index in 0..<slots.count { self.publish(slots[index], at: first &+ UInt64(index)) }
        self.wakeReaders()
        return .accepted(first: first)
    }

    /// Takes `slot` or nothing.
    ///
    /// Any thread.
    @inlinable
    package func offer(_ slot: Slot, criticality: SensorCriticality) -> Offer {
        guard !self.isHeld(slot) else { return .ringFull }
        guard let first = self.claim(1, criticality) else { return .ringFull }
        self.publish(slot, at: first)
        self.wakeReaders()
        return .accepted(first: first)
    }

    @inlinable
    func claim(_ count: UInt64, _ criticality: SensorCriticality) -> UInt64? {
        let floor = unsafe self.floor.pointee.load(ordering: .relaxed)
        guard UInt64(criticality.rawValue) >= floor & (Self.acknowledgedHold &- 1) else {
            return nil
        }
        let limit = self.limits[Int(criticality.rawValue)]
        var first = unsafe self.claimed.pointee.load(ordering: .relaxed)
        while true {
            // Acquire pairs with the release store below: the producer that looked at the readers
            // hands on what it saw, also to one that did not look itself.
            var gate = unsafe self.gate.pointee.load(ordering: .acquiring)
            if first &+ count &- gate > limit {
                // Acquire pairs with the release store in `RingReader.release`: the readers are
                // done with the slots before their sequences.
                gate = unsafe min(
                    self.sequences[0].pointee.load(ordering: .acquiring),
                    self.sequences[1].pointee.load(ordering: .acquiring))
                // A stale `first` makes the distance too small, never too large: the exchange
                // below then fails and the test is made again.
                if first >= gate, first &+ count &- gate > limit { return nil }
                unsafe self.gate.pointee.store(gate, ordering: .releasing)
            }
            let (isExchanged, current) = unsafe self.claimed.pointee.weakCompareExchange(
                expected: first, desired: first &+ count, successOrdering: .acquiring,
                failureOrdering: .relaxed)
            if isExchanged { return first }
            first = current
        }
    }

    @inlinable
    func publish(_ slot: Slot, at sequence: UInt64) {
        let place = unsafe self.slots + Int(truncatingIfNeeded: sequence & self.mask) &* 64
        let words = unsafe unsafeBitCast(slot, to: [8 of UInt64].self)
        for index in 1..<8 {
            unsafe place.storeBytes(of: words[index], toByteOffset: index &* 8, as: UInt64.self)
        }
        // Release pairs with the acquire load in `RingReader.available`.
        unsafe place.assumingMemoryBound(to: Atomic<UInt64>.self).pointee
            .store(sequence &+ 1, ordering: .releasing)
    }

    @inlinable
    func wakeReaders() {
        // Pairs with the fence in `RingReader.park`: either the reader sees the stamp, or this
        // load sees that it sleeps.
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        if unsafe self.sleepers[0].pointee.load(ordering: .relaxed) != 0 { self.wake(.journal) }
        if unsafe self.sleepers[1].pointee.load(ordering: .relaxed) != 0 { self.wake(.engine) }
    }

    /// Wakes a reader that parks, for reasons other than a new slot.
    ///
    /// Any thread.
    @usableFromInline
    package func wake(_ role: Role) {
        let word = unsafe self.sleepers[role.rawValue]
        if unsafe word.pointee.exchange(0, ordering: .relaxed) != 0 {
            unsafe clinux_futex_wake(UnsafeRawPointer(word).assumingMemoryBound(to: UInt32.self), 1)
        }
    }

    /// Sleeps until a slot is published for `role`, `wake` is called, or the time is over.
    ///
    /// May return early. A slot that is claimed but not published is not spun on. One thread at a
    /// time may park for a role.
    package func park(_ role: Role, timeoutNanoseconds: UInt64) {
        let word = unsafe self.sleepers[role.rawValue]
        unsafe word.pointee.store(1, ordering: .relaxed)
        // Pairs with the fence in `wakeReaders`.
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        if !self.isPublished(self.position(of: role)) {
            unsafe _ = clinux_futex_wait(
                UnsafeRawPointer(word).assumingMemoryBound(to: UInt32.self), 1, timeoutNanoseconds)
        }
        unsafe word.pointee.store(0, ordering: .relaxed)
    }

    private func isPublished(_ sequence: UInt64) -> Bool {
        let place = unsafe self.slots + Int(truncatingIfNeeded: sequence & self.mask) &* 64
        return unsafe place.assumingMemoryBound(to: Atomic<UInt64>.self).pointee
            .load(ordering: .acquiring) == sequence &+ 1
    }

    /// Refuses every offer below `criticality` from now on.
    ///
    /// Any thread.
    package func admit(from criticality: SensorCriticality) {
        var floor = unsafe self.floor.pointee.load(ordering: .relaxed)
        while true {
            let wanted = floor & Self.acknowledgedHold | UInt64(criticality.rawValue)
            let (isExchanged, current) = unsafe self.floor.pointee.compareExchange(
                expected: floor, desired: wanted, ordering: .relaxed)
            if isExchanged { return }
            floor = current
        }
    }

    /// Refuses readings that await an acknowledgement, registrations and beginnings of sessions, or
    /// takes them again.
    ///
    /// While the disk stalls nobody could acknowledge them: what is not taken stays with its
    /// sender, and the ring stays free for what must be evaluated. A registration that never became
    /// durable would leave the readings of its sensor in the journal without a name, and so the
    /// messages of a session whose beginning never became durable. What is refused here is what
    /// the journal's staging may not skip: anything else of that kind would fill it, and then the
    /// ring.
    ///
    /// Any thread.
    package func holdAcknowledged(_ isHeld: Bool) {
        if isHeld {
            unsafe _ = self.floor.pointee.bitwiseOr(Self.acknowledgedHold, ordering: .relaxed)
        } else {
            unsafe _ = self.floor.pointee.bitwiseAnd(
                Self.acknowledgedHold &- 1, ordering: .relaxed)
        }
    }

    /// Whether such slots are refused now.
    ///
    /// Any thread.
    package var isHoldingAcknowledged: Bool {
        unsafe self.floor.pointee.load(ordering: .relaxed) >= Self.acknowledgedHold
    }

    @inlinable
    func isHeld(_ slot: Slot) -> Bool {
        guard
            slot.flags.contains(.acknowledgedDelivery)
                || slot.kindRaw == SlotKind.registerSensor.rawValue
                || slot.kindRaw == SlotKind.registerSource.rawValue
                || slot.kindRaw == SlotKind.sessionBegin.rawValue
        else { return false }
        return unsafe self.floor.pointee.load(ordering: .relaxed) >= Self.acknowledgedHold
    }

    // MARK: Queries

    /// The sequence after the last claimed slot.
    ///
    /// Any thread.
    package var head: UInt64 { unsafe self.claimed.pointee.load(ordering: .acquiring) }

    /// The next sequence that `role` will read.
    ///
    /// Any thread.
    package func position(of role: Role) -> UInt64 {
        unsafe self.sequences[role.rawValue].pointee.load(ordering: .acquiring)
    }

    /// Share of the ring that is filled, against the slower reader, 0 ...
    ///
    /// 1. Any thread.
    package var fill: Double {
        let slowest = min(self.position(of: .journal), self.position(of: .engine))
        let head = self.head
        return head > slowest ? min(1, Double(head - slowest) / Double(self.capacity)) : 0
    }

    /// The handle with which `role` reads.
    ///
    /// Each role is taken once; its owner is one thread at a time.
    package func reader(_ role: Role) -> RingReader { RingReader(ring: self, role: role) }
}
