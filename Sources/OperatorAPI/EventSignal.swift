// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// A number that only grows, and tasks that wait for it to pass a value.
///
/// `advance(to:)` may be called from any thread and does not block; `wait(after:)` also returns
/// when its task is cancelled. Waiters are bounded by the streams that are open.
package final class EventSignal: Sendable {
    private struct State {
        var value: UInt64
        var nextKey: UInt64 = 0
        var waiters: [UInt64: (after: UInt64, continuation: CheckedContinuation<Void, Never>)] = [:]
    }

    private let state: Mutex<State>

    package init(_ value: UInt64 = 0) { self.state = Mutex(State(value: value)) }

    package var value: UInt64 { self.state.withLock { $0.value } }

    /// Raises the value; a lower one changes nothing.
    package func advance(to value: UInt64) {
        let woken = self.state.withLock { state -> [CheckedContinuation<Void, Never>] in
            guard value > state.value else { return [] }
            state.value = value
            let passed = state.waiters.filter { $0.value.after < value }
            for key in passed.keys { state.waiters[key] = nil }
            return passed.values.map(\.continuation)
        }
        for continuation in woken { continuation.resume() }
    }

    /// Returns when the value is above `after`, or when the task is cancelled.
    package func wait(after: UInt64) async {
        let key = self.state.withLock { state in
            state.nextKey += 1
            return state.nextKey
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isDone = self.state.withLock { state in
                    // Under the lock: a cancellation before this line is seen here, one after it
                    // finds the waiter.
                    if state.value > after || Task.isCancelled { return true }
                    state.waiters[key] = (after, continuation)
                    return false
                }
                if isDone { continuation.resume() }
            }
        } onCancel: {
            let waiter = self.state.withLock { $0.waiters.removeValue(forKey: key) }
            waiter?.continuation.resume()
        }
    }
}
