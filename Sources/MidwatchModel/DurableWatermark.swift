// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// How far the journal is on stable storage, for those who wait for it.
///
/// The journal's committer is the only writer. A waiter (one per MQTT event loop, one for the
/// ledger) is woken at most once per commit and only while it says that it waits.
package final class DurableWatermark: Sendable {
    /// One party that waits.
    ///
    /// Its `wake` is called on the committer's thread and must not block.
    package final class Waiter: Sendable {
        private let isWaiting = Atomic<Bool>(false)
        private let wake: @Sendable () -> Void
        private let watermark: DurableWatermark

        fileprivate init(_ watermark: DurableWatermark, wake: @escaping @Sendable () -> Void) {
            self.watermark = watermark
            self.wake = wake
        }

        /// Asks to be woken when the next commit ends.
        ///
        /// - Returns: `through` after the request was placed: a commit that ended before it cannot
        ///   be missed, because its effect is in this value.
        package func request() -> UInt64 {
            // Pairs with the exchange in `notify`: either the committer sees the flag, or the load
            // below sees its store (both sequentially consistent).
            self.isWaiting.store(true, ordering: .sequentiallyConsistent)
            return self.watermark.value.load(ordering: .sequentiallyConsistent)
        }

        /// Ends it: it is woken no more.
        package func end() { self.watermark.remove(self) }

        fileprivate func notify() {
            if self.isWaiting.exchange(false, ordering: .sequentiallyConsistent) { self.wake() }
        }
    }

    private let value: Atomic<UInt64>
    private let waiters = Mutex<[Waiter]>([])

    /// Every record before `through` is durable at the start.
    package init(through: UInt64) { self.value = Atomic(through) }

    /// Every record with a number below this is durable or was reported as not recorded.
    package var through: UInt64 { self.value.load(ordering: .acquiring) }

    /// Adds a party; it stays until it ends.
    package func addWaiter(wake: @escaping @Sendable () -> Void) -> Waiter {
        let waiter = Waiter(self, wake: wake)
        self.waiters.withLock { $0.append(waiter) }
        return waiter
    }

    private func remove(_ waiter: Waiter) {
        self.waiters.withLock { $0.removeAll { $0 === waiter } }
    }

    /// A commit ended: records below `through` are durable.
    ///
    /// Committer only; never moves back.
    package func advance(to through: UInt64) {
        precondition(through >= self.value.load(ordering: .relaxed), "watermark moved back")
        self.value.store(through, ordering: .sequentiallyConsistent)
        for waiter in self.waiters.withLock({ $0 }) { waiter.notify() }
    }
}
