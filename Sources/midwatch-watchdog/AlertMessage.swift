// SPDX-License-Identifier: Apache-2.0

import JSONText
package import MidwatchModel
package import Vitals

/// One message about a problem, ready to leave by any route.
package struct AlertMessage: Equatable, Sendable {
    /// Facts of the moment that every message carries.
    package struct Circumstances: Equatable, Sendable {
        package var node: String
        package var bootID: BootID
        package var now: MonotonicInstant
        package var wall: WallInstant
        package var phase: String
        package var daemonProcessID: Int32?
        package var epoch: UInt32?
        package var restartCount: Int
        package var restartTotal: UInt64

        package init(
            node: String, bootID: BootID, now: MonotonicInstant, wall: WallInstant, phase: String,
            daemonProcessID: Int32?, epoch: UInt32?, restartCount: Int, restartTotal: UInt64
        ) {
            self.node = node
            self.bootID = bootID
            self.now = now
            self.wall = wall
            self.phase = phase
            self.daemonProcessID = daemonProcessID
            self.epoch = epoch
            self.restartCount = restartCount
            self.restartTotal = restartTotal
        }
    }

    /// The same at every attempt; unique over restarts and reboots.
    package let id: String
    package let priority: AlarmPriority
    package let report: ProblemReport
    package let madeAt: MonotonicInstant
    /// JSON, UTF-8.
    package let body: [UInt8]

    /// Writes the message about `report`.
    ///
    /// - Parameters:
    ///   - report: What is to be told.
    ///   - number: Counts the messages of this run of the watchdog.
    ///   - startedAt: Start of this run; with the boot identity it makes the number unique.
    ///   - facts: The moment.
    package init(
        _ report: ProblemReport, number: UInt64, startedAt: MonotonicInstant, _ facts: Circumstances
    ) {
        let id = "watchdog-\(facts.bootID)-\(startedAt.nanoseconds / 1_000_000)-\(number)"
        self.id = id
        self.priority = report.problem.priority
        self.report = report
        self.madeAt = facts.now
        let age = facts.now.nanosecondsSince(report.since)
        let since = WallInstant(
            nanoseconds: facts.wall.nanoseconds - Int64(clamping: age))
        let text = ProblemText(report.problem, cause: report.cause)
        var json = JSONWriter(reservingBytes: 1_024)
        json.object { json in
            json.field("id", id)
            json.field("from", "midwatch-watchdog")
            json.field("problem", report.problem.word)
            json.field("state", Self.word(report.occasion))
            json.field("priority", report.problem.priority.word)
            json.field("whatHappened", Self.headline(report.occasion) + text.whatHappened)
            json.field("whatIsAffected", text.whatIsAffected)
            json.arrayField("checkFirst") { json in
                for line in text.checkFirst { json.value(line) }
            }
            json.field("node", facts.node)
            if let stage = report.problem.stage {
                json.field("stage", stage.word)
            } else {
                json.nullField("stage")
            }
            json.field("since", since.rfc3339)
            json.field("ageSeconds", Double(age / 1_000_000) / 1_000)
            json.field("sentAt", facts.wall.rfc3339)
            json.field("daemonPhase", facts.phase)
            if let processID = facts.daemonProcessID {
                json.field("daemonProcessID", processID)
            } else {
                json.nullField("daemonProcessID")
            }
            if let epoch = facts.epoch {
                json.field("epoch", epoch)
            } else {
                json.nullField("epoch")
            }
            json.field("restartCount", facts.restartCount)
            json.field("restartTotal", facts.restartTotal)
            json.field("bootID", facts.bootID.description)
        }
        self.body = json.bytes
    }

    private static func word(_ occasion: ProblemReport.Occasion) -> String {
        switch occasion {
        case .raised: "raised"
        case .standing: "standing"
        case .cleared: "cleared"
        }
    }

    private static func headline(_ occasion: ProblemReport.Occasion) -> String {
        switch occasion {
        case .raised: ""
        case .standing: "Still: "
        case .cleared: "Over: "
        }
    }
}
