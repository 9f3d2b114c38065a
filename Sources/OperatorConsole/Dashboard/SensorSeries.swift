// SPDX-License-Identifier: Apache-2.0

/// What the dashboard saw of one sensor since it watches it: values with their times, and gaps.
///
/// Only readings that were live when they were seen are points; silence, doubt and the time in
/// which the dashboard itself was blind are gaps, never a line drawn through.
package struct SensorSeries: Sendable, Equatable {
    /// One thing seen; nil is a gap that lasts until the next point.
    package struct Point: Sendable, Equatable {
        package var at: UInt64
        package var value: Double?

        package init(at: UInt64, value: Double?) {
            self.at = at
            self.value = value
        }
    }

    /// Points kept: ten minutes of one a second.
    package static let pointsMax = 600

    package private(set) var points: [Point] = []
    /// Readings counted when the newest point was taken.
    private var readingsSeen: UInt64?

    package init() {}

    /// A live reading was seen; the same one seen again adds nothing.
    package mutating func add(_ value: Double?, readingsCount: UInt64, at: UInt64) {
        guard self.readingsSeen != readingsCount || self.endsInGap else { return }
        self.readingsSeen = readingsCount
        self.append(Point(at: at, value: value.flatMap { $0.isFinite ? $0 : nil }))
    }

    /// From now on nothing live is seen.
    package mutating func addGap(at: UInt64) {
        guard !self.points.isEmpty, !self.endsInGap else { return }
        self.append(Point(at: at, value: nil))
    }

    private var endsInGap: Bool { self.points.last.map { $0.value == nil } ?? false }

    private mutating func append(_ point: Point) {
        // Two things seen in one moment: the later one counts.
        if let last = self.points.last, last.at >= point.at { self.points.removeLast() }
        self.points.append(point)
        if self.points.count > Self.pointsMax {
            self.points.removeFirst(self.points.count - Self.pointsMax)
        }
    }

    /// The values alone, oldest first, nil for gaps: what a sparkline shows.
    package var values: [Double?] { self.points.map(\.value) }

    /// Figures over what was seen.
    package struct Statistics: Sendable, Equatable {
        package var count = 0
        package var gapCount = 0
        package var lowest = 0.0
        package var highest = 0.0
        package var mean = 0.0
        package var deviation = 0.0
    }

    /// nil while no value was seen.
    package var statistics: Statistics? {
        let numbers = self.points.compactMap(\.value)
        guard let first = numbers.first else { return nil }
        var statistics = Statistics(lowest: first, highest: first)
        statistics.count = numbers.count
        statistics.gapCount = self.points.count - numbers.count
        // Welford's method: stable for values far from 0.
        var squares = 0.0
        for (index, number) in numbers.enumerated() {
            let difference = number - statistics.mean
            statistics.mean += difference / Double(index + 1)
            squares += difference * (number - statistics.mean)
            statistics.lowest = min(statistics.lowest, number)
            statistics.highest = max(statistics.highest, number)
        }
        statistics.deviation = (squares / Double(numbers.count)).squareRoot()
        return statistics
    }
}
