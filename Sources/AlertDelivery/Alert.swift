// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// A message about one transition of one alarm, as the program hands it over.
///
/// The ledger is its origin: the same record offered again carries the same `id`, and an id is
/// delivered to each endpoint once, however often it is offered.
package struct Alert: Sendable, Equatable {
    /// Stable over retries, restarts and replays: `webhook-id`.
    ///
    /// 1 ... 200 bytes of `A-Za-z0-9_-`.
    package var id: String
    /// Alerts of one key reach an endpoint strictly in the order they were offered.
    package var alarmKey: UInt64
    /// Text name of the alarm, for people.
    package var alarmID: String
    /// Number of this transition among those of its alarm, ascending.
    package var sequence: UInt64
    package var priority: AlarmPriority
    /// Dotted type of the message, `[A-Za-z0-9_.]`: `alarm.raised`.
    package var type: String
    package var occurredAt: WallInstant
    /// Number of the ledger record it comes from; 0 if that is not written yet.
    package var ledgerN: UInt64
    /// Whether input and decision were durable when the alert was offered.
    package var isRecorded: Bool
    /// One JSON object, UTF-8, without a member `delivery`: that one is added per attempt.
    package var body: [UInt8]
    /// Names of the endpoints that it goes to; nil: to each that accepts it.
    package var targets: [String]?

    package init(
        id: String, alarmKey: UInt64, alarmID: String, sequence: UInt64, priority: AlarmPriority,
        type: String, occurredAt: WallInstant, ledgerN: UInt64, isRecorded: Bool, body: [UInt8]
    ) {
        self.id = id
        self.alarmKey = alarmKey
        self.alarmID = alarmID
        self.sequence = sequence
        self.priority = priority
        self.type = type
        self.occurredAt = occurredAt
        self.ledgerN = ledgerN
        self.isRecorded = isRecorded
        self.body = body
    }

    /// What the id of a test begins with.
    package static let drillPrefix = "drill_"

    /// Whether it is a test: nobody is in danger who is not told.
    package var isDrill: Bool { self.id.hasPrefix(Self.drillPrefix) }

    /// Whether id, type and body can be put on the wire.
    ///
    /// The id goes into a header and into the signed text, where a dot separates fields.
    package var isWellFormed: Bool {
        guard (1...DeliveryLimits.alertIDBytesMax).contains(self.id.utf8.count),
            self.id.utf8.allSatisfy({ Self.isWord($0) || $0 == UInt8(ascii: "-") }),
            (1...DeliveryLimits.alertTypeBytesMax).contains(self.type.utf8.count),
            self.type.utf8.allSatisfy({ Self.isWord($0) || $0 == UInt8(ascii: ".") })
        else { return false }
        return self.body.count <= DeliveryLimits.bodyBytesMax
            && self.body.first == UInt8(ascii: "{") && self.body.last == UInt8(ascii: "}")
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
