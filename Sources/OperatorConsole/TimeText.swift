// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// Moments as the people at the screen read them: by UTC, or by the clock on their wall.
///
/// The console reads no time zone itself: who draws it says how a moment is written. Drawing stays
/// a pure function.
package struct TimeText: Sendable {
    /// By UTC: `2026-11-21 03:04:05Z`.
    package static let utc = TimeText(Words.dateAndTime)

    private let write: @Sendable (WallInstant) -> String
    private let rewrite: @Sendable (String) -> String

    /// `write` makes `2026-11-21 03:04:05` and the zone behind it, `Z` or `+01:00`; `rewrite` does
    /// so with the times of RFC 3339 in a sentence of the daemon.
    package init(
        _ write: @escaping @Sendable (WallInstant) -> String,
        rewrite: @escaping @Sendable (String) -> String = { $0 }
    ) {
        self.write = write
        self.rewrite = rewrite
    }

    /// `2026-11-21 04:04:05+01:00`.
    package func dateAndTime(_ instant: WallInstant) -> String { self.write(instant) }

    /// `2026-11-21`.
    package func date(_ instant: WallInstant) -> Substring { self.write(instant).prefix(10) }

    /// `04:04:05`: where a column has no room, and the title of the screen says the zone.
    package func timeOfDay(_ instant: WallInstant) -> String {
        String(self.write(instant).dropFirst(11).prefix(8))
    }

    /// `04:04:05+01:00`.
    package func timeAndZone(_ instant: WallInstant) -> String {
        String(self.write(instant).dropFirst(11))
    }

    /// A sentence of the daemon with its times written like the others.
    package func sentence(_ text: String) -> String { self.rewrite(text) }
}
