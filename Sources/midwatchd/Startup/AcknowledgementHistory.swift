// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import JSONText
import Journal
import Logging
import MidwatchModel
import OperatorViews

/// Learns from the ledger who acknowledged, shelved or commented what before this run, and what
/// alarms did lately.
///
/// The engine's checkpoint knows that an alarm is acknowledged, not by whom: that stands in the
/// ledger. A thread of its own reads it after the start, so that neither the start nor a screen
/// waits for it; until then screens show what was done without a name.
enum AcknowledgementHistory {
    /// Records that are looked through, the newest; beyond them a name stays unknown.
    private static let recordCountMax: UInt64 = 262_144
    /// Alarms of which it is kept what was done last.
    private static let alarmCountMax = 65_536
    private static let commandName = Array("\"command\":".utf8)
    private static let kinds: [String: Decision.Kind] = [
        "alarmAcknowledged": .alarmAcknowledged, "alarmShelved": .alarmShelved,
        "alarmOutOfService": .alarmOutOfService, "alarmCommented": .alarmCommented,
    ]
    /// What every record about an alarm has.
    private static let mark = Array("\"activation\":".utf8)

    /// Reads the records up to `newest` and tells `live`; `each` gets those about alarms.
    ///
    /// The thread is not joined: a disk may hold it.
    static func read(
        folder: String, newest: UInt64, into live: LiveState,
        each: @escaping @Sendable (_ body: [UInt8]) -> Void
    ) {
        guard newest > 0 else { return }
        LoopThread.detach("ack-history") {
            var found: [String: LiveState.Marks] = [:]
            let first = newest > Self.recordCountMax ? newest - Self.recordCountMax : 0
            let reader = LedgerReader(directory: folder, fromLine: first + 1)
            while let step = try? reader.step(through: newest), step != .end {
                guard case .line(let line) = step else { continue }
                Self.take(line.body, into: &found)
                if Self.contains(line.body, Self.mark) { each(line.body) }
            }
            live.remember(found)
        }
    }

    private static func take(
        _ body: [UInt8], into found: inout [String: LiveState.Marks]
    ) {
        // Most records are about something else; to take them apart would cost the most.
        guard Self.contains(body, Self.commandName),
            let record = try? JSONValue(parsing: body.span),
            let kind = record["kind"]?.string.flatMap({ Self.kinds[$0] }),
            let path = record["sensor"]?.string, let alarm = record["alarm"]?.string,
            let activation = record["activation"]?.string.flatMap({ DecisionID($0) }),
            let user = record.value(atPath: "command.user")?.string
        else { return }
        let alarmID = "\(path):\(alarm)"
        guard found[alarmID] != nil || found.count < Self.alarmCountMax else { return }
        let mark = LiveState.Mark(
            activation: activation, user: user,
            origin: record.value(atPath: "command.origin")?.string ?? "",
            comment: record.value(atPath: "command.comment")?.string ?? "",
            at: WallInstant(rfc3339: record["at"]?.string ?? "") ?? WallInstant(nanoseconds: 0))
        found[alarmID, default: LiveState.Marks()].set(mark, kind)
    }

    private static func contains(_ bytes: [UInt8], _ word: [UInt8]) -> Bool {
        guard let first = word.first, bytes.count >= word.count else { return false }
        for start in 0...(bytes.count - word.count) where bytes[start] == first {
            if bytes[start..<(start + word.count)].elementsEqual(word) { return true }
        }
        return false
    }
}
