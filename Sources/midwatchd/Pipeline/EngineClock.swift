// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import MidwatchModel

/// The clock of one run: CLOCK_BOOTTIME plus the offset that makes engine time go on where the last
/// durable record of the run before left it.
struct EngineClock: Sendable {
    /// Added to BOOTTIME, wrapping.
    let offset: UInt64

    /// A clock that shows `start` now.
    init(continuingAt start: MonotonicInstant) {
        self.offset = start.nanoseconds &- clinux_boottime_ns()
    }

    /// Engine time now.
    func now() -> MonotonicInstant {
        MonotonicInstant(nanoseconds: clinux_boottime_ns() &+ self.offset)
    }

    /// The wall clock now.
    ///
    /// Only for anchors, screens and the wire.
    static func wall() -> WallInstant { WallInstant(nanoseconds: clinux_realtime_ns()) }

    /// Whether the kernel says that something keeps the wall clock right.
    ///
    /// A kernel that does not answer vouches for nothing.
    static func isSynchronised() -> Bool {
        var error: Int64 = 0
        return unsafe clinux_clock_synchronised(&error) == 1
    }

    /// CLOCK_MONOTONIC: stands still while the machine is suspended, unlike engine time.
    static func running() -> UInt64 {
        var now = timespec()
        guard unsafe clock_gettime(CLOCK_MONOTONIC, &now) == 0 else { return 0 }
        return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
    }

    /// Engine time and wall time of one moment.
    ///
    /// Reads the monotonic clock before and after the wall clock and takes the middle; of five
    /// tries the one with the shortest distance (under 10 µs is usual).
    func anchor() -> (engine: MonotonicInstant, wall: WallInstant) {
        var best: (engine: MonotonicInstant, wall: WallInstant)?
        var bestDistance = UInt64.max
        for _ in 0..<5 where bestDistance > 10_000 {
            let before = self.now()
            let wall = Self.wall()
            let distance = self.now().nanosecondsSince(before)
            guard distance < bestDistance else { continue }
            bestDistance = distance
            best = (before.advanced(byNanoseconds: distance / 2), wall)
        }
        return best ?? (self.now(), Self.wall())
    }
}
