// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import AlertDelivery
import JSONText
import MidwatchModel
import OperatorViews

/// Makes the message of a decision: what is happening, what is affected, what to check first.
///
/// It works from the ledger record, not from the decision, so that an alert made again after a
/// restart says the same.
struct AlertBuilder: Sendable {
    /// Related active alarms that one alert names at most.
    private static let relatedCountMax = 16

    let node: String
    let site: String
    let version: String

    /// The alert of a ledger body; nil for decisions that are not about an alarm.
    ///
    /// `body` is what `AlarmEngine.ledgerBody` wrote; `ledgerN` is 0 while it is not in the ledger;
    /// `related` are the alarms that are active now, the alert's own excluded; `modes` is what the
    /// monitor cannot do at the moment, in words.
    func alert(
        of body: [UInt8], ledgerN: UInt64, isRecorded: Bool, rules: RuleBook, related: [String],
        modes: [String]
    ) -> Alert? {
        guard let record = try? JSONValue(parsing: body.span),
            let type = Self.type(of: record["kind"]?.string),
            let path = record["sensor"]?.string, let kind = record["alarm"]?.string,
            let id = record["decision"]?.string.flatMap({ DecisionID($0) }),
            let priority = record["priority"]?.string.flatMap(AlarmPriority.init(word:))
        else { return nil }
        let declaration = rules.declaration(for: path)
        let alarmID = "\(path):\(kind)"
        var json = JSONWriter(reservingBytes: 2_048)
        json.object { json in
            json.field("alarmID", alarmID)
            json.field(
                "aboutMonitor",
                OwnPath.isOwn(path) && !path.hasPrefix(RuleBook.sourcePathPrefix))
            json.field("message", Self.message(record, declaration, path: path, kind: kind))
            self.writeFacts(record, declaration, to: &json)
            self.writeGuidance(
                rules.rationalization(of: kind, declaration), path: path, to: &json)
            json.arrayField("relatedActiveAlarms") { json in
                for alarm in related.prefix(Self.relatedCountMax) { json.value(alarm) }
            }
            json.field("relatedActiveAlarmCount", related.count)
            json.objectField("monitor") { json in
                json.field("node", self.node)
                json.field("site", self.site)
                json.field("version", self.version)
                json.field("revision", record["revision"]?.string ?? "")
                json.arrayField("degradedModes") { json in for mode in modes { json.value(mode) } }
            }
            json.field("recorded", isRecorded)
        }
        return Alert(
            id: Self.alertID(id),
            alarmKey: Self.key(alarmID), alarmID: alarmID,
            sequence: id.position.n << 12 | UInt64(min(id.ordinal, 4_095)), priority: priority,
            type: type,
            occurredAt: WallInstant(rfc3339: record["at"]?.string ?? "")
                ?? WallInstant(nanoseconds: 0),
            ledgerN: ledgerN, isRecorded: isRecorded, body: json.bytes)
    }

    private func writeFacts(
        _ record: JSONValue, _ declaration: SensorDeclaration, to json: inout JSONWriter
    ) {
        json.field("title", declaration.title)
        json.field("unit", declaration.unit)
        guard case .object(let members) = record else { return }
        for (name, value) in members where name != "revision" { json.field(name, value) }
        if let value = record["value"]?.double, let setpoint = record["setpoint"]?.double {
            json.field("beyondBy", abs(value - setpoint))
        }
    }

    private func writeGuidance(
        _ texts: Rationalization, path: String, to json: inout JSONWriter
    ) {
        json.field("consequence", texts.consequence)
        json.field("operatorAction", texts.operatorAction)
        json.arrayField("checkFirst") { json in
            for check in texts.firstChecks { json.value(check) }
        }
        json.field("timeToRespondSeconds", texts.timeToRespondSeconds)
        json.arrayField("causes") { json in for cause in texts.causes { json.value(cause) } }
        json.field("verification", texts.verification)
        json.field("runbook", texts.runbook)
        json.field("owner", texts.owner)
        json.objectField("affected") { json in
            json.field("sensor", path)
            let levels = path.split(separator: "/").dropLast()
            json.field("asset", levels.joined(separator: "/"))
        }
    }

