// SPDX-License-Identifier: Apache-2.0

package import JSONText
package import MidwatchModel

/// What the archive has of one sensor over a time, a point a minute.
package struct HistoryView: OperatorView {
    /// One minute of readings.
    package struct Minute: OperatorView {
        /// Its beginning.
        package var at: WallInstant
        /// Of the usable values; nil if there was none.
        package var lowest: Double?
        package var mean: Double?
        package var highest: Double?
        package var readings: Int64

        package init(
            at: WallInstant, lowest: Double?, mean: Double?, highest: Double?, readings: Int64
        ) {
            self.at = at
            self.lowest = lowest
            self.mean = mean
            self.highest = highest
            self.readings = readings
        }

        package func encode(to json: inout JSONWriter) {
            json.object { json in
                json.field("at", self.at.rfc3339)
                json.fieldIfPresent("lowest", self.lowest)
                json.fieldIfPresent("mean", self.mean)
                json.fieldIfPresent("highest", self.highest)
                json.field("readings", self.readings)
            }
        }

        package init(json: JSONValue) throws(ViewError) {
            let reader = try ViewReader(json, place: "minute")
            self.init(
                at: try reader.wall("at"), lowest: try reader.numberIfPresent("lowest"),
                mean: try reader.numberIfPresent("mean"),
                highest: try reader.numberIfPresent("highest"),
                readings: try reader.integer("readings"))
        }
    }

    package var path: String
    package var unit: String
    package var from: WallInstant
    package var to: WallInstant
    /// Ascending; a minute without readings is not there.
    package var minutes: [Minute]
    /// Whether there were more minutes than one answer has; the newest are missing.
    package var isTruncated: Bool

    package init(
        path: String, unit: String, from: WallInstant, to: WallInstant, minutes: [Minute],
        isTruncated: Bool = false
    ) {
        self.path = path
        self.unit = unit
        self.from = from
        self.to = to
        self.minutes = minutes
        self.isTruncated = isTruncated
    }

    package func encode(to json: inout JSONWriter) {
        json.object { json in
            json.field("path", self.path)
            json.field("unit", self.unit)
            json.field("from", self.from.rfc3339)
            json.field("to", self.to.rfc3339)
            json.field("minutes", self.minutes)
            json.field("truncated", self.isTruncated)
        }
    }

    package init(json: JSONValue) throws(ViewError) {
        let reader = try ViewReader(json, place: "history")
        self.init(
            path: try reader.text("path"), unit: try reader.text("unit"),
            from: try reader.wall("from"), to: try reader.wall("to"),
            minutes: try reader.views("minutes"), isTruncated: try reader.flag("truncated"))
    }
}
