// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// What the sockets have received and refused since the start: readings, lines and messages.
package struct RejectionTotals: Equatable, Sendable, BitwiseCopyable {
    /// Readings that were decoded.
    package var received: UInt64 = 0
    /// Readings, lines and payloads that were refused.
    package var rejected: UInt64 = 0

    package init() {}

    package static func + (left: Self, right: Self) -> Self {
        var sum = left
        sum.received += right.received
        sum.rejected += right.rejected
        return sum
    }
}

/// How much of what arrives is refused, over the last minute: a number to put an alarm on.
///
/// Fed with totals about once a second; says nothing before it was fed twice. A minute of silence
/// has no rate to speak of and gives 0.
package struct RejectionRate: Sendable {
    /// Length of the window.
    package static let windowNanoseconds: UInt64 = 60_000_000_000
    /// Samples kept: one every five seconds.
    package static let sampleCountMax = 13
    private static let sampleNanoseconds = Self.windowNanoseconds / UInt64(Self.sampleCountMax - 1)

    /// Fewer refused in a minute are a typing error and no change of what a site sends.
    package static let handfulPerMinute = 5.0
    /// `rejectedShare`, but 0 while no more than a handful was refused.
    package var unusualShare: Double {
        self.rejectedPerMinute > Self.handfulPerMinute ? self.rejectedShare : 0
    }

    private struct Sample {
        var at: MonotonicInstant
        var totals: RejectionTotals
    }

    private var samples: [Sample] = []
    /// Refused per minute.
    package private(set) var rejectedPerMinute = 0.0
    /// Refused among everything that arrived, from 0 to 1.
    package private(set) var rejectedShare = 0.0

    package init() {}

    /// Takes the totals of now.
    package mutating func update(_ totals: RejectionTotals, at now: MonotonicInstant) {
        if let first = self.samples.first {
            let span = now.nanosecondsSince(first.at)
            // Totals begin anew when a socket is opened again.
            let rejected = totals.rejected.subtractingReportingOverflow(first.totals.rejected)
            let received = totals.received.subtractingReportingOverflow(first.totals.received)
            if rejected.overflow || received.overflow {
                self = Self()
            } else if span > 0 {
                let count = Double(rejected.partialValue)
                let all = count + Double(received.partialValue)
                // Over less than the window, the window: one line is no flood.
                let minutes = Double(max(span, Self.windowNanoseconds)) / 60e9
                self.rejectedPerMinute = count / minutes
                self.rejectedShare = all > 0 ? count / all : 0
            }
        }
        guard let last = self.samples.last else {
            self.samples.append(Sample(at: now, totals: totals))
            return
        }
        guard now.nanosecondsSince(last.at) >= Self.sampleNanoseconds else { return }
        self.samples.append(Sample(at: now, totals: totals))
        while self.samples.count > 2,
            now.nanosecondsSince(self.samples[1].at) >= Self.windowNanoseconds
        {
            self.samples.removeFirst()
        }
        if self.samples.count > Self.sampleCountMax { self.samples.removeFirst() }
    }
}
