// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

/// Carries the kernel's receive times (wall clock) over to engine time.
///
/// Both clocks are read together once per batch; their difference maps a stamp. The wall clock may
/// be set at any moment, so a stamp is believed only if it lies between `queueDelayMax` ago and
/// now, and for `settleTime` after a step only if it lies in the last `settleDelayMax`: what was
/// stamped before the step cannot be told from what waited. A stamp not believed gives the time of
/// the read.
struct ArrivalClock {
    /// What one stamp came to.
    struct Arrival: Equatable {
        var instant: MonotonicInstant
        /// Time in the socket's queue; 0 if the stamp was absent or not believed.
        var queueDelayNanoseconds: UInt64
        var isBelieved: Bool
    }

    /// Longest wait in the socket queue that is believed: a stopped process and a patient sender.
    static let queueDelayMaxNanoseconds: Int64 = 60_000_000_000
    /// A change of the difference of the clocks beyond this is a step; slewing is 0.5 ms a second.
    static let stepMinNanoseconds: Int64 = 10_000_000
    static let settleNanoseconds: UInt64 = 1_000_000_000
    static let settleDelayMaxNanoseconds: Int64 = 50_000_000

    private var now = MonotonicInstant.zero
    private var wall = WallInstant(nanoseconds: 0)
    private var offset: Int64?
    private var settledAt = MonotonicInstant.zero
    /// Steps of the wall clock seen.
    private(set) var stepCount: UInt64 = 0

    /// Takes the clocks of a batch, read together after it was received.
    mutating func beginBatch(now: MonotonicInstant, wall: WallInstant) {
        let offset = wall.nanoseconds &- Int64(bitPattern: now.nanoseconds)
        if let before = self.offset, (offset &- before).magnitude > Self.stepMinNanoseconds {
            self.stepCount += 1
            self.settledAt = now.advanced(byNanoseconds: Self.settleNanoseconds)
        }
        self.offset = offset
        self.now = now
        self.wall = wall
    }

    /// When a datagram with this stamp arrived; `stamp` 0 is absent.
    func arrival(stamp: Int64) -> Arrival {
        let late = Arrival(instant: self.now, queueDelayNanoseconds: 0, isBelieved: false)
        guard stamp > 0 else { return late }
        let delay = self.wall.nanoseconds &- stamp
        let delayMax =
            self.now < self.settledAt
            ? Self.settleDelayMaxNanoseconds : Self.queueDelayMaxNanoseconds
        guard delay >= 0, delay <= delayMax, UInt64(delay) < self.now.nanoseconds else {
            return late
        }
        return Arrival(
            instant: MonotonicInstant(nanoseconds: self.now.nanoseconds &- UInt64(delay)),
            queueDelayNanoseconds: UInt64(delay), isBelieved: true)
    }
}
