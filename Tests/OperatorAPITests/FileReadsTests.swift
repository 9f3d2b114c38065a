// SPDX-License-Identifier: Apache-2.0

import JSONText
import OperatorAPI
import OperatorViews
import Synchronization
import Testing

@Suite(.serialized, .timeLimit(.minutes(1))) struct FileReadsTests {
    /// A thread that takes turns until the end of the test, and reads that hang while told to.
    private final class Reading: Sendable {
        let reads: FileReads
        let isHanging = Atomic(true)
        let begun = Atomic(0)
        private let isOver = Atomic(false)

        init(limit: Duration, capacity: Int = 4) {
            self.reads = FileReads(limit: limit, capacity: capacity, wake: {})
            startOnOwnThread {
                while !self.isOver.load(ordering: .acquiring) { while self.reads.turn() {} }
            }
        }

        /// A read that returns when it is let go.
        @Sendable func hang() -> Int {
            self.begun.wrappingAdd(1, ordering: .acquiringAndReleasing)
            while self.isHanging.load(ordering: .acquiring) {}
            return 7
        }

        func letGo() { self.isHanging.store(false, ordering: .releasing) }

        func end() {
            self.letGo()
            self.isOver.store(true, ordering: .releasing)
        }

        /// The kind of problem a read ends with; nil if it gives a value.
        func problem(_ work: @escaping @Sendable () -> Int) async -> Problem.Kind? {
            do throws(Problem) {
                _ = try await self.reads.read(work)
                return nil
            } catch {
                return error.kind
            }
        }
    }

    @Test func `a read gives its value`() async throws {
        let reading = Reading(limit: .seconds(20))
        defer { reading.end() }
        #expect(try await reading.reads.read { 41 + 1 } == 42)
        #expect(reading.reads.lateCount == 0)
        #expect(reading.reads.refusedCount == 0)
    }

    @Test func `a read that hangs is answered in time, and those behind it at once`() async throws {
        let reading = Reading(limit: .milliseconds(200))
        defer { reading.end() }
        #expect(await reading.problem(reading.hang) == .filesNotAnswering)
        #expect(reading.reads.lateCount == 1)
        // The thread is held in the first read, which began at the latest now.
        #expect(await eventually { reading.begun.load(ordering: .acquiring) == 1 })
        let begun = ContinuousClock.now
        #expect(await eventually { ContinuousClock.now - begun > .milliseconds(200) })
        // The second is not even begun, and no timer answers it.
        #expect(await reading.problem(reading.hang) == .filesNotAnswering)
        #expect(reading.reads.refusedCount == 1)
        #expect(reading.reads.lateCount == 1)
        #expect(reading.begun.load(ordering: .acquiring) == 1)
        reading.letGo()
        #expect(await eventually { await reading.problem { 1 } == nil })
    }

    @Test func `what waits is bounded, and a read given up is never begun`() async throws {
        let reading = Reading(limit: .milliseconds(800), capacity: 3)
        defer { reading.end() }
        await withTaskGroup(of: Problem.Kind?.self) { group in
            group.addTask { await reading.problem(reading.hang) }
            #expect(await eventually { reading.begun.load(ordering: .acquiring) == 1 })
            for _ in 0..<5 { group.addTask { await reading.problem(reading.hang) } }
            #expect(await eventually { reading.reads.refusedCount == 2 })
            for await kind in group { #expect(kind == .filesNotAnswering) }
        }
        #expect(reading.reads.lateCount == 4)
        reading.letGo()
        #expect(await eventually { await reading.problem { 1 } == nil })
        #expect(reading.begun.load(ordering: .acquiring) == 1)
    }

    @Test func `a name that was known outlives the disk, an unknown one is a number`() async {
        let reading = Reading(limit: .milliseconds(100))
        defer { reading.end() }
        reading.letGo()
        let lookUps = TestCount()
        let names = AccountNames(reading.reads) { uid in
            lookUps.increment()
            _ = reading.hang()
            return "user\(uid)"
        }
        #expect(await names.name(uid: 5) == "user5")
        #expect(await names.name(uid: 5) == "user5")
        #expect(lookUps.value == 1)
        reading.isHanging.store(true, ordering: .releasing)
        #expect(await names.name(uid: 6) == "uid:6")
        #expect(await names.name(uid: 5) == "user5")
    }

    @Test func `events behind a disk that hangs are a problem, and a stream outlives it`()
        async throws
    {
        try await withServer { server in
            server.backend.append(events: 2)
            server.backend.state.withLock { $0.isDiskHanging = true }
            let answer = await server.curlUnix("-i", "/v1/events").lowercased()
            #expect(answer.hasPrefix("http/1.1 503"))
            #expect(answer.contains("content-type: application/problem+json"))
            #expect(answer.contains("retry-after: \(OperatorAPILimits.retryAfterSeconds)\r\n"))
            #expect(answer.contains("/problems/files-not-answering"))
            async let text = server.curlUnix("-m 5 -N -H 'Last-Event-ID: 1'", "/v1/stream")
            #expect(await eventually { server.metrics.openStreamCount == 1 })
            #expect(await eventually { server.backend.state.withLock { $0.refusedReads } >= 2 })
            server.backend.state.withLock { $0.isDiskHanging = false }
            let stream = await text
            #expect(stream.contains(": The disk does not answer\n\n"))
            #expect(stream.contains("id: 2\nevent: ledger\n"))
        }
    }
}
