// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import Journal
import MidwatchModel
import StateFolder
import Synchronization
import Testing

@testable import midwatchd

@Suite struct LedgerLoopTests {
    /// What left, by decision.
    private struct Left: Equatable {
        var n: UInt64
        var isRecorded: Bool
        var isGivenUp: Bool
        var ledgerN: UInt64
    }

    private final class Holder: Sendable {
        let left = Mutex<[Left]>([])
    }

    private final class World: Sendable {
        let folder = TemporaryFolder()
        let gate = EffectGate()
        let holder = Holder()
        let loop: LedgerLoop

        init(pendingBytesMax: Int, before: [[UInt8]] = []) throws {
            let writer = try LedgerWriter.open(
                directory: self.folder.file("ledger"),
                options: LedgerOptions(pendingBytesMax: pendingBytesMax)
            ).writer
            for body in before {
                _ = try writer.append(body: body, written: WallInstant(nanoseconds: 0))
            }
            let holder = self.holder
            self.loop = LedgerLoop(
                writer: writer, gate: self.gate,
                staging: JournalStaging(firstN: 1, byteCount: JournalStaging.slotCountMin * 64),
                watermark: DurableWatermark(through: 1_000), journalMode: { .normal },
                clock: EngineClock(continuingAt: .zero), progress: .standalone(),
                latency: LatencyHistogram(), logger: Quiet.logger,
                release: { effect, isRecorded, ledgerN in
                    holder.left.withLock {
                        $0.append(
                            Left(
                                n: effect.decision.id.position.n, isRecorded: isRecorded,
                                isGivenUp: effect.isGivenUp, ledgerN: ledgerN))
                    }
                }, noteWritten: { _ in })
        }

        /// In the far future, so that nothing leaves because of its age.
        func queue(_ n: UInt64, body: [UInt8]) {
            var decision = Decision(.alarmRaised, time: .zero)
            decision.id = DecisionID(position: Position(epoch: 1, n: n), ordinal: 0)
            self.gate.queue(decision, body: body, now: .distantFuture)
        }

        /// Writes all there is and ends.
        func run() -> [Left] {
            let threads = self.loop.start()
            #expect(eventually { self.gate.waitingCount == 0 && self.gate.unwrittenCount == 0 })
            self.loop.requestStop()
            for thread in threads { thread.join() }
            return self.holder.left.withLock { $0 }
        }

        func lines() throws -> [String] {
            let reader = LedgerReader(directory: self.folder.file("ledger"), fromLine: 1)
            var lines: [String] = []
            while case .line(let line) = try reader.step(through: self.loop.newest) {
                lines.append(String(decoding: line.body, as: UTF8.self))
            }
            return lines
        }
    }

    private static func body(_ n: UInt64, bytes: Int = 400) -> [UInt8] {
        let head = "{\"decision\":\"1:\(n).0\",\"filler\":\""
        let filler = String(repeating: "x", count: bytes - head.utf8.count - 2)
        return Array("\(head)\(filler)\"}".utf8)
    }

    @Test func `decisions wait for a writer that is full, and each is recorded`() throws {
        // Room for three lines, two of which a start has left.
        let world = try World(
            pendingBytesMax: 2_000, before: [Self.body(101), Self.body(102)])
        for n in UInt64(1)...10 { world.queue(n, body: Self.body(n)) }
        let left = world.run()
        #expect(left.map(\.n) == Array(1...10))
        #expect(left.allSatisfy { $0.isRecorded && !$0.isGivenUp })
        #expect(left.map(\.ledgerN) == Array(3...12))
        let wanted = ([101, 102] + Array(UInt64(1)...10)).map { Self.body($0) }
        #expect(try world.lines() == wanted.map { String(decoding: $0, as: UTF8.self) })
        #expect(world.loop.lostNoteCount == 0)
    }

    @Test func `what the ledger refuses leaves as given up, and nothing else does`() throws {
        let world = try World(pendingBytesMax: 1 << 20)
        world.queue(1, body: Self.body(1))
        // Longer than a ledger line may be.
        world.queue(2, body: Self.body(2, bytes: 70_000))
        world.queue(3, body: Self.body(3))
        let left = world.run()
        #expect(left.map(\.isGivenUp) == [false, true, false])
        #expect(left.map(\.isRecorded) == [true, false, true])
        #expect(try world.lines().count == 2)
        #expect(world.gate.unwrittenLostCount == 1)
    }
}
