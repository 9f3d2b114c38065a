// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel
internal import ReadingRing

/// Readings on their way from a datagram batch into the ring, one buffer per admission class.
///
/// A sensor has one class, so order per sensor is kept, although readings of different classes may
/// pass each other within a batch.
///
/// Owned by one thread. Nothing is allocated after `init`.
@safe
struct ReadingStage: ~Copyable {
    /// What became of readings of one class; reported when its buffer is emptied.
    struct Outcome: Equatable {
        var acceptedCount = 0
        var shedCount = 0
    }

    /// Readings one buffer holds; one offer takes at most so many.
    static let chunkMax = 256
    /// Classes that readings may have; the fourth is Midwatch's own.
    static let classCount = 3

    private let slots: UnsafeMutablePointer<Slot>
    private let chunk: Int
    private var counts: [3 of Int] = [0, 0, 0]
    private let ring: ReadingRing

    init(ring: ReadingRing) {
        // The ring takes a quarter of itself at once.
        self.chunk = min(Self.chunkMax, ring.capacity / 4)
        self.ring = ring
        let empty = Slot(kind: .empty, arrival: .zero)
        unsafe self.slots = .allocate(capacity: Self.classCount * self.chunk)
        unsafe self.slots.initialize(repeating: empty, count: Self.classCount * self.chunk)
    }

    deinit { unsafe self.slots.deallocate() }

    /// Puts a reading into the buffer of its class.
    ///
    /// True: the buffer is now full and must be emptied before the next reading.
    @inline(__always)
    mutating func append(_ slot: Slot, _ criticality: SensorCriticality) -> Bool {
        let buffer = Int(criticality.rawValue)
        let count = self.counts[buffer]
        precondition(count < self.chunk, "stage not emptied")
        unsafe self.slots[buffer &* self.chunk &+ count] = slot
        self.counts[buffer] = count &+ 1
        return count &+ 1 == self.chunk
    }

    /// Readings that the buffer of a class holds.
    func count(_ criticality: SensorCriticality) -> Int { self.counts[Int(criticality.rawValue)] }

    /// Offers what the buffer of a class holds; what the ring refuses is shed.
    ///
    /// A refused run is halved and offered again, so that the room there is gets used. The
    /// closures are called for every reading, in order.
    mutating func empty(
        _ criticality: SensorCriticality, onAccepted: (Slot) -> Void, onShed: (Slot) -> Void
    ) -> Outcome {
        let buffer = Int(criticality.rawValue)
        let total = self.counts[buffer]
        let base = unsafe self.slots + buffer &* self.chunk
        var outcome = Outcome()
        var size = total
        while outcome.acceptedCount < total, size > 0 {
            size = min(size, total - outcome.acceptedCount)
            let run = unsafe UnsafeBufferPointer(
                start: base + outcome.acceptedCount, count: size)
            switch unsafe self.ring.offer(run.span, criticality: criticality) {
            case .accepted: outcome.acceptedCount += size
            case .ringFull: size /= 2
            }
        }
        for index in 0..<outcome.acceptedCount { onAccepted(unsafe base[index]) }
        for index in outcome.acceptedCount..<total { onShed(unsafe base[index]) }
        outcome.shedCount = total - outcome.acceptedCount
        self.counts[buffer] = 0
        return outcome
    }
}
