// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import Synchronization

/// A plain thread with a name, for the loops that own state (ARCHITECTURE.md, "Threads").
final class LoopThread: Sendable {
    private final class Body {
        let name: String
        let run: @Sendable () -> Void

        init(name: String, run: @escaping @Sendable () -> Void) {
            self.name = name
            self.run = run
        }
    }

    private let handle: pthread_t

    /// Starts `run` on a new thread.
    init(_ name: String, run: @escaping @Sendable () -> Void) {
        var handle = pthread_t()
        let body = unsafe Unmanaged.passRetained(Body(name: name, run: run)).toOpaque()
        let code = unsafe pthread_create(
            &handle, nil,
            { raw in
                guard let raw = unsafe raw else { return nil }
                let body = unsafe Unmanaged<Body>.fromOpaque(raw).takeRetainedValue()
                unsafe clinux_set_thread_name(body.name)
                // The default slack of 50 µs would be part of every wake-up.
                clinux_set_timer_slack(1)
                body.run()
                return nil
            }, body)
        precondition(code == 0, "no thread for \(name)")
        self.handle = handle
    }

    /// What `work` returns, done on a thread of its own so that a task of the pool never waits for
    /// a disk.
    static func value<Value: Sendable>(
        _ name: String, _ work: @escaping @Sendable () -> Value
    ) async -> Value {
        await withCheckedContinuation { waiting in
            let thread = LoopThread(name) { waiting.resume(returning: work()) }
            pthread_detach(thread.handle)
        }
    }

    /// Waits for the end of `run`.
    func join() { pthread_join(self.handle, nil) }
}

/// Set once; loops look at it every turn.
final class StopFlag: Sendable {
    private let flag = Atomic<Bool>(false)

    var isSet: Bool { self.flag.load(ordering: .acquiring) }

    func set() { self.flag.store(true, ordering: .releasing) }
}

/// A sleep that another thread can end: one futex word.
///
/// `@unchecked Sendable`: the word is atomic.
@safe
final class WakeWord: @unchecked Sendable {
    private let word: UnsafeMutablePointer<Atomic<UInt32>>

    init() {
        unsafe self.word = .allocate(capacity: 1)
        unsafe self.word.initialize(to: Atomic(0))
    }

    deinit { unsafe self.word.deallocate() }

    /// Ends the sleep under way, or the next one before it begins.
    func wake() {
        if unsafe self.word.pointee.exchange(1, ordering: .acquiringAndReleasing) == 0 {
            unsafe clinux_futex_wake(
                UnsafeRawPointer(self.word).assumingMemoryBound(to: UInt32.self), 1)
        }
    }

    /// Sleeps until `wake`, at most the given time.
    ///
    /// One thread only.
    func sleep(nanoseconds: UInt64) {
        if unsafe self.word.pointee.exchange(0, ordering: .acquiringAndReleasing) == 1 { return }
        unsafe _ = clinux_futex_wait(
            UnsafeRawPointer(self.word).assumingMemoryBound(to: UInt32.self), 0, nanoseconds)
        unsafe self.word.pointee.store(0, ordering: .releasing)
    }
}
