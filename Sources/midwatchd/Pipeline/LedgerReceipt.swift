// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Tells one task whether its record is durable.
///
/// Settled once, by the ledger or by the clock; the first word counts.
final class LedgerReceipt: Sendable {
    private enum State {
        case open
        case awaited(CheckedContinuation<Bool, Never>)
        case settled(Bool)
    }

    private let state = Mutex(State.open)

    /// Any thread.
    func settle(_ isDurable: Bool) {
        let waiter = self.state.withLock { state -> CheckedContinuation<Bool, Never>? in
            switch state {
            case .settled: return nil
            case .open:
                state = .settled(isDurable)
                return nil
            case .awaited(let waiter):
                state = .settled(isDurable)
                return waiter
            }
        }
        waiter?.resume(returning: isDurable)
    }

    /// Whether the record was durable within the time; to be asked once.
    func isDurable(withinNanoseconds nanoseconds: UInt64) async -> Bool {
        let clock = Task {
            try? await Task.sleep(for: .nanoseconds(nanoseconds))
            self.settle(false)
        }
        defer { clock.cancel() }
        return await withCheckedContinuation { waiter in
            let settled = self.state.withLock { state -> Bool? in
                if case .settled(let isDurable) = state { return isDurable }
                state = .awaited(waiter)
                return nil
            }
            if let settled { waiter.resume(returning: settled) }
        }
    }
}
