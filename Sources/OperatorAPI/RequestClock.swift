// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import MidwatchModel

/// The clock by which the budgets of callers are refilled.
enum RequestClock {
    /// CLOCK_BOOTTIME, which a change of the date does not touch.
    static func now() -> MonotonicInstant {
        var time = timespec()
        _ = unsafe clock_gettime(CLOCK_BOOTTIME, &time)
        return MonotonicInstant(
            nanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
    }
}
