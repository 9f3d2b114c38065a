// SPDX-License-Identifier: Apache-2.0

package import JSONText

/// How many alarms people get: what matters while it happens.
package struct AlarmLoadView: OperatorView {
    /// Alarms annunciated in the last ten minutes.
    package var inTenMinutes: UInt64 = 0
    /// More than ten came in ten minutes, and not yet fewer than five.
    package var isFlood = false
    /// Floods since the daemon started, and the time spent in them.
    package var floodCount: UInt64 = 0
    package var floodNanoseconds: UInt64 = 0
    /// Alarms that came three times in the last minute.
    package var chatteringCount: UInt64 = 0
    package var fleetingCount: UInt64 = 0

    package init() {}

    package func encode(to json: inout JSONWriter) {
        json.object { json in
            json.field("inTenMinutes", self.inTenMinutes)
            json.field("flood", self.isFlood)
            json.field("floodCount", self.floodCount)
            json.field("floodNanoseconds", self.floodNanoseconds)
            json.field("chatteringCount", self.chatteringCount)
            json.field("fleetingCount", self.fleetingCount)
        }
    }

    package init(json: JSONValue) throws(ViewError) {
        let reader = try ViewReader(json, place: "load")
        self.inTenMinutes = try reader.integer("inTenMinutes")
        self.isFlood = try reader.flag("flood")
        self.floodCount = try reader.integer("floodCount")
        self.floodNanoseconds = try reader.integer("floodNanoseconds")
        self.chatteringCount = try reader.integer("chatteringCount")
        self.fleetingCount = try reader.integer("fleetingCount")
    }
}
