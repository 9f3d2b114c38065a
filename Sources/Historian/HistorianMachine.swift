// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// When the historian connects, works, waits, and stands still.
///
/// Transitions
///
///     connecting ──opened──▶ running ──failed──▶ backingOff ──wake──▶ connecting
///     connecting ──failed──▶ backingOff, from the fifth failure in a row breakerOpen
///     running ──failed(keepsConnection)──▶ backingOff(keepsConnection) ──wake──▶ running
///     any ──condition──▶ stopped
///
/// The delay doubles from 0.25 s to 10 s with a random part of one half, so that many nodes do not
/// come back in step. An open breaker is the same wait, shown: nobody should expect rows soon.
package struct HistorianMachine: Sendable {
    /// How long is waited after a failure.
    package struct Delays: Sendable, Equatable {
        package var minNanoseconds: UInt64 = 250_000_000
        package var maxNanoseconds: UInt64 = 10_000_000_000
        /// For a store that is out of space.
        package var longNanoseconds: UInt64 = 10_000_000_000
        /// For refused credentials.
        package var slowNanoseconds: UInt64 = 60_000_000_000

        package init() {}
    }

    /// Failures in a row that open the breaker.
    package static let breakerFailures: UInt32 = 5

    package enum State: Sendable, Equatable {
        case connecting
        case running
        case backingOff(until: MonotonicInstant, keepsConnection: Bool)
        case breakerOpen(until: MonotonicInstant, keepsConnection: Bool)
        case stopped(ArchiveCondition)

        /// Word used in metrics, JSON and on screens.
        package var word: String {
            switch self {
            case .connecting: "connecting"
            case .running: "running"
            case .backingOff: "backingOff"
            case .breakerOpen: "breakerOpen"
            case .stopped: "stopped"
            }
        }
    }

    package enum Action: Equatable, Sendable {
        case connect
        case work
        case wait(until: MonotonicInstant)
        case standStill
    }

    package private(set) var state = State.connecting
    /// Failures since the last stored batch.
    package private(set) var failureCount: UInt32 = 0

    package let delays: Delays

    package init(delays: Delays = Delays()) { self.delays = delays }

    /// What to do now.
    package mutating func next(now: MonotonicInstant) -> Action {
        switch self.state {
        case .connecting: return .connect
        case .running: return .work
        case .backingOff(let until, let keepsConnection),
            .breakerOpen(let until, let keepsConnection):
            guard now >= until else { return .wait(until: until) }
            self.state = keepsConnection ? .running : .connecting
            return keepsConnection ? .work : .connect
        case .stopped: return .standStill
        }
    }

    /// The store answered and the cursor fits the journal.
    package mutating func opened() {
        switch self.state {
        case .connecting: self.state = .running
        case .running, .backingOff, .breakerOpen, .stopped: break
        }
    }

    /// A transaction was stored: whatever failed before is over.
    package mutating func stored() {
        self.failureCount = 0
    }

    /// Something failed.
    ///
    /// - Parameters:
    ///   - disposition: What the error asks for.
    ///   - now: The clock.
    ///   - random: 64 random bits for the jitter.
    package mutating func failed(
        _ disposition: ArchiveError.Disposition, now: MonotonicInstant, random: UInt64
    ) {
        if case .stopped = self.state { return }
        self.failureCount += 1
        let exponent = UInt64(min(self.failureCount - 1, 6))
        var delay = min(
            self.delays.maxNanoseconds, self.delays.minNanoseconds << exponent)
        var keepsConnection = true
        switch disposition {
        case .stop(let condition):
            self.state = .stopped(condition)
            return
        case .reconnect: keepsConnection = false
        case .retrySlowly:
            keepsConnection = false
            delay = self.delays.slowNanoseconds
        case .backOffLong: delay = self.delays.longNanoseconds
        case .retry, .retrySmaller, .createPartition, .quarantine: break
        }
        // A store that never opened has no connection to keep.
        if self.state == .connecting { keepsConnection = false }
        let until = now.advanced(byNanoseconds: delay / 2 + random % (delay / 2 + 1))
        self.state =
            self.failureCount >= Self.breakerFailures
            ? .breakerOpen(until: until, keepsConnection: keepsConnection)
            : .backingOff(until: until, keepsConnection: keepsConnection)
    }

    /// The archive must not go on without a person.
    package mutating func stop(_ condition: ArchiveCondition) { self.state = .stopped(condition) }
}
