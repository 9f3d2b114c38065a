// SPDX-License-Identifier: Apache-2.0

/// What the dashboard saw of one sensor since it watches it: values with their times, and gaps.
///
/// Only readings that were live when they were seen are points; silence, doubt and the time in
/// which the dashboard itself was blind are gaps, never a line drawn through.
///
/// Its memory is taken once, at the first point, and does not grow: `bytesMax`.
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

    /// A point in two words; a gap is no number.
    private struct Stored: Sendable, Equatable, BitwiseCopyable {
        var at: UInt64
        var value: Double

        var isGap: Bool { self.value.isNaN }
        var shown: Double? { self.isGap ? nil : self.value }

        static func == (left: Self, right: Self) -> Bool {
            left.at == right.at && left.shown == right.shown
        }
    }

    /// Points kept: ten minutes of one a second.
    package static let pointsMax = 600
    /// Bytes of the points of one sensor.
    package static let bytesMax = (SensorSeries.pointsMax + 1) * MemoryLayout<Stored>.stride

    private var stored: [Stored] = []
    /// Readings counted when the newest point was taken.
    private var readingsSeen: UInt64?

    package init() {}

    /// Oldest first.
    package var points: [Point] { self.stored.map { Point(at: $0.at, value: $0.shown) } }

    /// A live reading was seen; the same one seen again adds nothing.
    package mutating func add(_ value: Double?, readingsCount: UInt64, at: UInt64) {
        guard self.readingsSeen != readingsCount || self.endsInGap else { return }
        self.readingsSeen = readingsCount
        let number = value.flatMap { $0.isFinite ? $0 : nil }
        self.append(Stored(at: at, value: number ?? .nan))
    }

    /// From now on nothing live is seen.
    package mutating func addGap(at: UInt64) {
        guard !self.stored.isEmpty, !self.endsInGap else { return }
        self.append(Stored(at: at, value: .nan))
    }

    private var endsInGap: Bool { self.stored.last?.isGap ?? false }

    private mutating func append(_ point: Stored) {
        // Taken whole at once: an array that doubles leaves a hole behind with each size.
        if self.stored.isEmpty { self.stored.reserveCapacity(Self.pointsMax + 1) }
        // Two things seen in one moment: the later one counts.
        if let last = self.stored.last, last.at >= point.at { self.stored.removeLast() }
        self.stored.append(point)
        if self.stored.count > Self.pointsMax { self.stored.removeFirst() }
    }

    /// The last values alone, oldest first, nil for gaps: what a sparkline shows.
    package func values(last count: Int) -> [Double?] {
        self.stored.suffix(max(0, count)).map(\.shown)
    }
}
