// SPDX-License-Identifier: Apache-2.0

package import JSONText

/// Readings a second through each stage.
package struct StageRates: OperatorView {
    package var received = 0.0
    package var accepted = 0.0
    package var evaluated = 0.0
    package var journaled = 0.0
    package var archived = 0.0

    package init() {}

    package func encode(to json: inout JSONWriter) {
        json.object { json in
            json.field("received", self.received)
            json.field("accepted", self.accepted)
            json.field("evaluated", self.evaluated)
            json.field("journaled", self.journaled)
            json.field("archived", self.archived)
        }
    }

    package init(json: JSONValue) throws(ViewError) {
        let reader = try ViewReader(json, place: "rates")
        self.received = try reader.number("received")
        self.accepted = try reader.number("accepted")
        self.evaluated = try reader.number("evaluated")
        self.journaled = try reader.number("journaled")
        self.archived = try reader.number("archived")
    }
}

/// How full the queues between the stages are.
package struct QueueLevels: OperatorView {
    /// From 0 to 1, against the slowest reader.
    package var ringFill = 0.0
    package var journalStagedBytes: UInt64 = 0
    package var archiveLagRecords: UInt64 = 0
    package var archiveLagSeconds = 0.0
    package var deliveryBacklog: UInt64 = 0

    package init() {}

    package func encode(to json: inout JSONWriter) {
        json.object { json in
            json.field("ringFill", self.ringFill)
            json.field("journalStagedBytes", self.journalStagedBytes)
            json.field("archiveLagRecords", self.archiveLagRecords)
            json.field("archiveLagSeconds", self.archiveLagSeconds)
            json.field("deliveryBacklog", self.deliveryBacklog)
        }
    }

    package init(json: JSONValue) throws(ViewError) {
        let reader = try ViewReader(json, place: "queues")
        self.ringFill = try reader.number("ringFill")
        self.journalStagedBytes = try reader.integer("journalStagedBytes")
        self.archiveLagRecords = try reader.integer("archiveLagRecords")
        self.archiveLagSeconds = try reader.number("archiveLagSeconds")
        self.deliveryBacklog = try reader.integer("deliveryBacklog")
    }
}

/// Latency of one stage over the last interval, in nanoseconds.
package struct LatencyView: OperatorView {
    package var stage: String
    package var p50Nanoseconds: UInt64
    package var p99Nanoseconds: UInt64
    package var p999Nanoseconds: UInt64
    package var maxNanoseconds: UInt64

    package init(
        stage: String, p50Nanoseconds: UInt64, p99Nanoseconds: UInt64, p999Nanoseconds: UInt64,
        maxNanoseconds: UInt64
    ) {
        self.stage = stage
        self.p50Nanoseconds = p50Nanoseconds
        self.p99Nanoseconds = p99Nanoseconds
        self.p999Nanoseconds = p999Nanoseconds
        self.maxNanoseconds = maxNanoseconds
    }

    package func encode(to json: inout JSONWriter) {
        json.object { json in
            json.field("stage", self.stage)
            json.field("p50Nanoseconds", self.p50Nanoseconds)
            json.field("p99Nanoseconds", self.p99Nanoseconds)
            json.field("p999Nanoseconds", self.p999Nanoseconds)
            json.field("maxNanoseconds", self.maxNanoseconds)
        }
    }

    package init(json: JSONValue) throws(ViewError) {
        let reader = try ViewReader(json, place: "latency")
        self.init(
            stage: try reader.text("stage"),
            p50Nanoseconds: try reader.integer("p50Nanoseconds"),
            p99Nanoseconds: try reader.integer("p99Nanoseconds"),
            p999Nanoseconds: try reader.integer("p999Nanoseconds"),
            maxNanoseconds: try reader.integer("maxNanoseconds"))
    }
}

/// Heartbeat of one stage: what the watchdog judges it by.
package struct StageView: OperatorView {
    package var name: String
    package var beatAgeNanoseconds: UInt64
    package var backlog: UInt64

    package init(name: String, beatAgeNanoseconds: UInt64, backlog: UInt64) {
        self.name = name
        self.beatAgeNanoseconds = beatAgeNanoseconds
        self.backlog = backlog
    }

    package func encode(to json: inout JSONWriter) {
        json.object { json in
            json.field("name", self.name)
            json.field("beatAgeNanoseconds", self.beatAgeNanoseconds)
            json.field("backlog", self.backlog)
        }
    }

    package init(json: JSONValue) throws(ViewError) {
        let reader = try ViewReader(json, place: "stage")
        self.init(
            name: try reader.text("name"),
            beatAgeNanoseconds: try reader.integer("beatAgeNanoseconds"),
            backlog: try reader.integer("backlog"))
    }
}

