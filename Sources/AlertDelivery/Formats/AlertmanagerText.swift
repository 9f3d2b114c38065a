// SPDX-License-Identifier: Apache-2.0

internal import JSONText
internal import MidwatchModel

/// How an Alertmanager is kept informed.
package struct AlertmanagerOptions: Sendable, Equatable {
    /// Active alarms are posted again this often: an Alertmanager forgets alerts at its restart.
    package var repeatNanoseconds: UInt64 = 60_000_000_000
    /// How far ahead `endsAt` stands.
    ///
    /// Until then our silence is not taken for a return to normal.
    package var holdNanoseconds: UInt64 = 86_400_000_000_000
    /// How long something stays that has no end of its own, such as a digest.
    package static let noticeNanoseconds: UInt64 = 900_000_000_000

    package init() {}
}

/// Alertmanager's two JSON forms.
///
/// The label set is what an Alertmanager knows an alert by, so labels hold only what does not change
/// while an alarm stands; values and texts are annotations.
enum AlertmanagerText {
    static let labelCharactersMax = 512
    static let annotationCharactersMax = 4_096
    /// `endsAt` of an alert that has not ended, in payloads to webhooks.
    private static let noEnd = "0001-01-01T00:00:00Z"

    /// Sorted by name; an empty label is no label.
    static func labels(_ facts: NativeAlert) -> [(name: String, value: String)] {
        [
            ("alertname", facts.rule), ("area", facts.area),
            ("drill", facts.isDrill ? "true" : ""), ("node", facts.node),
            // Digests are one alert each: the second would else be taken for news of the first.
            ("notice", facts.phase == .notice ? facts.alert.id : ""),
            ("rule", facts.rule), ("sensor", facts.sensor),
            ("severity", facts.priority.word), ("site", facts.site),
        ].compactMap { name, value in
            value.isEmpty ? nil : (name, TextLimit.cut(value, self.labelCharactersMax))
        }
    }

    static func annotations(_ facts: NativeAlert) -> [(name: String, value: String)] {
        [
            ("acknowledge_url", facts.link("acknowledge")),
            ("acknowledged", facts.phase == .acknowledged ? "true" : ""),
            ("activation", facts.text("activation")),
            ("affected", facts.text("answers.affected")),
            ("alert_id", facts.alert.id),
            ("check_first", facts.texts("checkFirst").joined(separator: "\n")),
            ("consequence", facts.text("consequence")),
            ("description", facts.message),
            ("equipment", facts.text("place.equipment")),
            ("operator_action", facts.text("operatorAction")),
            ("recorded", facts.alert.isRecorded ? "true" : "false"),
            ("rule_text", facts.text("rule.text")),
            ("runbook_url", facts.runbook),
            ("setpoint", facts.text("setpoint")),
            ("summary", facts.headline),
            ("time_to_respond_seconds", facts.text("timeToRespondSeconds")),
            ("title", facts.text("title")),
            ("unit", facts.text("unit")),
            ("value", facts.text("value")),
        ].compactMap { name, value in
            value.isEmpty ? nil : (name, TextLimit.cut(value, self.annotationCharactersMax))
        }
    }

    /// The identity an Alertmanager shows for a label set: 16 hexadecimal digits.
    ///
    /// FNV-1a over the sorted names and values, a byte 255 behind each.
    static func fingerprint(_ labels: [(name: String, value: String)]) -> String {
        var hash = NameHash.empty
        for label in labels {
            hash = NameHash.of(label.name, from: hash)
            hash = NameHash.of(CollectionOfOne(255), from: hash)
            hash = NameHash.of(label.value, from: hash)
            hash = NameHash.of(CollectionOfOne(255), from: hash)
        }
        return HexDigits.text(of: hash)
    }

    /// Payload version 4 with one alert, as a group of its own.
    static func webhook(_ facts: NativeAlert) -> [UInt8] {
        let labels = self.labels(facts)
        let annotations = self.annotations(facts)
        let groupLabels = labels.filter { $0.name == "alertname" || $0.name == "site" }
        let status = facts.phase == .returned ? "resolved" : "firing"
        var json = JSONWriter(reservingBytes: 4_096)
        json.object { json in
            json.field("version", "4")
            json.field("groupKey", self.groupKey(groupLabels))
            json.field("truncatedAlerts", 0)
            json.field("status", status)
            json.field("receiver", facts.endpoint)
            self.write("groupLabels", groupLabels, to: &json)
            self.write("commonLabels", labels, to: &json)
            self.write("commonAnnotations", annotations, to: &json)
            json.field("externalURL", "")
            json.arrayField("alerts") { json in
                json.object { json in
                    json.field("status", status)
                    self.write("labels", labels, to: &json)
                    self.write("annotations", annotations, to: &json)
                    json.field("startsAt", facts.alert.occurredAt.rfc3339)
                    json.field(
                        "endsAt",
                        facts.phase == .returned ? facts.alert.occurredAt.rfc3339 : self.noEnd)
                    json.field("generatorURL", facts.runbook)
                    json.field("fingerprint", self.fingerprint(labels))
                }
            }
        }
        return json.bytes
    }

    /// The key of a group, such as `{}:{alertname="high", site="tunnel"}`.
    private static func groupKey(_ labels: [(name: String, value: String)]) -> String {
        let pairs = labels.map { label in
            var json = JSONWriter()
            json.value(label.value)
            return "\(label.name)=\(json.text)"
        }
        return "{}:{\(pairs.joined(separator: ", "))}"
    }

    /// The body of `POST /api/v2/alerts`.
    static func posting(
        _ alerts: [NativeAlert], _ options: AlertmanagerOptions, now: WallInstant
    ) -> [UInt8] {
        var json = JSONWriter(reservingBytes: 2_048 * alerts.count)
        json.array { json in
            for facts in alerts {
                let labels = self.labels(facts)
                json.object { json in
                    self.write("labels", labels, to: &json)
                    self.write("annotations", self.annotations(facts), to: &json)
                    // Of an end only its time is known; the Alertmanager keeps the beginning.
                    if facts.phase != .returned {
                        let start = min(facts.alert.occurredAt.nanoseconds, now.nanoseconds)
                        json.field("startsAt", WallInstant(nanoseconds: start).rfc3339)
                    }
                    json.field("endsAt", self.end(facts, options, now: now).rfc3339)
                    if !facts.runbook.isEmpty { json.field("generatorURL", facts.runbook) }
                }
            }
        }
        return json.bytes
    }

    private static func end(
        _ facts: NativeAlert, _ options: AlertmanagerOptions, now: WallInstant
    ) -> WallInstant {
        let ahead: UInt64 =
            switch facts.phase {
            case .returned: 0
            case .notice: AlertmanagerOptions.noticeNanoseconds
            case .raised, .acknowledged: options.holdNanoseconds
            }
        return WallInstant(nanoseconds: now.nanoseconds &+ Int64(clamping: ahead))
    }

    private static func write(
        _ name: String, _ pairs: [(name: String, value: String)], to json: inout JSONWriter
    ) {
        json.objectField(name) { json in
            for pair in pairs { json.field(pair.name, pair.value) }
        }
    }
}
