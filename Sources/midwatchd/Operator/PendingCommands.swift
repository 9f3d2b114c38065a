// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import Synchronization

/// Commands on their way through the ring, and who waits for the engine's answers.
///
/// A client that got no answer in time sends its command again with the same key: it is told what
/// became of the first one, however late that was answered, and nothing is done twice. Keys are
/// remembered for this run, the last `keysMax` of them.
final class PendingCommands: Sendable {
    /// How long an operator waits for an answer.
    static let answerNanosecondsMax: UInt64 = 5_000_000_000
    /// Commands that may wait for their answers at once.
    static let waitingMax = 512
    /// Keys of clients that are remembered.
    static let keysMax = 1_024

    /// The engine's decision about a command.
    struct Answer: Sendable {
        var decision: Decision
        /// Whether the ledger has it on disk.
        var isRecorded: Bool
    }

    enum Outcome: Sendable {
        case answered(Answer)
        case timedOut
        /// Too many wait already.
        case busy
        case ringFull
        /// The key was used for something else.
        case keyReused
    }

    /// What a client calls its request.
    struct Key: Hashable, Sendable {
        var user: String
        var text: String
    }

    private struct Known {
        /// The command without its origin, which differs when it is sent again.
        var fingerprint: [UInt8]
        var number: UInt64
        var answer: Answer?
    }

    private struct State {
        /// By number of the command, then of who waits.
        var waiting: [UInt64: [UInt64: CheckedContinuation<Outcome, Never>]] = [:]
        var waitingCount = 0
        var nextWaiter: UInt64 = 0
        var known: [Key: Known] = [:]
        /// Keys, the oldest first.
        var order: [Key] = []
        /// Keys of commands that are not answered, by their number.
        var unanswered: [UInt64: Key] = [:]
    }

    private let state = Mutex(State())
    private let answerNanoseconds: UInt64

    init(answerNanoseconds: UInt64 = PendingCommands.answerNanosecondsMax) {
        self.answerNanoseconds = answerNanoseconds
    }

    /// Sends a command and waits for its answer.
    ///
    /// `offer` puts it into the ring and gives its number, or nil if the ring is full.
    func send(
        key: Key?, fingerprint: [UInt8], offer: @Sendable () -> UInt64?
    ) async -> Outcome {
        await withCheckedContinuation { continuation in
            // Who waits is entered before anyone can answer: the lock is held over the offer.
            let outcome = self.state.withLock { state -> Outcome? in
                if let key, let known = state.known[key] {
                    guard known.fingerprint == fingerprint else { return .keyReused }
                    if let answer = known.answer { return .answered(answer) }
                    return self.wait(for: known.number, continuation, &state)
                }
                guard state.waitingCount < Self.waitingMax else { return .busy }
                guard let number = offer() else { return .ringFull }
                if let key {
                    Self.remember(
                        key, Known(fingerprint: fingerprint, number: number), &state)
                }
                return self.wait(for: number, continuation, &state)
            }
            if let outcome { continuation.resume(returning: outcome) }
        }
    }

    /// A decision leaves: whoever waits for it is answered.
    ///
    /// Any thread.
    func answer(_ decision: Decision, isRecorded: Bool) {
        let number = decision.id.position.n
        let answer = Answer(decision: decision, isRecorded: isRecorded)
        let waiters = self.state.withLock { state in
            if let key = state.unanswered.removeValue(forKey: number) {
                state.known[key]?.answer = answer
            }
            let waiters = state.waiting.removeValue(forKey: number) ?? [:]
            state.waitingCount -= waiters.count
            return waiters
        }
        for waiter in waiters.values { waiter.resume(returning: .answered(answer)) }
    }

    private func wait(
        for number: UInt64, _ continuation: CheckedContinuation<Outcome, Never>,
        _ state: inout State
    ) -> Outcome? {
        guard state.waitingCount < Self.waitingMax else { return .busy }
        let waiter = state.nextWaiter
        state.nextWaiter += 1
        state.waiting[number, default: [:]][waiter] = continuation
        state.waitingCount += 1
        let limit = self.answerNanoseconds
        Task {
            try? await Task.sleep(nanoseconds: limit)
            self.giveUp(waiter, number)?.resume(returning: .timedOut)
        }
        return nil
    }

    private func giveUp(
        _ waiter: UInt64, _ number: UInt64
    ) -> CheckedContinuation<Outcome, Never>? {
        self.state.withLock { state in
            guard let continuation = state.waiting[number]?.removeValue(forKey: waiter) else {
                return nil
            }
            state.waitingCount -= 1
            if state.waiting[number]?.isEmpty == true { state.waiting[number] = nil }
            return continuation
        }
    }

    private static func remember(_ key: Key, _ known: Known, _ state: inout State) {
        state.known[key] = known
        state.unanswered[known.number] = key
        state.order.append(key)
        guard state.order.count > Self.keysMax else { return }
        let oldest = state.order.removeFirst()
        if let number = state.known.removeValue(forKey: oldest)?.number {
            state.unanswered[number] = nil
        }
    }
}
