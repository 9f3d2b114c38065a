// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import StateFolder
import Testing

@testable import midwatchd

@Suite struct OfferedRulesTests {
    /// The hash that names a revision.
    private static func hash(_ digit: Character) -> String { String(repeating: digit, count: 64) }

    private static func rules(_ revision: String, deadline: UInt64 = 1) -> RuleBook {
        RuleBook(
            revision: revision, declarations: [],
            undeclaredDeadlineNanoseconds: deadline * 1_000_000_000)
    }

    @Test func `the engine takes the rules of a reload from memory, not from a file`() {
        let offered = OfferedRules()
        let started = Self.rules(Self.hash("a"))
        // No text of any revision can be read.
        var engine = AlarmEngine(
            rules: started,
            book: offered.book(started: started, Revisions(folder: "/nonexistent/revisions")))
        var n: UInt64 = 0
        func reload(_ engine: inout AlarmEngine, to revision: String) {
            let record = ControlRecord.slots(
                head: Slot(kind: .configuration, arrival: MonotonicInstant(nanoseconds: n + 1)),
                payload: ConfigurationOrder(revision: revision).payload)
            for slot in record {
                n += 1
                engine.apply(slot, n: n)
            }
        }
        #expect(offered.offer(Self.rules(Self.hash("b"), deadline: 2)))
        reload(&engine, to: Self.hash("b"))
        #expect(engine.ruleBook.revision == Self.hash("b"))
        #expect(engine.ruleBook.declaration(for: "x").deadlineNanoseconds == 2_000_000_000)
        #expect(offered.offer(Self.rules(Self.hash("a"), deadline: 3)))
        reload(&engine, to: Self.hash("a"))
        #expect(engine.ruleBook.declaration(for: "x").deadlineNanoseconds == 3_000_000_000)
        // What nobody offered is missing, and said to be.
        reload(&engine, to: Self.hash("c"))
        #expect(engine.ruleBook.revision == Self.hash("a"))
        #expect(engine.counts.missingRevisions == 1)
    }

    @Test func `rules wait in a bounded number, and taking some leaves the older ones`() {
        let offered = OfferedRules()
        for revision in ["a", "b", "c", "d"] { #expect(offered.offer(Self.rules(revision))) }
        #expect(!offered.offer(Self.rules("e")))
        #expect(offered.take("e") == nil)
        #expect(offered.take("c")?.revision == "c")
        #expect(offered.take("a") == nil)
        #expect(offered.offer(Self.rules("e")))
        offered.withdraw("e")
        #expect(offered.take("e") == nil)
        #expect(offered.take("d")?.revision == "d")
    }
}
