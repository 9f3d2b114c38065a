// SPDX-License-Identifier: Apache-2.0

package import JSONText
package import MidwatchModel

/// How well Midwatch itself does its work.
package enum HealthLevel: Sendable, CaseIterable {
    /// Every promise is kept.
    case healthy
    /// It watches and alerts, and some promise is in danger: see the modes.
    case degraded
    /// It cannot do its job.
    case failed

    package var word: String {
        switch self {
        case .healthy: "healthy"
        case .degraded: "degraded"
        case .failed: "failed"
        }
    }
}

extension HealthLevel: ViewWord {}

/// The state of the monitor itself.
package struct StatusView: OperatorView {
    package var node: String
    package var site = ""
    package var version: String
    package var configurationRevision = ""
    package var health: HealthLevel
    /// Degraded modes in words, such as "journal stalled" or "archive unreachable".
    package var modes: [String] = []
    package var startedAt: WallInstant
    /// Wall clock of the daemon when it made this view.
    package var time: WallInstant
    package var engineTimeNanoseconds: UInt64 = 0
    package var epoch: UInt32 = 0
    /// Position of the last record the engine has applied, `epoch:n`.
    package var position = "0:0"
    package var sensors = SensorCounts()
    package var alarms = AlarmCounts()
    package var load = AlarmLoadView()
    package var rates = StageRates()
    package var queues = QueueLevels()
    package var latencies: [LatencyView] = []
    package var stages: [StageView] = []
    package var watchdog = WatchdogView()
    package var endpoints: [EndpointView] = []
    package var archive = ArchiveView()
    package var disk = DiskView()

    package init(
        node: String, version: String, health: HealthLevel, startedAt: WallInstant,
        time: WallInstant
    ) {
        self.node = node
        self.version = version
        self.health = health
        self.startedAt = startedAt
        self.time = time
    }

    package func encode(to json: inout JSONWriter) {
        json.object { json in
            json.field("node", self.node)
            json.field("site", self.site)
            json.field("version", self.version)
            json.field("configurationRevision", self.configurationRevision)
            json.field("health", self.health.word)
            json.field("modes", self.modes)
            json.field("startedAt", self.startedAt.rfc3339)
            json.field("time", self.time.rfc3339)
            json.field("engineTimeNanoseconds", self.engineTimeNanoseconds)
            json.field("epoch", self.epoch)
            json.field("position", self.position)
            json.field("sensors", self.sensors)
            json.field("alarms", self.alarms)
            json.field("load", self.load)
            json.field("rates", self.rates)
            json.field("queues", self.queues)
            json.field("latencies", self.latencies)
            json.field("stages", self.stages)
            json.field("watchdog", self.watchdog)
            json.field("endpoints", self.endpoints)
            json.field("archive", self.archive)
            json.field("disk", self.disk)
        }
    }

    package init(json: JSONValue) throws(ViewError) {
        let reader = try ViewReader(json, place: "status")
        self.init(
            node: try reader.text("node"), version: try reader.text("version"),
            health: try reader.word("health"), startedAt: try reader.wall("startedAt"),
            time: try reader.wall("time"))
        self.site = try reader.text("site")
        self.configurationRevision = try reader.text("configurationRevision")
        self.modes = try reader.texts("modes")
        self.engineTimeNanoseconds = try reader.integer("engineTimeNanoseconds")
        self.epoch = try reader.integer("epoch")
        self.position = try reader.text("position")
        self.sensors = try reader.view("sensors")
        self.alarms = try reader.view("alarms")
        self.load = try reader.viewIfPresent("load") ?? AlarmLoadView()
        self.rates = try reader.view("rates")
        self.queues = try reader.view("queues")
        self.latencies = try reader.views("latencies")
        self.stages = try reader.views("stages")
        self.watchdog = try reader.view("watchdog")
        self.endpoints = try reader.views("endpoints")
        self.archive = try reader.view("archive")
        self.disk = try reader.view("disk")
    }
}

/// How many sensors are in each state of freshness.
package struct SensorCounts: OperatorView {
    package var fresh: UInt64 = 0
    package var stale: UInt64 = 0
    package var unverified: UInt64 = 0
    package var neverReceived: UInt64 = 0

    package init() {}

    package var total: UInt64 { self.fresh + self.stale + self.unverified + self.neverReceived }

    package func encode(to json: inout JSONWriter) {
        json.object { json in
            json.field("fresh", self.fresh)
            json.field("stale", self.stale)
            json.field("unverified", self.unverified)
            json.field("neverReceived", self.neverReceived)
        }
    }

    package init(json: JSONValue) throws(ViewError) {
        let reader = try ViewReader(json, place: "sensors")
        self.fresh = try reader.integer("fresh")
        self.stale = try reader.integer("stale")
        self.unverified = try reader.integer("unverified")
        self.neverReceived = try reader.integer("neverReceived")
    }
}

/// How many alarms are in each state, and how many of those not normal have each priority.
package struct AlarmCounts: OperatorView {
    package var unacknowledged: UInt64 = 0
    package var acknowledged: UInt64 = 0
    package var returnedUnacknowledged: UInt64 = 0
    package var latchedUnacknowledged: UInt64 = 0
    package var latchedAcknowledged: UInt64 = 0
    /// Not annunciated for a reason, whatever their state.
    package var suppressed: UInt64 = 0
    package var critical: UInt64 = 0
    package var high: UInt64 = 0
    package var medium: UInt64 = 0
    package var low: UInt64 = 0

    package init() {}

    package func encode(to json: inout JSONWriter) {
        json.object { json in
            json.field("unacknowledged", self.unacknowledged)
            json.field("acknowledged", self.acknowledged)
            json.field("returnedUnacknowledged", self.returnedUnacknowledged)
            json.field("latchedUnacknowledged", self.latchedUnacknowledged)
            json.field("latchedAcknowledged", self.latchedAcknowledged)
            json.field("suppressed", self.suppressed)
            json.field("critical", self.critical)
            json.field("high", self.high)
            json.field("medium", self.medium)
            json.field("low", self.low)
        }
    }

    package init(json: JSONValue) throws(ViewError) {
        let reader = try ViewReader(json, place: "alarms")
        self.unacknowledged = try reader.integer("unacknowledged")
        self.acknowledged = try reader.integer("acknowledged")
        self.returnedUnacknowledged = try reader.integer("returnedUnacknowledged")
        self.latchedUnacknowledged = try reader.integer("latchedUnacknowledged")
        self.latchedAcknowledged = try reader.integer("latchedAcknowledged")
        self.suppressed = try reader.integer("suppressed")
        self.critical = try reader.integer("critical")
        self.high = try reader.integer("high")
        self.medium = try reader.integer("medium")
        self.low = try reader.integer("low")
    }
}
