// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Synchronization

/// One thread sleeps until another one rings, or until a time has passed.
///
/// A ring that comes before the wait ends that wait at once: nothing is missed. Built on a futex,
/// which counts in the monotonic clock, so that a step of the wall clock does not stretch a pause.
@safe
final class Doorbell: Sendable {
    /// Rings so far, modulo 2^32; on the heap because the kernel needs a stable address.
    private nonisolated(unsafe) let rings: UnsafeMutablePointer<Atomic<UInt32>>

    init() {
        unsafe self.rings = .allocate(capacity: 1)
        unsafe self.rings.initialize(to: Atomic(0))
    }

    deinit { unsafe self.rings.deallocate() }

    /// What to hand to `wait`: read it before looking for work.
    var count: UInt32 { unsafe self.rings.pointee.load(ordering: .sequentiallyConsistent) }

    func ring() {
        unsafe self.rings.pointee.wrappingAdd(1, ordering: .sequentiallyConsistent)
        unsafe clinux_futex_wake(
            UnsafeRawPointer(self.rings).assumingMemoryBound(to: UInt32.self), 1)
    }

    /// Sleeps until the bell has been rung since `count` was read; may return early.
    func wait(since count: UInt32, atMostNanoseconds timeout: UInt64) {
        _ = unsafe clinux_futex_wait(
            UnsafeRawPointer(self.rings).assumingMemoryBound(to: UInt32.self), count, timeout)
    }
}
