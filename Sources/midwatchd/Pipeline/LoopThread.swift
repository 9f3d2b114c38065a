// SPDX-License-Identifier: Apache-2.0

import CLinux
import NamedThread
import Synchronization

/// A thread without which the daemon cannot go on (ARCHITECTURE.md, "Threads").
struct LoopThread {
    private let thread: NamedThread

    /// Starts `run` on a new thread.
    init(_ name: String, run: @escaping @Sendable () -> Void) {
        do throws(ThreadRefusal) {
            self.thread = try NamedThread(name, run: run)
        } catch {
            preconditionFailure("\(name): \(error)")
        }
    }

    /// Starts `run` on a thread for whose end nobody waits.
    static func detach(_ name: String, run: @escaping @Sendable () -> Void) {
        do throws(ThreadRefusal) {
            try NamedThread.detach(name, run: run)
        } catch {
            preconditionFailure("\(name): \(error)")
        }
    }

    /// What `work` returns, done on a thread of its own so that a task of the pool never waits for
    /// a disk.
    static func value<Value: Sendable>(
        _ name: String, _ work: @escaping @Sendable () -> Value
    ) async -> Value {
        await withCheckedContinuation { waiting in
            Self.detach(name) { waiting.resume(returning: work()) }
        }
    }

    /// Waits for the end of `run`.
    func join() { self.thread.join() }
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