/// What the daemon knows of its watchdog.
package struct WatchdogView: OperatorView {
    package var alive = false
    /// Since the watchdog last showed life; nil if it never did.
    package var ageNanoseconds: UInt64?

    package init() {}

    package func encode(to json: inout JSONWriter) {
        json.object { json in
            json.field("alive", self.alive)
            json.fieldIfPresent("ageNanoseconds", self.ageNanoseconds)
        }
    }

    package init(json: JSONValue) throws(ViewError) {
        let reader = try ViewReader(json, place: "watchdog")
        self.alive = try reader.flag("alive")
        self.ageNanoseconds = try reader.integerIfPresent("ageNanoseconds")
    }
}

/// One endpoint that alerts are delivered to.
package struct EndpointView: OperatorView {
    package var name: String
    /// State of its circuit breaker: closed, open, halfOpen.
    package var breaker: String
    /// Whether anything is sent there at all: `usable`; `paused`, it refused our credentials;
    /// `disabled`, it said that it is gone; `unusable`, a secret is missing.
    package var condition = EndpointView.usable
    package var queue: UInt64
    package var oldestAgeSeconds: Double

    package static let usable = "usable"
    /// An alert that waits for longer is not on its way any more.
    package static let waitSecondsMax = 60.0

    package init(name: String, breaker: String, queue: UInt64, oldestAgeSeconds: Double) {
        self.name = name
        self.breaker = breaker
        self.queue = queue
        self.oldestAgeSeconds = oldestAgeSeconds
    }

    /// Whether it takes alerts as far as is known; a closed breaker alone does not say so.
    package var isInOrder: Bool { self.condition == Self.usable && self.breaker == "closed" }

    /// Whether alerts to it do not arrive now.
    package var isLost: Bool {
        self.condition != Self.usable || self.breaker == "open"
            || (self.queue > 0 && self.oldestAgeSeconds > Self.waitSecondsMax)
    }

    package func encode(to json: inout JSONWriter) {
        json.object { json in
            json.field("name", self.name)
            json.field("breaker", self.breaker)
            json.field("condition", self.condition)
            json.field("queue", self.queue)
            json.field("oldestAgeSeconds", self.oldestAgeSeconds)
        }
    }

    package init(json: JSONValue) throws(ViewError) {
        let reader = try ViewReader(json, place: "endpoint")
        self.init(
            name: try reader.text("name"), breaker: try reader.text("breaker"),
            queue: try reader.integer("queue"),
            oldestAgeSeconds: try reader.number("oldestAgeSeconds"))
        self.condition = try reader.textIfPresent("condition") ?? Self.usable
    }
}

/// The archive and how far it has come.
package struct ArchiveView: OperatorView {
    /// "sqlite", "postgresql", or "none".
    package var store = "none"
    /// One word or two: "running", "unreachable", "stopped".
    package var state = ""
    package var breaker = ""
    /// Position up to which every reading is archived, `epoch:n`.
    package var archivedThrough = "0:0"

    package init() {}

    package func encode(to json: inout JSONWriter) {
        json.object { json in
            json.field("store", self.store)
            json.field("state", self.state)
            json.field("breaker", self.breaker)
            json.field("archivedThrough", self.archivedThrough)
        }
    }

    package init(json: JSONValue) throws(ViewError) {
        let reader = try ViewReader(json, place: "archive")
        self.store = try reader.text("store")
        self.state = try reader.text("state")
        self.breaker = try reader.text("breaker")
        self.archivedThrough = try reader.text("archivedThrough")
    }
}

/// The disk that holds the journal.
package struct DiskView: OperatorView {
    package var bytesFree: UInt64 = 0
    /// Since the disk said so: one that hangs says nothing; nil: it never did.
    package var ageNanoseconds: UInt64?
    /// At the present rate, until retention must give something up; nil: it never fills.
    package var timeToFullSeconds: UInt64?

    package init() {}

    package func encode(to json: inout JSONWriter) {
        json.object { json in
            json.field("bytesFree", self.bytesFree)
            json.fieldIfPresent("ageNanoseconds", self.ageNanoseconds)
            json.fieldIfPresent("timeToFullSeconds", self.timeToFullSeconds)
        }
    }

    package init(json: JSONValue) throws(ViewError) {
        let reader = try ViewReader(json, place: "disk")
        self.bytesFree = try reader.integer("bytesFree")
        self.ageNanoseconds = try reader.integerIfPresent("ageNanoseconds")
        self.timeToFullSeconds = try reader.integerIfPresent("timeToFullSeconds")
    }
}
