// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import MidwatchModel

/// The clocks of the server.
enum RequestClock {
    /// By which budgets are refilled: CLOCK_BOOTTIME, which a change of the date does not touch.
    static func now() -> MonotonicInstant {
        MonotonicInstant(nanoseconds: Self.read(CLOCK_BOOTTIME))
    }

    /// The calendar, for what the server itself tells.
    static func wall() -> WallInstant {
        WallInstant(nanoseconds: Int64(clamping: Self.read(CLOCK_REALTIME)))
    }

    private static func read(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        _ = unsafe clock_gettime(clock, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
