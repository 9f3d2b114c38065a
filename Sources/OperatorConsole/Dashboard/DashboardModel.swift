// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel
package import OperatorViews

/// What the daemon answered to one round of questions; nil is what was not asked for.
package struct DashboardAnswer: Sendable, Equatable {
    /// When the round began: everything in it is at least that old.
    package var askedAt: UInt64
    package var status: StatusView
    package var alarms: [AlarmView]?
    /// The most urgent alarms, asked for beside `alarms` where a filter narrows these.
    package var urgent: [AlarmView]?
    /// Sensors that need attention most, worst first.
    package var worst: [SensorView]?
    /// Sensors of the windows of the need.
    package var sensors: [SensorView] = []
    package var directory: SensorDirectory?
    /// Sensors of which the present is not known.
    package var unknown: UnknownSensors?
    /// Ledger records behind those of the answers before.
    package var events: [EventView] = []
    package var rejects: [RejectView]?
    package var metrics: MetricsPicture?
    package var commands: CommandSet?
    /// Areas whose mode chooses the limits of their sensors.
    package var areas: [AreaView]?
    package var alarmDetail: AlarmDetail?
    package var sensorDetail: SensorDetail?
    package var deliveryDetail: DeliveryDetail?
    /// Why something was not answered while the rest was.
    package var trouble: String?

    package init(askedAt: UInt64, status: StatusView) {
        self.askedAt = askedAt
        self.status = status
    }
}

