// SPDX-License-Identifier: Apache-2.0

/// Figures over what a chart shows.
///
/// Mean and spread are weighted by time: a point counts for as long as it holds, so that minutes of
/// the archive and readings of a second that were seen here do not outweigh each other.
package struct ChartFigures: Sendable, Equatable {
    package private(set) var lowest = 0.0
    package private(set) var highest = 0.0
    package private(set) var mean = 0.0
    /// Standard deviation of the points' means: of minutes, what happens within one is left out.
    package private(set) var deviation = 0.0
    /// Share of the time in which there was a value, 0 to 1.
    package private(set) var coverage = 0.0
    package private(set) var gapCount = 0

    /// nil without a value; `range` is the time shown.
    package init?(_ points: [Chart.Point], range: ClosedRange<UInt64>) {
        var weight = 0.0
        var squares = 0.0
        var isFirst = true
        var before: Chart.Point?
        for (index, point) in points.enumerated() {
            defer { before = point }
            guard let low = point.lowest, let high = point.highest else { continue }
            self.lowest = isFirst ? low : min(self.lowest, low)
            self.highest = isFirst ? high : max(self.highest, high)
            if let before, Self.isGap(before, point) { self.gapCount += 1 }
            isFirst = false
            let end = index + 1 < points.count ? points[index + 1].at : range.upperBound
            let length = min(end - min(end, point.at), point.holdNanoseconds)
            let share = Double(max(1, length)) / 1e9
            let middle = point.mean ?? (low + high) / 2
            // West's method: Welford's with weights, stable for values far from 0.
            weight += share
            let difference = middle - self.mean
            self.mean += difference * share / weight
            squares += share * difference * (middle - self.mean)
        }
        guard !isFirst else { return nil }
        self.deviation = (squares / weight).squareRoot()
        let span = Double(range.upperBound - range.lowerBound) / 1e9
        self.coverage = span > 0 ? min(1, weight / span) : 1
    }

    private static func isGap(_ before: Chart.Point, _ point: Chart.Point) -> Bool {
        before.lowest == nil || point.at - min(point.at, before.at) > before.holdNanoseconds
    }
}
