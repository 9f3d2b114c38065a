// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import Synchronization
import Testing

@testable import midwatchd

/// Commands that wait for the engine's answers.
@Suite(.timeLimit(.minutes(1))) struct PendingCommandsTests {
    /// A ring that numbers what it is offered and tells of it.
    private final class Ring: Sendable {
        private let next = Atomic<UInt64>(7)
        private let stream: AsyncStream<UInt64>
        private let continuation: AsyncStream<UInt64>.Continuation

        init() { (self.stream, self.continuation) = AsyncStream<UInt64>.makeStream() }

        func offer() -> UInt64? {
            let number = self.next.add(1, ordering: .relaxed).oldValue
            self.continuation.yield(number)
            return number
        }

        /// Waits until `count` more commands were offered.
        ///
        /// Who offers holds the lock, so an answer that is given now finds who waits.
        func takes(_ count: Int = 1) async {
            var left = count
            for await _ in self.stream {
                left -= 1
                if left == 0 { return }
            }
        }

        var offered: UInt64 { self.next.load(ordering: .relaxed) - 7 }
    }

    private static func decision(_ n: UInt64) -> Decision {
        var decision = Decision(.alarmAcknowledged, time: .zero)
        decision.id = DecisionID(position: Position(epoch: 1, n: n), ordinal: 0)
        return decision
    }

    private static let key = PendingCommands.Key(user: "anna", text: "k1")

    @Test func `a command is answered by the decision at its number`() async {
        let pending = PendingCommands()
        let ring = Ring()
        async let outcome = pending.send(key: nil, fingerprint: [1]) { ring.offer() }
        await ring.takes()
        pending.answer(Self.decision(6), isRecorded: true)
        pending.answer(Self.decision(7), isRecorded: false)
        guard case .answered(let answer) = await outcome else {
            Issue.record("not answered")
            return
        }
        #expect(answer.decision.id.position.n == 7)
        #expect(!answer.isRecorded)
    }

    @Test func `a command sent again with its key is not done twice`() async {
        let pending = PendingCommands()
        let ring = Ring()
        async let first = pending.send(key: Self.key, fingerprint: [1]) { ring.offer() }
        await ring.takes()
        async let second = pending.send(key: Self.key, fingerprint: [1]) { ring.offer() }
        let other = await pending.send(key: Self.key, fingerprint: [2]) { ring.offer() }
        guard case .keyReused = other else {
            Issue.record("the key of another command was taken: \(other)")
            return
        }
        pending.answer(Self.decision(7), isRecorded: true)
        for outcome in [await first, await second] {
            guard case .answered(let answer) = outcome else {
                Issue.record("not answered: \(outcome)")
                continue
            }
            #expect(answer.decision.id.position.n == 7)
        }
        let third = await pending.send(key: Self.key, fingerprint: [1]) { ring.offer() }
        guard case .answered = third else {
            Issue.record("not answered: \(third)")
            return
        }
        #expect(ring.offered == 1)
    }

    @Test func `an answer that comes too late is kept for who asks again`() async {
        let pending = PendingCommands(answerNanoseconds: 1_000_000)
        let ring = Ring()
        let first = await pending.send(key: Self.key, fingerprint: [1]) { ring.offer() }
        guard case .timedOut = first else {
            Issue.record("answered by nobody: \(first)")
            return
        }
        pending.answer(Self.decision(7), isRecorded: true)
        let second = await pending.send(key: Self.key, fingerprint: [1]) { ring.offer() }
        guard case .answered = second else {
            Issue.record("the late answer is lost: \(second)")
            return
        }
        #expect(ring.offered == 1)
    }

    @Test func `a full ring and too many who wait are told apart`() async {
        let pending = PendingCommands(answerNanoseconds: 200_000_000)
        let full = await pending.send(key: Self.key, fingerprint: [1]) { nil }
        guard case .ringFull = full else {
            Issue.record("\(full)")
            return
        }
        let ring = Ring()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<PendingCommands.waitingMax {
                group.addTask {
                    _ = await pending.send(key: nil, fingerprint: []) { ring.offer() }
                }
            }
            await ring.takes(PendingCommands.waitingMax)
            let outcome = await pending.send(key: nil, fingerprint: []) { ring.offer() }
            guard case .busy = outcome else {
                Issue.record("\(outcome)")
                return
            }
        }
    }

    @Test func `old keys are forgotten, the newest are not`() async {
        let pending = PendingCommands(answerNanoseconds: 1)
        let ring = Ring()
        for number in 0...PendingCommands.keysMax {
            let key = PendingCommands.Key(user: "anna", text: "\(number)")
            async let outcome = pending.send(key: key, fingerprint: []) { ring.offer() }
            await ring.takes()
            pending.answer(Self.decision(7 + UInt64(number)), isRecorded: true)
            _ = await outcome
        }
        let count = ring.offered
        let newest = PendingCommands.Key(user: "anna", text: "\(PendingCommands.keysMax)")
        _ = await pending.send(key: newest, fingerprint: []) { ring.offer() }
        #expect(ring.offered == count)
        _ = await pending.send(
            key: PendingCommands.Key(user: "anna", text: "0"), fingerprint: []
        ) { ring.offer() }
        #expect(ring.offered == count + 1)
    }
}
