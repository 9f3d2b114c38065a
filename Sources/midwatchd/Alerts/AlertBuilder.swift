// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import AlertDelivery
import JSONText
import MidwatchModel
import OperatorViews
import StateFolder

/// Makes the message of a decision: what is happening, what is affected, what to check first.
///
/// It works from the ledger record, not from the decision, so that an alert made again after a
/// restart says the same of the decision; what only the moment knew is in `AlertContext`. The
/// body's members are described in `Deploy/schema/alert.schema.json`.
struct AlertBuilder: Sendable {
    /// Bytes of a body that receivers are asked to take (Standard Webhooks advise 20 KB, the
    /// envelope included).
    static let bodyBytesAdvised = 19_000

    let node: String
    let site: String
    let version: String
    /// Places to go from an alert, beside its runbook; routing adds the link to acknowledge.
    var links: @Sendable (AlertRecord) -> [AlertLink] = { _ in [] }
    /// Calendar time as people of the site read it.
    var clock: @Sendable (WallInstant) -> String = { LocalTime.clock($0) }

    init(node: String, site: String, version: String) {
        self.node = node
        self.site = site
        self.version = version
    }

    /// The alert of a ledger record; nil for what people are not told.
    ///
    /// `ledgerN` is 0 while the record is not in the ledger; `step` is the id of a later message about
    /// the same decision, `drill` says what is tested and by whom.
    func alert(
        of record: AlertRecord, ledgerN: UInt64, isRecorded: Bool, rules: RuleBook,
        context: AlertContext, step: String? = nil, drill: String? = nil
    ) -> Alert? {
        guard let type = record.messageType else { return nil }
        let facts = AlertFacts(
            record, rules: rules, context: context, node: self.node, site: self.site,
            clock: self.clock)
        let id = step ?? Self.alertID(record.id)
        let sequence = record.id.position.n << 12 | UInt64(min(record.id.ordinal, 4_095))
        let head = AlertBody.Head(
            alertID: id, sequence: sequence,
            dedupKey: "\(facts.place.site):\(record.alarmID)",
            node: self.node, site: self.site, version: self.version, isRecorded: isRecorded,
            links: self.links(record), drill: drill)
        return Alert(
            id: id, alarmKey: AlertMembers.key(record.alarmID), alarmID: record.alarmID,
            sequence: sequence, priority: record.priority, type: type, occurredAt: record.at,
            ledgerN: ledgerN, isRecorded: isRecorded, body: Self.body(facts, head))
    }

    /// What activity groups an alarm with others by.
    func groups(_ record: AlertRecord, _ rules: RuleBook) -> [String] {
        AlertFacts.groups(record, rules: rules, node: self.node, site: self.site)
    }

    /// The whole body, or one that says less where it would be too long for receivers.
    private static func body(_ facts: AlertFacts, _ head: AlertBody.Head) -> [UInt8] {
        var bytes: [UInt8] = []
        for size in [AlertSize.full, .tight, .least] {
            bytes = AlertBody(facts, head, size).write()
            if bytes.count <= Self.bodyBytesAdvised { break }
        }
        return bytes
    }

    /// The id of a decision's alert.
    static func alertID(_ id: DecisionID) -> String {
        "alert_\(id.position.epoch)_\(id.position.n)_\(id.ordinal)"
    }
}

/// How much of each thing one body holds.
struct AlertSize: Sendable {
    var textBytes: Int
    /// Answers and headline, which are made of texts.
    var answerBytes: Int
    var texts: Int
    var readings: Int
    var related: Int
    var dependents: Int
    var redundant: Int
    var modes: Int

    static let full = AlertSize(
        textBytes: 1_000, answerBytes: 2_000, texts: 12, readings: RecentReadings.depth,
        related: 16, dependents: 16, redundant: 8, modes: 16)
    static let tight = AlertSize(
        textBytes: 300, answerBytes: 1_000, texts: 6, readings: 8, related: 8, dependents: 8,
        redundant: 4, modes: 8)
    static let least = AlertSize(
        textBytes: 120, answerBytes: 500, texts: 3, readings: 0, related: 0, dependents: 0,
        redundant: 0, modes: 4)
}
