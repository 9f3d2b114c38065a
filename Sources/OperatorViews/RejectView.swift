// SPDX-License-Identifier: Apache-2.0

package import JSONText
package import MidwatchModel

/// One of the last pieces of input that a listener refused, or took with a reservation.
package struct RejectView: OperatorView {
    /// Name of the listener, `mqtt/gateways`.
    package var listener: String
    /// Counts what the listener refused since the start, from 1.
    package var number: UInt64
    package var time: WallInstant
    /// Who sent it; empty if the source has no name.
    package var source: String
    /// Escaped; empty without one.
    package var topic = ""
    /// Word of the counter that counted it.
    package var cause: String
    /// More about the cause.
    package var detail = ""
    /// Bytes from the start of the message to the fault.
    package var offset: Int?
    /// Bytes of what was refused.
    package var inputBytes: Int
    /// Its first bytes, escaped.
    package var excerpt: String

    package init(
        listener: String, number: UInt64, time: WallInstant, source: String, cause: String,
        inputBytes: Int, excerpt: String
    ) {
        self.listener = listener
        self.number = number
        self.time = time
        self.source = source
        self.cause = cause
        self.inputBytes = inputBytes
        self.excerpt = excerpt
    }

    package func encode(to json: inout JSONWriter) {
        json.object { json in
            json.field("listener", self.listener)
            json.field("number", self.number)
            json.field("time", self.time.rfc3339)
            json.field("source", self.source)
            json.field("topic", self.topic)
            json.field("cause", self.cause)
            json.field("detail", self.detail)
            json.fieldIfPresent("offset", self.offset)
            json.field("inputBytes", self.inputBytes)
            json.field("excerpt", self.excerpt)
        }
    }

    package init(json: JSONValue) throws(ViewError) {
        let reader = try ViewReader(json, place: "reject")
        self.init(
            listener: try reader.text("listener"), number: try reader.integer("number"),
            time: try reader.wall("time"), source: try reader.text("source"),
            cause: try reader.text("cause"), inputBytes: try reader.integer("inputBytes"),
            excerpt: try reader.text("excerpt"))
        self.topic = try reader.text("topic")
        self.detail = try reader.text("detail")
        self.offset = try reader.integerIfPresent("offset")
    }
}
