// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

/// When the bytes of a stream arrived that is not read at times.
///
/// What waits in the kernel while nobody reads arrived before it is read: it is dated to the begin
/// of the pause, never later. A stream that is paused again before it has caught up has
/// parts of several pauses, each with its own instant.
///
/// Positions are counted from the first byte of the stream.
struct ArrivalMarks {
    /// Beyond them the last one takes what follows: dated too early, never too late.
    static let countMax = 64

    private struct Mark {
        /// The bytes before this one, and not before the mark before.
        var end: UInt64
        var at: MonotonicInstant
    }

    private var marks: [Mark] = []

    /// The bytes before `end` that have no instant yet arrived at `instant`.
    mutating func note(before end: UInt64, at instant: MonotonicInstant) {
        guard end > self.marks.last?.end ?? 0 else { return }
        if self.marks.count < Self.countMax {
            self.marks.append(Mark(end: end, at: instant))
        } else {
            self.marks[self.marks.count - 1].end = end
        }
    }

    /// When the byte before `position` arrived; nil: with the last read.
    func arrival(before position: UInt64) -> MonotonicInstant? {
        self.marks.first { $0.end >= position }?.at
    }

    /// How many bytes from `position` on have one instant; nil: all that follow.
    func count(from position: UInt64) -> UInt64? {
        self.marks.first { $0.end > position }.map { $0.end - position }
    }

    /// Nobody asks about bytes before `position` any more.
    mutating func forget(before position: UInt64) {
        let count = self.marks.prefix { $0.end < position }.count
        if count > 0 { self.marks.removeFirst(count) }
    }
}
