// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// Judges whether canary readings come through: socket, engine and journal at once.
///
/// A nonce is sent every interval. The page shows the last one the engine evaluated and the last
/// one the journal made durable; each answers itself and all nonces before it, so that a datagram
/// lost in an overload is no verdict by itself.
package struct CanaryJudge: Sendable, Equatable {
    /// What the answers say.
    package enum Verdict: Sendable, Equatable {
        case answered
        /// The engine has not evaluated a nonce that was sent longer ago than the deadline.
        case notEvaluated(forNanoseconds: UInt64)
        /// The engine has evaluated it, but the journal has not made it durable.
        case notJournaled(forNanoseconds: UInt64)
    }

    struct Sent: Sendable, Equatable {
        var nonce: UInt64
        var at: MonotonicInstant
        var isEvaluated = false
    }

    /// Unanswered nonces kept; more are sent, but the oldest ones decide.
    package static let pendingCountMax = 64

    private var pending: [Sent] = []
    private var lastSentAt: MonotonicInstant?
    private var nextNonce: UInt64
    /// Whether a nonce came back from engine and journal since this daemon answers.
    package private(set) var hasBeenAnswered = false

    /// Begins with `firstNonce`, which must not have been used on this page before.
    package init(firstNonce: UInt64) { self.nextNonce = max(firstNonce, 1) }

    /// The nonce to send now, or nil if none is due.
    package mutating func nonceDue(interval: UInt64, now: MonotonicInstant) -> UInt64? {
        if let lastSentAt, now.nanosecondsSince(lastSentAt) < interval { return nil }
        let nonce = self.nextNonce
        self.nextNonce &+= 1
        self.lastSentAt = now
        if self.pending.count < Self.pendingCountMax {
            self.pending.append(Sent(nonce: nonce, at: now))
        } else {
            // The oldest stays because it decides; the newest takes the place of the last but one.
            self.pending[Self.pendingCountMax - 1] = Sent(nonce: nonce, at: now)
        }
        return nonce
    }

    /// Takes in the answers the page shows.
    ///
    /// Values that were never sent are ignored.
    package mutating func observe(evaluated: UInt64, journaled: UInt64) {
        if let index = self.pending.lastIndex(where: { $0.nonce == evaluated }) {
            for place in 0...index { self.pending[place].isEvaluated = true }
        }
        if let index = self.pending.lastIndex(where: { $0.nonce == journaled }) {
            // Durable before evaluated is possible: the two readers of the ring are independent.
            self.pending = self.pending.enumerated().filter { place, sent in
                place > index || !sent.isEvaluated
            }.map(\.element)
            self.hasBeenAnswered = true
        }
    }

    /// Judges by the answers so far.
    package func verdict(deadline: UInt64, now: MonotonicInstant) -> Verdict {
        if let oldest = self.pending.first(where: { !$0.isEvaluated }) {
            let age = now.nanosecondsSince(oldest.at)
            if age > deadline { return .notEvaluated(forNanoseconds: age - deadline) }
        }
        if let oldest = self.pending.first {
            let age = now.nanosecondsSince(oldest.at)
            if age > deadline { return .notJournaled(forNanoseconds: age - deadline) }
        }
        return .answered
    }

    /// Leaves `nanoseconds` in which the watchdog itself did not look out of account.
    package mutating func forgive(nanoseconds: UInt64) {
        for index in self.pending.indices {
            self.pending[index].at = self.pending[index].at.advanced(byNanoseconds: nanoseconds)
        }
    }

    /// Forgets what was sent: another daemon answers from now on.
    package mutating func restart() {
        self.pending = []
        self.lastSentAt = nil
        self.hasBeenAnswered = false
    }
}