/// The dashboard's model: what the daemon said last, how old that is, and a short history.
///
/// Time is an argument: nanoseconds of any clock that only moves forward. Between answers and
/// while the daemon does not answer, ages go on counting from the last one.
package struct DashboardModel: Sendable, Equatable {
    /// A sensor as it was said last.
    package struct LiveSensor: Sendable, Equatable {
        package var view: SensorView
        package var at: UInt64
    }

    /// A time in which nothing was heard of the daemon, and that is over.
    package struct Blindness: Sendable, Equatable {
        package var nanoseconds: UInt64
        package var endedAt: UInt64
        /// Whether the daemon that answers now is another run.
        package var isRestart: Bool
    }

    /// Sensors whose last state and history are kept: more than a screen shows.
    ///
    /// Their histories have `SensorSeries.bytesMax` each, 5 MB in all.
    package static let sensorsMax = 512
    /// Of more sensors so many stay, those asked for last.
    package static let sensorsKept = 384
    package static let eventsMax = 2_000
    /// Without an answer for this long the screen is blind, also if a request is still under way.
    package static let blindAfterNanoseconds: UInt64 = 3_000_000_000

    package private(set) var status: StatusView?
    /// When the newest status was asked for.
    package private(set) var statusAt: UInt64 = 0
    package private(set) var alarms: [AlarmView] = []
    /// The most urgent alarms of the whole plant, whatever the screen is narrowed to.
    package private(set) var urgent: [AlarmView] = []
    package private(set) var worst: [SensorView] = []
    package private(set) var sensors: [String: LiveSensor] = [:]
    package private(set) var series: [String: SensorSeries] = [:]
    package private(set) var directory = SensorDirectory(entries: [])
    package private(set) var unknown = UnknownSensors()
    /// Where the sensors of `alarms` and `unknown` stand in the tree of assets.
    package private(set) var standings: [String: String] = [:]
    /// Newest last.
    package private(set) var events: [EventView] = []
    package private(set) var rejects: [RejectView] = []
    package private(set) var metrics: MetricsPicture?
    package private(set) var metricsBefore: MetricsPicture?
    /// What this daemon takes; nil until it said so.
    package private(set) var commands: CommandSet?
    package private(set) var areas: [AreaView] = []
    package private(set) var alarmDetail: AlarmDetail?
    package private(set) var sensorDetail: SensorDetail?
    package private(set) var deliveryDetail: DeliveryDetail?
    package private(set) var lastBlindness: Blindness?
    /// When the dashboard began, or the daemon was last heard.
    package private(set) var heardAt: UInt64
    /// Why the daemon does not answer; nil while it does.
    package private(set) var failure: String?
    /// Why it did not answer a part of the last round.
    package private(set) var trouble: String?
    private let startedAt: UInt64

    package init(startedAt: UInt64) {
        self.heardAt = startedAt
        self.startedAt = startedAt
    }

    // MARK: Hearing

    /// The daemon answered; `now` is when the answer was complete.
    package mutating func receive(_ answer: DashboardAnswer, now: UInt64) {
        let silence = answer.askedAt > self.heardAt ? answer.askedAt - self.heardAt : 0
        let isRestart = self.status.map { $0.epoch != answer.status.epoch } ?? false
        if self.status != nil, self.failure != nil || silence > Self.blindAfterNanoseconds {
            self.lastBlindness = Blindness(
                nanoseconds: silence, endedAt: now, isRestart: isRestart)
        }
        if isRestart {
            // Another run counts anew and may take other commands.
            self.metrics = nil
            self.metricsBefore = nil
            self.commands = nil
        }
        self.status = answer.status
        self.statusAt = answer.askedAt
        self.heardAt = max(self.heardAt, answer.askedAt)
        self.failure = nil
        self.trouble = answer.trouble
        if let alarms = answer.alarms {
            self.alarms = alarms
            self.urgent = answer.urgent ?? alarms
        }
        if let directory = answer.directory { self.directory = directory }
        if let unknown = answer.unknown { self.unknown = unknown }
        if answer.directory != nil || answer.unknown != nil { self.findStandings() }
        if let rejects = answer.rejects { self.rejects = rejects }
        if let commands = answer.commands { self.commands = commands }
        if let areas = answer.areas { self.areas = areas }
        if let detail = answer.alarmDetail { self.alarmDetail = detail }
        if let detail = answer.sensorDetail { self.sensorDetail = detail }
        if let detail = answer.deliveryDetail { self.deliveryDetail = detail }
        if let metrics = answer.metrics {
            self.metricsBefore = self.metrics
            self.metrics = metrics
        }
        if let worst = answer.worst {
            self.worst = worst
            self.take(worst, at: answer.askedAt)
        }
        self.take(answer.sensors, at: answer.askedAt)
        self.take(answer.events)
    }

    /// Looked up once an answer and not once a row.
    private mutating func findStandings() {
        self.standings = [:]
        guard self.directory.hasAssets else { return }
        for path in self.alarms.map(\.path) + self.unknown.sensors.map(\.path)
        where self.standings[path] == nil {
            self.standings[path] = self.directory.standing(of: path)
        }
    }

    private mutating func take(_ views: [SensorView], at: UInt64) {
        for view in views {
            self.sensors[view.path] = LiveSensor(view: view, at: at)
            if view.freshness == .fresh {
                self.series[view.path, default: SensorSeries()].add(
                    view.value, readingsCount: view.readingsCount, at: at)
            } else {
                // A stale sensor adds nothing: its line must not look as if it went on.
                self.series[view.path]?.addGap(at: at)
            }
        }
        guard self.sensors.count > Self.sensorsMax else { return }
        let ages = self.sensors.values.map(\.at).sorted(by: >)
        // Those of this answer stay, however many they are: they are on the screen.
        let oldest = min(at, ages[min(Self.sensorsKept, ages.count) - 1])
        let gone = self.sensors.filter { $0.value.at < oldest }.keys
        for path in gone {
            self.sensors[path] = nil
            self.series[path] = nil
        }
    }

    private mutating func take(_ events: [EventView]) {
        let last = self.events.last?.n ?? 0
        self.events += events.filter { $0.n > last }
        if self.events.count > Self.eventsMax {
            self.events.removeFirst(self.events.count - Self.eventsMax)
        }
    }

    /// The daemon did not answer.
    package mutating func fail(_ reason: String) {
        self.failure = reason
        // In place: every second of a blindness comes by here.
        var index = self.series.startIndex
        while index != self.series.endIndex {
            self.series.values[index].addGap(at: self.heardAt + 1)
            self.series.formIndex(after: &index)
        }
    }

    // MARK: Asking

    /// Nanoseconds since the daemon was last heard, if that is too long ago or it failed to answer.
    package func blindNanoseconds(now: UInt64) -> UInt64? {
        let silence = now > self.heardAt ? now - self.heardAt : 0
        if self.failure != nil || silence > Self.blindAfterNanoseconds { return silence }
        return nil
    }

    /// Nanoseconds by which the status is older than it says.
    package func lag(now: UInt64) -> UInt64 {
        now > self.statusAt ? now - self.statusAt : 0
    }

    /// Wall clock of the daemon by now, as far as the dashboard knows.
    package func wall(now: UInt64) -> WallInstant? {
        self.status.map {
            WallInstant(nanoseconds: $0.time.nanoseconds &+ Int64(clamping: self.lag(now: now)))
        }
    }

    /// Number of the newest ledger record it has; nil before the first.
    package var newestEvent: UInt64? { self.events.last?.n }

    /// An alarm of the list, else the one that is looked at: that may be normal or far down.
    package func alarm(_ id: String) -> AlarmView? {
        self.alarms.first { $0.alarmID == id }
            ?? self.alarmDetail.flatMap { $0.alarmID == id ? $0.alarm : nil }
    }
}
