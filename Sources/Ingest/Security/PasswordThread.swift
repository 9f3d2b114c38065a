// SPDX-License-Identifier: Apache-2.0

internal import AccessControl
internal import CLinux
internal import NamedThread
internal import Synchronization

/// The one thread on which passwords are compared with their hashes.
///
/// A comparison takes tens of milliseconds by design, so it belongs to no event loop. The queue is
/// bounded; what finds no place is refused at once and its client comes again. Comparisons are cut
/// short by a stop.
///
/// `@unchecked Sendable`: the word is atomic, the rest is behind locks.
@safe
final class PasswordThread: @unchecked Sendable {
    struct Job: Sendable {
        var password: [UInt8]
        var hash: PasswordHash
        /// Called on this thread, must hand over and return.
        var completion: @Sendable (_ isRight: Bool) -> Void
    }

    /// Comparisons that wait.
    static let queueCountMax = 256
    private static let idleNanoseconds: UInt64 = 1_000_000_000

    private struct State {
        var jobs: [Job] = []
        var next = 0
        var isStopping = false
        var thread: NamedThread?

        var waitingCount: Int { self.jobs.count - self.next }
    }

    private let state = Mutex(State())
    private let word: UnsafeMutablePointer<Atomic<UInt32>>

    init() {
        unsafe self.word = .allocate(capacity: 1)
        unsafe self.word.initialize(to: Atomic(0))
    }

    deinit { unsafe self.word.deallocate() }

    /// Comparisons that wait now.
    var waitingCount: Int { self.state.withLock { $0.waitingCount } }

    /// Starts the thread, once; false if the system has none.
    func start() -> Bool {
        self.state.withLock { state in
            guard state.thread == nil else { return true }
            state.thread = try? NamedThread("passwords") { [self] in self.run() }
            return state.thread != nil
        }
    }

    /// Takes a comparison; false if too many wait.
    func submit(_ job: Job) -> Bool {
        let isTaken = self.state.withLock { state in
            guard !state.isStopping, state.thread != nil,
                state.waitingCount < Self.queueCountMax
            else { return false }
            state.jobs.append(job)
            return true
        }
        if isTaken { self.wake() }
        return isTaken
    }

    /// Drops what waits and joins the thread.
    func stop() {
        let thread = self.state.withLock { state in
            state.isStopping = true
            state.jobs = []
            state.next = 0
            return state.thread.take()
        }
        self.wake()
        thread?.join()
    }

    private func run() {
        while true {
            let seen = unsafe self.word.pointee.load(ordering: .acquiring)
            let (job, isStopping) = self.state.withLock { state in
                (Self.pop(&state), state.isStopping)
            }
            if isStopping { return }
            guard let job else {
                unsafe _ = clinux_futex_wait(
                    UnsafeRawPointer(self.word).assumingMemoryBound(to: UInt32.self), seen,
                    Self.idleNanoseconds)
                continue
            }
            job.completion(job.hash.matches(job.password))
        }
    }

    private static func pop(_ state: inout State) -> Job? {
        guard state.next < state.jobs.count else { return nil }
        let job = state.jobs[state.next]
        state.next += 1
        if state.next == state.jobs.count || state.next == Self.queueCountMax {
            state.jobs.removeFirst(state.next)
            state.next = 0
        }
        return job
    }

    private func wake() {
        // A look at the queue that began before this sees another number and does not sleep.
        unsafe self.word.pointee.wrappingAdd(1, ordering: .acquiringAndReleasing)
        unsafe clinux_futex_wake(
            UnsafeRawPointer(self.word).assumingMemoryBound(to: UInt32.self), 1)
    }
}
