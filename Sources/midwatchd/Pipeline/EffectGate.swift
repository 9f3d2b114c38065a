// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import Synchronization

/// One decision on its way out: ledger first, then whoever waits for it.
struct PendingEffect: Sendable {
    /// Ascending without holes, in the order of the decisions.
    var sequence: UInt64
    var decision: Decision
    /// The ledger record's body.
    var body: [UInt8]
    var queuedAt: MonotonicInstant
    /// The ledger will never have it: its queue was full, or it refused the record.
    var isGivenUp = false
    /// The readings of its sensor before it; nil if none are at hand.
    var history: ReadingHistory?
}

/// Lets effects out in order: when they are recorded, or after `effectHoldMax` unrecorded.
///
/// The engine queues, the ledger thread confirms, the gate thread expires; whoever makes an effect
/// leave takes it out, so each leaves exactly once. A disk that hangs holds the ledger thread, never
/// this queue.
///
/// The queue is bounded by `capacity`. When it is full the oldest effect leaves unrecorded at once
/// and is counted: an alert without a ledger record is better than one that waits for memory.
final class EffectGate: Sendable {
    /// Decisions that may wait to be recorded.
    static let capacity = 65_536

    private struct State {
        var waiting: [PendingEffect] = []
        /// Index in `waiting` of the first that has not left.
        var head = 0
        /// Effects the ledger has not taken yet, in order.
        var unwritten: [PendingEffect] = []
        var nextSequence: UInt64 = 0
        /// Every effect below it is recorded, or its record was given up.
        var settled: UInt64 = 0
        var unwrittenLost: UInt64 = 0
    }

    private let state = Mutex(State())
    private let ledgerWake = WakeWord()
    private let gateWake = WakeWord()

    /// Queues a decision.
    ///
    /// Engine thread.
    func queue(
        _ decision: Decision, body: [UInt8], history: ReadingHistory? = nil, now: MonotonicInstant
    ) {
        self.state.withLock { state in
            var effect = PendingEffect(
                sequence: state.nextSequence, decision: decision, body: body, queuedAt: now,
                history: history)
            state.nextSequence += 1
            effect.isGivenUp = state.unwritten.count >= Self.capacity
            state.waiting.append(effect)
            if effect.isGivenUp {
                state.unwrittenLost += 1
            } else {
                state.unwritten.append(effect)
            }
        }
        self.ledgerWake.wake()
        self.gateWake.wake()
    }

    /// Decisions whose ledger record was given up because the ledger hangs.
    var unwrittenLostCount: UInt64 { self.state.withLock { $0.unwrittenLost } }

    /// Sequence of the next decision that is queued.
    var nextSequence: UInt64 { self.state.withLock { $0.nextSequence } }

    /// Every decision with a sequence below it is recorded, or its record was given up.
    ///
    /// Any thread.
    var settledThrough: UInt64 { self.state.withLock { $0.settled } }

    /// Decisions whose effects have not left.
    var waitingCount: Int { self.state.withLock { $0.waiting.count - $0.head } }

    /// Decisions that wait for the ledger.
    var unwrittenCount: Int { self.state.withLock { $0.unwritten.count } }

    /// What the ledger must write next; empty after the time without any.
    ///
    /// Ledger thread.
    func takeUnwritten(max: Int, waitNanoseconds: UInt64) -> [PendingEffect] {
        if self.state.withLock({ $0.unwritten.isEmpty }) {
            self.ledgerWake.sleep(nanoseconds: waitNanoseconds)
        }
        return self.state.withLock { state in
            let taken = Array(state.unwritten.prefix(max))
            state.unwritten.removeFirst(taken.count)
            return taken
        }
    }

    /// The ledger refused the record of an effect: when it leaves, nothing of it is left to the ledger.
    ///
    /// Ledger thread.
    func giveUp(_ sequence: UInt64) {
        self.state.withLock { state in
            state.unwrittenLost += 1
            guard let first = state.waiting[state.head...].first?.sequence, sequence >= first else {
                return
            }
            // Without holes: the place follows from the number.
            state.waiting[state.head + Int(sequence - first)].isGivenUp = true
        }
    }

    /// The effects up to `sequence` are recorded: those that did not leave yet.
    ///
    /// Ledger thread.
    func confirm(through sequence: UInt64) -> [PendingEffect] {
        let taken = self.take { effect, _ in effect.sequence <= sequence }
        self.state.withLock { $0.settled = max($0.settled, sequence + 1) }
        return taken
    }

    /// The effects that may not wait any longer.
    ///
    /// Gate thread.
    func expire(now: MonotonicInstant) -> [PendingEffect] {
        self.take { effect, waitingCount in
            now.nanosecondsSince(effect.queuedAt) >= SystemLimits.effectHoldMaxNanoseconds
                || waitingCount > Self.capacity
        }
    }

    /// Sleeps until something may expire; at most the given time.
    ///
    /// Gate thread.
    func sleep(now: MonotonicInstant, atMostNanoseconds: UInt64) {
        let oldest = self.state.withLock { state in
            state.head < state.waiting.count ? state.waiting[state.head].queuedAt : nil
        }
        guard let oldest else { return self.gateWake.sleep(nanoseconds: atMostNanoseconds) }
        let age = now.nanosecondsSince(oldest)
        let hold = SystemLimits.effectHoldMaxNanoseconds
        // Not before the oldest expires: a confirmation in time needs no gate.
        self.gateWake.sleep(nanoseconds: age >= hold ? 1 : min(atMostNanoseconds, hold - age))
    }

    func wakeAll() {
        self.ledgerWake.wake()
        self.gateWake.wake()
    }

    private func take(_ isDone: (PendingEffect, Int) -> Bool) -> [PendingEffect] {
        self.state.withLock { state in
            var taken: [PendingEffect] = []
            while state.head < state.waiting.count,
                isDone(state.waiting[state.head], state.waiting.count - state.head)
            {
                taken.append(state.waiting[state.head])
                state.head += 1
            }
            if state.head == state.waiting.count {
                state.waiting.removeAll(keepingCapacity: state.head < 4_096)
                state.head = 0
            } else if state.head > 4_096 {
                state.waiting.removeFirst(state.head)
                state.head = 0
            }
            return taken
        }
    }
}
