// SPDX-License-Identifier: Apache-2.0

internal import JSONText
internal import MidwatchModel
internal import OperatorViews

/// What the demo's pipeline did with what it was sent.
struct DemoReport {
    var sentUDP: UInt64 = 0
    var sentMQTT: UInt64 = 0
    var acknowledgedMQTT: UInt64 = 0
    var received: UInt64 = 0
    var accepted: UInt64 = 0
    var rejected: UInt64 = 0
    var shed: UInt64 = 0
    var evaluated: UInt64 = 0
    var unrecorded: UInt64 = 0
    var journalRecords: UInt64 = 0
    var redelivered: UInt64 = 0
    var stored: UInt64 = 0
    var delivered: UInt64 = 0
    var raised: UInt64 = 0
    var returned: UInt64 = 0
    var acknowledged: UInt64 = 0
    var sensors = SensorCounts()
    var webhook = WebhookReceiver.Counts()
    /// The first alarm: when, after the first reading, and the time from decision to webhook.
    var firstAlarm: (path: String, afterNanoseconds: Int64, deliveredNanoseconds: Int64?)?
    var seconds = 0.0

    mutating func take(_ metrics: MetricsPage) {
        func readings(_ outcome: String) -> UInt64 {
            metrics.count("midwatch_readings_total{outcome=\"\(outcome)\"}")
        }
        func archive(_ kind: String) -> UInt64 {
            metrics.count("midwatch_archive_events_total{kind=\"\(kind)\"}")
        }
        self.received = readings("received")
        self.accepted = readings("accepted")
        self.rejected = readings("rejected")
        self.shed = readings("shed")
        self.evaluated = metrics.count("midwatch_engine_events_total{kind=\"evaluated\"}")
        self.unrecorded = metrics.count("midwatch_journal_unrecorded_total")
        self.journalRecords = metrics.count("midwatch_journal_records_total")
        self.redelivered = archive("redelivered")
        self.stored = archive("stored")
        self.delivered = metrics.sum("midwatch_delivery_delivered_total")
    }

    var sent: UInt64 { self.sentUDP + self.sentMQTT }
    var journaled: UInt64 { self.accepted - min(self.accepted, self.unrecorded) }
    /// Every reading that came in is accounted for.
    var isIngestExact: Bool { self.received == self.accepted + self.rejected + self.shed }
    /// Every reading accepted is in the archive once.
    var isArchiveExact: Bool {
        self.stored + self.redelivered + self.unrecorded == self.accepted
    }
    /// Every alert that delivery finished has come in, and none is owed.
    var isDeliveryExact: Bool {
        self.webhook.alerts == self.delivered
            && self.delivered >= self.raised + self.returned + self.acknowledged
    }

    /// What the pipeline did not do, in words; empty if it did its job.
    var faults: [String] {
        var faults: [String] = []
        if self.stored == 0 { faults.append("nothing was stored") }
        if self.raised == 0 { faults.append("no alarm was raised") }
        if self.webhook.alerts == 0 { faults.append("no alert arrived") }
        if self.webhook.badSignatures > 0 { faults.append("alerts were not signed as agreed") }
        if !self.isIngestExact { faults.append("received is not accepted + rejected + shed") }
        if !self.isArchiveExact { faults.append("stored is not accepted - redelivered") }
        if !self.isDeliveryExact { faults.append("not every alert arrived once") }
        return faults
    }

    var lines: [String] {
        let sensors = self.sensors
        var lines = [
            "sent        \(self.sent)  (\(self.sentUDP) over UDP, \(self.sentMQTT) over MQTT, "
                + "\(self.acknowledgedMQTT) acknowledged as durable)",
            "received    \(self.received)  = \(self.accepted) accepted + \(self.rejected) rejected "
                + "+ \(self.shed) shed",
            "evaluated   \(self.evaluated)",
            "journaled   \(self.journaled)  (\(self.journalRecords) records with control)",
            "stored      \(self.stored)  = \(self.accepted) accepted - \(self.redelivered) "
                + "redelivered",
            "sensors     \(sensors.fresh) fresh, \(sensors.stale) stale, "
                + "\(sensors.unverified) unverified, \(sensors.neverReceived) never received",
            "alarms      \(self.raised) raised, \(self.returned) returned, "
                + "\(self.acknowledged) acknowledged",
            "alerts      \(self.delivered) delivered, \(self.webhook.alerts) received "
                + "(\(self.webhook.raised) raised, \(self.webhook.returned) returned), "
                + "\(self.webhook.alerts - self.webhook.badSignatures) signatures right",
            "watchdog    \(self.webhook.watchdog) messages",
        ]
        if let first = self.firstAlarm {
            let delivery =
                first.deliveredNanoseconds.map {
                    ", at the webhook "
                        + SimulationReport.milliseconds(UInt64(max(0, $0))) + " later"
                } ?? ""
            lines.append(
                "first alarm \(first.path) after "
                    + "\(DemoReport.seconds(first.afterNanoseconds)) s\(delivery)")
        }
        return lines
    }

    static func seconds(_ nanoseconds: Int64) -> String {
        let tenths = max(0, nanoseconds) / 100_000_000
        return "\(tenths / 10).\(tenths % 10)"
    }

    var jsonText: String {
        var json = JSONWriter()
        json.object { json in
            json.field("ok", self.faults.isEmpty)
            json.field("seconds", self.seconds)
            for (name, value) in [
                ("sent", self.sent), ("sentUDP", self.sentUDP), ("sentMQTT", self.sentMQTT),
                ("acknowledgedMQTT", self.acknowledgedMQTT), ("received", self.received),
                ("accepted", self.accepted), ("rejected", self.rejected), ("shed", self.shed),
                ("evaluated", self.evaluated), ("journaled", self.journaled),
                ("unrecorded", self.unrecorded), ("redelivered", self.redelivered),
                ("stored", self.stored), ("alarmsRaised", self.raised),
                ("alarmsReturned", self.returned), ("alertsDelivered", self.delivered),
                ("alertsReceived", self.webhook.alerts),
                ("badSignatures", self.webhook.badSignatures),
                ("watchdogMessages", self.webhook.watchdog),
            ] { json.field(name, value) }
            json.name("sensors")
            self.sensors.encode(to: &json)
            if let first = self.firstAlarm {
                json.objectField("firstAlarm") { json in
                    json.field("sensor", first.path)
                    json.field("afterNanoseconds", first.afterNanoseconds)
                    if let delivered = first.deliveredNanoseconds {
                        json.field("deliveredNanoseconds", delivered)
                    }
                }
            }
            json.arrayField("faults") { json in for fault in self.faults { json.value(fault) } }
        }
        return json.text
    }
}
