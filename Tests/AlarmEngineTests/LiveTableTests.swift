// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import Glibc
import MidwatchModel
import Synchronization
import Testing

/// A thread of the system that runs one closure.
private final class TestThread {
    private final class Box {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    private let thread: pthread_t

    init(_ body: @escaping @Sendable () -> Void) {
        var thread = pthread_t()
        let box = unsafe Unmanaged.passRetained(Box(body)).toOpaque()
        let status = unsafe pthread_create(
            &thread, nil,
            { argument in
                if let argument = unsafe argument {
                    unsafe Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body()
                }
                return nil
            }, box)
        precondition(status == 0, "no thread")
        self.thread = thread
    }

    func join() { pthread_join(self.thread, nil) }
}

/// Every word is made from the first, so that a mixture of two records shows.
private struct Pattern: BitwiseCopyable, Sendable {
    var words: InlineArray<9, UInt64>

    init(_ seed: UInt64) {
        self.words = InlineArray<9, UInt64> { index in
            seed &* 0x9E37_79B9_7F4A_7C15 &+ UInt64(index) &* 0xBF58_476D_1CE4_E5B9
        }
    }

    var isWhole: Bool {
        for index in 1..<9
        where self.words[index] != self.words[0] &+ UInt64(index) &* 0xBF58_476D_1CE4_E5B9 {
            return false
        }
        return true
    }
}

@Suite struct LiveTableTests {
    @Test func `a record that was never written is not there`() {
        let table = LiveTable<Pattern>()
        #expect(table.count == 0)
        #expect(table.read(0) == nil)
        table.write(Pattern(5), at: 2_000)
        #expect(table.count == 2_001)
        #expect(table.read(-1) == nil)
        #expect(table.read(0) == nil)
        #expect(table.read(1_999) == nil)
        #expect(table.read(2_001) == nil)
        #expect(table.read(2_000)?.words[0] == Pattern(5).words[0])
    }

    @Test func `an index beyond the capacity is ignored`() {
        let table = LiveTable<Pattern>()
        table.write(Pattern(1), at: LiveTable<Pattern>.capacity)
        table.write(Pattern(1), at: -1)
        #expect(table.count == 0)
        table.write(Pattern(1), at: LiveTable<Pattern>.capacity - 1)
        #expect(table.count == LiveTable<Pattern>.capacity)
    }

    @Test func `the engine's pictures fit`() {
        let sensors = LiveTable<LiveSensor>()
        let alarms = LiveTable<LiveAlarm>()
        let world = World([.make("a", high: .at(1))])
        world.read("a", 5)
        sensors.write(world.engine.liveSensor(0), at: 0)
        for alarm in world.engine.alarmRange(of: 0) {
            alarms.write(world.engine.liveAlarm(alarm), at: alarm)
        }
        #expect(sensors.read(0)?.valueBits == (5.0).bitPattern)
        #expect(sensors.read(0)?.hasActiveAlarm == true)
        #expect(alarms.count == 3)
        #expect(alarms.read(0)?.state == .unacknowledged)
    }

    @Test func `readers never see half of one record and half of another`() {
        let table = LiveTable<Pattern>()
        let isDone = Atomic<Bool>(false)
        let seen = Atomic<Int>(0)
        let torn = Atomic<Int>(0)
        let backwards = Atomic<Int>(0)
        let readers = (0..<3).map { _ in
            TestThread {
                var reads = 0
                while !isDone.load(ordering: .acquiring) || reads < 2_000 {
                    for index in 0..<4 {
                        guard let record = table.read(index) else { continue }
                        reads += 1
                        if !record.isWhole { torn.wrappingAdd(1, ordering: .relaxed) }
                    }
                    if table.count > 4 { backwards.wrappingAdd(1, ordering: .relaxed) }
                }
                seen.wrappingAdd(reads, ordering: .relaxed)
            }
        }
        let writer = TestThread {
            for value in 1...200_000 {
                table.write(Pattern(UInt64(value)), at: value & 3)
            }
            isDone.store(true, ordering: .releasing)
        }
        writer.join()
        for reader in readers { reader.join() }
        #expect(torn.load(ordering: .relaxed) == 0)
        #expect(backwards.load(ordering: .relaxed) == 0)
        #expect(seen.load(ordering: .relaxed) >= 6_000)
        // The last write of each record is what stays.
        for index in 0..<4 {
            let last = UInt64((199_997...200_000).first { $0 & 3 == index } ?? 0)
            #expect(table.read(index)?.words[0] == Pattern(last).words[0])
        }
    }

    @Test func `a table grows under its readers`() {
        let table = LiveTable<Pattern>()
        let isDone = Atomic<Bool>(false)
        let torn = Atomic<Int>(0)
        let missing = Atomic<Int>(0)
        let reader = TestThread {
            while !isDone.load(ordering: .acquiring) {
                let count = table.count
                for index in stride(from: 0, to: count, by: 97) {
                    guard let record = table.read(index) else {
                        missing.wrappingAdd(1, ordering: .relaxed)
                        continue
                    }
                    if !record.isWhole { torn.wrappingAdd(1, ordering: .relaxed) }
                }
            }
        }
        for index in 0..<20_000 { table.write(Pattern(UInt64(index)), at: index) }
        isDone.store(true, ordering: .releasing)
        reader.join()
        #expect(torn.load(ordering: .relaxed) == 0)
        #expect(missing.load(ordering: .relaxed) == 0)
        #expect(table.count == 20_000)
    }
}
