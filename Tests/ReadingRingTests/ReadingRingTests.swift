// SPDX-License-Identifier: Apache-2.0

import Glibc
import MidwatchModel
import ReadingRing
import Synchronization
import Testing

/// Runs `body` on a thread of its own.
final class TestThread: Sendable {
    private let handle: pthread_t
    private final class Body {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    init(_ body: @escaping @Sendable () -> Void) {
        var handle = pthread_t()
        let box = unsafe Unmanaged.passRetained(Body(body)).toOpaque()
        let code = unsafe pthread_create(
            &handle, nil,
            { raw in
                unsafe raw.map { unsafe Unmanaged<Body>.fromOpaque($0).takeRetainedValue().run() }
                return nil
            }, box)
        precondition(code == 0, "pthread_create")
        self.handle = handle
    }

    func join() { pthread_join(self.handle, nil) }
}

private func slot(_ value: UInt64) -> Slot {
    var slot = Slot(kind: .reading, arrival: MonotonicInstant(nanoseconds: value))
    slot.valueBits = value
    slot.aux = ~value
    return slot
}

@Suite struct ReadingRingTests {
    @Test(arguments: [0, 1, 63, 1 << 40, (1 << 62) - 3] as [UInt64])
    func `what is offered is read in order by both readers, over many laps`(first: UInt64) {
        let ring = ReadingRing(capacity: 64, firstSequence: first)
        var journal = ring.reader(.journal)
        var engine = ring.reader(.engine)
        for value in 0..<1_000 {
            #expect(
                ring.offer(slot(UInt64(value)), criticality: .low)
                    == .accepted(first: first + UInt64(value)))
            #expect(journal.available(max: 10) == 1)
            #expect(journal.slot(0).valueBits == UInt64(value))
            journal.release(1)
            #expect(engine.slot(0).aux == ~UInt64(value))
            engine.release(1)
        }
        #expect(ring.fill == 0)
        #expect(journal.available(max: 1) == 0)
    }

    @Test(
        arguments: [
            (SensorCriticality.low, 64), (SensorCriticality.normal, 102),
            (SensorCriticality.critical, 121), (SensorCriticality.own, 128),
        ] as [(SensorCriticality, Int)])
    func `each criticality fills its share and no more`(criticality: SensorCriticality, share: Int)
    {
        let ring = ReadingRing(capacity: 128, firstSequence: 7)
        var taken = 0
        while ring.offer(slot(0), criticality: criticality) != .ringFull { taken += 1 }
        #expect(taken == share)
    }

    @Test func `a raised floor refuses what is less critical, and only that`() {
        let ring = ReadingRing(capacity: 64, firstSequence: 0)
        ring.admit(from: .critical)
        #expect(ring.offer(slot(0), criticality: .normal) == .ringFull)
        #expect(ring.offer(slot(0), criticality: .critical) == .accepted(first: 0))
        ring.admit(from: .low)
        #expect(ring.offer(slot(0), criticality: .low) == .accepted(first: 1))
    }

    @Test func `what the journal may not skip is held back, the rest is taken`() {
        let ring = ReadingRing(capacity: 64, firstSequence: 0)
        var acknowledged = slot(1)
        acknowledged.flags = .acknowledgedDelivery
        let message = [acknowledged, acknowledged]
        ring.holdAcknowledged(true)
        #expect(ring.offer(acknowledged, criticality: .critical) == .ringFull)
        #expect(ring.offer(message.span, criticality: .critical) == .ringFull)
        for kind in [SlotKind.registerSensor, .registerSource, .sessionBegin] {
            let record = ControlRecord.slots(head: Slot(kind: kind, arrival: .zero), payload: [65])
            #expect(ring.offer(record.span, criticality: .own) == .ringFull)
        }
        #expect(ring.offer(slot(1), criticality: .normal) == .accepted(first: 0))
        ring.admit(from: .critical)
        #expect(ring.offer(acknowledged, criticality: .critical) == .ringFull)
        #expect(ring.offer(slot(1), criticality: .normal) == .ringFull)
        ring.holdAcknowledged(false)
        #expect(ring.offer(slot(1), criticality: .normal) == .ringFull)
        #expect(ring.offer(message.span, criticality: .critical) == .accepted(first: 1))
    }

