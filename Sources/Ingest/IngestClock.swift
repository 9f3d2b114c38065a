// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// The two clocks that the program lends to its sockets.
///
/// Engine time stamps every slot; the wall clock is only used to carry the kernel's receive times
/// over to engine time (`ArrivalClock`).
package struct IngestClock: Sendable {
    /// Engine time now: CLOCK_BOOTTIME plus the offset of the run.
    package var now: @Sendable () -> MonotonicInstant
    /// CLOCK_REALTIME now.
    package var wall: @Sendable () -> WallInstant

    package init(
        now: @escaping @Sendable () -> MonotonicInstant,
        wall: @escaping @Sendable () -> WallInstant
    ) {
        self.now = now
        self.wall = wall
    }
}