    /// One sentence for a person who has just woken up.
    static func message(
        _ record: JSONValue, _ declaration: SensorDeclaration, path: String, kind: String
    ) -> String {
        if path.hasPrefix(RuleBook.sourcePathPrefix), AlarmKind(word: kind) == .stale {
            return Self.sourceMessage(record, declaration, path: path)
        }
        let name = declaration.title.isEmpty ? path : declaration.title
        let unit = declaration.unit.isEmpty ? "" : " \(declaration.unit)"
        let value = record["value"]?.double.map { Self.short($0) + unit } ?? "unknown"
        let limit = record["setpoint"]?.double.map { Self.short($0) + unit } ?? ""
        let age = record["ageNanoseconds"]?.double.map { Self.short($0 / 1e9) + " s" }
        let what =
            switch AlarmKind(word: kind) {
            case .high, .highHigh: "\(value) is above the \(kind) limit \(limit)"
            case .low, .lowLow: "\(value) is below the \(kind) limit \(limit)"
            case .stale:
                age.map { "silent for \($0), last value \(value)" } ?? "has never been heard"
            case .unverifiable: "the value cannot be verified"
            case .rateOfChange, .flatLine, .deviation, .vote, .discrepancy, .offNormal,
                .badQuality, .clockSkew, .clockDrift, .sequence, .window, .drift, .expression, nil:
                Self.finding(record, name: kind)
            }
        switch record["kind"]?.string {
        case "alarmReturned":
            return AlarmKind(word: kind) == .stale
                ? "\(name): heard again, \(value)" : "\(name): returned to normal, \(value)"
        case "alarmAcknowledged":
            let user = record.value(atPath: "command.user")?.string ?? ""
            return "\(name): \(kind) alarm acknowledged by \(user.isEmpty ? "unknown" : user)"
        default:
            let isLost = record["cause"]?.string == "lostWhileBeyondLimit"
            let lost = isLost ? ", then the sensor was lost" : ""
            return "\(name): \(what)\(lost)\(Self.again(record))"
        }
    }

    /// Why people are told of an alarm that is not new; empty if it is.
    private static func again(_ record: JSONValue) -> String {
        switch record["cause"]?.string {
        case Decision.Cause.reAlarm.word: "; acknowledged before and still there"
        case Decision.Cause.shelvingElapsed.word: "; its shelving has ended"
        case Decision.Cause.sourceNotLost.word: "; its source is not lost"
        case Decision.Cause.suppressionRule.word: "; nothing suppresses it any more"
        default: ""
        }
    }

    /// The sentence about a source: what it carries is silent because of it.
    private static func sourceMessage(
        _ record: JSONValue, _ declaration: SensorDeclaration, path: String
    ) -> String {
        let name =
            declaration.title.isEmpty
            ? "source \(path.dropFirst(RuleBook.sourcePathPrefix.count))" : declaration.title
        switch record["kind"]?.string {
        case "alarmReturned": return "\(name): heard again"
        case "alarmAcknowledged":
            let user = record.value(atPath: "command.user")?.string ?? ""
            return "\(name): loss acknowledged by \(user.isEmpty ? "unknown" : user)"
        default:
            return "\(name): lost; nothing is heard of the sensors behind it\(Self.again(record))"
        }
    }

    /// What the rule `name` found.
    private static func finding(_ record: JSONValue, name: String) -> String {
        let measured = record["measured"]?.double.map { Self.short($0) } ?? ""
        let what =
            switch record["condition"]?.string.flatMap(AlarmKind.init(word:)) {
            case .rateOfChange: "changes by \(measured) per second"
            case .flatLine: "does not change any more"
            case .deviation: "deviates by \(measured)"
            case .vote: "its redundant sensors agree that it is beyond the limit"
            case .discrepancy:
                record["oddOne"]?.string.map { "\($0) disagrees by \(measured)" }
                    ?? "its redundant sensors disagree by \(measured)"
            case .offNormal: "is in state \(measured), which is not normal"
            case .badQuality: "the quality of its value is not good"
            case .clockSkew: "the clock of its sender is off by \(measured) s"
            case .clockDrift: "the clock of its sender drifts by \(measured) ppm"
            case .sequence: "\(measured) numbers are missing or doubled"
            case .window: "is at \(measured) over the window"
            case .drift: "has drifted by \(measured)"
            case .expression, .lowLow, .low, .high, .highHigh, .stale, .unverifiable, nil: ""
            }
        return what.isEmpty ? name : "\(name): \(what)"
    }

    private static func type(of kind: String?) -> String? {
        switch kind {
        case "alarmRaised": "alarm.raised"
        case "alarmReturned": "alarm.returned"
        case "alarmAcknowledged": "alarm.acknowledged"
        default: nil
        }
    }

    /// The id of a decision's alert.
    static func alertID(_ id: DecisionID) -> String {
        "alert_\(id.position.epoch)_\(id.position.n)_\(id.ordinal)"
    }

    /// At most four significant decimals, for sentences.
    private static func short(_ value: Double) -> String {
        guard value.isFinite, abs(value) < 1e12 else { return "\(value)" }
        let scaled = (value * 1_000).rounded() / 1_000
        return scaled == scaled.rounded() ? "\(Int64(scaled))" : "\(scaled)"
    }

    /// The ordering key of an alarm: FNV-1a of its id, the same on every run.
    private static func key(_ alarmID: String) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in alarmID.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        return hash
    }
}
