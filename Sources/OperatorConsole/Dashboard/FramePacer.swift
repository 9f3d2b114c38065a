// SPDX-License-Identifier: Apache-2.0

/// When the next frame may be drawn: never before the one before is through the line.
///
///     idle ──wantsFrame──▶ due ──drawn(n bytes)──▶ draining ──isDrained──▶ idle
///
/// On a slow line frames become fewer, and each is newer: no queue of old frames builds up behind
/// which a key would have to wait. Time is an argument.
package struct FramePacer: Sendable, Equatable {
    /// Ages count on the screen: a frame at least this often.
    package static let tickNanoseconds: UInt64 = 1_000_000_000
    /// Frames are at least this far apart: 20 a second are more than anybody reads.
    package static let gapNanoseconds: UInt64 = 50_000_000
    /// How often a draining line is looked at.
    package static let drainPollNanoseconds: UInt64 = 20_000_000

    private var isWanted = true
    private var isDraining = false
    private var drawnAt: UInt64?

    package init() {}

    /// Something changed: a key, an answer, the size.
    package mutating func wantFrame() { self.isWanted = true }

    /// Whether to draw now; `isDrained` tells whether the terminal has taken everything.
    package mutating func isDue(now: UInt64, isDrained: Bool) -> Bool {
        if self.isDraining {
            guard isDrained else { return false }
            self.isDraining = false
        }
        guard let drawnAt = self.drawnAt, now >= drawnAt else { return true }
        let past = now - drawnAt
        return past >= (self.isWanted ? Self.gapNanoseconds : Self.tickNanoseconds)
    }

    /// A frame of so many bytes was written.
    package mutating func drawn(bytes: Int, now: UInt64) {
        self.isWanted = false
        self.drawnAt = now
        if bytes > 0 { self.isDraining = true }
    }

    /// Nanoseconds until it is worth asking again.
    package func wait(now: UInt64) -> UInt64 {
        if self.isDraining { return Self.drainPollNanoseconds }
        guard let drawnAt = self.drawnAt, now >= drawnAt else { return 0 }
        let due = self.isWanted ? Self.gapNanoseconds : Self.tickNanoseconds
        let past = now - drawnAt
        return past < due ? due - past : 0
    }
}
