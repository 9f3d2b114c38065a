// SPDX-License-Identifier: Apache-2.0

package import OperatorViews
internal import Synchronization

/// Reads of files for the operator API, done by one plain thread in their order.
///
/// A disk that hangs holds whoever reads it in the kernel. Delivery and every other task share the
/// few threads of the Swift concurrency pool, so not one of those may read a file. Here one thread
/// of its own is held, what waits behind it is bounded, and who asked is answered in time: with a
/// `Problem` when the file was not.
///
/// The thread calls `turn()`; `wake` is called when there is something to do.
package final class FileReads: Sendable {
    /// A read on its way: performed or given up, whichever comes first.
    private final class Ticket<Value: Sendable>: Sendable {
        private let waiter: Mutex<CheckedContinuation<Result<Value, Problem>, Never>?>

        init(_ waiter: CheckedContinuation<Result<Value, Problem>, Never>) {
            self.waiter = Mutex(waiter)
        }

        var isAwaited: Bool { self.waiter.withLock { $0 != nil } }

        /// Answers once; false if somebody was faster.
        @discardableResult
        func answer(_ result: Result<Value, Problem>) -> Bool {
            let waiter = self.waiter.withLock { $0.take() }
            waiter?.resume(returning: result)
            return waiter != nil
        }
    }

    private struct State {
        var waiting: [@Sendable () -> Void] = []
        /// When the read under way began.
        var begunAt: ContinuousClock.Instant?
        var isClosed = false
    }

    private let state = Mutex(State())
    private let limit: Duration
    private let capacity: Int
    private let wake: @Sendable () -> Void
    private let late = Atomic<UInt64>(0)
    private let refused = Atomic<UInt64>(0)

    package init(
        limit: Duration = .milliseconds(OperatorAPILimits.fileReadMillisecondsMax),
        capacity: Int = OperatorAPILimits.fileReadsWaitingMax, wake: @escaping @Sendable () -> Void
    ) {
        self.limit = limit
        self.capacity = capacity
        self.wake = wake
    }

    /// Reads that were not done in time.
    package var lateCount: UInt64 { self.late.load(ordering: .relaxed) }

    /// Reads that were not begun: the queue was full, or the thread hung in another.
    package var refusedCount: UInt64 { self.refused.load(ordering: .relaxed) }

    /// Does `work` on the thread and gives its value.
    ///
    /// - Throws: `filesNotAnswering` after the limit, or at once while an earlier read is late.
    package func read<Value: Sendable>(
        _ work: @escaping @Sendable () -> Value
    ) async throws(Problem) -> Value {
        let limit = self.limit
        var timer: Task<Void, Never>?
        let result: Result<Value, Problem> = await withCheckedContinuation { waiter in
            let ticket = Ticket(waiter)
            guard self.enter({ if ticket.isAwaited { ticket.answer(.success(work())) } }) else {
                self.refused.wrappingAdd(1, ordering: .relaxed)
                ticket.answer(.failure(Self.problem("too many reads wait for the disk")))
                return
            }
            timer = Task {
                guard (try? await Task.sleep(for: limit)) != nil else { return }
                if ticket.answer(.failure(Self.problem("the disk did not answer in \(limit)"))) {
                    self.late.wrappingAdd(1, ordering: .relaxed)
                }
            }
            self.wake()
        }
        timer?.cancel()
        return try result.get()
    }

    private func enter(_ entry: @escaping @Sendable () -> Void) -> Bool {
        self.state.withLock { state in
            // Behind a read that hangs there is no point in waiting.
            let hangs = state.begunAt.map { $0.duration(to: .now) > self.limit } ?? false
            guard !state.isClosed, !hangs, state.waiting.count < self.capacity else { return false }
            state.waiting.append(entry)
            return true
        }
    }

    private static func problem(_ detail: String) -> Problem {
        Problem(.filesNotAnswering, detail: detail)
    }

    // MARK: The thread

    /// Does the oldest read that waits; false if there is none.
    package func turn() -> Bool {
        let next = self.state.withLock { state -> (@Sendable () -> Void)? in
            guard !state.waiting.isEmpty else { return nil }
            state.begunAt = .now
            return state.waiting.removeFirst()
        }
        guard let next else { return false }
        next()
        self.state.withLock { $0.begunAt = nil }
        return true
    }

    /// Takes nothing more; what waits is answered by its timer.
    package func close() { self.state.withLock { $0.isClosed = true } }
}
