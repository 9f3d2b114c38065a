// SPDX-License-Identifier: Apache-2.0

internal import JSONText
internal import MidwatchModel

/// PagerDuty's Events API, version 2.
enum PagerDutyText {
    static let summaryCharactersMax = 1_024
    static let keyCharactersMax = 255
    /// No bound is published; longer ones are of no use on a screen.
    static let fieldCharactersMax = 255
    static let linkTextCharactersMax = 100

    /// One event; a standing alarm keeps its `dedup_key` over activations.
    static func event(_ facts: NativeAlert, routingKey: String) -> [UInt8] {
        let isTrigger = facts.phase == .raised || facts.phase == .notice
        var json = JSONWriter(reservingBytes: facts.native.count + 2_048)
        json.object { json in
            json.field("routing_key", routingKey)
            json.field("event_action", self.action(facts.phase))
            json.field("dedup_key", facts.deduplicationKey(charactersMax: self.keyCharactersMax))
            guard isTrigger else { return }
            json.objectField("payload") { self.writePayload(facts, to: &$0) }
            json.field("client", "Midwatch \(facts.node)")
            json.arrayField("links") { json in
                for link in facts.links {
                    json.object { json in
                        json.field("href", link.href)
                        json.field("text", TextLimit.cut(link.text, self.linkTextCharactersMax))
                    }
                }
            }
        }
        return json.bytes
    }

    private static func writePayload(_ facts: NativeAlert, to json: inout JSONWriter) {
        json.field("summary", TextLimit.cut(facts.headline, self.summaryCharactersMax))
        let source = facts.sensor.isEmpty ? facts.node : facts.sensor
        json.field("source", TextLimit.cut(source, self.fieldCharactersMax))
        json.field("severity", self.severity(facts.alert.priority))
        json.field("timestamp", facts.alert.occurredAt.rfc3339)
        for (name, text) in [
            ("component", facts.component), ("group", facts.group), ("class", facts.rule),
        ] where !text.isEmpty {
            json.field(name, TextLimit.cut(text, self.fieldCharactersMax))
        }
        // The alert's own JSON is bounded well below the 512 KB of an event.
        json.field("custom_details", facts.envelope["data"] ?? .object([]))
    }

    private static func action(_ phase: NativeAlert.Phase) -> String {
        switch phase {
        case .raised, .notice: "trigger"
        case .acknowledged: "acknowledge"
        case .returned: "resolve"
        }
    }

    private static func severity(_ priority: AlarmPriority) -> String {
        switch priority {
        case .critical: "critical"
        case .high: "error"
        case .medium: "warning"
        case .low: "info"
        }
    }
}
