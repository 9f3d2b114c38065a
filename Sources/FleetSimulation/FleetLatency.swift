// SPDX-License-Identifier: Apache-2.0

/// Counts of durations in buckets that grow with the duration: at most 1.6 % wide.
///
/// Up to 64 ns each nanosecond has its bucket; above, each power of two is cut into 64.
package struct FleetLatency: Equatable, Sendable {
    private static let bitsPerOctave = 6
    private static let bucketsPerOctave = 1 << Self.bitsPerOctave
    /// Longer durations count as this: 18 minutes.
    private static let nanosecondsMax: UInt64 = 1 << 40

    private var counts: [UInt64]
    package private(set) var count: UInt64 = 0
    package private(set) var maximum: UInt64 = 0

    package init() {
        let last = Self.bucket(of: Self.nanosecondsMax)
        self.counts = [UInt64](repeating: 0, count: last + 1)
    }

    /// Counts one duration in nanoseconds.
    package mutating func record(_ nanoseconds: UInt64) {
        self.counts[Self.bucket(of: min(nanoseconds, Self.nanosecondsMax))] &+= 1
        self.count &+= 1
        self.maximum = max(self.maximum, nanoseconds)
    }

    /// The duration that a share of all does not exceed, in nanoseconds; 0 if there is none.
    ///
    /// - Parameter share: 0.5 for the median, 0.999 for one in a thousand.
    /// - Returns: The upper end of the bucket, never above the longest duration recorded.
    package func quantile(_ share: Double) -> UInt64 {
        guard self.count > 0 else { return 0 }
        let wanted = max(1, UInt64((Double(self.count) * min(max(share, 0), 1)).rounded(.up)))
        var seen: UInt64 = 0
        for (bucket, count) in self.counts.enumerated() {
            seen &+= count
            if seen >= wanted { return min(Self.upperEnd(of: bucket), self.maximum) }
        }
        return self.maximum
    }

    /// Adds what another histogram counted.
    package mutating func merge(_ other: Self) {
        for (bucket, count) in other.counts.enumerated() { self.counts[bucket] &+= count }
        self.count &+= other.count
        self.maximum = max(self.maximum, other.maximum)
    }

    private static func bucket(of nanoseconds: UInt64) -> Int {
        guard nanoseconds >= UInt64(Self.bucketsPerOctave) else { return Int(nanoseconds) }
        let octave = 63 - nanoseconds.leadingZeroBitCount - Self.bitsPerOctave
        return (octave << Self.bitsPerOctave) + Int(nanoseconds >> UInt64(octave))
    }

    private static func upperEnd(of bucket: Int) -> UInt64 {
        guard bucket >= Self.bucketsPerOctave * 2 else { return UInt64(bucket) }
        let octave = bucket / Self.bucketsPerOctave - 1
        let base = UInt64(bucket - octave * Self.bucketsPerOctave)
        return ((base + 1) << UInt64(octave)) - 1
    }
}
