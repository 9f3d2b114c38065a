// SPDX-License-Identifier: Apache-2.0

internal import JSONText
package import MidwatchModel

/// The JSON text of one attempt: `{"type":…,"timestamp":…,"data":{…,"delivery":{…}}}`.
package enum AlertEnvelope {
    /// The bytes to sign and to send.
    ///
    /// The members of the alert are copied as the program wrote them; `delivery` says how this
    /// message came to leave now. `recorded` false means that input or decision were not durable
    /// when it was handed over, and its readings are in the alert itself. `number` counts attempts
    /// from 1; `delayedBySeconds` is measured from the event to `now`, the wall clock.
    package static func body(of item: QueuedAlert, number: UInt32, now: WallInstant) -> [UInt8] {
        let alert = item.alert
        precondition(alert.body.last == UInt8(ascii: "}"), "body is not an object")
        var delivery = JSONWriter()
        delivery.object { json in
            json.field("attempt", number)
            json.field("firstAttemptAt", (item.firstAttemptAt ?? now).rfc3339)
            let delay = now.nanoseconds.subtractingReportingOverflow(alert.occurredAt.nanoseconds)
            let milliseconds = delay.overflow ? 0 : max(0, delay.partialValue) / 1_000_000
            json.field("delayedBySeconds", Double(milliseconds) / 1_000)
            json.field("recorded", alert.isRecorded)
            if item.supersededCount > 0 {
                json.field("supersededCount", item.supersededCount)
                json.arrayField("superseded") { json in
                    for id in item.supersededIDs { json.value(id) }
                }
            }
        }
        var data = Array(alert.body.dropLast())
        let isEmpty = !data.dropFirst().contains { !Self.isSpace($0) }
        if !isEmpty { data.append(UInt8(ascii: ",")) }
        data.append(contentsOf: "\"delivery\":".utf8)
        data.append(contentsOf: delivery.bytes)
        data.append(UInt8(ascii: "}"))

        var json = JSONWriter(reservingBytes: data.count + 128)
        json.object { json in
            json.field("type", alert.type)
            json.field("timestamp", alert.occurredAt.rfc3339)
            json.name("data")
            json.rawValue(data)
        }
        return json.bytes
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D
    }
}
