// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
internal import Synchronization

/// A plain thread with a stop flag and one result.
///
/// `@unchecked Sendable`: the result is written by the thread before it ends and read after
/// `pthread_join`; the handle is used once, under `isJoined`.
@safe
final class FleetThread<Result: Sendable>: @unchecked Sendable {
    private let stopFlag = Atomic<Bool>(false)
    private let lock = Mutex<Void>(())
    private var handle: pthread_t = 0
    private var isJoined = true
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
        let box = FleetThreadBody(name: name, run: { [self] in self.finish(body(self)) })
        let code = unsafe box.spawn(&self.handle)
        guard code == 0 else { throw .system(call: "pthread_create", code: code) }
        self.isJoined = false
    }

    private func finish(_ result: Result) { self.result = result }

    /// Waits for the end and gives the result; nil if the thread was never started.
    func join() -> Result? {
        self.lock.withLock { _ in
            if !self.isJoined {
                pthread_join(self.handle, nil)
                self.isJoined = true
            }
        }
        return self.result
    }
}

/// What a thread runs, carried through the C call that starts it.
private final class FleetThreadBody: Sendable {
    private let name: String
    private let run: @Sendable () -> Void

    init(name: String, run: @escaping @Sendable () -> Void) {
        self.name = name
        self.run = run
    }

    /// Starts the thread; gives 0 or an errno value.
    func spawn(_ handle: UnsafeMutablePointer<pthread_t>) -> Int32 {
        let raw = unsafe Unmanaged.passRetained(self).toOpaque()
        let code = unsafe pthread_create(
            handle, nil,
            { raw in
                guard let raw = unsafe raw else { return nil }
                let body = unsafe Unmanaged<FleetThreadBody>.fromOpaque(raw).takeRetainedValue()
                unsafe clinux_set_thread_name(body.name)
                body.run()
                return nil
            }, raw)
        if code != 0 { unsafe Unmanaged<FleetThreadBody>.fromOpaque(raw).release() }
        return code
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
