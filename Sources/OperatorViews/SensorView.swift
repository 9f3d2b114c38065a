// SPDX-License-Identifier: Apache-2.0

package import JSONText
package import MidwatchModel

/// What an operator sees of one sensor.
///
/// A stale sensor keeps its last value here, with its age: who shows it must show `freshness`
/// beside the value.
package struct SensorView: OperatorView {
    package var path: String
    package var index: UInt32
    package var title = ""
    package var unit = ""
    /// nil: never received, or not a number.
    package var value: Double?
    package var valueKind = ValueKind.float64
    package var quality = Quality.good
    /// OPC UA status code.
    package var statusCode: UInt32 = StatusCode.good
    package var freshness: Freshness
    /// An alarm state is held since then because its condition cannot be verified.
    package var heldSince: WallInstant?
    /// Since the last live reading arrived; nil if there was none.
    package var ageNanoseconds: UInt64?
    package var deadlineNanoseconds: UInt64
    package var supervision = SupervisionMode.periodic
    package var criticality = SensorCriticality.normal
    package var sourceTime: WallInstant?
    package var sourceTimeStatus = SourceTimeStatus.absent
    package var arrivalTime: WallInstant?
    /// Name of the source of the last reading; empty if there was none.
    package var source = ""
    /// Readings that came too late to be live and went to history only.
    package var backlogCount: UInt64 = 0
    /// Whether the configuration names the sensor.
    package var declared = true
    package var limits: LimitsView?
    /// The most urgent alarm of the sensor that is not normal.
    package var alarm: AlarmMark?
    package var readingsCount: UInt64 = 0

    package init(path: String, index: UInt32, freshness: Freshness, deadlineNanoseconds: UInt64) {
        self.path = path
        self.index = index
        self.freshness = freshness
        self.deadlineNanoseconds = deadlineNanoseconds
    }

    package func encode(to json: inout JSONWriter) {
        json.object { json in
            json.field("path", self.path)
            json.field("index", self.index)
            json.field("title", self.title)
            json.field("unit", self.unit)
            json.fieldIfPresent("value", self.value)
            json.field("valueKind", self.valueKind.word)
            json.field("quality", self.quality.word)
            json.field("statusCode", self.statusCode)
            json.field("freshness", self.freshness.word)
            json.fieldIfPresent("heldSince", self.heldSince)
            json.fieldIfPresent("ageNanoseconds", self.ageNanoseconds)
            json.field("deadlineNanoseconds", self.deadlineNanoseconds)
            json.field("supervision", self.supervision.word)
            json.field("criticality", self.criticality.word)
            json.fieldIfPresent("sourceTime", self.sourceTime)
            json.field("sourceTimeStatus", self.sourceTimeStatus.word)
            json.fieldIfPresent("arrivalTime", self.arrivalTime)
            json.field("source", self.source)
            json.field("backlogCount", self.backlogCount)
            json.field("declared", self.declared)
            json.fieldIfPresent("limits", self.limits)
            json.fieldIfPresent("alarm", self.alarm)
            json.field("readingsCount", self.readingsCount)
        }
    }

    package init(json: JSONValue) throws(ViewError) {
        let reader = try ViewReader(json, place: "sensor")
        self.init(
            path: try reader.text("path"), index: try reader.integer("index"),
            freshness: try reader.word("freshness"),
            deadlineNanoseconds: try reader.integer("deadlineNanoseconds"))
        self.title = try reader.text("title")
        self.unit = try reader.text("unit")
        self.value = try reader.numberIfPresent("value")
        self.valueKind = try reader.word("valueKind")
        self.quality = try reader.word("quality")
        self.statusCode = try reader.integer("statusCode")
        self.heldSince = try reader.wallIfPresent("heldSince")
        self.ageNanoseconds = try reader.integerIfPresent("ageNanoseconds")
        self.supervision = try reader.word("supervision")
        self.criticality = try reader.word("criticality")
        self.sourceTime = try reader.wallIfPresent("sourceTime")
        self.sourceTimeStatus = try reader.word("sourceTimeStatus")
        self.arrivalTime = try reader.wallIfPresent("arrivalTime")
        self.source = try reader.text("source")
        self.backlogCount = try reader.integer("backlogCount")
        self.declared = try reader.flag("declared")
        self.limits = try reader.viewIfPresent("limits")
        self.alarm = try reader.viewIfPresent("alarm")
        self.readingsCount = try reader.integer("readingsCount")
    }
}

/// The setpoints of a sensor; nil where it has none.
package struct LimitsView: OperatorView {
    package var lowLow: Double?
    package var low: Double?
    package var high: Double?
    package var highHigh: Double?
    /// How far a value must be back within the setpoint before its alarm returns; nil: not at all.
    package var lowLowDeadband: Double?
    package var lowDeadband: Double?
    package var highDeadband: Double?
    package var highHighDeadband: Double?

    package init(
        lowLow: Double? = nil, low: Double? = nil, high: Double? = nil, highHigh: Double? = nil
    ) {
        self.lowLow = lowLow
        self.low = low
        self.high = high
        self.highHigh = highHigh
    }

    package func encode(to json: inout JSONWriter) {
        json.object { json in
            json.fieldIfPresent("lowLow", self.lowLow)
            json.fieldIfPresent("low", self.low)
            json.fieldIfPresent("high", self.high)
            json.fieldIfPresent("highHigh", self.highHigh)
            json.fieldIfPresent("lowLowDeadband", self.lowLowDeadband)
            json.fieldIfPresent("lowDeadband", self.lowDeadband)
            json.fieldIfPresent("highDeadband", self.highDeadband)
            json.fieldIfPresent("highHighDeadband", self.highHighDeadband)
        }
    }

    package init(json: JSONValue) throws(ViewError) {
        let reader = try ViewReader(json, place: "limits")
        self.init(
            lowLow: try reader.numberIfPresent("lowLow"), low: try reader.numberIfPresent("low"),
            high: try reader.numberIfPresent("high"),
            highHigh: try reader.numberIfPresent("highHigh"))
        self.lowLowDeadband = try reader.numberIfPresent("lowLowDeadband")
        self.lowDeadband = try reader.numberIfPresent("lowDeadband")
        self.highDeadband = try reader.numberIfPresent("highDeadband")
        self.highHighDeadband = try reader.numberIfPresent("highHighDeadband")
    }
}

/// State and priority of an alarm, beside the sensor it belongs to.
package struct AlarmMark: OperatorView {
    package var state: AlarmState
    package var priority: AlarmPriority

    package init(state: AlarmState, priority: AlarmPriority) {
        self.state = state
        self.priority = priority
    }

    package func encode(to json: inout JSONWriter) {
        json.object { json in
            json.field("state", self.state.word)
            json.field("priority", self.priority.word)
        }
    }

    package init(json: JSONValue) throws(ViewError) {
        let reader = try ViewReader(json, place: "alarm mark")
        self.init(state: try reader.word("state"), priority: try reader.word("priority"))
    }
}
