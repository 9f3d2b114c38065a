// SPDX-License-Identifier: Apache-2.0

internal import NamedThread
internal import Synchronization

/// A plain thread with a stop flag and one result.
///
/// `@unchecked Sendable`: the result is written by the thread before it ends and read after it was
/// joined, under the lock.
@safe
final class FleetThread<Result: Sendable>: @unchecked Sendable {
    private let stopFlag = Atomic<Bool>(false)
    private let lock = Mutex<Void>(())
    private var thread: NamedThread?
    private var result: Result?

    init() {}

    /// Whether the body was asked to end.
    var isStopping: Bool { self.stopFlag.load(ordering: .relaxed) }

    /// Asks the body to end; returns at once.
    func stop() { self.stopFlag.store(true, ordering: .relaxed) }

    /// Starts the thread; once.
    func start(name: String, _ body: @escaping @Sendable (FleetThread) -> Result)
        throws(FleetError)
    {
        do throws(ThreadRefusal) {
            self.thread = try NamedThread(name) { [self] in self.finish(body(self)) }
        } catch {
            throw .system(call: "pthread_create", code: error.code)
        }
    }

    private func finish(_ result: Result) { self.result = result }

    /// Waits for the end and gives the result; nil if the thread was never started.
    func join() -> Result? {
        self.lock.withLock { _ in
            self.thread?.join()
            self.thread = nil
        }
        return self.result
    }
}

/// Spreads work over time: how much is due by now.
struct Pacer {
    /// Units a second; 0: no limit.
    let rate: Double
    private let start: UInt64

    init(rate: Double, start: UInt64) {
        self.rate = rate
        self.start = start
    }

    /// Units that should have been done by `now`.
    func due(at now: UInt64) -> UInt64 {
        guard self.rate > 0 else { return UInt64.max }
        let due = Double(now &- self.start) * 1e-9 * self.rate
        return due < 0x1p62 ? UInt64(due) : UInt64.max
    }
}
