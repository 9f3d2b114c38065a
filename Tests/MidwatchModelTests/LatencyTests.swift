// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

@Suite struct LatencyTests {
    @Test(arguments: [0.5, 0.9, 0.99, 0.999, 1])
    func `a quantile is never too low and at most a tenth too high`(_ share: Double) {
        var random = UInt64(7)
        var values: [UInt64] = []
        let histogram = LatencyHistogram()
        for _ in 0..<20_000 {
            random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            // From 1 µs to 100 s, as many in each power of two.
            let value = UInt64(1_000) << (random >> 60) * 13 / 8 + (random >> 20) % 4_000
            values.append(value)
            histogram.record(value)
        }
        values.sort()
        let snapshot = histogram.snapshot()
        let rank = max(Int((Double(values.count) * share).rounded(.up)), 1)
        let exact = values[rank - 1]
        let told = snapshot.quantile(share)
        #expect(told >= exact)
        #expect(Double(told) <= Double(exact) * 1.1 + 1)
        #expect(snapshot.count == 20_000)
        #expect(snapshot.maxNanoseconds == values.last)
        #expect(snapshot.sumNanoseconds == values.reduce(0, +))
    }

    @Test func `every exported bound holds what it exceeds or equals and nothing more`() throws {
        for bound in LatencySnapshot.exportedBounds {
            let histogram = LatencyHistogram()
            histogram.record(bound)
            histogram.record(bound + 1)
            let samples = histogram.snapshot().samples("x", help: "", labels: [])
            for sample in samples where sample.name == "x_bucket" {
                let limit = try #require(sample.labels.last).value
                let below = Double(limit).map { $0 * 1e9 + 0.5 } ?? .infinity
                let expected = Double(bound) < below ? Double(bound + 1) < below ? 2.0 : 1 : 0
                #expect(sample.value == expected, "\(bound) at \(limit)")
            }
        }
    }

    @Test func `extreme latencies have a place`() {
        let histogram = LatencyHistogram()
        for value in [0, 1, 1_000, 1_001, .max, 100_000_000_001] as [UInt64] {
            histogram.record(value)
        }
        histogram.record(5, count: 0)
        let snapshot = histogram.snapshot()
        #expect(snapshot.count == 6)
        #expect(snapshot.quantile(0.5) == 1_000)
        #expect(snapshot.quantile(1) == UInt64(Int64.max))
        #expect(LatencyHistogram().snapshot().quantile(0.5) == 0)
    }

    @Test func `the series of a histogram grow to its count`() throws {
        let histogram = LatencyHistogram()
        histogram.record(20_000, count: 3)
        histogram.record(7_000_000)
        histogram.record(500_000_000_000)
        let samples = histogram.snapshot().samples(
            "midwatch_x_seconds", help: "h", labels: [("stage", "s")])
        let buckets = samples.filter { $0.name == "midwatch_x_seconds_bucket" }
        #expect(zip(buckets, buckets.dropFirst()).allSatisfy { $0.value <= $1.value })
        #expect(buckets.last?.labels.last?.value == "+Inf")
        #expect(buckets.last?.value == 5)
        #expect(samples.first { $0.name == "midwatch_x_seconds_count" }?.value == 5)
        #expect(samples.first { $0.name == "midwatch_x_seconds_sum" }?.value == 500.00706)
        #expect(samples.allSatisfy { $0.kind == .histogram && $0.labels[0].value == "s" })
    }

    @Test func `a span shows what came in it alone`() {
        let histogram = LatencyHistogram()
        histogram.record(9_000_000_000)
        let before = histogram.snapshot()
        histogram.record(2_000_000, count: 10)
        let span = histogram.snapshot().since(before)
        #expect(span.count == 10)
        #expect(span.quantile(0.99) == 2_000_000)
        #expect(span.maxNanoseconds == 2_000_000)
        #expect(span.sumNanoseconds == 20_000_000)
    }

    @Test func `marks are settled in order, each with its own wait`() {
        var marks = LatencyMarks(capacity: 8)
        let histogram = LatencyHistogram()
        func at(_ milliseconds: UInt64) -> MonotonicInstant {
            MonotonicInstant(nanoseconds: milliseconds * 1_000_000)
        }
        marks.add(through: 10, at: at(1), count: 10)
        marks.add(through: 15, at: at(5), count: 5)
        marks.settle(through: 12, now: at(11), in: histogram)
        #expect(histogram.snapshot().count == 10)
        #expect(histogram.snapshot().maxNanoseconds == 10_000_000)
        marks.settle(through: 15, now: at(30), in: histogram)
        #expect(histogram.snapshot().count == 15)
        #expect(histogram.snapshot().maxNanoseconds == 25_000_000)
        let isEmpty = marks.isEmpty
        #expect(isEmpty)
    }

    @Test func `marks beyond the bound join the last, and nothing is left out`() {
        var marks = LatencyMarks(capacity: 4, spacingNanoseconds: 10)
        let histogram = LatencyHistogram()
        for n in 1...100 as ClosedRange<UInt64> {
            marks.add(through: n, at: MonotonicInstant(nanoseconds: n * 1_000), count: 1)
        }
        marks.settle(through: 99, now: MonotonicInstant(nanoseconds: 100_000), in: histogram)
        // The last mark holds 100 as well and is not done.
        #expect(histogram.snapshot().count == 3)
        marks.settle(through: 100, now: MonotonicInstant(nanoseconds: 104_000), in: histogram)
        #expect(histogram.snapshot().count == 100)
        #expect(histogram.snapshot().maxNanoseconds == 100_000)
        marks.add(through: 101, at: MonotonicInstant(nanoseconds: 200_000), count: 1)
        marks.add(through: 102, at: MonotonicInstant(nanoseconds: 200_005), count: 1)
        marks.settle(through: 101, now: MonotonicInstant(nanoseconds: 200_100), in: histogram)
        #expect(histogram.snapshot().count == 100, "instants this close share a mark")
    }
}
