// SPDX-License-Identifier: Apache-2.0

internal import JSONText
internal import MidwatchModel

/// CloudEvents 1.0 in the structured JSON form, around the native data.
enum CloudEventText {
    static func event(_ facts: NativeAlert) -> [UInt8] {
        var json = JSONWriter(reservingBytes: facts.native.count + 512)
        json.object { json in
            json.field("specversion", "1.0")
            json.field("id", facts.alert.id)
            json.field(
                "source", "/midwatch/\(self.segment(facts.site))/\(self.segment(facts.node))")
            json.field("type", "midwatch.\(facts.alert.type)")
            json.field("subject", facts.alert.alarmID)
            json.field("time", facts.alert.occurredAt.rfc3339)
            json.field("datacontenttype", "application/json")
            json.field("data", facts.envelope["data"] ?? .object([]))
        }
        return json.bytes
    }

    /// A text as one segment of a URI reference.
    private static func segment(_ text: String) -> String {
        text.isEmpty ? "-" : PercentText.encode(text)
    }
}
