// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel
package import OperatorViews

/// What the daemon said last, and when it said it.
package struct DashboardSnapshot: Sendable, Equatable {
    package var status: StatusView
    /// The worst sensors, worst first.
    package var sensors: [SensorView]
    /// Alarms that are not normal, most urgent first.
    package var alarms: [AlarmView]

    package init(status: StatusView, sensors: [SensorView], alarms: [AlarmView]) {
        self.status = status
        self.sensors = sensors
        self.alarms = alarms
    }
}

/// The dashboard's model: the last snapshot, its age, and a short history of values.
///
/// Time is an argument: nanoseconds of any clock that only moves forward. Between snapshots and
/// while the daemon does not answer, ages go on counting from the last one.
package struct DashboardModel: Sendable, Equatable {
    /// Values kept per sensor for its sparkline.
    package static let historyMax = 24
    /// Sensors whose history is kept; those no longer shown are forgotten first.
    package static let historySensorsMax = 2_048
    /// Without an answer for this long the screen is blind, also if a request is still under way.
    package static let blindAfterNanoseconds: UInt64 = 3_000_000_000

    package private(set) var snapshot: DashboardSnapshot?
    /// When the newest snapshot was asked for: what it says is at least that old.
    package private(set) var snapshotAt: UInt64 = 0
    /// When the dashboard began, or the daemon was last heard.
    private var heardAt: UInt64
    /// Why the daemon does not answer; nil while it does.
    package private(set) var failure: String?
    package private(set) var history: [String: [Double?]] = [:]
    /// Readings counted when the newest value of a history was taken.
    private var readingsSeen: [String: UInt64] = [:]

    package init(startedAt: UInt64) { self.heardAt = startedAt }

    /// The daemon answered a request that was sent at `askedAt`.
    package mutating func receive(_ snapshot: DashboardSnapshot, askedAt: UInt64) {
        self.snapshot = snapshot
        self.snapshotAt = askedAt
        self.heardAt = askedAt
        self.failure = nil
        for sensor in snapshot.sensors {
            // A stale sensor adds nothing: its line must not look as if it went on.
            guard sensor.freshness == .fresh,
                self.readingsSeen[sensor.path] != sensor.readingsCount
            else { continue }
            self.readingsSeen[sensor.path] = sensor.readingsCount
            self.history[sensor.path, default: []].append(sensor.value)
            if let count = self.history[sensor.path]?.count, count > Self.historyMax {
                self.history[sensor.path]?.removeFirst(count - Self.historyMax)
            }
        }
        guard self.history.count > Self.historySensorsMax else { return }
        let shown = Set(snapshot.sensors.map(\.path))
        self.history = self.history.filter { shown.contains($0.key) }
        self.readingsSeen = self.readingsSeen.filter { shown.contains($0.key) }
    }

    /// The daemon did not answer.
    package mutating func fail(_ reason: String) { self.failure = reason }

    /// Nanoseconds since the daemon was last heard, if that is too long ago or it failed to answer.
    package func blindNanoseconds(now: UInt64) -> UInt64? {
        let silence = now > self.heardAt ? now - self.heardAt : 0
        if self.failure != nil || silence > Self.blindAfterNanoseconds { return silence }
        return nil
    }

    /// Nanoseconds by which everything in the snapshot is older than it says.
    package func lag(now: UInt64) -> UInt64 {
        now > self.snapshotAt ? now - self.snapshotAt : 0
    }
}
