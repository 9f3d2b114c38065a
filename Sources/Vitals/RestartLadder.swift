// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// Bounds how often the watchdog restarts the daemon, over reboots too.
///
/// At most `restartCountMax` restarts in any `window`; after that the daemon stays as it is and
/// people are told, until the oldest restart is older than the window. A restart that mends nothing
/// costs more than it brings: the outbox and deadlines survive it, the attention of people does not.
package struct RestartLadder: Sendable, Equatable {
    /// One restart, on both clocks: the boot's own within a boot, the calendar's across boots.
    package struct Rung: Sendable, Equatable {
        package var bootID: BootID
        package var at: MonotonicInstant
        package var wall: WallInstant

        package init(bootID: BootID, at: MonotonicInstant, wall: WallInstant) {
            self.bootID = bootID
            self.at = at
            self.wall = wall
        }
    }

    /// Rungs remembered; more than `restartCountMax` so that reports can count.
    package static let rungCountMax = 16

    package let restartCountMax: Int
    package let windowNanoseconds: UInt64
    package private(set) var rungs: [Rung]
    /// Restarts since the state file was made.
    package private(set) var totalCount: UInt64

    /// A ladder nobody has climbed.
    package init(
        restartCountMax: Int = 3, windowNanoseconds: UInt64 = 900_000_000_000, rungs: [Rung] = [],
        totalCount: UInt64 = 0
    ) {
        precondition(restartCountMax > 0, "a ladder has a rung")
        precondition(restartCountMax <= Self.rungCountMax, "every rung that counts is remembered")
        self.restartCountMax = restartCountMax
        self.windowNanoseconds = windowNanoseconds
        self.rungs = Array(rungs.suffix(Self.rungCountMax))
        self.totalCount = totalCount
    }

    /// The present, on both clocks.
    package typealias Moment = Rung

    /// Restarts within the window that ends now.
    package func recentCount(_ now: Moment) -> Int {
        self.rungs.count { self.age(of: $0, now) < self.windowNanoseconds }
    }

    /// Whether one more restart is allowed.
    package func permits(_ now: Moment) -> Bool { self.recentCount(now) < self.restartCountMax }

    /// Counts a restart that is about to happen.
    ///
    /// Store the ladder before acting.
    package mutating func climb(_ now: Moment) {
        self.rungs.append(now)
        if self.rungs.count > Self.rungCountMax { self.rungs.removeFirst() }
        self.totalCount &+= 1
    }

    /// How long ago a restart was.
    ///
    /// Across boots the calendar decides; where it makes no sense (a clock that stands in 1970, or
    /// was set back) the restart counts as just made, because a ladder that forgets is the more
    /// dangerous error.
    private func age(of rung: Rung, _ now: Moment) -> UInt64 {
        if rung.bootID == now.bootID { return now.at.nanosecondsSince(rung.at) }
        guard now.wall >= rung.wall, now.wall.nanoseconds >= Self.plausibleWall,
            rung.wall.nanoseconds >= Self.plausibleWall
        else { return 0 }
        return UInt64(now.wall.nanoseconds - rung.wall.nanoseconds)
    }

    /// 2025-01-01T00:00:00Z: no clock that is right shows less.
    private static let plausibleWall: Int64 = 1_735_689_600_000_000_000
}
