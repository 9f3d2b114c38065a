// SPDX-License-Identifier: Apache-2.0

import JSONText
import Journal
import MidwatchModel
import OperatorViews
import StateFolder
import Testing

@testable import midwatch

/// What stands beside the engine's answer: the ledger's last records, and how sure the past is.
@Suite struct WhyReportTests {
    private static let start: Int64 = 1_800_000_000_000_000_000

    private static func at(_ second: Int64) -> WallInstant {
        WallInstant(nanoseconds: self.start + second * 1_000_000_000)
    }

    private static func body(_ sensor: String, at second: Int64, kind: String = "alarmRaised")
        -> String
    {
        #"{"kind":"\#(kind)","at":"\#(self.at(second).rfc3339)","sensor":"\#(sensor)","#
            + #""alarm":"high"}"#
    }

    /// A ledger of records with the second in which each was written.
    private static func ledger(_ records: [(written: Int64, body: String)]) throws -> Scratch {
        let scratch = Scratch()
        let folder = Folders(stateDirectory: scratch.path).ledger
        let writer = try LedgerWriter.open(directory: folder).writer
        for (second, body) in records {
            _ = try writer.append(body: Array(body.utf8), written: self.at(second))
        }
        _ = writer.commit(now: .zero)
        return scratch
    }

    private static func seconds(
        _ scratch: Scratch, _ name: String, before second: Int64
    ) throws -> [Int64] {
        let found = try PastEvents.about(
            name, before: self.at(second),
            ledger: Folders(stateDirectory: scratch.path).ledger)
        #expect(found.isWhole)
        return found.events.compactMap { event in
            event.body["at"]?.string.flatMap { WallInstant(rfc3339: $0) }
                .map { ($0.nanoseconds - self.start) / 1_000_000_000 }
        }
    }

    @Test func `the ledger's last records are those from before the moment, about that alone`()
        throws
    {
        let scratch = try Self.ledger([
            (1, Self.body("a", at: 1)), (2, Self.body("ab", at: 2)), (3, Self.body("a", at: 3)),
            // A crash kept it from the ledger until the next start.
            (900, Self.body("a", at: 4, kind: "alarmReturned")),
            (901, Self.body("a", at: 901)),
            // The way of its alerts is told elsewhere.
            (902, Self.body("a", at: 4, kind: "alertDelivered")),
        ])
        #expect(try Self.seconds(scratch, "a", before: 10) == [1, 3, 4])
        #expect(try Self.seconds(scratch, "a:high", before: 3) == [1, 3])
        #expect(try Self.seconds(scratch, "a", before: 10_000) == [1, 3, 4, 901])
        #expect(try Self.seconds(scratch, "b", before: 10_000) == [])
    }

    @Test func `of many records the newest ten are kept, however far back they stand`() throws {
        var records: [(written: Int64, body: String)] = (0..<12).map {
            ($0, Self.body("a", at: $0))
        }
        for second in Int64(12)..<3_000 { records.append((second, Self.body("b", at: second))) }
        let scratch = try Self.ledger(records)
        #expect(try Self.seconds(scratch, "a", before: 10_000) == Array(2..<12))
        #expect(try Self.seconds(scratch, "b", before: 20) == Array(12...20).map { Int64($0) })
    }

    @Test func `an empty ledger has nothing of it`() throws {
        let scratch = try Self.ledger([])
        #expect(try Self.seconds(scratch, "a", before: 1) == [])
    }

    @Test func `JSON says all that the lines say`() throws {
        let explanation = Explanation(
            path: "a", time: Self.at(5), sensor: ExplainedInput(name: "a"))
        let body = try JSONValue(parsing: Self.body("a", at: 4))
        let event = EventView(n: 7, written: Self.at(4), body: body)
        var report = WhyReport(explanation: explanation)
        #expect(try JSONValue(parsing: report.json)["history"] == .null)
        #expect(!report.lines.contains { $0.contains("ledger") })
        report.history = NewestEvents.Found(events: [event], isWhole: true)
        report.past = WhyReport.Past(
            isReproducible: false, doubts: ["a gap"], isAtEnd: true)
        let json = try JSONValue(parsing: report.json)
        // Still the engine's answer, for whoever reads that alone.
        #expect(try Explanation(json: json) == explanation)
        #expect(json["history"]?.array?.first?["n"]?.integer == 7)
        #expect(json["historyIsWhole"] == .bool(true))
        #expect(json["reproducible"] == .bool(false))
        #expect(json["doubts"] == .array([.string("a gap")]))
        #expect(json["journalEndsBefore"] == .bool(true))
        #expect(report.lines.contains("last in the ledger then"))
        #expect(report.lines.last?.contains("7") == true)
        report.history = NewestEvents.Found(events: [], isWhole: true)
        #expect(report.lines.last == "the ledger has nothing of it from before")
    }
}