    @Test func `the slower reader holds the gate`() {
        let ring = ReadingRing(capacity: 64, firstSequence: 0)
        var journal = ring.reader(.journal)
        var engine = ring.reader(.engine)
        for value in 0..<64 {
            #expect(ring.offer(slot(UInt64(value)), criticality: .own) != .ringFull)
        }
        journal.release(64)
        #expect(ring.offer(slot(0), criticality: .own) == .ringFull)
        engine.release(1)
        #expect(ring.offer(slot(0), criticality: .own) == .accepted(first: 64))
        #expect(ring.offer(slot(0), criticality: .own) == .ringFull)
    }

    @Test func `an offer of many slots is taken whole or not at all`() {
        let ring = ReadingRing(capacity: 64, firstSequence: 0)
        let many = (0..<16).map { slot(UInt64($0)) }
        for round in 0..<4 {
            #expect(
                ring.offer(many.span, criticality: .own) == .accepted(first: UInt64(round * 16)))
        }
        var engine = ring.reader(.engine)
        var journal = ring.reader(.journal)
        engine.release(15)
        journal.release(15)
        #expect(ring.offer(many.span, criticality: .own) == .ringFull)
        #expect(ring.head == 64)
        engine.release(1)
        journal.release(1)
        #expect(ring.offer(many.span, criticality: .own) == .accepted(first: 64))
    }

    @Test func `four producers lose nothing, double nothing and keep their order`() {
        let ring = ReadingRing(capacity: 1_024, firstSequence: 5)
        let perProducer: UInt64 = 50_000
        let producers = (0..<4).map { producer in
            TestThread {
                var value: UInt64 = 0
                while value < perProducer {
                    let run = (0..<min(7, perProducer - value)).map {
                        slot(UInt64(producer) << 32 | (value + $0))
                    }
                    if ring.offer(run.span, criticality: .own) != .ringFull {
                        value += UInt64(run.count)
                    } else {
                        sched_yield()
                    }
                }
            }
        }
        let sums = Mutex<[UInt64]>([])
        let readers = [ReadingRing.Role.journal, .engine].map { role in
            TestThread {
                var reader = ring.reader(role)
                var expected: [4 of UInt64] = [0, 0, 0, 0]
                var seen: UInt64 = 0
                var inOrder: UInt64 = 0
                while seen < 4 * perProducer {
                    let count = reader.available(max: 256)
                    if count == 0 {
                        reader.park(timeoutNanoseconds: 1_000_000_000)
                        continue
                    }
                    for offset in 0..<count {
                        let slot = reader.slot(offset)
                        let producer = Int(slot.valueBits >> 32)
                        if slot.valueBits & 0xFFFF_FFFF == expected[producer],
                            slot.aux == ~slot.valueBits
                        {
                            inOrder += 1
                        }
                        expected[producer] += 1
                    }
                    seen += UInt64(count)
                    reader.release(count)
                }
                sums.withLock { $0.append(inOrder) }
            }
        }
        for producer in producers { producer.join() }
        for reader in readers { reader.join() }
        #expect(sums.withLock { $0 } == [4 * perProducer, 4 * perProducer])
    }

    @Test func `a parked reader is woken by an offer and by a wake`() {
        let ring = ReadingRing(capacity: 64, firstSequence: 0)
        let woken = Atomic<Int>(0)
        let thread = TestThread {
            var reader = ring.reader(.engine)
            while reader.available(max: 1) == 0 { reader.park(timeoutNanoseconds: .max) }
            woken.store(1, ordering: .releasing)
            reader.release(1)
            reader.park(timeoutNanoseconds: 60_000_000_000)
            woken.store(2, ordering: .releasing)
        }
        #expect(ring.offer(slot(1), criticality: .own) == .accepted(first: 0))
        while woken.load(ordering: .acquiring) < 1 { sched_yield() }
        while woken.load(ordering: .acquiring) < 2 {
            ring.wake(.engine)
            sched_yield()
        }
        thread.join()
    }
}
