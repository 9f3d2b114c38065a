// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// How often which latency occurred: log-linear buckets of atomic counts.
///
/// Each decade from 1 µs to 100 s has 90 buckets of a tenth of its beginning, so a quantile is at
/// most 10 % too high and never too low, and every bound of `exportedBounds` is exact. To record is
/// three relaxed additions: no lock, no allocation, no reference count. Any number of threads may.
///
/// `@unchecked Sendable`: every access is atomic and relaxed; a snapshot may be torn by one batch.
@safe
package final class LatencyHistogram: @unchecked Sendable {
    /// Buckets of one decade.
    static let bucketsPerDecade = 90
    /// Decades from 1 µs on.
    static let decadeCount = 8
    /// One for at most 1 µs, the decades, one for more than 100 s.
    static let bucketCount = LatencyHistogram.bucketsPerDecade * LatencyHistogram.decadeCount + 2

    /// Longer latencies, of 292 years, are not told apart.
    static let longestNanoseconds = UInt64(Int64.max)

    private let counts: UnsafeMutablePointer<Atomic<UInt64>>
    private let sum = Atomic<UInt64>(0)
    private let largest = Atomic<UInt64>(0)

    package init() {
        unsafe self.counts = .allocate(capacity: Self.bucketCount)
        for index in 0..<Self.bucketCount {
            unsafe (self.counts + index).initialize(to: Atomic(0))
        }
    }

    deinit { unsafe self.counts.deallocate() }

    /// Adds `count` latencies of `nanoseconds`.
    package func record(_ nanoseconds: UInt64, count: UInt64 = 1) {
        guard count > 0 else { return }
        let nanoseconds = min(nanoseconds, Self.longestNanoseconds)
        unsafe self.counts[Self.index(of: nanoseconds)].wrappingAdd(count, ordering: .relaxed)
        self.sum.wrappingAdd(nanoseconds &* count, ordering: .relaxed)
        if nanoseconds > self.largest.load(ordering: .relaxed) {
            self.largest.max(nanoseconds, ordering: .relaxed)
        }
    }

    /// Adds `count` latencies that began at `start` and end at `now`.
    package func record(from start: MonotonicInstant, to now: MonotonicInstant, count: UInt64 = 1) {
        self.record(now.nanosecondsSince(start), count: count)
    }

    /// What was recorded so far.
    package func snapshot() -> LatencySnapshot {
        let sum = self.sum.load(ordering: .relaxed)
        let largest = self.largest.load(ordering: .relaxed)
        var counts: [UInt64] = []
        counts.reserveCapacity(Self.bucketCount)
        for index in 0..<Self.bucketCount {
            unsafe counts.append(self.counts[index].load(ordering: .relaxed))
        }
        return LatencySnapshot(counts: counts, sumNanoseconds: sum, maxNanoseconds: largest)
    }

    /// Bucket of a latency; a bucket's upper bound belongs to it.
    static func index(of nanoseconds: UInt64) -> Int {
        // Divisions by constants: the compiler makes multiplications of them.
        let value = nanoseconds &- 1
        switch nanoseconds {
        case ...1_000: return 0
        case ...10_000: return Self.index(0, (value &- 1_000) / 100)
        case ...100_000: return Self.index(1, (value &- 10_000) / 1_000)
        case ...1_000_000: return Self.index(2, (value &- 100_000) / 10_000)
        case ...10_000_000: return Self.index(3, (value &- 1_000_000) / 100_000)
        case ...100_000_000: return Self.index(4, (value &- 10_000_000) / 1_000_000)
        case ...1_000_000_000: return Self.index(5, (value &- 100_000_000) / 10_000_000)
        case ...10_000_000_000: return Self.index(6, (value &- 1_000_000_000) / 100_000_000)
        case ...100_000_000_000:
            return Self.index(7, (value &- 10_000_000_000) / 1_000_000_000)
        default: return Self.bucketCount - 1
        }
    }

    private static func index(_ decade: Int, _ offset: UInt64) -> Int {
        1 &+ decade &* Self.bucketsPerDecade &+ Int(offset)
    }

    /// Largest latency of a bucket; that of the last one has no bound.
    static func upperBound(of index: Int) -> UInt64 {
        guard index > 0 else { return 1_000 }
        guard index < Self.bucketCount - 1 else { return .max }
        var start: UInt64 = 1_000
        for _ in 0..<(index - 1) / Self.bucketsPerDecade { start *= 10 }
        return start + UInt64((index - 1) % Self.bucketsPerDecade + 1) * (start / 10)
    }
}

/// What a histogram held at one moment, or gained between two.
package struct LatencySnapshot: Sendable, Equatable {
    /// Bounds of the metrics page, in nanoseconds: 1, 2.5 and 5 of each decade from 10 µs to 100 s.
    package static let exportedBounds: [UInt64] =
        [10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000, 10_000_000_000]
        .flatMap { [$0, $0 / 10 * 25, $0 * 5] } + [100_000_000_000]

    var counts: [UInt64]
    package var sumNanoseconds: UInt64
    package var maxNanoseconds: UInt64

    package var count: UInt64 { self.counts.reduce(0, &+) }

    /// The latency that `share` of all do not exceed; 0 if there are none.
    ///
    /// It is at most 10 % too high, never too low.
    package func quantile(_ share: Double) -> UInt64 {
        let total = self.count
        guard total > 0 else { return 0 }
        let rank = max(1, UInt64((Double(total) * min(max(share, 0), 1)).rounded(.up)))
        var seen: UInt64 = 0
        for (index, count) in self.counts.enumerated() {
            seen += count
            if seen >= rank {
                return min(LatencyHistogram.upperBound(of: index), self.maxNanoseconds)
            }
        }
        return self.maxNanoseconds
    }

    /// What came after `earlier`.
    ///
    /// The largest of a span is known to its bucket only.
    package func since(_ earlier: LatencySnapshot) -> LatencySnapshot {
        var counts = self.counts
        var last: Int?
        for index in counts.indices {
            counts[index] &-= min(earlier.counts[index], counts[index])
            if counts[index] > 0 { last = index }
        }
        let bound = last.map { LatencyHistogram.upperBound(of: $0) } ?? 0
        return LatencySnapshot(
            counts: counts, sumNanoseconds: self.sumNanoseconds &- earlier.sumNanoseconds,
            maxNanoseconds: min(bound, self.maxNanoseconds))
    }

    /// Series of the metrics page, in seconds (`_bucket` cumulative, `_sum`, `_count`).
    package func samples(
        _ name: String, help: String, labels: [(name: String, value: String)]
    ) -> [MetricSample] {
        func sample(
            _ suffix: String, _ value: Double, _ more: [(name: String, value: String)] = []
        ) -> MetricSample {
            MetricSample(
                name + suffix, help: help, kind: .histogram, labels: labels + more, value: value)
        }
        var samples: [MetricSample] = []
        var seen: UInt64 = 0
        var index = 0
        for bound in Self.exportedBounds {
            let end = LatencyHistogram.index(of: bound)
            while index <= end {
                seen += self.counts[index]
                index += 1
            }
            let label = Double(bound) / 1e9
            samples.append(sample("_bucket", Double(seen), [("le", "\(label)")]))
        }
        let total = Double(self.count)
        samples.append(sample("_bucket", total, [("le", "+Inf")]))
        samples.append(sample("_sum", Double(self.sumNanoseconds) / 1e9))
        samples.append(sample("_count", total))
        return samples
    }
}
